"""Rows and comments poured into a workbook: openpyxl makes the frame, what is many goes into it as it comes.

openpyxl writes about 600 rows of 71 columns a second and a comment in half a millisecond, holding all of them; a row
here is one piece of text, kept no longer than until it is packed.
"""

import io
import re
import zipfile
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side

from hub.intake import sheet

LONGEST_TEXT = 32_767
"""Characters a spreadsheet can hold in a cell."""

_AUTHOR = "学籍系统"
_MANY = 200
_BLOCK = 1_024
_ESCAPED = re.compile(
    "[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)"  # what XML cannot hold, or would read
)
_LETTERS = [sheet.letter(number) for number in range(1, 1_000)]
_ALL_ALIKE: Mapping[int, int] = MappingProxyType({})
_OWN_ROWS = re.compile(r"<sheetData\s*/>|<sheetData>.*?</sheetData>", re.DOTALL)
_DIMENSION = re.compile(r"<dimension [^>]*/>")
_THIN = Side(style="thin", color="D0D7DE")


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment on a cell: its row from 1, its column from 0, the text."""

    row: int
    column: int
    text: str


class Looks:
    """The looks of cells of one workbook by what they are made of. Texts are texts to the spreadsheet, too."""

    def __init__(self, book: Workbook) -> None:
        self._scratch: Any = book.create_sheet("looks")
        self._book = book
        self._many = 0

    def add(self, *, fill: str | None = None, color: str | None = None, bold: bool = False, wrap: bool = False) -> int:
        """The number of a look: its fill and the colour of its letters as RRGGBB."""
        self._many += 1
        cell = self._scratch.cell(self._many, 1)
        cell.number_format = "@"
        cell.font = Font(bold=bold, color=color)
        cell.fill = PatternFill("solid", fgColor=fill) if fill else PatternFill()
        cell.border = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN) if fill else Border()
        cell.alignment = Alignment(wrap_text=wrap or None, vertical="center" if wrap else None)
        return int(cell.style_id)

    def done(self) -> None:
        """No more looks are added."""
        self._book.remove(self._scratch)


def row(
    number: int,
    texts: Sequence[str | None],
    look: int,
    *,
    looks: Mapping[int, int] = _ALL_ALIKE,
    errors: Container[int] = (),
) -> str:
    """A row as it stands in a sheet: the texts of its columns, their look, and by column the looks of the others.

    Texts in the columns `errors` are error values (#N/A).
    """
    cells = []
    for column, text in enumerate(texts):
        if text:
            place = f'<c r="{_LETTERS[column]}{number}" s="{looks.get(column, look)}"'
            if column in errors:
                cells.append(f'{place} t="e"><v>{_written(text)}</v></c>')
            elif text.isalnum():
                cells.append(f'{place} t="inlineStr"><is><t>{text}</t></is></c>')
            else:
                cells.append(f'{place} t="inlineStr"><is><t xml:space="preserve">{_written(text)}</t></is></c>')
        elif column in looks:
            cells.append(f'<c r="{_LETTERS[column]}{number}" s="{looks[column]}"/>')
    return f'<row r="{number}">{"".join(cells)}</row>'


def pour(
    book: Workbook,
    title: str,
    rows: Iterable[str],
    target: str | Path | IO[bytes],
    remarks: Sequence[Remark] | None = None,
) -> None:
    """Save a workbook with these for the rows of one of its sheets, and comments on that sheet if there may be any.

    `remarks` is read when all rows are written, so they may come to light with these.
    """
    page = book[title]
    place = book.worksheets.index(page) + 1
    if remarks is not None:
        anchor: Any = page.cell(1, 1)
        anchor.comment = Comment("", _AUTHOR)  # has openpyxl make the parts that hold comments, tied to the sheet
    frame = io.BytesIO()
    book.save(frame)
    with zipfile.ZipFile(frame) as made, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=5) as out:
        later = []
        for name in made.namelist():
            if name == f"xl/worksheets/sheet{place}.xml":
                _save(out, name, _with_rows(made.read(name), rows))
            elif name.startswith(("xl/comments/", "xl/drawings/commentsDrawing")):
                later.append(name)
            else:
                out.writestr(name, made.read(name))
        for name in later:
            _save(out, name, _shapes(remarks or ()) if name.endswith(".vml") else _comments(remarks or ()))


def _save(out: zipfile.ZipFile, name: str, pieces: Iterable[str]) -> None:
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    with out.open(entry, "w") as part:
        held: list[str] = []
        for piece in pieces:
            held.append(piece)
            if len(held) == _MANY:
                part.write("".join(held).encode())
                held.clear()
        part.write("".join(held).encode())


def _with_rows(markup: bytes, rows: Iterable[str]) -> Iterator[str]:
    """The sheet with these rows for its own; how far it reaches is nowhere said, which is always true."""
    before, after = _OWN_ROWS.split(_DIMENSION.sub("", markup.decode()), maxsplit=1)
    yield f"{before}<sheetData>"
    yield from rows
    yield f"</sheetData>{after}"


def _written(text: str) -> str:
    """A text as it stands between two tags; what cannot stand there in the spreadsheet's own escapes."""
    text = _ESCAPED.sub(lambda found: f"_x{ord(found[0]):04X}_", text[:LONGEST_TEXT])
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _comments(remarks: Sequence[Remark]) -> Iterator[str]:
    yield (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        '<comments xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<authors><author>{_AUTHOR}</author></authors><commentList>"
    )
    for remark in remarks:
        yield (
            f'<comment ref="{_LETTERS[remark.column]}{remark.row}" authorId="0"><text>'
            f'<t xml:space="preserve">{_written(remark.text)}</t></text></comment>'
        )
    yield "</commentList></comments>"


def _shapes(remarks: Sequence[Remark]) -> Iterator[str]:
    blocks = ",".join(str(block) for block in range(1, len(remarks) // _BLOCK + 2))
    yield (
        '<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"'
        ' xmlns:x="urn:schemas-microsoft-com:office:excel">'
        f'<o:shapelayout v:ext="edit"><o:idmap v:ext="edit" data="{blocks}"/></o:shapelayout>'
        '<v:shapetype id="_x0000_t202" coordsize="21600,21600" o:spt="202" path="m,l,21600r21600,l21600,xe">'
        '<v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>'
    )
    for number, remark in enumerate(remarks, _BLOCK + 1):
        lines = sum(1 + len(line) // 22 for line in remark.text.split("\n"))
        top, left = max(remark.row - 2, 0), remark.column + 1
        yield (
            f'<v:shape id="_x0000_s{number}" type="#_x0000_t202" fillcolor="#ffffe1" o:insetmode="auto"'
            f' style="position:absolute;width:330px;height:{18 * lines + 12}px;visibility:hidden">'
            '<v:fill color2="#ffffe1"/><v:shadow color="black" obscured="t"/><v:path o:connecttype="none"/>'
            '<v:textbox style="mso-direction-alt:auto"><div style="text-align:left"></div></v:textbox>'
            '<x:ClientData ObjectType="Note"><x:MoveWithCells/><x:SizeWithCells/>'
            f"<x:Anchor>{left}, 12, {top}, 4, {left + 2}, 40, {top + lines + 1}, 4</x:Anchor>"
            f"<x:AutoFill>False</x:AutoFill><x:Row>{remark.row - 1}</x:Row><x:Column>{remark.column}</x:Column>"
            "</x:ClientData></v:shape>"
        )
    yield "</xml>"
