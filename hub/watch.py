"""What subscriptions wait for: imports that change, looked at for everybody in one statement.

Nothing notifies: `LISTEN` needs a connection of its own that no transaction pooler can carry, and a `NOTIFY` makes
those who commit wait for each other. A look every half second costs the same however many wait.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from time import monotonic

from hub.db import Database
from hub.rounds import rounds
from hub.terms import FINISHED_IMPORTS

_LOOK = "SELECT id, xmin::text AS version, state FROM imports WHERE id = ANY($1)"


@dataclass(frozen=True, slots=True)
class Seen:
    """A row as it was at a look: which version of it, and whether it will change no more."""

    version: str
    over: bool


@dataclass(slots=True, eq=False)
class _Waiting:
    """Somebody who waits for a row: what they were told last, and when."""

    key: int
    seen: Seen | None
    told: float
    called: asyncio.Event = field(default_factory=asyncio.Event)


class Watch:
    """The imports that the subscriptions of one process watch. Whoever is told reads for themselves, in their reach."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.settings = database.settings
        self._waiting: set[_Waiting] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def looking(self) -> AbstractAsyncContextManager[None]:
        """Look in the background while a block runs, every `watch_seconds`."""
        return rounds(self.settings.watch_seconds, self.look, "imports not watched")

    async def changes(self, key: int) -> AsyncGenerator[None, None]:
        """Tells at once, then whenever the row is another or gone, and after `heartbeat` seconds without a change.

        Ends once it has told of a row that will change no more. Somebody slow is told of several changes as of one.
        """
        waiting = _Waiting(key, (await self._seen([key])).get(key), monotonic())
        self._waiting.add(waiting)
        try:
            while True:
                yield
                if waiting.seen is not None and waiting.seen.over:
                    return
                await waiting.called.wait()
                waiting.called.clear()
        finally:
            self._waiting.discard(waiting)

    async def look(self) -> None:
        """Call those whose row has changed or who have heard nothing for long: who waited longest first, and no more
        than `event_rate` allows. The others keep their turn for the next look.
        """
        waiting = [one for one in self._waiting if not one.called.is_set()]
        if not waiting:
            return
        rows = await self._seen({one.key for one in waiting})
        now = monotonic()
        due = [one for one in waiting if rows.get(one.key) != one.seen or now - one.told >= self.settings.heartbeat]
        due.sort(key=lambda one: one.told)
        for one in due[: max(1, int(self.settings.event_rate * self.settings.watch_seconds))]:
            one.seen, one.told = rows.get(one.key), now
            one.called.set()

    async def _seen(self, keys: Collection[int]) -> dict[int, Seen]:
        async with self.database.reading() as connection:
            rows = await connection.fetch(_LOOK, list(keys))
        return {row["id"]: Seen(row["version"], row["state"] in FINISHED_IMPORTS) for row in rows}
