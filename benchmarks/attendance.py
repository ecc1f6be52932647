"""Attendance: the mornings of a province's classes marked through the deed, on one process with concurrent callers."""

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import asyncpg
import uvloop

import policies
from benchmarks import province
from benchmarks.province import Province
from benchmarks.result import Result, spread
from hub import accounts, attendance, caller, clock, gate
from hub.attendance import Absentee, Marking
from hub.caller import Caller
from hub.db import Database
from hub.demo import mornings
from hub.settings import Settings
from hub.terms import AbsenceKind

CALLERS, MORNINGS, AWAY = 16, 5, 0.05
"""How many mark at once, how many days each class is marked for, and the share of pupils not simply present."""
_KINDS = list(AbsenceKind)


@dataclass(frozen=True)
class Job:
    """A class teacher and what the teacher says of a day."""

    teacher: Caller
    marking: Marking


def run() -> None:
    """Measure and publish."""
    with province.serving() as place:
        found = uvloop.run(_measure(place))  # as `hub serve` runs
        sizes = {"students": province.STUDENTS, "classes": found["classes"], "callers": CALLERS, "mornings": MORNINGS}
        result = Result("attendance", sizes, place.postgres, target="500 class-days/s or more on one process")
    for what, runs in found["runs"].items():
        rates = spread(one["rate"] for one in runs)
        result.add(
            what=what,
            **{"class-days/s": rates["median"], "least": rates["least"], "most": rates["most"]},
            **{f"{name} ms": spread(one[name] for one in runs)["median"] for name in ("p50", "p99", "processor")},
        )
    result.publish()


async def _measure(place: Province) -> dict[str, Any]:
    """A morning of every class on fresh days of one copy of the province, by each way in turn."""
    async with place.copied() as copied:
        settings = replace(copied, write_pool=CALLERS)
        runs: dict[str, list[dict[str, float]]] = {}
        async with Database(settings) as database:
            classes = await _classes(settings)
            teachers = await _teachers(settings, database, classes)
            await _drive(database, _morning(classes, teachers, 0)[:200], _mark)  # warm
            for at in range(1, MORNINGS + 1):
                jobs = _morning(classes, teachers, at)
                runs.setdefault("a class a transaction", []).append(await _drive(database, jobs, _mark))
        await _check(settings, len(classes))
        runs["the disk: a row a commit"] = [await _commits(settings) for _ in range(MORNINGS)]
    return {"classes": len(classes), "runs": runs}


async def _mark(database: Database, job: Job) -> None:
    """One class-day, as the mutation does it."""
    await attendance.mark(database, POLICY, job.teacher, gate.Once(None, "markAttendance", None), job.marking)


POLICY = policies.load()


async def _drive(
    database: Database, jobs: Sequence[Job], deed: Callable[[Database, Job], Awaitable[None]]
) -> dict[str, float]:
    """Do the jobs, so many at once: the rate, latencies, and this process's processor time each, in milliseconds."""
    spent: list[float] = []
    left: Iterator[Job] = iter(jobs)

    async def work() -> None:
        for job in left:
            started = time.perf_counter()
            await deed(database, job)
            spent.append(time.perf_counter() - started)

    started, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(CALLERS)))
    passed, used = time.perf_counter() - started, time.process_time() - used
    spent.sort()
    p50, p99 = (spent[int(len(spent) * share)] * 1e3 for share in (0.5, 0.99))
    return {"rate": len(jobs) / passed, "p50": p50, "p99": p99, "processor": used / len(jobs) * 1e3}


def _morning(classes: dict[str, list[int]], teachers: dict[str, Caller], at: int) -> list[Job]:
    """Every class on a day nobody has marked yet, in no order; one pupil in twenty was not simply present."""
    chance = random.Random(at)
    day = clock.today() - timedelta(days=at + mornings.BACK)
    jobs = []
    for path, (key, *pupils) in classes.items():
        away = [pupil for pupil in pupils if chance.random() < AWAY]
        absentees = [Absentee(pupil, chance.choice(_KINDS), None) for pupil in away]
        jobs.append(Job(teachers[path], Marking(key, day, absentees)))
    chance.shuffle(jobs)
    return jobs


async def _classes(settings: Settings) -> dict[str, list[int]]:
    """Of every class with pupils the path, the id, and the pupils; all placed since the first of the days marked."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        await connection.execute("UPDATE placements SET since = least(since, current_date - 31) WHERE until IS NULL")
        rows = await connection.fetch(
            """SELECT c.path, c.id, array_agg(s.id) AS pupils FROM classes c JOIN students s ON s.class_id = c.id
               WHERE s.state = 'IN_SCHOOL' AND c.closed IS NULL GROUP BY c.id"""
        )
    finally:
        await connection.close()
    return {row["path"]: [row["id"], *row["pupils"]] for row in rows}


async def _teachers(settings: Settings, database: Database, classes: dict[str, list[int]]) -> dict[str, Caller]:
    """A signed-in class teacher for every class."""
    tokens = {path: f"token of {path}" for path in classes}
    hashes = [hashlib.sha256(token.encode()).digest() for token in tokens.values()]
    connection = await asyncpg.connect(settings.database_url)
    try:
        await connection.execute(
            """WITH made AS (INSERT INTO accounts (username, name, must_change_password)
                   SELECT path, path, false FROM unnest($1::text[]) AS path RETURNING id, username),
               granted AS (INSERT INTO grants (account_id, role, path, class_id)
                   SELECT m.id, 'class_teacher', c.path, c.id FROM made m JOIN classes c ON c.path = m.username)
               INSERT INTO sessions (account_id, token_hash, expires_at)
               SELECT m.id, t.hash, now() + interval '1 day'
               FROM made m JOIN unnest($1::text[], $2::bytea[]) AS t(path, hash) ON t.path = m.username""",
            list(tokens),
            hashes,
        )
        await connection.execute("ANALYZE; CHECKPOINT")
    finally:
        await connection.close()
    sessions = accounts.Sessions(database)
    return {path: caller.act(await sessions.find(token), None, clock.now()) for path, token in tokens.items()}


async def _check(settings: Settings, classes: int) -> None:
    """See that every day was marked, and told: a faster wrong answer would measure nothing."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        for table in (
            "class_days",
            "outbox WHERE kind = 'ATTENDANCE_MARKED'",
            "audit WHERE action = 'attendance:mark'",
        ):
            found = await connection.fetchval(f"SELECT count(*) FROM {table}")
            if found < classes * MORNINGS:
                raise RuntimeError(f"{found} rows in {table}, {classes} classes, {MORNINGS} mornings")
    finally:
        await connection.close()


async def _commits(settings: Settings) -> dict[str, float]:
    """What the disk allows: as many connections, each inserting one row a transaction, for a thousand rows."""
    pool = await asyncpg.create_pool(settings.database_url, min_size=CALLERS, max_size=CALLERS)
    spent: list[float] = []
    left = iter(range(1_000))

    async def work() -> None:
        async with pool.acquire() as connection:
            for at in left:
                started = time.perf_counter()
                await connection.execute("INSERT INTO outbox (kind, object) VALUES ('BENCH', $1)", str(at))
                spent.append(time.perf_counter() - started)

    started, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(CALLERS)))
    passed, used = time.perf_counter() - started, time.process_time() - used
    await pool.close()
    spent.sort()
    p50, p99 = (spent[int(len(spent) * share)] * 1e3 for share in (0.5, 0.99))
    return {"rate": len(spent) / passed, "p50": p50, "p99": p99, "processor": used / len(spent) * 1e3}
