"""From a cell to the value it means, by the kind of its column, or to what is wrong with it."""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import takewhile
from operator import eq
from typing import Any

from hub import codes, divisions, grades, identity
from hub.codes import Code, CodeList
from hub.intake import sheet
from hub.intake.sheet import Column

_EXCEL_EPOCH = date(1899, 12, 30)
_NAMED = 10
"""Classes that are named where a number is none of them: those that begin likewise first, then the newest."""
_SERIALS = range(20_000, 60_000)
_DIGITS_KEPT = 10**15
_POST_CODE = 6
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_BLANKS = re.compile("[\\s\u200b-\u200f\u2060\ufeff]+")
_ZERO_WIDTH = re.compile("[\u200b-\u200f\u2060\ufeff]+")
_DOTS = re.compile("[\u2022\u2027\u30fb\uff65\u22c5\u25cf]")
_NAME = re.compile(r"[^\W\d_]+(?:[ ·.'’\-]+[^\W\d_]+)*[.]?")
_LATIN = re.compile(r"[A-Za-z]")
_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]{1,3}")
_DAY = re.compile(r"([0-9]{4})(?:年([0-9]{1,2})月([0-9]{1,2})日?|([-/.])([0-9]{1,2})\4([0-9]{1,2}))(?:0?0:00(?::00)?)?")
_MONTH = re.compile(r"([0-9]{4})(?:年([0-9]{1,2})月|[-/.]([0-9]{1,2}))")
_SOMETHING_LIKE_A_DAY = re.compile(r"[0-9]{1,4}([-/.年月日][0-9]{1,4}){0,2}[年月日]?")
_PHONE = re.compile(r"1[0-9]{10}|0[0-9]{2,3}-?[0-9]{7,8}(?:-[0-9]{1,6})?|[2-9][0-9]{6,7}|[48]00-?[0-9]{3}-?[0-9]{4}")
_MOBILE = re.compile(r"1[0-9]{10}")
_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;.]+(?:\.[^@\s,;.]+)+")
_DISTANCE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,2})?)(?:公里|千米|km)?", re.IGNORECASE)
_PERIOD = re.compile(
    r"([0-9]{4}[-/.年]?[0-9]{1,2}[-/.月]?[0-9]{1,2}日?)[-—–~至]+([0-9]{4}[-/.年]?[0-9]{1,2}[-/.月]?[0-9]{1,2}日?|长期)"
)
_OTHER_ID = re.compile(r"[0-9A-Z()]{4,20}")
_LETTERED_KINDS = {"name", "email", "period"}
_OPTION_KINDS = {"code", "sex", "yes_no"}
_WIDE = re.compile("[\uff01-\uff5e]")
_DOUBTFUL_CODES = {("LEFT_BEHIND", "1")}  # under a header that asks yes or no, 1 may be yes


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a cell: the code of a rule, the values its text names, and what may have been meant."""

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    suggestions: Sequence[str] = ()


FIRST_GRADES = (1, 7, 10)
"""The first grade of each stage where primary takes six years and junior high three."""


@dataclass(frozen=True, slots=True)
class School:
    """The school whose workbook is read, and the official numbers of its classes.

    `grades` are those taught in a class, by number, as far as they are known. `first_grades` are the first of each
    stage, `founder` is one of `hub.terms.Founder`.
    """

    code: str
    class_numbers: Collection[str]
    grades: Mapping[str, Sequence[int]] = field(default_factory=dict)
    first_grades: Sequence[int] = FIRST_GRADES
    founder: str | None = None

    @property
    def kind(self) -> str:
        """The first two digits of its code: 21 primary, 31 junior, 34 senior or combined, 51 special."""
        return self.code[:2]


def parse(column: Column, cell: Any, school: School, today: date) -> Any:
    """The value of a cell, None if it is blank, or a `Wrong`.

    Texts are tidied (blanks, full-width forms), entries of code lists become their code, sex MALE or FEMALE, yes and
    no bool, days and months (as their first day) date, distances Decimal. Identity numbers are only made plain here:
    what they must be depends on other cells.
    """
    if cell is None:
        return None
    if isinstance(cell, str):
        return _text(column, cell, school, today)
    if isinstance(cell, bool):
        return Wrong("WRONG_TYPE")
    if isinstance(cell, date):
        return _day_cell(column, cell)
    return _number(column, cell, school, today)


def plain(column: Column) -> Callable[[str], object]:
    """A quick test of a text: true only if it is its own value, with nothing to tidy and nothing wrong.

    Most texts that differ from row to row are such: names, numbers, addresses.
    """
    pattern = _PLAIN.get(column.kind)
    if pattern is None or column.key == "auxiliary_number":
        return lambda _text: False
    return re.compile(pattern.format(limit=column.limit)).fullmatch


_PLAIN = {
    "text": "[!-~\u4e00-\u9fff]{{1,{limit}}}",
    "name": "[\u4e00-\u9fff]{{1,{limit}}}",
    "phone": "1[0-9]{{10}}",
    "id_number": "[0-9]{{17}}[0-9X]",
    "post_code": "[0-9]{{6}}",
}


def shown(cell: Any, column: Column) -> str | None:
    """A cell as a report may show it: at most 60 characters, no control characters, identity numbers masked."""
    if cell is None:
        return None
    text = _plainly(cell)
    if column.kind == "id_number":
        return identity.mask(identity.normalise(text))
    return text if len(text) <= 60 else f"{text[:59]}…"


def written(cell: Any, column: Column) -> str | None:
    """A cell as `shown`, but an identity number with the blanks and signs it was written with."""
    if cell is None or column.kind != "id_number":
        return shown(cell, column)
    text = _plainly(cell)
    places = [place for place, character in enumerate(text) if character.isalnum()]
    hidden = set(places[6:14] if len(places) == 18 else places[:-4] if len(places) > 4 else places)
    return "".join("*" if place in hidden else character for place, character in enumerate(text))


def _plainly(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)  # 1.4E+17 tells a clerk nothing
    return _CONTROL.sub("\ufffd", str(cell)[:61])


def worded(value: Any, column: Column) -> str | None:
    """A value of `parse` as a clerk writes it and a report may show it."""
    if isinstance(value, date):
        value = f"{value:%Y%m}" if column.kind == "month" else f"{value:%Y%m%d}"
    elif isinstance(value, bool):
        value = sheet.YES if value else sheet.NO
    elif value is not None and column.kind == "sex":
        value = {"MALE": "男", "FEMALE": "女"}[value]
    elif value is not None and column.kind == "code":
        entry = codes.lists()[column.codes or ""].by_code(value)
        value = entry.name if entry else value
    return shown(value, column)


def _text(column: Column, cell: str, school: School, today: date) -> Any:
    if not cell.isprintable():
        if _CONTROL.search(cell):
            return Wrong("CONTROL_CHARACTERS")
        cell = _ZERO_WIDTH.sub("", cell)
    text = cell.strip()
    if not text:
        return None
    if column.kind == "text":
        return _free_text(column, text)
    if column.kind == "name":
        return _name(column, text)
    if column.kind == "code":
        return _code(column, text, school, today)
    plain = text if text.isalnum() and text.isascii() else narrow(text)
    return _PARSERS[column.kind](column, plain, school)


def narrow(text: str) -> str:
    """The text with full-width forms narrowed, without blanks and without the apostrophe that marks text."""
    return _BLANKS.sub("", unicodedata.normalize("NFKC", text)).lstrip("'’")


def _number(column: Column, cell: Any, school: School, today: date) -> Any:
    if column.kind in _LETTERED_KINDS:
        return Wrong("WRONG_TYPE")
    if column.kind in _OPTION_KINDS:
        option = _text(column, str(cell), school, today)
        return Wrong("WRONG_TYPE") if isinstance(option, Wrong) else option
    if abs(cell) >= _DIGITS_KEPT:
        return Wrong("NUMBER_LOST_DIGITS")
    if column.kind == "id_number":
        return Wrong("NUMBER_NOT_TEXT")
    if column.kind == "distance":
        return _distance(column, str(Decimal(str(cell)).quantize(Decimal("0.01"))), school)
    if column.kind == "month" and isinstance(cell, float):
        return Wrong("AMBIGUOUS_DATE", {"example": "201309"})
    if isinstance(cell, float) and column.kind != "text":
        return Wrong("BAD_DATE" if column.kind == "date" else "NUMBER_LOST_DIGITS")
    if column.kind in ("date", "month") and cell in _SERIALS:
        return _day_cell(column, _EXCEL_EPOCH + timedelta(days=int(cell)))
    if column.kind == "class":
        return _class(column, _padded(str(cell), school.class_numbers), school)
    if column.kind == "post_code" and len(str(cell)) == _POST_CODE - 1:
        return _text(column, str(cell).zfill(_POST_CODE), school, today)  # a number has lost the zero before it
    return _text(column, str(cell), school, today)


def _day_cell(column: Column, day: date) -> Any:
    if column.kind == "date":
        return day
    return day.replace(day=1) if column.kind == "month" else Wrong("WRONG_TYPE")


def _free_text(column: Column, text: str) -> Any:
    text = " ".join(text.split())
    if column.key == "auxiliary_number" and _SCIENTIFIC.fullmatch(text):
        return Wrong("NUMBER_LOST_DIGITS")
    return text if len(text) <= column.limit else Wrong("TOO_LONG", {"limit": column.limit})


def _name(column: Column, text: str) -> Any:
    """A person's name: letters of any script, dots between parts; blanks stay only where Latin letters need them."""
    text = _DOTS.sub("·", " ".join(text.split()))
    if not text.isascii():
        text = _WIDE.sub(lambda wide: chr(ord(wide[0]) - 0xFEE0), text)
    if not _LATIN.search(text):
        text = text.replace(" ", "")
    if len(text) > column.limit:
        return Wrong("TOO_LONG", {"limit": column.limit})
    return text if _NAME.fullmatch(text) else Wrong("BAD_NAME")


