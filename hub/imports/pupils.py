"""Whom a row means: a school's pupils as rows recognise them, and what differs between a row and a record."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import chain
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, identity
from hub.intake.sheet import COLUMNS, KEY_DATA

PLAIN = tuple(column.key for column in COLUMNS if not column.member and column.key not in (*KEY_DATA, "school_code"))
"""What an import may change: every column of the sheet that is not key data."""
KEPT = (*KEY_DATA[:-1], *PLAIN)
"""The columns of a record that a sheet fills."""
MEMBER = tuple(column.key for column in COLUMNS if column.member == 1)
"""The columns of a family member that a sheet fills."""
FAMILY = "family"
"""What changes are called that are a family member's."""

_RECOGNISED = ("id", "name", "sex", "birth_date", "id_number", "class_id", "number_in_class", "state")
_OF_SCHOOL = text(
    f"SELECT {', '.join(_RECOGNISED)} FROM students WHERE school_id = :school AND state <> 'DELETED'"  # noqa: S608 -- column names
)
_LIKE = text(
    f"""{_OF_SCHOOL.text} AND (id_number = :id_number OR (name = :name AND sex = :sex AND birth_date = :birth_date))"""
)

_NUMBERED = text(
    """SELECT name, sex, birth_date, id_number FROM students
       WHERE school_id = :school AND state <> 'DELETED' AND id_number IS NOT NULL"""
)

Pupil = dict[str, Any]


class Pupils:
    """Pupils as rows recognise them: by identity number, or else by name, sex and birth date."""

    def __init__(self) -> None:
        self._numbered: dict[str, Pupil] = {}
        self._persons: dict[tuple[Any, ...], list[Pupil]] = {}

    def __iter__(self) -> Iterator[Pupil]:
        return chain.from_iterable(self._persons.values())

    def add(self, pupil: Pupil) -> None:
        """Keep a pupil."""
        if pupil["id_number"]:
            self._numbered[pupil["id_number"]] = pupil
        self._persons.setdefault(_person(pupil), []).append(pupil)

    def find(self, values: Pupil) -> list[Pupil]:
        """Whom a row may mean: who has its number, or else the same person where one of the two has no number."""
        number = values["id_number"]
        if number and number in self._numbered:
            return [self._numbered[number]]
        alike = self._persons.get(_person(values), ())
        return [pupil for pupil in alike if not (number and pupil["id_number"])]


async def wrongly_numbered(connection: AsyncConnection, school_id: int) -> list[tuple[str, str, str, str]]:
    """Name, sex, birth date and identity number of those pupils of a school whose number is no sound resident's."""
    today = clock.today()
    return [
        (pupil.name, pupil.sex, str(pupil.birth_date), pupil.id_number)
        for pupil in await connection.execute(_NUMBERED, {"school": school_id})
        if identity.verdict(pupil.id_number, sex=pupil.sex, birth_date=pupil.birth_date, today=today)
    ]


async def of_school(connection: AsyncConnection, school_id: int) -> Pupils:
    """A school's pupils as far as rows recognise them by it: a deleted record is nobody, so its pupil may come anew."""
    return _known(await connection.execute(_OF_SCHOOL, {"school": school_id}))


async def like(connection: AsyncConnection, school_id: int, values: Pupil) -> Pupils:
    """Those of a school's pupils by whom one row could be recognised: of its number, or its namesakes."""
    asked = {key: values[key] for key in ("id_number", "name", "sex", "birth_date")}
    return _known(await connection.execute(_LIKE, asked | {"school": school_id}))


def _known(rows: Iterable[Any]) -> Pupils:
    known = Pupils()
    for values in rows:
        known.add(dict(zip(_RECOGNISED, values, strict=True)))
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
