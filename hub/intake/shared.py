"""What a workbook keeps once for all its cells: the texts they share, which looks mean a day, the epoch of days."""

import re
from datetime import date, timedelta

from hub.intake import line
from hub.intake.container import Package, elements
from hub.intake.line import Odd, Value
from hub.intake.markup import Markup, plain, unescaped

STRINGS, STYLES = "xl/sharedstrings.xml", "xl/styles.xml"
_PLAIN = re.compile(r"<si><t(?: [^<>/]*+)?>[^<]*+</t></si>")
_TEXT = re.compile(r"<t(?: [^<>/]*)?>([^<]*)<")
_LOOK = re.compile(r"<rPr>(?:<[^<>/]*/>)*</rPr>")
_NEXT_RUN = re.compile(r"</t></r>\s*+<r><t(?: [^<>/]*+)?>")
_DAYS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
"""The numbers of the built-in looks of days and times, those of Chinese among them."""
_QUOTED = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
_LAST_SERIAL = 2_958_465


class Strings(Markup[Value]):
    """The texts that cells share, in order; of formatted ones the text alone, without its pronunciation."""

    LIST = re.compile(r"<sst(?: [^<>]*(?<!/))?>")
    TAG = "sst"
    END = "</si>"

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[str] = []

    def take_all(self, items: str) -> None:
        """Read many texts at once if all are of the usual form."""
        if not self._take(items):
            super().take_all(items)

    def take(self, item: str) -> bool:
        """Read one text of the usual form, formatted or not."""
        return self._take(item + self.END)

    def _take(self, items: str) -> bool:
        if "<r>" in items:
            items = _NEXT_RUN.sub("", _LOOK.sub("", items)).replace("<si><r>", "<si>").replace("</r></si>", "</si>")
        if _PLAIN.sub("", items).strip():
            return False
        texts = _TEXT.findall(items)
        if "&" in items:
            texts = [plain(each) if "&" in each else each for each in texts]
        self.found += texts if "_x" not in items and _short(texts) else map(text, texts)
        return True

    def start(self, tag: str, attributes: dict[str, str]) -> None:  # noqa: ARG002 -- as the parser tells it
        """Part of a text of another form begins."""
        if tag == "si":
            self._pieces = []

    def text(self, piece: str) -> None:
        """Some of a text."""
        if self.open[-1:] == ["t"] and "rPh" not in self.open:
            self._pieces.append(piece)

    def end(self, tag: str) -> None:
        """Part of a text ends."""
        if tag == "si":
            self.found.append(text("".join(self._pieces)))


def _short(texts: list[str]) -> bool:
    """Whether each is a value as it is."""
    return min(map(len, texts), default=1) > 0 and max(map(len, texts), default=1) <= line.LONGEST_CELL


def text(written: str) -> Value:
    """A text of a workbook as a cell holds it."""
    return line.text(unescaped(written))


def strings(package: Package) -> list[Value]:
    """The texts that cells share."""
    return list(Strings().read(package.stream(STRINGS))) if STRINGS in package else []


class Looks:
    """Which looks of cells show a number as a day, and what day it is."""

    def __init__(self, package: Package) -> None:
        book = elements(package.read("xl/workbook.xml"), "workbookPr")
        self._late = any(found.get("date1904") in ("1", "true") for found in book)
        styles = package.read(STYLES)
        codes = {found.get("numFmtId"): found.get("formatCode", "") for found in elements(styles, "numFmt")}
        within = elements(styles, "xf", inside="cellXfs")
        self._day = [_is_day(found.get("numFmtId", "0"), codes.get(found.get("numFmtId"))) for found in within]

    @property
    def many(self) -> int:
        """How many looks there are."""
        return len(self._day)

    def shows_day(self, style: str) -> bool:
        """Whether a look, given by its number, shows a day or a time."""
        return style.isdecimal() and int(style) < len(self._day) and self._day[int(style)]

    def day(self, serial: float) -> Value:
        """The day of a number; a time of day or a length of time is none."""
        whole = int(serial) + (1_462 if self._late else 0)
        if not 1 <= whole <= _LAST_SERIAL:
            return Odd(line.WRONG_TYPE, f"{timedelta(days=serial)}" if 0 <= serial < 1 else f"{serial:.15g}")
        return date(1899, 12, 30 if whole > 60 else 31) + timedelta(days=whole)


def _is_day(number: str, code: str | None) -> bool:
    if code is None:
        return number.isdecimal() and int(number) in _DAYS
    shown = _QUOTED.sub("", code.split(";")[0]).casefold()
    return any(letter in shown for letter in "dmyhs")
