"""Turns and shares: what one client asks for waits for its own earlier requests, not for everybody's time."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_MOST = 1_000
"""Of how many it is remembered when they are free again, before those who are are forgotten."""


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


class Shares(Generic[K]):
    """A share of the process's time for each of whoever asks, for work that nothing else can run beside."""

    def __init__(self, share: float) -> None:
        self.share = share
        self._turns: Turns[K] = Turns(1)
        self._free_at: dict[K, float] = {}

    def __len__(self) -> int:
        return len(self._free_at)

    async def work(self, who: K, deed: Callable[[], V]) -> V:
        """Do it, when what this one had done before has been idle for long enough."""
        time = asyncio.get_running_loop().time
        async with self._turns.of(who):
            await asyncio.sleep(max(0.0, self._free_at.get(who, 0.0) - time()))
            begun = time()
            try:
                return deed()
            finally:
                self._note(who, begun, time())

    def _note(self, who: K, begun: float, ended: float) -> None:
        self._free_at[who] = begun + (ended - begun) / self.share
        if len(self._free_at) > _MOST:
            self._free_at = {one: at for one, at in self._free_at.items() if at > ended}
