"""How many findings of a sheet are listed one by one."""

from collections import Counter

MOST_LISTED = 200_000
"""Findings listed before like ones are only counted: a sheet in which every cell is wrong has millions."""


class Listing:
    """What was listed so far, and what was only counted, by place of the column and code."""

    def __init__(self) -> None:
        self.folded: Counter[tuple[int, str]] = Counter()
        self._listed = 0
        self._known: set[tuple[int, str]] = set()

    def takes(self, place: int, code: str, *, always: bool = False) -> bool:
        """Whether a finding is to be listed; if not, it has been counted.

        Past `MOST_LISTED` still are the first of a code in a column, and what is told `always`: the first fault of a
        row, so that every faulty row is named.
        """
        if self._listed < MOST_LISTED or always or (place, code) not in self._known:
            self._listed += 1
            self._known.add((place, code))
            return True
        self.folded[place, code] += 1
        return False
