"""Counts of attendance at a place, compiled into the statement that reads the place."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Date,
    FromClause,
    Numeric,
    Select,
    Text,
    cast,
    exists,
    func,
    literal_column,
    null,
    select,
)

from hub import clock, paths
from hub.errors import BadInput
from hub.models import ClassDay, SchoolClass
from loaders.plan import Call
from loaders.selection import Selected

if TYPE_CHECKING:
    from loaders.compiler import Compiler, Row


def compile_counts(compiler: Compiler, field: Selected, row: Row) -> ColumnElement[Any]:
    """The JSON of the class-days marked at a row's path, by management, from one day to another, summed.

    A class-day counts where its class was on that day. A place not proven to be in scope is counted only if it is.
    """
    place, days = row.near, compiler.aliased(ClassDay.__table__)
    since = compiler.bind(lambda call: _period(call, field)[0], Date())
    until = compiler.bind(lambda call: _period(call, field)[1], Date())
    expected, away = func.sum(days.c.expected), func.sum(days.c.absent + days.c.on_leave)
    values: dict[str, ColumnElement[Any]] = {
        "classDays": func.count(),
        "expected": _whole(expected),
        "present": _whole(expected - away),
        "absent": _whole(func.sum(days.c.absent)),
        "late": _whole(func.sum(days.c.late)),
        "onLeave": _whole(func.sum(days.c.on_leave)),
        "rate": cast(func.round(cast(expected - away, Numeric) / func.nullif(expected, _number(0)), _number(4)), Text),
        "unmarkedClasses": _unmarked_at(compiler, place, until),
        "__typename": compiler.text("AttendanceCount"),
    }
    parts = compiler.document.fields(compiler.kind(field), field.nodes)
    query = (
        select(*(values.get(part.name, null()).label(compiler.alias(part.key)) for part in parts))
        .select_from(days)
        .where(paths.below(days.c.path, place.c.path), days.c.day >= since, days.c.day <= until)
        .having(literal_column("true"))  # one row, also where nothing that is asked for is a sum
        .correlate(place)
    )
    return compiler.if_reached(row, compiler.as_json(query).scalar_subquery())


def unmarked(classes: FromClause, day: ColumnElement[Any]) -> ColumnElement[bool]:
    """The predicate of an open class that nobody has marked on a day."""
    days = ClassDay.__table__.alias()
    marked: Select[Any] = select(literal_column("1")).where(days.c.class_id == classes.c.id, days.c.day == day)
    return classes.c.closed.is_(None) & ~exists(marked.correlate(classes))


def _unmarked_at(compiler: Compiler, place: FromClause, day: ColumnElement[Any]) -> ColumnElement[Any]:
    classes = compiler.aliased(SchoolClass.__table__)
    found = select(func.count()).select_from(classes)
    found = found.where(paths.below(classes.c.path, place.c.path), unmarked(classes, day))
    return found.correlate(place).scalar_subquery()


def _whole(total: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(total, _number(0))


def _number(value: int) -> ColumnElement[Any]:
    return literal_column(str(value))


def _period(call: Call, field: Selected) -> tuple[date, date]:
    """The first and the last day: until today unless told, that one day unless told. Raises BadInput if crossed."""
    given = call.arguments(field)
    until: date = given["until"] or clock.today()
    since: date = given["since"] or until
    if since > until:
        raise BadInput("BAD_PERIOD", field=field.key, since=since, until=until)
    return since, until
