"""Finding by name: what a clerk types as one parameter, and the predicate over a row that is asked with it."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, FromClause, Integer, Text, and_, func, literal_column, or_
from sqlalchemy.sql.elements import Grouping

from hub import paths

_ONE = literal_column("1", Integer)
_BLANK = literal_column("' '", Text)
_EMPTY = literal_column("''", Text)


def found(row: FromClause, wanted: ColumnElement[list[str]], area: ColumnElement[list[str]]) -> ColumnElement[bool]:
    """Whether a row with `name_terms` and `path` is found; `wanted` is text[], `names.wanted_terms` of what was typed,
    `area` is `area` of the caller's roots.

    Terms and area come from the row's GIN index, which reads what both have in common; its rows are held against the
    pattern, the last element of `wanted`, where the terms do not say it all. The area keeps nothing that scope does
    not keep: it only says where to look.
    """
    terms = row.c.name_terms
    pattern = Grouping(wanted)[func.cardinality(wanted)]
    spelt = func.array_to_string(terms, _BLANK)
    return and_(
        func.found_under(terms, row.c.path).op("@>", is_comparison=True)(
            func.array_cat(func.trim_array(wanted, _ONE), area)
        ),
        or_(pattern == _EMPTY, spelt.op("~", is_comparison=True)(pattern)),
    )


def area(roots: Sequence[str]) -> list[str]:
    """Where to look for a caller with these roots: the narrowest place that holds them all, as the index has it.

    Nothing for a province, in which everybody is.
    """
    place = paths.shared(roots)
    return [] if place is None or paths.level(place) == paths.PROVINCE else [f"@{place}"]
