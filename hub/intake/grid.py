"""A form's sheet as values: its header row found by name, its rows in the columns' own order."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from hub import codes
from hub.errors import BadInput
from hub.intake import cells, container, delimited, kinds, shared, sheet
from hub.intake.container import Limits, Package
from hub.intake.line import Line, Odd, Value
from hub.intake.sheet import Form

Cell = str | int | float | bool | date | None
"""A cell's value. None is blank, or a cell listed in the sheet's `oddities`."""

MARK = "_template"
"""The hidden sheet that says what a workbook is."""

STATUS, REASON, TOKEN = "处理结果", "处理说明", "_row"
"""The headers of the columns that a return adds: what became of each row, why, and what it is known by again."""

_HEADER_ROWS = 10
_LONGEST_HEADER = 200
_MOST_MARKS = 10
_LONGEST_MARK = 64
_STARS = re.compile(r"[*★☆]|\((?:必填|选填|必填项|选填项|必录)\)|\[(?:必填|选填)\]")


@dataclass(slots=True)
class Sheet:
    """The rows of a workbook, each its Excel row number and its values in the order of the form's columns.

    `letters` are the Excel letters of the columns found, by slot; `unknown` the headers that are none of them.
    `oddities` name the fault of a cell without a usable value, by (Excel row, place in the row): a formula, an error
    value, a time, a text over 2,000 characters. `version` and `school_code` are what the template was marked with.
    Of a workbook that was returned with its faults marked, `import_id` is the import it was returned from and
    `tokens` what each row was then, by Excel row; rows that say the same, copies of each other, say nothing.
    Where these are not all rows, `expected` is about how many there are.
    """

    header_row: int
    letters: dict[str, str]
    rows: list[tuple[int, list[Cell]]]
    oddities: dict[tuple[int, int], str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    version: str | None = None
    school_code: str | None = None
    tokens: dict[int, str] = field(default_factory=dict)
    import_id: str | None = None
    expected: int = 0

    def coming(self, taken: int) -> int:
        """How many rows there are besides those taken."""
        return (self.expected or len(self.rows)) - taken


@dataclass(slots=True)
class Opened:
    """A sheet whose rows are read as they are taken: what is wrong with the file may come to light with any of them.

    `oddities` grow with the rows; the rest is as of a `Sheet`.
    """

    header_row: int
    letters: dict[str, str]
    rows: Iterator[tuple[int, list[Cell]]]
    oddities: dict[tuple[int, int], str]
    unknown: list[str]
    version: str | None
    school_code: str | None
    tokens: dict[int, str]
    import_id: str | None
    coming: Callable[[int], int]
    """About how many rows there are besides those taken."""

    def whole(self) -> Sheet:
        """All of it."""
        return self.part(list(self.rows))

    def part(self, rows: list[tuple[int, list[Cell]]]) -> Sheet:
        """These rows of it, with what came to light so far."""
        fields = (self.oddities, self.unknown, self.version, self.school_code, self.tokens, self.import_id)
        return Sheet(self.header_row, self.letters, rows, *fields)


@dataclass(slots=True)
class Table:
    """A form's sheet found in a file: where its headers are, and its rows as they stand there.

    `above` are the rows before and with the header, `below` the others, which are read as they are taken; `places`
    are the columns, from 0, by header. `marks` are what the file's hidden sheet says of it; `share` says how much of
    the sheet is read, from 0 to 1.
    """

    title: str
    header_row: int
    places: dict[str, int]
    above: list[Line]
    below: Iterator[Line]
    marks: Mapping[str, str]
    share: Callable[[], float]

    def columns(self, form: Form) -> dict[str, int]:
        """The columns of the form by slot."""
        return {
            column.slot: self.places[plain(column.header)]
            for column in form.columns
            if plain(column.header) in self.places
        }


def read(data: bytes, limits: Limits, form: Form = sheet.PUPILS) -> Sheet:
    """Read the sheet of a form: the one of its title, or else the first that has its headers.

    The file is a workbook, or a text with separators. Raises BadInput or TooLarge when it is neither, exceeds a
    limit, or lacks required columns.
    """
    return begin(data, limits, form).whole()


def begin(data: bytes, limits: Limits, form: Form = sheet.PUPILS) -> Opened:
    """Begin to read as `read` does. A sheet with tokens is read whole: what several of its rows say, none of them says.

    Raises as `read` does, if not here then when rows are taken.
    """
    table = find(data, limits, form)
    columns = table.columns(form)
    arranged = _Arranged([columns.get(column.slot) for column in form.columns], table.places.get(TOKEN))
    known = {plain(column.header) for column in form.columns} | {STATUS, REASON, TOKEN}
    rows: Iterator[tuple[int, list[Cell]]] = (
        (line.number, row) for line in table.below if (row := arranged.row(line)) is not None
    )
    if TOKEN in table.places:
        rows = iter(list(rows))
    return Opened(
        table.header_row,
        {slot: sheet.letter(place + 1) for slot, place in columns.items()},
        rows,
        arranged.oddities,
        [name for name in table.places if name not in known][:100],
        table.marks.get("version"),
        table.marks.get("school"),
        arranged.tokens(),
        table.marks.get("import"),
        lambda taken: round(taken / share) - taken if (share := table.share()) else taken,
    )


def find(data: bytes, limits: Limits, form: Form) -> Table:
    """Find the sheet of a form in a file; its rows are still to be taken. Raises as `read` does."""
    if kinds.tell(data) == "text":
        headers = {plain(column.header) for column in form.columns}
        lines, share = delimited.lines(data, limits, lambda names: sum(plain(name) in headers for name in names))
        return _choose(form, [_Page(form.title, lambda: lines, share)], {})
    package = Package(data, limits)
    titles = container.sheets(package)
    strings, looks = shared.strings(package), shared.Looks(package)

    def page(title: str, part: str) -> _Page:
        def lines() -> Iterator[Line]:
            return cells.rows(package.stream(part), strings, looks, limits)

        return _Page(title, lines, lambda: package.share(part))

    pages = [page(title, part) for title, part in titles]
    marks = _marks([page.lines for page in pages if page.title == MARK])
    candidates = [page for page in pages if page.title == form.title] or [page for page in pages if page.title != MARK]
    table = _choose(form, candidates, marks)
    table.below = _proven(table.below, package)
    return table


class _Page(NamedTuple):
    """A sheet of a file: its title, its rows each time they are asked for, how much of it is read."""

    title: str
    lines: Callable[[], Iterator[Line]]
    share: Callable[[], float]


def plain(header: str) -> str:
    """A header as it is compared: without blanks, line breaks, full-width forms and marks of what is required."""
    return _STARS.sub("", codes.fold(header))


def _proven(lines: Iterator[Line], package: Package) -> Iterator[Line]:
    """The lines, and then proof that the rest of the file is what it states to be."""
    yield from lines
    package.prove()


def _marks(pages: Sequence[Callable[[], Iterator[Line]]]) -> dict[str, str]:
    """What the hidden sheet says of the file: `version`, `school`, `import`."""
    marks: dict[str, str] = {}
    for page in pages[:1]:
        for line in page():
            told = dict(zip(line.columns, line.values, strict=True))
            if line.number > _MOST_MARKS:
                break
            if isinstance(told.get(0), str) and isinstance(told.get(1), str | int):
                marks[str(told[0])[:_LONGEST_MARK]] = str(told[1])[:_LONGEST_MARK]
    return marks


def _choose(form: Form, candidates: Sequence[_Page], marks: Mapping[str, str]) -> Table:
    """The first of the sheets that has every required column."""
    missing = [column.header for column in form.columns if column.required]
    for page in candidates:
        lines = page.lines()
        above, below = _top(lines)
        place, places = _header(above, form)
        lacking = _lacking(form, places)
        if not lacking:
            header = above[place].number
            found = {name: columns[0] for name, columns in places.items()}
            rest = chain(above[place + 1 :], below)
            return Table(page.title, header, found, above[: place + 1], rest, marks, page.share)
        missing = min(missing, lacking, key=len)
    raise _wrong_template(form, missing, marks.get("version"))


def _top(lines: Iterator[Line]) -> tuple[list[Line], Iterator[Line]]:
    """The rows among which a header is looked for, and the others."""
    above: list[Line] = []
    for line in lines:
        if line.number > _HEADER_ROWS:
            return above, chain([line], lines)
        above.append(line)
    return above, lines


def _header(above: Sequence[Line], form: Form) -> tuple[int, dict[str, list[int]]]:
    """The place of the row that names most columns, and the columns of each header in it."""
    headers = {plain(column.header) for column in form.columns}
    best: tuple[int, dict[str, list[int]]] = (0, {})
    for place, line in enumerate(above):
        places: dict[str, list[int]] = {}
        for column, value in zip(line.columns, line.values, strict=True):
            if isinstance(value, str):
                places.setdefault(plain(value[:_LONGEST_HEADER]), []).append(column)
        if len(headers & places.keys()) > len(headers & best[1].keys()):
            best = place, places
    return best


def _lacking(form: Form, places: Mapping[str, list[int]]) -> list[str]:
    for column in form.columns:
        if len(places.get(plain(column.header), ())) > 1:
            raise BadInput("DUPLICATE_COLUMN", header=column.header)
    return [column.header for column in form.columns if column.required and plain(column.header) not in places]


def _wrong_template(form: Form, missing: Sequence[str], version: str | None) -> BadInput:
    named = "、".join(missing[:10]) + ("……" if len(missing) > 10 else "")
    if version not in (None, form.version):
        return BadInput("TEMPLATE_TOO_OLD", found=version, current=form.version, missing=named)
    return BadInput("WRONG_TEMPLATE", missing=named)


class _Arranged:
    """Rows brought into a form's order, whatever order the sheet has."""

    def __init__(self, order: Sequence[int | None], token: int | None) -> None:
        self.oddities: dict[tuple[int, int], str] = {}
        self._order, self._token = order, token
        self._tokens: dict[str, list[int]] = {}
        self._picks: dict[tuple[int, ...], Callable[[Sequence[Value]], tuple[Value, ...]]] = {}

    def row(self, line: Line) -> list[Cell] | None:
        """The values of a row; None if the form's part of it and all the rest are blank."""
        pick = self._picks.get(line.columns)
        if pick is None:
            at = {column: place for place, column in enumerate(line.columns)}
            none = len(line.columns)
            wanted = [none if column is None else at.get(column, none) for column in self._order]
            pick = self._picks[line.columns] = itemgetter(*wanted, none)
        values = list(pick([*line.values, None])[:-1])
        if self._token is not None:
            self._note(line)
            if values.count(None) == len(values):
                return None
        if Odd in set(map(type, values)):
            return [self._strange(line.number, place, value) for place, value in enumerate(values)]
        return values

    def tokens(self) -> dict[int, str]:
        """What each row says it was; what several say, none of them does."""
        return {rows[0]: token for token, rows in self._tokens.items() if len(rows) == 1}

    def _note(self, line: Line) -> None:
        if self._token in line.columns:
            token = line.values[line.columns.index(self._token)]
            if isinstance(token, str) and len(token) <= _LONGEST_MARK:
                self._tokens.setdefault(token, []).append(line.number)

    def _strange(self, row: int, place: int, value: Value) -> Cell:
        if not isinstance(value, Odd):
            return value
        self.oddities[row, place] = value.key
        return None
