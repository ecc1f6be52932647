"""The annotated return: the clerk's own workbook again, every mistake marked in its cell, so that only those need work.

The same rows at the same numbers and the same columns, every value as text. On the right stand what became of each row
and why; a hidden column keeps what each row was, so that the corrected workbook is known again row by row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import IO, Any, Protocol

from openpyxl import Workbook

from hub.intake import grid, pouring, sheet, summary, template
from hub.intake.check import Fault
from hub.intake.container import Limits
from hub.intake.grid import REASON, STATUS, TOKEN, Table
from hub.intake.line import ERROR, Line, Odd, Value
from hub.intake.pouring import Looks, Remark
from hub.intake.sheet import Column, Form
from hub.intake.summary import COLOURS, VERDICTS, Kind, Language, Mark, Noted
from hub.intake.template import SchoolSheet

MOST_REMARKS = 20_000
"""Cells that get a comment. Spreadsheets grow slow with more; the others are coloured, and told of beside their row."""

_LONGEST_REASON = 500
_FIRST_LOST = 10**15
_ERRORS = {"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA"}
_RANK = {"WRONG": 0, "WARNED": 1, "MENDED": 2}
_TITLE_LENGTH = 31
_NOT_IN_TITLES = set("[]:*?/\\'")
_WIDTHS = {STATUS: 10, REASON: 60, TOKEN: 10}


class Mending(Protocol):
    """A cell that was mended: which, by what rule, and what was taken for what was written."""

    @property
    def slot(self) -> str:
        """The column."""

    @property
    def code(self) -> str:
        """The code of what was done."""

    @property
    def taken(self) -> str | None:
        """What was taken."""

    def text(self, language: Language = "zh") -> str:
        """What was done, for a person."""


@dataclass(frozen=True, slots=True)
class RowNote:
    """What became of a row: its Excel number, a verdict of `summary.VERDICTS`, what it is known by again.

    Its faults keep it out; of `mended` cells and `warnings` the clerk is only told.
    """

    row: int
    verdict: str
    token: str
    faults: Sequence[Fault] = ()
    mended: Sequence[Mending] = ()
    warnings: Sequence[Fault] = field(default=())

    def told(self, language: Language) -> Noted:
        """The note in words."""
        marks = [_of(fault, "WRONG", language) for fault in self.faults]
        marks += [_of(fault, "WARNED", language) for fault in self.warnings]
        taken = {"zh": "现为：{taken}", "en": "Now: {taken}"}[language]
        for mend in self.mended:
            text = f"{mend.text(language)} {taken.format(taken=mend.taken)}"
            marks.append(Mark("MENDED", mend.slot, mend.code, text))
        return Noted(self.row, self.verdict, self.token, marks)


def _of(fault: Fault, kind: Kind, language: Language) -> Mark:
    meant = tuple(getattr(fault, "suggestions", ()))
    return Mark(kind, fault.slot, fault.key, fault.text(language), fault.remedy(language), meant)


def write(
    source: bytes,
    notes: Iterable[RowNote],
    target: str | Path | IO[bytes],
    *,
    language: Language = "zh",
    form: Form = sheet.PUPILS,
    limits: Limits | None = None,
    school: SchoolSheet | None = None,
    import_id: str | None = None,
) -> None:
    """Write the annotated return of a workbook or of a text with separators.

    Rows without a note stay as they are. A formula is replaced by the text it shows, so nothing in the return is ever
    computed. `import_id` is what the return is known by; with `school` its drop-downs are offered again. Raises as
    `grid.read` does for what is wrong with the source.
    """
    write_told(
        source,
        [note.told(language) for note in notes],
        target,
        language=language,
        form=form,
        limits=limits,
        school=school,
        import_id=import_id,
    )


def write_told(
    source: bytes,
    notes: Iterable[Noted],
    target: str | Path | IO[bytes],
    *,
    language: Language,
    form: Form,
    limits: Limits | None = None,
    school: SchoolSheet | None = None,
    import_id: str | None = None,
) -> None:
    """The same from notes in words: what the process writes that knows neither rules nor register."""
    table = grid.find(source, limits or Limits(), form)
    lines = [*table.above, *table.below]
    layout = _Layout(table, form, lines)
    noted = {note.row: note for note in notes}
    book = Workbook()
    page: Any = book.active
    page.title = _title(table.title, form)
    rows = _Rows(layout, noted, Looks(book))
    _dress(book, layout, school)
    summary.write(book, page.title, noted.values(), layout.places, language, uncommented=rows.uncommented)
    marks = {"school": school.code if school else table.marks.get("school"), "import": import_id}
    template.mark(book, form, {name: value for name, value in marks.items() if value})
    pouring.pour(book, page.title, map(rows.row, lines), target, rows.remarks)


class _Layout:
    """Where things stand in the return: the columns of the source, and three of our own, found again or added."""

    def __init__(self, table: Table, form: Form, lines: Sequence[Line]) -> None:
        self.form, self.header_row = form, table.header_row
        self.last_row = lines[-1].number
        found = table.columns(form)
        self.slots = found
        self.columns = {found[column.slot]: column for column in form.columns if column.slot in found}
        width = 1 + max(max(line.columns, default=0) for line in lines)
        ours = [header for header in (STATUS, REASON, TOKEN) if header not in table.places]
        self.ours = {header: table.places[header] for header in (STATUS, REASON, TOKEN) if header in table.places}
        self.ours |= {header: width + place for place, header in enumerate(ours)}
        self.width = max(width, *(column + 1 for column in self.ours.values()))

    @property
    def places(self) -> Mapping[str, tuple[str, str]]:
        """Each column's letter and header by slot."""
        return {slot: (sheet.letter(at + 1), self.columns[at].header) for slot, at in self.slots.items()}


