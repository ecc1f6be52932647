"""Long XML read piece by piece: items of the usual form by a pattern, whatever is unusual by a full parser.

A parser calls Python several times a cell; a pattern takes a row at once. So everything outside the usual items goes
through the parser, which proves it well-formed, and an item goes there too as soon as the pattern does not match it.
"""

import codecs
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar
from xml.parsers import expat

from hub.errors import BadInput

_ROOM = 4_000_000
"""Characters an item of the usual form has at most."""

Out = TypeVar("Out")


class Markup(ABC, Generic[Out]):
    """One part of a workbook being read. Subclasses name the list of items, and say what becomes of one.

    `LIST` matches the start of the list, `TAG` is its element, `END` how an item ends. `take` gets whole items of the
    list as they stand there and gives to `parse` what is not of the usual form; `start`, `text` and `end` are told of
    that, tags without their prefix. What they append to `found` is handed out in order.
    """

    LIST: re.Pattern[str]
    TAG: str
    END: str

    def __init__(self) -> None:
        self.found: list[Out] = []
        self.usual = False
        self._entered = False
        self._open: list[str] = []
        self._held = ""
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self.text
        self._parser.StartDoctypeDeclHandler = _refuse

    @abstractmethod
    def take(self, item: str) -> bool:
        """Read an item of the usual form, given without its end; False if it is of another form."""

    def take_all(self, items: str) -> None:
        """Read whole items."""
        for item in items.split(self.END)[:-1]:
            if not self.usual or not self.take(item):
                self._parse(item + self.END)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    def text(self, piece: str) -> None:
        """Some text stands here; a long one may come in several pieces."""

    def end(self, tag: str) -> None:
        """An element ends."""

    @property
    def open(self) -> list[str]:
        """The elements that the parser is inside of, outermost first."""
        return self._open

    def read(self, pieces: Iterable[bytes]) -> Iterator[Out]:
        """What is found, in order. Raises BadInput for what is not well-formed."""
        try:
            for piece in _texts(pieces):
                self._held += piece
                self._advance()
                yield from self._drain()
            self._parse(self._held)
            self._parser.Parse("", True)
        except (expat.ExpatError, ValueError, IndexError):
            raise BadInput("FILE_UNREADABLE") from None
        yield from self._drain()

    def _drain(self) -> list[Out]:
        drained, self.found = self.found, []
        return drained

    def _advance(self) -> None:
        if not self._entered:
            self._enter()
        if self.usual:
            end = self._held.rfind(self.END) + len(self.END)
            if end >= len(self.END):
                items, self._held = self._held[:end], self._held[end:]
                self.take_all(items)
        if len(self._held) > _ROOM or (self._entered and not self.usual):
            self._entered, self.usual = True, False
            self._parse(self._held)
            self._held = ""

    def _enter(self) -> None:
        """Find the start of the list; from there on items may be of the usual form."""
        start = self.LIST.search(self._held)
        if start is not None:
            self._entered = True
            self._parse(self._held[: start.end()])
            self._held = self._held[start.end() :]
            self.usual = self._open[-1:] == [self.TAG]

    def _parse(self, markup: str) -> None:
        """Have the parser read; what might hide an item from a pattern ends the use of patterns."""
        self._parser.Parse(markup, False)
        if "<!" in markup or self._open[-1:] != [self.TAG]:
            self.usual = False

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        self._open.append(tag)
        self.start(tag, attributes)

    def _end(self, name: str) -> None:
        self.end(name.rpartition(":")[2])
        self._open.pop()


_ENTITY = re.compile(r"&(?:#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}))|(amp|lt|gt|quot|apos));")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


def plain(written: str) -> str:
    """The text that stands between two tags, its entities resolved. Raises ValueError for an entity that is none."""
    if written.count("&") != len(_ENTITY.findall(written)):
        raise ValueError("no entity")
    return _ENTITY.sub(_character, written)


def unescaped(text: str) -> str:
    """A spreadsheet's own escapes resolved: `_x000D_` is the character D."""
    return _ESCAPE.sub(lambda found: _numbered(int(found[1], 16)), text) if "_x" in text else text


def _character(found: re.Match[str]) -> str:
    if found[3]:
        return _ENTITIES[found[3]]
    return _numbered(int(found[1], 16) if found[1] else int(found[2]))


def _numbered(code: int) -> str:
    """A character by its number; half of a pair is none."""
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else chr(code)


def _texts(pieces: Iterable[bytes]) -> Iterator[str]:
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8-sig")(), translate=True)
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


def _refuse(*_declared: object) -> None:
    raise ValueError("declares a document type")
