"""Workbooks written in a process of their own: neither a long one nor a hostile one harms who answers people."""

import contextlib
import io
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from hub.errors import BadInput
from hub.intake import readers, sheet, wire
from hub.intake.annotated import RowNote
from hub.intake.container import Limits
from hub.intake.sheet import Form
from hub.intake.summary import Language, Noted
from hub.intake.template import SchoolSheet, write


def template(school: SchoolSheet, rows: Sequence[bytes] = (), form: Form = sheet.PUPILS) -> bytes:
    """The template of a school, with rows if there are any, as `hub.intake.template.fill` writes it.

    Blocks until it is written: call it in a thread. `rows` are `packed`. Without any it takes a tenth of a second, less
    than a process takes to start, and is written here.
    """
    if not rows:
        target = io.BytesIO()
        write(school, target, form)
        return target.getvalue()
    return _written({"write": "template", "form": form.name, "school": asdict(school)}, rows, Limits())


def packed(row: Mapping[str, str]) -> bytes:
    """A row of a template, the cell texts by the column's slot, as it is handed over."""
    return orjson.dumps(row) + b"\n"


def annotated(
    source: bytes,
    notes: Iterable[RowNote],
    limits: Limits | None = None,
    *,
    language: Language = "zh",
    form: Form = sheet.PUPILS,
    school: SchoolSheet | None = None,
    import_id: str | None = None,
) -> bytes:
    """The annotated return of a file, as `hub.intake.annotated.write` writes it.

    Blocks for up to the deadline: call it in a thread. Raises BadInput or TooLarge for what is wrong with the file.
    """
    told = [orjson.dumps(_told(note.told(language))) + b"\n" for note in notes]
    job = {
        "write": "return",
        "form": form.name,
        "school": asdict(school) if school else None,
        "language": language,
        "import_id": import_id,
        "notes": len(told),
    }
    return _written(job, [*told, source], limits or Limits())


def _told(note: Noted) -> list[Any]:
    marks = [[m.kind, m.slot, m.code, m.text, m.remedy, list(m.suggestions)] for m in note.marks]
    return [note.row, note.verdict, note.token, marks]


def _written(job: dict[str, Any], pieces: Iterable[bytes], limits: Limits) -> bytes:
    """The file that the process answers the job with. Raises its refusal, or what it was ended for."""
    process = readers.start("scribe")
    deadline = threading.Timer(limits.seconds, process.kill)
    deadline.start()
    try:
        _give(process, job | {"limits": asdict(limits)}, pieces)
        line, file = _taken(process)
        code = process.wait()
    finally:
        deadline.cancel()
        readers.end(process)
    if code or not line:
        raise limits.refusal(code)
    answer = orjson.loads(line)
    if "refusal" in answer:
        wire.unpack(line)
    if answer.get("size") != len(file):
        raise BadInput("FILE_UNREADABLE")
    return file


def _give(process: readers.Process, job: dict[str, Any], pieces: Iterable[bytes]) -> None:
    """Write the job; a process that died of it is told by how it ended."""
    with contextlib.suppress(BrokenPipeError):
        if process.stdin is not None:
            for piece in _in_order(orjson.dumps(job) + b"\n", pieces):
                process.stdin.write(piece)
            process.stdin.close()


def _in_order(first: bytes, others: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


def _taken(process: readers.Process) -> tuple[bytes, bytes]:
    if process.stdout is None:
        return b"", b""
    return process.stdout.readline(), process.stdout.read()
