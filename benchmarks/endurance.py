"""What a serving process keeps: its memory over a hundred thousand requests and thousands of documents."""

import asyncio
import json
import random
from collections.abc import Iterator
from pathlib import Path

from benchmarks import processes, province
from benchmarks.pages import QUERIES, asked
from benchmarks.province import Province
from benchmarks.result import Result

REQUESTS, DISTINCT, STEPS, CONNECTIONS = 100_000, 5_000, 10, 8


def run() -> None:
    """Measure and publish."""
    with province.serving() as place:
        port = processes.free_port()
        environment = province.environment(place.settings) | {
            "HUB_DOCUMENT_SHARE": "1"
        }  # or 5,000 new ones take an hour
        with processes.running("-m", "hub", "serve", "--port", str(port), environment=environment) as process:
            processes.ready(port, process)
            asyncio.run(_measure(place, port, process.pid))


async def _measure(place: Province, port: int, pid: int) -> None:
    bodies, token = [], ""
    for role, query, draw in QUERIES.values():
        token, codes = await asked(place, role, draw)
        headed = [request(port, token, query, {"code": code}) for code in codes[:50]]
        bodies.append(headed)
    sizes = {"students": province.STUDENTS, "requests": REQUESTS, "distinct documents": DISTINCT}
    memory = Result("endurance", sizes, place.postgres, target="at most 250 MB and flat")
    memory.add(what="after its start", MB=_resident(pid))
    for step in range(STEPS):
        await asking(port, (random.choice(random.choice(bodies)) for _ in range(REQUESTS // STEPS)))
        memory.add(
            what=f"after {(step + 1) * REQUESTS // STEPS:,} requests",
            MB=_resident(pid),
        )
    texts = (f'{{ school(code: "1") {{ a{at}: name }} }}' for at in range(DISTINCT))
    await asking(port, (request(port, token, text, None) for text in texts))
    memory.add(
        what=f"after {DISTINCT:,} distinct documents more",
        MB=_resident(pid),
    )
    memory.publish()


async def asking(port: int, requests: Iterator[bytes]) -> None:
    """Ask them all over so many connections; every answer must be 200."""

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for each in requests:
            writer.write(each)
            if await answer(reader) != 200:
                raise RuntimeError("a request failed")
        writer.close()

    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))


async def answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])


def request(port: int, token: str, query: str, variables: dict[str, str] | None) -> bytes:
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
