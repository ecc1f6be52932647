"""Serving: one process, or several that share nothing but the listening socket and the database."""

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import structlog
import uvicorn
from starlette.applications import Starlette
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from hub import head, wire
from hub.app import build
from hub.settings import Settings

log = structlog.get_logger("hub")

_LOOK, _PAUSE, _GRACE = 0.2, 1.0, 8.0
"""Seconds between two looks at a worker of the queue, before a new one, and until one that should end is made to."""
_SWITCH = 0.0005
"""Seconds after which a thread that compiles lets the loop go on: a tenth of what Python waits otherwise."""
_PATIENCE = 60
"""Seconds a worker may leave its supervisor without an answer, which a starting one on a busy machine does."""


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
        http=head.bounded(settings.header_limit),
        **wire.options(settings),
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
        timeout_worker_healthcheck=_PATIENCE,
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
    """uvicorn's, which also tells of a worker it had to replace, and ends with its terminal."""

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have ended."""
        before = {process.pid: process for process in self.processes}
        super().keep_subprocess_alive()
        for pid in before.keys() - {process.pid for process in self.processes}:
            log.warning("worker replaced", pid=pid, ended=before[pid].exitcode)

    def handle_hup(self) -> None:
        """Stop: one process does so too when its terminal closes."""
        self.handle_term()


def _application(settings: Settings) -> Starlette:
    """The application of a serving process: what there is from the start is there to the end, and is not collected."""
    application = build(settings)
    sys.setswitchinterval(_SWITCH)
    gc.collect()
    gc.freeze()
    return application


def _worker(settings: Settings) -> Starlette:
    """The application of one worker, which does not outlive its supervisor."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    head.bounded(settings.header_limit)
    wire.options(settings)
    return _application(settings)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
