"""What others feel: the latencies of one client that asks at an even pace while another one misbehaves.

Whoever misbehaves is a process of its own, of low priority: it stands for a machine elsewhere, which takes no time from
the hub's but by what it sends.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator

from benchmarks import misdeeds, processes, province
from benchmarks.endurance import CONNECTIONS, answer, asking, request
from benchmarks.pages import QUERIES, asked
from benchmarks.province import Province
from benchmarks.result import Result

PACE, SPELL, ROUNDS = 0.02, 12.0, 2
"""Seconds between two requests of the client that behaves, seconds it is watched alone and then beside another one,
and how often: what is compared is of one time, since the machine's own quiet comes and goes.
"""
_UNDER_WAY = 1.0


def run() -> None:
    """Measure and publish."""
    with province.serving() as place:
        port = processes.free_port()
        environment = province.environment(place.settings)
        with processes.running("-m", "hub", "serve", "--port", str(port), environment=environment) as process:
            processes.ready(port, process)
            asyncio.run(_measure(place, port))


async def _measure(place: Province, port: int) -> None:
    role, query, draw = QUERIES["student page"]
    token, codes = await asked(place, role, draw)
    wanted = [request(port, token, query, {"code": code}) for code in codes]
    other, _ = await asked(place, "city_administrator", "SELECT $1::text AS code")
    result = Result(
        "neighbours", {"students": province.STUDENTS}, place.postgres, target="p99 at most twice that of idle"
    )
    await asking(port, iter(wanted * 20))  # every connection to the database plans a statement when it first meets it
    await paced(port, wanted)
    for name in misdeeds.NAMES:
        alone: list[float] = []
        beside: list[float] = []
        for _ in range(ROUNDS):
            alone += await paced(port, wanted)
            with _going(name, port, other):
                await asyncio.sleep(_UNDER_WAY)
                beside += await paced(port, wanted)
        idle, p99 = _at(alone, 0.99), _at(beside, 0.99)
        told = {"idle p50 ms": _at(alone, 0.5), "idle p99 ms": idle, "p50 ms": _at(beside, 0.5), "p99 ms": p99}
        result.add(what=name, **told, **{"p99 / idle": p99 / idle})
    result.publish()


def _at(seconds: list[float], share: float) -> float:
    """Milliseconds that such a share of the requests stays below."""
    return sorted(seconds)[int(len(seconds) * share)] * 1e3


@contextlib.contextmanager
def _going(name: str, port: int, token: str) -> Iterator[None]:
    with processes.running("-m", "benchmarks.misdeeds", name, str(port), token) as process:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"who misbehaves gave up: {name}")


async def paced(port: int, wanted: list[bytes]) -> list[float]:
    """Seconds of each request, one every PACE seconds whatever became of the others, over connections kept open."""
    spent: list[float] = []
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))

    async def ask(sent: bytes) -> None:
        begun = time.perf_counter()
        reader, writer = await free.get()
        writer.write(sent)
        status = await answer(reader)
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
