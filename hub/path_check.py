"""Paths against the foreign keys they come from: what differs, and how it is mended. The foreign key is the truth.

Every path is computed anew from codes and class numbers, which never change, not from other paths. What a row says of
a day that is past is kept as it was (closed placements, marked days, ended versions) and only held against the shape
of a path.
"""

from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
import orjson

from hub import db, paths
from hub.settings import Settings

LISTED = 200
"""Differing rows told of each column; all are counted."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many columns are done, and how many there are."""

_PLACE = "p.code"
_SCHOOL = "p.code || '.' || s.code"
_CLASS = f"{_SCHOOL} || '.' || t.number"
_PUPIL = f"{_SCHOOL} || coalesce('.' || c.number, '')"
_HELD = "p.code || coalesce('.' || s.code, '') || coalesce('.' || c.number, '')"
_OF_SCHOOL = "JOIN schools s ON s.id = t.school_id JOIN places p ON p.id = s.place_id"
_OF_PUPIL = """LEFT JOIN classes c ON c.id = {0}.class_id JOIN schools s ON s.id = coalesce(c.school_id, {0}.school_id)
               JOIN places p ON p.id = s.place_id"""
_OF_STUDENT = f"JOIN students st ON st.id = t.student_id {_OF_PUPIL.format('st')}"
_OF_HOLDER = """LEFT JOIN classes c ON c.id = t.class_id
                LEFT JOIN schools s ON s.id = coalesce(t.school_id, c.school_id)
                JOIN places p ON p.id = coalesce(t.place_id, s.place_id)"""


@dataclass(frozen=True, slots=True)
class Check:
    """A column that holds a path: what it should hold, from which tables, and in which rows.

    Without `should` a row is told and never rewritten: it tells of the past and has not the shape of a path, or what
    `wrong` says is for a person to look into.
    """

    table: str
    column: str
    should: str | None
    joins: str = ""
    only: str = "true"
    key: str = "t.id"
    wrong: str = ""

    @property
    def differing(self) -> str:
        """The rows that differ, as SQL: id, the path that is, the path that should be."""
        misshaped = f"t.{self.column} !~ '{paths.PATTERN}'"
        wrong = f"t.{self.column} IS DISTINCT FROM ({self.should})" if self.should else self.wrong or misshaped
        return f"""SELECT {self.key} AS id, t.{self.column} AS held, {self.should or "NULL::text"} AS should
                   FROM {self.table} t {self.joins} WHERE ({self.only}) AND {wrong}"""  # noqa: S608 -- constants


_TODAY = "t.until IS NULL"
_PAST = (
    "place_versions",
    "school_versions",
    "grants",
    "placements",
    "student_versions",
    "problem_records",
    "class_days",
    "imports",
    "photo_imports",
    "cases",
)
CHECKS = (
    Check("places", "path", _PLACE, "JOIN places p ON p.id = t.id"),
    Check("places", "path", None, "JOIN places p ON p.id = t.parent_id", wrong="NOT starts_with(t.code, p.code)"),
    Check("place_versions", "path", _PLACE, "JOIN places p ON p.id = t.place_id", _TODAY),
    Check("schools", "path", "p.code || '.' || t.code", "JOIN places p ON p.id = t.place_id"),
    Check("schools", "territory", _PLACE, "JOIN places p ON p.id = t.located_in_id"),
    Check(
        "school_versions",
        "path",
        _SCHOOL,
        "JOIN schools s ON s.id = t.school_id JOIN places p ON p.id = t.place_id",
        _TODAY,
    ),
    Check("school_versions", "territory", _PLACE, "JOIN places p ON p.id = t.located_in_id", _TODAY),
    Check("campuses", "path", _SCHOOL, _OF_SCHOOL),
    Check("grades", "path", _SCHOOL, _OF_SCHOOL),
    Check("classes", "path", _CLASS, _OF_SCHOOL),
    Check("grants", "path", _HELD, _OF_HOLDER, "t.until IS NULL OR t.until > now()"),
    Check("students", "path", _PUPIL, _OF_PUPIL.format("t")),
    Check("placements", "path", _PUPIL, _OF_PUPIL.format("t"), f"{_TODAY} AND t.voided_at IS NULL"),
    Check("student_versions", "path", _PUPIL, _OF_STUDENT, "t.recorded_until IS NULL"),
    Check("problem_records", "path", _PUPIL, _OF_STUDENT, "t.state = 'OPEN'"),
    *(Check(table, "path", None) for table in _PAST),
    Check("absences", "path", None, key="t.class_day_id || ':' || t.student_id"),
    Check("photo_entries", "path", None, key="t.import_id || ':' || t.ordinal"),
)
"""Every column that is held against its foreign keys, then those that are held against the shape of a path."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs in one column: how many rows, and the first of them as (id, the path that is, that should be)."""

    check: Check
    rows: int
    first: list[tuple[str, str, str | None]]


async def compare(settings: Settings, progress: Progress) -> list[Difference]:
    """Hold every path against its foreign keys: the columns in which rows differ. Reads one moment of the register."""
    connection = await db.system_door(settings).connect()
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _compare(connection, progress)
    finally:
        await connection.close()


async def mend(settings: Settings, progress: Progress) -> dict[str, int]:
    """Rewrite every path that differs from its foreign keys, all or nothing; returns how many rows by column.

    Writes one audit entry and one event if there were any. A row that somebody changes meanwhile is left to them.
    """
    connection = await db.system_door(settings).connect()
    wanted = [check for check in CHECKS if check.should]
    mended: dict[str, int] = {}
    try:
        async with connection.transaction():
            for done, check in enumerate(wanted, 1):
                said = await connection.execute(
                    f"""UPDATE {check.table} AS t SET {check.column} = f.should FROM ({check.differing}) AS f
                        WHERE t.id = f.id AND t.{check.column} IS NOT DISTINCT FROM f.held"""  # noqa: S608 -- constants
                )
                if rows := int(said.removeprefix("UPDATE ")):
                    mended[f"{check.table}.{check.column}"] = rows
                progress("paths", done, len(wanted))
            if mended:
                await _record(connection, mended)
    finally:
        await connection.close()
    return mended


async def _compare(connection: asyncpg.Connection, progress: Progress) -> list[Difference]:
    found = []
    for done, check in enumerate(CHECKS, 1):
        rows = await connection.fetch(
            f"""SELECT id::text, held, should, count(*) OVER () AS rows FROM ({check.differing}) AS f
                ORDER BY f.id LIMIT {LISTED}"""  # noqa: S608 -- constants
        )
        if rows:
            first = [(row["id"], row["held"], row["should"]) for row in rows]
            found.append(Difference(check, rows[0]["rows"], first))
        progress("paths", done, len(CHECKS))
    return found


async def _record(connection: asyncpg.Connection, mended: dict[str, int]) -> None:
    facts = orjson.dumps(mended).decode()
    await connection.execute(
        "INSERT INTO audit (action, outcome, facts) VALUES ('register:mend', 'ACCEPTED', $1)", facts
    )
    await connection.execute("INSERT INTO outbox (kind, payload) VALUES ('PATHS_MENDED', $1)", facts)
