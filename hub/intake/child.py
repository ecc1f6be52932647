"""The process that opens workbooks: it limits itself, reads one job from its input, answers in JSON, and ends.

An answer is a line; a checked sheet comes in several, so that its first rows are judged while others are checked.

It gets an empty environment and answers in a format that cannot carry code, so a workbook that breaks its reader
gains nothing.
"""

import contextlib
import gc
import json
import sys
import threading
from collections.abc import Iterator
from datetime import date
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from hub import clock
from hub.errors import TooLarge
from hub.intake import beside, check, class_sheet, grid, sheet, wire
from hub.intake.check import Checked
from hub.intake.container import Limits
from hub.intake.grid import Opened, Sheet

if sys.platform != "win32":  # Windows has no such limits; the parent's deadline still holds
    import resource


def main() -> None:
    """Do the one job that comes on the input: a line of JSON, then the workbook's bytes unless it names a path.

    When the rows are to be checked, a second line says by what; the file is read while that line is waited for, and
    where the job says so by a process of its own. An input that ends without a job is that of a process nobody
    needed.
    """
    gc.disable()
    check.warm_up(clock.today())
    line = sys.stdin.buffer.readline()
    if not line:
        return
    job = json.loads(line)
    limits = Limits(**job["limits"])
    confine(limits)
    wire.send(_do(job, limits), sys.stdout.buffer, limits)


_FORMS = {form.name: form for form in (sheet.PUPILS, class_sheet.CLASSES)}


def _do(job: dict[str, Any], limits: Limits) -> Iterator[Sheet | Checked]:
    data = _data(job, limits)
    read = partial(grid.begin, data, limits, _FORMS[job["form"]])
    if not job["checks"]:
        yield read().whole()
        return
    if job["beside"] and beside.POSSIBLE:
        opened = beside.begin(read, limits)
        asked = _asked()
    else:
        opened = read()
        asked = _read_ahead(opened)
    yield from check.check(opened, **asked | {"today": date.fromisoformat(asked["today"])})


def _asked() -> dict[str, Any]:
    asked: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    return asked


def _read_ahead(opened: Opened) -> dict[str, Any]:
    """What the rows are to be checked by; they are read while that is not known yet."""
    asked: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: asked.append(_asked()))
    waiting.start()
    ahead = []
    while not asked and (row := next(opened.rows, None)) is not None:
        ahead.append(row)
    waiting.join()
    opened.rows = chain(ahead, opened.rows)
    return asked[0]


def _data(job: dict[str, Any], limits: Limits) -> bytes:
    """The workbook's bytes, at most one more than allowed."""
    if job["path"] is None:
        data: bytes = sys.stdin.buffer.read(min(job["bytes"], limits.size + 1))
    else:
        with Path(job["path"]).open("rb") as file:
            data = file.read(limits.size + 1)
    if len(data) > limits.size:
        raise TooLarge("FILE_TOO_LARGE", limit=limits.size // 1_000_000)
    return data


def confine(limits: Limits, *, files: int = 0) -> None:
    """Give up for good what the job does not need: memory, time, and files of more than so many bytes."""
    if sys.platform != "win32":
        bounds = {
            resource.RLIMIT_AS: limits.memory,
            resource.RLIMIT_CPU: limits.seconds,
            resource.RLIMIT_FSIZE: files,
            resource.RLIMIT_CORE: 0,
        }
        for what, bound in bounds.items():
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(what, (bound, bound))


if __name__ == "__main__":
    main()
