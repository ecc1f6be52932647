"""Jobs done by so many callers at once, and what that took."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

Job = TypeVar("Job")


async def drive(
    jobs: Sequence[Job],
    callers: int,
    deed: Callable[[Job], Awaitable[object]],
    size: Callable[[Job], int] = lambda _: 1,
) -> dict[str, float]:
    """Do the jobs: the rate of what they hold, latencies of a job, and this process's time for one, in milliseconds."""
    spent: list[float] = []
    left: Iterator[Job] = iter(jobs)

    async def work() -> None:
        for job in left:
            started = time.perf_counter()
            await deed(job)
            spent.append(time.perf_counter() - started)

    started, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(callers)))
    passed, used = time.perf_counter() - started, time.process_time() - used
    spent.sort()
    p50, p99 = (spent[int(len(spent) * share)] * 1e3 for share in (0.5, 0.99))
    held = sum(map(size, jobs))
    return {"rate": held / passed, "p50": p50, "p99": p99, "processor": used / held * 1e3}
