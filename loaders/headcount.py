"""Counts of students, compiled into the statement that reads the place: cells of the cube and what is not in them yet.

A cell is kept for each place and school (`hub/models/count.py`), so a place's count reads few rows, whatever its size;
one that tells nothing apart reads their total.
Deltas below the place that no fold has taken up are added in the same statement: before, during and after a fold its
snapshot gives the same answer. A class is no place of the cube; its students are counted one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from hub import paths
from hub.errors import BadInput
from hub.models import CountCell, CountDelta, CountTotal, ProblemDelta, ProblemRecord, School, Student
from hub.terms import CountAxis, ProblemState
from loaders.filters import Where
from loaders.plan import Bind, Call, Plan
from loaders.selection import Selected
from policies import Level

if TYPE_CHECKING:
    from loaders.compiler import Compiler, Row

DIMENSIONS = {"schoolYear": "school_year", "grade": "grade", "sex": "sex", "state": "state"}
"""What the rows of a count may be told apart by: field and column."""
MEASURES = {
    "students": "students",
    "boarding": "boarding",
    "migrant": "migrant",
    "leftBehind": "left_behind",
    "withoutId": "without_id",
    "photoMissing": "photo_missing",
    "openProblems": "open_problems",
}
"""What is counted: field and column."""

_WAITING = (CountDelta, ProblemDelta)
_FILTERED: dict[str, TypeEngine[Any]] = {"grade": BigInteger(), "sex": Text(), "schoolYear": BigInteger()}
Predicate = Callable[[ColumnElement[Any]], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where to count: by what the places are taken, which cells are theirs, what lies below them."""

    axis: CountAxis
    at: Predicate
    """Whether the path of a cell is one of the places'."""
    below: Predicate
    """Whether a path lies at or below one of the places."""
    unless: Predicate | None = None
    """Schools already counted by the territory they stand in."""


def compile_counts(compiler: Compiler, field: Selected, row: Row) -> ColumnElement[Any]:
    """The JSON list of counts at a row's path, by management or by territory, grouped by the dimensions asked for.

    A place not proven to be in scope is counted only if it is. Only a region has a territory: a school or class is
    counted the same either way. A territorial count crosses the border of management, as numbers only.
    """
    place, noun = row.near, row.graph.noun
    axis = _axis(compiler, field) if noun == "region" else CountAxis.MANAGEMENT
    ground = Ground(axis, lambda path: path == place.c.path, lambda path: paths.below(path, place.c.path))
    count = _Count(compiler, field, place)
    if noun == "schoolClass":
        return compiler.if_reached(row, count.total(count.one_by_one(ground)))
    cells, *unfolded = count.by_cube(ground)
    # A list asks this of every row: where all events are folded, as at most moments, the cells alone say it.
    alone = count.at_once(ground)
    if alone is None:
        alone = count.total([cells])
    counted = case((count.folded(), alone), else_=count.total([cells, *unfolded]))
    return compiler.if_reached(row, counted)


def compile_root(compiler: Compiler, field: Selected, levels: Sequence[int], *, within: bool) -> Plan:
    """The statement that counts everything in the caller's scope, or at the place `within` of the call, known to be
    in it. The roots, at these levels, lie outside one another, so their counts add up.

    By territory a school that the caller holds besides the region it stands in is counted once.
    """
    axis, count = _axis(compiler, field), _Count(compiler, field, None)
    if within:
        place = _bounds(compiler, _within)
        return compiler.finish(select(count.total(count.by_cube(_ground(axis, [place])))))
    roots = [(level, _bounds(compiler, _root(at))) for at, level in enumerate(levels)]
    regions = [bounds for level, bounds in roots if level <= Level.COUNTY]
    schools = [bounds for level, bounds in roots if level == Level.SCHOOL]
    classes = [bounds for level, bounds in roots if level == Level.CLASS]
    unless = _ground(axis, regions).below if regions and axis is CountAxis.TERRITORY else None
    parts = count.by_cube(_ground(axis, regions)) if regions else []
    if schools:
        parts += count.by_cube(_ground(CountAxis.MANAGEMENT, schools, unless))
    if classes:
        parts += count.one_by_one(_ground(CountAxis.MANAGEMENT, classes, unless))
    return compiler.finish(select(count.total(parts)))