class _Rows:
    """Writes the rows, and keeps the comments that come to light with them."""

    def __init__(self, layout: _Layout, noted: Mapping[int, Noted], looks: Looks) -> None:
        self._layout, self._noted = layout, noted
        self.remarks: list[Remark] = []
        self._plain = looks.add()
        self._above = looks.add(bold=True)
        self._muted = looks.add(color="808080")
        self._marked = {kind: looks.add(fill=fill, color=color) for kind, (fill, color) in COLOURS.items()}
        self._verdicts = {name: looks.add(fill=each.fill, color=each.color) for name, each in VERDICTS.items()}
        self._headers = template.header_looks(looks)
        looks.done()
        cells = sum(len({mark.slot for mark in note.marks} & layout.slots.keys()) for note in noted.values())
        self.uncommented = max(0, cells - MOST_REMARKS)

    def row(self, line: Line) -> str:
        """One row of the return."""
        texts: list[str | None] = [None] * self._layout.width
        errors = set()
        for column, value in zip(line.columns, line.values, strict=True):
            texts[column] = _shown(value, self._layout.columns.get(column))
            if isinstance(value, Odd) and value.key == ERROR and value.shown in _ERRORS:
                errors.add(column)
        for header, column in self._layout.ours.items():
            texts[column] = header if line.number == self._layout.header_row else None
        if line.number <= self._layout.header_row:
            return self._header(line.number, texts)
        note = self._noted.get(line.number)
        if note is None:
            return pouring.row(line.number, texts, self._plain, errors=errors)
        looks = self._judged(note, texts)
        look = self._muted if note.verdict == "UNCHANGED" else self._plain
        return pouring.row(line.number, texts, look, looks=looks, errors=errors)

    def _header(self, number: int, texts: Sequence[str | None]) -> str:
        if number < self._layout.header_row:
            return pouring.row(number, texts, self._above)
        fills = (template.header_fill(self._layout.columns.get(column)) for column in range(self._layout.width))
        looks = {column: self._headers[fill] for column, fill in enumerate(fills)}
        return pouring.row(number, texts, self._above, looks=looks)

    def _judged(self, note: Noted, texts: list[str | None]) -> dict[int, int]:
        """Write beside a row what became of it; the looks of its marked cells, which get their comments."""
        ours = self._layout.ours
        verdict = VERDICTS.get(note.verdict)
        texts[ours[STATUS]] = verdict.word if verdict else note.verdict
        texts[ours[REASON]] = _reason(note)
        texts[ours[TOKEN]] = note.token
        looks = {ours[STATUS]: self._verdicts.get(note.verdict, self._plain)}
        marks: dict[int, list[Mark]] = {}
        for mark in sorted(note.marks, key=lambda each: _RANK[each.kind]):
            if mark.slot in self._layout.slots:
                marks.setdefault(self._layout.slots[mark.slot], []).append(mark)
        for column, here in marks.items():
            looks[column] = self._marked[here[0].kind]
            if len(self.remarks) < MOST_REMARKS:
                self.remarks.append(Remark(note.row, column, "\n\n".join(mark.comment for mark in here)))
        return looks


def _reason(note: Noted) -> str:
    """What is said of a row in one cell: what keeps it out comes first."""
    said = [mark.text for mark in sorted(note.marks, key=lambda each: _RANK[each.kind]) if mark.kind != "MENDED"]
    text = " ".join(dict.fromkeys(said))
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 1]}…"


def _shown(value: Value, column: Column | None) -> str | None:
    """A value as the clerk saw it; a number that lost its digits shows that it did."""
    if isinstance(value, str):
        return value
    if isinstance(value, Odd):
        return value.shown
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, date):
        return _day(value, column)
    if isinstance(value, int | float):
        return f"{value:.14E}" if abs(value) >= _FIRST_LOST else f"{value:.15g}"
    return None


def _day(day: date, column: Column | None) -> str:
    if column is None:
        return day.isoformat()
    return f"{day:%Y%m}" if column.kind == "month" else f"{day:%Y%m%d}"


def _title(title: str, form: Form) -> str:
    """The title of the source's sheet, if openpyxl takes it."""
    usable = 0 < len(title) <= _TITLE_LENGTH and title.isprintable() and not _NOT_IN_TITLES & set(title)
    return title if usable and title not in template.OTHERS else form.title


def _dress(book: Workbook, layout: _Layout, school: SchoolSheet | None) -> None:
    """Columns, a frozen header, filters by verdict, drop-downs."""
    page: Any = book.active
    page.sheet_view.tabSelected = False
    page.freeze_panes = f"C{layout.header_row + 1}"
    reason = sheet.letter(layout.ours[REASON] + 1)
    page.auto_filter.ref = f"A{layout.header_row}:{reason}{max(layout.last_row, layout.header_row + 1)}"
    for header, column in layout.ours.items():
        dimension = page.column_dimensions[sheet.letter(column + 1)]
        dimension.width, dimension.hidden = _WIDTHS[header], header == TOKEN
    letters = {slot: sheet.letter(at + 1) for slot, at in layout.slots.items()}
    template.offer(book, page, layout.form, school, letters, layout.header_row + 1, layout.last_row)
