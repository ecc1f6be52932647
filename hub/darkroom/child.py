"""The process that unpacks and decodes photos: it limits itself, gets one upload, and answers file by file.

It says which files there are, is told which are wanted, and gives back each as it is to be kept or why it cannot be.
It gets an empty environment, opens no file once it has begun, and answers in a form that cannot carry code, so a
picture that breaks its decoder gains nothing.
"""

import codecs
import contextlib
import hashlib
import sys
from dataclasses import asdict
from typing import Any

from hub.darkroom import archive, frames, picture
from hub.darkroom.archive import Archive
from hub.darkroom.picture import Unfit
from hub.errors import HubError

if sys.platform != "win32":  # Windows has no such limits; the parent's deadline still holds
    import resource

_MEMORY = 1_500_000_000
"""Bytes of address space: the upload, one unpacked file, one decoded picture."""
_SECONDS = 10
"""Processor time that the directory, and that one file, may take."""


def main() -> None:
    """Do the one job that comes on the input; an input that ends without one is that of a process nobody needed."""
    picture.warm()
    for encoding in ("cp437", "utf-8", "gb18030"):
        codecs.lookup(encoding)
    job = frames.read(sys.stdin.buffer)
    if job is None:
        return
    told, data = job
    _confine()
    with contextlib.suppress(BrokenPipeError):
        opened = _opened(data, told)
        if opened is None:
            return
        wanted, _ = frames.read(sys.stdin.buffer) or ([], b"")
        limits = picture.Limits(**told["picture"])
        for ordinal in wanted:
            _allow_time()
            _write(*_developed(opened, ordinal, limits))


def _opened(data: bytes, told: dict[str, Any]) -> Archive | None:
    """The upload's files, told to the parent; None if it was refused as a whole."""
    try:
        opened = Archive(data, told["name"], archive.Limits(**told["archive"]))
    except HubError as refusal:
        _write({"refusal": refusal.key, "kind": type(refusal).__name__, "values": refusal.values})
        return None
    _write({"entries": [asdict(entry) for entry in opened.entries]})
    return opened


def _developed(opened: Archive, ordinal: int, limits: picture.Limits) -> tuple[dict[str, Any], bytes]:
    """What is to be told of a file, and its photo."""
    try:
        source = opened.unpack(ordinal)
        made = picture.fit(source, limits)
    except Unfit as unfit:
        return {"ordinal": ordinal, "key": unfit.key, "values": unfit.values}, b""
    except (HubError, MemoryError, RecursionError):
        return {"ordinal": ordinal, "key": "PHOTO_DAMAGED", "values": {}}, b""
    told = {"ordinal": ordinal, "width": made.width, "height": made.height}
    return told | {"source": hashlib.sha256(source).hexdigest()}, made.data


def _write(told: dict[str, Any], data: bytes = b"") -> None:
    sys.stdout.buffer.write(frames.pack(told, data))
    sys.stdout.buffer.flush()


def _confine() -> None:
    if sys.platform != "win32":
        bounds = {
            resource.RLIMIT_AS: _MEMORY,
            resource.RLIMIT_FSIZE: 0,
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_NOFILE: 3,
        }
        for what, bound in bounds.items():
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(what, (bound, bound))
        _allow_time()


def _allow_time() -> None:
    """Let the next step take its processor time and no more: the system kills what goes beyond."""
    if sys.platform != "win32":
        used = resource.getrusage(resource.RUSAGE_SELF)
        bound = int(used.ru_utime + used.ru_stime) + _SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (bound, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
