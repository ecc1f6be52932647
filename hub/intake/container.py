"""The file around a workbook: a zip whose directory is judged before any part of it is unpacked.

Everything here runs on hostile bytes, inside the child process of `hub.intake.workbook`.
"""

import io
import posixpath
import struct
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from xml.parsers import expat

from hub.errors import BadInput, HubError, TooLarge
from hub.intake import kinds

MEGABYTE = 1_000_000
_BOOK, _TYPES = "xl/workbook.xml", "[content_types].xml"
_XML = (".xml", ".rels", ".vml")
_DOCTYPE = b"<!DOCTYPE"
_PIECE = 1 << 15
_KILLED = (-6, -9, -11, -24)
"""Abort, kill (our deadline too), fault and processor limit: how a process ends that wanted more than its share."""
_END = b"PK\x05\x06"
_END_SIZE = 22
_LOCAL_SIZE = 30
_LONGEST_COMMENT = 65_535
ARCHIVES = (".zip", ".xlsx", ".xlsm", ".xlsb", ".docx", ".pptx", ".jar", ".7z", ".rar", ".gz", ".bz2", ".xz")
_ARCHIVE_STARTS = (b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one workbook may cost.

    `size` and `unpacked` are bytes, `ratio` how often larger than packed a part over one megabyte may be, `memory`
    the bytes of address space of the child process, `seconds` both its processor time and the deadline.
    """

    size: int = 64_000_000
    unpacked: int = 400_000_000
    entries: int = 1_000
    ratio: int = 200
    rows: int = 60_000
    columns: int = 130
    oddities: int = 100_000
    memory: int = 2_500_000_000
    seconds: int = 60

    def too_large_unpacked(self) -> TooLarge:
        """The refusal of a file that would unpack to more than is allowed."""
        return TooLarge("FILE_TOO_LARGE_UNPACKED", limit=self.unpacked // MEGABYTE, entries=self.entries)

    def refusal(self, code: int) -> HubError:
        """The refusal of a file whose reading process ended with such an exit code."""
        return self.too_large_unpacked() if code in _KILLED else BadInput("FILE_UNREADABLE")


class Package:
    """The parts of a workbook by their names in lower case, each proven as it is read to be what the directory states.

    Nothing is kept unpacked: a sheet of 200 MB passes through in pieces. Raises BadInput or TooLarge naming what the
    file is instead of a plain workbook.
    """

    def __init__(self, data: bytes, limits: Limits) -> None:
        entries = directory(data, limits)
        _judge(entries, limits)
        self._data, self._limits = memoryview(data), limits
        self._entries = {entry.filename.lower(): entry for entry in entries if not entry.is_dir()}
        self._proven: set[str] = set()
        self._streamed: dict[str, int] = {}
        if b"macroEnabled" in self.read(_TYPES):
            raise BadInput("FILE_HAS_MACROS")

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def size(self, name: str) -> int:
        """How many bytes a part has, unpacked."""
        return self._entries[name].file_size

    def read(self, name: str) -> bytes:
        """A whole part; empty if there is none of that name."""
        return b"".join(self.stream(name)) if name in self else b""

    def share(self, name: str) -> float:
        """How much of a part was streamed, last time, from 0 to 1."""
        return self._streamed.get(name, 0) / (self.size(name) or 1)

    def stream(self, name: str) -> Iterator[bytes]:
        """A part in pieces. What is wrong with it may be found after the first of them."""
        pieces = unpack(self._data, self._entries[name], self._limits)
        self._streamed[name] = 0
        for piece in _refuse_strange_xml(pieces) if name.endswith(_XML) else pieces:
            self._streamed[name] += len(piece)
            yield piece
        self._proven.add(name)

    def prove(self) -> None:
        """Prove the parts that nobody has read to their end."""
        for name in self._entries.keys() - self._proven:
            deque(self.stream(name), maxlen=0)


def sheets(package: Package) -> list[tuple[str, str]]:
    """The worksheets of a workbook as (title, name of the part), in order."""
    targets = {}
    for attributes in elements(package.read("xl/_rels/workbook.xml.rels"), "Relationship"):
        target = attributes.get("Target", "")
        path = posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")
        targets[attributes.get("Id", "")] = path.lower()
    found = []
    for attributes in elements(package.read(_BOOK), "sheet"):
        link = next((value for key, value in attributes.items() if key.split(":")[-1] == "id"), "")
        if targets.get(link, "") in package:
            found.append((attributes.get("name", ""), targets[link]))
    return found


def directory(data: bytes, limits: Limits) -> list[zipfile.ZipInfo]:
    """The entries of the zip; its end record is read first, so that a huge directory is never parsed."""
    end = data.rfind(_END, max(0, len(data) - _END_SIZE - _LONGEST_COMMENT))
    if end < 0 or end + _END_SIZE > len(data):
        raise BadInput("FILE_UNREADABLE")
    count, size = struct.unpack_from("<H L", data, end + 10)
    if count > limits.entries or size > limits.entries * 1_000:
        raise limits.too_large_unpacked()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error, EOFError):
        # NotImplementedError: an entry says it needs a later zip than zipfile knows
        raise BadInput("FILE_UNREADABLE") from None


def _judge(entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    names = [entry.filename.lower() for entry in entries]
    if len(entries) > limits.entries or sum(entry.file_size for entry in entries) > limits.unpacked:
        raise limits.too_large_unpacked()
    if any(entry.file_size > MEGABYTE and entry.file_size > limits.ratio * entry.compress_size for entry in entries):
        raise limits.too_large_unpacked()
    if any(name.endswith(ARCHIVES) for name in names):
        raise limits.too_large_unpacked()
    if any(name.endswith("vbaproject.bin") or name.startswith("xl/macrosheets/") for name in names):
        raise BadInput("FILE_HAS_MACROS")
    if _TYPES not in names or _BOOK not in names:
        raise kinds.archive(names)
    if any(entry.flag_bits & 1 for entry in entries):
        raise BadInput("FILE_ENCRYPTED")
    if len(set(names)) != len(names):
        raise BadInput("FILE_UNREADABLE")


def unpack(data: memoryview, entry: zipfile.ZipInfo, limits: Limits) -> Iterator[bytes]:
    """The content of an entry in pieces, refused unless size and checksum are what the directory says.

    Other readers go by the end of the compressed stream, so a directory that understates it is a bomb.
    """
    size = checksum = 0
    for piece in _pieces(_packed(data, entry), entry):
        if size == 0 and piece.startswith(_ARCHIVE_STARTS):
            raise limits.too_large_unpacked()
        size, checksum = size + len(piece), zlib.crc32(piece, checksum)
        if size > entry.file_size:
            raise limits.too_large_unpacked()
        yield piece
    if size != entry.file_size or checksum != entry.CRC:
        raise BadInput("FILE_UNREADABLE")


def _packed(data: memoryview, entry: zipfile.ZipInfo) -> memoryview:
    try:
        name_length, extra_length = struct.unpack_from("<H H", data, entry.header_offset + 26)
    except struct.error:
        raise BadInput("FILE_UNREADABLE") from None
    start = entry.header_offset + _LOCAL_SIZE + name_length + extra_length
    return data[start : start + entry.compress_size]


def _pieces(packed: memoryview, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """What is packed, unpacked piece by piece."""
    if entry.compress_type == zipfile.ZIP_STORED:
        for start in range(0, len(packed), _PIECE):
            yield bytes(packed[start : start + _PIECE])
        return
    if entry.compress_type != zipfile.ZIP_DEFLATED:
        raise BadInput("FILE_UNREADABLE")
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for start in range(0, len(packed), _PIECE):
            left: bytes | memoryview = packed[start : start + _PIECE]
            while left and not stream.eof:
                yield stream.decompress(left, _PIECE)
                left = stream.unconsumed_tail
        yield stream.flush()
    except zlib.error:
        raise BadInput("FILE_UNREADABLE") from None
    if not stream.eof:
        raise BadInput("FILE_UNREADABLE")


def _refuse_strange_xml(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Entities can grow without bound or fetch files; other encodings than UTF-8 would hide them from the search."""
    before = b""
    for piece in pieces:
        if not before and (b"\0" in piece[:200] or piece.startswith((b"\xff\xfe", b"\xfe\xff"))):
            raise BadInput("FILE_UNREADABLE")
        if _DOCTYPE in piece or _DOCTYPE in before + piece[: len(_DOCTYPE)]:
            raise BadInput("FILE_UNREADABLE")
        before = piece[-len(_DOCTYPE) :]
        yield piece


def elements(content: bytes, wanted: str, inside: str = "") -> list[dict[str, str]]:
    """The attributes of every element of a name, in order, or of those inside another.

    Raises BadInput if the XML is not well-formed; what is empty has none.
    """
    found: list[dict[str, str]] = []
    around: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        tag = name.split(":")[-1]
        if tag == wanted and (not inside or inside in around):
            found.append(attributes)
        around.append(tag)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: around.pop()
    try:
        if content:
            parser.Parse(content, True)
    except expat.ExpatError:
        raise BadInput("FILE_UNREADABLE") from None
    return found
