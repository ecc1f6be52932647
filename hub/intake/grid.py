"""A form's sheet as values: its header row found by name, its rows in the columns' own order."""

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from hub import codes
from hub.errors import BadInput, TooLarge
from hub.intake import cells, container, sheet
from hub.intake.container import Limits
from hub.intake.sheet import Form

Cell = str | int | float | bool | date | None
"""A cell's value. None is blank, or a cell listed in the sheet's `oddities`."""

TOO_LONG, WRONG_TYPE = "CELL_TOO_LONG", "WRONG_TYPE"

_MARK_SHEET = "_template"
_HEADER_ROWS = 10
_LONGEST_CELL = 2_000
_FIRST_LOST = 2**53
_STARS = re.compile(r"[*★]|\(必填\)|\(选填\)")


@dataclass(slots=True)
class Sheet:
    """The rows of a workbook, each its Excel row number and its values in the order of the form's columns.

    `letters` are the Excel letters of the columns found, by slot; `unknown` the headers that are none of them.
    `oddities` name the fault of a cell without a usable value, by (Excel row, place in the row): a formula, an error
    value, a time, a text over 2,000 characters. `version` and `school_code` are what the template was marked with.
    """

    header_row: int
    letters: dict[str, str]
    rows: list[tuple[int, list[Cell]]]
    oddities: dict[tuple[int, int], str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    version: str | None = None
    school_code: str | None = None


def read(data: bytes, limits: Limits, form: Form = sheet.PUPILS) -> Sheet:
    """Read the sheet of a form: the one of its title, or else the first that has its headers.

    Raises BadInput or TooLarge when the file is not a plain workbook, exceeds a limit, or lacks required columns.
    """
    xml = container.parts(data, limits)
    titles = container.sheets(xml)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    except CalamineError:
        raise BadInput("FILE_UNREADABLE") from None
    marks = _marks(book, xml, titles, limits)
    candidates = [pair for pair in titles if pair[0] == form.title] or [p for p in titles if p[0] != _MARK_SHEET]
    slots = {_plain(column.header): column.slot for column in form.columns}
    missing: list[str] = [column.header for column in form.columns if column.required]
    for title, part in candidates:
        odd = cells.survey(xml[part], limits)
        table = _table(book, title, limits)
        header_row, places = _header(table, slots)
        lacking = _lacking(form, places)
        if not lacking:
            return _sheet(table, header_row, places, odd, marks, slots)
        missing = min(missing, lacking, key=len)
    raise _wrong_template(form, missing, marks.get("version"))


def _table(book: CalamineWorkbook, title: str, limits: Limits) -> list[list[Any]]:
    try:
        page = book.get_sheet_by_name(title)
        last_row, last_column = page.end or (0, 0)
        if last_row > limits.rows:
            raise TooLarge("TOO_MANY_ROWS", limit=limits.rows)
        if last_column >= limits.columns:
            raise TooLarge("TOO_MANY_COLUMNS", limit=limits.columns)
        table: list[list[Any]] = page.to_python(skip_empty_area=False)
    except CalamineError:
        raise BadInput("FILE_UNREADABLE") from None
    return table


def _marks(
    book: CalamineWorkbook, xml: Mapping[str, bytes], titles: Sequence[tuple[str, str]], limits: Limits
) -> dict[str, str]:
    """What the template's hidden sheet says of it: `version` and `school`."""
    part = dict(titles).get(_MARK_SHEET)
    if part is None or len(xml[part]) > container.MEGABYTE:
        return {}
    cells.survey(xml[part], limits)
    table = _table(book, _MARK_SHEET, limits)[:5]
    return {str(row[0])[:20]: str(row[1])[:20] for row in table if len(row) > 1}


def _header(table: Sequence[Sequence[Any]], slots: Mapping[str, str]) -> tuple[int, dict[str, list[int]]]:
    """The place of the row, of the first ten, that names most columns, and the places of each header in it."""
    best: tuple[int, dict[str, list[int]]] = (0, {})
    for number, row in enumerate(table[:_HEADER_ROWS]):
        places: dict[str, list[int]] = {}
        for place, value in enumerate(row):
            if isinstance(value, str) and value:
                places.setdefault(_plain(value[:200]), []).append(place)
        if sum(header in places for header in slots) > sum(header in best[1] for header in slots):
            best = number, places
    return best


def _plain(header: str) -> str:
    return _STARS.sub("", codes.fold(header))


def _lacking(form: Form, places: Mapping[str, list[int]]) -> list[str]:
    for column in form.columns:
        if len(places.get(_plain(column.header), ())) > 1:
            raise BadInput("DUPLICATE_COLUMN", header=column.header)
    return [column.header for column in form.columns if column.required and _plain(column.header) not in places]


def _wrong_template(form: Form, missing: Sequence[str], version: str | None) -> BadInput:
    named = "、".join(missing[:10]) + ("……" if len(missing) > 10 else "")
    if version not in (None, form.version):
        return BadInput("TEMPLATE_TOO_OLD", found=version, current=form.version, missing=named)
    return BadInput("WRONG_TEMPLATE", missing=named)


def _sheet(
    table: list[list[Any]],
    header: int,
    places: Mapping[str, list[int]],
    odd: Mapping[tuple[int, int], str],
    marks: Mapping[str, str],
    slots: Mapping[str, str],
) -> Sheet:
    found_at = {slots[name]: found[0] for name, found in places.items() if name in slots}
    order = [found_at.get(slot) for slot in slots.values()]
    places_of = {place: position for position, place in enumerate(order) if place is not None}
    oddities = {
        (row, places_of[column - 1]): fault
        for (row, column), fault in odd.items()
        if row > header + 1 and column - 1 in places_of
    }
    rows = [
        (number, _row(number, values, order, oddities))
        for number, values in enumerate(table[header + 1 :], header + 2)
        if any(values) or any(value is not None and value != "" for value in values)
    ]
    listed = {number for number, _ in rows}
    rows += [(number, [None] * len(order)) for number in sorted({row for row, _ in oddities} - listed)]
    rows.sort(key=lambda row: row[0])
    letters = {slot: sheet.letter(place + 1) for slot, place in found_at.items()}
    unknown = [name for name in places if name not in slots]
    return Sheet(header + 1, letters, rows, oddities, unknown[:100], marks.get("version"), marks.get("school"))


def _row(
    number: int, values: Sequence[Any], order: Sequence[int | None], oddities: dict[tuple[int, int], str]
) -> list[Cell]:
    row: list[Cell] = []
    width = len(values)
    for position, place in enumerate(order):
        value = "" if place is None or place >= width else values[place]
        if type(value) is not str:
            value, fault = _number_or_day(value)
        else:
            fault = None if len(value) <= _LONGEST_CELL else TOO_LONG
        if fault is not None:
            oddities.setdefault((number, position), fault)
        odd = oddities and (number, position) in oddities
        row.append(None if odd or value == "" else value)
    return row


def _number_or_day(value: Any) -> tuple[Cell, str | None]:
    """A cell that is not text: whole numbers become int while exact, days become date; times of day are faults."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None, cells.ERROR
        return (int(value) if value.is_integer() and abs(value) < _FIRST_LOST else value), None
    if isinstance(value, datetime):
        return value.date(), None
    if isinstance(value, bool | int | date):
        return value, None
    return None, WRONG_TYPE
