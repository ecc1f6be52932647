"""What an answer of the oracle is made of: data, errors, cursors, and refusals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub.fuzz.asked import Asked
from hub.fuzz.conditions import Key
from hub.fuzz.scope import Scope

Path = tuple[str, ...]


@dataclass(frozen=True)
class Cursor:
    """A cursor as the oracle knows it: for whom and which list it is good, and where in it it stands."""

    good_for: tuple[Any, ...]
    keys: tuple[tuple[str, Any], ...]


def bound_to(scope: Scope, asked: Asked, keys: list[Key]) -> tuple[Any, ...]:
    """What binds a cursor: the caller, the list, its order and what narrows it."""
    narrowed = tuple(repr(asked.given.get(name)) for name in ("where", "within"))
    return (scope.who.account, scope.who.role, asked.name, tuple(keys), *narrowed)


@dataclass
class Answer:
    """What must be answered."""

    data: dict[str, Any]
    errors: list[tuple[Path, frozenset[str]]]
    """Of each error its path and the keys it may have."""
    rows: int = 0
    """Rows of the caller's area, or leased ones, that are told."""
    hidden: int = 0
    """Rows the area's border kept out, and rows of which only a card was told."""


@dataclass
class Refused(Exception):
    """A root field answers nothing but an error."""

    keys: set[str]
