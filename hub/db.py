"""Doors to the database: one URL per database role, pools of connections behind them.

`hub_owner` migrates, `hub_app` acts for people under row security, `hub_read` serves compiled reads,
`hub_system` sees across offices. A URL that is not given is `database_url` with that role set at connection.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from hub.errors import Unavailable
from hub.settings import Settings

LOST = (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)
FULL = (TimeoutError, asyncpg.TooManyConnectionsError)
EXPIRED = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)


@dataclass(frozen=True, slots=True)
class Door:
    """How to connect as one of the hub's database roles."""

    url: str
    session: dict[str, str]

    async def connect(self, **options: Any) -> asyncpg.Connection:
        """A connection of its own. Raises Unavailable when the database cannot be reached."""
        try:
            return await asyncpg.connect(self.url, server_settings=self.session, **options)
        except (*LOST, *FULL) as error:
            raise Unavailable from error


def door(settings: Settings, role: str) -> Door:
    """The door for a role: `hub_app`, `hub_read` or `hub_system`."""
    url = str(getattr(settings, f"{role.removeprefix('hub_')}_database_url"))
    session = {
        "application_name": f"xueji-hub {role}",
        "timezone": "Asia/Shanghai",
        "statement_timeout": f"{settings.statement_timeout}s",
        "lock_timeout": f"{settings.lock_timeout}s",
        "idle_in_transaction_session_timeout": "60s",
    }
    return Door(url, session) if url else Door(settings.database_url, session | {"role": role})


def system_door(settings: Settings) -> Door:
    """The door of the hub's own long work (sampling, backfills): no statement timeout."""
    plain = door(settings, "hub_system")
    return Door(plain.url, plain.session | {"statement_timeout": "0"})


_PLANNED_ONCE = {"plan_cache_mode": "force_generic_plan"}
"""The compiler words a statement for what it will be asked with (`hub.paths.within`, the levels in its text), so that
one plan serves; planning them anew costs more than most of them take."""


class Database:
    """The pools of one process: compiled reads on asyncpg, deeds on SQLAlchemy sessions.

    Pools open on first use and survive a database that is down: each use asks anew. Reads keep the connections they
    have taken from their pool and hand them on among themselves.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._reads: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()
        self._room = asyncio.Semaphore(settings.read_pool)
        self._idle: list[asyncpg.pool.PoolConnectionProxy] = []
        self.app = _engine(door(settings, "hub_app"), settings)
        self.system = _engine(door(settings, "hub_system"), settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reads is not None:
            while self._idle:
                await self._discard(self._idle.pop())
            await self._reads.close()
        await self.app.dispose()
        await self.system.dispose()

    def reading(self) -> AbstractAsyncContextManager[Any]:
        """A connection for compiled reads, as hub_read, for a block.

        Raises Unavailable when the database is down or every connection stays busy.
        """
        return Lent(self)

    async def take(self) -> asyncpg.pool.PoolConnectionProxy:
        """A connection for reads, at once where one lies idle. Whoever takes it must give it back."""
        patience = self.settings.pool_timeout
        if self._room.locked():
            try:
                async with asyncio.timeout(patience):
                    await self._room.acquire()
            except TimeoutError as error:
                raise Unavailable from error
        else:
            await self._room.acquire()
        try:
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    return connection
                await self._discard(connection)
            return await (self._reads or await self._open()).acquire(timeout=patience)
        except (*LOST, *FULL) as error:
            self._room.release()
            raise Unavailable from error
        except BaseException:
            self._room.release()
            raise

    async def give_back(self, connection: asyncpg.pool.PoolConnectionProxy, *, sound: bool) -> None:
        """End a loan. One that did not end well goes back to the pool, which knows what to do with it."""
        try:
            if sound and not connection.is_closed():
                self._idle.append(connection)
            else:
                await self._discard(connection)
        finally:
            self._room.release()

    async def _discard(self, connection: asyncpg.pool.PoolConnectionProxy) -> None:
        if self._reads is not None:
            await self._reads.release(connection)

    async def _open(self) -> asyncpg.Pool:
        async with self._opening:
            if self._reads is None:
                read = door(self.settings, "hub_read")
                self._reads = await asyncpg.create_pool(
                    read.url,
                    min_size=0,
                    max_size=self.settings.read_pool,
                    server_settings=read.session | _PLANNED_ONCE,
                    statement_cache_size=500,
                    timeout=self.settings.pool_timeout,
                    reset=_as_it_is,
                )
        return self._reads


class Lent:
    """A connection for a block; what goes wrong with the database in it is raised as Unavailable."""

    __slots__ = ("connection", "database")

    def __init__(self, database: Database) -> None:
        self.database = database

    async def __aenter__(self) -> asyncpg.pool.PoolConnectionProxy:
        self.connection = await self.database.take()
        return self.connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.database.give_back(self.connection, sound=error is None)
        if isinstance(error, EXPIRED):
            raise Unavailable("TIMEOUT") from error
        # asyncpg's InterfaceError is a ValueError, too, where a value does not fit its column.
        if isinstance(error, LOST) and not isinstance(error, ValueError):
            raise Unavailable from error


async def _as_it_is(_: asyncpg.Connection) -> None:
    """Leave a read's connection as it is: one statement without a transaction leaves nothing to reset."""


def _engine(way: Door, settings: Settings) -> AsyncEngine:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(
            way.url, server_settings=way.session, timeout=settings.pool_timeout, statement_cache_size=200
        ),
        pool_size=settings.write_pool,
        max_overflow=0,
        pool_timeout=settings.pool_timeout,
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "checkout", _alive)
    return engine


def _alive(dbapi_connection: Any, *_: Any) -> None:
    """Refuse a pooled connection that the server has closed; the pool opens another.

    asyncpg knows without asking: a ping would cost every deed three round trips.
    """
    if dbapi_connection.driver_connection.is_closed():
        raise DisconnectionError
