"""What a sheet's XML tells that its values do not: how far it reaches, and which cells hold formulas or errors."""

import re
from collections.abc import Callable
from xml.parsers import expat

from hub.errors import BadInput, TooLarge
from hub.intake.container import Limits

FORMULA, ERROR = "FORMULA_NOT_ALLOWED", "ERROR_CELL"

_PREFIXED = (b":sheetData", b":f>", b":f ")
_ERRORS = (b't="e"', b"t='e'")
_ROW = re.compile(rb"""[^>]*?\br=["'](\d+)""")
_FAR = re.compile(rb"""r=["'](?:[A-Z]{3,}|[E-Z][A-Z])\d""")
_REFERENCE = re.compile(r"([A-Za-z]{1,7})(\d{1,10})")
_CONTENT = {"v", "is", "f"}


def survey(content: bytes, limits: Limits) -> dict[tuple[int, int], str]:
    """The cells of a sheet, as (row, column) from 1, that hold a formula or an error value, each with its fault.

    A reader of values gives the stored result of a formula and nothing for an error, so both are found here. A cell
    far outside would make it reserve the whole rectangle: raises TooLarge for content beyond the limits of rows and
    columns, whatever dimension the sheet states; BadInput if it is not well-formed.
    """
    return _walk(content, limits) if _suspicious(content, limits) else {}


def _suspicious(content: bytes, limits: Limits) -> bool:
    """Whether plain searches find a formula, an error, a far cell, or XML too unusual for them to tell."""
    if any(sign in content for sign in (*_PREFIXED, *_ERRORS)) or content.count(b"<f") != content.count(b"<formula"):
        return True
    rows = content.split(b"<row ")[1:]
    if len(rows) + content.count(b"<rowBreaks") != content.count(b"<row"):
        return True
    for row in rows:
        number = _ROW.match(row)
        if number is None or int(number[1]) > limits.rows + 1 or _FAR.match(row, max(row.rfind(b"r="), 0)):
            return True
    return False


def _walk(content: bytes, limits: Limits) -> dict[tuple[int, int], str]:
    """The same by a full parse, about ten times slower: only for sheets that a search finds suspicious."""
    odd: dict[tuple[int, int], str] = {}
    row = column = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal row, column
        tag = name.rpartition(":")[2]
        if tag == "row":
            row, column = int(attributes.get("r", row + 1)), 0
        elif tag == "c":
            row, column = _place(attributes.get("r"), row, column)
            if attributes.get("t") == "e":
                odd[row, column] = ERROR
        elif tag in _CONTENT:
            _bound(row, column, limits)
            if tag == "f":
                odd[row, column] = FORMULA
            if len(odd) > limits.oddities:
                raise TooLarge("TOO_MANY_FORMULAS", limit=limits.oddities)

    _parse(content, start)
    return odd


def _place(reference: str | None, row: int, column: int) -> tuple[int, int]:
    if reference is None:
        return row, column + 1
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise BadInput("FILE_UNREADABLE")
    number = 0
    for letter in match[1].upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return int(match[2]), number


def _bound(row: int, column: int, limits: Limits) -> None:
    if row > limits.rows + 1:
        raise TooLarge("TOO_MANY_ROWS", limit=limits.rows)
    if column > limits.columns:
        raise TooLarge("TOO_MANY_COLUMNS", limit=limits.columns)


def _parse(content: bytes, start: Callable[[str, dict[str, str]], None]) -> None:
    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError):
        raise BadInput("FILE_UNREADABLE") from None
