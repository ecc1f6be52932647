"""The hub on a real socket: chunked bodies, floods of headers and connections that are cut need one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import uvicorn

from hub import head, wire
from hub.app import build
from hub.settings import Settings


@asynccontextmanager
async def served(settings: Settings, **overrides: Any) -> AsyncIterator[tuple[str, Any]]:
    """The address of a hub with these settings, and its application, served as `hub serve` does."""
    changed = replace(settings, **({"session_cache": 0.0} | overrides))
    app = build(changed)
    protocol = head.bounded(changed)
    plain = {
        "host": "127.0.0.1",
        "port": 0,
        "log_level": "critical",
        "access_log": False,
        "timeout_graceful_shutdown": 10,
    }
    config = uvicorn.Config(app, **plain, http=protocol, **wire.options(changed))  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 -- uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", app
    finally:
        server.should_exit = True
        await running
