"""Turns: what one account asks for waits for its own earlier requests, not for everybody's connections."""

import asyncio
from types import TracebackType
from typing import Generic, TypeVar

K = TypeVar("K")


class Turns(Generic[K]):
    """So many at once for each of whoever asks; the others of the same one wait, first come first served."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: dict[K, _Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def of(self, who: K) -> "Turn[K]":
        """A turn of somebody for a block; it ends with the block, also when that is cancelled."""
        return Turn(self, who)

    def _come(self, who: K) -> "_Held":
        held = self._held.get(who)
        if held is None:
            held = self._held[who] = _Held(self.most)
        held.asking += 1
        return held

    def _go(self, who: K, held: "_Held") -> None:
        held.asking -= 1
        if not held.asking:
            del self._held[who]


class _Held(asyncio.Semaphore):
    """What one of them may still take, and how many have come for it."""

    asking = 0


class Turn(Generic[K]):
    """One turn."""

    __slots__ = ("_held", "_turns", "_who")

    def __init__(self, turns: Turns[K], who: K) -> None:
        self._turns, self._who = turns, who

    async def __aenter__(self) -> None:
        self._held = self._turns._come(self._who)
        try:
            await self._held.acquire()
        except BaseException:
            self._turns._go(self._who, self._held)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.release()
        self._turns._go(self._who, self._held)
