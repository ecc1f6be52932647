"""A line of jobs (队列): which one is next, who works on it, and whether that process still lives.

Every county's first job comes before any county's second, small ones before big ones within a county, and one job of
a school at a time, in the order they were asked for. The order itself is an SQL function, which also tells the people
who wait their place in it.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock
from hub.caller import Account, Caller
from hub.db import Database

log = structlog.get_logger("hub")

PATIENCE = 15
"""Seconds without a heartbeat after which a job is taken over; the orders say the same."""
BEAT = 3.0
"""Seconds between two heartbeats."""
ATTEMPTS = 3
"""Times a job is begun before it counts as failed: it may be what killed its process."""
ANY = 2**62
"""More rows than any job has."""


class Lost(Exception):
    """Somebody else has taken the job over, because this process was silent for too long."""


class Line:
    """The jobs of one table, which has `claim`, `heartbeat_at`, `attempts`, `started_at`, `weight` and `school_id`.

    `order` is the SQL function that puts them in order, `states` are those in which something is left to do, `acting`
    is the column that says for whom.
    """

    def __init__(self, table: str, order: str, states: tuple[str, ...], acting: str) -> None:
        self.table = table
        standing = "{}.state IN (" + ", ".join(f"'{state}'" for state in states) + ")"
        free = f"""{standing.format("i")} AND (i.claim IS NULL OR i.heartbeat_at < now() - interval '{PATIENCE} s')
            AND NOT EXISTS (SELECT FROM {table} o WHERE o.school_id = i.school_id AND {standing.format("o")}
                AND (o.id < i.id OR o.id <> i.id AND o.claim IS NOT NULL
                     AND o.heartbeat_at >= now() - interval '{PATIENCE} s'))"""
        first = f"""SELECT i.id FROM {table} i JOIN {order}() o ON o.id = i.id WHERE {free} AND i.weight <= :most
            ORDER BY o.place, i.id LIMIT 1 FOR UPDATE OF i SKIP LOCKED"""  # noqa: S608 -- names of our own
        claim = f"""UPDATE {table} SET claim = :claim, heartbeat_at = now(), attempts = attempts + 1,
                   started_at = coalesce(started_at, now())
            WHERE id = ({{}}) RETURNING id, {acting} AS acting_id, role, path, attempts"""  # noqa: S608 -- likewise
        self._next = text(claim.format(first))
        this = f"SELECT i.id FROM {table} i WHERE i.id = :id AND {free} FOR UPDATE"  # noqa: S608 -- likewise
        turn = f"SELECT first.id FROM ({first}) AS first WHERE first.id = :id"  # noqa: S608 -- likewise
        self._this, self._turn = text(claim.format(this)), text(claim.format(turn))
        self._alone = text(
            f"SELECT pg_advisory_xact_lock(hashtextextended('{table}', school_id)) FROM {table} WHERE id = :id"  # noqa: S608 -- likewise
        )

    async def claim_next(self, database: Database, most: int) -> Any:
        """Claim the next job of at most so many rows: the claim, and its id, acting account, role, path, attempts.

        None if there is none.
        """
        return await _claim(database, self._next, most=most)

    async def claim(self, database: Database, job: int) -> Any:
        """Claim one job if it is its school's turn; None if it is not, or somebody else has it."""
        return await _claim(database, self._this, id=job)

    async def seize(self, connection: AsyncConnection, job: int) -> Any:
        """Claim one job as `claim` does, in the transaction that makes it: nobody can be sooner."""
        await connection.execute(self._alone, {"id": job})  # of two of a school that are being made one is first
        return await _take(connection, self._this, id=job)

    async def claim_in_turn(self, database: Database, job: int) -> Any:
        """Claim one job if it is the next of all; None if it is not, or somebody else has it."""
        return await _claim(database, self._turn, id=job, most=ANY)

    async def beat(self, database: Database, job: int, claim: str) -> bool:
        """Show that the job's process lives; False when the job has been taken over, or is done."""
        query = text(f"UPDATE {self.table} SET heartbeat_at = now() WHERE id = :id AND claim = :claim")  # noqa: S608 -- our table
        async with database.system.begin() as connection:
            return bool((await connection.execute(query, {"id": job, "claim": claim})).rowcount)

    async def release(self, database: Database, job: int, claim: str, **values: Any) -> None:
        """Let go of a job, with what is to be noted of it."""
        change = "".join(f", {name} = :{name}" for name in values)
        query = text(f"UPDATE {self.table} SET claim = NULL{change} WHERE id = :id AND claim = :claim")  # noqa: S608 -- columns
        async with database.system.begin() as connection:
            await connection.execute(query, {"id": job, "claim": claim, **values})

    @asynccontextmanager
    async def beating(
        self, database: Database, job: int, claim: str, standing: Callable[[], bool] = lambda: True
    ) -> AsyncIterator[None]:
        """Let the job's heart beat while the block runs; the block is cut off with Lost when the claim is lost.

        `standing` says whether the block still works on the job: a claim that ended with it is not lost.
        """
        task = asyncio.current_task()
        lost = False

        async def beats() -> None:
            nonlocal lost
            while True:
                await asyncio.sleep(BEAT)
                try:
                    alive = await self.beat(database, job, claim)
                except Exception as error:
                    log.warning("no heartbeat", kind=type(error).__name__)
                    continue
                if not alive and standing() and task is not None:
                    lost = True
                    task.cancel()
                    return

        beating = asyncio.create_task(beats())
        try:
            yield
        except asyncio.CancelledError:
            if lost:
                if task is not None:
                    task.uncancel()
                raise Lost from None
            raise
        finally:
            beating.cancel()


async def _claim(database: Database, query: Any, **asked: Any) -> Any:
    async with database.system.begin() as connection:
        return await _take(connection, query, **asked)


async def _take(connection: AsyncConnection, query: Any, **asked: Any) -> Any:
    claim = secrets.token_hex(8)
    row = (await connection.execute(query, {"claim": claim, **asked})).one_or_none()
    return None if row is None else (claim, row)


def acting(row: Any) -> Caller:
    """The person a job acts for, at the job's school and nowhere else; without a session: the grant is what counts."""
    account = Account(row.acting_id, 0, "", "", must_change_password=False, expires_at=clock.now(), grants=())
    return Caller(account, row.role, (row.path,), ())
