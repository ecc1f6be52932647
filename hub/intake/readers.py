"""The processes that open workbooks: each does one job, and one waits ready so that a job need not await its start."""

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

Process = subprocess.Popen[bytes]

_STARTER = "import sys; sys.path[:] = sys.argv[1:]; from hub.intake import {module}; {module}.main()"
_SOON = 1.0
_ready: list[Process] = []
_lock = threading.Lock()


def prepare() -> None:
    """Have a process waiting. Costs a few milliseconds here and about a hundred there."""
    with _lock:
        if not _ready:
            _ready.append(start())


def prepare_soon() -> None:
    """Have a process waiting a second from now: whoever has just read a workbook still works on what was in it."""
    later = threading.Timer(_SOON, prepare)
    later.daemon = True
    later.start()


def take() -> Process:
    """A process that awaits its job: the one that was ready, or a new one. Whoever takes it must `end` it."""
    with _lock:
        while _ready:
            process = _ready.pop()
            if process.poll() is None:
                return process
            end(process)
    return start()


def start(module: str = "child") -> Process:
    """A process of our own interpreter and modules with an empty environment, that does a module's `main`.

    It reads no configuration. Whoever starts it must `end` it.
    """
    return subprocess.Popen(  # noqa: S603  # nothing of the file is in the command
        [sys.executable, "-I", "-S", "-X", "utf8", "-c", _STARTER.format(module=module), *_places()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=None if sys.platform == "win32" else {},
        process_group=None if sys.platform == "win32" else 0,
    )


def kill(process: Process) -> None:
    """Kill the process and those it has begun."""
    if sys.platform == "win32":
        process.kill()
    elif process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def end(process: Process) -> None:
    """Kill the process if it still runs, and let go of its pipes."""
    kill(process)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _places() -> list[str]:
    """Where this process finds its modules, so that the other finds the same."""
    return [str(Path(place).absolute()) for place in sys.path]


@atexit.register
def _dismiss() -> None:
    while _ready:
        end(_ready.pop())
