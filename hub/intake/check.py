"""The checks of a pupil's row that need no register: pure functions from cells to rows and findings."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from operator import getitem, itemgetter
from typing import Any, Literal

import orjson

from hub.intake import family, mending, messages, pupil, values
from hub.intake.found import Found, Known
from hub.intake.grid import Opened, Sheet
from hub.intake.listing import Listing
from hub.intake.pupil import NO_ID, RESIDENT_ID
from hub.intake.sheet import COLUMNS, KEY_DATA, Column
from hub.intake.values import FIRST_GRADES, School, Wrong

LONGEST_PART = 1_000
"""Rows a part has at most."""
_WARM = 20
_MOST_REMEMBERED = 20_000
"""Texts of a column whose meaning is remembered: what recurs, recurs soon."""
_CHINA, _NOT_OVERSEAS = "CHN", "00"


@dataclass(slots=True)
class Row:
    """One sound row: its Excel number, the pupil's key data by column, and the whole of it as JSON.

    `pupil` is an object of the 47 attributes by key, `members` a list of the family members who are named, each with
    `position`, 1 or 2, and twelve attributes: what the register keeps, so that only what is asked for is read again.
    What the sheet leaves blank is null. `mended` and `warnings` tell of its cells.
    """

    number: int
    key: dict[str, Any]
    pupil: str
    members: str
    mended: Sequence["Mend"] = ()
    warnings: Sequence["Fault"] = ()

    @property
    def values(self) -> dict[str, Any]:
        """The pupil's attributes by key, read from the JSON."""
        found: dict[str, Any] = orjson.loads(self.pupil)
        for key in _DAYS:
            found[key] = date.fromisoformat(found[key]) if found[key] else None
        for key in _DISTANCES:
            found[key] = Decimal(found[key]) if found[key] else None
        return found

    @property
    def family(self) -> list[dict[str, Any]]:
        """The family members, read from the JSON."""
        found: list[dict[str, Any]] = orjson.loads(self.members)
        return found


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in one cell: the Excel row and column letter, the column's header and slot, a message key.

    `value` is the cell as a report may show it (identity numbers masked), `values` what the message's text names.
    `suggestions` are whole identity numbers that may have been meant, best first: only for who brought the sheet.
    """

    row: int
    column: str
    header: str
    slot: str
    key: str
    value: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    suggestions: Sequence[str] = ()

    def text(self, language: Literal["zh", "en"] = "zh") -> str:
        """What is wrong, for a person."""
        return messages.MESSAGES[self.key].text(language).format_map({"header": self.header, **self.values})

    def remedy(self, language: Literal["zh", "en"] = "zh") -> str:
        """What to write instead."""
        return messages.MESSAGES[self.key].remedy(language).format_map({"header": self.header, **self.values})


@dataclass(frozen=True, slots=True)
class Mend:
    """One mending of one cell: where it stands, the code of what was mended, what was written and what was taken.

    Both as a report may show them (identity numbers masked). A cell mended in several ways has several.
    """

    row: int
    column: str
    header: str
    slot: str
    code: str
    written: str | None
    taken: str | None

    def text(self, language: Literal["zh", "en"] = "zh") -> str:
        """What was mended, for a person."""
        return messages.MESSAGES[self.code].text(language).format_map({"header": self.header})

    def remedy(self, language: Literal["zh", "en"] = "zh") -> str:
        """What to see to."""
        return messages.MESSAGES[self.code].remedy(language).format_map({"header": self.header})


@dataclass(frozen=True, slots=True)
class Folded:
    """Findings of one code in one column that are counted, not listed, since the sheet has so many of them."""

    column: str
    header: str
    slot: str
    code: str
    count: int

    def text(self, language: Literal["zh", "en"] = "zh") -> str:
        """How many more there are, for a person."""
        message = messages.MESSAGES[self.code].text(language).format_map(_Blank(header=self.header))
        more = {
            "zh": f"另有 {self.count} 处同样的问题未逐一列出：",
            "en": f"{self.count} more, not listed one by one: ",
        }
        return more[language] + message


class _Blank(dict[str, Any]):
    """Words of a text where what they name differs from cell to cell."""

    def __missing__(self, _key: str) -> str:
        return "…"


@dataclass(slots=True)
class Checked:
    """A part of a sheet: its sound rows, the faults of the others, how many rows it had, about how many are to come.

    `letters` are the sheet's columns by slot, `unknown` the headers that nobody knows. `warnings` and `mended` are
    told of sound and faulty rows alike and keep no row out. `folded`, in the last part, counts what is not listed.
    `refused` are the faulty rows with the name and class number they give, `tokens` what rows of a workbook that came
    back annotated are known by again.
    """

    rows: list[Row]
    faults: list[Fault]
    total: int
    coming: int = 0
    letters: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    mended: list[Mend] = field(default_factory=list)
    folded: list[Folded] = field(default_factory=list)
    refused: dict[int, tuple[str | None, str | None]] = field(default_factory=dict)
    tokens: dict[int, str] = field(default_factory=dict)


def check(
    read: Sheet | Opened,
    *,
    school_code: str,
    class_numbers: Collection[str] | Mapping[str, Sequence[int]],
    today: date,
    size: int = LONGEST_PART,
    most: int = LONGEST_PART,
    first_grades: Sequence[int] = FIRST_GRADES,
    founder: str | None = None,
    rules: Mapping[str, str] | None = None,
    recorded: Iterable[Sequence[str]] = (),
) -> Iterator[Checked]:
    """Check a sheet part by part; a row with any fault is not among the sound ones.

    The first part has `size` rows, each next twice as many up to `most`; only the last has none to come. All faults of
    a row are told. Blank rows do not count; a sheet of them alone is one part without rows. A row with another school's
    code gets that one fault, whichever school it is. Of rows with the same identity number, or without one the same
    name, sex, birth date and class, the first stands, in whichever part it was.

    `class_numbers` may name the grades taught in each class, `first_grades` the first grade of each stage: only with
    them are age and entry held against the grade. `founder` is the school's (举办者), one of `hub.terms.Founder`.
    `rules` are the province's switches, code to REFUSE, WARN or OFF; raises ValueError for what `rules.switched` does.
    `recorded` are the school's wrong identity numbers, see `Known`.
    """
    grades = class_numbers if isinstance(class_numbers, Mapping) else {}
    school = School(school_code, frozenset(class_numbers), grades, first_grades, founder)
    examiner = _Examiner(read, Known(school, today, rules or {}, recorded))
    rows = iter(read.rows)
    following = next(rows, None)
    taken = 0
    while True:
        end = taken + size
        while following is not None and taken < end:
            examiner.examine(*following)
            taken, following = taken + 1, next(rows, None)
        yield examiner.part(0 if following is None else max(1, read.coming(taken)))
        if following is None:
            return
        size = min(size * 2, most)


def warm_up(today: date) -> None:
    """Check a sheet of nothing much, so that what is loaded when it is first asked for is there when a sheet comes."""
    cells: list[Any] = ["140105199001010000" if column.kind == "id_number" else "140105000000" for column in COLUMNS]
    read = Sheet(1, {}, [(row, cells) for row in range(2, 2 + _WARM)])
    for _ in check(read, school_code="", class_numbers={"140105000000": [1]}, today=today):
        pass


def judge(taken: Mapping[str, Any], found: Found, known: Known) -> None:
    """Judge the values of one row by slot, however they came; what is found joins what was found in reading them."""
    _require(taken, found)
    pupil.judge(taken, found, known)
    family.judge(taken, found, known)


def row(number: int, flat: Sequence[Any]) -> Row:
    """A row from its 71 values in the columns' order."""
    members = []
    for member, taken in _MEMBERS:
        attributes = taken(flat)
        if attributes.count(None) < len(attributes):
            members.append(dict(zip(_MEMBER_KEYS, (member, *attributes), strict=True)))
    pupil = dict(zip(_PUPIL_KEYS, _PUPIL(flat), strict=True))
    key = {name: pupil[name] for name in KEY_DATA}
    return Row(number, key, orjson.dumps(pupil, default=str).decode(), orjson.dumps(members).decode())