Bounds = tuple[ColumnElement[str], ColumnElement[str]]


def _bounds(compiler: Compiler, root: Bind) -> Bounds:
    return compiler.bind(root, Text()), compiler.bind(lambda call: paths.end(root(call)), Text())


def _within(call: Call) -> str:
    return str(call.given["within"])


def _root(at: int) -> Bind:
    return lambda call: call.caller.roots[at]


def _ground(axis: CountAxis, places: Sequence[Bounds], unless: Predicate | None = None) -> Ground:
    return Ground(
        axis,
        lambda path: or_(false(), *(path == first for first, _ in places)),
        lambda path: paths.within(path, places),
        unless,
    )


def _axis(compiler: Compiler, field: Selected) -> CountAxis:
    by = compiler.document.arguments(field)["by"]
    return CountAxis(getattr(by, "value", by))


class _Count:
    """A count being compiled: of which students, by which dimensions, which of the measures."""

    def __init__(self, compiler: Compiler, field: Selected, place: FromClause | None) -> None:
        self.compiler, self.field, self.place = compiler, field, place
        given = compiler.document.arguments(field)
        self.groups = [str(getattr(group, "value", group)).lower() for group in given["groupBy"]]
        self.parts = compiler.document.fields(compiler.kind(field), field.nodes)
        asked = {MEASURES[part.name] for part in self.parts if part.name in MEASURES}
        told = {DIMENSIONS[name] for name in given.get("where") or {}} | set(self.groups)
        self.dimensions = [name for name in DIMENSIONS.values() if name in told]
        self.measures = [name for name in MEASURES.values() if name == "students" or name in asked]
        self.states = compiler.bind(_states(field), ARRAY(Text))

    def by_cube(self, ground: Ground) -> list[Select[Any]]:
        """What to add up for places of the cube: their cells, deltas below them, problem records not counted yet."""
        territory = ground.axis is CountAxis.TERRITORY
        cells = self._table(CountTotal if {"state"}.issuperset(self.dimensions) else CountCell)
        deltas = self._table(CountDelta)
        axis = cells.c.axis == literal_column(f"'{ground.axis}'")
        found = [
            self._part(cells, cells.c, and_(axis, ground.at(cells.c.path), self._unless(ground, cells.c.path))),
            self._part(
                deltas,
                deltas.c,
                ground.below(deltas.c.territory if territory else deltas.c.path),
                true() if ground.unless is None else not_(ground.unless(deltas.c.territory)),
            ),
        ]
        if "open_problems" in self.measures:
            found.append(self._unfolded(ground))
        return found

    def folded(self) -> ColumnElement[bool]:
        """Whether no event waits to be folded into the cells."""
        waiting = [select(literal_column("1")).select_from(self._table(each)).exists() for each in _WAITING]
        return not_(or_(*waiting))

    def one_by_one(self, ground: Ground) -> list[Select[Any]]:
        """The students below places that are none of the cube's."""
        students, records = self._table(Student), self._table(ProblemRecord)
        opened = records.c.state == literal_column(f"'{ProblemState.OPEN}'")
        open_problems = select(func.count()).where(records.c.student_id == students.c.id, opened)
        measures = {
            "students": literal_column("1"),
            "boarding": cast(students.c.attendance_type == literal_column("'2'"), Integer),
            "migrant": cast(func.coalesce(students.c.migrant_child, false()), Integer),
            "left_behind": cast(students.c.left_behind != literal_column("'0'"), Integer),
            "without_id": cast(students.c.id_number.is_(None), Integer),
            "photo_missing": cast(students.c.photo_file_id.is_(None), Integer),
            "open_problems": open_problems.correlate(students).scalar_subquery(),
        }
        inside = and_(ground.below(students.c.path), self._unless(ground, None, students.c.school_id))
        return [self._part(students, measures, inside)]

    def total(self, parts: Sequence[Select[Any]]) -> ColumnElement[Any]:
        """The JSON list that the parts add up to; without a dimension one total, whatever of it is selected."""
        rows = union_all(*parts).subquery(self.compiler.name("t"))

        def added(measure: str) -> ColumnElement[Any]:
            return cast(func.coalesce(func.sum(rows.c[measure]), literal_column("0")), BigInteger)

        query = (
            select(*self._columns(added, {name: rows.c[name] for name in self.groups}))
            .select_from(rows)
            .where(self._where(rows))
        )
        if self.groups:
            groups = [rows.c[group] for group in self.groups]
            query = query.group_by(*groups).having(func.sum(rows.c.students) != literal_column("0")).order_by(*groups)
            return self.compiler.gathered(query)
        one = self.compiler.as_json(query.having(literal_column("true")))
        return func.json_build_array(one.scalar_subquery())

    def at_once(self, ground: Ground) -> ColumnElement[Any] | None:
        """The same as `total` of one place's cells, where it is one row at most that needs no adding up: nothing told
        apart, and of one enrolment state. Elsewhere None.
        """
        states = self.compiler.document.arguments(self.field)["states"]
        if self.dimensions or len(states) != 1:
            return None
        totals, state = self._table(CountTotal), self.compiler.bind(lambda call: _states(self.field)(call)[0], Text())
        here = and_(totals.c.axis == literal_column(f"'{ground.axis}'"), ground.at(totals.c.path))
        row = select(*self._columns(lambda measure: totals.c[measure], {})).where(here, totals.c.state == state)
        nobody = select(*self._columns(lambda _: literal_column("0"), {}))
        found = [self.compiler.as_json(each).scalar_subquery() for each in (row.correlate(self.place), nobody)]
        return func.json_build_array(func.coalesce(*found))

    def _unfolded(self, ground: Ground) -> Select[Any]:
        """Problem records opened or closed since the last fold, by what their pupils are now."""
        events, students, schools = self._table(ProblemDelta), self._table(Student), self._table(School)
        source = events.join(students, students.c.id == events.c.student_id)
        source = source.join(schools, schools.c.id == students.c.school_id)
        territory = ground.axis is CountAxis.TERRITORY
        inside = ground.below(schools.c.territory if territory else students.c.path)
        beside = true() if ground.unless is None else not_(ground.unless(schools.c.territory))
        measures: dict[str, ColumnElement[Any]] = dict.fromkeys(self.measures, literal_column("0"))
        part = self._part(students, measures | {"open_problems": events.c.open}, inside, beside)
        return part.select_from(source)

    def _unless(
        self, ground: Ground, path: ColumnElement[Any] | None, school: ColumnElement[Any] | None = None
    ) -> ColumnElement[bool]:
        """Leaves out a school, given by path or by id, whose territory is counted already."""
        if ground.unless is None:
            return true()
        schools = self._table(School)
        same = schools.c.path == path if school is None else schools.c.id == school
        found: Select[Any] = select(literal_column("1")).where(same, ground.unless(schools.c.territory))
        return not_(found.correlate_except(schools).exists())

    def _part(self, table: FromClause, measures: Any, *where: ColumnElement[bool]) -> Select[Any]:
        columns = [table.c[name] for name in self.dimensions]
        counted = [measures[name].label(name) for name in self.measures]
        query = select(*columns, *counted).where(*where, table.c.state == func.any(self.states))
        return query if self.place is None else query.correlate(self.place)

    def _columns(
        self, measured: Callable[[str], ColumnElement[Any]], groups: Mapping[str, ColumnElement[Any]]
    ) -> list[ColumnElement[Any]]:
        found: list[ColumnElement[Any]] = []
        for part in self.parts:
            value: ColumnElement[Any] = null()
            if part.name in MEASURES:
                value = measured(MEASURES[part.name])
            elif part.name == "__typename":
                value = self.compiler.text("Headcount")
            elif DIMENSIONS[part.name] in self.groups:
                value = groups[DIMENSIONS[part.name]]
            found.append(value.label(self.compiler.alias(part.key)))
        return found

    def _where(self, rows: FromClause) -> ColumnElement[bool]:
        given = self.compiler.document.arguments(self.field).get("where") or {}
        where = Where(self.compiler, self.field)
        for name, one in given.items():
            if one is None:
                raise BadInput("NULL_FILTER", name=name)
        return and_(
            true(),
            *(where.operators(rows.c[DIMENSIONS[name]], one, (name,), _FILTERED[name]) for name, one in given.items()),
        )

    def _table(self, model: Any) -> Any:
        return self.compiler.aliased(model.__table__)


def _states(field: Selected) -> Bind:
    return lambda call: [str(getattr(state, "value", state)) for state in call.arguments(field)["states"]]
