"""The order of a list: what it is sorted by, and what lies beyond a row of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, FromClause, Table, Text, UniqueConstraint, and_, false, or_, tuple_

from hub.errors import Forbidden
from loaders.declare import Graph
from policies import Access

if TYPE_CHECKING:
    from loaders.compiler import Compiler


@dataclass(frozen=True, slots=True)
class Key:
    """A sort key: a column that is never null, and its direction."""

    column: str
    descending: bool = False


class Ordering:
    """What a list is asked to be sorted by, or its own order; the columns that tell two rows apart come last."""

    def __init__(self, compiler: Compiler, graph: Graph, order: Sequence[str], asked: Any) -> None:
        found = [self._asked(compiler, graph, one) for one in asked or ()] or _default(compiler, graph, order)
        # Ties run the way of the last key, so that DESC is ASC turned round and one row comparison finds what follows.
        descending = bool(found) and found[-1].descending
        keys: dict[str, Key] = {}
        for key in [*found, *(Key(name, descending) for name in graph.key)]:
            keys.setdefault(key.column, key)
            if key.column in _unique(graph.table):
                break  # no two rows are the same in it: what would come after sorts nothing, and costs a sort
        self.keys = tuple(keys.values())

    def __str__(self) -> str:
        return ",".join(f"{'-' if key.descending else ''}{key.column}" for key in self.keys)

    def directed(self, table: FromClause, *, backward: bool) -> list[ColumnElement[Any]]:
        """The ORDER BY, turned round for a page from the back."""
        return [
            _sorted(table, key).desc() if key.descending is not backward else _sorted(table, key) for key in self.keys
        ]

    def beyond(self, table: FromClause, edge: list[ColumnElement[Any]], *, backward: bool) -> ColumnElement[bool]:
        """The predicate of rows that come after the row with these keys, or before it on a page from the back."""
        columns = [_sorted(table, key) for key in self.keys]
        descending = {key.descending for key in self.keys}
        if len(descending) == 1:
            ours, theirs = tuple_(*columns), tuple_(*edge)
            return ours < theirs if descending.pop() is not backward else ours > theirs
        found: ColumnElement[bool] = false()
        for at, key in enumerate(self.keys):
            past = columns[at] < edge[at] if key.descending is not backward else columns[at] > edge[at]
            found = or_(found, and_(*(columns[one] == edge[one] for one in range(at)), past))
        first, bound = columns[0], edge[0]
        return and_(first <= bound if self.keys[0].descending is not backward else first >= bound, found)

    def _asked(self, compiler: Compiler, graph: Graph, one: dict[str, Any]) -> Key:
        sort = graph.sorts[str(getattr(one["by"], "value", one["by"]))]
        if sort.field is not None and not _readable(compiler, graph, sort.field):
            raise Forbidden("FORBIDDEN_FIELD", name=f"{graph.noun}.{sort.field}")
        direction = one.get("direction")
        return Key(sort.column, str(getattr(direction, "value", direction)) == "DESC")


def _default(compiler: Compiler, graph: Graph, order: Sequence[str]) -> list[Key]:
    """A list's own order, without what the role may not read: a cursor would tell it."""
    hidden = {sort.column for sort in graph.sorts.values() if sort.field and not _readable(compiler, graph, sort.field)}
    keys = [Key(name.removeprefix("-"), name.startswith("-")) for name in order]
    return [key for key in keys if key.column not in hidden]


@cache
def _unique(table: Table) -> frozenset[str]:
    """The columns that tell any two rows of a table apart, each by itself."""
    sets = [rule.columns.keys() for rule in table.constraints if isinstance(rule, UniqueConstraint)]
    return frozenset(names[0] for names in sets if len(names) == 1 and not table.c[names[0]].nullable)


def _readable(compiler: Compiler, graph: Graph, field: str) -> bool:
    return compiler.policy.access(compiler.role, graph.noun, field) is Access.READ


def _sorted(table: FromClause, key: Key) -> ColumnElement[Any]:
    """The column as it sorts: text by its bytes, the same on every server."""
    column: ColumnElement[Any] = table.c[key.column]
    plain = isinstance(column.type, Text) and column.type.collation is None
    return column.collate("C") if plain else column