def _code(column: Column, text: str, school: School, today: date) -> Any:
    code_list = codes.lists()[column.codes or ""]
    senior = {"21", "22", "23", "99"} if column.codes == "ADMISSION_TYPE" and school.kind in _SENIOR else None
    found = code_list.find(text, day=today, among=senior) or _meant(code_list, text, today)
    if found is None:
        return Wrong("UNKNOWN_OPTION", {"options": "、".join(code_list.near(text[:20]))})
    return found.code


def _meant(code_list: CodeList, text: str, today: date) -> Code | None:
    """The option of a bare code, or of an ethnic group's short name, where nothing else can be meant.

    A code counts only where independent sources agree on the list's codes.
    """
    if code_list.name == "ETHNIC_GROUP" and (group := code_list.find(f"{text}族", day=today)):
        return group
    entry = code_list.by_code(narrow(text)) if code_list.source == "confirmed" else None
    doubtful = entry is None or not entry.in_force(today) or (code_list.name, entry.code) in _DOUBTFUL_CODES
    return None if doubtful else entry


_SENIOR = {"33", "34"}


def _sex(_column: Column, text: str, _school: School) -> Any:
    found = codes.lists()["SEX"].find(text) or codes.lists()["SEX"].by_code(text)
    sexes = {"1": "MALE", "2": "FEMALE"}
    return sexes.get(found.code if found else "", Wrong("UNKNOWN_OPTION", {"options": "男、女"}))


