"""Forming classes: what a school has under its lock, whether a class can be, its numbers and its name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, codes, grades, paths, schools
from hub.errors import BadInput, Conflict
from hub.models import Campus, ClassGrade, Grade, School, SchoolClass
from hub.terms import Stage

_DIGITS = {Stage.PRIMARY: "1", Stage.JUNIOR: "2", Stage.SENIOR: "4"}
_LAST_TURN = 999
_MONTHS_AHEAD = 3
_EARLIEST = date(1990, 1, 1)
_COLUMNS = """school_id, campus_id, path, number, official_number, name, grade, school_year, combined, type, length,
              formed, teacher_name, monitor_name"""
_INSERT = text(
    f"""INSERT INTO classes ({_COLUMNS})
        SELECT {_COLUMNS} FROM json_populate_recordset(CAST(NULL AS classes), CAST(:rows AS json))
        RETURNING id, number"""  # noqa: S608 -- column names of this module
)
_TAUGHT = text(
    """INSERT INTO class_grades (class_id, school_year, grade)
       SELECT class_id, school_year, grade
       FROM json_populate_recordset(CAST(NULL AS class_grades), CAST(:rows AS json))"""
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A class to be. `grades` are several of a combined class (复式班); what is None is left to the hub."""

    grades: Sequence[int]
    school_year: int | None = None
    official_number: str | None = None
    name: str | None = None
    campus_id: int | None = None
    type: str | None = None
    formed: date | None = None
    teacher_name: str | None = None
    monitor_name: str | None = None

    @property
    def year(self) -> int:
        """Its school year: the present one unless told."""
        return clock.school_year(clock.today()) if self.school_year is None else self.school_year


@dataclass(frozen=True, slots=True)
class Held:
    """What a school has while its row is locked: nobody else can add to it.

    `open` are its grades by school year and number, `classes` all it ever had by official number, planned ones too.
    """

    school_id: int
    path: str
    open: Mapping[tuple[int, int], Stage]
    lengths: Mapping[Stage, int]
    campuses: Mapping[int, str]
    classes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """A class the school has, or is about to have."""

    id: int | None
    official_number: str
    name: str
    school_year: int
    grades: Sequence[int]
    campus_id: int | None
    type: str | None
    formed: date | None
    teacher_name: str | None
    monitor_name: str | None
    closed: date | None


async def survey(connection: AsyncConnection, school_id: int) -> Held:
    """Lock a school and see what it has. Raises Conflict SCHOOL_CLOSED."""
    school = await schools.lock(connection, school_id)
    opened = select(Grade.school_year, Grade.number, Grade.stage).where(Grade.school_id == school_id)
    campuses = select(Campus.id, Campus.name).where(Campus.school_id == school_id, Campus.closed.is_(None))
    taught = await schools.stages(connection, school_id)
    return Held(
        school_id,
        school.path,
        {(row.school_year, row.number): Stage(row.stage) for row in await connection.execute(opened)},
        {stage: row.length for stage, row in taught.items()},
        {row.id: row.name for row in await connection.execute(campuses)},
        await _classes(connection, school_id),
    )


async def _classes(connection: AsyncConnection, school_id: int) -> dict[str, Any]:
    held, taught = SchoolClass, ClassGrade
    several = (
        select(func.array_agg(taught.grade))
        .where(taught.class_id == held.id, taught.school_year == held.school_year)
        .scalar_subquery()
    )
    query = select(
        held.id,
        held.official_number,
        held.name,
        held.school_year,
        func.coalesce(several, array([held.grade])),
        held.campus_id,
        held.type,
        held.formed,
        held.teacher_name,
        held.monitor_name,
        held.closed,
    ).where(held.school_id == school_id)
    return {row.official_number: Known(*row) for row in await connection.execute(query)}


