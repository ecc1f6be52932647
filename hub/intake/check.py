"""The checks of a pupil's row that need no register: pure functions from cells to rows and faults."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from hub import identity
from hub.intake import messages, values
from hub.intake.grid import Sheet
from hub.intake.sheet import COLUMNS, Column
from hub.intake.values import School, Wrong

LONGEST_PART = 1_000
"""Rows a part has at most: enough that the cost of a statement does not matter."""
_RESIDENT_ID, _NO_ID = "1", "Z"
_CHINA, _NOT_OVERSEAS, _OTHER_RELATION = "CHN", "00", "97"
_SPECIAL_SCHOOL = "51"
_ANY_AGE = (0, 120)
_MONTHS_AHEAD = 3
_DISABILITIES = {None: {"0"}, "00": {"0"}, "11": {"1"}, "12": {"2"}, "13": {"5"}, "19": {"3", "4", "6", "7", "8"}}


@dataclass(slots=True)
class Row:
    """One sound row: its Excel number, the pupil's 47 attributes by key, and the family members who are named.

    `guardians` hold twelve attributes each and `number`, 1 or 2. What the sheet leaves blank is None.
    """

    number: int
    values: dict[str, Any]
    guardians: list[dict[str, Any]]

    def flat(self) -> list[Any]:
        """The 71 values in the columns' order."""
        members = {guardian["number"]: guardian for guardian in self.guardians}
        empty: dict[str, Any] = {}
        return [
            members.get(column.member, empty).get(column.key) if column.member else self.values[column.key]
            for column in COLUMNS
        ]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in one cell: the Excel row and column letter, the column's header and slot, a message key.

    `value` is the cell as a report may show it (identity numbers masked), `values` what the message's text names.
    """

    row: int
    column: str
    header: str
    slot: str
    key: str
    value: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    def text(self, language: Literal["zh", "en"] = "zh") -> str:
        """What is wrong, for a person."""
        return messages.MESSAGES[self.key].text(language).format_map({"header": self.header, **self.values})

    def remedy(self, language: Literal["zh", "en"] = "zh") -> str:
        """What to write instead."""
        return messages.MESSAGES[self.key].remedy(language).format_map({"header": self.header, **self.values})


@dataclass(slots=True)
class Checked:
    """A part of a sheet: its sound rows, the faults of the others, how many rows it had, how many are to come.

    `letters` are the sheet's columns by slot, `unknown` the headers that nobody knows.
    """

    rows: list[Row]
    faults: list[Fault]
    total: int
    coming: int = 0
    letters: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def check(
    read: Sheet, *, school_code: str, class_numbers: Collection[str], today: date, size: int = LONGEST_PART
) -> Iterator[Checked]:
    """Check a sheet part by part; a row with any fault is not among the sound ones.

    The first part has `size` rows, each next twice as many up to `LONGEST_PART`. All faults of a row are told. Blank
    rows do not count; a sheet of them alone is one part without rows. A row with another school's code gets that one
    fault, whichever school it is. Of rows with the same identity number, or without one the same name, sex, birth
    date and class, the first stands, in whichever part it was.
    """
    examiner = _Examiner(read, School(school_code, frozenset(class_numbers)), today)
    done = 0
    while True:
        rows = read.rows[done : done + size]
        for number, cells in rows:
            examiner.examine(number, cells)
        done, size = done + len(rows), min(size * 2, LONGEST_PART)
        yield examiner.part(len(read.rows) - done)
        if done == len(read.rows):
            return


def judge(pupil: Mapping[str, Any], found: dict[str, list[Wrong]], school: School, today: date) -> None:
    """Judge the values of one row by slot, however they came; what is wrong joins what was found in reading them."""
    _require(pupil, found)
    _judge_pupil(pupil, found, school, today)
    _judge_family(pupil, found, today)


def row(number: int, flat: Sequence[Any]) -> Row:
    """A row from its 71 values in the columns' order."""
    guardians = []
    for member, places in _MEMBERS.items():
        attributes = [flat[place] for place in places]
        if attributes.count(None) < len(attributes):
            guardians.append({"number": member, **dict(zip(_MEMBER_KEYS, attributes, strict=True))})
    return Row(number, {key: flat[place] for key, place in _PUPIL}, guardians)


