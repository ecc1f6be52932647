"""The file around a workbook: a zip whose directory is judged before any part of it is unpacked.

Everything here runs on hostile bytes, inside the child process of `hub.intake.workbook`.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from xml.parsers import expat

from hub.errors import BadInput, TooLarge

MEGABYTE = 1_000_000
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
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
    unpacked: int = 250_000_000
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


def parts(data: bytes, limits: Limits) -> Mapping[str, bytes]:
    """The XML parts of a workbook by their name in lower case, unpacked and proven to be as the directory states.

    Raises BadInput or TooLarge naming what the file is instead of a plain workbook.
    """
    _sniff(data)
    entries = directory(data, limits)
    _judge(entries, limits)
    unpacked = {entry.filename.lower(): unpack(data, entry, limits) for entry in entries if not entry.is_dir()}
    xml = {name: content for name, content in unpacked.items() if name.endswith((".xml", ".rels", ".vml"))}
    for content in xml.values():
        _refuse_strange_xml(content)
    if b"macroEnabled" in xml["[content_types].xml"]:
        raise BadInput("FILE_HAS_MACROS")
    return xml


def sheets(xml: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """The worksheets of a workbook as (title, name of the part), in order."""
    targets = {}
    for attributes in _elements(xml.get("xl/_rels/workbook.xml.rels", b""), "Relationship"):
        target = attributes.get("Target", "")
        path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        targets[attributes.get("Id", "")] = path.lower()
    found = []
    for attributes in _elements(xml["xl/workbook.xml"], "sheet"):
        link = next((value for key, value in attributes.items() if key.split(":")[-1] == "id"), "")
        if targets.get(link) in xml:
            found.append((attributes.get("name", ""), targets[link]))
    return found


def _sniff(data: bytes) -> None:
    if not data:
        raise BadInput("FILE_EMPTY")
    if data.startswith(_OLE):
        raise BadInput("FILE_ENCRYPTED" if _ENCRYPTED_STREAM in data else "FILE_OLD_FORMAT")
    if not data.startswith((b"PK\x03\x04", _END)):
        raise BadInput("NOT_A_WORKBOOK")


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
    if "[content_types].xml" not in names or "xl/workbook.xml" not in names:
        raise BadInput("NOT_A_WORKBOOK")
    if any(entry.flag_bits & 1 for entry in entries):
        raise BadInput("FILE_ENCRYPTED")
    if len(set(names)) != len(names):
        raise BadInput("FILE_UNREADABLE")


def unpack(data: bytes, entry: zipfile.ZipInfo, limits: Limits) -> bytes:
    """The content of an entry, refused unless size and checksum are what the directory says.

    Other readers go by the end of the compressed stream, so a directory that understates it is a bomb.
    """
    try:
        name_length, extra_length = struct.unpack_from("<H H", data, entry.header_offset + 26)
    except struct.error:
        raise BadInput("FILE_UNREADABLE") from None
    start = entry.header_offset + _LOCAL_SIZE + name_length + extra_length
    packed = data[start : start + entry.compress_size]
    if entry.compress_type == zipfile.ZIP_STORED:
        content, ended = packed, True
    elif entry.compress_type == zipfile.ZIP_DEFLATED:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = stream.decompress(packed, entry.file_size + 1)
        except zlib.error:
            raise BadInput("FILE_UNREADABLE") from None
        ended = stream.eof
    else:
        raise BadInput("FILE_UNREADABLE")
    if len(content) > entry.file_size or content.startswith(_ARCHIVE_STARTS):
        raise limits.too_large_unpacked()
    if not ended or len(content) != entry.file_size or zlib.crc32(content) != entry.CRC:
        raise BadInput("FILE_UNREADABLE")
    return content


def _refuse_strange_xml(content: bytes) -> None:
    """Entities can grow without bound or fetch files; other encodings than UTF-8 would hide them from the search."""
    if b"<!DOCTYPE" in content or b"\0" in content[:200] or content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput("FILE_UNREADABLE")


def _elements(content: bytes, wanted: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.split(":")[-1] == wanted:
            found.append(attributes)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    try:
        parser.Parse(content, True)
    except expat.ExpatError:
        raise BadInput("FILE_UNREADABLE") from None
    return found