def plan(held: Held, wanted: Wanted) -> dict[str, Any]:
    """The row of a class, held among the school's from now on, so that the next one takes other numbers.

    Raises Conflict GRADE_NOT_OPEN or CLASS_NUMBER_TAKEN, BadInput for a campus, type or month that cannot be.
    """
    taught = sorted(set(wanted.grades))
    stage = _stage(held, wanted.year, taught)
    if wanted.campus_id is not None and wanted.campus_id not in held.campuses:
        raise BadInput("UNKNOWN_CAMPUS", field="campusId", campuses="、".join(held.campuses.values()) or "—")
    if wanted.formed is not None:
        _judge_month(wanted.formed, clock.today())
    row: dict[str, Any] = {
        "school_id": held.school_id,
        "official_number": _number(held, wanted),
        "name": wanted.name or _name(held, wanted.year, taught),
        "grade": taught[0],
        "grades": taught,
        "school_year": wanted.year,
        "combined": len(taught) > 1,
        "type": _type(wanted.type, stage, combined=len(taught) > 1),
        "length": held.lengths.get(stage),
        "formed": wanted.formed and wanted.formed.replace(day=1),
        "campus_id": wanted.campus_id,
        "teacher_name": wanted.teacher_name,
        "monitor_name": wanted.monitor_name,
    }
    told = {key: row[key] for key in Known.__slots__ if key in row}
    held.classes[row["official_number"]] = Known(id=None, closed=None, **told)
    return row


async def insert(connection: AsyncConnection, held: Held, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Write planned classes with the hub's own numbers; their ids in the same order. Three statements, however many."""
    query = update(School).where(School.id == held.school_id)
    query = query.values(last_class_number=School.last_class_number + len(rows))
    last: int = (await connection.execute(query.returning(School.last_class_number))).scalar_one()
    for number, row in enumerate(rows, last - len(rows) + 1):
        row["number"] = f"{number:07d}"
        row["path"] = paths.join(held.path, row["number"])
    issued = await connection.execute(_INSERT, {"rows": _json(rows)})
    ids = {row.number: row.id for row in issued}
    taught = [
        {"class_id": ids[row["number"]], "school_year": row["school_year"], "grade": grade}
        for row in rows
        for grade in row["grades"]
    ]
    await connection.execute(_TAUGHT, {"rows": _json(taught)})
    return [ids[row["number"]] for row in rows]


def _stage(held: Held, year: int, taught: Sequence[int]) -> Stage:
    """The stage of the lowest grade. Raises Conflict GRADE_NOT_OPEN."""
    opened = sorted(number for other, number in held.open if other == year)
    for number in taught:
        if number not in opened:
            named = "、".join(grades.name(other) for other in opened) or "—"
            raise Conflict("GRADE_NOT_OPEN", field="grade", year=year, grade=grades.name(number), open=named)
    return held.open[year, taught[0]]


def _judge_month(formed: date, today: date) -> None:
    ahead = (formed.year - today.year) * 12 + formed.month - today.month
    if formed < _EARLIEST or ahead > _MONTHS_AHEAD:
        raise BadInput("BAD_MONTH_FORMED", field="formed")


def _number(held: Held, wanted: Wanted) -> str:
    """The official class number (班号): the school's own, or the next of the year (2013001)."""
    given, year = wanted.official_number, wanted.year
    if given is not None:
        if given in held.classes:
            taken = held.classes[given].name
            raise Conflict("CLASS_NUMBER_TAKEN", field="officialNumber", number=given, name=taken)
        return given
    turns = {int(number[4:]) for number in held.classes if len(number) == 7 and number[:4] == str(year)}
    following = max(turns, default=0) + 1
    free = [following] if following <= _LAST_TURN else [turn for turn in range(1, _LAST_TURN) if turn not in turns]
    if not free:
        raise Conflict("CLASS_NUMBERS_SPENT", year=year)
    return f"{year}{free[0]:03d}"


def _name(held: Held, year: int, taught: Sequence[int]) -> str:
    """The first name of the usual kind that no open class of the school year has."""
    used = {known.name for known in held.classes.values() if known.school_year == year and known.closed is None}
    ordinal = 1
    while grades.class_name(taught, ordinal) in used:
        ordinal += 1
    return grades.class_name(taught, ordinal)


def _type(given: str | None, stage: Stage, *, combined: bool) -> str:
    """The class type: as given if it suits the stage, else ordinary or combined."""
    listed = codes.lists()["CLASS_TYPE"].in_force(clock.today())
    fitting = [entry.code for entry in listed if entry.code[0] == _DIGITS[stage]]
    if given is not None and given not in fitting:
        raise BadInput("UNKNOWN_CLASS_TYPE", field="type", type=given[:20], options="、".join(fitting))
    usual = _DIGITS[stage] + ("2" if combined and stage is not Stage.SENIOR else "0")
    return usual if given is None else given


def _json(rows: Any) -> str:
    return orjson.dumps(rows, default=str).decode()
