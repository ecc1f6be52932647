"""Load on an HTTP server: wrk if it is installed (apt-get install wrk), else a client of our own."""

import asyncio
import json
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """
local codes = {%(codes)s}
local before, after = '%(before)s', '%(after)s'
wrk.method = "POST"
wrk.path = "/graphql"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer %(token)s"
request = function() return wrk.format(nil, nil, nil, before .. codes[math.random(#codes)] .. after) end
done = function(summary, latency, requests)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write
               + summary.errors.status + summary.errors.timeout
  io.write(string.format("\\nFOUND %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
                         latency:percentile(50), latency:percentile(99), failed))
end
"""


@dataclass(frozen=True)
class Load:
    """What a server did under load: requests a second, latencies in milliseconds, failures, and the client used.

    `processor` is the milliseconds of processor time that the server's own process spent on a request.
    """

    rate: float
    p50: float
    p99: float
    failed: int
    client: str
    processor: float = 0.0


@dataclass(frozen=True)
class Asked:
    """A POST /graphql with one variable, `code`, drawn anew for every request."""

    port: int
    token: str
    query: str
    codes: Sequence[str]

    def body(self, code: str) -> bytes:
        """The request's body for a code."""
        return json.dumps({"query": self.query, "variables": {"code": code}}).encode()


def drive(asked: Asked, connections: int, seconds: int) -> Load:
    """Ask over so many connections at once, each waiting for its answer, for so many seconds."""
    if shutil.which("wrk"):
        return _wrk(asked, connections, seconds)
    return asyncio.run(_own(asked, connections, seconds))


def _wrk(asked: Asked, connections: int, seconds: int) -> Load:
    before, after = asked.body("\x01").decode().replace("\\u0001", "\x01").split("\x01")
    filled = _SCRIPT % {
        "codes": ", ".join(f'"{code}"' for code in asked.codes),
        "before": before.replace("\\", "\\\\").replace("'", "\\'"),
        "after": after,
        "token": asked.token,
    }
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "ask.lua"
        script.write_text(filled)
        words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", str(script)]
        done = subprocess.run([*words, f"http://127.0.0.1:{asked.port}"], capture_output=True, text=True, check=True)
    found = next(line for line in done.stdout.splitlines() if line.startswith("FOUND")).split()[1:]
    requests, microseconds, p50, p99, failed = map(int, found)
    return Load(requests / microseconds * 1e6, p50 / 1e3, p99 / 1e3, failed, "wrk")


async def _own(asked: Asked, connections: int, seconds: int) -> Load:
    spent: list[float] = []
    failed = 0
    started = time.perf_counter()

    async def ask() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", asked.port)
        requests = [_request(asked, code) for code in asked.codes]
        while time.perf_counter() - started < seconds:
            begun = time.perf_counter()
            writer.write(random.choice(requests))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            failed += not head.startswith(b"HTTP/1.1 200")
            spent.append(time.perf_counter() - begun)
        writer.close()

    await asyncio.gather(*(ask() for _ in range(connections)))
    passed = time.perf_counter() - started
    spent.sort()
    p50, p99 = (spent[int(len(spent) * share)] * 1e3 for share in (0.5, 0.99))
    return Load(len(spent) / passed, p50, p99, failed, "benchmarks.load")


def _request(asked: Asked, code: str) -> bytes:
    body = asked.body(code)
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:{asked.port}\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {asked.token}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
