"""The files of a trial: erased after it, whoever is killed at it; what comes later stays."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import asyncpg
import httpx
import pytest

from hub import erasing
from hub.app import build
from hub.files import Files
from hub.settings import Settings
from tests.conftest import Ask
from tests.desk import make_row, make_workbook, upload
from tests.province import Province
from tests.test_cli import ROOT, URLS
from tests.tried import asked_for, end, make_province_leaders

ERASED = "SELECT files_erased_at IS NOT NULL FROM register"
MANY = 2_500
"""Files, more than two pages of them."""


@pytest.fixture
async def ended(
    ask: Ask, system: asyncpg.Connection, settings: Settings, province: Province, once_more: None
) -> AsyncIterator[Files]:
    """The file store of a trial that has ended just now, and was killed there: full, none of it erased."""
    await make_province_leaders(system, province)
    await asked_for(system, province)
    files = Files(settings.home / "files")
    await files.erase(await held(files))
    for at in range(MANY):
        await files.put(f"photos/{at:04}", b"a face")
    assert (await end(ask))["data"]["endTrial"]["register"]["filesErasedAt"] is None
    yield files
    await files.erase(await held(files))


async def held(files: Files) -> list[str]:
    return [key async for page in files.older(await files.moment() + timedelta(days=99)) for key in page]


async def test_whoever_serves_next_erases_them_in_the_background(
    ask: Ask, settings: Settings, system: asyncpg.Connection, ended: Files
) -> None:
    assert len(await held(ended)) == MANY
    app = build(replace(settings, erase_seconds=0.05))
    async with app.router.lifespan_context(app), asyncio.timeout(30):
        while not await system.fetchval(ERASED):  # noqa: ASYNC110 -- the database has no event for it
            await asyncio.sleep(0.05)
    assert await held(ended) == []
    told = (await ask("leadProv", "{ register { filesErasedAt } }"))["data"]["register"]
    assert told["filesErasedAt"].endswith("+08:00")
    (entry,) = await system.fetch("SELECT facts, account_id FROM audit WHERE action = 'register:eraseFiles'")
    assert (entry["facts"], entry["account_id"]) == (f'{{"files": {MANY}}}', None)


async def test_killed_at_it_the_next_one_goes_on(settings: Settings, system: asyncpg.Connection, ended: Files) -> None:
    script = (
        "import asyncio, os, signal; from hub import erasing; from hub.files import Files;"
        "from hub.settings import Settings; settings = Settings.read();"
        "asyncio.run(erasing.erase(settings, Files(settings.home / 'files'),"
        " lambda gone: os.kill(os.getpid(), signal.SIGKILL)))"
    )
    named = {f"HUB_{name.upper()}": str(getattr(settings, name)) for name in (*URLS, "home")}
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=ROOT, env=os.environ | named)
    assert await killed.wait() == -signal.SIGKILL
    assert 0 < len(await held(ended)) < MANY
    assert not await system.fetchval(ERASED)
    stands = await erasing.erase(settings, ended)
    assert not stands.files_wait
    assert await held(ended) == []


async def test_two_at_once_do_no_harm(settings: Settings, system: asyncpg.Connection, ended: Files) -> None:
    await asyncio.gather(erasing.erase(settings, ended), erasing.erase(settings, ended))
    assert await held(ended) == []
    assert await system.fetchval("SELECT count(*) FROM audit WHERE action = 'register:eraseFiles'") == 1


async def test_what_comes_after_the_trial_stays_even_if_the_clock_is_set_back(
    http: httpx.AsyncClient, settings: Settings, system: asyncpg.Connection, province: Province, ended: Files
) -> None:
    await upload(http, province.tokens["schoolA1"], make_workbook(make_row(1)))
    key = await system.fetchval("SELECT key FROM files")
    await upload(http, province.tokens["schoolA1"], make_workbook(make_row(2)))
    os.utime(settings.home / "files" / key, (1, 1))
    await erasing.erase(settings, ended)
    assert sorted(await held(ended)) == sorted(row[0] for row in await system.fetch("SELECT key FROM files"))
    await upload(http, province.tokens["schoolA1"], make_workbook(make_row(3)))
    await erasing.erase(settings, ended)
    assert len(await held(ended)) == 3


async def test_what_a_killed_upload_left_half_written_goes_too(settings: Settings, ended: Files) -> None:
    half = settings.home / "files/photos/0007#1"
    half.write_bytes(b"half a face")
    os.utime(half, (1, 1))
    assert "photos/0007#1" not in await held(ended)
    await erasing.erase(settings, ended)
    assert not half.exists()
    assert not [name for _, _, names in os.walk(settings.home / "files") for name in names]


async def test_a_trial_that_goes_on_loses_no_file(
    http: httpx.AsyncClient, settings: Settings, system: asyncpg.Connection, province: Province, once_more: None
) -> None:
    files = Files(settings.home / "files")
    await files.erase(await held(files))
    await upload(http, province.tokens["schoolA1"], make_workbook(make_row(1)))
    await erasing.erase(settings, files)
    assert len(await held(files)) == 1
    await files.erase(await held(files))
