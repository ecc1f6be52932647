"""From an installed hub and an empty folder to an answering demonstration; and started again."""

import shutil
import time
from pathlib import Path

from benchmarks import processes, province
from benchmarks.result import OUT, Result, spread
from hub.postgres import Cluster

ROUNDS = 3


def run() -> None:
    """Measure and publish."""
    folder = OUT / "demo"
    first, again = [], []
    for _ in range(ROUNDS):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        first.append(_start(folder))
        again.append(_start(folder))
    with Cluster(folder / ".hub" / "postgres").serving() as cluster:
        postgres = province.version(cluster)
    shutil.rmtree(folder, ignore_errors=True)
    sizes = {"students": province.STUDENTS, "rounds": ROUNDS}
    result = Result("demo_start", sizes, postgres, target="first start under 30 s")
    for what, seconds in (("first start, empty folder", first), ("second start", again)):
        result.add(what=what, **{f"{name} s": value for name, value in spread(seconds).items()})
    result.publish()


def _start(folder: Path) -> float:
    port = processes.free_port()
    started = time.perf_counter()
    with processes.running("-m", "hub", "demo", "--port", str(port), folder=folder) as process:
        processes.ready(port, process)
        return time.perf_counter() - started
