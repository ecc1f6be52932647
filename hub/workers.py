"""Serving: one process, or several that share nothing but the listening socket and the database."""

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from socket import socket

import structlog
import uvicorn
from starlette.applications import Starlette
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from hub import head, wire
from hub.app import build
from hub.settings import Settings

log = structlog.get_logger("hub")

_LOOK, _PAUSE, _GRACE = 0.2, 1.0, 8.0
"""Seconds between two looks at a worker of the queue, before a new one, and until one that should end is made to."""
_SWITCH = 0.0001
"""Seconds after which a thread that compiles lets the loop go on: a fiftieth of what Python waits otherwise."""
_YOUNG = 10_000
"""New objects until the collector looks for rubbish among them: those of some dozens of requests."""
_PATIENCE, _FAREWELL = 60, 10
"""Seconds a worker may leave its supervisor without an answer, as one that starts on a busy machine does;
and has for the requests at work when it is told to end."""


class Failed(Exception):
    """A worker could not start, and would not the next time."""


def serve(settings: Settings) -> None:
    """Serve until a signal. Raises Failed when workers cannot start."""
    with employing(settings):
        _serve(settings)


def _serve(settings: Settings) -> None:
    several = settings.workers > 1
    config = uvicorn.Config(
        partial(_worker if several else _application, settings),
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_level="warning",
        access_log=False,
        http=head.bounded(settings),
        **wire.options(settings),
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_FAREWELL,
    )
    if not several:
        uvicorn.Server(config).run()
        return
    supervisor = _Supervisor(config, [config.bind_socket()])
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise Failed


@contextmanager
def employing(settings: Settings) -> Iterator[None]:
    """Keep the processes running that work on queued imports, while the block runs."""
    stop = threading.Event()
    threads = [threading.Thread(target=_keep, args=(settings, stop)) for _ in range(settings.import_workers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _keep(settings: Settings, stop: threading.Event) -> None:
    """Run a worker of the queue, and a new one when it ends. It ends by itself when its input closes: when we die."""
    command = [sys.executable, "-m", "hub", "worker", "--attached"]
    while not stop.is_set():
        process = subprocess.Popen(  # noqa: S603 -- our own interpreter and module
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=settings.environment()
        )
        while process.poll() is None and not stop.wait(_LOOK):
            pass
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        elif not stop.wait(_PAUSE):
            log.warning("import worker replaced", pid=process.pid, ended=process.returncode)
        if process.stdin is not None:
            process.stdin.close()


class _Supervisor(Multiprocess):
    """uvicorn's, but it waits for no worker's answer, and so not for one that ended when it was asked.

    While uvicorn's waits, it hears no signal and replaces nobody. This one also ends with its terminal.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket]) -> None:
        super().__init__(config, sockets)
        self._asked: dict[Process, float] = {}

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have ended, or owe an answer for too long; stop when one cannot start."""
        for at, process in enumerate(self.processes):
            if process.process.is_alive() and self._answers(process):
                continue
            process.kill()
            process.join()
            self._asked.pop(process, None)
            if process.exitcode == STARTUP_FAILURE:
                self.should_exit.set()
                return
            log.warning("worker replaced", pid=process.pid, ended=process.exitcode)
            self.processes[at] = Process(self.config, self.sockets)
            self.processes[at].start()

    def _answers(self, process: Process) -> bool:
        """Hear the answer if there is one, ask anew, and say whether one has come in time."""
        now = time.monotonic()
        try:
            if process in self._asked and process.parent_conn.poll():
                process.parent_conn.recv()
                del self._asked[process]
            if process not in self._asked:
                process.parent_conn.send(b"ping")
                self._asked[process] = now
        except (OSError, EOFError):
            return False
        return now - self._asked[process] < _PATIENCE

    def join_all(self) -> None:
        """Wait for workers that were told to end, and kill who does not."""
        until = time.monotonic() + _FAREWELL + _GRACE
        for process in self.processes:
            process.process.join(max(until - time.monotonic(), 0))
            if process.process.is_alive():
                log.warning("worker killed", pid=process.pid)
                process.kill()
                process.join()

    def handle_hup(self) -> None:
        """Stop: one process does so too when its terminal closes."""
        self.handle_term()


def _application(settings: Settings) -> Starlette:
    """The application of a serving process: what there is from the start is there to the end, and is not collected."""
    application = build(settings)
    sys.setswitchinterval(_SWITCH)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)
    return application


def _worker(settings: Settings) -> Starlette:
    """The application of one worker, which does not outlive its supervisor."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    head.bounded(settings)
    wire.options(settings)
    return _application(settings)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
