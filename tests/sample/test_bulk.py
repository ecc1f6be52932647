"""A bulk load drops plain indexes and leaves every one the models declare, also where it is broken off."""

import asyncpg
import pytest

from hub import demo
from hub.sample import bulk
from hub.settings import Settings


async def indexes(system: asyncpg.Connection) -> dict[str, str]:
    rows = await system.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname"
    )
    return {row["indexname"]: row["indexdef"] for row in rows}


async def test_a_bulk_load_leaves_the_indexes_as_they_were(
    settings: Settings, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MANY", 1_000)
    before = await indexes(system)
    home = settings.home
    await demo.plant(settings, 1_000, 7, home / "truth.csv", lambda *_: None)
    assert await indexes(system) == before
    assert await system.fetchval("SELECT count(*) FROM students") >= 990


async def test_a_load_that_breaks_leaves_them_too(settings: Settings, system: asyncpg.Connection) -> None:
    before = await indexes(system)

    async def broken() -> None:
        async with bulk.without_indexes(settings, lambda *_: None):
            assert "ix_students_name_terms" not in await indexes(system)
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await broken()
    assert await indexes(system) == before
