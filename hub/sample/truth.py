"""What was planted: the numbers, and the problems a detector must find, no more and no fewer."""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["ID_INVALID", "ID_DUPLICATED", "NAME_SEX_BIRTH"]


@dataclass(slots=True)
class Truth:
    """One planted problem: its kind (问题类型), the student numbers it holds, and how it came about.

    ID_INVALID names one pupil. ID_DUPLICATED names all who bear one identity number. NAME_SEX_BIRTH names all who share
    name, sex and birth date where at least one has no identity number.
    """

    kind: Kind
    student_numbers: tuple[str, ...]
    detail: str


@dataclass(slots=True)
class Planted:
    """What a planting put into the register."""

    seed: int
    places: int
    schools: int
    classes: int
    students: int = 0
    truth: list[Truth] = field(default_factory=list)

    def write_truth(self, path: Path) -> None:
        """Write the truth table as CSV: kind, student numbers divided by blanks, detail."""
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("kind", "student_numbers", "detail"))
            rows.writerows((truth.kind, " ".join(truth.student_numbers), truth.detail) for truth in self.truth)