def _places(member: int) -> list[int]:
    return [place for place, column in enumerate(COLUMNS) if column.member == member]


_SLOTS = [column.slot for column in COLUMNS]
_PLACE = {slot: place for place, slot in enumerate(_SLOTS)}
_PUPIL = itemgetter(*_places(0))
_PUPIL_KEYS = [COLUMNS[place].key for place in _places(0)]
_MEMBERS = [(member, itemgetter(*_places(member))) for member in (1, 2)]
_MEMBER_KEYS = ["position", *(COLUMNS[place].key for place in _places(1))]
_DAYS = [column.key for column in COLUMNS if column.kind in ("date", "month") and not column.member]
_DISTANCES = [column.key for column in COLUMNS if column.kind == "distance"]
_REQUIRED = [column.slot for column in COLUMNS if column.required]
_REQUIRED_OF = itemgetter(*_REQUIRED)
_NAME, _CLASS = _SLOTS.index("name"), _SLOTS.index("class_number")


@dataclass(frozen=True, slots=True)
class _Mended:
    """A value that stands in the cell in another form, and the codes of what was mended."""

    value: Any
    codes: tuple[str, ...]


_NO_VALUES = {_Mended, Wrong}
"""What a cell may mean that is not itself its value."""


class _Meanings(dict[Any, Any]):
    """What the cells of a column mean, each text worked out when it is met first: what recurs, recurs soon."""

    def __init__(self, column: Column, known: Known) -> None:
        super().__init__({None: None})
        self._column, self._known, self._plain = column, known, values.plain(column)

    def __missing__(self, cell: Any) -> Any:
        """The value of a cell, or what is wrong with it, or what was mended."""
        if type(cell) is not str:
            return self._value(cell)
        if len(self) > _MOST_REMEMBERED:
            self.clear()
            self[None] = None
        self[cell] = value = cell if self._plain(cell) else self._value(cell)
        return value

    def _value(self, cell: Any) -> Any:
        column = self._column
        value = values.parse(column, cell, self._known.school, self._known.today)
        if value is None or type(value) is Wrong or (value == cell and type(cell) is str and column.kind != "code"):
            return value
        codes = mending.kinds(column, cell, value)
        return _Mended(value, codes) if codes else value


