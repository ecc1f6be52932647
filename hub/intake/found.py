"""What was found in one row while it is judged, and what its judges know besides the row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from hub import clock, repair
from hub.intake import rules
from hub.intake.rules import Severity
from hub.intake.values import School, Wrong

MOST_REPAIRS = 10_000
"""Failing identity numbers of one sheet that get suggestions: a sheet of nothing else is not worth the time."""
_ENTRY_AGE = 5
"""A pupil is so much older than the grade is high, at the end of August before the school year."""


class Known:
    """What rows are judged by: the school, the day, its school year, and the rules as they are in force and switched.

    `recorded` are wrong identity numbers on record, each as name, sex, birth date (ISO) and number of its pupil: they
    do not keep that pupil's row out. `youngest` and `oldest` are usual ages less the grade; `elders` the years a member
    of a relation is older at least.
    """

    def __init__(
        self, school: School, today: date, switches: Mapping[str, str], recorded: Iterable[Sequence[str]] = ()
    ) -> None:
        self.school, self.today = school, today
        self.recorded = frozenset(map(tuple, recorded))
        self.school_year = clock.school_year(today)
        self.severities = rules.severities(today, switches)
        self._rules = rules.in_force(today)
        self.youngest = _ENTRY_AGE - self.limit("AGE_UNUSUAL_FOR_GRADE", "younger")
        self.oldest = _ENTRY_AGE + self.limit("AGE_UNUSUAL_FOR_GRADE", "older")
        self.entry_months = self.limit("ENTRY_UNUSUAL_FOR_GRADE", "months")
        self.shortest_address = self.limit("ADDRESS_TOO_SHORT", "characters")
        self.farthest = self.limit("DISTANCE_TOO_FAR", "kilometres")
        parents, grandparents = (self.limit("GUARDIAN_TOO_YOUNG", name) for name in ("parent", "grandparent"))
        self.elders: dict[str | None, int] = {"51": parents, "52": parents, "60": grandparents}
        self.of_age = self.limit("GUARDIAN_UNDER_AGE", "years")
        self._repairs = MOST_REPAIRS

    def limit(self, code: str, name: str) -> int:
        """A number that a rule in force compares with."""
        return self._rules[code].limits[name]

    def entry(self, grade: int) -> date:
        """The month in which pupils of a grade usually began their stage."""
        first = max(first for first in self.school.first_grades if first <= grade)
        return date(self.school_year - (grade - first), 9, 1)

    def repair(self, number: str, **expected: Any) -> tuple[str, ...]:
        """What a failing identity number may have been meant to be, for the first `MOST_REPAIRS` of a sheet."""
        self._repairs -= 1
        return tuple(repair.suggest(number, today=self.today, **expected)) if self._repairs >= 0 else ()


@dataclass(slots=True)
class Found:
    """The findings of one row by slot: what keeps it out, and what is only told."""

    severities: Mapping[str, Severity]
    wrong: dict[str, list[Wrong]]
    warned: dict[str, list[Wrong]]

    def add(self, slot: str, key: str, **named: Any) -> None:
        """Keep a finding, by the severity of its rule."""
        self.put(slot, Wrong(key, named))

    def put(self, slot: str, wrong: Wrong) -> None:
        """The same."""
        severity = self.severities[wrong.key]
        if severity is not Severity.OFF:
            kept = self.warned if severity is Severity.WARN else self.wrong
            kept.setdefault(slot, []).append(wrong)

    def __contains__(self, slot: str) -> bool:
        """Whether something keeps the row out because of this cell."""
        return slot in self.wrong
