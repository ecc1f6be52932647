"""How a sound row is spoiled: a school's sheet, numbers and families for its rows, and where a broken rule is noted."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub import clock, identity

Row = dict[str, Any]
Findings = list[tuple[str, str]]
"""What a row is to be told: slots and codes."""
TODAY = clock.today()


@dataclass
class Sheet:
    """A school's pupils on their way to a sheet: its rows, and which pupils the register knows.

    `classes` are grades by class number. `free` are the places of rows that are new to the register and still sound.
    """

    code: str
    founder: str
    classes: Mapping[str, int]
    typed: bool
    rows: list[Row]
    known: set[int]
    free: list[int] = field(default_factory=list)
    others: list[Row] = field(default_factory=list)
    """Pupils of other schools of its kind whom the register knows, and nobody has taken."""

    def grade(self, row: Row) -> int:
        return self.classes[row["class_number"]]

    def add(self, row: Row) -> int:
        """One more row at the end, without a number in the class; its place."""
        self.rows.append({**row, "number_in_class": ""})
        return len(self.rows) - 1


def number(born: str, sex: str, sequence: int, division: str = "140105") -> str:
    """A sound identity number."""
    body = f"{division}{born}{(2 * sequence + (sex == '男')) % 1000:03d}"
    return body + identity.check_character(body)


def grown(relation: str = "父亲", years: int = 40, end: str = "") -> str:
    """The number of a grown-up of some age, who is of the sex of the relation; where wanted, one of this last character."""
    born = f"{TODAY.year - years}0304"
    found = (number(born, "女" if relation == "母亲" else "男", at) for at in range(1, 400))
    return next(each for each in found if each.endswith(end))


def alone(row: Row, relation: str = "父亲", **guardian: str) -> None:
    """Leave the pupil one family member, of this relation, the guardian and without papers unless it is said."""
    for slot in [slot for slot in row if slot.startswith("guardian2.")]:
        row[slot] = ""
    given = {"relation": relation, "relation_note": "", "is_guardian": "是", "id_type": "", "id_number": ""} | guardian
    row |= {f"guardian1.{key}": value for key, value in given.items()}


def without_papers(row: Row) -> None:
    """A sound pupil without a number, known by that of the father."""
    row |= {"id_type": "其他", "id_number": ""}
    alone(row, id_type="居民身份证", id_number=grown())


def reborn(row: Row, born: str) -> None:
    """Another birth date, also in the number, and a father of whom no number is known."""
    row |= {"birth_date": born, "id_number": number(born, row["sex"], 40, row["id_number"][:6])}
    alone(row)


def both(row: Row, relation: str, note: str = "") -> None:
    """A second family member, of whom only name and relation are said."""
    alone(row)
    row |= {"guardian2.name": "王大力", "guardian2.relation": relation, "guardian2.relation_note": note}


Planter = Callable[[Sheet, int, random.Random], tuple[int, Findings] | None]
"""Spoils the row at a place; which row is found out, and what is told of it. None where the row cannot break the rule."""

PLANTERS: dict[str, Planter] = {}


def broken_by(code: str, *also: str, slot: str, **elsewhere: str) -> Callable[[Callable[[Sheet, Row], Any]], None]:
    """A rule that a change of one row breaks; `also` are warnings of the same cell that go with it, as others do."""

    def register(change: Callable[[Sheet, Row], Any]) -> None:
        def plant(sheet: Sheet, at: int, _draw: random.Random) -> tuple[int, Findings] | None:
            told = [*((slot, each) for each in (code, *also)), *elsewhere.items()]
            return None if change(sheet, sheet.rows[at]) is False else (at, told)

        PLANTERS[code] = plant

    return register


def changed(code: str, slot: str, **changes: str) -> None:
    """A rule that is broken by these cells, whatever else the row says; double underscores are dots."""
    written = {name.replace("__", "."): value for name, value in changes.items()}
    broken_by(code, slot=slot)(lambda _sheet, row: row.update(written))


def apart(planter: Planter) -> None:
    """A rule that more than one row breaks: the planter has its code for a name."""
    PLANTERS[planter.__name__.lstrip("_").upper()] = planter
