"""The process that writes workbooks: it limits itself, does the one job of its input, answers with the file, and ends.

Filling a template takes seconds in which an interpreter does nothing else; an annotated return is made of a hostile
file. Neither belongs into a process that answers people.
"""

import gc
import io
import sys
from collections.abc import Iterator
from typing import IO, Any

import orjson

from hub.errors import BadInput, HubError
from hub.intake import annotated, child, class_sheet, sheet, template, wire
from hub.intake.container import Limits
from hub.intake.summary import Mark, Noted
from hub.intake.template import SchoolSheet

_FORMS = {form.name: form for form in (sheet.PUPILS, class_sheet.CLASSES)}
_ROOM_FOR_FILES = 10_000_000
"""Bytes of a file: openpyxl makes its frames, which hold no rows, out of files that it deletes again."""


def main() -> None:
    """Do the job that comes on the input: a line of JSON, then the lines and bytes that it announces."""
    gc.disable()
    line = sys.stdin.buffer.readline()
    if not line:
        return
    job = orjson.loads(line)
    limits = Limits(**job["limits"])
    child.confine(limits, files=_ROOM_FOR_FILES)
    try:
        _answer(_JOBS[job["write"]](job, sys.stdin.buffer, limits))
    except MemoryError:
        _refuse(limits.too_large_unpacked())
    except HubError as refusal:
        _refuse(refusal)
    except Exception:  # whatever a hostile file does to its reader
        _refuse(BadInput("FILE_UNREADABLE"))


def _template(job: dict[str, Any], source: IO[bytes], _limits: Limits) -> bytes:
    target = io.BytesIO()
    template.fill(_school(job) or SchoolSheet("", ""), map(orjson.loads, source), target, _FORMS[job["form"]])
    return target.getvalue()


def _return(job: dict[str, Any], source: IO[bytes], limits: Limits) -> bytes:
    target = io.BytesIO()
    notes = [*_notes(source, job["notes"])]
    annotated.write_told(
        source.read(limits.size + 1),
        notes,
        target,
        language=job["language"],
        form=_FORMS[job["form"]],
        limits=limits,
        school=_school(job),
        import_id=job["import_id"],
    )
    return target.getvalue()


_JOBS = {"template": _template, "return": _return}


def _school(job: dict[str, Any]) -> SchoolSheet | None:
    return SchoolSheet(**job["school"]) if job["school"] else None


def _notes(source: IO[bytes], many: int) -> Iterator[Noted]:
    for _ in range(many):
        row, verdict, token, marks = orjson.loads(source.readline())
        yield Noted(row, verdict, token, [Mark(*mark) for mark in marks])


def _answer(file: bytes) -> None:
    sys.stdout.buffer.write(orjson.dumps({"size": len(file)}) + b"\n" + file)
    sys.stdout.buffer.flush()


def _refuse(refusal: HubError) -> None:
    sys.stdout.buffer.write(wire.pack_refusal(refusal) + b"\n")
    sys.stdout.buffer.flush()
