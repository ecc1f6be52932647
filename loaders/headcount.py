"""Counts of students at a place, compiled into the statement that reads the place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, FromClause, Text, func, literal_column, null, select
from sqlalchemy.dialects.postgresql import ARRAY

from hub import paths
from hub.models import School, Student
from loaders.plan import Bind
from loaders.selection import Selected

if TYPE_CHECKING:
    from loaders.compiler import Compiler, Row


def compile_counts(compiler: Compiler, field: Selected, row: Row) -> ColumnElement[Any]:
    """The JSON list of counts at a row's path, by management or by territory, grouped by the dimensions asked for.

    A place not proven to be in scope is counted only if it is. Only a region has a territory: a school or class is
    counted the same either way. A territorial count crosses the border of management, as numbers only.
    """
    place, territorial = row.near, row.graph.noun == "region"
    given = compiler.document.arguments(field)
    groups = [str(getattr(group, "value", group)).lower() for group in given["groupBy"]]
    students = Student.__table__.alias(compiler.name("t"))
    states = compiler.bind(_states(field), ARRAY(Text))
    territory = territorial and getattr(given["by"], "value", given["by"]) == "TERRITORY"
    query = select(*_columns(compiler, field, students, groups)).correlate(place)
    if territory:
        schools = School.__table__.alias(compiler.name("t"))
        query = query.select_from(students.join(schools, schools.c.id == students.c.school_id))
        inside = paths.below(schools.c.territory, place.c.path)
    else:
        inside = paths.below(students.c.path, place.c.path)
    query = query.where(inside, students.c.state == func.any(states))
    if groups:
        query = query.group_by(*(students.c[group] for group in groups)).order_by(
            *(students.c[group] for group in groups)
        )
    else:
        # Without a dimension this is one total, also when `students` itself is not asked for.
        query = query.having(literal_column("true"))
    return compiler.if_reached(row, compiler.gathered(query))


def _columns(compiler: Compiler, field: Selected, students: FromClause, groups: list[str]) -> list[ColumnElement[Any]]:
    found: list[ColumnElement[Any]] = []
    for part in compiler.document.fields(compiler.kind(field), field.nodes):
        value: ColumnElement[Any] = null()
        if part.name == "students":
            value = func.count()
        elif part.name == "__typename":
            value = compiler.text("Headcount")
        elif part.name in groups:
            value = students.c[part.name]
        found.append(value.label(compiler.alias(part.key)))
    return found


def _states(field: Selected) -> Bind:
    return lambda call: [str(getattr(state, "value", state)) for state in call.arguments(field)["states"]]
