"""The least a server could do: fixed statements over asyncpg, their answers as they come.

No sign-in, no policy, no GraphQL. Run as `python -m benchmarks.bare FILE PORT`, where FILE holds a pickled `Plans`.
"""

import pickle
import re
import sys
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import uvicorn

from benchmarks.plans import KEYS, Plan, Plans

_MARKER = re.compile(r'"@[0-9a-f]+:\d+:(\d+)"')


class Bare:
    """The ASGI application."""

    def __init__(self, plans: Plans) -> None:
        self.plans = plans
        self.pool: asyncpg.Pool | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, or start and stop."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body = (await receive()).get("body")
        answer = await self._answer(orjson.loads(body)) if body else b"{}"
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _answer(self, asked: Any) -> bytes:
        plan = self.plans.by_query[asked["query"]]
        async with self.pool.acquire() as connection:
            found = await connection.fetchval(plan.sql, *plan.values[asked["variables"]["code"]])
            if plan.more:
                found = await _filled(connection, plan, found)
        return b'{"data":{"' + plan.root.encode() + b'":' + found.encode() + b"}}"

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self.pool = await asyncpg.create_pool(self.plans.url, min_size=8, max_size=8, reset=_as_it_is)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _as_it_is(_: asyncpg.Connection) -> None:
    """Leave a connection as it is, as the hub's reads do: resetting it would be four statements more."""


async def _filled(connection: Any, plan: Plan, found: str) -> str:
    keys = [int(key) for key in _MARKER.findall(found)]
    values = [keys if value is KEYS else value for value in plan.more_values]
    rows = dict(await connection.fetch(plan.more, *values))
    return _MARKER.sub(lambda match: rows.get(int(match[1]), "[]"), found)


if __name__ == "__main__":
    bare = Bare(pickle.loads(Path(sys.argv[1]).read_bytes()))
    uvicorn.run(bare, port=int(sys.argv[2]), log_level="warning", access_log=False)
