"""Problem records (问题学籍): what the register finds wrong with identities, raised and closed after every write.

The finding itself is the SQL function `detect_problems`: it runs as hub_system inside the writer's transaction, because
it must see across offices what the writer may not. Only the rules of the identity number are checked here.
"""

from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, db, identity
from hub.settings import Settings

RESIDENT_ID = "1"
_NUMBERS = "SELECT id, id_number, sex, birth_date, id_type FROM students WHERE {} AND id_number IS NOT NULL"
_CHUNK = 20_000


async def alone(connection: AsyncConnection) -> None:
    """Let nobody else raise or close problem records until this transaction ends, as `detect` does.

    Call it before anything is read that rests on a record's state, and before any record is locked.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock(4711201310)"))  # the lock of detect_problems


async def detect(connection: AsyncConnection, ids: Sequence[int], *, sound: bool = False) -> None:
    """Raise and close the problem records of pupils that were written, and of everybody who shares a cause with them.

    Call it last in a transaction: detection is one at a time until commit, so that of two writers of one number the
    second sees the first. `sound` says that their identity numbers have just been judged and hold.
    """
    invalid: list[int] = []
    if not sound:
        numbers = await connection.execute(text(_NUMBERS.format("id = ANY (:ids)")), {"ids": list(ids)})
        invalid = [row.id for row in numbers if is_invalid(row)]
    await connection.execute(text("SELECT detect_problems(:ids, :invalid)"), {"ids": list(ids), "invalid": invalid})


async def detect_everywhere(settings: Settings, progress: Callable[[int, int], None]) -> None:
    """Look at every pupil of the register anew, as after a sample or a restored backup; a chunk a transaction."""
    connection = await db.system_door(settings).connect()
    try:
        total = await connection.fetchval("SELECT count(*) FROM students")
        after = done = 0
        while rows := await _chunk(connection, after):
            after, done = rows[-1]["id"], done + len(rows)
            invalid = [row["id"] for row in rows if row["id_number"] and is_invalid(row)]
            await connection.execute("SELECT detect_problems($1, $2)", [row["id"] for row in rows], invalid)
            progress(done, total)
    finally:
        await connection.close()


def is_invalid(pupil: Any) -> bool:
    """Whether a pupil's identity number breaks GB 11643, or disagrees with the record's sex or birth date."""
    if _of(pupil, "id_type") != RESIDENT_ID:
        return False
    return bool(
        identity.verdict(
            _of(pupil, "id_number"), sex=_of(pupil, "sex"), birth_date=_of(pupil, "birth_date"), today=clock.today()
        )
    )


def _of(row: Any, name: str) -> Any:
    return row[name] if isinstance(row, asyncpg.Record) else getattr(row, name)


async def _chunk(connection: asyncpg.Connection, after: int) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT id, id_number, sex, birth_date, id_type FROM students WHERE id > $1 ORDER BY id LIMIT $2", after, _CHUNK
    )
    return rows
