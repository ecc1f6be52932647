"""A JPEG file read segment by segment: how large its picture is, how it was held, and the file without its metadata.

Everything here runs on hostile bytes, inside the child process of `hub.darkroom.child`. Nothing is decoded: the
picture itself is copied byte by byte, so it loses nothing.
"""

import re
import struct
from dataclasses import dataclass

_START, _END = b"\xff\xd8", b"\xff\xd9"
_APP0, _APP1, _APP14, _APP15, _COMMENT = 0xE0, 0xE1, 0xEE, 0xEF, 0xFE
_SCAN, _FINISH = 0xDA, 0xD9
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended, progressive: what everything that shows pictures can show."""
_KEPT = frozenset({*_FRAMES, _SCAN, 0xC4, 0xDB, 0xDD})
"""Frames, scans, and the tables of codes, of steps and of restarts."""
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""What ends a scan: 0 after 0xFF stands for 0xFF itself, 0xD0 to 0xD7 restart."""
_JFIF, _JFIF_SIZE = b"JFIF\0", 14
_ADOBE, _ADOBE_SIZE = b"Adobe", 12
_EXIF = b"Exif\0\0"
_ORIENTATION, _SHORT = 0x0112, 3
_MOST_TAGS = 1_000


class Damaged(Exception):
    """The bytes are no whole JPEG file."""


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A picture as its file describes it: sides in pixels, colour components, EXIF orientation (1: upright).

    `plain` is the file without metadata: no EXIF, XMP, comment, thumbnail or colour profile, nothing after its end.
    """

    width: int
    height: int
    components: int
    orientation: int
    plain: bytes


def read(data: bytes) -> Jpeg:
    """Read a JPEG file. Raises Damaged for what breaks off, or has no frame, or several."""
    if not data.startswith(_START):
        raise Damaged
    kept, frames, orientation, at = [_START], [], 1, len(_START)
    seen: set[int] = set()
    while True:
        marker, at = _marker(data, at)
        if marker == _FINISH:
            break
        content, at = _segment(data, at)
        if marker == _APP1 and content.startswith(_EXIF) and orientation == 1:
            orientation = _held(content[len(_EXIF) :])
        if marker in _FRAMES:
            frames.append(_frame(content))
        part = _plain(marker, content, seen)
        seen.add(marker)
        if part is not None:
            kept.append(struct.pack(">BBH", 0xFF, marker, len(part) + 2) + part)
        if marker == _SCAN:
            end = _scan_end(data, at)
            kept.append(data[at:end])
            at = end
    if len(frames) != 1 or _SCAN not in seen:
        raise Damaged
    height, width, components = frames[0]
    return Jpeg(width, height, components, orientation, b"".join([*kept, _END]))


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """The marker at a place, and where its segment begins; any number of 0xFF may stand before one."""
    if data[at : at + 1] != b"\xff":
        raise Damaged
    while data[at : at + 1] == b"\xff":
        at += 1
    if at >= len(data):
        raise Damaged
    return data[at], at + 1


def _segment(data: bytes, at: int) -> tuple[bytes, int]:
    if at + 2 > len(data):
        raise Damaged
    (length,) = struct.unpack_from(">H", data, at)
    if length < 2 or at + length > len(data):
        raise Damaged
    return data[at + 2 : at + length], at + length


def _frame(content: bytes) -> tuple[int, int, int]:
    """Height, width and number of components."""
    if len(content) < 6 or content[0] != 8:
        raise Damaged
    height, width, components = struct.unpack_from(">HHB", content, 1)
    if not (height and width and components in (1, 3, 4)):
        raise Damaged
    return height, width, components


def _plain(marker: int, content: bytes, seen: set[int]) -> bytes | None:
    """What is kept of a segment: of application data only how densely and in which colours the picture is written."""
    if marker in _KEPT:
        return content
    if marker == _APP0 and content.startswith(_JFIF) and len(content) >= _JFIF_SIZE:
        return None if marker in seen else content[: _JFIF_SIZE - 2] + b"\0\0"  # without its thumbnail
    if marker == _APP14 and content.startswith(_ADOBE) and len(content) >= _ADOBE_SIZE:
        return None if marker in seen else content[:_ADOBE_SIZE]
    if _APP0 <= marker <= _APP15 or marker == _COMMENT:
        return None
    raise Damaged


def _scan_end(data: bytes, at: int) -> int:
    """Where the coded data of a scan end. Raises Damaged if the file breaks off in them."""
    found = _MARKER.search(data, at)
    if found is None:
        raise Damaged
    return found.start()


def _held(tiff: bytes) -> int:
    """The orientation that EXIF tells, 1 unless it is told soundly."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    (directory,) = struct.unpack_from(f"{order}L", tiff, 4)
    if directory + 2 > len(tiff):
        return 1
    (count,) = struct.unpack_from(f"{order}H", tiff, directory)
    for number in range(min(count, _MOST_TAGS)):
        at = directory + 2 + 12 * number
        if at + 12 > len(tiff):
            break
        tag, kind, many, value = struct.unpack_from(f"{order}HHLH", tiff, at)
        if (tag, kind, many) == (_ORIENTATION, _SHORT, 1):
            return value if 1 <= value <= 8 else 1
    return 1
