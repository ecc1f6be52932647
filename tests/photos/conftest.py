"""The photo desk of the small province, with the leader of school A1."""

import asyncpg
import httpx
import pytest

from tests.conftest import Ask
from tests.photos.pictures import PhotoDesk
from tests.province import Province, make_caller


@pytest.fixture
async def photo_desk(http: httpx.AsyncClient, ask: Ask, province: Province, system: asyncpg.Connection) -> PhotoDesk:
    await make_caller(system, province, "leaderA1", [("school_leader", province.paths["A1"])])
    return PhotoDesk(http, ask, province)


@pytest.fixture
async def numbers(province: Province, system: asyncpg.Connection) -> dict[str, str]:
    """The identity numbers of all pupils by short name."""
    rows = await system.fetch("SELECT id, id_number FROM students")
    known = {row["id"]: row["id_number"] for row in rows}
    return {short: known[key] for short, key in province.ids.items() if key in known and short[0].islower()}
