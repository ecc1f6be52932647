"""Writing the import workbook: an empty template for a school, or one filled from values."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.packaging.custom import StringProperty
from openpyxl.worksheet.datavalidation import DataValidation

from hub import codes
from hub.intake import pouring, sheet
from hub.intake.grid import MARK
from hub.intake.pouring import Looks, pour
from hub.intake.sheet import Column, Form

NOTES, LISTS = "填表说明", "代码表"
_LAST_ROW = 5_001
OTHERS = frozenset({NOTES, LISTS, MARK, "导入结果"})
"""Titles of sheets that hold no rows."""
REQUIRED, OPTIONAL, OURS = "FFC7CE", "DDEBF7", "E7E6E6"
"""Fills of the headers of columns that must be filled, of the others, and of those that are no column of the form."""
_PROPERTIES = {"school": "school-code", "import": "import-id"}
_NOT_TEXT = re.compile(r"[=+\-@\t\r#]")


@dataclass(frozen=True, slots=True)
class SchoolSheet:
    """The school a template is for: its code, name, its classes as (official class number, label), the names of its
    open grades and of its campuses.
    """

    code: str
    name: str
    classes: list[tuple[str, str]] = field(default_factory=list)
    grades: list[str] = field(default_factory=list)
    campuses: list[str] = field(default_factory=list)


def write(school: SchoolSheet, target: str | Path | IO[bytes], form: Form = sheet.PUPILS) -> None:
    """Write the empty template of a school.

    Every column is formatted as text, so that a spreadsheet keeps all digits of numbers typed into it. Columns with a
    code list, the school code and the class number offer a drop-down.
    """
    fill(school, (), target, form)


def fill(
    school: SchoolSheet,
    rows: Iterable[Mapping[str, str]],
    target: str | Path | IO[bytes],
    form: Form = sheet.PUPILS,
) -> None:
    """Write a template with rows, each the cell texts by the column's slot (`name`, `guardian1.relation`).

    Absent slots stay empty. Every text is stored as text, whatever it begins with or holds. Raises KeyError for an
    unknown slot. Rows are taken as they are written, so many cost no more memory than few.
    """
    book = Workbook()
    page: Any = book.active
    page.title = form.title
    looks = Looks(book)
    text = looks.add()
    headers = header_looks(looks)
    looks.done()
    page.freeze_panes = "C2"
    letters = {column.slot: column.letter for column in form.columns}
    offer(book, page, form, school, letters, 2, _LAST_ROW)
    mark(book, form, {"school": school.code})
    book.properties.title = f"{form.title} {school.name}"
    pour(book, form.title, chain([_header(form, headers)], _rows(form, rows, text)), target)


def text_cell(page: Any, text: str) -> Any:
    """A value that stays text whatever it begins with, never a formula or an error; what XML cannot hold is marked."""
    text = ILLEGAL_CHARACTERS_RE.sub("\ufffd", text)
    if not _NOT_TEXT.match(text):
        return text
    cell = WriteOnlyCell(page, value=None)
    cell.value = text
    cell.data_type = "s"
    cell.quotePrefix = True
    return cell


def _rows(form: Form, rows: Iterable[Mapping[str, str]], look: int) -> Iterator[str]:
    slots = [column.slot for column in form.columns]
    known = frozenset(slots)
    for number, texts in enumerate(rows, 2):
        if not texts.keys() <= known:
            raise KeyError(*(texts.keys() - known))
        yield pouring.row(number, [texts.get(slot) for slot in slots], look)


def offer(
    book: Workbook,
    page: Any,
    form: Form,
    school: SchoolSheet | None,
    letters: Mapping[str, str],
    first: int,
    last: int,
) -> None:
    """Offer drop-downs in the rows of a sheet, whose columns stand under `letters` by slot; say how they are filled in.

    Without a school there is nothing of its own among them.
    """
    options = _options(school or SchoolSheet("", ""), form)
    lists = list(options)
    for column in form.columns:
        letter = letters.get(column.slot)
        if letter is None:
            continue
        dimension = page.column_dimensions[letter]
        dimension.width = max(10, 2 * len(column.header) + 2, min(column.limit, 24))
        dimension.number_format = "@"
        name = _list_of(column)
        if name and any(options[name]):
            source = sheet.letter(lists.index(name) + 1)
            _choose(
                page,
                column,
                f"'{LISTS}'!${source}$2:${source}${len(options[name]) + 1}",
                f"{letter}{first}:{letter}{last}",
            )
    _note(book.create_sheet(NOTES), school, form)
    _list(book.create_sheet(LISTS), options)


def _choose(page: Any, column: Column, source: str, cells: str) -> None:
    # Several grades may stand in one cell, so there the list only offers.
    strict = column.kind != "grades"
    choice = DataValidation("list", formula1=source, allow_blank=True, showErrorMessage=strict)
    choice.errorTitle, choice.error = column.header, column.hint
    choice.add(cells)
    page.data_validations.append(choice)


def _list_of(column: Column) -> str | None:
    by_kind = {"yes_no": "YES_NO", "school": "SCHOOL", "class": "CLASS", "sex": "SEX", "grades": "GRADE"}
    return column.codes or by_kind.get(column.kind)


def _options(school: SchoolSheet, form: Form) -> dict[str, list[str]]:
    """The words offered for each list: the school's own, then the code lists."""
    named = {column.codes for column in form.columns if column.kind == "code" and column.codes}
    own = {
        "SCHOOL": [school.code],
        "CLASS": [number for number, _ in school.classes],
        "GRADE": school.grades,
        "CAMPUS": school.campuses,
        "YES_NO": [sheet.YES, sheet.NO],
        "SEX": ["男", "女"],
    }
    offered = {_list_of(column) for column in form.columns}
    return {name: words for name, words in own.items() if name in offered} | {
        name: list(dict.fromkeys(entry.name for entry in codes.lists()[name].entries)) for name in sorted(named)
    }


