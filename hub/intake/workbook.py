"""Reading a workbook safely: in a process of its own, with limits and a deadline."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from hub.errors import BadInput, TooLarge
from hub.intake import readers, sheet, wire
from hub.intake.check import Checked
from hub.intake.container import MEGABYTE, Limits
from hub.intake.grid import Sheet
from hub.intake.rules import switched
from hub.intake.sheet import Form
from hub.intake.values import FIRST_GRADES

__all__ = ["Limits", "Sheet", "examine", "read"]

_FIRST_PART = 125
"""Rows of the first part: few, so that they soon arrive."""
_LONGEST_PART = 500
"""Rows of a later part: enough that a statement's cost does not matter, few enough that the last soon arrives."""


def read(source: str | Path | bytes, limits: Limits | None = None, form: Form = sheet.PUPILS) -> Sheet:
    """Read a form's sheet of a workbook, given as a path or as bytes.

    Blocks for up to the deadline: call it in a thread. Raises BadInput or TooLarge with the key of what is wrong with
    the file.
    """
    for answer in _answers(readers.take(), source, limits or Limits(), {"form": form.name}):
        if isinstance(answer, Sheet):
            return answer
    raise BadInput("FILE_UNREADABLE")


async def examine(
    source: str | Path | bytes,
    limits: Limits | None = None,
    *,
    school_code: str,
    class_numbers: Collection[str] | Mapping[str, Sequence[int]] = (),
    today: date,
    first_grades: Sequence[int] = FIRST_GRADES,
    founder: str | None = None,
    rules: Mapping[str, str] | None = None,
    ready: Callable[[Checked], None] = lambda _part: None,
    later: Coroutine[Any, Any, Mapping[str, Any]] | None = None,
    beside: bool = False,
) -> AsyncGenerator[Checked]:
    """Read a workbook and check its rows as `check.check` does, in the other process, part by part as they are done.

    The other process never waits for whoever takes the parts; `ready` is called with each in a thread, before it can be
    taken. `later` says `class_numbers`, `first_grades` and `recorded` while the file is read already; with `beside` it
    is read in one process and checked in another. Raises ValueError as `rules.switched` does, and BadInput or TooLarge
    for what is wrong with the file, which may come to light after any part. Closing the iterator ends the process.
    """
    asked = {
        "school_code": school_code,
        "class_numbers": class_numbers if isinstance(class_numbers, Mapping) else list(class_numbers),
        "first_grades": first_grades,
        "founder": founder,
        "rules": switched(rules or {}),
        "today": today.isoformat(),
        "size": _FIRST_PART,
        "most": _LONGEST_PART,
    }
    arrived: asyncio.Queue[Checked | None] = asyncio.Queue()
    question: Future[dict[str, Any] | None] = Future()
    tell = asyncio.get_running_loop().call_soon_threadsafe
    job = {"form": sheet.PUPILS.name, "beside": beside}
    process = readers.take()

    def pump() -> None:
        try:
            for answer in _answers(process, source, limits or Limits(), job, question):
                if isinstance(answer, Checked):
                    ready(answer)
                    tell(arrived.put_nowait, answer)
        finally:
            tell(arrived.put_nowait, None)

    pumping = asyncio.create_task(asyncio.to_thread(pump))
    try:
        question.set_result({**asked, **(await later if later else {})})
        while (part := await arrived.get()) is not None:
            yield part
        await pumping
    finally:
        readers.kill(process)
        if not question.done():
            question.set_result(None)
        with contextlib.suppress(Exception):
            await pumping


def _answers(
    process: readers.Process,
    source: str | Path | bytes,
    limits: Limits,
    job: dict[str, Any],
    question: Future[dict[str, Any] | None] | None = None,
) -> Iterator[Sheet | Checked]:
    """What the process answers to the job, as it comes; then what ended it, if it did not end well.

    With a question, which may be answered later than the file is given, the rows are checked.
    """
    deadline = threading.Timer(limits.seconds, readers.kill, (process,))
    deadline.start()
    try:
        _weigh(source, limits)
        _give(process, source, {"limits": asdict(limits), "checks": question is not None, **job}, question)
        for line in process.stdout or ():
            if line.endswith(b"\n"):
                yield wire.unpack(line)
        code = process.wait()
    finally:
        deadline.cancel()
        readers.end(process)
        readers.prepare_soon()
    if code:
        raise limits.refusal(code)


def _give(
    process: readers.Process,
    source: str | Path | bytes,
    job: dict[str, Any],
    question: Future[dict[str, Any] | None] | None,
) -> None:
    """Write the job and, when it is known, the question; a process that died of it is told by how it ended."""
    data = source if isinstance(source, bytes) else b""
    path = None if isinstance(source, bytes) else str(Path(source).absolute())
    with contextlib.suppress(BrokenPipeError):
        if process.stdin is not None:
            process.stdin.write(json.dumps({"path": path, "bytes": len(data), **job}).encode() + b"\n" + data)
            process.stdin.flush()
            if question is not None:
                process.stdin.write(json.dumps(question.result()).encode() + b"\n")
            process.stdin.close()


def _weigh(source: str | Path | bytes, limits: Limits) -> None:
    size = len(source) if isinstance(source, bytes) else Path(source).stat().st_size
    if size == 0:
        raise BadInput("FILE_EMPTY")
    if size > limits.size:
        raise TooLarge("FILE_TOO_LARGE", limit=limits.size // MEGABYTE)
