"""Relay connections as SQL: a page by keyset, its edges and cursors, its page info, its total."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Text,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from hub.errors import BadInput, TooLarge
from loaders import cursor
from loaders.filters import Where
from loaders.ordering import Ordering
from loaders.plan import Call, Cost
from loaders.selection import Selected

if TYPE_CHECKING:
    from loaders.compiler import Compiler
    from loaders.declare import Graph

DEFAULT_PAGE = 50
_MOST_ARGUMENTS = 100
EMPTY: ColumnElement[Any] = literal_column("'[]'::json")


def page_size(call: Call, field: Selected) -> int:
    """How many rows a page asks for. Raises BadInput for sizes out of range and for both directions at once."""
    given = call.arguments(field)
    forward, backward = given.get("first"), given.get("last")
    after, before = given.get("after"), given.get("before")
    if (forward is not None or after is not None) and (backward is not None or before is not None):
        raise BadInput("BAD_PAGE_ARGUMENTS", field=field.key)
    if before is not None and backward is None:
        raise BadInput("BAD_PAGE_ARGUMENTS", field=field.key)
    name = "first" if backward is None else "last"
    asked = backward if backward is not None else forward
    size = DEFAULT_PAGE if asked is None else int(asked)
    if not 0 <= size <= call.settings.page_limit:
        raise BadInput("BAD_PAGE_SIZE", field=field.key, name=name, limit=call.settings.page_limit)
    return size


def _sized(field: Selected) -> Callable[[Call], int]:
    """`page_size` of a field, for a plan's calls: found out once where no variable changes it."""
    known: list[int] = []

    def size(call: Call) -> int:
        if known:
            return known[0]
        found = page_size(call, field)
        if field.steady:
            known.append(found)
        return found

    return size


