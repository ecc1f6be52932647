"""Turns and shares: what one client asks for waits for its own earlier requests, not for everybody's time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_MOST = 1_000
"""Of how many it is remembered when they are free again, before those who are are forgotten."""


class Turns(Generic[K]):
    """So many at once for whoever is alone, a quarter as many for each of several; the others of the same one wait,
    first come first served. Nobody is alone within `memory` seconds of another's asking: who asks seldom has room, too.
    """

    def __init__(self, most: int, memory: float = 1.0) -> None:
        self.most, self.memory = most, memory
        self._held: dict[K, _Held] = {}
        self._asked: dict[K, float] = {}
        """When each last asked, the latest last; those of before that are forgotten."""

    def __len__(self) -> int:
        return len(self._held)

    def of(self, who: K) -> "Turn[K]":
        """A turn of somebody for a block; it ends with the block, also when that is cancelled."""
        return Turn(self, who)

    async def _enter(self, who: K) -> "_Held":
        held = self._held.setdefault(who, _Held())
        held.asking += 1
        self._asked.pop(who, None)
        self._asked[who] = asyncio.get_running_loop().time()
        if not held.waiting and held.running < self._limit():
            held.running += 1
            return held
        called = asyncio.get_running_loop().create_future()
        held.waiting.append(called)
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled():  # called and gone at once
                held.running -= 1
            elif called in held.waiting:
                held.waiting.remove(called)
            self._leave(who, held)
            raise
        return held

    def _exit(self, who: K, held: "_Held") -> None:
        held.running -= 1
        self._leave(who, held)

    def _leave(self, who: K, held: "_Held") -> None:
        held.asking -= 1
        if not held.asking:
            del self._held[who]
        self._call(held)
        if len(self._held) == 1:  # whoever is alone now may have more
            self._call(next(iter(self._held.values())))

    def _call(self, held: "_Held") -> None:
        while held.waiting and held.running < self._limit():
            called = held.waiting.popleft()
            if not called.done():
                held.running += 1
                called.set_result(None)

    def _limit(self) -> int:
        forgotten = asyncio.get_running_loop().time() - self.memory
        while self._asked and next(iter(self._asked.values())) <= forgotten:
            del self._asked[next(iter(self._asked))]
        alone = len(self._held) < 2 and len(self._asked) < 2
        return self.most if alone else max(1, self.most // 4)


@dataclass(slots=True)
class _Held:
    """One of them: how many have come, how many of those have their turn, and who waits to be called."""

    asking: int = 0
    running: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class Turn(Generic[K]):
    """One turn."""

    __slots__ = ("_held", "_turns", "_who")

    def __init__(self, turns: Turns[K], who: K) -> None:
        self._turns, self._who = turns, who

    async def __aenter__(self) -> None:
        self._held = await self._turns._enter(self._who)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turns._exit(self._who, self._held)


class Shares(Generic[K]):
    """A share of the process's time for each of whoever asks: for long work of Python's own, for work in vain. Whoever
    comes after a while may do `burst` seconds of it at once.
    """

    def __init__(self, share: float, burst: float = 0.0) -> None:
        self.share, self.ahead = share, burst / share
        self._turns: Turns[K] = Turns(1)
        self._free_at: dict[K, float] = {}

    def __len__(self) -> int:
        return len(self._free_at)

    async def work(self, who: K, deed: Callable[[], Awaitable[V]], done: Callable[[], V | None] = lambda: None) -> V:
        """Do it, when this one has waited long enough after what it had done before; unless by its turn it is done."""
        time = asyncio.get_running_loop().time
        async with self._turns.of(who):
            if (found := done()) is not None:
                return found
            await self.wait(who)
            begun = time()
            doing = asyncio.ensure_future(deed())
            try:
                return await asyncio.shield(doing)
            except asyncio.CancelledError:
                await asyncio.wait([doing])  # who goes has had the whole of it
                raise
            finally:
                self.note(who, begun, time())

    async def take(self, who: K, seconds: float, patience: float) -> bool:
        """Have so many seconds of it when what this one took before is over, and whoever comes later after that; or
        False at once, and none of it, where that is not within `patience` seconds.
        """
        now = asyncio.get_running_loop().time()
        rest = self._free_at.get(who, 0.0) - self.ahead - now
        if rest > patience:
            return False
        self.note(who, now, now + seconds)
        if rest > 0:
            await asyncio.sleep(rest)
        return True

    async def wait(self, who: K) -> None:
        """Until it is long enough after what this one had before."""
        time = asyncio.get_running_loop().time
        while (rest := self._free_at.get(who, 0.0) - self.ahead - time()) > 0:  # noqa: ASYNC110 -- more may be noted
            await asyncio.sleep(rest)

    def note(self, who: K, begun: float, ended: float) -> None:
        """Charge this one the time between two moments of the loop's."""
        self._free_at[who] = max(begun, self._free_at.get(who, 0.0)) + (ended - begun) / self.share
        if len(self._free_at) > _MOST:
            self._free_at = {one: at for one, at in self._free_at.items() if at > ended}
