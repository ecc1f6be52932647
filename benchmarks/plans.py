"""What the ceiling runs: the statements that the hub makes of each query, as a pickle."""

from dataclasses import dataclass
from typing import Any


class KEYS:
    """Stands among the values of a statement for a list of keys that is not known yet."""


@dataclass(frozen=True)
class Plan:
    """The statement of a query, its values by the code that is asked for, and the root field it answers.

    Where the answer has markers, `more` is the statement that tells what belongs there, by a list of keys.
    """

    root: str
    sql: str
    values: dict[str, list[Any]]
    more: str = ""
    more_values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Plans:
    """Where the database is, and the plan of each query's text."""

    url: str
    by_query: dict[str, Plan]
