"""Filters: what `where` asks of a type's rows becomes a predicate; its values become parameters.

A filter may name any field the role reads in full on rows it sees by place; it looks through edges only at rows that
lie in the caller's scope. A blank value satisfies no operator but `isNull`, and `not` is the exact complement, so
every row satisfies either a filter or its negation. Nothing may be null or left out inside: `{idNumber: {eq: $x}}`
without `$x` must never mean everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import MAXYEAR, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from graphql import GraphQLObjectType, get_named_type
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    FromClause,
    Numeric,
    Text,
    and_,
    any_,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeEngine

from hub import clock
from hub.errors import BadInput, Forbidden, TooLarge
from loaders.declare import GRAPHS, METADATA, Coded, Column, Declaration, Graph, Kind, Many, Sided, TypedId, Up
from loaders.plan import Call
from loaders.selection import Selected
from policies import Access, Action

if TYPE_CHECKING:
    from loaders.compiler import Compiler

DEEPEST = 8
"""How deep filters may nest."""
MOST = 100
"""How many conditions one filter may have."""

PARAMETERS: dict[str, TypeEngine[Any]] = {
    "Int": BigInteger(),
    "Boolean": Boolean(),
    "Date": Date(),
    "DateTime": TIMESTAMP(timezone=True),
    "Decimal": Numeric(),
}
"""What a value of a GraphQL scalar is compared as; any other is text."""

Path = tuple[str | int, ...]
_LARGEST = 30  # digits of a decimal number
_LAST: ColumnElement[str] = literal_column("chr(1114111)")  # sorts after every character
_COMPARED: dict[str, Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
}


class Where:
    """The filter of one list being compiled: the argument of a field, or a part of it."""

    def __init__(self, compiler: Compiler, field: Selected, argument: str = "where") -> None:
        self.compiler = compiler
        self.field = field
        self.argument = argument
        self._conditions = 0

    def compile(self, graph: Graph, row: FromClause) -> ColumnElement[bool]:
        """The predicate over a row of the type. Raises Forbidden or BadInput before any SQL."""
        given = self.compiler.document.arguments(self.field).get(self.argument)
        return true() if given is None else self._all(graph, row, given, ())

    def operators(
        self, column: ColumnElement[Any], given: Any, path: Path, kind: TypeEngine[Any]
    ) -> ColumnElement[bool]:
        """The predicate of one operator object, such as `{gte: 3, lt: 7}`, over a column or expression; its values are
        parameters of a type.
        """
        return and_(
            true(), *(self._operator(column, name, value, (*path, name), kind) for name, value in given.items())
        )

    def _all(self, graph: Graph, row: FromClause, given: dict[str, Any], path: Path) -> ColumnElement[bool]:
        if len(path) > 2 * DEEPEST:
            raise TooLarge("TOO_COMPLEX", what="筛选层数 depth of filters", limit=DEEPEST)
        return and_(true(), *(self._part(graph, row, name, value, (*path, name)) for name, value in given.items()))

    def _part(self, graph: Graph, row: FromClause, name: str, given: Any, path: Path) -> ColumnElement[bool]:
        self._conditions += 1
        if self._conditions > MOST:
            raise TooLarge("TOO_COMPLEX", what="筛选条件数 conditions", limit=MOST)
        if given is None:
            raise BadInput("NULL_FILTER", name=_named(path))
        match name:
            case "and":
                return and_(true(), *(self._all(graph, row, one, (*path, at)) for at, one in enumerate(given)))
            case "or":
                return or_(false(), *(self._all(graph, row, one, (*path, at)) for at, one in enumerate(given)))
            case "not":
                return self._all(graph, row, given, path).is_not(true())
        if name in graph.extras:
            return self._extra(graph, row, name, path)
        return self._field(graph, row, name, given, path)

    def _field(self, graph: Graph, row: FromClause, name: str, given: Any, path: Path) -> ColumnElement[bool]:
        declared, far = self._declared(graph, name)
        match declared:
            case Column() | Coded():
                self._readable(graph, name)
                if isinstance(declared, Coded):
                    return self.operators(row.c[declared.column], given, path, Text())
                if isinstance(declared.expression, TypedId):
                    return self._ids(row, declared.expression, given, path)
                return self.operators(
                    self.compiler.expressed(declared.expression, row), given, path, PARAMETERS.get(far, Text())
                )
            case Up():
                return self._one(self._target(far), declared, row, given, path)
            case Many():
                return self._some(self._target(far), declared, row, given, path)
        raise TypeError(f"{name} cannot be filtered by")

    def _one(self, far: Graph, declared: Up, row: FromClause, given: Any, path: Path) -> ColumnElement[bool]:
        table = self.compiler.aliased(far.table)
        seen = self.compiler.inside(far, table)
        found = exists(literal_column("1")).where(table.c.id == self.compiler.expressed(declared.key, row), seen)
        return found.where(self._all(far, table, given, path)).correlate(row)

    def _some(self, far: Graph, declared: Many, row: FromClause, given: Any, path: Path) -> ColumnElement[bool]:
        found: list[ColumnElement[bool]] = []
        for name, inner in given.items():
            if inner is None:
                raise BadInput("NULL_FILTER", name=_named((*path, name)))
            table = self.compiler.aliased(far.table)
            query = exists(literal_column("1")).where(declared.join(row, table))
            if declared.kind is Kind.CROSS:
                query = query.where(self.compiler.inside(far, table))
            query = query.where(self._all(far, table, inner, (*path, name))).correlate(row)
            found.append(query if name == "some" else not_(query))
        return and_(true(), *found)

    def _extra(self, graph: Graph, row: FromClause, name: str, path: Path) -> ColumnElement[bool]:
        extra = graph.extras[name]
        if extra.field is not None:
            self._readable(graph, extra.field)
        if extra.counts is not None and not self.compiler.may(extra.counts, Action.COUNT):
            raise Forbidden("FORBIDDEN", action=f"{extra.counts}:{Action.COUNT}")
        given = [self.compiler.bind(lambda call: extra.value(self._value(call, path)), extra.kind)]
        if (area := extra.area) is not None:
            given.append(self.compiler.bind(lambda call: area(call.caller.roots), extra.kind))
        made = extra.predicate(row, *given)
        return made.make(self.compiler.held, row) if isinstance(made, Sided) else made

    def _ids(self, row: FromClause, ids: TypedId, given: Any, path: Path) -> ColumnElement[bool]:
        found: list[ColumnElement[bool]] = []
        for name, value in given.items():
            if value is None:
                raise BadInput("NULL_FILTER", name=_named((*path, name)))
            at = (*path, name)
            if name == "eq":
                key = self.compiler.bind(lambda call, at=at: ids.read(self._value(call, at)), BigInteger())  # type: ignore[misc]
                found.append(row.c.id == key)
            else:
                keys = self.compiler.bind(
                    lambda call, at=at: [ids.read(one) for one in self._list(call, at)],  # type: ignore[misc]
                    ARRAY(BigInteger),
                )
                found.append(row.c.id == func.any(keys))
        return and_(true(), *found)

    def _operator(
        self, column: ColumnElement[Any], name: str, given: Any, path: Path, kind: TypeEngine[Any]
    ) -> ColumnElement[bool]:
        if given is None:
            raise BadInput("NULL_FILTER", name=_named(path))
        match name:
            case "isNull":
                return column.is_(None) if given else column.is_not(None)
            case "in":
                values = self.compiler.bind(lambda call: self._list(call, path), ARRAY(kind))
                # Not func.any: on the right of another function Python lets it speak first, and it must stand last.
                return column == any_(values)
            case "prefix":
                return _starts(column, self.compiler.bind(lambda call: self._value(call, path), kind))
        return _COMPARED[name](column, self.compiler.bind(lambda call: self._value(call, path), kind))

    def _value(self, call: Call, path: Path) -> Any:
        value: Any = call.arguments(self.field)[self.argument]
        for step in path:
            value = value[step]
        return _plain(value)

    def _list(self, call: Call, path: Path) -> list[Any]:
        values: list[Any] = self._value(call, path)
        if len(values) > call.settings.filter_limit:
            raise TooLarge("FILTER_LIST_TOO_LONG", name=_named(path), limit=call.settings.filter_limit)
        return [_plain(value) for value in values]

    def _readable(self, graph: Graph, name: str) -> None:
        compiler = self.compiler
        if name != "id" and compiler.policy.access(compiler.role, graph.noun, name) is not Access.READ:
            raise Forbidden("FORBIDDEN_FIELD", name=f"{graph.noun}.{name}")

    def _target(self, name: str) -> Graph:
        far = GRAPHS[name]
        if not self.compiler.may(far.noun, Action.READ):
            raise Forbidden("FORBIDDEN_FIELD", name=far.noun)
        return far

    def _declared(self, graph: Graph, name: str) -> tuple[Declaration, str]:
        """What a field of a graph type is, and the type at its far end."""
        kind: Any = self.compiler.document.schema.get_type(graph.type.__name__)
        field = kind.fields[name]
        declared: Declaration = field.extensions["strawberry-definition"].metadata[METADATA]
        far = get_named_type(field.type)
        if isinstance(far, GraphQLObjectType) and far.name not in GRAPHS and "nodes" in far.fields:
            far = get_named_type(far.fields["nodes"].type)
        return declared, far.name


def knows_area(graph: Graph, given: Any) -> bool:
    """Whether a filter looks in an index that holds the caller's area too, for all the rows that it keeps."""
    return isinstance(given, dict) and any(
        any(knows_area(graph, one) for one in part or ())
        if name == "and"
        else name in graph.extras and graph.extras[name].area is not None
        for name, part in given.items()
    )


def _starts(column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a text begins with another: a range where the column sorts by its bytes, so that an index serves."""
    if getattr(column.type, "collation", None) == "C":
        return and_(column >= value, column < value.concat(_LAST))
    return func.starts_with(column, value)


def _plain(value: Any) -> Any:
    """A coerced GraphQL value as its parameter: an enum's word; a time without a zone is China's."""
    if isinstance(value, datetime):
        _bounded(value, 1 < value.year < MAXYEAR)
        return value if value.tzinfo else value.replace(tzinfo=clock.SHANGHAI)
    if isinstance(value, Decimal):
        _bounded(value, value.is_finite() and abs(value.adjusted()) <= _LARGEST)
    return getattr(value, "value", value)


def _bounded(value: Any, fits: bool) -> None:
    if not fits:
        raise BadInput("VALUE_OUT_OF_RANGE", value=str(value)[:40])


def _named(path: Path) -> str:
    return ".".join(map(str, path))
