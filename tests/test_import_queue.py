"""Whose turn it is: the queue's order held against a slow, obvious one; places and estimates as people see them."""

import os
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hub import line, worker
from hub.db import Database
from hub.imports import queue
from hub.settings import Settings
from hub.worker import Trade
from tests.conftest import Ask
from tests.province import Province, make_import, make_photo_import

SCHOOLS = ("A1", "A2", "B1")


@dataclass(frozen=True)
class Kind:
    """One of the two lines: how a job of it is planted, what is small and middling there, how people see it."""

    trade: Trade
    make: Callable[..., Awaitable[str]]
    small: int
    middling: int
    seen: str

    def size(self, weight: int) -> int:
        return 0 if weight <= self.small else 1 if weight <= self.middling else 2


SEEN = "nodes { id position waitSeconds state }"
KINDS = {
    "workbooks": Kind(worker.WORKBOOKS, make_import, 500, 5_000, f"importJobs(first: 100) {{ {SEEN} }}"),
    "photos": Kind(
        worker.PHOTOS,
        make_photo_import,
        100,
        2_000,
        f"schools(first: 100) {{ nodes {{ photoImports(first: 100) {{ {SEEN} }} }} }}",
    ),
}
of_both_lines = pytest.mark.parametrize("kind", [pytest.param(kind, id=name) for name, kind in KINDS.items()])


@dataclass
class Job:
    """An import as the oracle sees it."""

    id: int
    school: str
    county: str
    weight: int
    size: int
    running: bool = False


def in_line(jobs: list[Job]) -> list[Job]:
    """Everybody in order: what runs, then every county's first, every county's second, small before big."""
    counties: dict[str, list[Job]] = defaultdict(list)
    for job in sorted(jobs, key=lambda job: (not job.running, job.size, job.id)):
        counties[job.county].append(job)
    turns = {job.id: turn for of_county in counties.values() for turn, job in enumerate(of_county)}
    return sorted(jobs, key=lambda job: (not job.running, turns[job.id], job.size, job.id))


def following(jobs: list[Job], most: int) -> int | None:
    """The job to be claimed next: of a school only its first, and none while another of it runs."""
    for job in in_line(jobs):
        of_school = [other for other in jobs if other.school == job.school]
        if job.running or job.weight > most or any(other.running for other in of_school):
            continue
        if job.id == min(other.id for other in of_school):
            return job.id
    return None


async def plant(system: asyncpg.Connection, province: Province, kind: Kind, chance: random.Random) -> list[Job]:
    jobs = []
    for _ in range(chance.randint(1, 12)):
        school, weight = chance.choice(SCHOOLS), chance.choice([10, 90, 400, 900, 3_000, 20_000])
        found = await kind.make(system, province, "QUEUED", school, weight=weight)
        county = province.paths[school].split(".")[0]
        jobs.append(Job(int(found.split(":")[1]), school, county, weight, kind.size(weight)))
    return jobs


@of_both_lines
@pytest.mark.parametrize("seed", range(8))
async def test_a_line_gives_jobs_in_the_order_of_the_rule(
    settings: Settings, system: asyncpg.Connection, province: Province, kind: Kind, seed: int
) -> None:
    chance = random.Random(seed)
    jobs, done, line = await plant(system, province, kind, chance), 0, kind.trade.line
    async with worker.employed(settings) as employed:
        while jobs:
            most = chance.choice([kind.trade.small, 10**9])
            wanted = following(jobs, most)
            if wanted is not None and chance.random() < 0.5:  # somebody who waits for one job looks whether it is next
                other = chance.choice(jobs).id
                claimed = await line.claim_in_turn(employed.database, other)
                wanted = other if other == following(jobs, 10**9) else None
            else:
                claimed = await line.claim_next(employed.database, most)
            assert (claimed and claimed[1].id) == wanted
            if claimed:
                next(job for job in jobs if job.id == claimed[1].id).running = True
            running = [job for job in jobs if job.running]
            if running and (claimed is None or chance.random() < 0.5):
                ended = chance.choice(running)
                over = "APPLIED" if kind.trade is worker.WORKBOOKS else "DONE"
                await system.execute(
                    f"UPDATE {line.table} SET state = $2, ended_at = now() WHERE id = $1", ended.id, over
                )
                jobs.remove(ended)
                done += 1
    assert done


