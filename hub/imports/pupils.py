"""Whom a row means: a school's pupils as rows recognise them, and what differs between a row and a record."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.intake.sheet import COLUMNS, KEY_DATA

PLAIN = tuple(column.key for column in COLUMNS if not column.member and column.key not in (*KEY_DATA, "school_code"))
"""What an import may change: every column of the sheet that is not key data."""
KEPT = (*KEY_DATA[:-1], *PLAIN)
"""The columns of a record that a sheet fills."""
MEMBER = tuple(column.key for column in COLUMNS if column.member == 1)
"""The columns of a family member that a sheet fills."""
FAMILY = "family"
"""What changes are called that are a family member's."""

_RECOGNISED = ("id", "name", "sex", "birth_date", "id_number", "class_id", "state")
_OF_SCHOOL = text(
    f"SELECT {', '.join(_RECOGNISED)} FROM students WHERE school_id = :school AND state <> 'DELETED'"  # noqa: S608 -- column names
)
_LIKE = text(
    f"""{_OF_SCHOOL.text} AND (id_number = :id_number OR (name = :name AND sex = :sex AND birth_date = :birth_date))"""
)

Pupil = dict[str, Any]
Pupils = dict[Any, Pupil]
"""Pupils by identity number, and by name, sex and birth date."""


async def of_school(connection: AsyncConnection, school_id: int) -> Pupils:
    """A school's pupils as far as rows recognise them by it: a deleted record is nobody, so its pupil may come anew."""
    return _known(await connection.execute(_OF_SCHOOL, {"school": school_id}))


async def like(connection: AsyncConnection, school_id: int, values: Pupil) -> Pupils:
    """Those of a school's pupils by whom one row could be recognised: of its number, or its namesakes."""
    asked = {key: values[key] for key in ("id_number", "name", "sex", "birth_date")}
    return _known(await connection.execute(_LIKE, asked | {"school": school_id}))


def _known(rows: Iterable[Any]) -> Pupils:
    known: Pupils = {}
    for values in rows:
        remember(known, dict(zip(_RECOGNISED, values, strict=True)))
    return known


async def records(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, Pupil]:
    """What is on record of known pupils, with their families, by id."""
    if not ids:
        return {}
    columns = ", ".join(f"s.{key}" for key in KEPT)
    members = ", ".join(f"'{key}', g.{key}" for key in MEMBER)
    found = await connection.execute(
        text(
            f"""SELECT s.id, s.class_id, s.version, {columns}, (SELECT coalesce(json_agg(json_build_object(
                    'position', g.position, {members}) ORDER BY g.position), '[]')
                  FROM guardians g WHERE g.student_id = s.id) AS family
                FROM students s WHERE s.id = ANY (:ids)"""  # noqa: S608 -- column names of this module
        ),
        {"ids": list(ids)},
    )
    return {row.id: dict(row._mapping) for row in found}


def remember(pupils: Pupils, pupil: Pupil) -> None:
    """Keep a pupil by number and by person; of namesakes the one without a number is found by person."""
    if pupil["id_number"]:
        pupils[pupil["id_number"]] = pupil
        pupils.setdefault(_person(pupil), pupil)
    else:
        pupils[_person(pupil)] = pupil


def recognise(pupils: Pupils, values: Pupil) -> Pupil | None:
    """The pupil of a row: by number, or by person where the row or the record has no number."""
    number = values["id_number"]
    if number and number in pupils:
        return pupils[number]
    found = pupils.get(_person(values))
    return found if found is None or not (number and found["id_number"]) else None


def changed(old: Pupil, values: Pupil, members: list[Pupil]) -> dict[str, Any]:
    """What of a record a row replaces: the old values by column."""
    plain = {key: old[key] for key in PLAIN if not same(old[key], values[key])}
    return plain if members == old[FAMILY] else plain | {FAMILY: old[FAMILY]}


def same(old: Any, new: Any) -> bool:
    """Whether a record and a row say the same."""
    if isinstance(old, Decimal) and isinstance(new, Decimal):  # the register keeps fewer decimals than a sheet may
        return old == new.quantize(old, ROUND_HALF_UP)
    return bool(old == new) or (old is not None and new is not None and str(old) == str(new))


def _person(values: Pupil) -> tuple[Any, ...]:
    return values["name"], values["sex"], values["birth_date"]
