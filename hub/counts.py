"""The cube of counts: folding what has changed into its cells, and holding them against a recount.

The triggers, the fold itself and the recount are SQL functions of the database, run as hub_system: a county's count
holds schools of other offices.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from hub import db
from hub.db import Database
from hub.rounds import rounds
from hub.settings import Settings

BATCH = 20_000
"""Deltas of one fold: a transaction of some hundred milliseconds at most."""
MEASURES = ("students", "boarding", "migrant", "left_behind", "without_id", "photo_missing", "open_problems")
_FOLD = "SELECT fold_counts($1)"
_DIFFERING = """
SELECT axis, path, school_year, grade, sex, state, kept, counted FROM differing_counts()
UNION ALL SELECT axis, path, NULL, NULL, NULL, state, kept, counted FROM differing_totals()"""


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell that is not what counting the register gives, or a total, which has no year, grade and sex, that is not
    what its cells add up to: which one, what is kept, what is right.
    """

    axis: str
    path: str
    school_year: int | None
    grade: int | None
    sex: str | None
    state: str
    kept: tuple[int, ...] | None
    counted: tuple[int, ...] | None

    @property
    def line(self) -> str:
        """The cell or total, and its measures that differ."""
        kept, counted = (numbers or (0,) * len(MEASURES) for numbers in (self.kept, self.counted))
        differing = [
            f"{name} {one}≠{other}" for name, one, other in zip(MEASURES, kept, counted, strict=True) if one != other
        ]
        named = (self.axis, self.path, self.school_year, self.grade, self.sex, self.state)
        where = " ".join(str(name) for name in named if name is not None)
        return f"{where}: {', '.join(differing)}"


async def fold(settings: Settings) -> int:
    """Fold everything there is to fold, as after a load: how many deltas. Stops where somebody else is folding, or
    only pupils are left that a transaction still holds.
    """
    connection = await db.system_door(settings).connect()
    try:
        done = 0
        while some := await connection.fetchval(_FOLD, BATCH):
            done += some
        return done
    finally:
        await connection.close()


def folding(database: Database) -> AbstractAsyncContextManager[None]:
    """Fold in the background while a block runs, every `fold_seconds`; not at all where that is 0."""

    async def fold_all() -> None:
        while await _fold_some(database) >= BATCH:
            pass

    return rounds(database.settings.fold_seconds, fold_all, "counts not folded")


async def differences(settings: Settings) -> list[Difference]:
    """Every cell that, with what is not folded yet, differs from a recount in the same snapshot, and every total that
    differs from its cells.
    """
    connection = await db.system_door(settings).connect()
    try:
        return [_difference(row) for row in await connection.fetch(_DIFFERING)]
    finally:
        await connection.close()


async def rebuild(settings: Settings) -> None:
    """Count everything anew. Writers of pupils, schools and problem records wait until it is done."""
    connection = await db.system_door(settings).connect()
    try:
        await connection.execute("SELECT rebuild_counts()")
    finally:
        await connection.close()


async def _fold_some(database: Database) -> int:
    async with database.system.begin() as connection:
        folded = await connection.execute(text("SELECT fold_counts(:many)"), {"many": BATCH})
        return folded.scalar_one() or 0


def _difference(row: Any) -> Difference:
    named = {name: row[name] for name in ("axis", "path", "school_year", "grade", "sex", "state")}
    kept, counted = (None if row[name] is None else tuple(row[name]) for name in ("kept", "counted"))
    return Difference(**named, kept=kept, counted=counted)
