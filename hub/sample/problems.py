"""Problem records planted in the sample (问题学籍), so that the truth about them is known exactly.

Who shares name, sex and birth date is decided without looking at four million pupils: some pairs of name and day are
*set apart*, and only pupils without an identity number, and those planted beside them, ever bear one. Within these no
pair is given twice unless it is planted. So nobody without a number ever meets a namesake by accident.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from hub import divisions, identity
from hub.sample import chance, numbers, people
from hub.sample.classes import Room
from hub.sample.families import Families, Family
from hub.sample.truth import Kind, Truth
from hub.terms import Sex

INVALID, DUPLICATED, NAMESAKES = 0.011, 0.0148, 0.0042
"""Shares of all pupils, by kind; together 3 %, inside the 2 to 5 % of a first load."""

_SCOPES = ("same school", "other school, same county", "other county, same city", "other city")
_SPOILS = {
    "wrong digit": 45,
    "digits swapped": 15,
    "four wrong digits": 10,
    "impossible date": 15,
    "unknown division": 12,
    "digit lost": 3,
}


def set_apart(name: str, born: int) -> bool:
    """Whether a name and a birth day (as an ordinal) are kept for pupils without an identity number."""
    return (ord(name[0]) + 3 * ord(name[-2]) + ord(name[-1]) + born) & 15 == 0


class Person(NamedTuple):
    """Who a pupil is. Without `number` there is no identity number; `born` is an ordinal."""

    name: str
    key: str
    sex: Sex
    born: int
    division: str
    number: str | None
    family: Family


class Role(NamedTuple):
    """What a seat in a class has to play: a planned person, or nobody in particular whose number gets spoilt."""

    case: int
    person: Person | None


@dataclass(slots=True)
class Case:
    """A problem being planted; its student numbers are known when its pupils have been written."""

    kind: Kind
    detail: str
    student_numbers: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """All cases, and the roles by class (its index) and seat. `namesakes` are the set-apart names already borne."""

    cases: list[Case] = field(default_factory=list)
    roles: dict[int, dict[int, Role]] = field(default_factory=dict)
    namesakes: set[tuple[str, Sex, int]] = field(default_factory=set)
    spoilt: set[str] = field(default_factory=set)

    def truth(self) -> list[Truth]:
        """The truth table, in order."""
        found = (Truth(case.kind, tuple(sorted(case.student_numbers)), case.detail) for case in self.cases)
        return sorted(found, key=lambda truth: (truth.kind, truth.student_numbers))


def birth(draw: random.Random, grade: int, year: int) -> int:
    """A birth day (as an ordinal) for a grade: six by September of grade 1; some a year older, few younger."""
    first = date(year - 6 - grade, 9, 1).toordinal()
    lot = draw.random()
    if lot < 0.86:
        return first + int(draw.random() * 365)
    return first - int(draw.random() * 365) if lot < 0.97 else first + 365 + int(draw.random() * 100)


class Planner:
    """Plans the problems of a province before its pupils are written."""

    def __init__(self, rooms: list[Room], seed: int, year: int) -> None:
        self.draw = chance.stream(seed, "problems")
        self.year = year
        self.plan = Plan()
        self._rooms = rooms
        self._ends: list[int] = []
        self._sequences: dict[tuple[str, int], int] = {}
        self._inside: dict[tuple[str, int], list[Room]] = {}
        self._counties = sorted({room.school.county.code for room in rooms})
        for room in rooms:
            for grade, _ in room.grades:
                for area in (room.school.code, room.school.county.code):
                    self._inside.setdefault((area, grade), []).append(room)

    def make(self, students: int) -> Plan:
        """A plan for so many pupils."""
        for _ in range(max(6, round(students * INVALID))):
            case = self._case("ID_INVALID", self.draw.choices(list(_SPOILS), list(_SPOILS.values()))[0])
            room, seat, _ = self._seat(self.draw.choice(self._rooms))
            self._seated(room)[seat] = Role(case, None)
        for kind, share in (("ID_DUPLICATED", DUPLICATED), ("NAME_SEX_BIRTH", NAMESAKES)):
            left = max(10, round(students * share))
            while left > 0:
                left -= self._shared(kind)  # type: ignore[arg-type]
        return self.plan

    def _case(self, kind: Kind, detail: str) -> int:
        self.plan.cases.append(Case(kind, detail))
        return len(self.plan.cases) - 1

    def _shared(self, kind: Kind) -> int:
        """Plant one case of two or three pupils; returns how many."""
        first, seat, grade = self._seat(self.draw.choice(self._rooms))
        members = [(first, seat)]
        self._seated(first)[seat] = Role(-1, None)
        turn = len(self.plan.cases)
        scope = _SCOPES[(0, 1, 2, 3, 0, 1, 2, 1, 0, 1)[turn % 10]]
        for _ in range(2 if self.draw.random() < 0.1 else 1):
            found = next(self._beside(first, grade, scope), None)
            if found is not None:
                members.append(found)
                self._seated(found[0])[found[1]] = Role(-1, None)
        if len(members) < 2:
            del self._seated(first)[seat]
            return 0
        lot = self.draw.random()
        manner = "one person" if lot < 0.55 else "different persons"
        if kind == "ID_DUPLICATED" and lot > 0.93:
            manner = "different persons, one with the household page of a namesake"
        case = self._case(kind, f"{scope}; {manner}")
        cast = self._doubles if kind == "ID_DUPLICATED" else self._namesakes
        for (room, held), person in zip(members, cast(members, grade, manner), strict=True):
            self._seated(room)[held] = Role(case, person)
        return len(members)

    def _seated(self, room: Room) -> dict[int, Role]:
        return self.plan.roles.setdefault(room.index, {})

    def _seat(self, room: Room) -> tuple[Room, int, int]:
        """A free seat near a class, with its grade."""
        while True:
            seat = self.draw.randrange(room.size)
            if seat not in self.plan.roles.get(room.index, ()):
                before = 0
                for grade, pupils in room.grades:
                    before += pupils
                    if seat < before:
                        return room, seat, grade
            room = self.draw.choice(self._rooms)

    def _beside(self, room: Room, grade: int, scope: str) -> Iterator[tuple[Room, int]]:
        """Free seats of the same grade at a distance from a class."""
        school = room.school
        for _ in range(30):
            area = school.code
            if scope != _SCOPES[0]:
                area = self.draw.choice(
                    [code for code in self._counties if _apart(code, school.county.code, scope)] or [""]
                )
            others = self._inside.get((area, grade), ())
            if not others:
                continue
            other = self.draw.choice(others)
            found, seat, held = self._seat(other)
            if found is other and held == grade and (scope != _SCOPES[1] or other.school is not school):
                yield other, seat

    def _born(self, room: Room, grade: int) -> tuple[Sex, int, str, int]:
        """Sex, birth day, division and a sequence number nobody else has."""
        while True:
            sex = Sex.MALE if self.draw.random() < 0.53 else Sex.FEMALE
            born, division = birth(self.draw, grade, self.year), room.school.county.code
            # Even and odd numbers are handed out in pairs.
            pair = self._sequences.get((division, born), numbers.PLANTED.start)
            if pair < numbers.PLANTED.stop:
                self._sequences[division, born] = pair + 2
                return sex, born, division, pair + (sex == Sex.MALE)

    def _doubles(self, members: list[tuple[Room, int]], grade: int, manner: str) -> list[Person]:
        """Persons with one identity number between them."""
        sex, born, division, sequence = self._born(members[0][0], grade)
        number = numbers.identity_number(division, born, sequence)
        cast: list[Person] = []
        for room, _ in members:
            if cast and manner == "one person":
                cast.append(cast[0])
                continue
            if cast and "namesake" in manner:
                family = Families(self.draw, room.school.county).make(born, cast[0].family.surname)
                cast.append(cast[0]._replace(family=family))
                continue
            family = Families(self.draw, room.school.county).make(born)
            name, key = self._name(family, sex, born, apart=False)
            while any(person.name == name for person in cast):
                name, key = self._name(family, sex, born, apart=False)
            cast.append(Person(name, key, sex, born, division, number, family))
        return cast

    def _namesakes(self, members: list[tuple[Room, int]], grade: int, manner: str) -> list[Person]:
        """Persons with one name, sex and birth date between them; the last has no identity number, others may."""
        sex, born, division, sequence = self._born(members[0][0], grade)
        family = Families(self.draw, members[0][0].school.county).make(born, identified=True)
        name, key = self._name(family, sex, born, apart=True)
        cast = []
        for turn, (room, _) in enumerate(members, 1):
            number = None
            if turn == 1 and self.draw.random() < 0.6:
                number = numbers.identity_number(division, born, sequence)
            if manner != "one person" and turn > 1:
                family = Families(self.draw, room.school.county).make(born, family.surname, identified=True)
            cast.append(Person(name, key, sex, born, division, number, family))
        return cast

    def _name(self, family: Family, sex: Sex, born: int, *, apart: bool) -> people.Named:
        surname, reading = family.surname
        given = people.given("younger" if born > date(2001, 9, 1).toordinal() else "elder", sex)
        while True:
            own, spelt = given[int(self.draw.random() * len(given))]
            name = surname + own
            if set_apart(name, born) == apart and not (apart and (name, sex, born) in self.plan.namesakes):
                if apart:
                    self.plan.namesakes.add((name, sex, born))
                return name, f"{reading} {spelt} {name}"


def _apart(code: str, other: str, scope: str) -> bool:
    if scope == _SCOPES[1]:
        return code == other
    return code != other and (code[:4] == other[:4]) == (scope == _SCOPES[2])


def spoil(draw: random.Random, number: str, how: str, today: date, spoilt: set[str]) -> str:
    """An identity number with a fault of the kind the case names, like no other spoilt number."""
    while True:
        wrong = _SPOILERS[how](draw, number)
        if wrong not in spoilt and identity.verdict(wrong, today=today):
            spoilt.add(wrong)
            return wrong


def _wrong_digit(draw: random.Random, number: str) -> str:
    place = draw.randrange(14, 18)
    return number[:place] + draw.choice("0123456789") + number[place + 1 :]


def _swapped(draw: random.Random, number: str) -> str:
    place = draw.randrange(4, 16)
    return number[:place] + number[place + 1] + number[place] + number[place + 2 :]


def _four_wrong(draw: random.Random, number: str) -> str:
    return number[:13] + f"{draw.randrange(10_000):04d}" + number[17:]


def _impossible_date(draw: random.Random, number: str) -> str:
    day = draw.choice(("0230", "0231", "0431", "0631", "0931", "1131", "1305", "1512", "0032", "0040"))
    return numbers.checked(number[:10] + day + number[14:17])


def _unknown_division(draw: random.Random, number: str) -> str:
    while divisions.known(code := f"14{draw.randrange(10_000):04d}"):
        continue
    return numbers.checked(code + number[6:17])


def _lost(draw: random.Random, number: str) -> str:
    place = draw.randrange(6, 17)
    return number[:place] + number[place + 1 :]


_SPOILERS = {
    "wrong digit": _wrong_digit,
    "digits swapped": _swapped,
    "four wrong digits": _four_wrong,
    "impossible date": _impossible_date,
    "unknown division": _unknown_division,
    "digit lost": _lost,
}
