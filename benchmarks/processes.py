"""Processes under measurement: started, awaited, stopped."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from benchmarks.result import OUT

ROOT = OUT.parent.parent


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running(
    *words: str,
    environment: Mapping[str, str] | None = None,
    folder: Path = ROOT,
    program: str = sys.executable,
    errors: IO[bytes] | None = None,
) -> Iterator[subprocess.Popen]:
    """A process of Python, or of another program, with the project on its path and no settings but those given; ended
    at the end.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    given = {"PYTHONPATH": str(ROOT), **(environment or {})}
    process = subprocess.Popen(
        [program, *words], env=inherited | given, cwd=folder, stdout=subprocess.DEVNULL, stderr=errors
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def ready(port: int, process: subprocess.Popen, path: str = "/health/ready", seconds: float = 120.0) -> None:
    """Wait until a process answers. Raises RuntimeError if it ends instead, or does not in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    raise RuntimeError(f"no answer on port {port}; the process ended with {process.poll()}")


def answering(port: int, process: subprocess.Popen, seconds: float = 120.0) -> None:
    """Wait until a process takes connections. Raises RuntimeError as `ready`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"no answer on port {port}; the process ended with {process.poll()}")


def processor_seconds(process: subprocess.Popen) -> float:
    """Processor seconds a process has used so far; 0 where there is no /proc."""
    path = Path(f"/proc/{process.pid}/stat")
    if not path.exists():
        return 0.0
    fields = path.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
