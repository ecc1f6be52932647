"""What every table shares: naming of constraints, types of columns, checks of closed lists."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, MetaData, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, ExcludeConstraint
from sqlalchemy.orm import DeclarativeBase, mapped_column

from hub import paths


@dataclass(frozen=True, slots=True)
class Trial:
    """What becomes of a table when the trial ends (试运行结束): kept as it is, or emptied, its rows being so many of
    what the words say.
    """

    chinese: str | None = None
    english: str | None = None


KEEP = Trial()
"""The table stays as it is: accounts, rights, places, schools, classes, rules, the log."""


def wipe(chinese: str, english: str) -> Trial:
    """The table is emptied: whatever tells of a pupil, or was made of such. The words tell what its rows are."""
    return Trial(chinese, english)


class Base(DeclarativeBase):
    """The register's tables. Nothing is ever loaded behind the caller's back: there are no relationships."""

    __trial__: ClassVar[Trial]
    """Said by every table: `KEEP`, or `wipe(...)` and in its migration `GRANT TRUNCATE ... TO hub_system`."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 -- SQLAlchemy reads it as a class attribute
        int: BigInteger,
        str: Text,
        datetime: TIMESTAMP(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


Key = Annotated[int, mapped_column(BigInteger, Identity(always=False), primary_key=True)]
Small = Annotated[int, mapped_column(SmallInteger)]
Ordered = Annotated[str, mapped_column(Text(collation="C"))]
"""Text that sorts and compares byte by byte, the same on every server: paths, codes, sort keys."""
Terms = Annotated[list[str], mapped_column(ARRAY(Text(collation="C")), server_default=text("'{}'"))]
"""What a name is found by, as `hub.names.name_terms` makes it; empty until it has been made."""
Moment = Annotated[datetime, mapped_column(TIMESTAMP(timezone=True), server_default=text("now()"))]
Version = Annotated[int, mapped_column(BigInteger, server_default="1")]
"""Counts the edits of a row: an edit based on an older version is refused as stale."""
Since = Annotated[date, mapped_column()]


def one_of(column: str, terms: type[StrEnum]) -> CheckConstraint:
    """A check that a column holds a word of a closed list."""
    words = ", ".join(f"'{term}'" for term in terms)
    return CheckConstraint(f"{column} IN ({words})", name=column)


def shaped(column: str, pattern: str, name: str | None = None) -> CheckConstraint:
    """A check that a column matches a regular expression."""
    return CheckConstraint(f"{column} ~ '{pattern}'", name=name or column)


def found_by_name(table: str) -> Index:
    """The index of a table's `name_terms`. New rows wait in a list of at most 1 MB, so that an import pays little and a
    search reads little besides.
    """
    return Index(
        f"ix_{table}_name_terms",
        text("found_under(name_terms, path)"),
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 1024},
    )


def path_shaped() -> CheckConstraint:
    """A check that `path` has the shape of a path."""
    return shaped("path", paths.PATTERN)


def apart(table: str, *same: str, where: str | None = None) -> ExcludeConstraint:
    """A check that the periods of rows alike in these columns do not overlap."""
    columns = [(name, "=") for name in same]
    days = (text("daterange(since, until)"), "&&")
    only = None if where is None else text(where)
    return ExcludeConstraint(*columns, days, name=f"ex_{table}_period", using="gist", where=only)


def lasting(name: str = "lasting") -> CheckConstraint:
    """A check that a period ends after it begins: nothing lasts zero days."""
    return CheckConstraint("until > since", name=name)
