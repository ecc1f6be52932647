"""What a masked value looks like, as SQL."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, case, func, literal_column

from loaders.declare import Expression

Value = ColumnElement[Any]
_STAR: Value = literal_column("'*'")
_BLANK: Value = literal_column("''")
_NOTHING: Value = literal_column("0")


def tail(source: str | Expression, kept: int) -> Expression:
    """Keep the beginning and strike out the rest: `110105************`.

    The last four characters of an identity number stay hidden too: with the birth date beside it they would give
    the whole number away. What is no longer than what is kept is struck out whole.
    """

    def masked(row: FromClause) -> Value:
        value = row.c[source] if isinstance(source, str) else source(row)
        shown = case((func.length(value) > literal_column(str(kept)), literal_column(str(kept))), else_=_NOTHING)
        return func.left(value, shown).concat(func.repeat(_STAR, func.length(value) - shown))

    return masked


def phone(key: str) -> Expression:
    """Keep the first three and the last two: `138******21`."""

    def masked(row: FromClause) -> Value:
        value = row.c[key]
        hidden = func.greatest(func.length(value) - literal_column("5"), literal_column("6"))
        return func.left(value, literal_column("3")).concat(func.repeat(_STAR, hidden)).concat(_last_two(value))

    return masked


def _last_two(value: Value) -> Value:
    return case((func.length(value) > literal_column("8"), func.right(value, literal_column("2"))), else_=_BLANK)