class Page:
    """One connection being compiled.

    `near` is the row that its predicate refers to, when it is nested; `owner` the id of the pupil whose rows these are,
    if a lease may have opened them.
    """

    def __init__(
        self,
        compiler: Compiler,
        graph: Graph,
        field: Selected,
        order: Sequence[str],
        table: FromClause,
        where: Sequence[ColumnElement[bool]],
        path: tuple[str, ...],
        near: FromClause | None = None,
        owner: ColumnElement[int] | None = None,
    ) -> None:
        given = compiler.document.arguments(field)
        self.compiler = compiler
        self.graph = graph
        self.field = field
        self.order = Ordering(compiler, graph, order, given.get("orderBy"))
        self.table = table
        self.where = [*where, Where(compiler, field).compile(graph, table)]
        self.path = path
        self.near = near
        self.owner = owner
        self.backward = given.get("last") is not None
        self.resumed = given.get("before" if self.backward else "after") is not None
        self.signature = f"{field.name}|{self.order}"
        self._sized = _sized(field)
        self.size = compiler.bind(self._sized, BigInteger())
        self.nodes: dict[str, str] = {}
        self.shared: ColumnElement[Any] | None = None
        """What is the same of all its rows, and what the index that keeps them together begins with."""

    def compile(self) -> Select[Any]:
        """The statement: one row, one JSON object."""
        compiler = self.compiler
        outer, compiler.cost = compiler.cost, Cost(self._sized, steady=self.field.steady)
        outer.parts.append(compiler.cost)
        parts = compiler.document.fields(compiler.kind(self.field), self.field.nodes)
        simple = [part.name for part in parts] == ["nodes"] and not self.backward
        query = self._nodes_only(parts[0]) if simple else self._whole(parts)
        compiler.cost = outer
        return query

    def _nodes_only(self, nodes: Selected) -> Select[Any]:
        """The commonest connection by far: nothing but nodes, so no look-ahead row, no numbering, no cursors."""
        rows = self._ordered(self._rows(self.compiler.columns(self._row(), nodes, (*self.path, nodes.key))))
        name = self.compiler.name("n")
        found = func.coalesce(func.json_agg(func.row_to_json(literal_column(f"{name}.*"))), EMPTY)
        answer = func.json_build_object(self.compiler.text(nodes.key), found)
        return select(answer).select_from(rows.limit(self.size).subquery(name))

    def _whole(self, parts: Sequence[Selected]) -> Select[Any]:
        columns: list[ColumnElement[Any]] = [
            cursor.encoded(self._tie(), self._keys()).label("cursor"),
            func.row_number().over(order_by=self._directed()).label("at"),
        ]
        for part in parts:
            columns += self._node_columns(part)
        query = self._ordered(self._rows(columns)).limit(self.size + literal_column("1"))
        rows = query.subquery(self.compiler.name("p"))
        answer: list[ColumnElement[Any]] = []
        for part in parts:
            answer += [self.compiler.text(part.key), self._part(part, rows)]
        # One row, also where nothing in it is an aggregate over the page.
        return select(_object(answer, self.field)).select_from(rows).having(literal_column("true"))

    def _node_columns(self, part: Selected) -> list[ColumnElement[Any]]:
        """The JSON of a node, once for `nodes` and once for each `edges { node }`."""
        path = (*self.path, part.key)
        wanted: list[tuple[Selected, str, tuple[str, ...]]] = []
        if part.name == "nodes":
            wanted.append((part, part.key, path))
        if part.name == "edges":
            inner = self.compiler.document.fields(self.compiler.kind(part), part.nodes)
            wanted += [(node, f"{part.key}.{node.key}", (*path, node.key)) for node in inner if node.name == "node"]
        made: list[ColumnElement[Any]] = []
        for field, key, at in wanted:
            query = select(*self.compiler.columns(self._row(), field, at)).correlate(self.table)
            label = self.nodes[key] = self.compiler.name("j")
            made.append(self.compiler.as_json(query).scalar_subquery().label(label))
        return made

    def _part(self, part: Selected, rows: FromClause) -> ColumnElement[Any]:
        match part.name:
            case "nodes":
                return self._gathered(rows, rows.c[self.nodes[part.key]])
            case "edges":
                return self._gathered(rows, self._edge(part, rows))
            case "pageInfo":
                return self._page_info(part, rows)
            case "totalCount":
                counted = select(func.count()).select_from(self.table).where(*self.where)
                return self._correlated(counted).scalar_subquery()
            case _:
                return self.compiler.text(self.compiler.kind(self.field).name)

    def _edge(self, part: Selected, rows: FromClause) -> ColumnElement[Any]:
        kind = self.compiler.kind(part)
        answer: list[ColumnElement[Any]] = []
        for inner in self.compiler.document.fields(kind, part.nodes):
            answer.append(self.compiler.text(inner.key))
            if inner.name == "node":
                answer.append(rows.c[self.nodes[f"{part.key}.{inner.key}"]])
            else:
                answer.append(rows.c.cursor if inner.name == "cursor" else self.compiler.text(kind.name))
        return _object(answer, part)

    def _page_info(self, part: Selected, rows: FromClause) -> ColumnElement[Any]:
        more = func.count() > self.size
        resumed: ColumnElement[Any] = literal_column("true" if self.resumed else "false")
        values = {
            "hasNextPage": resumed if self.backward else more,
            "hasPreviousPage": more if self.backward else resumed,
            "startCursor": self._cursor_of(rows, first=True),
            "endCursor": self._cursor_of(rows, first=False),
            "__typename": self.compiler.text("PageInfo"),
        }
        answer: list[ColumnElement[Any]] = []
        for inner in self.compiler.document.fields(self.compiler.kind(part), part.nodes):
            answer += [self.compiler.text(inner.key), values[inner.name]]
        return _object(answer, part)

    def _cursor_of(self, rows: FromClause, *, first: bool) -> ColumnElement[Any]:
        order = rows.c.at if first is not self.backward else rows.c.at.desc()
        every = func.array_agg(aggregate_order_by(rows.c.cursor, order), type_=ARRAY(Text))
        return every.filter(rows.c.at <= self.size)[1]

    def _gathered(self, rows: FromClause, value: ColumnElement[Any]) -> ColumnElement[Any]:
        order = rows.c.at.desc() if self.backward else rows.c.at
        return func.coalesce(func.json_agg(aggregate_order_by(value, order)).filter(rows.c.at <= self.size), EMPTY)

    def _rows(self, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
        query = select(*columns).select_from(self.table).where(*self.where, self._beyond())
        return self._correlated(query)

    def _correlated(self, query: Select[Any]) -> Select[Any]:
        return query if self.near is None else query.correlate(self.near)

    def _row(self) -> Any:
        return self.compiler.visible(self.graph, self.table, self.owner)

    def _ordered(self, query: Select[Any]) -> Select[Any]:
        return query.order_by(*self._directed())

    def _keys(self) -> list[ColumnElement[Any]]:
        return [self.table.c[key.column] for key in self.order.keys]

    def _directed(self) -> list[ColumnElement[Any]]:
        order = self.order.directed(self.table, backward=self.backward)
        if self.shared is None:
            return order
        # The planner does not see that it is the same of every row: it takes the index only if this sorts as that does.
        down = self.order.keys[0].descending is not self.backward
        return [self.shared.desc() if down else self.shared, *order]

    def _beyond(self) -> ColumnElement[bool]:
        if not self.resumed:
            return true()
        edge = [self._bound(at) for at in range(len(self.order.keys))]
        return self.order.beyond(self.table, edge, backward=self.backward)

    def _bound(self, at: int) -> ColumnElement[Any]:
        name = "before" if self.backward else "after"
        kinds = [key.type for key in self._keys()]

        def value(call: Call) -> Any:
            return cursor.decode(call, self.field, self.signature, call.arguments(self.field)[name], kinds)[at]

        return self.compiler.bind(value, kinds[at])

    def _tie(self) -> ColumnElement[str]:
        return self.compiler.bind(lambda call: cursor.binding(call, self.field, self.signature), Text())


def _object(answer: Sequence[ColumnElement[Any]], field: Selected) -> ColumnElement[Any]:
    """A JSON object of keys and values. Raises TooLarge beyond the hundred arguments PostgreSQL's functions take."""
    if len(answer) > _MOST_ARGUMENTS:
        raise TooLarge("TOO_COMPLEX", what=f"{field.key}", limit=_MOST_ARGUMENTS // 2)
    return func.json_build_object(*answer)
