"""Filters and orders, as the oracle understands them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from hub import names
from hub.errors import BadInput
from hub.fuzz import ground
from hub.fuzz.asked import listed
from hub.fuzz.ground import TYPES, Coded, Down, Extra, Leaf, Type, Up
from hub.fuzz.rows import Row
from hub.fuzz.scope import Scope

_CHINA = timezone(timedelta(hours=8))
Filter = Mapping[str, Any]


class Faults:
    """Why a field would be refused: before its statement is made, and before it is run."""

    def __init__(self) -> None:
        self.compiling: set[str] = set()
        self.binding: set[str] = set()

    @property
    def first(self) -> set[str]:
        """What may be answered: any fault of the first stage that has one."""
        return self.compiling or self.binding


def keeps(scope: Scope, kind: Type, row: Row, where: Filter | None) -> bool:
    """Whether a row satisfies a filter. What is blank satisfies nothing but `isNull`; `not` is the complement."""
    return all(_holds(scope, kind, row, name, given) for name, given in (where or {}).items())


def _holds(scope: Scope, kind: Type, row: Row, name: str, given: Any) -> bool:
    if name == "and":
        return all(keeps(scope, kind, row, one) for one in listed(given))
    if name == "or":
        return any(keeps(scope, kind, row, one) for one in listed(given))
    if name == "not":
        return not keeps(scope, kind, row, given)
    if name in kind.extras:
        return kind.extras[name].holds(row, scope.rows, scope.reaches, read(kind.extras[name].kind, given))
    found = kind.fields[name]
    if isinstance(found, Up):
        key = found.key(row, scope.rows, scope.reaches)
        far = TYPES[found.far]
        there = scope.rows.one(far.table, "id", key)
        return there is not None and scope.holds(far, there) and keeps(scope, far, there, given)
    if isinstance(found, Down):
        return all(_some(scope, found, row, inner) is (how == "some") for how, inner in given.items())
    if isinstance(found, Coded):
        return compares(row[found.column], ground.TEXT, given)
    assert isinstance(found, Leaf)  # noqa: S101 -- the graph offers no filter by a count
    value = row["id"] if found.kind == ground.ID else found.value(row, scope.rows, scope.reaches)
    return compares(value, found.kind, given)


def _some(scope: Scope, edge: Down, row: Row, inner: Filter) -> bool:
    far = TYPES[edge.far]
    rows = edge.rows(row, scope.rows)
    return any((edge.kind == "owned" or scope.holds(far, one)) and keeps(scope, far, one, inner) for one in rows)


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, given: value == given,
    "gt": lambda value, given: value > given,
    "gte": lambda value, given: value >= given,
    "lt": lambda value, given: value < given,
    "lte": lambda value, given: value <= given,
}


def compares(value: Any, kind: str, given: Filter) -> bool:
    """Whether a value satisfies an operator object, all of it."""
    for name, asked in given.items():
        if name == "isNull":
            if (value is None) is not asked:
                return False
        elif value is None:
            return False
        elif name == "in":
            if value not in [read(kind, one) for one in listed(asked)]:
                return False
        elif name == "prefix":
            if value[: len(asked)] != asked:
                return False
        elif not _OPERATORS[name](value, read(kind, asked)):
            return False
    return True


def read(kind: str, given: Any) -> Any:
    """What a given value of a kind means."""
    if kind == ground.DATE:
        return date.fromisoformat(given)
    if kind == ground.TIME:
        moment = datetime.fromisoformat(given)
        return moment if moment.tzinfo else moment.replace(tzinfo=_CHINA)
    if kind == ground.DECIMAL:
        return Decimal(str(given))
    return number_of(given)[1] if kind == ground.ID else given


def number_of(given: str) -> tuple[str, int | None]:
    """The prefix and the number of an id; no number if it is none."""
    prefix, _, digits = given.partition(":")
    sound = digits.isascii() and digits.isdigit() and len(digits) <= 18
    return prefix, int(digits) if sound else None


def check(scope: Scope, kind: Type, where: Filter | None, faults: Faults, limit: int) -> None:
    """Note why a filter would be refused."""
    for name, given in (where or {}).items():
        if given is None:
            faults.compiling.add("NULL_FILTER")
        elif name in ("and", "or"):
            for one in listed(given):
                check(scope, kind, one, faults, limit)
        elif name == "not":
            check(scope, kind, given, faults, limit)
        elif name in kind.extras:
            _check_extra(scope, kind, kind.extras[name], given, faults)
        else:
            _check_field(scope, kind, name, given, faults, limit)


def _check_extra(scope: Scope, kind: Type, extra: Extra, given: Any, faults: Faults) -> None:
    if extra.counts is not None and not scope.may(extra.counts, "count"):
        faults.compiling.add("FORBIDDEN")
    if extra.field is not None and scope.access(kind.noun, extra.field) != "read":
        faults.compiling.add("FORBIDDEN_FIELD")
    if extra.kind == ground.NAME:
        try:
            names.wanted_terms(given)
        except BadInput as error:
            faults.binding.add(error.key)


def _check_field(scope: Scope, kind: Type, name: str, given: Filter, faults: Faults, limit: int) -> None:
    found = kind.fields[name]
    if isinstance(found, Up | Down):
        far = TYPES[found.far]
        if not scope.may(far.noun):
            faults.compiling.add("FORBIDDEN_FIELD")
        for inner in [given] if isinstance(found, Up) else given.values():
            if inner is None:
                faults.compiling.add("NULL_FILTER")
            else:
                check(scope, far, inner, faults, limit)
        return
    if scope.access(kind.noun, name) != "read":
        faults.compiling.add("FORBIDDEN_FIELD")
    for operator, asked in given.items():
        if asked is None:
            faults.compiling.add("NULL_FILTER")
            continue
        if operator == "in" and len(listed(asked)) > limit:
            faults.binding.add("FILTER_LIST_TOO_LONG")
        if isinstance(found, Leaf) and found.kind == ground.ID:
            ids = [number_of(one) for one in listed(asked)]
            if any(prefix != kind.prefix or number is None for prefix, number in ids):
                faults.binding.add("BAD_ID")


Key = tuple[str, bool]


def order_of(scope: Scope, kind: Type, order: Iterable[str], asked: Any, faults: Faults | None = None) -> list[Key]:
    """The columns a list is sorted by, and which of them descend; those that tell two rows apart come last, unless
    one before does already.
    """

    def seen(field: str | None) -> bool:
        return field is None or scope.access(kind.noun, field) == "read"

    found: list[Key] = []
    for one in listed(asked or []):
        column, field = kind.sorts[one["by"]]
        if not seen(field) and faults is not None:
            faults.compiling.add("FORBIDDEN_FIELD")
        found.append((column, one.get("direction") == "DESC"))
    if not found:
        hidden = {column for column, field in kind.sorts.values() if not seen(field)}
        found = [(name.lstrip("-"), name[0] == "-") for name in order if name.lstrip("-") not in hidden]
    descends = bool(found) and found[-1][1]
    keys: dict[str, bool] = {}
    for column, down in [*found, *((name, descends) for name in kind.key)]:
        keys.setdefault(column, down)
        if column == kind.unique:
            break
    return list(keys.items())


def before(order: list[Key], one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    """Negative if a row comes before another in an order, positive if after."""
    for column, down in order:
        if one[column] != other[column]:
            return 1 if (one[column] > other[column]) is not down else -1
    return 0


def sort(rows: list[Row], order: list[Key]) -> list[Row]:
    """Rows in order: text by its characters' numbers, which is the order of its UTF-8 bytes."""

    def compared(one: Row, other: Row) -> int:
        return before(order, one, other)

    return sorted(rows, key=cmp_to_key(compared))
