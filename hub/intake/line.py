"""One row of a sheet as it stands in the file, before anybody knows what its columns mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

LONGEST_CELL = 2_000
"""Characters a cell may hold; nothing of the register is nearly as long."""

FORMULA, ERROR, TOO_LONG, WRONG_TYPE = "FORMULA_NOT_ALLOWED", "ERROR_CELL", "CELL_TOO_LONG", "WRONG_TYPE"


@dataclass(frozen=True, slots=True)
class Odd:
    """A cell without a usable value: the key of its fault, and the text a spreadsheet shows in it."""

    key: str
    shown: str


Value = str | int | float | bool | date | Odd | None
"""What a cell holds. None is blank."""


class Line(NamedTuple):
    """A row: its number in the spreadsheet, the columns it has from 0, and what stands in them.

    Rows of one shape share their `columns`, so what is worked out for a shape serves them all.
    """

    number: int
    columns: tuple[int, ...]
    values: Sequence[Value]

    @property
    def blank(self) -> bool:
        """Whether nothing stands in it."""
        return all(value is None for value in self.values)


def text(written: str) -> Value:
    """A text as a cell holds it."""
    if len(written) > LONGEST_CELL:
        return Odd(TOO_LONG, written)
    return written or None
