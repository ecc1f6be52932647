"""The cells of a sheet's XML, row by row, within the limits of rows and columns whatever dimension the sheet states."""

import math
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

from hub.errors import BadInput, TooLarge
from hub.intake import line, shared
from hub.intake.container import Limits
from hub.intake.line import Line, Odd, Value
from hub.intake.markup import Markup, plain
from hub.intake.shared import Looks

_HEAD = re.compile(r'(?:\s*<row [^<>/]*/>)*\s*<row r="([0-9]{1,7})"[^<>/]*>')
_TEXT = re.compile(r">([^<]+)<")
_MARK = "\x01"
_BLANK = r"/>|></c>|><v></v></c>|><is><t(?: [^<>/]*+)?></t></is></c>"
_FILLED = rf"><v{_MARK}/v></c>|><is><t(?: [^<>/{_MARK}]*+)?{_MARK}/t></is></c>"
_CELL = re.compile(rf'<c r="([A-Z]{{1,3}})([0-9]{{1,7}})"([^<>/]*+)(?:({_BLANK})|{_FILLED})')
_ATTRIBUTE = re.compile(r'([a-z]+)="([^"]*)"')
_REFERENCE = re.compile(r"([A-Za-z]{1,7})([0-9]{1,10})")
_KEPT_TEXTS = 100_000
_FIRST_LOST = 2**53
_KEPT_SHAPES = 2_000
_LONGEST_SHAPE = 20_000
_NOTHING = {type(None)}
_FALSE, _TRUE = ("0", "false"), ("1", "true")

Meaning = Callable[[str], Value]
"""What the text of a cell of one form means."""


class _Shape(NamedTuple):
    """What rows have in common whose cells are alike in place and form: their columns, what the texts mean.

    `kind` is the one way to take all of them at once, if there is one.
    """

    columns: tuple[int, ...]
    meanings: list[Meaning]
    kind: str


