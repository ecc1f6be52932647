"""Writing the import workbook: an empty template for a school, or one filled from values."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.packaging.custom import StringProperty
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation

from hub import codes
from hub.intake import pouring, sheet
from hub.intake.grid import MARK
from hub.intake.pouring import Looks, pour
from hub.intake.sheet import Column, Form

NOTES, LISTS = "填表说明", "代码表"
_LAST_ROW = 5_001
_REQUIRED = PatternFill("solid", fgColor="FFC7CE")
_OPTIONAL = PatternFill("solid", fgColor="DDEBF7")
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
    looks.done()
    options = _options(school, form)
    _dress(page, form, options)
    page.append(_header(page, form))
    _note(book.create_sheet(NOTES), school, form)
    _list(book.create_sheet(LISTS), options)
    mark(book, form, {"school": school.code})
    book.properties.title = f"{form.title} {school.name}"
    pour(book, form.title, _rows(form, rows, text), target)


def text_cell(page: Any, text: str) -> Any:
    """A value that stays text whatever it begins with: never a formula, never an error value."""
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


def _dress(page: Any, form: Form, options: Mapping[str, list[str]]) -> None:
    page.freeze_panes = "C2"
    lists = list(options)
    for column in form.columns:
        dimension = page.column_dimensions[column.letter]
        dimension.width = max(10, 2 * len(column.header) + 2, min(column.limit, 24))
        dimension.number_format = "@"
        name = _list_of(column)
        if name and options[name]:
            letter = sheet.letter(lists.index(name) + 1)
            last = len(options[name]) + 1
            _offer(page, column, f"'{LISTS}'!${letter}$2:${letter}${last}")


def _offer(page: Any, column: Column, source: str) -> None:
    # Several grades may stand in one cell, so there the list only offers.
    strict = column.kind != "grades"
    choice = DataValidation("list", formula1=source, allow_blank=True, showErrorMessage=strict)
    choice.errorTitle, choice.error = column.header, column.hint
    choice.add(f"{column.letter}2:{column.letter}{_LAST_ROW}")
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


def _header(page: Any, form: Form) -> list[Any]:
    cells = []
    for column in form.columns:
        cell = WriteOnlyCell(page, value=column.header)
        cell.font = Font(bold=True, color="9C0006" if column.required else "1F3864")
        cell.fill = _REQUIRED if column.required else _OPTIONAL
        cell.alignment = Alignment(wrap_text=True, vertical="center")
        cells.append(cell)
    return cells


def _note(page: Any, school: SchoolSheet, form: Form) -> None:
    for letter, width in zip("ABCDE", (8, 30, 30, 8, 60), strict=True):
        page.column_dimensions[letter].width = width
    page.append([None, text_cell(page, school.name), text_cell(page, school.code)])
    page.append(["列", "中文名称", "English", "必填", "说明"])
    for column in form.columns:
        page.append([column.letter, column.header, column.english, "是" if column.required else "", column.hint])
    if school.classes:
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
