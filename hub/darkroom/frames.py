"""How the darkroom and its parent speak: frames of a JSON object and bytes, each with its length before it."""

import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct(">LL")
HEADER = _LENGTHS.size


def pack(told: Any, data: bytes = b"") -> bytes:
    """A frame."""
    written = json.dumps(told).encode()
    return opening(len(written), len(data)) + written + data


def opening(told: int, data: int) -> bytes:
    """What stands before so many bytes of JSON and of data."""
    return _LENGTHS.pack(told, data)


def lengths(header: bytes) -> tuple[int, int]:
    """How many bytes of JSON and of data follow a header."""
    told, data = _LENGTHS.unpack(header)
    return told, data


def read(source: BinaryIO) -> tuple[Any, bytes] | None:
    """The next frame of a stream that blocks; None at its end."""
    header = source.read(HEADER)
    if len(header) < HEADER:
        return None
    told, data = lengths(header)
    return json.loads(source.read(told)), source.read(data)
