"""The selection compiler: what a document asks under one root field becomes one statement that returns JSON.

Scope gets into a statement in one place, `Compiler.within`; whether an edge needs it follows from the edge's kind
(`loaders/declare.py`), never from the field's author.
"""

import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import GraphQLObjectType, get_named_type, is_list_type, is_non_null_type
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.types import TypeEngine

from hub import paths
from hub.models import Code, Lease, Student
from hub.terms import LeaseView
from loaders import filters, seam
from loaders.connection import Page
from loaders.declare import (
    GRAPHS,
    METADATA,
    Coded,
    Column,
    Counted,
    Declaration,
    Expression,
    Graph,
    Kind,
    Loaded,
    Many,
    Sided,
    Up,
)
from loaders.plan import Bind, Cost, Denial, Plan
from loaders.selection import Document, Selected
from policies import PERSONS, Access, Action, Policy, Reach, is_named

_DIALECT = postgresql.asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves dialects untyped
_LONGEST_ALIAS = 63

SCALARS: dict[str, Callable[[ColumnElement[Any]], ColumnElement[Any]]] = {"Decimal": lambda value: cast(value, Text)}
"""How a GraphQL scalar is written to JSON where PostgreSQL's own way is not GraphQL's: a Decimal is a string."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row being answered: its columns, whether it is proven to be in scope, and its card if it may not be."""

    graph: Graph
    columns: FromClause
    proven: bool
    card: FromClause | None = None
    pupil: ColumnElement[int] | None = None
    """The id of the pupil whose lease may have opened it: the row's own, or whose row it is."""
    shown: bool = False
    """Whether it is seen in full, by place or by lease: what it owns is, too."""

    @property
    def near(self) -> FromClause:
        """What edges down from this row hang on: its card, if it has one, since a card always has id and path."""
        return self.columns if self.card is None else self.card

    @property
    def card_fields(self) -> frozenset[str]:
        """What the card answers."""
        return self.graph.card.fields if self.graph.card else frozenset()


