"""Every row of the register in memory: plain SELECTs, and indexes over what they found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

Row = Mapping[str, Any]

TABLES = (
    "absences",
    "campuses",
    "case_decisions",
    "case_files",
    "case_steps",
    "case_subjects",
    "cases",
    "class_days",
    "class_grades",
    "classes",
    "codes",
    "grades",
    "guardians",
    "import_rows",
    "imports",
    "leases",
    "photo_entries",
    "photo_imports",
    "photos",
    "placements",
    "places",
    "problem_records",
    "school_stages",
    "schools",
    "student_versions",
    "students",
)


def places_above(path: str | None) -> Iterator[str]:
    """A path and everything it lies in: `14`, `1401`, `140105`, `140105.2114000123`, and so on to itself."""
    place, *below = (path or "").split(".")
    for end in range(2, len(place) + 1, 2):
        yield place[:end]
    for at in range(len(below)):
        yield ".".join((place, *below[: at + 1]))


def inside(path: str | None, root: str) -> bool:
    """Whether a path is the root or lies below it, step by step: no range, no prefix of text."""
    return root in places_above(path)


class Rows:
    """The register at one moment."""

    def __init__(self, tables: Mapping[str, list[Row]]) -> None:
        self.tables = tables
        self._equal: dict[tuple[str, str], dict[Any, list[Row]]] = {}
        self._below: dict[tuple[str, str], dict[str, list[Row]]] = {}

    @classmethod
    async def read(cls, connection: Any) -> Rows:
        """Read every table a graph type stands on, and leases and codes."""
        return cls({table: await connection.fetch(f"SELECT * FROM {table}") for table in TABLES})  # noqa: S608 -- our own names

    def all(self, table: str) -> list[Row]:
        """Every row of a table."""
        return self.tables[table]

    def where(self, table: str, column: str, value: Any) -> list[Row]:
        """The rows whose column has this value; none for null."""
        index = self._equal.get((table, column))
        if index is None:
            index = self._equal[table, column] = defaultdict(list)
            for row in self.tables[table]:
                index[row[column]].append(row)
        return [] if value is None else index.get(value, [])

    def one(self, table: str, column: str, value: Any) -> Row | None:
        """The row whose column has this value, if there is one."""
        return next(iter(self.where(table, column, value)), None)

    def below(self, table: str, column: str, root: str) -> list[Row]:
        """The rows that lie at or below a place."""
        index = self._below.get((table, column))
        if index is None:
            index = self._below[table, column] = defaultdict(list)
            for row in self.tables[table]:
                for place in places_above(row[column]):
                    index[place].append(row)
        return index.get(root, [])