class _Examiner:
    """The state of one sheet's check: what cells meant before, who was seen before, how much was listed."""

    def __init__(self, read: Sheet | Opened, known: Known) -> None:
        self.read, self.known = read, known
        self._part = Checked([], [], 0)
        self._faults, self._warnings, self._mended = Listing(), Listing(), Listing()
        shared: dict[Any, _Meanings] = {}
        self._meanings = [shared.setdefault(_meaning(column), _Meanings(column, known)) for column in COLUMNS]
        self._seen: dict[Any, int] = {}
        self._named = [(read.letters.get(c.slot, c.letter), c.header, c.slot) for c in COLUMNS]

    def part(self, coming: int) -> Checked:
        """What was examined since the last part; with the last one what was counted only."""
        part, self._part = self._part, Checked([], [], 0)
        part.coming, part.letters, part.unknown = coming, self.read.letters, self.read.unknown
        if not coming:
            part.folded = [
                Folded(*self._named[place], code, count)
                for listing in (self._faults, self._warnings, self._mended)
                for (place, code), count in sorted(listing.folded.items())
            ]
        return part

    def examine(self, number: int, cells: Sequence[Any]) -> None:
        """Check one row."""
        found = Found(self.known.severities, {}, {})
        flat, mended = self._parse(number, cells, found.wrong)
        if not found.wrong and all(value is None for value in flat):
            return
        part = self._part
        part.total += 1
        if (token := self.read.tokens.get(number)) is not None:
            part.tokens[number] = token
        foreign = found.wrong.get("school_code")
        if foreign is not None and foreign[0].key == "ROW_NOT_YOUR_SCHOOL":
            found.wrong = {"school_code": foreign}
            mended = []
        else:
            taken = dict(zip(_SLOTS, flat, strict=True))
            judge(taken, found, self.known)
            self._judge_twins(number, taken, found)
        told = len(part.mended), len(part.warnings)
        if mended:
            self._tell_mended(number, cells, flat, mended)
        if found.warned:
            self._tell(number, cells, found.warned, part.warnings, self._warnings)
        if found.wrong:
            self._tell(number, cells, found.wrong, part.faults, self._faults)
            part.refused[number] = flat[_NAME], flat[_CLASS]
        else:
            sound = row(number, flat)
            if mended or found.warned:
                sound.mended, sound.warnings = tuple(part.mended[told[0] :]), tuple(part.warnings[told[1] :])
            part.rows.append(sound)

    def _parse(
        self, number: int, cells: Sequence[Any], found: dict[str, list[Wrong]]
    ) -> tuple[list[Any], list[tuple[int, tuple[str, ...]]]]:
        """The values of a row, and the places of those that were mended, with what was."""
        flat = [*map(getitem, self._meanings, cells)]
        mended: list[tuple[int, tuple[str, ...]]] = []
        if not _NO_VALUES.isdisjoint(map(type, flat)):
            for place, value in enumerate(flat):
                if type(value) is _Mended:
                    mended.append((place, value.codes))
                    flat[place] = value.value
                elif type(value) is Wrong:
                    found[_SLOTS[place]] = [value]
                    flat[place] = None
        if self.read.oddities:
            for place, slot in enumerate(_SLOTS):
                key = self.read.oddities.get((number, place))
                if key is not None:
                    found[slot] = [Wrong(key)]
        return flat, mended

    def _judge_twins(self, number: int, taken: Mapping[str, Any], found: Found) -> None:
        """Hold the row against those before it; a row whose identity is itself at fault is not compared."""
        in_class = taken["number_in_class"]
        if in_class is not None and taken["class_number"] is not None:
            first = self._seen.setdefault((taken["class_number"], in_class), number)
            if first != number:
                found.add("number_in_class", "NUMBER_IN_CLASS_TWICE", first=first)
        if "id_number" in found:
            return
        twin, person = taken["id_number"], (taken["name"], taken["sex"], taken["birth_date"])
        if twin is not None:
            first = self._seen.setdefault(twin, number)
            if first != number:
                found.add("id_number", "DUPLICATE_IN_FILE", first=first)
            elif None not in person:
                first = self._seen.setdefault(person, number)
                if first != number:
                    found.add("name", "NAMESAKE_IN_FILE", first=first)
        elif None not in person and taken["class_number"] is not None:
            first = self._seen.setdefault((*person, taken["class_number"]), number)
            if first != number:
                found.add("name", "DUPLICATE_IN_FILE", first=first)

    def _tell(
        self, number: int, cells: Sequence[Any], found: dict[str, list[Wrong]], told: list[Fault], listing: Listing
    ) -> None:
        """List what was found, column by column."""
        first = True
        for place in sorted(map(_PLACE.__getitem__, found)):
            for wrong in found[_SLOTS[place]]:
                if listing.takes(place, wrong.key, always=first):
                    told.append(self._fault(number, place, cells[place], wrong))
                first = False

    def _tell_mended(
        self, number: int, cells: Sequence[Any], flat: Sequence[Any], mended: list[tuple[int, tuple[str, ...]]]
    ) -> None:
        for place, codes in mended:
            column = COLUMNS[place]
            for code in codes:
                if self._mended.takes(place, code):
                    written, taken = values.written(cells[place], column), values.worded(flat[place], column)
                    self._part.mended.append(Mend(number, *self._named[place], code, written, taken))

    def _fault(self, number: int, place: int, cell: Any, wrong: Wrong) -> Fault:
        value = values.shown(cell, COLUMNS[place])
        return Fault(number, *self._named[place], wrong.key, value, wrong.values, wrong.suggestions)


def _meaning(column: Column) -> Any:
    """What the meaning of a text in this column depends on: columns that agree in it share what was parsed."""
    return column.kind, column.codes, column.limit, column.key == "auxiliary_number"


def _require(taken: Mapping[str, Any], found: Found) -> None:
    if None not in _REQUIRED_OF(taken):
        return
    excused = _excused(taken)
    for slot in _REQUIRED:
        if taken[slot] is None and slot not in found and slot not in excused:
            found.add(slot, "REQUIRED")


def _excused(taken: Mapping[str, Any]) -> set[str]:
    """Who need not fill a required column: no papers, no registration here, or not from the mainland."""
    excused: set[str] = set()
    if taken["id_type"] == NO_ID:
        excused.add("id_number")
    if taken["id_type"] not in (None, RESIDENT_ID):
        excused |= {"residence_nature", "residence_code"}
    if taken["nationality"] not in (None, _CHINA) or taken["overseas_status"] not in (None, _NOT_OVERSEAS):
        excused |= {"birthplace_code", "residence_nature", "residence_code"}
    if taken["guardian1.id_type"] not in (None, RESIDENT_ID):
        excused.add("guardian1.residence_code")
    return excused