class Compiler:
    """Compiles one root field for one role with roots at these levels (`paths.level`).

    `scoped=False` leaves the scope to row security (a test's oracle).
    """

    def __init__(
        self, document: Document, policy: Policy, role: str, levels: Sequence[int], *, scoped: bool = True
    ) -> None:
        self.document = document
        self.policy = policy
        self.role = role
        self.levels = levels
        self.scoped = scoped
        self.cost = Cost(lambda _: 1)
        self._binds: dict[str, Bind] = {}
        self._denials: list[Denial] = []
        self._marks: list[tuple[str, Denial]] = []
        self._renames: list[tuple[str, str]] = []
        self._places: list[seam.Place] = []
        self._names = 0

    def one(self, graph: Graph, field: Selected, find: Callable[[FromClause], ColumnElement[bool]]) -> Plan:
        """The statement for one object, found by a predicate and visible by path or, for a student, by lease."""
        table = self.aliased(graph.table)
        query = select(*self.columns(self.found(graph, table), field, (field.key,)))
        return self.finish(self.as_json(query.where(find(table), self.seen(graph, table))))

    def several(self, graph: Graph, field: Selected) -> Plan:
        """The statement for objects by their ids (`keys` of the call): an array of JSON in their order, null for what
        is not visible.
        """
        table, keys = self.aliased(graph.table), self.bind(lambda call: call.given["keys"], ARRAY(BigInteger))
        self.cost.size, self.cost.steady = (lambda call: len(call.given["keys"])), False
        wanted = func.unnest(keys).table_valued("id", with_ordinality="at").render_derived(name="k")
        made = self.as_json(select(*self.columns(self.found(graph, table), field, (field.key,))).correlate(table))
        found = table.c.id == wanted.c.id
        rows = wanted.outerjoin(table, and_(found, self.seen(graph, table)))
        answer = case((table.c.id.is_not(None), cast(made.scalar_subquery(), Text)), else_=null())
        return self.finish(select(func.array_agg(aggregate_order_by(answer, wanted.c.at))).select_from(rows))

    def root_list(
        self, graph: Graph, field: Selected, keep: Callable[[FromClause], Any], area: int | None = None
    ) -> Plan:
        """The statement for a connection over everything in scope that a predicate keeps. All of it lies in one city or
        county where an `area` is told (`paths.area`), and is read in the order of their index.
        """
        table = self.aliased(graph.table)
        narrowed = area is not None or filters.knows_area(graph, self.document.arguments(field).get("where"))
        where = [self.inside(graph, table, wide=narrowed), keep(table)]
        page = Page(self, graph, field, graph.order, table, where, (field.key,))
        page.shared = None if area is None else paths.lies_in(table.c.path, area)
        return self.finish(page.compile())

    def within(self, path: ColumnElement[str], *, wide: bool = False) -> ColumnElement[bool]:
        """The caller's scope: the path lies inside one of the roots. Nowhere else does scope enter a statement, but
        that a count from the root is of the roots themselves (`loaders/headcount.py`). `wide` as in `paths.within`:
        something else narrows the rows better than an index of paths would.
        """
        if not self.scoped:
            return true()
        return self.held(path, wide=wide)

    def held(self, path: ColumnElement[str], *, wide: bool = False) -> ColumnElement[bool]:
        """Whether a path lies in the caller's area: what is told of a row that is seen anyhow."""
        roots = [(self._root(at, first=True), self._root(at, first=False)) for at in range(len(self.levels))]
        return paths.within(
            path, roots, [at for at, level in enumerate(self.levels) if wide or level == paths.PROVINCE]
        )

    def expressed(self, source: Expression | Sided, row: FromClause) -> ColumnElement[Any]:
        """An expression over a row, as the caller's side is told it."""
        return source.make(self.held, row) if isinstance(source, Sided) else source(row)

    def inside(self, graph: Graph, table: FromClause, *, wide: bool = False) -> ColumnElement[bool]:
        """The scope predicate of a type's row: one of the places it lies at is inside the caller's scope, or the
        pupil whose it is.
        """
        if graph.owner is None:
            return or_(*(self.within(table.c[name], wide=wide) for name in graph.paths))
        pupils = self.aliased(Student.__table__)
        owned: Select[Any] = select(literal_column("1")).where(pupils.c.id == table.c[graph.owner])
        return owned.where(self.within(pupils.c.path)).correlate(table).exists()

    def seen(self, graph: Graph, table: FromClause) -> ColumnElement[bool]:
        """The predicate for a row reached by its id: in scope, or leased to the caller."""
        reach = self.policy.decide(self.role, graph.noun, Action.READ)
        inside = self.inside(graph, table) if reach.on_path else false()
        pupil = _pupil(graph, table)
        if pupil is None or not self.scoped:
            return inside
        # A right that holds by lease only still needs the pupil to be leased; row security knows leases by itself.
        return inside | self._leased(pupil)

    def found(self, graph: Graph, table: FromClause) -> Row:
        """A row found by its id under `seen`: if a lease may have opened it, its place is not proven."""
        pupil = _pupil(graph, table)
        return Row(graph, table, proven=pupil is None, pupil=pupil, shown=True)

    def columns(self, row: Row, field: Selected, path: tuple[str, ...]) -> list[ColumnElement[Any]]:
        """The columns that answer what is selected under a field of an object type."""
        kind = self.kind(field)
        found = self.document.fields(kind, field.nodes)
        if row.graph.noun in PERSONS:
            self.cost.personal += sum(is_named(f"{row.graph.noun}.{part.name}") for part in found)
        return [self._value(row, kind, part, (*path, part.key)).label(self.alias(part.key)) for part in found]

    def as_json(self, query: Select[Any]) -> Select[Any]:
        """One row as a JSON object; its column names are the keys, even where one is the name of the row itself."""
        name = self.name("o")
        return select(func.row_to_json(literal_column(f"{name}.*"))).select_from(query.subquery(name))

    def bind(self, value: Bind, kind: TypeEngine[Any]) -> ColumnElement[Any]:
        """A parameter whose value each call computes."""
        name = self.name("b")
        self._binds[name] = value
        return bindparam(name, type_=kind)

    def name(self, prefix: str) -> str:
        """A name no other part of the statement uses."""
        self._names += 1
        return f"{prefix}{self._names}"

    def text(self, words: str) -> ColumnElement[str]:
        """A GraphQL name as an SQL string; names hold only letters, digits and underscores."""
        return literal_column(f"'{words}'::text")

    def kind(self, field: Selected) -> GraphQLObjectType:
        """The object type a field answers with."""
        return typing.cast(GraphQLObjectType, get_named_type(field.definition.type))

    def visible(self, graph: Graph, table: FromClause, owner: ColumnElement[int] | None = None) -> Row:
        """A row whose statement already carries, or does not need, the scope predicate. `owner` is the pupil whose it
        is, if a lease may have opened it.
        """
        return Row(graph, table, proven=owner is None, pupil=owner, shown=True)

    def may(self, noun: str, action: Action) -> bool:
        """Whether the role may do this with rows seen by place."""
        return self.policy.decide(self.role, noun, action).on_path

    def _value(self, row: Row, kind: GraphQLObjectType, field: Selected, path: tuple[str, ...]) -> ColumnElement[Any]:
        if field.name == "__typename":
            return self.text(kind.name)
        declared: Declaration = field.definition.extensions["strawberry-definition"].metadata[METADATA]
        match declared:
            case Column() | Coded():
                return self._leaf(row, field, declared, path)
            case Up():
                return self._up(row, field, declared, path)
            case Many():
                return self._many(row, field, declared, path)
            case Loaded():
                return self._loaded(row, field, declared)
            case Counted():
                return self._counted(row, field, declared, path)

    def _leaf(self, row: Row, field: Selected, declared: Column | Coded, path: tuple[str, ...]) -> ColumnElement[Any]:
        graph = row.graph
        if row.card is not None and field.name in row.card_fields and isinstance(declared, Column):
            return self.expressed(declared.expression, row.card)
        access = Access.READ if field.name == "id" else self.policy.access(self.role, graph.noun, field.name)
        value = self._shown(row, field, declared, access)
        if row.pupil is not None and access is not Access.READ:
            opened = self.policy.access(self.role, graph.noun, field.name, leased=True)
            full = self._shown(row, field, declared, opened) if opened is not access else None
            if full is not None and value is not None:
                return case((self._leased(row.pupil), full), else_=value)
            if full is not None:
                return self._opened(row.pupil, full, Denial(path, f"{graph.noun}.{field.name}"))
        return self._deny(row, field, path) if value is None else value

    def _shown(self, row: Row, field: Selected, declared: Column | Coded, access: Access) -> ColumnElement[Any] | None:
        """A field's value under an access, nothing if there is nothing to show."""
        if isinstance(declared, Coded):
            return self._code(row, field, declared) if access is Access.READ else None
        expression = {Access.READ: declared.expression, Access.MASK: declared.masked, Access.DENY: None}[access]
        if expression is None:
            return None
        return SCALARS.get(get_named_type(field.definition.type).name, _same)(self.expressed(expression, row.columns))

    def _code(self, row: Row, field: Selected, declared: Coded) -> ColumnElement[Any]:
        codes = self.aliased(Code.__table__)
        value = row.columns.c[declared.column]
        kind = self.kind(field)
        parts = self.document.fields(kind, field.nodes)
        query = select(
            *(
                (self.text("Code") if part.name == "__typename" else codes.c[part.name]).label(self.alias(part.key))
                for part in parts
            )
        )
        query = query.where(codes.c.list == literal_column(f"'{declared.list}'"), codes.c.code == value)
        newest = query.order_by(codes.c.since.desc()).limit(literal_column("1"))
        return self.as_json(newest.correlate(row.columns)).scalar_subquery()

    def _up(self, row: Row, field: Selected, declared: Up, path: tuple[str, ...]) -> ColumnElement[Any]:
        graph = self._target(field)
        if graph.card is None:
            raise TypeError(f"{field.name}: a type reached upwards needs a card")
        table, card = self.aliased(graph.table), self.aliased(graph.card.view)
        far = Row(graph, table, proven=False, card=card, pupil=card.c.id if declared.leased else None)
        full = and_(table.c.id == card.c.id, self._full(far))
        query = select(*self.columns(far, field, path)).select_from(card.outerjoin(table, full))
        query = query.where(card.c.id == self.expressed(declared.key, row.columns)).correlate(row.columns)
        if declared.leased:
            query = query.where(table.c.id.is_not(None) | self._leased(card.c.id, views=list(LeaseView)))
        return self.as_json(query).scalar_subquery()

    def _loaded(self, row: Row, field: Selected, declared: Loaded) -> ColumnElement[Any]:
        place = seam.make_place(declared.loader, self.kind(field).name, self._shapes(field))
        self._places.append(place)
        told = sum(is_named(f"{declared.noun}.{part.name}") for part in place.shape.parts)
        self.cost.parts.append(Cost(lambda _: declared.most, personal=told))
        return seam.marker(place, declared.key(row.columns))

    def _shapes(self, field: Selected) -> tuple[seam.Shape, ...]:
        kind = get_named_type(field.definition.type)
        if not isinstance(kind, GraphQLObjectType):
            return ()
        parts = self.document.fields(kind, field.nodes)
        return tuple(
            seam.Shape(part.key, part.name, get_named_type(part.definition.type).name, self._shapes(part))
            for part in parts
        )

    def _full(self, row: Row) -> ColumnElement[bool]:
        if not self.may(row.graph.noun, Action.READ):
            return false()
        return self._reached(row, row.columns)

    def _reached(self, row: Row, held: FromClause) -> ColumnElement[bool]:
        """The scope predicate of a row not proven yet, which a lease of the whole record may open too."""
        inside = self.inside(row.graph, held)
        return inside | self._leased(row.pupil) if row.pupil is not None and self.scoped else inside

    def _many(self, row: Row, field: Selected, declared: Many, path: tuple[str, ...]) -> ColumnElement[Any]:
        graph = self._target(field)
        reach = self.policy.decide(self.role, graph.noun, Action.READ)
        owner = row.pupil if declared.kind is Kind.OWNED else None
        if not reach.on_path and (owner is None or reach is not Reach.SIDES):
            return self._deny(row, field, path, graph.noun)
        table = self.aliased(graph.table)
        where = [declared.join(row.near, table)]
        if declared.kind is Kind.OWNED and not (row.proven or row.shown):
            where.append(self._reached(row, row.near))
        elif declared.kind is Kind.CROSS or (declared.kind is Kind.CHILD and not row.proven):
            where.append(self.inside(graph, table))
        kind = field.definition.type.of_type if is_non_null_type(field.definition.type) else field.definition.type
        if is_list_type(kind):
            rows = self._whole(row, graph, field, declared, table, where, path)
        else:
            page = Page(self, graph, field, declared.order, table, where, path, row.near, owner)
            rows = page.compile().scalar_subquery()
        if reach.on_path or owner is None:
            return rows
        return self._opened(owner, rows, Denial(path, graph.noun))

    def _whole(
        self,
        row: Row,
        graph: Graph,
        field: Selected,
        declared: Many,
        table: FromClause,
        where: Sequence[ColumnElement[bool]],
        path: tuple[str, ...],
    ) -> ColumnElement[Any]:
        query = select(*self.columns(self.visible(graph, table, row.pupil), field, path)).where(*where)
        return self.gathered(query.order_by(*(table.c[key] for key in declared.order)).correlate(row.near))

    def _counted(self, row: Row, field: Selected, declared: Counted, path: tuple[str, ...]) -> ColumnElement[Any]:
        if not self.may(declared.noun, Action.COUNT):
            return self._deny(row, field, path, declared.noun)
        return declared.make(self, field, row)

    def gathered(self, query: Select[Any]) -> ColumnElement[Any]:
        """The rows of a query as a JSON list."""
        name = self.name("o")
        rows = func.coalesce(func.json_agg(func.row_to_json(literal_column(f"{name}.*"))), literal_column("'[]'::json"))
        return select(rows).select_from(query.subquery(name)).scalar_subquery()

    def if_reached(self, row: Row, count: ColumnElement[Any]) -> ColumnElement[Any]:
        """A count of a row that may be out of scope: nothing, unless the row's place is in scope."""
        return count if row.proven else case((self.within(row.near.c.path), count), else_=null())

    def _target(self, field: Selected) -> Graph:
        kind = self.kind(field)
        if kind.name not in GRAPHS:
            kind = get_named_type(kind.fields["nodes"].type)
        return GRAPHS[kind.name]

    def _opened(self, pupil: ColumnElement[int], value: ColumnElement[Any], denial: Denial) -> ColumnElement[Any]:
        """A value that only a lease opens; where none does, the mark of a denial that the answer tells."""
        mark = seam.mark()
        self._marks.append((mark, denial))
        shut: ColumnElement[str] = literal_column(f"'{mark}'::text")
        return case((self._leased(pupil), func.to_json(value)), else_=func.to_json(shut))

    def _deny(self, row: Row, field: Selected, path: tuple[str, ...], noun: str | None = None) -> ColumnElement[Any]:
        self._denials.append(Denial(path, noun or f"{row.graph.noun}.{field.name}"))
        return literal_column("NULL::text")

    def _leased(
        self, pupil: ColumnElement[int], views: Sequence[LeaseView] = (LeaseView.RECORD,)
    ) -> ColumnElement[bool]:
        held = bindparam("account", type_=BigInteger)
        self._binds["account"] = lambda call: call.caller.account.id
        offices = bindparam("offices", type_=postgresql.ARRAY(Text))
        self._binds["offices"] = lambda call: list(call.caller.roots)
        leases = self.aliased(Lease.__table__)
        wide = leases.c.view.in_([literal_column(f"'{view}'") for view in views])
        live = and_(leases.c.since <= func.now(), func.now() < leases.c.until, wide)
        mine = (leases.c.account_id == held) | (leases.c.office == func.any(offices))
        found: Select[Any] = select(literal_column("1")).where(leases.c.student_id == pupil, live, mine)
        return found.correlate_except(leases).exists()

    def _root(self, at: int, *, first: bool) -> ColumnElement[str]:
        name = f"root{at}" if first else f"end{at}"
        self._binds[name] = (
            (lambda call: call.caller.roots[at]) if first else (lambda call: paths.end(call.caller.roots[at]))
        )
        return bindparam(name, type_=Text)

    def aliased(self, table: FromClause) -> FromClause:
        """A table under a name of its own."""
        return _aliased(table, self.name("t"))

    def alias(self, key: str) -> str:
        """The column name that stands for a response key: itself, unless PostgreSQL would cut it.

        No response key holds a dollar sign, so none can be taken for an alias.
        """
        if len(key) <= _LONGEST_ALIAS:
            return key
        alias = self.name("hubkey$")
        self._renames.append((alias, key))
        return alias

    def finish(self, query: Select[Any]) -> Plan:
        """The plan of a statement whose parts this compiler made."""
        compiled = query.compile(dialect=_DIALECT)
        constants = compiled.params
        order = compiled.positiontup or []
        binds = tuple(self._binds.get(name) or _constant(constants[name]) for name in order)
        return Plan(
            str(compiled),
            binds,
            tuple(self._denials),
            tuple(self._renames),
            self.cost,
            tuple(self._places),
            tuple(self._marks),
        )


def _pupil(graph: Graph, table: FromClause) -> ColumnElement[int] | None:
    """The id of the pupil a lease of whom opens a row found by its id: the row's own, or whose row it is."""
    if graph.noun == "student":
        return table.c.id
    return None if graph.owner is None else table.c[graph.owner]


@lru_cache(1_000)
def _aliased(table: FromClause, name: str) -> FromClause:
    """Remembered, since to name a table anew is to make all its columns anew: half of what a small plan takes."""
    return table.alias(name)


def _same(value: ColumnElement[Any]) -> ColumnElement[Any]:
    return value


def _constant(value: Any) -> Bind:
    return lambda _: value
