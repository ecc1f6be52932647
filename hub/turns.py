"""Turns: what one account asks for waits for its own earlier requests, not for everybody's connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

K = TypeVar("K")


class Turns(Generic[K]):
    """So many at once for each of whoever asks; the others of the same one wait, first come first served."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: dict[K, tuple[asyncio.Semaphore, int]] = {}

    def __len__(self) -> int:
        return len(self._held)

    @asynccontextmanager
    async def of(self, who: K) -> AsyncIterator[None]:
        """A turn of somebody; it ends with the block, also when that is cancelled."""
        turn, asking = self._held.get(who) or (asyncio.Semaphore(self.most), 0)
        self._held[who] = turn, asking + 1
        try:
            async with turn:
                yield
        finally:
            turn, asking = self._held[who]
            if asking == 1:
                del self._held[who]
            else:
                self._held[who] = turn, asking - 1
