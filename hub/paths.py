"""Paths: a place's code is its path, and "inside" is a range.

Codes are fixed-width and hierarchical (GB/T 2260): province `14`, city `1401`, county `140105`,
school `140105.2114000123`, class `140105.2114000123.0000012`. A school run by a city or the province
hangs on that place: `1401.3414000007`. Because every step has a fixed width, "starts with" means "is inside",
and starts-with is a range in the C collation. This module is the only one that compares paths.
"""

import re
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, and_, false, func, literal_column, or_

PATTERN = r"^\d{2}(\d{2}){0,2}(\.\d{10}(\.\d{7})?)?$"
_PATTERN = re.compile(PATTERN)
_AFTER_EVERY_CHILD = "~"
PROVINCE = 1
"""The level of a province, `level` of its path."""
_AREAS = (4, 6)
"""How long the codes of cities and of counties are."""


def is_path(text: str) -> bool:
    """Whether the text has the shape of a path."""
    return _PATTERN.match(text) is not None


def end(root: str) -> str:
    """The first text after everything inside the root, exclusive."""
    return root + _AFTER_EVERY_CHILD


def inside(path: str, root: str) -> bool:
    """Whether the path is the root itself or lies below it."""
    return root <= path < end(root)


def join(parent: str, segment: str) -> str:
    """The path of a school below a place, or of a class below a school."""
    return f"{parent}.{segment}"


def level(path: str) -> int:
    """How deep a path is: 1 province, 2 city, 3 county, 4 school, 5 class."""
    place, *below = path.split(".")
    return 3 + len(below) if below else len(place) // 2


def above(path: str) -> list[str]:
    """The path itself and every place it lies at, the widest first."""
    place, *below = path.split(".")
    wide = [place[:length] for length in range(2, len(place) + 1, 2)]
    return [*wide, *(".".join([place, *below[:depth]]) for depth in range(1, len(below) + 1))]


def shared(roots: Sequence[str]) -> str | None:
    """The narrowest place all of these lie at, None if there is none."""
    common = [each for each, *others in zip(*map(above, roots), strict=False) if all(each == one for one in others)]
    return common[-1] if common else None


def below(path: ColumnElement[str], root: ColumnElement[str]) -> ColumnElement[bool]:
    """The predicate "path is inside the root", for a root that is a column."""
    return and_(path >= root, path < root.concat(literal_column(f"'{_AFTER_EVERY_CHILD}'")))


def area(path: str) -> int | None:
    """How long the code of a city or a county is; nothing for any other path."""
    return len(path) if len(path) in _AREAS else None


def lies_in(path: ColumnElement[str], area: int) -> ColumnElement[str]:
    """The city's or county's code that a path begins with, which is all there is to "inside" it: what an index keeps
    such rows together by.
    """
    return func.left(path, literal_column(str(area)))


def within(
    path: ColumnElement[str],
    roots: Sequence[tuple[ColumnElement[str], ColumnElement[str]]],
    wide: Collection[int] = (),
) -> ColumnElement[bool]:
    """The predicate "path is inside one of the roots", each given as its (first, end) expressions.

    No roots means no rows. `wide` are the places in the list of roots that hold most rows, such as a province: worded
    so that a planner, which knows no values, does not take their range for one worth an index.
    """
    if not roots:
        return false()
    ranges = [and_(path >= first, path < last) for first, last in roots]
    return or_(*(func.coalesce(each, false()) if at in wide else each for at, each in enumerate(ranges)))
