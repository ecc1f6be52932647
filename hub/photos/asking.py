"""What a school asks: that an archive of photos be brought in, in its turn, and whether to wait for that."""

import asyncio
import math
from collections.abc import Callable
from time import monotonic
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import gate
from hub.caller import Caller
from hub.db import Database
from hub.errors import Conflict, HubError, NotFound, Unavailable
from hub.files import Files
from hub.line import Lost
from hub.models import File, PhotoImport, School
from hub.photos import running
from hub.photos.bringing import Progress, unseen
from hub.photos.running import LINE
from hub.terms import PhotoImportState
from policies import Action, Policy

PATIENCE = 30.0
"""Seconds that whoever waits for photos waits for their turn."""
_LOOK_AGAIN = 0.1
_BYTES_PER_PHOTO = 45_000
"""An estimate until the archive has been opened."""
_ROOMS = asyncio.Semaphore(3)
"""Archives that one process opens at the same time."""
_GONE = text(
    """DELETE FROM photo_imports WHERE id = :id AND claim = :claim
         AND NOT EXISTS (SELECT FROM photo_entries WHERE import_id = :id)"""
)
_FORGET = text("DELETE FROM requests WHERE account_id = :account AND key = :key")
_PLACE = text("SELECT photo_place(:id), photo_wait(:id)")

Waiting = Callable[[int, int], None]
"""Told the place in the line, and the seconds until the photos will be in, by the pace of late."""


async def start(
    database: Database, policy: Policy, caller: Caller, request: gate.Once, *, file_id: int, school_code: str
) -> int:
    """Queue an upload of photos, a zip or one JPEG, for a school; the id of the import, which tells file by file.

    Raises NotFound for a school out of reach and for somebody else's upload, Forbidden.
    """
    school = await _school(database, policy, caller, school_code)
    size = await _size(database, caller, file_id)
    async with gate.writing(database, policy, caller, "photo", Action.CREATE, school.path) as connection:
        values = {
            "file_id": file_id,
            "school_id": school.id,
            "account_id": caller.account.id,
            "role": caller.role,
            "path": school.path,
            "queue": school.path.split(".")[0],
            "weight": max(1, size // _BYTES_PER_PHOTO),
        }
        return int((await gate.once(connection, caller, request, lambda: _queue(connection, values)))[0])


async def bring(
    database: Database,
    policy: Policy,
    store: Files,
    caller: Caller,
    request: gate.Once,
    *,
    file_id: int,
    school_code: str,
    progress: Progress = unseen,
    waiting: Waiting = unseen,
    patience: float | None = None,
) -> int:
    """Bring an upload of photos into a school and wait until that is done: the id of the import.

    It is a job like any other, but this process works on it once it is the next in line; after half a minute of
    waiting it is left to the workers. One that was cut off goes on where it was, also under its idempotency key.
    Raises as `start`, and BadInput and TooLarge for what is no archive of photos; then nothing is changed.
    """
    found = await start(database, policy, caller, request, file_id=file_id, school_code=school_code)
    deadline = monotonic() + (PATIENCE if patience is None else patience)
    while await _stands(database, caller, found):
        async with _ROOMS:
            claimed = await LINE.claim_in_turn(database, found)
            if claimed is not None:
                await _work(database, policy, store, caller, request, found, claimed, progress)
                continue
        if monotonic() > deadline:
            break
        waiting(*await _place(database, caller, found))
        await asyncio.sleep(_LOOK_AGAIN)
    return found


async def _work(
    database: Database,
    policy: Policy,
    store: Files,
    caller: Caller,
    request: gate.Once,
    found: int,
    claimed: Any,
    progress: Progress,
) -> None:
    claim, row = claimed
    try:
        await running.run(database, policy, store, caller, found, claim, progress)
    except Lost:
        return
    except asyncio.CancelledError:
        await LINE.release(database, found, claim, attempts=row.attempts - 1)
        raise
    except Exception as error:
        await _break_off(database, caller, request, found, claim, row.attempts, error)
        raise


async def _break_off(
    database: Database, caller: Caller, request: gate.Once, found: int, claim: str, attempts: int, error: Exception
) -> None:
    """Leave nothing of an import that is refused before anything was reported: it may be sent again under its key."""
    if isinstance(error, HubError) and not isinstance(error, Unavailable):
        async with database.system.begin() as connection:
            if (await connection.execute(_GONE, {"id": found, "claim": claim})).rowcount:
                await connection.execute(_FORGET, {"account": caller.account.id, "key": request.key})
                return
    await running.finish(database, found, claim, attempts, error)


async def _stands(database: Database, caller: Caller, found: int) -> bool:
    """Whether something is left to do. Raises Conflict IMPORT_GONE when another who waited for it was refused."""
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        state = (await connection.execute(select(PhotoImport.state).where(PhotoImport.id == found))).scalar()
    if state is None:
        raise Conflict("IMPORT_GONE")
    return PhotoImportState(state) in running.STEPS


async def _place(database: Database, caller: Caller, found: int) -> tuple[int, int]:
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        place, seconds = (await connection.execute(_PLACE, {"id": found})).one()
    return place or 0, math.ceil(seconds or 0)


async def _school(database: Database, policy: Policy, caller: Caller, code: str) -> Any:
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        query = select(School.id, School.code, School.path).where(School.code == code)
        school = (await connection.execute(query)).one_or_none()
    if school is None:
        refusal = NotFound()
        await gate.refuse(database, caller, "photo:create", None, refusal)
        raise refusal
    async with gate.writing(database, policy, caller, "photo", Action.CREATE, school.path):
        return school


async def _size(database: Database, caller: Caller, file_id: int) -> int:
    """The bytes of one's own upload."""
    query = select(File.size).where(File.id == file_id, File.account_id == caller.account.id)
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        size: int | None = (await connection.execute(query)).scalar_one_or_none()
    if size is None:
        raise NotFound
    return size


async def _queue(connection: AsyncConnection, values: dict[str, Any]) -> list[int]:
    return [(await connection.execute(insert(PhotoImport).values(**values).returning(PhotoImport.id))).scalar_one()]
