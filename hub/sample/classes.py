"""The sample's classes: pupils of each school divided into grades, and grades into classes."""

import random
from dataclasses import dataclass

from hub import grades, paths
from hub.sample import chance
from hub.sample.schools import Part, Sampled
from hub.terms import Stage

_TARGETS = {Stage.PRIMARY: 40, Stage.JUNIOR: 52, Stage.SENIOR: 54}
_TYPES = {Stage.PRIMARY: "10", Stage.JUNIOR: "20", Stage.SENIOR: "40"}
_DISABLED = {"511": 5, "512": 6, "513": 7, "514": 7}


@dataclass(slots=True, eq=False)
class Room:
    """A class of the sample, before it is a row. `school` holds its records; `actual` is where its pupils really read.

    `grades` are the grades taught with their pupils, several in a combined class; `index` counts through the province.
    """

    school: Sampled
    actual: Sampled | None
    stage: Stage
    first_grade: int
    length: int
    grades: list[tuple[int, int]]
    formed: int
    ordinal: int
    index: int = 0
    number: str = ""
    official_number: str = ""
    id: int = 0

    @property
    def grade(self) -> int:
        """Its grade; the lowest of a combined class."""
        return self.grades[0][0]

    @property
    def size(self) -> int:
        """How many pupils are in it."""
        return sum(pupils for _, pupils in self.grades)

    @property
    def path(self) -> str:
        """Its path, below its school's."""
        return paths.join(self.school.path, self.number)

    @property
    def type(self) -> str:
        """Its class type, as in the code list."""
        kind = _TYPES[self.stage]
        if self.school.type in _DISABLED and self.stage != Stage.SENIOR:
            return kind[0] + str(_DISABLED[self.school.type])
        if len(self.grades) > 1:
            return kind[0] + "2"
        return "13" if self.school.type == "218" else kind

    @property
    def name(self) -> str:
        """What it is called: 三年级2班, 高一5班, 一、二年级复式班."""
        return grades.class_name([grade for grade, _ in self.grades], self.ordinal)


def form(schools: list[Sampled], seed: int, year: int) -> list[Room]:
    """The classes of all schools in a school year, numbered: the hub's own numbers and the schools' class numbers."""
    draw = chance.stream(seed, "classes")
    held: dict[int, list[Room]] = {id(school): [] for school in schools}
    for school in schools:
        for part in school.parts:
            if part.pupils:
                held[id(school.host or school)] += _part(draw, school, part, year)
    rooms = []
    for school in schools:
        own = sorted(held[id(school)], key=lambda room: -room.grade)
        _number(school, own)
        rooms += own
    for index, room in enumerate(rooms):
        room.index = index
    return rooms


def _part(draw: random.Random, school: Sampled, part: Part, year: int) -> list[Room]:
    weights = [draw.uniform(0.85, 1.15) for _ in range(part.length)]
    grades = list(enumerate(chance.spread(part.pupils, weights), part.first))
    actual = None if school.host is None else school

    def room(held: list[tuple[int, int]], ordinal: int) -> Room:
        # A combined class takes pupils in every year and was formed when its eldest came.
        formed = year - (held[-1][0] - part.first)
        return Room(school.host or school, actual, part.stage, part.first, part.length, held, formed, ordinal)

    if school.type == "218" and part.pupils <= 30:
        half = len(grades) if part.pupils <= 12 else (len(grades) + 1) // 2
        halves = [[pair for pair in held if pair[1]] for held in (grades[:half], grades[half:])]
        return [room(held, 1) for held in halves if held]
    target = 10 if school.special else _TARGETS[part.stage]
    rooms = []
    for grade, pupils in grades:
        count = max(1, round(pupils / target)) if pupils else 0
        for ordinal, size in enumerate(chance.spread(pupils, [1] * count) if count else [], 1):
            rooms.append(room([(grade, size)], ordinal))
    return rooms


def _number(school: Sampled, rooms: list[Room]) -> None:
    """Number the classes as they were formed, oldest first; 班号 is the year and the class's turn in it."""
    turns: dict[int, int] = {}
    ordinals: dict[tuple[int, int], int] = {}
    for number, room in enumerate(rooms, 1):
        turns[room.formed] = turn = turns.get(room.formed, 0) + 1
        room.number = f"{number:07d}"
        room.official_number = f"{room.formed}{turn:03d}"
        if len(room.grades) == 1:
            ordinals[room.school.parts[0].first, room.grade] = room.ordinal = (
                ordinals.get((room.school.parts[0].first, room.grade), 0) + 1
            )
    school.last_class_number = len(rooms)
