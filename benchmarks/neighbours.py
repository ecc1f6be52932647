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

PACE, SPELL = 0.02, 8.0
"""Seconds between two requests of the client that behaves, and seconds it is watched beside each other one."""
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
    idle = 0.0
    for name in ("idle", *misdeeds.NAMES):
        with _going(name, port, other):
            await asyncio.sleep(_UNDER_WAY)
            spent = sorted(await paced(port, wanted))
        p50, p99 = (spent[int(len(spent) * share)] * 1e3 for share in (0.5, 0.99))
        idle = idle or p99
        result.add(what=name, **{"p50 ms": p50, "p99 ms": p99, "p99 / idle": p99 / idle})
    result.publish()


@contextlib.contextmanager
def _going(name: str, port: int, token: str) -> Iterator[None]:
    if name == "idle":
        yield
        return
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