_SLOTS = [column.slot for column in COLUMNS]
_PUPIL = [(column.key, place) for place, column in enumerate(COLUMNS) if not column.member]
_MEMBER_KEYS = [column.key for column in COLUMNS if column.member == 1]
_MEMBERS = {member: [place for place, column in enumerate(COLUMNS) if column.member == member] for member in (1, 2)}
_REQUIRED = [column.slot for column in COLUMNS if column.required]
_NEEDED_OF_SECOND = ["guardian2.name", "guardian2.relation"]
_SECOND = [_SLOTS[place] for place in _MEMBERS[2]]
_UNSEEN: Any = object()


class _Examiner:
    """The state of one sheet's check: what was parsed before, and who was seen before."""

    def __init__(self, read: Sheet, school: School, today: date) -> None:
        self.read, self.school, self.today = read, school, today
        self._part = Checked([], [], 0)
        shared: dict[Any, dict[str, Any]] = {}
        self._parsed = [shared.setdefault(_meaning(column), {}) for column in COLUMNS]
        self._seen: dict[Any, int] = {}
        self._odd_rows = {number for number, _ in read.oddities}

    def part(self, coming: int) -> Checked:
        """What was examined since the last part."""
        part, self._part = self._part, Checked([], [], 0)
        part.coming, part.letters, part.unknown = coming, self.read.letters, self.read.unknown
        return part

    def examine(self, number: int, cells: Sequence[Any]) -> None:
        """Check one row."""
        flat, found = self._parse(number, cells)
        if not found and all(value is None for value in flat):
            return
        self._part.total += 1
        foreign = found.get("school_code")
        if foreign is not None and foreign[0].key == "ROW_NOT_YOUR_SCHOOL":
            found = {"school_code": foreign}
        else:
            pupil = dict(zip(_SLOTS, flat, strict=True))
            judge(pupil, found, self.school, self.today)
            self._judge_twins(number, pupil, found)
        if not found:
            self._part.rows.append(row(number, flat))
            return
        for place, column in enumerate(COLUMNS):
            for wrong in found.get(column.slot, ()):
                self._part.faults.append(self._fault(number, column, cells[place], wrong))

    def _parse(self, number: int, cells: Sequence[Any]) -> tuple[list[Any], dict[str, list[Wrong]]]:
        flat: list[Any] = []
        found: dict[str, list[Wrong]] = {}
        for cell, parsed, column in zip(cells, self._parsed, COLUMNS, strict=True):
            if cell is None:
                flat.append(None)
                continue
            value = parsed.get(cell, _UNSEEN) if type(cell) is str else _UNSEEN
            if value is _UNSEEN:
                value = values.parse(column, cell, self.school, self.today)
                if type(cell) is str:
                    parsed[cell] = value
            if type(value) is Wrong:
                found[column.slot] = [value]
                value = None
            flat.append(value)
        if number in self._odd_rows:
            for place, column in enumerate(COLUMNS):
                key = self.read.oddities.get((number, place))
                if key is not None:
                    found[column.slot] = [Wrong(key)]
        return flat, found

    def _judge_twins(self, number: int, pupil: Mapping[str, Any], found: dict[str, list[Wrong]]) -> None:
        """Hold the row against those before it; a row whose identity is itself at fault is not compared."""
        who = ("name", "sex", "birth_date", "class_number")
        if "id_number" in found:
            return
        twin, slot = pupil["id_number"], "id_number"
        if twin is None:
            twin, slot = tuple(pupil[key] for key in who), "name"
            if None in twin:
                return
        first = self._seen.setdefault(twin, number)
        if first != number:
            _add(found, slot, "DUPLICATE_IN_FILE", first=first)

    def _fault(self, number: int, column: Column, cell: Any, wrong: Wrong) -> Fault:
        letter = self.read.letters.get(column.slot, column.letter)
        value = values.shown(cell, column)
        return Fault(number, letter, column.header, column.slot, wrong.key, value, wrong.values)


def _meaning(column: Column) -> Any:
    """What the meaning of a text in this column depends on: columns that agree in it share what was parsed."""
    return column.kind, column.codes, column.limit, column.key == "auxiliary_number"


def _add(found: dict[str, list[Wrong]], slot: str, key: str, **named: Any) -> None:
    found.setdefault(slot, []).append(Wrong(key, named))


def _require(pupil: Mapping[str, Any], found: dict[str, list[Wrong]]) -> None:
    excused = _excused(pupil)
    for slot in _REQUIRED:
        if pupil[slot] is None and slot not in found and slot not in excused:
            _add(found, slot, "REQUIRED")


