"""Work that a serving process does again and again beside its requests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog

log = structlog.get_logger("hub")


@asynccontextmanager
async def rounds(seconds: float, deed: Callable[[], Awaitable[object]], failed: str) -> AsyncIterator[None]:
    """Do a deed in the background while the block runs, with so many seconds between; not at all where that is 0.

    One that fails is logged as `failed`, by the kind of its error alone: the next round takes up what it left.
    """
    if seconds <= 0:
        yield
        return
    async with beside(_keep_on(seconds, deed, failed)):
        yield


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Work in the background while the block runs; what is left of it then is dropped."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_on(seconds: float, deed: Callable[[], Awaitable[object]], failed: str) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await deed()
        except Exception as error:
            log.warning(failed, kind=type(error).__name__)
