"""What was mended between a cell as it was written and the value taken from it."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from hub import codes
from hub.intake import values
from hub.intake.sheet import Column

_WIDE = re.compile("[\uff01-\uff5e]")
_BLANK = re.compile("[\\s\u200b-\u200f\u2060\ufeff]")
_HYPHEN = re.compile("[-\uff0d\u2010-\u2015\u2212]")
_DOT = re.compile("[\u2022\u2027\u30fb\uff65\u22c5\u25cf]")


def kinds(column: Column, cell: Any, value: Any) -> tuple[str, ...]:
    """The codes of everything that was mended; empty for a cell written as it should be.

    `value` is what `values.parse` made of the cell: no `Wrong`, and not None. Blanks around a text are nothing to tell.
    """
    if type(cell) is not str:
        return tuple(_stored(column, cell, value))
    if column.kind in ("code", "sex"):
        return tuple(_option(column, cell.strip(), value))
    if cell == value:
        return ()
    text = cell.strip()
    if text == value or (column.kind == "date" and len(text) == 8 and text.isdecimal() and text.isascii()):
        return ()
    return tuple(_form(column, text, value))


def _stored(column: Column, cell: Any, value: Any) -> Iterator[str]:
    """Of a cell that holds a number or a day."""
    if isinstance(cell, date):
        yield "MENDED_DATE_FORM"
    elif column.kind in ("code", "sex"):
        yield "MENDED_OPTION_CODE"
    elif column.kind == "yes_no":
        yield "MENDED_YES_NO"
    elif isinstance(value, date) and str(cell) != values.worded(value, column):
        yield "MENDED_DATE_FORM" if str(cell).startswith(f"{value:%Y%m}") else "MENDED_DATE_SERIAL"
    elif column.kind in ("class", "post_code") and str(cell) != value:
        yield "MENDED_ZEROS"


def _option(column: Column, text: str, code: str) -> Iterator[str]:
    """Of an option: a name or synonym of its list is as good as any other."""
    code_list = codes.lists()[column.codes or ""]
    if column.kind == "sex":
        code = {"MALE": "1", "FEMALE": "2"}[code]
    entry = code_list.codes[code]
    words = {entry.name, *entry.aliases}
    if text in words | {f"{code}-{word}" for word in words}:
        return
    yield from _marks(text)
    if values.narrow(text) == code:
        yield "MENDED_OPTION_CODE"
    elif code_list.find(text) is None:
        yield "MENDED_OPTION_SHORT"


def _form(column: Column, text: str, value: Any) -> Iterator[str]:
    """Of what is written in a form of its own."""
    if column.kind == "text":
        yield "MENDED_BLANKS"
        return
    if column.kind == "name":
        yield from _name(text, value)
        return
    yield from _marks(text)
    if text[0] in "'’":
        yield "MENDED_APOSTROPHE"
    plain = values.narrow(text)
    if column.kind == "id_number":
        if _HYPHEN.search(text) and not _BLANK.search(text):
            yield "MENDED_BLANKS"
        if plain != plain.upper():
            yield "MENDED_CASE"
    elif plain != (value if isinstance(value, str) else values.worded(value, column)):
        yield _FORMS[column.kind]


def _name(text: str, value: str) -> Iterator[str]:
    if _WIDE.search(text):
        yield "MENDED_FULL_WIDTH"
    if _BLANK.findall(text) != [" "] * value.count(" "):
        yield "MENDED_BLANKS"
    if _DOT.search(text):
        yield "MENDED_DOT"


def _marks(text: str) -> Iterator[str]:
    if _WIDE.search(text):
        yield "MENDED_FULL_WIDTH"
    if _BLANK.search(text):
        yield "MENDED_BLANKS"


_FORMS = {
    "date": "MENDED_DATE_FORM",
    "month": "MENDED_DATE_FORM",
    "period": "MENDED_DATE_FORM",
    "phone": "MENDED_PHONE",
    "distance": "MENDED_UNIT",
    "yes_no": "MENDED_YES_NO",
}
