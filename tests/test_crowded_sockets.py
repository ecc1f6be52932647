"""Many WebSockets and bad ones: each limit, readers that do not read, what they weigh, and that a hub with them stops."""

import asyncio
import os
import socket
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import asyncpg
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from hub.settings import Settings
from tests.province import Province, make_caller
from tests.served import served
from tests.sockets import Client, entered, make_import, opened
from tests.test_workers import until


@pytest.fixture
async def job(province: Province, system: asyncpg.Connection) -> int:
    return await make_import(system, province, total=1)


async def works(client: Client) -> None:
    await client.say("ping")
    while (await client.hear())["type"] != "pong":
        pass


async def test_an_account_has_so_many_connections(settings: Settings, province: Province) -> None:
    token = province.tokens["schoolA1"]
    async with served(settings, account_sockets=2) as (address, _):
        async with entered(address, token) as first, entered(address, token), opened(address) as third:
            await third.say("connection_init", payload={"token": token})
            assert await third.end() == (1013, "Too many connections of this account")
            async with entered(address, province.tokens["countyA"]) as other:
                await works(other)
            await works(first)
        async with entered(address, token) as again:
            await works(again)


async def test_a_process_has_so_many_connections(settings: Settings, province: Province) -> None:
    async with served(settings, socket_limit=4) as (address, _), AsyncExitStack() as stack:
        callers = ("schoolA1", "schoolA2", "schoolB1", "countyA")
        inside = [await stack.enter_async_context(entered(address, province.tokens[one])) for one in callers]
        async with opened(address) as fifth:
            assert await fifth.end() == (1013, "Too many connections")
        for client in inside:
            await works(client)
        await inside[0].connection.close()
        async with entered(address, province.tokens["schoolA1"]) as next_one:
            await works(next_one)


async def test_those_who_say_nothing_leave_room_for_the_others(settings: Settings, province: Province) -> None:
    async with served(settings, socket_limit=8, socket_init=2.0) as (address, app), AsyncExitStack() as stack:
        inside = [
            await stack.enter_async_context(entered(address, province.tokens[one])) for one in ("schoolA1", "countyA")
        ]
        for _ in range(2):
            await stack.enter_async_context(opened(address))
        async with opened(address) as third:
            assert await third.end() == (1013, "Too many connections")
        for client in inside:
            await works(client)
        await until(lambda: len(app.state.sockets.open) == 2)
        async with entered(address, province.tokens["schoolA2"]) as late:
            await works(late)


async def test_a_connection_has_so_many_subscriptions(settings: Settings, province: Province, job: int) -> None:
    few, token = served(settings, socket_subscriptions=2), province.tokens["schoolA1"]
    async with few as (address, _), entered(address, token) as client:
        for name in ("1", "2"):
            await client.follow(job, name)
            await client.next(name)
        await client.follow(job, "3")
        assert await client.refused("3") == ("RATE_LIMITED", "TOO_MANY_SUBSCRIPTIONS")
        await client.say("complete", id="1")
        await client.follow(job, "3")
        await client.next("3")


async def test_an_answer_has_a_limit(settings: Settings, province: Province, job: int) -> None:
    small, token = served(settings, answer_limit=300), province.tokens["schoolA1"]
    many = " ".join(f"a{at}: createdAt" for at in range(20))
    async with small as (address, _), entered(address, token) as client:
        await client.follow(job, query="subscription($id: ID!) { importJob(id: $id) { id } }")
        assert await client.next() == {"id": f"import:{job}"}
        await client.follow(job, "2", query=f"subscription($id: ID!) {{ importJob(id: $id) {{ {many} }} }}")
        assert (await client.refused("2"))[1] == "ANSWER_TOO_LARGE"


