"""The queue of imports: which one is next, who works on it, and whether that process still lives.

Every county's first job comes before any county's second, small ones before big ones within a county, and one job of
a school at a time, in the order they were asked for. The order itself is the SQL function `import_order`, which also
tells the people who wait their place in it.
"""

import secrets
from typing import Any

import structlog
from sqlalchemy import text

from hub import clock
from hub.caller import Account, Caller
from hub.db import Database

log = structlog.get_logger("hub")

PATIENCE = 15
"""Seconds without a heartbeat after which a job is taken over; `import_order` says the same."""
BEAT = 3.0
"""Seconds between two heartbeats."""
ATTEMPTS = 3
"""Times a job is begun before it counts as failed: it may be what killed its process."""

_FREE = f"(i.claim IS NULL OR i.heartbeat_at < now() - interval '{PATIENCE} s')"
_STANDING = "i.state IN ('QUEUED', 'READING', 'APPLYING', 'UNDOING')"
_FIRST_OF_SCHOOL = """NOT EXISTS (SELECT FROM imports o WHERE o.school_id = i.school_id AND o.id < i.id
                    AND o.state IN ('QUEUED', 'READING', 'APPLYING', 'UNDOING'))
                AND NOT EXISTS (SELECT FROM imports o WHERE o.school_id = i.school_id AND o.id <> i.id
                    AND o.claim IS NOT NULL AND o.heartbeat_at >= now() - interval '15 s'
                    AND o.state IN ('QUEUED', 'READING', 'APPLYING', 'UNDOING'))"""
_CLAIM = """UPDATE imports SET claim = :claim, heartbeat_at = now(), attempts = attempts + 1,
                   started_at = coalesce(started_at, now())
            WHERE id = ({}) RETURNING id, acting_id, role, path, attempts"""
_NEXT = text(
    _CLAIM.format(
        f"""SELECT i.id FROM imports i JOIN import_order() o ON o.id = i.id
            WHERE {_STANDING} AND {_FREE} AND {_FIRST_OF_SCHOOL} AND i.weight <= :most
            ORDER BY o.place, i.id LIMIT 1 FOR UPDATE OF i SKIP LOCKED"""  # noqa: S608 -- constants
    )
)
_THIS = text(
    _CLAIM.format(
        f"""SELECT i.id FROM imports i WHERE i.id = :id AND {_STANDING} AND {_FREE} AND {_FIRST_OF_SCHOOL}
            FOR UPDATE"""  # noqa: S608 -- constants
    )
)


async def claim_next(database: Database, most: int) -> Any:
    """Claim the next job of at most so many rows: the claim, and the job's id, acting account, role, path, attempts.

    None if there is none.
    """
    return await _claim(database, _NEXT, most=most)


async def claim(database: Database, import_id: int) -> Any:
    """Claim one job if it is its school's turn; None if it is not, or somebody else has it."""
    return await _claim(database, _THIS, id=import_id)


async def _claim(database: Database, query: Any, **asked: Any) -> Any:
    claim = secrets.token_hex(8)
    async with database.system.begin() as connection:
        row = (await connection.execute(query, {"claim": claim, **asked})).one_or_none()
    return None if row is None else (claim, row)


async def beat(database: Database, import_id: int, claim: str) -> bool:
    """Show that the job's process lives; False when the job has been taken over, or is done."""
    query = text("UPDATE imports SET heartbeat_at = now() WHERE id = :id AND claim = :claim")
    async with database.system.begin() as connection:
        return bool((await connection.execute(query, {"id": import_id, "claim": claim})).rowcount)


async def release(database: Database, import_id: int, claim: str, **values: Any) -> None:
    """Let go of a job, with what is to be noted of it."""
    change = "".join(f", {name} = :{name}" for name in values)
    query = text(f"UPDATE imports SET claim = NULL{change} WHERE id = :id AND claim = :claim")  # noqa: S608 -- columns
    async with database.system.begin() as connection:
        await connection.execute(query, {"id": import_id, "claim": claim, **values})


async def clear(database: Database, days: int) -> int:
    """Drop the rows of imports that ended so many days ago; how many. The imports themselves stay."""
    query = text(
        """DELETE FROM import_rows WHERE import_id IN (
               SELECT id FROM imports WHERE ended_at < now() - make_interval(days => :days)
                 AND state NOT IN ('QUEUED', 'READING', 'HELD', 'APPLYING', 'UNDOING'))"""
    )
    async with database.system.begin() as connection:
        return (await connection.execute(query, {"days": days})).rowcount


def acting(row: Any) -> Caller:
    """The person a job acts for, at the job's school and nowhere else; without a session: the grant is what counts."""
    account = Account(row.acting_id, 0, "", "", must_change_password=False, expires_at=clock.now(), grants=())
    return Caller(account, row.role, (row.path,), ())
