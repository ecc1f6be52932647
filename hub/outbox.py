"""The outbox's tail: what happened in the register, in order, each event once, for those who follow it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import asyncpg
import orjson

from hub import clock, db
from hub.settings import Settings

BATCH, PAUSE = 500, 0.5
"""Events a look, and seconds between two looks when nothing is new."""
_TAIL = """SELECT xid::text AS number, id, at, kind, object, path, payload FROM outbox
           WHERE (xid, id) > ($1::text::xid8, $2::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY outbox.xid, id LIMIT $3"""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where a follower stands: the transaction and the number of the last event it has seen. Written `752:18`."""

    xid: int
    id: int

    def __str__(self) -> str:
        return f"{self.xid}:{self.id}"

    @classmethod
    def read(cls, text: str) -> Self:
        """The position that a text names. Raises ValueError."""
        xid, _, number = text.partition(":")
        if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in (xid, number)):
            raise ValueError(f"不是有效的位置 Not a position: {text[:40]!r} (752:18)")
        return cls(int(xid), int(number))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: its kind, what it happened to, where, and the facts, which name no person."""

    position: Position
    at: datetime
    kind: str
    object: str | None
    path: str | None
    payload: dict[str, Any]

    @property
    def line(self) -> str:
        """The event as a line of JSON."""
        told = {
            "position": str(self.position),
            "at": self.at.astimezone(clock.SHANGHAI),
            "kind": self.kind,
            "object": self.object,
            "path": self.path,
            "payload": self.payload,
        }
        return orjson.dumps(told).decode()


async def tail(connection: asyncpg.Connection, after: Position | None, limit: int) -> list[Event]:
    """The next events after a position, in the order of their transactions; from the first one without a position.

    Only what no running transaction can still precede is told, so that a follower who goes on from the last position
    skips nothing and sees nothing twice; a transaction that stays open holds later events back until it ends.
    It crosses offices: for connections of hub_system only.
    """
    start = after or Position(0, 0)
    rows = await connection.fetch(_TAIL, str(start.xid), start.id, limit)
    return [
        Event(
            Position(int(row["number"]), row["id"]),
            row["at"],
            row["kind"],
            row["object"],
            row["path"],
            orjson.loads(row["payload"]),
        )
        for row in rows
    ]


async def follow(settings: Settings, after: Position | None, *, forever: bool) -> AsyncIterator[Event]:
    """Every event after a position; then end, or wait for more. Raises Unavailable without a database."""
    connection = await db.system_door(settings).connect()
    try:
        while True:
            events = await tail(connection, after, BATCH)
            for event in events:
                yield event
                after = event.position
            if len(events) < BATCH:
                if not forever:
                    return
                await asyncio.sleep(PAUSE)
    finally:
        await connection.close()
