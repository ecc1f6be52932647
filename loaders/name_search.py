"""Finding by name: what a clerk types as one parameter, and the predicate over a row that is asked with it."""

from sqlalchemy import ColumnElement, FromClause, Integer, Text, and_, func, literal_column, or_
from sqlalchemy.sql.elements import Grouping

_ONE = literal_column("1", Integer)
_BLANK = literal_column("' '", Text)
_EMPTY = literal_column("''", Text)


def found(row: FromClause, wanted: ColumnElement[list[str]]) -> ColumnElement[bool]:
    """Whether a row with `name_terms` is found; `wanted` is text[], `names.wanted_terms` of what was typed.

    The terms come from the row's GIN index; its rows are held against the pattern, the parameter's last element, where
    the terms do not say it all.
    """
    terms = row.c.name_terms
    pattern = Grouping(wanted)[func.cardinality(wanted)]
    spelt = func.array_to_string(terms, _BLANK)
    return and_(
        terms.op("@>", is_comparison=True)(func.trim_array(wanted, _ONE)),
        or_(pattern == _EMPTY, spelt.op("~", is_comparison=True)(pattern)),
    )
