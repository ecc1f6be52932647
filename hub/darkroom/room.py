"""Having an upload of photos unpacked and judged in another process, which may die of it without harm to others."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from hub.catalogue import MESSAGES
from hub.darkroom import archive, frames, picture
from hub.darkroom.archive import Entry
from hub.errors import BadInput, HubError, TooLarge

_STARTER = "import sys; sys.path[:] = sys.argv[1:]; from hub.darkroom import child; child.main()"
_PATIENCE = 30.0
"""Seconds that one answer of the other process may take."""
_MOST_DEATHS = 20
"""Files of one upload that may kill the process; then the rest is refused unseen."""
_LONGEST_ANSWER = 16_000_000
_REFUSALS: dict[str, type[HubError]] = {"BadInput": BadInput, "TooLarge": TooLarge}

Parts = Callable[[], AsyncIterator[bytes]]
"""Begins to read an upload, from its start."""


@dataclass(frozen=True, slots=True)
class Developed:
    """A photo ready to be kept: of which file, its bytes and sides, and the hash of the file as it was sent."""

    ordinal: int
    data: bytes
    width: int
    height: int
    source: str


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A file that cannot be a photo: a key of the catalogue, and the values its text needs."""

    ordinal: int
    key: str
    values: dict[str, Any] = field(default_factory=dict)


class Darkroom:
    """An upload in the hands of another process, for a block. Raises BadInput or TooLarge for no archive of photos.

    This process holds one part of the upload, and one photo, at a time.
    """

    def __init__(self, parts: Parts, size: int, name: str, archived: archive.Limits, pictured: picture.Limits) -> None:
        if size > archived.size:
            raise TooLarge("PHOTOS_TOO_LARGE", limit=archived.size // 1_000_000)
        self._parts, self._size, self._most = parts, size, pictured.bytes
        self._job = {"name": name, "archive": asdict(archived), "picture": asdict(pictured)}
        self._process: asyncio.subprocess.Process | None = None
        self.entries: list[Entry] = []
        """The files of the upload, without folders."""

    async def __aenter__(self) -> Self:
        try:
            self.entries = await self._open()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def develop(self, ordinals: Sequence[int]) -> AsyncGenerator[Developed | Spoilt]:
        """Each of these files, in order. One that kills the process is spoilt; another process goes on after it."""
        left, deaths = list(ordinals), 0
        while left and deaths < _MOST_DEATHS:
            if self._process is None:
                await self._open()
            await self._send(frames.pack(left))
            while left:
                answer = await self._answer()
                if answer is None:
                    break
                yield _told(left.pop(0), *answer, self._most)
            else:
                return
            await self._end()
            deaths += 1
            yield Spoilt(left.pop(0), "PHOTO_DAMAGED")
        for ordinal in left:
            yield Spoilt(ordinal, "PHOTO_DAMAGED")

    async def _open(self) -> list[Entry]:
        """Start a process and give it the upload; the files it says there are."""
        self._process = await asyncio.create_subprocess_exec(
            *_command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=None if sys.platform == "win32" else {},
        )
        written = json.dumps(self._job).encode()
        await self._send(frames.opening(len(written), self._size) + written)
        async for part in self._parts():
            await self._send(part)
        answer = await self._answer()
        if answer is None:
            raise BadInput("PHOTOS_UNREADABLE")
        return _listed(answer[0])

    async def _send(self, data: bytes) -> None:
        """Write to the process; one that has died, or takes nothing, says so when it is read."""
        stdin = self._process.stdin if self._process else None
        if stdin is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
                stdin.write(data)
                async with asyncio.timeout(_PATIENCE):
                    await stdin.drain()

    async def _answer(self) -> tuple[Any, bytes] | None:
        """The next answer; None from a process that has died, takes too long or answers nonsense."""
        stdout = self._process.stdout if self._process else None
        if stdout is None:
            return None
        try:
            async with asyncio.timeout(_PATIENCE):
                told, data = frames.lengths(await stdout.readexactly(frames.HEADER))
                if told + data > _LONGEST_ANSWER:
                    return None
                return json.loads(await stdout.readexactly(told)), await stdout.readexactly(data)
        except (asyncio.IncompleteReadError, TimeoutError, ValueError):
            return None

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await process.communicate()


def _command() -> list[str]:
    """Our own interpreter and modules, without any configuration; nothing of the upload is in the command."""
    places = [str(Path(place).absolute()) for place in sys.path]
    return [sys.executable, "-I", "-S", "-X", "utf8", "-c", _STARTER, *places]


def _listed(told: Any) -> list[Entry]:
    """The files that an upload is said to hold. Raises BadInput or TooLarge if it was refused, or nonsense is said."""
    try:
        if "refusal" not in told:
            return [Entry(int(each["ordinal"]), str(each["name"]), each["bar"]) for each in told["entries"]]
        refusal = _REFUSALS[told["kind"]](told["refusal"], **told["values"])
    except (AttributeError, KeyError, TypeError, ValueError):
        refusal = BadInput("PHOTOS_UNREADABLE")
    raise refusal


def _told(ordinal: int, told: Any, data: bytes, most: int) -> Developed | Spoilt:
    """An answer as far as it can be one: nothing is believed of a process that a picture may have taken over."""
    try:
        if "key" in told:
            MESSAGES[told["key"]].text("zh").format_map(told["values"])
            return Spoilt(ordinal, told["key"], told["values"])
        if data.startswith(b"\xff\xd8\xff") and len(data) < most:
            return Developed(ordinal, data, int(told["width"]), int(told["height"]), str(told["source"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    return Spoilt(ordinal, "PHOTO_DAMAGED")
