"""A text with separators (CSV) as rows of texts: in UTF-8 or GBK, with commas, semicolons or tabs."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence

from hub.errors import BadInput, TooLarge
from hub.intake import line
from hub.intake.container import Limits
from hub.intake.line import Line

_ENCODINGS = ("utf-8-sig", "gb18030")
_SEPARATORS = (",", ";", "\t")
_PIECE = 1 << 20
_LOOKED_AT = 10
_LONGEST_FIELD = 131_072
_KEPT_TEXT = re.compile(r'="((?:[^"]|"")*)"')

Known = Callable[[Sequence[str]], int]
"""How many of some texts are headers of the form."""


def lines(data: bytes, limits: Limits, known: Known) -> tuple[Iterator[Line], Callable[[], float]]:
    """The rows of the text that hold anything, and what share of it is read, from 0 to 1.

    Rows are numbered as a spreadsheet shows them: a line break in quotes is none. Every value is text, also what a
    spreadsheet would take for a number. Raises BadInput for another encoding or a quotation mark that is never closed,
    TooLarge beyond the limits of rows and columns.
    """
    encoding = _encoding(data)
    source = io.BytesIO(data)
    rows = _lines(source, encoding, _separator(data, encoding, known), limits)
    return rows, lambda: 1.0 if source.closed else source.tell() / len(data)


def _encoding(data: bytes) -> str:
    for encoding in _ENCODINGS:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            for start in range(0, len(data), _PIECE):
                decoder.decode(data[start : start + _PIECE])
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    raise BadInput("TEXT_ENCODING")


def _separator(data: bytes, encoding: str, known: Known) -> str:
    """The separator under which one of the first rows names most columns."""

    def named(separator: str) -> int:
        rows = _records(io.BytesIO(data), encoding, separator)
        return max((known(fields) for fields, _ in zip(rows, range(_LOOKED_AT), strict=False)), default=0)

    return max(_SEPARATORS, key=named)


def _lines(source: io.BytesIO, encoding: str, separator: str, limits: Limits) -> Iterator[Line]:
    columns: dict[int, tuple[int, ...]] = {}
    for number, fields in enumerate(_records(source, encoding, separator), 1):
        values = [line.text(_meant(each)) for each in fields]
        while values and values[-1] is None:
            values.pop()
        if not values:
            continue
        if number > limits.rows + 1:
            raise TooLarge("TOO_MANY_ROWS", limit=limits.rows)
        if len(values) > limits.columns:
            raise TooLarge("TOO_MANY_COLUMNS", limit=limits.columns)
        yield Line(number, columns.setdefault(len(values), tuple(range(len(values)))), values)


def _records(source: io.BytesIO, encoding: str, separator: str) -> Iterator[list[str]]:
    text = io.TextIOWrapper(source, encoding, newline="")
    csv.field_size_limit(_LONGEST_FIELD)
    rows = csv.reader(text, delimiter=separator, strict=False)
    number = 0
    while True:
        number += 1
        try:
            fields = next(rows)
        except StopIteration:
            return
        except csv.Error:
            raise BadInput("QUOTE_NOT_CLOSED", row=number) from None
        yield fields


def _meant(field: str) -> str:
    """The text of a field; a spreadsheet writes ="0123" to keep a text from being taken for a number."""
    if field.startswith("="):
        kept = _KEPT_TEXT.fullmatch(field)
        if kept is not None:
            return kept[1].replace('""', '"')
    return field
