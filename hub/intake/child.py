"""The process that opens workbooks: it limits itself, reads one job from its input, answers in JSON, and ends.

It gets an empty environment and answers in a format that cannot carry code, so a workbook that breaks its reader
gains nothing.
"""

import contextlib
import gc
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

from hub.errors import BadInput, HubError, TooLarge
from hub.intake import check, grid, wire
from hub.intake.container import Limits

if sys.platform != "win32":  # Windows has no such limits; the parent's deadline still holds
    import resource


def main() -> None:
    """Do the one job that stands on the input: a line of JSON, then the workbook's bytes unless it names a path."""
    gc.disable()
    job = json.loads(sys.stdin.buffer.readline())
    limits = Limits(**job["limits"])
    _confine(limits)
    try:
        answer = wire.pack(_do(job, limits))
        if len(answer) > limits.unpacked:
            raise limits.too_large_unpacked()
    except MemoryError:
        answer = _refusal(limits.too_large_unpacked())
    except HubError as refusal:
        answer = _refusal(refusal)
    except BaseException as fault:  # a panic of the Rust reader is no Exception
        if isinstance(fault, KeyboardInterrupt):
            raise
        answer = _refusal(BadInput("FILE_UNREADABLE"))
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()


def _do(job: dict[str, Any], limits: Limits) -> Any:
    read = grid.read(_data(job, limits), limits)
    if "school_code" not in job:
        return read
    today = date.fromisoformat(job["today"])
    return check.check(read, school_code=job["school_code"], class_numbers=job["class_numbers"], today=today)


def _data(job: dict[str, Any], limits: Limits) -> bytes:
    """The workbook's bytes, at most one more than allowed."""
    if job["path"] is None:
        data: bytes = sys.stdin.buffer.read(limits.size + 1)
    else:
        with Path(job["path"]).open("rb") as file:
            data = file.read(limits.size + 1)
    if len(data) > limits.size:
        raise TooLarge("FILE_TOO_LARGE", limit=limits.size // 1_000_000)
    return data


def _confine(limits: Limits) -> None:
    if sys.platform != "win32":
        bounds = {
            resource.RLIMIT_AS: limits.memory,
            resource.RLIMIT_CPU: limits.seconds,
            resource.RLIMIT_FSIZE: 0,
            resource.RLIMIT_CORE: 0,
        }
        for what, bound in bounds.items():
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(what, (bound, bound))


def _refusal(refusal: HubError) -> bytes:
    return wire.pack_refusal(refusal)


if __name__ == "__main__":
    main()
