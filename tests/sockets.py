"""A client of the hub by WebSocket, which says what graphql-transport-ws says and nothing by itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests import province
from tests.province import Province

PATIENCE = 30.0
"""Seconds after which what should come is not waited for any more: many, as machines are busy."""
IMPORT = "subscription($id: ID!) { importJob(id: $id) { id state total created school { code } } }"


class Client:
    """One connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, kind: str, **more: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **more}))

    async def hear(self, seconds: float = PATIENCE) -> Any:
        """The next message."""
        async with asyncio.timeout(seconds):
            return json.loads(await self.connection.recv())

    async def end(self, seconds: float = PATIENCE) -> tuple[int | None, str]:
        """The code and the reason of the close, whatever comes before it."""
        async with asyncio.timeout(seconds):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed:
                return self.connection.close_code, self.connection.close_reason or ""

    async def enter(self, token: str, **more: Any) -> None:
        await self.say("connection_init", payload={"Authorization": f"Bearer {token}", **more})
        assert await self.hear() == {"type": "connection_ack"}

    async def subscribe(self, id: str, query: str = IMPORT, **payload: Any) -> None:  # noqa: A002 -- the protocol's word
        await self.say("subscribe", id=id, payload={"query": query, **payload})

    async def follow(self, job: int, id: str = "1", query: str = IMPORT) -> None:  # noqa: A002 -- the protocol's word
        await self.subscribe(id, query, variables={"id": f"import:{job}"})

    async def next(self, id: str = "1", seconds: float = PATIENCE) -> Any:  # noqa: A002 -- the protocol's word
        """The data of the next event, which went well."""
        message = await self.hear(seconds)
        assert (message["type"], message["id"]) == ("next", id), message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]["importJob"]

    async def refused(self, id: str = "1") -> tuple[str, str]:  # noqa: A002 -- the protocol's word
        """The code and key of the error that ends a subscription; others' events may come before it."""
        message = await self.hear()
        while message["type"] == "next" and message["id"] != id:
            message = await self.hear()
        assert (message["type"], message["id"]) == ("error", id), message
        (error,) = message["payload"]
        assert error["message"]
        assert error["extensions"]["remedy"]
        return error["extensions"]["code"], error["extensions"]["key"]


@asynccontextmanager
async def opened(address: str, **options: Any) -> AsyncIterator[Client]:
    """A connection that has said nothing yet."""
    given = {"subprotocols": ["graphql-transport-ws"], "compression": None, "ping_interval": None} | options
    async with connect(address.replace("http", "ws") + "/graphql", **given) as connection:
        yield Client(connection)


@asynccontextmanager
async def entered(address: str, token: str, **more: Any) -> AsyncIterator[Client]:
    """A connection of somebody."""
    async with opened(address) as client:
        await client.enter(token, **more)
        yield client


async def make_import(system: asyncpg.Connection, made: Province, school: str = "A1", **values: Any) -> int:
    """The number of an import of a school that a worker reads, or as it is said to stand."""
    caller = {"account_id": made.accounts[values.pop("caller")]} if "caller" in values else {}
    found = await province.make_import(
        system, made, school=school, **{"state": "READING", "total": 0} | caller | values
    )
    return int(found.split(":")[1])