def header_looks(looks: Looks) -> dict[str, int]:
    """The looks of headers by their fill."""
    letters = {REQUIRED: "9C0006", OPTIONAL: "1F3864", OURS: "404040"}
    return {fill: looks.add(fill=fill, color=color, bold=True, wrap=True) for fill, color in letters.items()}


def header_fill(column: Column | None) -> str:
    """The fill of a column's header."""
    if column is None:
        return OURS
    return REQUIRED if column.required else OPTIONAL


def _header(form: Form, looks: Mapping[str, int]) -> str:
    each = {place: looks[header_fill(column)] for place, column in enumerate(form.columns)}
    return pouring.row(1, [column.header for column in form.columns], 0, looks=each)


def _note(page: Any, school: SchoolSheet | None, form: Form) -> None:
    for letter, width in zip("ABCDE", (8, 30, 30, 8, 60), strict=True):
        page.column_dimensions[letter].width = width
    if school:
        page.append([None, text_cell(page, school.name), text_cell(page, school.code)])
    page.append(["列", "中文名称", "English", "必填", "说明"])
    for column in form.columns:
        page.append([column.letter, column.header, column.english, "是" if column.required else "", column.hint])
    if school and school.classes:
        page.append([])
        page.append([None, "班号", "班级"])
        for number, label in school.classes:
            page.append([None, text_cell(page, number), text_cell(page, label)])


def _list(page: Any, options: Mapping[str, list[str]]) -> None:
    page.sheet_state = "hidden"
    page.append(list(options))
    longest = max(map(len, options.values()))
    for place in range(longest):
        page.append([text_cell(page, words[place]) if place < len(words) else None for words in options.values()])


def mark(book: Workbook, form: Form, said: Mapping[str, str]) -> None:
    """Mark a workbook, where nobody sees it, with the version of its form and what else is said of it."""
    page: Any = book.create_sheet(MARK)
    page.sheet_state = "veryHidden"
    page.append(["version", form.version])
    for name, value in said.items():
        page.append([name, text_cell(page, value)])
    properties: Any = book.__dict__["custom_doc_props"]
    properties.append(StringProperty(name="template-version", value=form.version))
    for name, value in said.items():
        properties.append(StringProperty(name=_PROPERTIES.get(name, name), value=value))