def _yes_no(_column: Column, text: str, _school: School) -> Any:
    return _YES_NO.get(text.upper(), Wrong("UNKNOWN_OPTION", {"options": f"{sheet.YES}、{sheet.NO}"}))


# Not 有 and 无: of an only child, 有 may mean that there are siblings.
_YES_NO = dict.fromkeys((sheet.YES, "是的", "1", "Y", "YES", "√", "✓"), True) | dict.fromkeys(
    (sheet.NO, "不是", "0", "N", "NO", "×"), False
)


def _date(_column: Column, text: str, _school: School) -> Any:
    if len(text) == 8 and text.isdecimal():
        return _day(text[:4], text[4:6], text[6:])
    match = _DAY.fullmatch(text)
    if match:
        return _day(match[1], match[2] or match[5], match[3] or match[6])
    if _SOMETHING_LIKE_A_DAY.fullmatch(text):
        return Wrong("AMBIGUOUS_DATE", {"example": "20060102"})
    return Wrong("BAD_DATE")


def _month(_column: Column, text: str, _school: School) -> Any:
    if len(text) in (6, 8) and text.isdecimal():
        day = _day(text[:4], text[4:6], text[6:] or "01")
        return day.replace(day=1) if isinstance(day, date) else Wrong("BAD_MONTH")
    match = _MONTH.fullmatch(text)
    if match:
        month = _day(match[1], match[2] or match[3], "1")
        return month if isinstance(month, date) else Wrong("BAD_MONTH")
    match = _DAY.fullmatch(text)
    if match:
        day = _day(match[1], match[2] or match[5], match[3] or match[6])
        return day.replace(day=1) if isinstance(day, date) else Wrong("BAD_MONTH")
    if _SOMETHING_LIKE_A_DAY.fullmatch(text):
        return Wrong("AMBIGUOUS_DATE", {"example": "201309"})
    return Wrong("BAD_MONTH")


def _day(year: str, month: str, day: str) -> date | Wrong:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return Wrong("BAD_DATE")
    return found if found.year >= 1900 else Wrong("BAD_DATE")


def _period(_column: Column, text: str, school: School) -> Any:
    match = _PERIOD.fullmatch(text)
    if match is None:
        return Wrong("BAD_PERIOD")
    ends = [end if end == "长期" else _date(_column, end, school) for end in match.groups()]
    if any(isinstance(end, Wrong) for end in ends) or (ends[1] != "长期" and ends[0] > ends[1]):
        return Wrong("BAD_PERIOD")
    return "-".join(end if end == "长期" else f"{end:%Y.%m.%d}" for end in ends)