async def test_who_does_not_read_is_cut_off_and_keeps_nothing(settings: Settings, province: Province) -> None:
    async with (
        served(settings, socket_patience=1.0, socket_messages=10**6) as (address, app),
        entered(address, province.tokens["countyA"]) as other,
    ):
        host, port = address.removeprefix("http://").split(":")
        with socket.socket() as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            raw.connect((host, int(port)))
            raw.setblocking(False)
            async with connect(
                "ws://hub/graphql",
                sock=raw,
                subprotocols=["graphql-transport-ws"],
                compression=None,
                ping_interval=None,
                max_queue=1,
                close_timeout=0.1,
            ) as connection:
                client = Client(connection)
                await client.enter(province.tokens["schoolA1"])
                connection.transport.pause_reading()
                begun = time.monotonic()
                sending = asyncio.create_task(flood(client))
                try:
                    await until(lambda: len(app.state.sockets.open) == 1)
                    assert time.monotonic() - begun > 1
                    await works(other)
                finally:
                    sending.cancel()
                    connection.transport.abort()
                    await asyncio.wait([sending])


async def flood(client: Client) -> None:
    """Ping and ping without ever hearing a pong."""
    with suppress(ConnectionClosed, OSError):
        while True:
            await client.say("ping", payload="x" * 100_000)


async def test_a_peer_that_does_not_answer_pings_is_let_go(settings: Settings, province: Province) -> None:
    async with served(settings, socket_ping=0.3, socket_patience=0.3) as (address, app):
        _, writer = await handshake(address)
        assert len(app.state.sockets.open) == 1
        await until(lambda: not app.state.sockets.open)
        writer.close()
        async with entered(address, province.tokens["schoolA1"]) as client:
            await asyncio.sleep(1)
            await works(client)


async def handshake(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket of somebody who only knows how to open one."""
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"GET /graphql HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    )
    assert b"101" in await reader.readline()
    return reader, writer


async def test_a_client_that_vanishes_leaves_nothing(settings: Settings, province: Province, job: int) -> None:
    hub, token = served(settings, watch_seconds=0.1), province.tokens["schoolA1"]
    async with hub as (address, app), entered(address, token) as client:
        await client.follow(job)
        await client.next()
        client.connection.transport.abort()
        await until(lambda: not app.state.sockets.open and not len(app.state.hub.watch))


def resident() -> int:
    """Bytes of memory that this process occupies."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is looked up in /proc")
async def test_two_hundred_connections_are_served_in_flat_memory(
    settings: Settings, province: Province, system: asyncpg.Connection, job: int
) -> None:
    tokens = [
        await make_caller(system, province, f"crowd{at}", [("school_administrator", province.paths["A1"])])
        for at in range(20)
    ]
    async with served(settings, watch_seconds=0.2, event_rate=10_000) as (address, app), AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(entered(address, token)) for token in tokens * 10]
        await asyncio.gather(*(client.follow(job) for client in clients))
        await asyncio.gather(*(client.next(seconds=30) for client in clients))
        assert len(app.state.sockets.open) == len(app.state.hub.watch) == 200

        async def tell(total: int) -> None:
            await system.execute("UPDATE imports SET total = $2 WHERE id = $1", job, total)
            told = await asyncio.gather(*(client.next(seconds=30) for client in clients))
            assert {one["total"] for one in told} == {total}

        for total in range(2, 5):
            await tell(total)
        before = resident()
        for total in range(5, 20):
            await tell(total)
        assert resident() - before < 8_000_000
        async with opened(address) as more:
            await more.say("connection_init", payload={"token": tokens[0]})
            assert (await more.end())[0] == 1013


async def test_a_hub_that_stops_says_so_at_once(settings: Settings, province: Province, job: int) -> None:
    hub = served(settings, watch_seconds=0.1)
    address, _ = await hub.__aenter__()
    async with entered(address, province.tokens["schoolA1"]) as client, opened(address) as silent:
        await client.follow(job)
        await client.next()
        stopping = asyncio.create_task(hub.__aexit__(None, None, None))
        assert (await client.end())[0] == (await silent.end())[0] == 1012
        await stopping
