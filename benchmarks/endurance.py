"""What a serving process keeps and what others feel: its memory over a hundred thousand requests, and the latencies of
one client while another misbehaves.
"""

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

from benchmarks import processes, province
from benchmarks.pages import QUERIES, asked
from benchmarks.province import Province
from benchmarks.result import Result

REQUESTS, DISTINCT, STEPS, CONNECTIONS = 100_000, 5_000, 10, 8
PACE, SPELL = 0.02, 8.0
"""Seconds between two requests of the client that behaves, and seconds it is watched beside each other one."""


def run() -> None:
    """Measure and publish."""
    with province.serving() as place:
        port = processes.free_port()
        environment = province.environment(place.settings)
        with processes.running("-m", "hub", "serve", "--port", str(port), environment=environment) as process:
            processes.ready(port, process)
            asyncio.run(_measure(place, port, process.pid))


async def _measure(place: Province, port: int, pid: int) -> None:
    bodies, token = [], ""
    for role, query, draw in QUERIES.values():
        token, codes = await asked(place, role, draw)
        headed = [_request(port, token, query, {"code": code}) for code in codes[:50]]
        bodies.append(headed)
    sizes = {"students": province.STUDENTS, "requests": REQUESTS, "distinct documents": DISTINCT}
    memory = Result(
        "endurance", sizes, place.postgres, target="at most 250 MB and flat; p99 at most twice that of idle"
    )
    memory.add(what="after its start", **{"MB": _resident(pid), "p50 ms": 0.0, "p99 ms": 0.0, "p99 / idle": 0.0})
    for step in range(STEPS):
        await _all(port, (random.choice(random.choice(bodies)) for _ in range(REQUESTS // STEPS)))
        memory.add(
            what=f"after {(step + 1) * REQUESTS // STEPS:,} requests",
            **{"MB": _resident(pid), "p50 ms": 0.0, "p99 ms": 0.0, "p99 / idle": 0.0},
        )
    texts = (f'{{ school(code: "1") {{ a{at}: name }} }}' for at in range(DISTINCT))
    await _all(port, (_request(port, token, text, None) for text in texts))
    memory.add(
        what=f"after {DISTINCT:,} distinct documents more",
        **{"MB": _resident(pid), "p50 ms": 0.0, "p99 ms": 0.0, "p99 / idle": 0.0},
    )
    await _beside(memory, place, port, pid)
    memory.publish()


async def _beside(result: Result, place: Province, port: int, pid: int) -> None:
    """One client asks for student pages at an even pace; another one does its worst."""
    role, query, draw = QUERIES["student page"]
    token, codes = await asked(place, role, draw)
    wanted = [_request(port, token, query, {"code": code}) for code in codes]
    other, _ = await asked(place, "city_administrator", "SELECT $1::text AS code")
    idle = 0.0
    await _paced(port, wanted)
    for name, misbehave in {"idle": None, **_misdeeds(port, other)}.items():
        async with _going(misbehave):
            spent = sorted(await _paced(port, wanted))
        p50, p99 = (spent[int(len(spent) * share)] * 1e3 for share in (0.5, 0.99))
        idle = idle or p99
        result.add(
            what=f"beside: {name}", **{"MB": _resident(pid), "p50 ms": p50, "p99 ms": p99, "p99 / idle": p99 / idle}
        )


def _misdeeds(port: int, token: str) -> dict[str, Callable[[], Awaitable[None]]]:
    """What a client can do wrong, each once; it is done over and over by four connections of one account."""
    deep = "{ regions { nodes " + "{ children { nodes " * 500 + "{ name }" + " } }" * 500 + " } }"
    wide = "{ " + " ".join(f"a{at}: viewer {{ name }}" for at in range(1_000)) + " }"
    costly = """{ schools(first: 200) { nodes { classes(first: 200) { nodes { students(first: 200) { nodes {
 name } } } } } } }"""
    largest = """{ students(first: 200, orderBy: [{by: NAME}]) { totalCount nodes { name school { name }
 guardians { name } } } }"""
    numbers = itertools.count()

    def sent(text: str) -> Callable[[], Awaitable[None]]:
        return lambda: _one(port, _request(port, token, text, None))

    async def distinct() -> None:
        await _one(
            port, _request(port, token, f"{{ schools(first: 1) {{ nodes {{ a{next(numbers)}: name }} }} }}", None)
        )

    async def gone() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_request(port, token, largest, None))
        await asyncio.sleep(0.01)
        writer.close()

    async def silent() -> None:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        await asyncio.sleep(1)
        for _, writer in held:
            writer.close()

    async def heavy() -> None:
        await _one(port, _request(port, token, "{ a " + "#" * 900_000 + "\n }", None))

    return {
        "documents too deep": sent(deep),
        "a thousand aliases": sent(wide),
        "a query that costs too much": sent(costly),
        "a megabyte of comment": heavy,
        "a new document each time": distinct,
        "the largest page there is": sent(largest),
        "connects and says nothing": silent,
        "asks and hangs up": gone,
    }


@contextlib.asynccontextmanager
async def _going(misbehave: Callable[[], Awaitable[None]] | None) -> AsyncIterator[None]:
    async def on() -> None:
        while misbehave is not None:
            await misbehave()

    tasks = [asyncio.create_task(on()) for _ in range(4 if misbehave else 0)]
    yield
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(outcome, asyncio.CancelledError):
            raise RuntimeError("the misbehaving client gave up") from (
                outcome if isinstance(outcome, Exception) else None
            )


async def _paced(port: int, wanted: list[bytes]) -> list[float]:
    """Seconds of each request, one every PACE seconds whatever became of the others, over connections kept open."""
    spent: list[float] = []
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))

    async def ask(request: bytes) -> None:
        begun = time.perf_counter()
        reader, writer = await free.get()
        writer.write(request)
        status = await _answer(reader)
        free.put_nowait((reader, writer))
        spent.append(time.perf_counter() - begun)
        if status != 200:
            raise RuntimeError(f"the client that behaves was answered {status}")

    async with asyncio.TaskGroup() as group:
        for at in range(int(SPELL / PACE)):
            group.create_task(ask(wanted[at % len(wanted)]))
            await asyncio.sleep(PACE)
    while not free.empty():
        free.get_nowait()[1].close()
    return spent


async def _all(port: int, requests: Iterator[bytes]) -> None:
    """Ask them all over so many connections; every answer must be 200."""

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in requests:
            writer.write(request)
            if await _answer(reader) != 200:
                raise RuntimeError("a request failed")
        writer.close()

    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))


async def _one(port: int, request: bytes) -> int:
    """One request on a connection of its own; its status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await _answer(reader)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])


def _request(port: int, token: str, query: str, variables: dict[str, str] | None) -> bytes:
    body = json.dumps({"query": query, "variables": variables}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {token}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _resident(pid: int) -> float:
    """Resident memory of a process in MB; 0 where there is no /proc."""
    path = Path(f"/proc/{pid}/status")
    if not path.exists():
        return 0.0
    (line,) = (line for line in path.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1e3
