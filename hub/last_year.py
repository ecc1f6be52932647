"""Last year's pupils as rows of this year's template: who goes on stands there already, who leaves does not.

From June on the year is the one that begins in September; whoever has been promoted into it already stays as they are.

A workbook full of pupils is personal data leaving the hub: it takes the right to export, and to read every column of
the sheet unmasked, and it is told in the audit.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, codes, gate, grades, schools
from hub.caller import Caller
from hub.db import Database
from hub.errors import Forbidden
from hub.intake import press, sheet
from hub.intake.field import camel
from hub.intake.sheet import COLUMNS, Column
from hub.models import School
from hub.terms import EnrolmentState, Stage
from policies import OBJECTS, Access, Action, Policy

_LAST_GRADES = (6, 9, 12)
"""Grades that leave a school of whose stages nothing is known."""

_FOR_A_STAGE = ("class_number", "entry_month", "admission_type")
"""What is decided anew when a pupil begins a stage, and so is left blank."""

_FIRST_MONTH = 6
_PAGE = 500
_OWN = [column for column in COLUMNS if not column.member]
_FAMILY = [column for column in COLUMNS if column.member == 1]
_STORED = [column.key for column in _OWN if column.key not in ("school_code", "class_number")]
_PUPILS = text(
    f"""SELECT s.grade, s.school_year, c.official_number AS class_number, {", ".join(f"s.{key}" for key in _STORED)},
               (SELECT json_object_agg(g.position, to_json(g)) FROM guardians g
                WHERE g.student_id = s.id AND g.position IN (1, 2)) AS family
        FROM students s LEFT JOIN classes c ON c.id = s.class_id AND c.closed IS NULL
        WHERE s.school_id = :school AND s.state = :state ORDER BY s.grade, c.number, s.name_key, s.id"""  # noqa: S608 -- column names
)


class Next(Enum):
    """What becomes of a grade in the next school year."""

    GOES_ON = auto()
    BEGINS_STAGE = auto()
    LEAVES = auto()


async def rows(database: Database, policy: Policy, caller: Caller, school_code: str) -> list[bytes]:
    """The school's pupils in school of the year of intake, packed for `press.template`, by class and name.

    Classes keep their numbers when they are promoted, so a pupil's class number stays unless the class is closed.
    Who begins another stage in the same school has that, the month and the way of entry blank. Raises NotFound for a
    school out of reach, Forbidden without the rights to export and to read all of it unmasked.
    """
    query = select(School.id, School.code, School.path).where(School.code == school_code)
    school = await schools.visible(database, caller, "student:export", query)
    async with gate.writing(database, policy, caller, "student", Action.EXPORT, school.path) as connection:
        refuse_masked(policy, caller.role)
        taught = await schools.stages(connection, school.id)
        layout = grades.layout({stage: row.length for stage, row in taught.items()})
        packed = await _packed(connection, school, layout)
        await gate.record(
            connection,
            caller,
            "student:export",
            about=f"school:{school.id}",
            path=school.path,
            facts={"pupils": len(packed), "form": sheet.PUPILS.name},
            event="STUDENTS_EXPORTED",
        )
    return packed


def refuse_masked(policy: Policy, role: str) -> None:
    """Refuse a role that sees any column of the sheet masked or not at all. Raises Forbidden FORBIDDEN_FIELD."""
    for column in COLUMNS:
        noun, field = "guardian" if column.member else "student", camel(column.key)
        if field in OBJECTS[noun].fields and policy.access(role, noun, field) is not Access.READ:
            raise Forbidden("FORBIDDEN_FIELD", name=f"{noun}.{field}")


def intake_year(day: date) -> int:
    """The school year whose pupils come in with a template of this day."""
    return day.year if day.month >= _FIRST_MONTH else day.year - 1


def next_year(layout: Mapping[Stage, range], grade: int) -> Next:
    """What becomes of a grade in a school whose stages have these grades.

    The last grade of primary goes on only where the school teaches junior high, too; after junior high everybody is
    admitted anew, wherever they go (中考).
    """
    stage = next((stage for stage, held in layout.items() if grade in held), None)
    if stage is None:
        return Next.LEAVES if grade in _LAST_GRADES else Next.GOES_ON
    if grade + 1 in layout[stage]:
        return Next.GOES_ON
    return Next.BEGINS_STAGE if stage is Stage.PRIMARY and Stage.JUNIOR in layout else Next.LEAVES


async def _packed(connection: AsyncConnection, school: Any, layout: Mapping[Stage, range]) -> list[bytes]:
    """The rows of those who stay, each packed as it comes: five thousand records at once would be a hundred MB."""
    found = await connection.stream(_PUPILS, {"school": school.id, "state": EnrolmentState.IN_SCHOOL})
    year = intake_year(clock.today())
    packed: list[bytes] = []
    async for page in found.mappings().partitions(_PAGE):
        coming = [
            (dict(pupil), next_year(layout, pupil["grade"]) if pupil["school_year"] < year else Next.GOES_ON)
            for pupil in page
        ]
        packed += [press.packed(_row(school.code, pupil, then)) for pupil, then in coming if then is not Next.LEAVES]
    return packed


def _row(school_code: str, pupil: Mapping[str, Any], then: Next) -> dict[str, str]:
    blank = _FOR_A_STAGE if then is Next.BEGINS_STAGE else ()
    row = {"school_code": school_code}
    row |= {column.key: written(column, pupil[column.key]) for column in _OWN if column.key in pupil}
    row |= dict.fromkeys(blank, "")
    for number, member in (pupil["family"] or {}).items():
        row |= {f"guardian{number}.{each.key}": written(each, member[each.key]) for each in _FAMILY}
    return {slot: value for slot, value in row.items() if value}


def written(column: Column, value: Any) -> str:
    """A value of the register as it is written in the sheet, so that reading it gives the same value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return sheet.YES if value else sheet.NO
    if isinstance(value, date):
        return f"{value:%Y%m}" if column.kind == "month" else f"{value:%Y%m%d}"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if column.kind == "sex":
        return {"MALE": "男", "FEMALE": "女"}[value]
    return _option(column, value) if column.kind == "code" else str(value)


def _option(column: Column, code: str) -> str:
    """The name of an option; with its code before it where another option is called the same."""
    listed = codes.lists()[column.codes or ""]
    entry = listed.by_code(code)
    if entry is None:
        return code
    shared = sum(other.name == entry.name for other in listed.entries) > 1
    return f"{code}-{entry.name}" if shared else entry.name
