"""Counts of open problem records at a place, compiled into the statement that reads the place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func, literal_column, null, select

from hub import paths
from hub.models import ProblemRecord
from hub.terms import ProblemState
from loaders.selection import Selected

if TYPE_CHECKING:
    from loaders.compiler import Compiler, Row


def compile_counts(compiler: Compiler, field: Selected, row: Row) -> ColumnElement[Any]:
    """The JSON list of open problem records at a row's path, by kind; a kind without any is left out."""
    records = compiler.aliased(ProblemRecord.__table__)
    values = {"kind": records.c.kind, "open": func.count(), "__typename": compiler.text("ProblemCount")}
    parts = compiler.document.fields(compiler.kind(field), field.nodes)
    columns = [values.get(part.name, null()).label(compiler.alias(part.key)) for part in parts]
    query = (
        select(*columns)
        .where(paths.below(records.c.path, row.near.c.path))
        .where(records.c.state == literal_column(f"'{ProblemState.OPEN}'"))
        .group_by(records.c.kind)
        .order_by(records.c.kind)
        .correlate(row.near)
    )
    return compiler.if_reached(row, compiler.gathered(query))
