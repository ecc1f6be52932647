"""The hub in this process, asked as a browser would, over one frozen moment of the register; it writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from hub import clock, db
from hub.accounts import Sessions
from hub.caller import Account, Held
from hub.db import Database
from hub.endpoint import GraphQLEndpoint, Hub
from hub.files import Files
from hub.fuzz.rows import Rows
from hub.fuzz.scope import Who
from hub.settings import Settings
from loaders.read import Reader
from policies import Policy
from schema import root

_FAR = 10**12


class Moment(Database):
    """The register as it was when this was opened: every read runs in one transaction that sees nothing newer.

    There is no door to write through: a refusal finds no database to be audited in.
    """

    def __init__(self, settings: Settings, connection: asyncpg.Connection, now: datetime) -> None:
        super().__init__(settings)
        self.connection = connection
        self.now = now
        self._turn = asyncio.Lock()
        self.app = self.system = _Shut()  # type: ignore[assignment]  # whoever knocks hears that the database is gone

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        """The one connection, by turns; a statement that fails leaves the transaction as it was."""
        async with self._turn, self.connection.transaction():
            yield self.connection

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close: no pool was opened."""


class _Shut:
    """Doors that do not open."""

    def begin(self) -> Any:
        raise OSError("the fuzz writes nothing")

    connect = begin


class Drawn(Sessions):
    """Callers made up for the fuzz: the bearer token is a name only this process knows."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.known: dict[str, Account] = {}

    async def find(self, token: str) -> Account:
        """The account behind a name."""
        return self.known[token]


@dataclass
class Engine:
    """The hub's own endpoint, with the schema, the compiler and the caches that a server has."""

    moment: Moment
    policy: Policy
    settings: Settings
    hub: Hub = field(init=False)
    sessions: Drawn = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = Drawn(self.moment)
        reader = Reader(self.moment, self.settings, self.policy)
        self.hub = Hub(root.build(self.settings), reader, self.sessions, Files(Path()))
        self.endpoint = GraphQLEndpoint(self.hub)

    @property
    def schema(self) -> Any:
        """The graph, as graphql-core sees it."""
        return self.hub.schema._schema

    async def ask(self, who: Who, document: str, variables: dict[str, Any]) -> bytes:
        """The bytes a caller is answered."""
        name = f"{who.account}|{who.role}|{who.roots}"
        if name not in self.sessions.known:
            self.sessions.known[name] = account_of(who)
        headers = {"authorization": f"Bearer {name}", "hub-role": who.role, "content-type": "application/json"}
        body = orjson.dumps({"query": document, "variables": variables})
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/graphql",
            "query_string": b"",
            "headers": [(key.encode(), value.encode()) for key, value in headers.items()],
        }
        parts: list[bytes] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            parts.append(message.get("body", b""))

        await self.endpoint(scope, receive, send)
        return b"".join(parts)


def account_of(who: Who) -> Account:
    """An account that holds the role at its roots, and at the province only before and after today."""
    now, day = clock.now(), timedelta(days=1)
    held = [Held(who.role, each, each, "", now - day, None) for each in who.roots]
    held += [Held(who.role, "14", "14", "", now - 2 * day, now - day), Held(who.role, "14", "14", "", now + day, None)]
    return Account(who.account, 0, "", "", must_change_password=False, expires_at=now + 99 * day, grants=tuple(held))


@asynccontextmanager
async def open_moment(settings: Settings) -> AsyncIterator[tuple[Moment, Rows]]:
    """The register frozen as hub_read sees it, and all its rows. Raises Unavailable."""
    way = db.door(settings, "hub_read")
    session = way.session | {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
    connection = await db.Door(way.url, session).connect(statement_cache_size=500)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            now = await connection.fetchval("SELECT now()")
            rows = await Rows.read(connection)
            yield Moment(settings, connection, now), rows
    finally:
        await connection.close()


def unbudgeted(settings: Settings) -> Settings:
    """The settings without the limits on size: what is too much is not what is tested here."""
    return replace(
        settings,
        row_budget=_FAR,
        cost_limit=_FAR,
        object_limit=_FAR,
        token_limit=_FAR,
        document_limit=_FAR,
        document_share=1.0,
        depth_limit=200,
    )
