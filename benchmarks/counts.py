"""Counts of a province's cities in one statement, folded and not; what keeping them costs a write.

`python -m benchmarks.counts 4500000` does the same on a province of another size, planted once beside the first.
"""

import asyncio
import statistics
import sys
import time
from typing import Any

import asyncpg
import orjson
from starlette.datastructures import Headers

from benchmarks import province
from benchmarks.province import Province
from benchmarks.result import Result, spread
from hub import accounts, app
from hub.db import Database
from hub.settings import Settings
from loaders import fragment
from loaders.plan import Call

CHILDREN = "{ headcounts { grade sex students boarding openProblems } code }"
QUERY = f'{{ region(code: "14") {{ children {{ nodes {CHILDREN} }} }} }}'
TERRITORY = QUERY.replace("headcounts", "headcounts(by: TERRITORY)")
ONE = '{ region(code: "14") { headcounts(groupBy: []) { students openProblems } } }'
ROUNDS, TIMES, BULK, SINGLE = 5, 100, 2_000, 300

_COLUMNS = """SELECT string_agg(attname, ', ') AS names, string_agg(CASE attname
        WHEN 'student_number' THEN '''L140105'' || 9000000000 + n || ''00''' ELSE 's.' || attname END, ', ') AS taken
    FROM pg_attribute WHERE attrelid = 'students'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'id'"""


def run(students: int = province.STUDENTS) -> None:
    """Measure and publish."""
    with province.serving(students) as place:
        result = Result(
            "counts" if students == province.STUDENTS else f"counts-{students}",
            {"students": students, "rounds": ROUNDS, "times": TIMES, "bulk": BULK, "single": SINGLE},
            place.postgres,
            target="children's counts at 4.5 M students cost at most 1.3 times what they cost at 45,000",
        )
        for row in asyncio.run(_measure(place)):
            result.add(**row)
        result.publish()


async def _measure(place: Province) -> list[dict[str, Any]]:
    found = []
    plans = {name: await _plan(place, query) for name, query in (("one", ONE), ("by", QUERY), ("on", TERRITORY))}
    names = {"one": "the province, one total", "by": "its cities, by management", "on": "its cities, by territory"}
    async with place.copied() as settings:
        system = await asyncpg.connect(settings.system_database_url)
        owner = await asyncpg.connect(settings.database_url)
        await owner.execute("ANALYZE")
        for key, (sql, values) in plans.items():
            found.append(_row(f"read {names[key]}", await _reads(settings, sql, values)))
        for at in range(1_000):
            await system.execute("UPDATE students SET grade = grade % 9 + 1 WHERE id = $1", await _some(system, at))
        for key, (sql, values) in plans.items():
            found.append(_row(f"read {names[key]}, 1,000 writes unfolded", await _reads(settings, sql, values)))
        started = time.perf_counter()
        folded = await system.fetchval("SELECT fold_counts(20000)")
        found.append(_row(f"fold {folded:,} deltas", [(time.perf_counter() - started) * 1e3]))
        for switch in ("ENABLE", "DISABLE", "ENABLE", "DISABLE"):
            await owner.execute(f"ALTER TABLE students {switch} TRIGGER USER")
            how = "counted" if switch == "ENABLE" else "triggers off"
            found.append(_row(f"insert {BULK:,} pupils at once, {how}", await _bulk(system)))
            found.append(_row(f"change the grade of one pupil, {how}", await _single(system)))
        await system.close()
        await owner.close()
    return found


def _row(what: str, times: list[float]) -> dict[str, Any]:
    told = spread(times)
    return {"what": what, "median ms": told["median"], "least ms": told["least"], "most ms": told["most"]}


async def _some(connection: asyncpg.Connection, at: int) -> int:
    most: int = await connection.fetchval("SELECT max(id) FROM students")
    return most * at // 1_000 + 1


async def _plan(place: Province, query: str) -> tuple[str, list[Any]]:
    """The statement of a query for the province's administrator, and its values."""
    log_in = place.log_ins["province_administrator"]
    application = app.build(place.settings)
    hub = application.state.hub
    async with application.router.lifespan_context(application):
        token = (await accounts.sign_in(hub.reader.database, log_in["username"], log_in["password"])).token
        context = await hub.context(Headers({"authorization": f"Bearer {token}"}), query)
        answer = await hub.schema.execute(query, {}, context)
        told = orjson.loads(orjson.dumps(answer.data, default=fragment.default))
        if answer.errors or not told["region"]:
            raise RuntimeError(f"{answer.errors}")
        ((plan, _),) = hub.reader.plans._entries.values()
        return plan.sql, plan.values(Call(context.caller(), context.reads().variables, place.settings, {"key": "14"}))


async def _reads(settings: Settings, sql: str, values: list[Any]) -> list[float]:
    """Milliseconds of the statement on one connection of the hub's: the medians of some rounds."""
    async with Database(settings) as database, database.reading() as connection:
        rounds = []
        for _ in range(ROUNDS):
            times = []
            for _ in range(TIMES):
                started = time.perf_counter()
                await connection.fetchval(sql, *values)
                times.append((time.perf_counter() - started) * 1e3)
            rounds.append(statistics.median(times))
        return rounds


async def _bulk(system: asyncpg.Connection) -> list[float]:
    """Milliseconds of inserting many pupils of one school in one statement, undone."""
    row = await system.fetchrow(_COLUMNS)
    times = []
    for _ in range(ROUNDS):
        change = system.transaction()
        await change.start()
        started = time.perf_counter()
        await system.execute(
            f"""INSERT INTO students ({row["names"]}) SELECT {row["taken"]} FROM generate_series(1, {BULK}) AS n,
                (SELECT * FROM students ORDER BY id LIMIT 1) AS s"""
        )
        times.append((time.perf_counter() - started) * 1e3)
        await change.rollback()
    return times


async def _single(system: asyncpg.Connection) -> list[float]:
    """Milliseconds of changing one pupil, one statement after another, undone."""
    rounds = []
    for _ in range(ROUNDS):
        change = system.transaction()
        await change.start()
        times = []
        for at in range(SINGLE):
            pupil = await _some(system, at * 3)
            started = time.perf_counter()
            await system.execute("UPDATE students SET grade = grade % 9 + 1 WHERE id = $1", pupil)
            times.append((time.perf_counter() - started) * 1e3)
        rounds.append(statistics.median(times))
        await change.rollback()
    return rounds


if __name__ == "__main__":
    run(int(sys.argv[1]))
