"""Loaded fields: what the statements leave open, one look-up fills for the whole answer.

A field declared `loaded` puts a marker with its key at its place in the statement's JSON. When every root field is
answered, the keys of all markers, from whichever edge, go to the request's one data loader of that kind, so one
statement answers them all, each in the shape in which it is asked for; what it finds is put in the markers' places. A
marker carries a random nonce of the process, so no data can forge one.
"""

import asyncio
import itertools
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, literal_column

from loaders.fragment import Fragment

_NONCE = secrets.token_hex(16)
_MARKER = re.compile(rf'"@{_NONCE}:(\d+):(\d+)"')
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is wanted of a value: its response key, its name, and if it is an object its type and what is under it."""

    key: str
    name: str
    kind: str
    parts: tuple["Shape", ...]
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.key, self.name, self.kind, self.parts)))

    def __hash__(self) -> int:
        """The same for equal shapes; found out once, since shapes are looked up in every request."""
        return self._hash


@dataclass(frozen=True, slots=True)
class Place:
    """A loaded field in a plan: its number in the markers, the loader that fills it, what of each object is wanted."""

    number: int
    loader: str
    shape: Shape


def make_place(loader: str, kind: str, parts: tuple[Shape, ...]) -> Place:
    """A place with a number no other plan of this process uses."""
    return Place(next(_NUMBERS), loader, Shape("", loader, kind, parts))


def marker(place: Place, key: ColumnElement[Any]) -> ColumnElement[str]:
    """What stands for a loaded value in the statement's answer: a string, until it is filled in."""
    return literal_column(f"'@{_NONCE}:{place.number}:'").concat(cast(key, Text))


def mark() -> str:
    """What stands in an answer where the caller was denied something; no data can hold it."""
    return f"@{_NONCE}!{next(_NUMBERS)}!"


async def fill(reading: Any, answer: Any) -> None:
    """Fill in every marker of an answer, in place. Raises Unavailable when the look-up cannot be made."""
    fragments = [fragment for fragment in _fragments(answer) if _NONCE in fragment.json]
    if not fragments:
        return
    slots: dict[str, tuple[str, int]] = {}
    shapes: dict[str, list[Shape]] = {}
    wanted: list[tuple[str, tuple[int, ...]]] = []
    torn = [_MARKER.split(fragment.json) for fragment in fragments]
    for parts in torn:
        keys: dict[str, dict[int, None]] = {}
        for number, key in zip(parts[1::3], parts[2::3], strict=True):
            if number not in slots:
                slots[number] = _slot(reading.places[int(number)], shapes)
            keys.setdefault(slots[number][0], {})[int(key)] = None
        wanted += [(name, tuple(each)) for name, each in keys.items()]
    loaders = {name: reading.loader(name, tuple(known)) for name, known in shapes.items()}
    found: dict[str, dict[int, Sequence[str]]] = {name: {} for name in loaders}
    loaded = await asyncio.gather(*(loaders[name].load(keys) for name, keys in wanted))
    for (name, _), values in zip(wanted, loaded, strict=True):
        found[name] |= values
    values_of = {number: (found[name], at) for number, (name, at) in slots.items()}
    for fragment, parts in zip(fragments, torn, strict=True):
        fragment.json = _mended(parts, values_of)


def _mended(parts: list[str], values_of: dict[str, tuple[dict[int, Sequence[str]], int]]) -> str:
    """An answer torn at its markers - text, number, key, text and so on - with what belongs there."""
    whole = [""] * (len(parts) // 3 * 2 + 1)
    whole[::2] = parts[::3]
    for place, (number, key) in enumerate(zip(parts[1::3], parts[2::3], strict=True)):
        values, at = values_of[number]
        whole[place * 2 + 1] = values[int(key)][at]
    return "".join(whole)


def _slot(place: Place, shapes: dict[str, list[Shape]]) -> tuple[str, int]:
    """The loader of a place, and which of the shapes asked of it the place wants."""
    known = shapes.setdefault(place.loader, [])
    if place.shape not in known:
        known.append(place.shape)
    return place.loader, known.index(place.shape)


def _fragments(answer: Any) -> Iterator[Fragment]:
    if isinstance(answer, Fragment):
        yield answer
    parts: Iterable[Any] = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else ()
    for part in parts:
        yield from _fragments(part)