class Cells(Markup[Line]):
    """The rows of a sheet that hold anything.

    A cell with a formula or an error value has no value of its own, only a fault. Raises TooLarge for content beyond
    the limits of rows and columns, BadInput for rows out of order.
    """

    LIST = re.compile(r"<sheetData(?: [^<>]*(?<!/))?>")
    TAG = "sheetData"
    END = "</row>"

    def __init__(self, strings: list[Value], looks: Looks, limits: Limits) -> None:
        super().__init__()
        self._strings, self._looks, self._limits = strings, looks, limits
        self._kept: dict[str, str] = {}
        self._meanings: dict[str, Meaning] = {}
        self._shapes: dict[str, _Shape] = {}
        self._last = self._odd = 0
        self._row = _Row()

    def take(self, item: str) -> bool:
        """Read a row of the usual form: its texts apart, and the rest, which it has in common with many others."""
        head = _HEAD.match(item)
        if head is None:
            return False
        pieces = _TEXT.split(item[head.end() :])
        number, texts = head[1], pieces[1::2]
        shape = self._shape(_MARK.join(pieces[::2]), number)
        if shape is None:
            return False
        if "&" in item:
            texts = [plain(each) if "&" in each else each for each in texts]
        values = self._values(shape, texts, escaped="_x" in item)
        self._keep(self._number(number), shape.columns, values)
        return True

    def _shape(self, markup: str, number: str) -> _Shape | None:
        """What the markup of a row says of its texts; None if it is not of the usual form.

        Markup is told apart without the row's number, which might be that of a look, too, in the first rows.
        """
        if int(number) <= self._looks.many or len(markup) > _LONGEST_SHAPE:
            return self._learn(markup, number)
        key = markup.replace(f'{number}"', '"')
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._learn(markup, number)
            if shape is not None:
                if len(self._shapes) > _KEPT_SHAPES:
                    self._shapes.clear()
                self._shapes[key] = shape
        return shape

    def _learn(self, markup: str, number: str) -> _Shape | None:
        if _CELL.sub("", markup).strip():
            return None
        cells = _CELL.findall(markup)
        if any(row != number for _, row, *_ in cells):
            return None
        columns = [_column(letters) for letters, _, _, blank in cells if not blank]
        meanings = [self._meaning(form, _column(letters)) for letters, _, form, blank in cells if not blank]
        kinds = set(meanings)
        kind = "texts" if kinds == {self._text} else "shared" if kinds == {self._shared} else "mixed"
        return _Shape(tuple(columns), meanings, kind)

    def _values(self, shape: _Shape, texts: list[str], *, escaped: bool) -> list[Value]:
        if shape.kind == "shared":
            return [*map(self._strings.__getitem__, map(int, texts))]
        if shape.kind == "mixed" or escaped or max(map(len, texts), default=0) > line.LONGEST_CELL:
            return [mean(each) for mean, each in zip(shape.meanings, texts, strict=True)]
        return [*map(self._kept.setdefault, texts, texts)]

    def _text(self, written: str) -> Value:
        value = shared.text(written)
        return self._kept.setdefault(value, value) if isinstance(value, str) else value

    def _meaning(self, form: str, column: int) -> Meaning:
        if column >= self._limits.columns:
            return self._nothing
        if form not in self._meanings:
            self._meanings[form] = self._new_meaning(dict(_ATTRIBUTE.findall(form)))
        return self._meanings[form]

    def _new_meaning(self, attributes: dict[str, str]) -> Meaning:
        kind = attributes.get("t", "n")
        if kind == "n":
            return self._day if self._looks.shows_day(attributes.get("s", "")) else _number
        kinds: dict[str, Meaning] = {"s": self._shared, "b": _truth, "e": _error, "d": _iso_day}
        return kinds.get(kind, self._text)

    def _nothing(self, written: str) -> Value:
        if written:
            raise TooLarge("TOO_MANY_COLUMNS", limit=self._limits.columns)
        return None

    def _shared(self, written: str) -> Value:
        return self._strings[int(written)] if written else None

    def _day(self, written: str) -> Value:
        number = _number(written)
        return self._looks.day(number) if isinstance(number, int | float) else number

    def _number(self, written: str) -> int:
        number = int(written)
        if number <= self._last:
            raise BadInput("FILE_UNREADABLE")
        self._last = number
        return number

    def _keep(self, number: int, columns: tuple[int, ...], values: list[Value]) -> None:
        if len(self._kept) > _KEPT_TEXTS:
            self._kept.clear()
        kinds = set(map(type, values))
        if kinds <= _NOTHING:
            return
        if number > self._limits.rows + 1:
            raise TooLarge("TOO_MANY_ROWS", limit=self._limits.rows)
        if Odd in kinds:
            self._odd += sum(type(value) is Odd for value in values)
            if self._odd > self._limits.oddities:
                raise TooLarge("TOO_MANY_FORMULAS", limit=self._limits.oddities)
        self.found.append(Line(number, columns, values))

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Part of a row of another form begins."""
        if tag == "row":
            self._row = _Row(self._number(attributes.get("r", f"{self._last + 1}")))
        elif tag == "c":
            self._row.begin(attributes)
        elif tag == "f":
            self._row.formula = True

    def text(self, piece: str) -> None:
        """Some text: of a cell's value, of its formula, or of how a word is pronounced."""
        around = self.open
        if around[-1:] == ["v"] or (around[-1:] == ["t"] and "is" in around and "rPh" not in around):
            self._row.pieces.append(piece)

    def end(self, tag: str) -> None:
        """Part of a row ends."""
        if tag == "c":
            self._row.add(self._value(self._row))
        elif tag == "row" and self._row.values:
            columns, values = zip(*sorted(self._row.values.items()), strict=True)
            self._keep(self._row.number, columns, list(values))

    def _value(self, row: "_Row") -> Value:
        written = "".join(row.pieces)
        form = "".join(f' {key}="{value}"' for key, value in row.form.items())
        if not row.formula:
            return self._meaning(form, row.column)(written)
        if row.column >= self._limits.columns:
            return self._nothing("=")
        shown = self._shared(written) if row.form.get("t") == "s" else written
        return Odd(line.FORMULA, shown.shown if isinstance(shown, Odd) else str(shown or ""))


class _Row:
    """A row of unusual form while it is read."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.values: dict[int, Value] = {}
        self.column = -1
        self.form: dict[str, str] = {}
        self.pieces: list[str] = []
        self.formula = False

    def begin(self, attributes: dict[str, str]) -> None:
        """A cell begins."""
        reference = attributes.pop("r", None)
        if reference is None:
            self.column += 1
        else:
            match = _REFERENCE.fullmatch(reference)
            if match is None:
                raise BadInput("FILE_UNREADABLE")
            self.column = _column(match[1].upper())
        self.form, self.pieces, self.formula = attributes, [], False

    def add(self, value: Value) -> None:
        """The cell ends with this value."""
        if value is not None:
            self.values[self.column] = value


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _number(written: str) -> Value:
    """A number, whole while it is exact."""
    if not written:
        return None
    number = float(written)
    if not math.isfinite(number):
        return Odd(line.ERROR, written)
    return int(number) if number.is_integer() and abs(number) < _FIRST_LOST else number


def _truth(written: str) -> Value:
    if written in _FALSE:
        return False
    return True if written in _TRUE else None


def _error(written: str) -> Value:
    return Odd(line.ERROR, written)


def _iso_day(written: str) -> Value:
    return date.fromisoformat(written[:10]) if written else None


def rows(pieces: Iterator[bytes], strings: list[Value], looks: Looks, limits: Limits) -> Iterator[Line]:
    """The rows of a sheet that hold anything, in order."""
    return Cells(strings, looks, limits).read(pieces)
