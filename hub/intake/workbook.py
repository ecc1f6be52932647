"""Reading a workbook safely: in a process of its own, with limits and a deadline."""

import json
import subprocess
import sys
from collections.abc import Collection
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from hub.errors import BadInput, TooLarge
from hub.intake import wire
from hub.intake.check import Checked
from hub.intake.container import MEGABYTE, Limits
from hub.intake.grid import Sheet

__all__ = ["Limits", "Sheet", "examine", "read"]

_STARTER = "import sys; sys.path[:] = sys.argv[1:]; from hub.intake import child; child.main()"


def read(source: str | Path | bytes, limits: Limits | None = None) -> Sheet:
    """Read the pupils' sheet of a workbook, given as a path or as bytes.

    Blocks for up to the deadline: call it in a thread. Raises BadInput or TooLarge with the key of what is wrong with
    the file.
    """
    answer = _run(source, limits or Limits(), {})
    if not isinstance(answer, Sheet):
        raise BadInput("FILE_UNREADABLE")
    return answer


def examine(
    source: str | Path | bytes,
    limits: Limits | None = None,
    *,
    school_code: str,
    class_numbers: Collection[str],
    today: date,
) -> Checked:
    """Read a workbook and check its rows as `check.check` does, all in the other process.

    Costs this process little, however large the file. Raises BadInput or TooLarge as `read` does.
    """
    job = {"school_code": school_code, "class_numbers": list(class_numbers), "today": today.isoformat()}
    answer = _run(source, limits or Limits(), job)
    if not isinstance(answer, Checked):
        raise BadInput("FILE_UNREADABLE")
    return answer


def _run(source: str | Path | bytes, limits: Limits, job: dict[str, Any]) -> Sheet | Checked:
    data = source if isinstance(source, bytes) else b""
    _weigh(source, limits)
    path = None if isinstance(source, bytes) else str(Path(source).absolute())
    line = json.dumps({"path": path, "limits": asdict(limits), **job}).encode()
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and module, nothing of the file in the command
            [sys.executable, "-I", "-S", "-X", "utf8", "-c", _STARTER, *_places()],
            input=line + b"\n" + data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limits.seconds,
            env=None if sys.platform == "win32" else {},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise limits.too_large_unpacked() from None
    if done.returncode:
        raise limits.too_large_unpacked() if done.returncode in _KILLED else BadInput("FILE_UNREADABLE")
    return wire.unpack(done.stdout)


_KILLED = (-6, -9, -11, -24)
"""Abort, kill, fault and processor limit: how a process ends that wanted more than its share."""


def _weigh(source: str | Path | bytes, limits: Limits) -> None:
    size = len(source) if isinstance(source, bytes) else Path(source).stat().st_size
    if size == 0:
        raise BadInput("FILE_EMPTY")
    if size > limits.size:
        raise TooLarge("FILE_TOO_LARGE", limit=limits.size // MEGABYTE)


def _places() -> list[str]:
    """Where this process finds its modules, so that the child finds the same without reading any configuration."""
    return [str(Path(place).absolute()) for place in sys.path]
