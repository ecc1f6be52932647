"""Grades (年级): what they are called, how a clerk writes them, and to which stage of a school they belong."""

import re
from collections.abc import Mapping, Sequence

from hub.terms import Stage

LAST = 12
"""The highest grade, the third year of senior high (高三)."""
STAGES = {Stage.PRIMARY: "小学", Stage.JUNIOR: "初中", Stage.SENIOR: "高中"}
"""What the stages are called in a sentence."""

_NUMERALS = ("零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二")
_FIRST_SENIOR, _AFTER_COMPULSORY = 10, 10
_DIVIDED = re.compile(r"[、,，;；/和及]")
_SPAN = re.compile(r"(.+?)(?:[-—–~～至到])(.+)")


def name(number: int) -> str:
    """What a grade is called: 三年级, 高一. What is no grade is called by its number."""
    if not 1 <= number <= LAST:
        return f"{number} 年级"
    return f"高{_NUMERALS[number - 9]}" if number > 9 else f"{_NUMERALS[number]}年级"


def class_name(numbers: Sequence[int], ordinal: int) -> str:
    """What a class of these grades is called: 三年级2班, 高一5班, 一、二年级复式班."""
    if len(numbers) == 1:
        return f"{name(numbers[0])}{ordinal}班"
    words = "、".join(name(number) for number in numbers)
    if all(number <= 9 for number in numbers):
        words = "、".join(_NUMERALS[number] for number in numbers) + "年级"
    return f"{words}复式班" if ordinal == 1 else f"{words}复式{ordinal}班"


def read(text: str) -> list[int] | None:
    """The grades somebody wrote, lowest first: 三年级, 3, 高一, 一、二年级, 1-3; None if it is not that."""
    found: set[int] = set()
    for part in _DIVIDED.split(text):
        span = _SPAN.fullmatch(part)
        ends = [_number(end) for end in (span.groups() if span else (part, part))]
        if ends[0] is None or ends[1] is None or ends[0] > ends[1]:
            return None
        found.update(range(ends[0], ends[1] + 1))
    return sorted(found)


def layout(lengths: Mapping[Stage, int]) -> dict[Stage, range]:
    """The grades of each stage of a school, by the lengths of schooling (学制) in years.

    Primary begins with 1, junior high follows it, senior high follows that. Where the stage before is taught
    elsewhere, junior high ends with 9 and senior high begins with 10.
    """
    found: dict[Stage, range] = {}
    if Stage.PRIMARY in lengths:
        found[Stage.PRIMARY] = _years(1, lengths[Stage.PRIMARY])
    if Stage.JUNIOR in lengths:
        primary = found.get(Stage.PRIMARY)
        first = primary.stop if primary else _AFTER_COMPULSORY - lengths[Stage.JUNIOR]
        found[Stage.JUNIOR] = _years(first, lengths[Stage.JUNIOR])
    if Stage.SENIOR in lengths:
        junior = found.get(Stage.JUNIOR)
        found[Stage.SENIOR] = _years(junior.stop if junior else _FIRST_SENIOR, lengths[Stage.SENIOR])
    return found


def spoken(stages: Mapping[Stage, range]) -> str:
    """The grades of a school in a sentence: 小学 1—6 年级、初中 7—9 年级."""
    return "、".join(f"{STAGES[stage]} {held[0]}—{held[-1]} 年级" for stage, held in stages.items() if held) or "—"


def _years(first: int, length: int) -> range:
    return range(first, first + length)


_WORDS = {
    word: number
    for number in range(1, LAST + 1)
    for word in (str(number), _NUMERALS[number], f"{number}年级", f"{_NUMERALS[number]}年级", name(number))
} | {f"{name(number)}年级": number for number in range(10, LAST + 1)}


def _number(word: str) -> int | None:
    return _WORDS.get(word)
