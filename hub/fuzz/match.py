"""Whether an answer is the one the oracle gave."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import orjson

from hub.fuzz.oracle import Answer, Cursor, Oracle

Difference = tuple[str, Any, Any]


def differences(oracle: Oracle, expected: Answer, answered: bytes) -> list[Difference]:
    """Where an answer is another than it should be: the place, what was expected, what came."""
    try:
        got = orjson.loads(answered)
    except orjson.JSONDecodeError:
        return [("", expected.data, answered)]
    found = list(_values(oracle, "", expected.data, got.get("data")))
    return found + list(_errors(expected, got.get("errors", [])))


def _errors(expected: Answer, got: list[Any]) -> Iterator[Difference]:
    left = [(tuple(error.get("path", ())), error["extensions"]["key"]) for error in got]
    for path, keys in expected.errors:
        met = next((one for one in left if one[0] == path and one[1] in keys), None)
        if met is None:
            yield f"error at {'.'.join(map(str, path))}", sorted(keys), None
        else:
            left.remove(met)
    for path, key in left:
        yield f"error at {'.'.join(map(str, path))}", None, key


def _values(oracle: Oracle, place: str, expected: Any, got: Any) -> Iterator[Difference]:
    if isinstance(expected, dict) and isinstance(got, dict):
        if list(expected) != list(got):
            yield f"{place} (keys)", list(expected), list(got)
            return
        for key, value in expected.items():
            yield from _values(oracle, f"{place}.{key}".lstrip("."), value, got[key])
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            yield f"{place} (length)", len(expected), len(got)
        for at, (one, other) in enumerate(zip(expected, got, strict=False)):
            yield from _values(oracle, f"{place}.{at}", one, other)
    elif isinstance(expected, Cursor):
        yield from _cursor(oracle, place, expected, got)
    elif expected != got or type(expected) is not type(got):
        yield place, expected, got


def _cursor(oracle: Oracle, place: str, expected: Cursor, got: Any) -> Iterator[Difference]:
    """A cursor holds the sort keys and nothing else besides what binds it; the oracle remembers what it stands for."""
    try:
        _, *keys = orjson.loads(base64.b64decode(got))
    except (ValueError, TypeError):
        yield place, "a cursor", got
        return
    wanted = [value for _, value in expected.keys]
    if len(keys) != len(wanted) or not all(map(_same, wanted, keys)):
        yield place, wanted, keys
        return
    known = oracle.cursors.setdefault(got, expected)
    if known != expected:
        yield f"{place} (one cursor for two lists)", known, expected


def _same(wanted: Any, key: Any) -> bool:
    if isinstance(wanted, datetime):
        return datetime.fromisoformat(key) == wanted
    return date.fromisoformat(key) == wanted if isinstance(wanted, date) else bool(key == wanted)
