"""What somebody sent as photos: a zip of them whose directory is judged before anything is unpacked, or one picture.

Everything here runs on hostile bytes, inside the child process of `hub.darkroom.child`. No entry is ever written
under its name: a name only says whose photo it is.
"""

import re
import stat
import zipfile
from dataclasses import dataclass

from hub.errors import BadInput, TooLarge
from hub.intake import container
from hub.intake.container import ARCHIVES, MEGABYTE

_PICTURES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".heic", ".heif", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".avif",
)  # fmt: skip
_MACHINE = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
"""What operating systems leave in folders, pictures by their name or not."""
_CLIMBING = re.compile(r"^/|^[A-Za-z]:|(^|/)\.\.(/|$)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
_UTF8, _ENCRYPTED = 0x800, 0x1
_SIGNS = (b"PK\x03\x04", b"PK\x05\x06")
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """What one archive may be: bytes of it and unpacked, entries, bytes of an entry, how often larger than packed."""

    size: int = 64_000_000
    unpacked: int = 250_000_000
    entries: int = 10_000
    entry: int = 20_000_000
    ratio: int = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of an archive: its number, its name with folders, and the key of what bars it from being a photo."""

    ordinal: int
    name: str
    bar: str | None


class Archive:
    """The files of an upload, unpacked one at a time."""

    def __init__(self, data: bytes, name: str, limits: Limits) -> None:
        """Judge an upload as a whole. Raises BadInput or TooLarge for what is no archive of photos."""
        self._data, self._limits = data, limits
        self._zipped = self._directory() if data.startswith(_SIGNS) else None
        if self._zipped is not None:
            self.entries = [_judged(at, entry, limits) for at, entry in enumerate(self._zipped) if not entry.is_dir()]
        elif data.startswith(b"\xff\xd8\xff") or name.lower().endswith(_PICTURES):
            self.entries = [Entry(0, shown(name), None if name.lower().endswith(_PICTURES) else "PHOTO_STRAY")]
        else:
            raise BadInput("NOT_PHOTOS")

    def unpack(self, ordinal: int) -> bytes:
        """The bytes of an entry. Raises BadInput or TooLarge if they are not what the directory says."""
        if self._zipped is None:
            return self._data
        return b"".join(container.unpack(memoryview(self._data), self._zipped[ordinal], self._bounds()))

    def _directory(self) -> list[zipfile.ZipInfo]:
        try:
            entries = container.directory(self._data, self._bounds())
        except BadInput:
            raise BadInput("PHOTOS_UNREADABLE") from None
        except TooLarge:
            raise self._too_large() from None
        bomb = any(entry.file_size > max(MEGABYTE, self._limits.ratio * entry.compress_size) for entry in entries)
        if bomb or sum(entry.file_size for entry in entries) > self._limits.unpacked:
            raise self._too_large()
        return entries

    def _bounds(self) -> container.Limits:
        limits = self._limits
        return container.Limits(limits.size, limits.unpacked, limits.entries, limits.ratio)

    def _too_large(self) -> TooLarge:
        limits = self._limits
        return TooLarge("PHOTOS_TOO_LARGE_UNPACKED", limit=limits.unpacked // MEGABYTE, entries=limits.entries)


def shown(name: str) -> str:
    """A name as a report may show it: without control characters and marks that turn text around, its end if long."""
    return _CONTROL.sub("\ufffd", name)[-_LONGEST_NAME:]


def called(entry: zipfile.ZipInfo) -> str:
    """The name of an entry with folders, parted by `/`. Of a zip that does not say, UTF-8 or else GBK.

    A name is decoded before it is parted: the second byte of a character in GBK may be a backslash.
    """
    name = entry.orig_filename
    if not entry.flag_bits & _UTF8:
        raw = name.encode("cp437")
        for encoding in ("utf-8", "gb18030"):
            try:
                name = raw.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
    return name.replace("\\", "/")


def _judged(ordinal: int, entry: zipfile.ZipInfo, limits: Limits) -> Entry:
    name = called(entry)
    return Entry(ordinal, shown(name), _bar(name, entry, limits))


def _bar(name: str, entry: zipfile.ZipInfo, limits: Limits) -> str | None:
    """The key of what bars an entry from being a photo, as far as the directory tells."""
    if _MACHINE.search(name):
        return "PHOTO_STRAY"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "PHOTO_LINK"
    if _CLIMBING.search(name) or _CONTROL.search(name):
        return "PHOTO_NAME_UNSAFE"
    if name.lower().endswith(ARCHIVES):
        return "PHOTO_NESTED_ARCHIVE"
    if not name.lower().endswith(_PICTURES):
        return "PHOTO_STRAY"
    if entry.flag_bits & _ENCRYPTED:
        return "PHOTO_ENCRYPTED"
    return "PHOTO_FILE_TOO_LARGE" if entry.file_size > limits.entry else None
