"""The worker: a process beside the serving ones that works on queued imports, so that reading files slows nobody.

Of workbooks, and of archives of photos, it works on two at a time, of which one is always small: so a small one never
waits for a big one. Any number of workers on any machines share the lines; one that dies is noticed by its silence, and
its jobs are taken over.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import structlog
from sqlalchemy import event

import policies
from hub.db import Database, door
from hub.errors import HubError
from hub.files import Files
from hub.imports import queue
from hub.imports import running as workbooks
from hub.line import ANY, ATTEMPTS, Line, Lost, acting
from hub.photos import running as photos
from hub.settings import Settings
from policies import Policy

log = structlog.get_logger("hub")

SMALL = 2_000
"""Rows up to which a workbook is small."""
_SMALL_ARCHIVE = 200
_REST = 0.25
_CLEAR_EVERY = 3600.0
_STATEMENT = 600.0
_NICE = 10


@dataclass(frozen=True, slots=True)
class Trade:
    """One kind of job: what it is called, its line, how many rows are few, how it is worked on, how it is ended."""

    name: str
    line: Line
    small: int
    run: Callable[..., Awaitable[object]]
    finish: Callable[..., Awaitable[None]]


WORKBOOKS = Trade("import", queue.LINE, SMALL, workbooks.run, workbooks.finish)
PHOTOS = Trade("import of photos", photos.LINE, _SMALL_ARCHIVE, photos.run, photos.finish)
TRADES = (WORKBOOKS, PHOTOS)


class Worker:
    """Works on the lines with the means of one process."""

    def __init__(self, database: Database, files: Files) -> None:
        self.database, self.files = database, files
        self._policy: tuple[int, Policy] | None = None

    async def work(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for trade in TRADES:
                group.create_task(self._lane(trade, ANY))
                group.create_task(self._lane(trade, trade.small))
            group.create_task(self._tidy())

    async def drain(self) -> int:
        """Work until nothing waits; how many jobs were worked on."""
        done = 0
        for trade in TRADES:
            while await self.one(trade, ANY):
                done += 1
        return done

    async def one(self, trade: Trade, most: int) -> bool:
        """Work on the next job of a kind, of at most so many rows; False if there is none."""
        claimed = await trade.line.claim_next(self.database, most)
        if claimed is None:
            return False
        claim, row = claimed
        try:
            if row.attempts > ATTEMPTS:
                raise HubError("IMPORT_BROKE_OFF")
            policy = await self._policy_in_force()
            await trade.run(self.database, policy, self.files, acting(row), row.id, claim)
        except Lost:
            log.warning(f"{trade.name} taken over", id=row.id)
        except asyncio.CancelledError:
            await asyncio.shield(trade.line.release(self.database, row.id, claim, attempts=row.attempts - 1))
            raise
        except Exception as error:
            if not isinstance(error, HubError):
                log.error(f"{trade.name} broke off", id=row.id, kind=type(error).__name__, attempt=row.attempts)
            await trade.finish(self.database, row.id, claim, row.attempts, error)
        return True

    async def _lane(self, trade: Trade, most: int) -> None:
        while True:
            try:
                worked = await self.one(trade, most)
            except Exception as error:
                log.warning("line not read", of=trade.name, kind=type(error).__name__)
                worked = False
            if not worked:
                await asyncio.sleep(_REST)

    async def _tidy(self) -> None:
        while True:
            with suppress(Exception):
                await queue.clear(self.database, self.database.settings.import_days)
            await asyncio.sleep(_CLEAR_EVERY)

    async def _policy_in_force(self) -> Policy:
        async with self.database.reading() as connection:
            newest, text = await connection.fetchrow("SELECT id, text FROM policy_versions ORDER BY id DESC LIMIT 1")
        if self._policy is None or self._policy[0] != newest:
            self._policy = newest, policies.load(text)
        return self._policy[1]


def _by_socket(settings: Settings) -> bool:
    """Whether the server is reached by a socket in a folder: then it runs on this machine."""
    hosts = parse_qs(urlsplit(door(settings, "hub_app").url).query).get("host", [])
    return bool(hosts) and hosts[0].startswith("/")


def _step_back(connection: Any, _record: Any) -> None:
    """Let a connection's server process have as little priority as the worker, where both are on this machine and one
    user's; elsewhere nothing happens.
    """
    process = connection.driver_connection.get_server_pid()
    with suppress(OSError):
        if Path(f"/proc/{process}/comm").read_text() == "postgres\n":
            os.setpriority(os.PRIO_PROCESS, process, _NICE)


@asynccontextmanager
async def employed(settings: Settings) -> AsyncIterator[Worker]:
    """A worker with pools of its own, whose statements may take as long as a big workbook needs."""
    async with Database(replace(settings, statement_timeout=_STATEMENT, write_pool=8, read_pool=2)) as database:
        if _by_socket(settings):
            event.listen(database.app.sync_engine, "connect", _step_back)
        yield Worker(database, Files(settings.home / "files"))


def main(settings: Settings) -> None:
    """Work until a signal; what is under way is let go of at once, and taken up by the next."""
    with suppress(OSError):
        os.nice(_NICE)
    asyncio.run(_until_signal(settings))


async def _until_signal(settings: Settings) -> None:
    async with employed(settings) as worker:
        task = asyncio.create_task(worker.work())
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(each, task.cancel)
        with suppress(asyncio.CancelledError):
            await task
