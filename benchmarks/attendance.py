"""Attendance: the mornings of a province's classes marked through the deed, on one process with concurrent callers."""

import asyncio
import hashlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import uvloop

import policies
from benchmarks import province
from benchmarks.driving import drive
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
    """Somebody and what they say in one request: a class teacher of one class, a school's clerk of all its classes."""

    marker: Caller
    markings: list[Marking]


def run() -> None:
    """Measure and publish."""
    with province.serving() as place:
        found = uvloop.run(_measure(place))  # as `hub serve` runs
        sizes = {"students": province.STUDENTS, **{key: found[key] for key in ("classes", "schools")}}
        sizes |= {"callers": CALLERS, "mornings": MORNINGS}
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
    """A morning of every class on fresh days of one copy of the province, by each way by turns."""
    async with place.copied() as copied:
        settings = replace(copied, write_pool=CALLERS)
        runs: dict[str, list[dict[str, float]]] = {}
        async with Database(settings) as database:
            classes = await _classes(settings)
            paths = list(classes)
            schools = sorted({path.rpartition(".")[0] for path in paths})
            teachers = await _callers(settings, database, "class_teacher", "class", paths)
            clerks = await _callers(settings, database, "school_administrator", "school", schools)
            await _drive(database, _one_by_one(classes, teachers, 0)[:200])  # warm
            for at in range(1, MORNINGS + 1):
                one = await _drive(database, _one_by_one(classes, teachers, at))
                runs.setdefault("markAttendance: a class", []).append(one)
                all_ = await _drive(database, _together(classes, clerks, at + MORNINGS))
                runs.setdefault("markAttendances: a school", []).append(all_)
        await _check(settings, len(classes))
        runs["the disk: a row a commit"] = [await _commits(settings) for _ in range(MORNINGS)]
    return {"classes": len(classes), "schools": len(schools), "runs": runs}


async def _mark(database: Database, job: Job) -> None:
    """One request, as its mutation does it."""
    if len(job.markings) == 1:
        await attendance.mark(database, POLICY, job.marker, gate.Once(None, "markAttendance", None), job.markings[0])
        return
    once = gate.Once(None, "markAttendances", None)
    outcomes = await attendance.mark_all(database, POLICY, job.marker, once, job.markings)
    if not all(isinstance(outcome, int) for outcome in outcomes):
        raise RuntimeError(f"{outcomes}")


POLICY = policies.load()


async def _drive(database: Database, jobs: Sequence[Job]) -> dict[str, float]:
    """Class-days a second, milliseconds a request, and of this process a class-day."""
    return await drive(jobs, CALLERS, partial(_mark, database), lambda job: len(job.markings))


def _one_by_one(classes: dict[str, list[int]], teachers: dict[str, Caller], at: int) -> list[Job]:
    """A request for every class."""
    return [Job(teachers[path], [marking]) for path, marking in _morning(classes, at)]


def _together(classes: dict[str, list[int]], clerks: dict[str, Caller], at: int) -> list[Job]:
    """A request for every school."""
    found: dict[str, list[Marking]] = {}
    for path, marking in _morning(classes, at):
        found.setdefault(path.rpartition(".")[0], []).append(marking)
    return [Job(clerks[school], markings) for school, markings in found.items()]


def _morning(classes: dict[str, list[int]], at: int) -> list[tuple[str, Marking]]:
    """Every class on a day nobody has marked yet, in no order; one pupil in twenty was not simply present."""
    chance = random.Random(at)
    day = clock.today() - timedelta(days=at + 1 + mornings.BACK)
    found = []
    for path, (key, *pupils) in classes.items():
        away = [pupil for pupil in pupils if chance.random() < AWAY]
        absentees = [Absentee(pupil, chance.choice(_KINDS), None) for pupil in away]
        found.append((path, Marking(key, day, absentees)))
    chance.shuffle(found)
    return found


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


async def _callers(
    settings: Settings, database: Database, role: str, kind: str, paths: Sequence[str]
) -> dict[str, Caller]:
    """Somebody signed in under a role for every class, or every school."""
    tokens = {path: f"token of {path}" for path in paths}
    hashes = [hashlib.sha256(token.encode()).digest() for token in tokens.values()]
    table, column = {"class": ("classes", "class_id"), "school": ("schools", "school_id")}[kind]
    connection = await asyncpg.connect(settings.database_url)
    try:
        await connection.execute(
            f"""WITH made AS (INSERT INTO accounts (username, name, must_change_password)
                   SELECT path, path, false FROM unnest($1::text[]) AS path RETURNING id, username),
               granted AS (INSERT INTO grants (account_id, role, path, {column})
                   SELECT m.id, $3, c.path, c.id FROM made m JOIN {table} c ON c.path = m.username)
               INSERT INTO sessions (account_id, token_hash, expires_at)
               SELECT m.id, t.hash, now() + interval '1 day'
               FROM made m JOIN unnest($1::text[], $2::bytea[]) AS t(path, hash) ON t.path = m.username""",
            list(tokens),
            hashes,
            role,
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
            if found < 2 * classes * MORNINGS:
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
