"""What the types are written down with: values and edges in a word, masks, counts, the search by name."""

import re
from collections.abc import Callable

from hub import names
from hub.fuzz.ground.kinds import ID, NAME, Count, Extra, Field, Leaf, Near, Reaches, Up, Value
from hub.fuzz.rows import Row, Rows


def leaves(kind: str, names: str) -> dict[str, Field]:
    """Values of one kind, by their names in the graph; each is the column of that name."""
    return {name: Leaf(stored(_snake(name)), kind) for name in names.split()}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def stored(name: str) -> Value:
    """A value as the row's column has it."""
    return lambda row, *_: row[name]


def ids(prefix: str) -> dict[str, Field]:
    """The id of a type whose ids begin with this."""
    return {"id": Leaf(lambda row, *_: f"{prefix}:{row['id']}", ID)}


def below(table: str, column: str = "path") -> Near:
    """The rows of a table that lie at or below a row's place."""
    return lambda row, rows: rows.below(table, column, row["path"])


def of(table: str, column: str, mine: str = "id") -> Near:
    """The rows of a table whose column names a row."""
    return lambda row, rows: rows.where(table, column, row[mine])


def up(far: str, column: str, *, leased: bool = False) -> Up:
    """The row that a column points at."""
    return Up(far, stored(column), leased)


def mask_tail(kept: int) -> Callable[[str], str]:
    """Keep the beginning, strike out the rest; strike out all of what is no longer than that."""
    return lambda text: text[:kept] + "*" * (len(text) - kept) if len(text) > kept else "*" * len(text)


def mask_phone(text: str) -> str:
    """Keep three and two; of a short one three."""
    return text[:3] + "*" * max(len(text) - 5, 6) + (text[-2:] if len(text) > 8 else "")


def _named(row: Row, _: Rows, __: Reaches, typed: str) -> bool:
    """Whether a name is found by what was typed: `hub/names.py` says by which terms, and by which pattern besides."""
    *terms, pattern = names.wanted_terms(typed)
    return set(terms) <= set(row["name_terms"]) and re.search(pattern, " ".join(row["name_terms"])) is not None


NAMED = {"nameLike": Extra(_named, NAME, field="name")}
COUNTS: dict[str, Field] = {
    "headcounts": Count("headcount", "headcounts"),
    "problemCounts": Count("problemRecord", "problemCounts"),
    "attendance": Count("attendance", "attendance"),
}
BY_PATH = ("path", "id")
"""An order of rows by where they lie."""
