"""Keyset cursors: opaque, and good only for the caller, the field and the order they came from."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from datetime import MAXYEAR, date, datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, ColumnElement, Date, SmallInteger, Text, cast, func, literal_column
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeEngine

from hub.errors import BadInput
from loaders.plan import Call
from loaders.selection import Selected


def binding(call: Call, field: Selected, signature: str) -> str:
    """What ties a cursor to its caller and its query: the field, its order, its filter and place."""
    given = call.arguments(field)
    about = {name: given.get(name) for name in ("where", "within") if given.get(name) is not None}
    narrowed = orjson.dumps(about, default=str, option=orjson.OPT_SORT_KEYS).decode() if about else ""
    tie = f"{call.caller.account.id}|{call.caller.role}|{signature}|{narrowed}"
    return hashlib.blake2b(tie.encode(), digest_size=9).hexdigest()


def encoded(tie: ColumnElement[str], keys: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
    """The cursor of a row, as SQL: base64 of the JSON array of the tie and the sort keys."""
    array = cast(func.json_build_array(tie, *keys), Text)
    return func.translate(
        func.encode(func.convert_to(array, literal_column("'UTF8'")), literal_column("'base64'")),
        literal_column("E'\\n'"),
        literal_column("''"),
    )


def decode(call: Call, field: Selected, signature: str, text: str, kinds: Sequence[TypeEngine[Any]]) -> list[Any]:
    """The sort keys in a cursor. Raises BadInput if it is damaged, another caller's or another query's."""
    try:
        keys: list[Any]
        tie, *keys = orjson.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, TypeError):
        raise BadInput("BAD_CURSOR") from None
    fits = len(keys) == len(kinds) and all(map(_fits, keys, kinds))
    if tie != binding(call, field, signature) or not fits:
        raise BadInput("BAD_CURSOR")
    return [_read(key, kind) for key, kind in zip(keys, kinds, strict=True)]


def _read(key: Any, kind: TypeEngine[Any]) -> Any:
    if isinstance(kind, Date):
        return date.fromisoformat(key)
    return datetime.fromisoformat(key) if isinstance(kind, TIMESTAMP) else key


def _fits(key: Any, kind: TypeEngine[Any]) -> bool:
    """Whether PostgreSQL can take a key for its column: a cursor is only encoded, so a caller can write one."""
    if isinstance(kind, BigInteger | SmallInteger):
        bits = 63 if isinstance(kind, BigInteger) else 15
        return type(key) is int and -(2**bits) <= key < 2**bits
    if isinstance(kind, Date):
        return type(key) is str and _is_day(key)
    if isinstance(kind, TIMESTAMP):
        return type(key) is str and _is_moment(key)
    return type(key) is str and "\0" not in key


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text) is not None
    except ValueError:
        return False


def _is_moment(text: str) -> bool:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return False
    return found.tzinfo is not None and 1 < found.year < MAXYEAR
