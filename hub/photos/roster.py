"""Whose photo a file is, by its name: IDNUMBER.jpg, or SCHOOLCODE_CLASSNO_NAME.jpg, in whatever folders."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import identity
from hub.darkroom.archive import Entry
from hub.darkroom.room import Spoilt
from hub.models import SchoolClass, Student
from hub.terms import EnrolmentState

_HELD = (EnrolmentState.IN_SCHOOL, EnrolmentState.SUSPENDED)
_NUMBER = re.compile(r"\d{15}|\d{17}[\dX]")
_SCHOOL_CODE = re.compile(r"\d{10}")
_MOST_CLASSES = 20


@dataclass(slots=True)
class Roster:
    """The pupils of a school by what a file may be named after: number, or class and name; ids of all who fit."""

    school_code: str
    by_number: dict[str, list[int]] = field(default_factory=dict)
    by_class: dict[str, dict[str, list[int]]] = field(default_factory=dict)

    def find(self, name: str) -> tuple[int | None, str, dict[str, Any]]:
        """The pupil that a file name means, or a key of the catalogue and its values.

        Pupils of other schools and pupils of none get the same answer.
        """
        stem = name.rpartition("/")[2].rpartition(".")[0]
        parts = unicodedata.normalize("NFKC", stem).split("_", 2)
        if len(parts) == 3 and _SCHOOL_CODE.fullmatch(parts[0].strip()):
            return self._in_class(*(part.strip() for part in parts))
        number = identity.normalise(stem)
        found = self.by_number.get(number, [])
        if not found and not _NUMBER.fullmatch(number):
            return None, "PHOTO_BAD_NAME", {}
        return _only(found)

    def _in_class(self, school: str, number: str, name: str) -> tuple[int | None, str, dict[str, Any]]:
        if school != self.school_code:
            return None, "PHOTO_NO_PUPIL", {}
        if number not in self.by_class:
            classes = "、".join(sorted(self.by_class)[:_MOST_CLASSES]) or "—"
            return None, "PHOTO_UNKNOWN_CLASS", {"classes": classes}
        return _only(self.by_class[number].get(folded(name), []))


def folded(name: str) -> str:
    """A person's name as file names are compared: letters alone, since dots and blanks are typed in many ways."""
    return "".join(each for each in unicodedata.normalize("NFKC", name).casefold() if each.isalnum())


async def load(connection: AsyncConnection, school: Any) -> Roster:
    """The roster of a school: its open classes, and the pupils who are in school or suspended."""
    roster = Roster(school.code)
    classes = select(SchoolClass.id, SchoolClass.official_number).where(
        SchoolClass.school_id == school.id, SchoolClass.closed.is_(None)
    )
    numbers = {row.id: row.official_number for row in await connection.execute(classes)}
    roster.by_class = {number: {} for number in numbers.values()}
    pupils = select(Student.id, Student.id_number, Student.name, Student.class_id).where(
        Student.school_id == school.id, Student.state.in_(_HELD)
    )
    for pupil in await connection.execute(pupils):
        if pupil.id_number:
            roster.by_number.setdefault(pupil.id_number, []).append(pupil.id)
        if pupil.class_id in numbers:
            named = roster.by_class[numbers[pupil.class_id]]
            named.setdefault(folded(pupil.name), []).append(pupil.id)
    return roster


@dataclass(slots=True)
class Matched:
    """The files of an upload, sorted: whose photo each is, by its number; those that are nobody's, and why."""

    pupils: dict[int, int] = field(default_factory=dict)
    spoilt: list[Spoilt] = field(default_factory=list)
    known: dict[int, int] = field(default_factory=dict)
    """The pupils of spoilt files that are somebody's."""


def match(roster: Roster, entries: Iterable[Entry]) -> Matched:
    """Sort files by pupil. Several of one pupil are none: nobody knows which is meant."""
    matched, files = Matched(), {}
    claims: dict[int, list[int]] = {}
    for entry in entries:
        pupil, key, values = (None, entry.bar, {}) if entry.bar else roster.find(entry.name)
        if pupil is None:
            matched.spoilt.append(Spoilt(entry.ordinal, key or "", values))
        else:
            files[entry.ordinal] = entry.name
            claims.setdefault(pupil, []).append(entry.ordinal)
    for pupil, ordinals in claims.items():
        if len(ordinals) == 1:
            matched.pupils[ordinals[0]] = pupil
            continue
        matched.known |= dict.fromkeys(ordinals, pupil)
        named = "、".join(files[ordinal] for ordinal in ordinals[:5])
        matched.spoilt += [Spoilt(ordinal, "PHOTO_TWICE", {"files": named}) for ordinal in ordinals]
    return matched


def _only(found: Sequence[int]) -> tuple[int | None, str, dict[str, Any]]:
    if len(found) == 1:
        return found[0], "", {}
    return None, "PHOTO_AMBIGUOUS" if found else "PHOTO_NO_PUPIL", {}