def _excused(pupil: Mapping[str, Any]) -> set[str]:
    """Who need not fill a required column: no papers, no registration here, or not from the mainland."""
    excused: set[str] = set()
    if pupil["id_type"] == _NO_ID:
        excused.add("id_number")
    if pupil["id_type"] not in (None, _RESIDENT_ID):
        excused |= {"residence_nature", "residence_code"}
    if pupil["nationality"] not in (None, _CHINA) or pupil["overseas_status"] not in (None, _NOT_OVERSEAS):
        excused |= {"birthplace_code", "residence_nature", "residence_code"}
    if pupil["guardian1.id_type"] not in (None, _RESIDENT_ID):
        excused.add("guardian1.residence_code")
    return excused


def _judge_pupil(pupil: Mapping[str, Any], found: dict[str, list[Wrong]], school: School, today: date) -> None:
    born, sex = pupil["birth_date"], pupil["sex"]
    if not _judge_number("id_number", pupil, found, today, sex=sex, birth_date=born, ages=identity.PUPIL_AGES):
        _judge_age(born, found, today)
    entry = pupil["entry_month"]
    if entry is not None:
        if (entry.year - today.year) * 12 + entry.month - today.month > _MONTHS_AHEAD:
            _add(found, "entry_month", "ENTRY_IN_FUTURE")
        elif born is not None and entry <= born <= today:
            _add(found, "entry_month", "ENTRY_BEFORE_BIRTH")
    inclusion, disability = pupil["inclusion"], pupil["disability"] or "0"
    if "inclusion" in found or "disability" in found:
        return
    at_special_school = school.kind == _SPECIAL_SCHOOL and inclusion in (None, "00")
    if disability not in _DISABILITIES[inclusion] and not at_special_school:
        _add(found, "inclusion", "INCLUSION_DISAGREES")


def _judge_age(born: date | None, found: dict[str, list[Wrong]], today: date) -> None:
    if born is None:
        return
    if born > today:
        _add(found, "birth_date", "BIRTH_IN_FUTURE")
    elif not identity.PUPIL_AGES[0] <= identity.age(born, today) <= identity.PUPIL_AGES[1]:
        _add(found, "birth_date", "BIRTH_OUT_OF_RANGE")


def _judge_number(
    slot: str, pupil: Mapping[str, Any], found: dict[str, list[Wrong]], today: date, **expected: Any
) -> bool:
    """Judge an identity number by its type; True if it told a birth date that could be compared."""
    number, kind = pupil[slot], pupil[slot.replace("id_number", "id_type")]
    if number is None:
        return False
    permit = len(number) == 18 and number[:6] in ("810000", "820000", "830000")
    if kind == _RESIDENT_ID or permit or (kind is None and number[:14].isdecimal()):
        for key in identity.verdict(number, today=today, **expected):
            _add(found, slot, key)
        return len(number) == 18
    if kind is not None and not values.other_id(number):
        _add(found, slot, "BAD_ID_NUMBER")
    return False


def _judge_family(pupil: Mapping[str, Any], found: dict[str, list[Wrong]], today: date) -> None:
    numbers = [("id_number", pupil["id_number"])]
    second = any(pupil[slot] is not None or slot in found for slot in _SECOND)
    for member in (1, 2) if second else (1,):
        slot = f"guardian{member}.id_number"
        _judge_number(slot, pupil, found, today, ages=_ANY_AGE)
        if pupil[slot] is not None and pupil[slot] in (number for _, number in numbers):
            _add(found, slot, "ID_TWICE_IN_ROW")
        numbers.append((slot, pupil[slot]))
        if pupil[f"guardian{member}.relation"] == _OTHER_RELATION and pupil[f"guardian{member}.relation_note"] is None:
            _add(found, f"guardian{member}.relation_note", "RELATION_NOTE_REQUIRED")
    if second:
        for slot in _NEEDED_OF_SECOND:
            if pupil[slot] is None and slot not in found:
                _add(found, slot, "REQUIRED")
    if pupil["id_number"] is None and "id_number" not in found:
        _require_guardian(pupil, found)


def _require_guardian(pupil: Mapping[str, Any], found: dict[str, list[Wrong]]) -> None:
    """A pupil without a number is known by the guardians' numbers (rules of the national system)."""
    guardians = [member for member in (1, 2) if pupil[f"guardian{member}.is_guardian"]]
    for member in guardians:
        slot = f"guardian{member}.id_number"
        if pupil[slot] is None and slot not in found:
            _add(found, slot, "GUARDIAN_ID_REQUIRED")
    slot = "guardian1.is_guardian"
    if not guardians and slot not in found and "guardian2.is_guardian" not in found:
        _add(found, slot, "NO_GUARDIAN")
