"""The least a server could do for the roster: one fixed statement over asyncpg, its answer as it comes.

No sign-in, no policy, no GraphQL. Run as `python -m benchmarks.bare FILE PORT`, where FILE is a JSON object with
`url`, `sql`, `values` and `place`, the place among the values that takes the request's code.
"""

import sys
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import uvicorn


class Bare:
    """The ASGI application."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
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
        values = list(self.plan["values"])
        values[self.plan["place"]] = asked["variables"]["code"]
        async with self.pool.acquire() as connection:
            found = await connection.fetchval(self.plan["sql"], *values)
        return b'{"data":{"school":' + found.encode() + b"}}"

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self.pool = await asyncpg.create_pool(self.plan["url"], min_size=8, max_size=8)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    bare = Bare(orjson.loads(Path(sys.argv[1]).read_bytes()))
    uvicorn.run(bare, port=int(sys.argv[2]), log_level="warning", access_log=False)
