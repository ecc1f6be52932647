"""Resident identity numbers (公民身份号码, GB 11643-1999) and the shape of student numbers (学籍号).

A number is 6 digits of division, 8 of birth date, 3 of sequence (the last odd for male, even for female)
and a check character by ISO 7064 MOD 11-2.
"""

import re
import unicodedata
from datetime import date
from operator import mul
from typing import Literal

from hub import divisions

Sex = Literal["MALE", "FEMALE"]

PUPIL_AGES = (3, 30)
"""Youngest and oldest sane age of a pupil, in years, both included."""

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_OF_ZEROS = sum(_WEIGHTS) * ord("0")
_SHAPE = re.compile(r"[0-9]{17}[0-9X]")
_OLD_SHAPE = re.compile(r"[0-9]{15}")
_STUDENT_NUMBER = re.compile(r"[LJG][0-9]{17}[0-9X]")
_IGNORED = re.compile("[\\s\u200b-\u200f\u2060\ufeff\\-\u2010-\u2015\u2212]+")


def normalise(text: str) -> str:
    """A number as typed, made plain: full-width forms narrowed, blanks and hyphens removed, x written X."""
    if text.isascii() and text.isalnum():
        return text.upper()
    return _IGNORED.sub("", unicodedata.normalize("NFKC", text)).upper()


def check_character(first17: str) -> str:
    """The check character of 17 digits."""
    return _CHECKS[(sum(map(mul, _WEIGHTS, first17.encode())) - _OF_ZEROS) % 11]


def verdict(
    number: str,
    *,
    sex: Sex | None = None,
    birth_date: date | None = None,
    today: date,
    ages: tuple[int, int] = PUPIL_AGES,
) -> list[str]:
    """Everything that is wrong with a normalised 18-character number, as message keys; empty means sound.

    `ID_WRONG_LENGTH` and `ID_WRONG_CHARACTERS` stand alone; the others are all reported at once. Division codes of
    every revision are valid, and 810000, 820000 and 830000 for residence permits. The age is that of `today`,
    within `ages`, both included. `sex` and `birth_date` are what the record says; None is not compared.
    """
    if len(number) != 18:
        return ["ID_WRONG_LENGTH"]
    if not _SHAPE.fullmatch(number):
        return ["ID_WRONG_CHARACTERS"]
    faults = []
    if check_character(number[:17]) != number[17]:
        faults.append("ID_CHECK_DIGIT")
    if not divisions.known(number[:6]):
        faults.append("ID_UNKNOWN_DIVISION")
    born = born_on(number)
    if born is None:
        faults.append("ID_IMPOSSIBLE_DATE")
    elif not ages[0] <= age(born, today) <= ages[1]:
        faults.append("ID_INSANE_AGE")
    if birth_date is not None and born is not None and born != birth_date:
        faults.append("ID_BIRTH_DATE_DISAGREES")
    if sex is not None and sex_of(number) != sex:
        faults.append("ID_SEX_DISAGREES")
    return faults


def born_on(number: str) -> date | None:
    """The birth date inside an 18-character number, None if there is no such day."""
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def sex_of(number: str) -> Sex:
    """The sex inside an 18-character number: its 17th digit is odd for male."""
    return "MALE" if int(number[16]) % 2 else "FEMALE"


def age(born: date, today: date) -> int:
    """Full years between two days; negative before the birth."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def upgrade(number: str) -> str:
    """A 15-digit number of before 1999 in its 18-character form: the century 19 and a check character are added.

    Raises ValueError if it is not 15 digits.
    """
    if not _OLD_SHAPE.fullmatch(number):
        raise ValueError("not a 15-digit identity number")
    first17 = f"{number[:6]}19{number[6:]}"
    return first17 + check_character(first17)


def mask(number: str) -> str:
    """A number with its birth date hidden: 110105********002X; of other lengths, all but the last four hidden.

    Four characters or fewer are hidden altogether.
    """
    if len(number) == 18:
        return f"{number[:6]}********{number[-4:]}"
    return "*" * len(number) if len(number) <= 4 else "*" * (len(number) - 4) + number[-4:]


def student_number(prefix: str, body: str) -> str:
    """The student number of a prefix and its 18 characters: L temporary, J without identity number, G formal.

    The body of a formal number is normally the identity number, but is never derived from it again after issue.
    Raises ValueError if the result has not the shape of a student number.
    """
    number = prefix + body
    if not is_student_number(number):
        raise ValueError("not a student number")
    return number


def is_student_number(text: str) -> bool:
    """Whether the text has the shape of a student number: L, J or G and 18 characters like an identity number's."""
    return _STUDENT_NUMBER.fullmatch(text) is not None