@of_both_lines
@pytest.mark.parametrize("seed", range(4))
async def test_everybody_is_told_the_same_place_as_the_rule_says(
    ask: Ask, system: asyncpg.Connection, province: Province, kind: Kind, seed: int
) -> None:
    jobs = await plant(system, province, kind, random.Random(100 + seed))
    wanted = {job.id: place for place, job in enumerate(in_line(jobs), 1)}
    told: dict[int, int] = {}
    for caller in ("countyA", "countyB"):
        answer = await ask(caller, f"{{ {kind.seen} }}")
        assert "errors" not in answer, answer
        of_school = answer["data"].get("importJobs") or [
            node["photoImports"] for node in answer["data"]["schools"]["nodes"]
        ]
        nodes: list[Any] = [
            node for page in (of_school if isinstance(of_school, list) else [of_school]) for node in page["nodes"]
        ]
        told |= {int(node["id"].split(":")[1]): node["position"] for node in nodes}
        assert all(node["waitSeconds"] >= 1 for node in nodes)
    assert told == wanted


async def test_a_small_workbook_of_another_county_is_next_although_hundreds_wait(
    settings: Settings, system: asyncpg.Connection, province: Province
) -> None:
    for _ in range(100):
        await make_import(system, province, "QUEUED", "A1", weight=50_000)
    small = await make_import(system, province, "QUEUED", "B1", weight=20)
    async with worker.employed(settings) as employed:
        first = await queue.LINE.claim_next(employed.database, 10**9)
        second = await queue.LINE.claim_next(employed.database, worker.SMALL)
    assert {f"import:{first[1].id}", second and f"import:{second[1].id}"} >= {small}


async def test_a_silent_worker_loses_its_job_and_a_living_one_does_not(
    settings: Settings, system: asyncpg.Connection, province: Province
) -> None:
    await make_import(system, province, "QUEUED", "A1")
    async with worker.employed(settings) as employed:
        claim, row = await queue.LINE.claim_next(employed.database, 10**9)
        assert await queue.LINE.claim_next(employed.database, 10**9) is None
        await system.execute("UPDATE imports SET heartbeat_at = now() - make_interval(secs => $1)", line.PATIENCE + 1.0)
        assert await queue.LINE.beat(employed.database, row.id, claim)
        assert await queue.LINE.claim_next(employed.database, 10**9) is None
        await system.execute("UPDATE imports SET heartbeat_at = now() - make_interval(secs => $1)", line.PATIENCE + 1.0)
        again, _ = await queue.LINE.claim_next(employed.database, 10**9)
        assert again != claim
        assert not await queue.LINE.beat(employed.database, row.id, claim)


async def test_rows_of_imports_long_ended_are_cleared_and_can_no_longer_be_undone(
    settings: Settings, ask: Ask, system: asyncpg.Connection, province: Province
) -> None:
    old, new = [await make_import(system, province, "APPLIED") for _ in range(2)]
    await system.execute(
        "UPDATE imports SET ended_at = now() - interval '61 days' WHERE id = $1", int(old.split(":")[1])
    )
    async with worker.employed(settings) as employed:
        assert await queue.clear(employed.database, 60) == 1
    for found, code in ((old, "IMPORT_EXPIRED"), (new, None)):
        query = f'mutation {{ undoImport(input: {{importId: "{found}"}}) {{ import {{ state }} }} }}'
        answer = await ask("schoolA1", query)
        assert (
            answer["errors"][0]["extensions"]["key"] if code else answer["data"]["undoImport"]["import"]["state"]
        ) == (code or "UNDOING")


@pytest.mark.skipif(not Path("/proc/self/comm").exists(), reason="processes are looked up in /proc")
async def test_a_workers_statements_step_back_and_a_serving_process_s_do_not(settings: Settings) -> None:
    async def nice(database: Database) -> int:
        async with database.app.begin() as connection:
            raw = await connection.get_raw_connection()
            driver: Any = raw.driver_connection
            return os.getpriority(os.PRIO_PROCESS, driver.get_server_pid())

    async with worker.employed(settings) as employed, Database(settings) as serving:
        assert await nice(employed.database) == await nice(serving) + worker._NICE
