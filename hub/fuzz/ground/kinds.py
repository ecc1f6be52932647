"""The kinds of thing a graph type has: values, edges, counts, filters; and the graph type itself."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hub.fuzz.rows import Row, Rows

TEXT, INT, BOOL, DATE, TIME = "text", "int", "bool", "date", "time"
DECIMAL, WORD, ID, LIST, NAME = "decimal", "word", "id", "list", "name"
Reaches = Callable[[str | None], bool]
Value = Callable[[Row, Rows, Reaches], Any]
"""A value of a row, which may say more to who reaches a place."""
Near = Callable[[Row, Rows], Iterable[Row]]


@dataclass(frozen=True)
class Leaf:
    """A value of a row, and what a role sees that may only see it masked."""

    value: Value
    kind: str = TEXT
    mask: Callable[[str], str] | None = None


@dataclass(frozen=True)
class Coded:
    """A code of a code list."""

    column: str
    list: str


@dataclass(frozen=True)
class Up:
    """The one row of another type that a key points at."""

    far: str
    key: Value
    leased: bool = False


@dataclass(frozen=True)
class Down:
    """Rows of another type: below this one's place (child), its own (owned), anywhere (cross)."""

    far: str
    kind: Literal["child", "owned", "cross"]
    rows: Near
    order: tuple[str, ...] = ("id",)
    whole: bool = False
    """A plain list of all, not a connection."""


@dataclass(frozen=True)
class Count:
    """Numbers at a row's place, for who may count this noun."""

    noun: str
    what: Literal["headcounts", "problemCounts", "attendance"]


@dataclass(frozen=True)
class Looked:
    """What is looked up for all rows at once."""


Field = Leaf | Coded | Up | Down | Count | Looked


@dataclass(frozen=True)
class Extra:
    """A filter that is no field: its predicate over a row and the value, the noun a role must be able to count, the
    field it must see.
    """

    holds: Callable[[Row, Rows, Reaches, Any], bool]
    kind: str
    counts: str | None = None
    field: str | None = None


@dataclass(frozen=True)
class Type:
    """A graph type."""

    table: str
    noun: str
    fields: Mapping[str, Field]
    prefix: str | None = None
    """What its ids begin with; a type without is no Node."""
    card: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ("path",)
    owner: str | None = None
    """The column of the pupil whose rows these are."""
    key: tuple[str, ...] = ("id",)
    unique: str | None = None
    """Another column that no two rows are the same in."""
    order: tuple[str, ...] = ("id",)
    sorts: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    """By the words of its order: the column, and the field a role must see for it."""
    extras: Mapping[str, Extra] = field(default_factory=dict)
