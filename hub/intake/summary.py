"""The first sheet of an annotated return: how many rows came to what, what is wrong how often, how to go on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.properties import PageSetupProperties

from hub.intake.template import text_cell

TITLE = "导入结果"
"""Name of the sheet."""

Language = Literal["zh", "en"]
Kind = Literal["WRONG", "WARNED", "MENDED"]

COLOURS: dict[Kind, tuple[str, str]] = {
    "WRONG": ("FFC7CE", "9C0006"),
    "WARNED": ("FFDCA8", "7F4A00"),
    "MENDED": ("FFF2B3", "7F6000"),
}
"""Fill and letters of a marked cell by what its mark says."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may become of a row: the word for it, and its colours."""

    word: str
    english: str
    fill: str
    color: str


VERDICTS = {
    "CREATE": Verdict("新增", "new", "C6EFCE", "006100"),
    "UPDATE": Verdict("更新", "changed", "DDEBF7", "1F3864"),
    "UNCHANGED": Verdict("未变", "unchanged", "EDEDED", "808080"),
    "REFUSE": Verdict("未通过", "not taken", "FFC7CE", "9C0006"),
}
"""What may become of a row, in the order in which it is told."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something to say of one cell: `WRONG` keeps the row out, `WARNED` and `MENDED` do not.

    `suggestions` are what may have been meant, best first.
    """

    kind: Kind
    slot: str
    code: str
    text: str
    remedy: str = ""
    suggestions: Sequence[str] = ()

    @property
    def comment(self) -> str:
        """The mark as a comment on its cell."""
        lines = [self.text]
        if self.remedy:
            lines.append(f"➜ {self.remedy}")
        if self.suggestions:
            lines.append("？ " + "\n？ ".join(self.suggestions))
        return "\n".join([*lines, f"[{self.code}]"])


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of a row: its Excel number, a verdict of `VERDICTS`, what it is known by again, its marks."""

    row: int
    verdict: str
    token: str
    marks: Sequence[Mark] = field(default=())


_WORDS = {
    "zh": {
        "title": "导入结果",
        "rows": "行数",
        "verdict": "结果",
        "total": "合计",
        "how": "怎么继续",
        "colours": "单元格颜色",
        "WRONG": "有误，须改正",
        "WARNED": "请核对；不改也能通过",
        "MENDED": "已自动订正，不用再改",
        "faults": "问题清单（按数量）",
        "heads": ("数量", "列", "项目", "问题", "怎么改", "首处", "代码"),
        "none": "没有发现问题。",
        "more": "另有 {more} 处只标颜色、没有批注（批注过多表格会变慢），原因见各行右侧“处理说明”。",
        "steps": (
            "1. 打开“{sheet}”，筛选“处理结果”为“未通过”的行；鼠标停在红色单元格上，看哪里错、怎么改。",
            "2. 直接在本文件中改正，保存后原样上传。已通过的行不用动，没有变化的不会重复写入。",
            "3. 可以增行、删行、排序；不要改表头文字，不要取消隐藏或改动最右边的隐藏列。",
        ),
    },
    "en": {
        "title": "Result of the import",
        "rows": "rows",
        "verdict": "result",
        "total": "in all",
        "how": "How to go on",
        "colours": "Colours of cells",
        "WRONG": "wrong: correct it",
        "WARNED": "look again; it passes as it is",
        "MENDED": "mended by itself: nothing to do",
        "faults": "What was found, most frequent first",
        "heads": ("count", "column", "item", "what is wrong", "what to do", "first", "code"),
        "none": "Nothing was found.",
        "more": "{more} more cells are coloured without a comment (too many slow a spreadsheet): see 处理说明.",
        "steps": (
            "1. Open '{sheet}', filter 处理结果 for 未通过; rest the mouse on a red cell to read what is wrong.",
            "2. Correct it in this file, save it and upload it as it is. Rows that passed need nothing.",
            "3. Rows may be added, deleted and sorted; leave the headers and the hidden column on the right alone.",
        ),
    },
}
_BAND, _RULE = PatternFill("solid", fgColor="1F3864"), Side(style="thin", color="D0D7DE")
_EDGE = Border(left=_RULE, right=_RULE, top=_RULE, bottom=_RULE)
_WIDTHS = (10, 9, 24, 52, 52, 9, 28)
_IN_A_LINE = 29
_LISTED = 1_000


@dataclass(slots=True)
class _Found:
    """One thing found in one column: the mark that says it, how often, where first."""

    mark: Mark
    row: int
    count: int = 0


def write(
    book: Workbook,
    title: str,
    notes: Collection[Noted],
    places: Mapping[str, tuple[str, str]],
    language: Language,
    *,
    uncommented: int = 0,
) -> None:
    """Write the summary of notes on a sheet as the first sheet of its book, and have it open there.

    `places` are the letter and header of each column by slot, `uncommented` the marked cells without a comment.
    """
    page: Any = book.create_sheet(TITLE, 0)
    book.active = page
    page.sheet_view.showGridLines = False
    page.page_setup.orientation, page.page_setup.fitToHeight = "landscape", 0
    page.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    for letter, width in zip("ABCDEFG", _WIDTHS, strict=True):
        page.column_dimensions[letter].width = width
    words: Any = _WORDS[language]
    _line(page, [words["title"]], Font(bold=True, size=16, color="1F3864"))
    page.append([])
    _count(page, notes, words, language)
    page.append([])
    _line(page, [words["how"]], Font(bold=True, size=12, color="1F3864"))
    for step in words["steps"]:
        _line(page, [step.format(sheet=title)], Font(size=11))
    page.append([])
    _line(page, [words["colours"]], Font(bold=True, size=12, color="1F3864"))
    for kind, (fill, _) in COLOURS.items():
        _line(page, ["", words[kind]], Font(size=11))
        page.cell(page.max_row, 1).fill = PatternFill("solid", fgColor=fill)
        page.cell(page.max_row, 1).border = _EDGE
    page.append([])
    _list(page, title, _found(notes), places, words)
    if uncommented:
        _line(page, [words["more"].format(more=uncommented)], Font(italic=True, color="7F6000"))


def _count(page: Any, notes: Collection[Noted], words: Mapping[str, Any], language: Language) -> None:
    verdicts = [note.verdict for note in notes]
    for name, verdict in VERDICTS.items():
        word = verdict.word if language == "zh" else f"{verdict.word} {verdict.english}"
        _line(page, [verdicts.count(name), word], Font(bold=True, size=12, color=verdict.color))
        for column in (1, 2):
            page.cell(page.max_row, column).fill = PatternFill("solid", fgColor=verdict.fill)
            page.cell(page.max_row, column).border = _EDGE
    _line(page, [len(verdicts), words["total"]], Font(bold=True, size=12))


def _found(notes: Collection[Noted]) -> list[_Found]:
    found: dict[tuple[str, str], _Found] = {}
    for note in notes:
        for mark in note.marks:
            found.setdefault((mark.code, mark.slot), _Found(mark, note.row)).count += 1
    kinds = [*COLOURS]
    return sorted(found.values(), key=lambda each: (kinds.index(each.mark.kind), -each.count))


def _list(
    page: Any, title: str, found: Sequence[_Found], places: Mapping[str, tuple[str, str]], words: Mapping[str, Any]
) -> None:
    _line(page, [words["faults"] if found else words["none"]], Font(bold=True, size=12, color="1F3864"))
    if not found:
        return
    _line(page, words["heads"], Font(bold=True, color="FFFFFF"))
    for cell in page[page.max_row]:
        cell.fill, cell.border = _BAND, _EDGE
    for each in found[:_LISTED]:
        letter, header = places.get(each.mark.slot, ("", ""))
        first = f"{letter}{each.row}" if letter else each.row
        told = (each.count, letter, header, each.mark.text, each.mark.remedy, first, each.mark.code)
        _line(page, told, Font(size=11), wrap=True)
        longest = max(len(each.mark.text), len(each.mark.remedy))
        page.row_dimensions[page.max_row].height = 16 * (1 + longest // _IN_A_LINE) + 4
        for cell in page[page.max_row]:
            cell.border = _EDGE
        page.cell(page.max_row, 1).fill = PatternFill("solid", fgColor=COLOURS[each.mark.kind][0])
        if letter:
            _link(page.cell(page.max_row, 6), title, str(first))


def _link(cell: Any, title: str, place: str) -> None:
    cell.hyperlink = Hyperlink(ref=cell.coordinate, location=f"'{title}'!{place}", display=place)
    cell.font = Font(size=11, color="0563C1", underline="single")


def _line(page: Any, values: Sequence[Any], font: Font, *, wrap: bool = False) -> None:
    page.append([text_cell(page, value) if isinstance(value, str) else value for value in values])
    for cell in page[page.max_row]:
        cell.font = font
        across = "center" if isinstance(cell.value, int) else None
        cell.alignment = Alignment(horizontal=across, vertical="center", wrap_text=wrap)
