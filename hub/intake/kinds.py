"""What kind of file somebody sent, told by its first bytes: a workbook, a text, or what is refused by its name."""

from collections.abc import Collection
from typing import Literal

from hub.errors import BadInput

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_STARTS = (
    (b"%PDF", "PDF"),
    (b"{\\rtf", "RTF"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"SQLite format 3", "SQLite"),
)
_MARKS = ((b"<", "HTML / XML"), (b"{", "JSON"), (b"[", "JSON"))
_PARTS = (
    ("xl/workbook.bin", ".xlsb (Excel)"),
    ("word/", ".docx (Word)"),
    ("ppt/", ".pptx (PowerPoint)"),
    ("content.xml", ".ods / .odt (OpenDocument)"),
    ("mimetype", ".ods / .odt (OpenDocument)"),
    ("index/document.iwa", ".numbers (Apple)"),
    ("meta-inf/", ".jar / .ofd"),
)
_UNKNOWN = "?"
_LOOKED_AT = 4_096


def tell(data: bytes) -> Literal["workbook", "text"]:
    """Whether the file is a zip, as workbooks are, or may be a text. Raises BadInput naming what else it is."""
    if not data:
        raise BadInput("FILE_EMPTY")
    if data.startswith(_OLE):
        raise BadInput("FILE_ENCRYPTED" if _ENCRYPTED_STREAM in data else "FILE_OLD_FORMAT")
    if data.startswith(_ZIP):
        return "workbook"
    start = data[:_LOOKED_AT]
    for mark, name in _STARTS:
        if start.startswith(mark):
            raise refused(name)
    for mark, name in _MARKS:
        if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(mark):
            raise refused(name)
    if b"\0" in start.partition(b"\n")[0]:
        raise refused(_UNKNOWN)
    return "text"


def archive(names: Collection[str]) -> BadInput:
    """The refusal of a zip that is no workbook, by the names of its parts in lower case."""
    for part, name in _PARTS:
        if any(found.startswith(part) for found in names):
            return refused(name)
    return refused("zip")


def refused(found: str) -> BadInput:
    """The refusal of a file of another kind."""
    return BadInput("NOT_A_WORKBOOK", found=found)
