"""What a field of the graph *is*: a column, an edge, a count. The compiler reads these declarations and nothing else.

Graph types stay plain Strawberry types; each field is made by one of the functions here, and has no resolver.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar, cast

import strawberry
from sqlalchemy import ColumnElement, FromClause, Table, TableClause, Text, literal_column
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument

from hub.errors import BadInput
from hub.models import Base

METADATA = "loaders"
"""The key under which a Strawberry field's metadata holds its declaration."""

T = TypeVar("T", bound=type)
Expression = Callable[[FromClause], ColumnElement[Any]]
Held = Callable[[ColumnElement[str]], ColumnElement[bool]]
Join = Callable[[FromClause, FromClause], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Sided:
    """An expression that says more to one side than to another: made from the test whether a path lies in the caller's
    area, and the row.
    """

    make: Callable[[Held, FromClause], ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class TypedId:
    """The id of a row as a typed opaque string: `student:123`. Callable as an expression."""

    kind: str

    def __call__(self, row: FromClause) -> ColumnElement[Any]:
        """The id as SQL."""
        return literal_column(f"'{self.kind}:'").concat(sql_cast(row.c.id, Text))

    def read(self, given: Any) -> int:
        """The number in a typed id. Raises BadInput if it is not an id of this kind."""
        name, _, digits = str(given).partition(":")
        if name != self.kind or not digits.isascii() or not digits.isdigit() or len(digits) > 18:
            raise BadInput("BAD_ID", value=str(given)[:40], example=f"{self.kind}:123")
        return int(digits)


class Kind(Enum):
    """How an edge's far side relates to the scope of its near side; the compiler proves visibility from it alone."""

    CHILD = "child"
    """The child's path starts with the parent's: visible as the parent is."""
    OWNED = "owned"
    """No path of its own: visible as its owner is."""
    CROSS = "cross"
    """Anywhere in the tree: carries the scope predicate."""


@dataclass(frozen=True, slots=True)
class Column:
    """A value of the row. `masked` is what a role sees that may only see it masked; without one it sees nothing."""

    expression: Expression | Sided
    masked: Expression | None = None
    exact: bool = False
    """Whether it tells who somebody is: it is searched for whole, never by a part."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A code of a versioned code list, answered as `Code {code name}`."""

    column: str
    list: str


@dataclass(frozen=True, slots=True)
class Up:
    """The one row a key points at; outside the caller's scope only its card is answered.

    `leased`: even the card only to whom a live lease, of any view, opens the row; one of the whole record opens all.
    """

    key: Expression | Sided
    leased: bool = False


@dataclass(frozen=True, slots=True)
class Many:
    """The rows that join this one, as a Relay connection (or a plain list of all, for small OWNED sets).

    `order` is the default one: columns, `-` before those that descend.
    """

    kind: Kind
    join: Join
    order: Sequence[str]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one statement finds for every row of the whole answer that asks for it (`loaders/seam.py`)."""

    loader: str
    key: Expression
    most: int
    """How many objects it finds for a row at most."""
    noun: str
    """What they tell about."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A count at the place of this row, for who may count the noun; `make` compiles it into the row's statement."""

    noun: str
    make: Callable[[Any, Any, Any], ColumnElement[Any]]
    """From (compiler, selected field, row) to the JSON of the count."""


Declaration = Column | Coded | Up | Many | Loaded | Counted


@dataclass(frozen=True, slots=True)
class Card:
    """What of a type may be seen from below, whoever looks: a view, and the fields it answers."""

    view: TableClause
    fields: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sort:
    """A way to sort a list: a column that is never null, and the field that a role must be able to read for it."""

    column: str
    description: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Extra:
    """A filter of a type beside those of its fields: its predicate over the row and the value, its GraphQL type.

    `field` is the field a role must be able to read for it, `counts` the noun it must be able to count; `value` turns
    what was given into the parameter and may raise BadInput.
    """

    predicate: Callable[..., ColumnElement[bool] | Sided]
    kind: TypeEngine[Any]
    annotation: Any
    description: str
    field: str | None = None
    counts: str | None = None
    value: Callable[[Any], Any] = lambda given: given
    area: Callable[[Sequence[str]], Any] | None = None
    """What the predicate's third argument is made of: the caller's roots."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph type's ground: its table, its noun in the policy, how its rows are told apart, sorted, filtered, seen."""

    table: Table
    noun: str
    type: type
    order: tuple[str, ...] = ("id",)
    """How rows are sorted unless told: columns, `-` before those that descend."""
    key: tuple[str, ...] = ("id",)
    """The columns that tell two rows apart; they end every order."""
    card: Card | None = None
    paths: tuple[str, ...] = ("path",)
    """The columns that say where a row lies; one with several is seen from each of these places."""
    owner: str | None = None
    """The key of the pupil whose rows these are, if they are seen exactly as the pupil is."""
    sorts: Mapping[str, Sort] = field(default_factory=dict)
    """By the values of its order enum."""
    by_area: bool = False
    """Whether indexes keep the rows of each city and each county together, in the order that its lists are read in."""
    extras: Mapping[str, Extra] = field(default_factory=dict)
    """By the names in its filter input."""


GRAPHS: dict[str, Graph] = {}
"""Every graph type by its GraphQL name."""


def graph(
    model: type[Base],
    noun: str,
    *,
    order: Sequence[str] = ("id",),
    key: Sequence[str] = ("id",),
    card: Card | None = None,
    paths: Sequence[str] = ("path",),
    owner: InstrumentedAttribute[Any] | None = None,
    sorts: Mapping[str, Sort] | None = None,
    by_area: bool = False,
    extras: Mapping[str, Extra] | None = None,
) -> Callable[[T], T]:
    """Declare a Strawberry type to be answered from a table."""

    def declare(kind: T) -> T:
        GRAPHS[kind.__name__] = Graph(
            cast(Table, model.__table__),
            noun,
            kind,
            tuple(order),
            tuple(key),
            card,
            tuple(paths),
            None if owner is None else owner.key,
            sorts or {},
            by_area,
            extras or {},
        )
        return kind

    return declare


def column(
    source: InstrumentedAttribute[Any] | Expression | Sided,
    description: str,
    *,
    masked: Expression | None = None,
    exact: bool = False,
) -> Any:
    """A field that is a column, or an expression over the row."""
    return _field(Column(_expression(source), masked, exact), description)


def coded(source: InstrumentedAttribute[Any], code_list: str, description: str) -> Any:
    """A field that is a code of a versioned code list."""
    return _field(Coded(source.key, code_list), description)


def up(source: InstrumentedAttribute[Any] | Expression | Sided, description: str, *, leased: bool = False) -> Any:
    """A field that leads to the one row a key points at: a column, or an expression that finds the key."""
    return _field(Up(_expression(source), leased), description)


def loaded(loader: str, key: InstrumentedAttribute[Any], description: str, *, most: int, noun: str) -> Any:
    """A field that a loader fills in, once for the whole answer, by this column of the row: at most so many objects,
    which tell about a noun of the policy.
    """
    return _field(Loaded(loader, lambda row: row.c[key.key], most, noun), description)


def many(
    kind: Kind,
    join: Join,
    description: str,
    *,
    order: Sequence[str],
    arguments: Sequence[StrawberryArgument],
) -> Any:
    """A field that is a connection, paged by keyset over the `order` columns (NOT NULL)."""
    return _field(Many(kind, join, tuple(order)), description, arguments)


def owned_list(join: Join, description: str, *, order: Sequence[str]) -> Any:
    """A field that is the whole small list of what this row owns."""
    return _field(Many(Kind.OWNED, join, tuple(order)), description)


def counted(
    noun: str,
    make: Callable[[Any, Any, Any], ColumnElement[Any]],
    description: str,
    arguments: Sequence[StrawberryArgument] = (),
) -> Any:
    """A field that counts something at the place of this row."""
    return _field(Counted(noun, make), description, arguments)


def argument(name: str, annotation: Any, description: str, default: Any = None, **rest: Any) -> StrawberryArgument:
    """An argument of a declared field; optional unless a default of `strawberry.UNSET` is given."""
    return StrawberryArgument(
        python_name=name,
        graphql_name=None,
        type_annotation=StrawberryAnnotation(annotation),
        description=description,
        default=default,
        **rest,
    )


def _field(declaration: Declaration, description: str, arguments: Sequence[StrawberryArgument] = ()) -> Any:
    made: Any = strawberry.field(description=description, metadata={METADATA: declaration})
    made.arguments = list(arguments)
    return made


def _expression(source: InstrumentedAttribute[Any] | Expression | Sided) -> Expression | Sided:
    if isinstance(source, InstrumentedAttribute):
        key = source.key
        return lambda row: row.c[key]
    return source
