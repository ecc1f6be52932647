"""Erasing the files of a trial that has ended, after the commit that ended it.

What to erase is no list that could be lost: it is whatever has lain in the file store since the trial ended or longer.
So whoever is killed at it leaves nothing to mend, and the next one goes on.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import orjson
import structlog

from hub import db
from hub.db import Database
from hub.files import Files
from hub.rounds import beside
from hub.settings import Settings
from hub.terms import RegisterState
from hub.trial import STANDING, Standing

log = structlog.get_logger("hub")

Follow = Callable[[int], None]
"""Told how many files are gone."""
_NEEDED = "SELECT key FROM files WHERE key = ANY ($1)"
_DONE = "UPDATE register SET files_erased_at = now() WHERE files_erased_at IS NULL RETURNING 1"
_AUDIT = """INSERT INTO audit (action, object, outcome, facts)
            VALUES ('register:eraseFiles', 'register:1', 'ACCEPTED', $1)"""


def unseen(_gone: int) -> None:
    """No progress is shown."""


async def erase(settings: Settings, files: Files, follow: Follow = unseen) -> Standing:
    """Erase what the file store still holds of an ended trial, and note when none is left; where the register stands.

    Two at once do no harm. A file that the register in force knows stays, whatever the store's clock says of it.
    """
    connection = await db.system_door(settings).connect()
    try:
        stands = Standing.of(await connection.fetchrow(STANDING))
        if stands.files_until is None or not stands.files_wait:
            return stands
        gone = 0
        async for keys in files.older(stands.files_until):
            needed = {row["key"] for row in await connection.fetch(_NEEDED, keys)}
            unneeded = [key for key in keys if key not in needed]
            await files.erase(unneeded)
            gone += len(unneeded)
            follow(gone)
        await files.erase_halves(stands.files_until)
        await _note(connection, gone)
        return Standing.of(await connection.fetchrow(STANDING))
    finally:
        await connection.close()


@asynccontextmanager
async def erasing(database: Database, files: Files) -> AsyncIterator[None]:
    """Erase in the background while the block runs: look every `erase_seconds`, until the trial's files are gone; not
    at all where that is 0.
    """
    if database.settings.erase_seconds <= 0:
        yield
        return
    async with beside(_keep_looking(database.settings, files)):
        yield


async def _keep_looking(settings: Settings, files: Files) -> None:
    while True:
        try:
            stands = await erase(settings, files)
            if stands.state is RegisterState.LIVE and not stands.files_wait:
                return
        except Exception as error:  # the next look takes up what this one left
            log.warning("files not erased", kind=type(error).__name__)
        await asyncio.sleep(settings.erase_seconds)


async def _note(connection: asyncpg.Connection, gone: int) -> None:
    async with connection.transaction():
        if await connection.fetchval(_DONE):
            await connection.execute(_AUDIT, orjson.dumps({"files": gone}).decode())
