"""A sheet read by a process of its own beside the one that checks it: where somebody waits, two cores are used.

The reading process is a fork of the checking one, under the same limits and of its process group. It opens the file and
answers as that one does: sheets of a few rows each, or what is wrong with the file.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import BinaryIO

from hub.intake import wire
from hub.intake.container import Limits
from hub.intake.grid import Cell, Opened, Sheet

if sys.platform == "linux":
    import fcntl

POSSIBLE = hasattr(os, "fork")
"""Whether the system knows forks; where it does not, one process reads and checks."""

_ROWS = 50
"""Rows that are passed on together."""
_AHEAD = 1 << 20
"""Bytes that may be read ahead of what is checked, where that can be chosen."""


def begin(read: Callable[[], Opened], limits: Limits) -> Opened:
    """Begin to read in another process. Raises what reading raises, if not here then when rows are taken."""
    ours, theirs = os.pipe()
    process = os.fork()
    if not process:
        _read(read, theirs, limits)
    os.close(theirs)
    parts = _parts(os.fdopen(ours, "rb"), process, limits)
    latest = first = next(parts)
    oddities = first.oddities

    def rows() -> Iterator[tuple[int, list[Cell]]]:
        nonlocal latest
        for latest in chain([first], parts):
            oddities.update(latest.oddities)
            yield from latest.rows

    def coming(taken: int) -> int:
        return latest.coming(taken)

    return Opened(
        first.header_row,
        first.letters,
        rows(),
        oddities,
        first.unknown,
        first.version,
        first.school_code,
        first.tokens,
        first.import_id,
        coming,
    )


def _read(read: Callable[[], Opened], target: int, limits: Limits) -> None:
    """Be the reading process, and end. What the other one says and is told is not this one's."""
    try:
        os.close(0)
        os.close(1)
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                fcntl.fcntl(target, fcntl.F_SETPIPE_SZ, _AHEAD)
        with os.fdopen(target, "wb") as out:
            wire.send(_sheets(read), out, limits)
        os._exit(0)
    finally:
        os._exit(1)


def _sheets(read: Callable[[], Opened]) -> Iterator[Sheet]:
    """The sheet a few rows at a time; a sheet without rows once."""
    opened = read()
    taken = 0
    while True:
        rows = list(islice(opened.rows, _ROWS))
        if taken and not rows:
            return
        taken += len(rows)
        part = opened.part(rows)
        part.expected = taken + opened.coming(taken)
        yield part
        opened.oddities.clear()
        opened.tokens.clear()
        if not rows:
            return


def _parts(lines: BinaryIO, process: int, limits: Limits) -> Iterator[Sheet]:
    with lines:
        for line in lines:
            if line.endswith(b"\n") and isinstance(part := wire.unpack(line), Sheet):
                yield part
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if code:
        raise limits.refusal(code)
