"""Loaded fields: what the statements leave open, one look-up fills for the whole answer.

A field declared `loaded` puts a marker with its key at its place in the statement's JSON. When every root field is
answered, the keys of all markers, from whichever edge, go to the request's one data loader of that kind, so one
statement answers them all; what it finds is put in the markers' places. A marker carries a random nonce of the
process, so no data can forge one.
"""

import itertools
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Text, cast, literal_column

from loaders.fragment import Fragment

_NONCE = secrets.token_hex(16)
_MARKER = re.compile(rf'"@{_NONCE}:(\d+):(\d+)"')
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Shape:
    """One field of what is selected under a loaded field: its response key, its name, and what is under it."""

    key: str
    name: str
    kind: str
    parts: tuple["Shape", ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A loaded field in a plan: its number in the markers, the loader that fills it, what of each object is wanted."""

    number: int
    loader: str
    kind: str
    parts: tuple[Shape, ...]


def make_place(loader: str, kind: str, parts: tuple[Shape, ...]) -> Place:
    """A place with a number no other plan of this process uses."""
    return Place(next(_NUMBERS), loader, kind, parts)


def marker(place: Place, key: ColumnElement[Any]) -> ColumnElement[str]:
    """What stands for a loaded value in the statement's answer: a string, until it is filled in."""
    return literal_column(f"'@{_NONCE}:{place.number}:'").concat(cast(key, Text))


def mark() -> str:
    """What stands in an answer where the caller was denied something; no data can hold it."""
    return f"@{_NONCE}!{next(_NUMBERS)}!"


async def fill(reading: Any, answer: Any) -> None:
    """Fill in every marker of an answer, in place. Raises Unavailable when the look-up cannot be made."""
    fragments = [fragment for fragment in _fragments(answer) if _NONCE in fragment.json]
    places: dict[int, Place] = reading.places
    wanted: dict[str, dict[int, None]] = {}
    for fragment in fragments:
        for number, key in _MARKER.findall(fragment.json):
            wanted.setdefault(places[int(number)].loader, {})[int(key)] = None
    found: dict[str, dict[int, Any]] = {}
    for name, keys in wanted.items():
        loader = reading.loader(name)
        found[name] = dict(zip(keys, await loader.load_many(list(keys)), strict=True))

    def filled(match: re.Match[str]) -> str:
        place = places[int(match[1])]
        return _written(found[place.loader][int(match[2])], place)

    for fragment in fragments:
        fragment.json = _MARKER.sub(filled, fragment.json)


def _fragments(answer: Any) -> Iterator[Fragment]:
    if isinstance(answer, Fragment):
        yield answer
    parts: Iterable[Any] = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else ()
    for part in parts:
        yield from _fragments(part)


def _written(found: list[dict[str, Any]], place: Place) -> str:
    return orjson.dumps([_object(one, place.kind, place.parts) for one in found]).decode()


def _object(one: dict[str, Any], kind: str, parts: tuple[Shape, ...]) -> dict[str, Any]:
    return {part.key: kind if part.name == "__typename" else _value(one[part.name], part) for part in parts}


def _value(value: Any, shape: Shape) -> Any:
    if isinstance(value, list) and shape.parts:
        return [_object(one, shape.kind, shape.parts) for one in value]
    return value