def _distance(_column: Column, text: str, _school: School) -> Any:
    match = _DISTANCE.fullmatch(text)
    return Decimal(match[1]) if match else Wrong("BAD_DISTANCE")


def _division(_column: Column, text: str, _school: School) -> Any:
    if _SCIENTIFIC.fullmatch(text):
        return Wrong("NUMBER_LOST_DIGITS")
    if not re.fullmatch(r"[0-9]{12}", text):
        return Wrong("BAD_DIVISION")
    return text if divisions.known(text[:6]) else Wrong("UNKNOWN_DIVISION")


def _school(_column: Column, text: str, school: School) -> Any:
    if _SCIENTIFIC.fullmatch(text):
        return Wrong("NUMBER_LOST_DIGITS")
    return text if text == school.code else Wrong("ROW_NOT_YOUR_SCHOOL")


def _class(_column: Column, text: str, school: School) -> Any:
    if text in school.class_numbers:
        return text
    numbers = sorted(sorted(school.class_numbers, reverse=True), key=lambda number: -_alike(number, text))
    named = "、".join(numbers[:_NAMED]) + (f"…… ({len(numbers)})" if len(numbers) > _NAMED else "")
    return Wrong("UNKNOWN_CLASS", {"classes": named or "—"})


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return sum(takewhile(bool, map(eq, one, other)))


def _padded(text: str, class_numbers: Collection[str]) -> str:
    """A class number whose leading zeros a numeric cell dropped, where only one class can be meant."""
    meant = [number for number in class_numbers if number.lstrip("0") == text]
    return meant[0] if len(meant) == 1 else text


def _id_number(_column: Column, text: str, _school: School) -> Any:
    if _SCIENTIFIC.fullmatch(text):
        return Wrong("NUMBER_LOST_DIGITS")
    number = identity.normalise(text)
    if not number:
        return None
    return number if len(number) <= 20 else Wrong("BAD_ID_NUMBER")


def other_id(number: str) -> bool:
    """Whether a number could be that of a passport or permit: 4 to 20 letters and digits."""
    return _OTHER_ID.fullmatch(number) is not None


def _phone(_column: Column, text: str, _school: School) -> Any:
    if _SCIENTIFIC.fullmatch(text):
        return Wrong("NUMBER_LOST_DIGITS")
    if _MOBILE.fullmatch(text):
        return text
    plain = re.sub("[\u2010-\u2015\u2212]", "-", text)
    plain = re.sub(r"^\((0[0-9]{2,3})\)-?", r"\1-", re.sub(r"^(\+86|0086|86(?=1))-?", "", plain))
    if re.fullmatch(r"1[0-9]{2}-[0-9]{4}-[0-9]{4}", plain):
        plain = plain.replace("-", "")
    return plain if _PHONE.fullmatch(plain) else Wrong("BAD_PHONE")


def _post_code(_column: Column, text: str, _school: School) -> Any:
    return text if re.fullmatch(r"[0-9]{6}", text) else Wrong("BAD_POST_CODE")


def _email(column: Column, text: str, _school: School) -> Any:
    if len(text) > column.limit:
        return Wrong("TOO_LONG", {"limit": column.limit})
    return text if _EMAIL.fullmatch(text) else Wrong("BAD_EMAIL")


def _official_number(_column: Column, text: str, _school: School) -> Any:
    if _SCIENTIFIC.fullmatch(text):
        return Wrong("NUMBER_LOST_DIGITS")
    return text if re.fullmatch(r"[0-9]{7}", text) else Wrong("BAD_CLASS_NUMBER")


def _grades(_column: Column, text: str, _school: School) -> Any:
    return grades.read(text) or Wrong("BAD_GRADES")


def _school_year(_column: Column, text: str, _school: School) -> Any:
    match = re.fullmatch(r"(20[0-9]{2})(?:[-—–~至]20[0-9]{2})?(?:学年|年)?(?:度)?", text)
    return int(match[1]) if match else Wrong("BAD_SCHOOL_YEAR")


_PARSERS: dict[str, Callable[[Column, str, School], Any]] = {
    "sex": _sex,
    "yes_no": _yes_no,
    "date": _date,
    "month": _month,
    "period": _period,
    "distance": _distance,
    "division": _division,
    "school": _school,
    "class": _class,
    "id_number": _id_number,
    "phone": _phone,
    "post_code": _post_code,
    "email": _email,
    "official_number": _official_number,
    "grades": _grades,
    "school_year": _school_year,
}
