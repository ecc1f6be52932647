"""Numbers of the sample: identity numbers by GB 11643, student numbers, telephones.

The check character is summed from parts that are weighed once, because a province needs ten million of them.
"""

import random
from datetime import date
from functools import cache

from hub import codes, identity

NATIVE = range(1, 700)
"""Sequence numbers of pupils born where they go to school."""
MOVED = range(700, 880)
"""Of pupils from elsewhere in the city: ten for each county they may live in now, so that no two counties meet."""
PLANTED = range(880, 1000)
"""Of pupils who are planted problems."""

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_MOBILES = (
    "134",
    "135",
    "136",
    "137",
    "138",
    "139",
    "150",
    "151",
    "152",
    "158",
    "159",
    "182",
    "187",
    "188",
    "130",
    "186",
)
_SEQUENCES = [f"{number:03d}" for number in range(1000)]


def identity_number(division: str, born: int, sequence: int) -> str:
    """The identity number of a division, a birth day (an ordinal) and a sequence number, with its check character."""
    compact, weight = _day(born)
    text = _SEQUENCES[sequence]
    return division + compact + text + _CHECKS[(_weighed(division) + weight + _sequence_weight(text)) % 11]


def student_number(kind: str, division: str, year: int, sequence: int) -> str:
    """A student number: L or J, then what looks like an identity number and is none: county, year, sequence, check."""
    head, tail = f"{division}{year}", f"{sequence:07d}"
    weight = _weighed(head) + _middle_weight(tail[:4]) + _sequence_weight(tail[4:])
    return kind + head + tail + _CHECKS[weight % 11]


def mobile(chance: random.Random) -> str:
    """A mobile number."""
    return f"{_MOBILES[int(chance.random() * 16)]}{int(chance.random() * 1e8):08d}"


def checked(digits: str) -> str:
    """Seventeen digits with their check character."""
    return digits + identity.check_character(digits)


@cache
def elsewhere() -> list[str]:
    """Counties of other provinces that stood in the year 2000 and since."""
    return [
        row["code"]
        for row in codes.rows("divisions.csv")
        if row["code"][:2] not in ("14", "71", "81", "82")
        and row["code"][4:] not in ("00", "01")
        and row["code"][2:4] not in ("00", "90")
        and not row["until"]
        and (row["since"] or "1980") <= "2000"
    ]


@cache
def iso(ordinal: int) -> str:
    """A day as 2006-05-17."""
    return date.fromordinal(ordinal).isoformat()


@cache
def _day(ordinal: int) -> tuple[str, int]:
    compact = date.fromordinal(ordinal).strftime("%Y%m%d")
    return compact, _weigh(compact, 6)


@cache
def _weighed(division: str) -> int:
    return _weigh(division, 0)


@cache
def _sequence_weight(sequence: str) -> int:
    return _weigh(sequence, 14)


@cache
def _middle_weight(middle: str) -> int:
    return _weigh(middle, 10)


def _weigh(digits: str, start: int) -> int:
    return sum(weight * int(digit) for weight, digit in zip(_WEIGHTS[start:], digits, strict=False))
