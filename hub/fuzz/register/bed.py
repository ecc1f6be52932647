"""What the register is planted in: a connection, a chance, and what stands already."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

import asyncpg

from hub import clock

NAMES = (
    "same",
    "same",
    "Z",
    "z",
    "é",
    "中",
    "",
    "O'Brien",
    '"quoted"',
    "100%",
    "a_b",
    "back\\slash",
    "😀",
    "\U0010fffd",
    "~",
)
"""Names, and keys of names, that sort and quote oddly."""
_WORDS = (None, "", "x", "中", "'", '"', "%", "_", "\\", "😀", "a\U0010fffdb", "tab\there", "line\nbreak")
YEAR = 2025
"""The school year of most of it."""


class Bed:
    """The register so far, and how a row is added to it."""

    def __init__(self, connection: asyncpg.Connection, chance: Random) -> None:
        self.connection = connection
        self.chance = chance
        self.places: dict[str, int] = {}
        self.accounts: list[int] = []
        self.schools: list[dict[str, Any]] = []
        self.classes: list[dict[str, Any]] = []
        self.students: list[dict[str, Any]] = []

    async def put(self, table: str, answer: str = "id", /, **values: Any) -> Any:
        """Add a row, and answer a column of it."""
        names, marks = ", ".join(values), ", ".join(f"${at}" for at in range(1, len(values) + 1))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING {answer}"  # noqa: S608 -- our own names
        return await self.connection.fetchval(statement, *values.values())

    def word(self) -> str | None:
        """A text that may be blank, empty or odd."""
        return self.chance.choice(_WORDS)

    def moment(self) -> datetime:
        """A moment of a few days in March."""
        start = datetime(2026, 3, 2, 8, tzinfo=clock.SHANGHAI)
        return start + timedelta(hours=self.chance.randrange(99), microseconds=self.chance.choice([0, 0, 120_000, 1]))

    async def file(self, key: str) -> int:
        """A file of no content."""
        made: int = await self.put("files", account_id=self.accounts[0], name="fuzz", size=1, sha256="0", key=key)
        return made
