"""Page-sized queries in a small and in a whole province, and with and without the caller's scope in the statement.

Two PostgreSQL servers and two processes of the hub stand side by side, asked in turns: `LARGE` students (the variable
STUDENTS of `make bench`) against 45,000. The county administrator asks; what is asked for is drawn anew each time, so
that both answer with as many rows: ten schools, of whom the smaller county has eleven, and names that four to six bear.
"""

import asyncio
import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import httpx
import orjson
from starlette.datastructures import Headers

from benchmarks import processes, province
from benchmarks.province import Province
from benchmarks.result import Result, spread
from hub import accounts, app
from hub.db import Database
from hub.settings import Settings
from loaders import read
from loaders.compiler import Compiler
from loaders.plan import Call

LARGE = province.LARGE
ROUNDS, REQUESTS = 9, 100

ROSTER = """query($code: String!) { school(code: $code) { name classes(first: 12) { nodes { name students(first: 40) {
 nodes { id name sex birthDate studentNumber grade state } } } } } }"""
STUDENT = """query($code: String!) { student(studentNumber: $code) { id name sex birthDate idNumber studentNumber
 state grade ethnicGroup { code name } presentAddress phone school { code name } schoolClass { name teacherName }
 guardians { name phone relation { name } } placements { nodes { since until grade school { name } } }
 problemRecords { nodes { kind state } } } }"""
SCHOOLS = """query($code: String!) { schools(within: $code, first: 10) { totalCount nodes { code name type { name }
 phone headcounts(groupBy: []) { students } problemCounts { kind open } } } }"""
SEARCH = """query($code: String!) { students(where: {nameLike: $code}, orderBy: [{by: NAME}], first: 50) { nodes {
 id name sex birthDate studentNumber grade school { name } schoolClass { name } }
 pageInfo { hasNextPage endCursor } } }"""
COUNTS = """query($code: String!) { region(code: $code) { name headcounts(groupBy: [GRADE, SEX]) { grade sex students }
 schools(first: 10) { nodes { name headcounts(groupBy: []) { students boarding } } } } }"""
CHILDREN = """query($code: String!) { region(code: $code) { name children { nodes { code name
 headcounts(groupBy: []) { students boarding openProblems } } } } }"""
SCHOOL_OF_TWELVE = """SELECT s.code FROM schools s WHERE s.path LIKE $1 || '%' AND 12 <= (
 SELECT count(*) FROM classes c WHERE c.school_id = s.id) ORDER BY s.code LIMIT 40"""
QUERIES: dict[str, tuple[str, str, str]] = {
    "roster": ("county_administrator", ROSTER, SCHOOL_OF_TWELVE),
    "student page": (
        "county_administrator",
        STUDENT,
        "SELECT student_number AS code FROM students WHERE path LIKE $1 || '%' ORDER BY md5(student_number) LIMIT 200",
    ),
    "school list": ("county_administrator", SCHOOLS, "SELECT $1::text AS code"),
    "student search": (
        "county_administrator",
        SEARCH,
        """SELECT name AS code FROM students WHERE path LIKE $1 || '%' AND length(name) = 3 GROUP BY name
           HAVING count(*) BETWEEN 4 AND 6 ORDER BY md5(name) LIMIT 100""",
    ),
    "counts of a county": ("county_administrator", COUNTS, "SELECT $1::text AS code"),
    "counts of the children": (
        "city_administrator",
        CHILDREN,
        "SELECT code FROM places WHERE path = $1",
    ),
}
"""By name: who asks, what, and the statement that draws what for at the caller's root."""


def run() -> None:
    """Measure and publish."""
    with province.serving() as small, province.serving(LARGE) as large:
        sizes = {"small": province.STUDENTS, "large": LARGE, "rounds": ROUNDS, "requests a round": REQUESTS}
        result = Result("pages", sizes, large.postgres, target="large <= 1.3 x small, scoped <= 1.2 x unscoped")
        asyncio.run(_measure(result, small, large))
        result.publish()


async def _measure(result: Result, small: Province, large: Province) -> None:
    with _hub(small.settings) as near, _hub(large.settings) as far:
        async with httpx.AsyncClient(timeout=60) as client:
            for name, (role, query, draw) in QUERIES.items():
                wanted = [await asked(place, role, draw) for place in (small, large)]
                times: list[list[float]] = [[], []]
                for _ in range(ROUNDS):
                    for at, port in enumerate((near, far)):
                        times[at] += await _round(client, port, *wanted[at], query)
                p50 = [spread(each)["median"] * 1e3 for each in times]
                scoped, unscoped = await _scopes(large.settings, wanted[1][0], query, wanted[1][1])
                result.add(
                    query=name,
                    **{"small p50 ms": p50[0], "large p50 ms": p50[1], "large / small": p50[1] / p50[0]},
                    **{"scoped ms": scoped, "unscoped ms": unscoped, "scoped / unscoped": scoped / unscoped},
                )


@contextmanager
def _hub(settings: Settings) -> Iterator[int]:
    """A process of the hub on a province; its port."""
    port = processes.free_port()
    words = ("-m", "hub", "serve", "--port", str(port))
    with processes.running(*words, environment=province.environment(settings)) as process:
        processes.ready(port, process)
        yield port


async def asked(place: Province, role: str, draw: str) -> tuple[str, list[str]]:
    """The token of a role's account and what to ask for at its root."""
    log_in = place.log_ins[role]
    async with Database(place.settings) as database:
        token = (await accounts.sign_in(database, log_in["username"], log_in["password"])).token
    codes = [row["code"] for row in await place.fetch(draw, log_in["place"])]
    if not codes:
        raise RuntimeError(f"nothing to ask for below {log_in['place']}")
    return token, codes


async def _round(client: httpx.AsyncClient, port: int, token: str, codes: list[str], query: str) -> list[float]:
    """Seconds of each request of a round, one after another; every answer must be whole."""
    headers = {"authorization": f"Bearer {token}"}
    spent = []
    for at in range(REQUESTS):
        body = {"query": query, "variables": {"code": codes[at % len(codes)]}}
        begun = time.perf_counter()
        answer = await client.post(f"http://127.0.0.1:{port}/graphql", json=body, headers=headers)
        spent.append(time.perf_counter() - begun)
        if answer.status_code != httpx.codes.OK or b'"errors"' in answer.content:
            raise RuntimeError(answer.text[:400])
    return spent


async def _scopes(settings: Settings, token: str, query: str, codes: list[str]) -> tuple[float, float]:
    """Milliseconds of the query's statement with the caller's scope in it, and without, by turns on one connection."""
    application = app.build(settings)
    hub = application.state.hub
    async with application.router.lifespan_context(application):
        plans = []
        for scoped in (True, False):
            read.Compiler = functools.partial(Compiler, scoped=scoped)  # type: ignore[assignment,misc]  # for one plan
            hub.reader.plans = read.Cache(settings.plan_cache)
            context = await hub.context(Headers({"authorization": f"Bearer {token}"}), query)
            calls: list[Any] = []
            original = read._fetch

            async def fetched(*given: Any, calls: list[Any] = calls, original: Any = original) -> Any:
                calls.append(given)
                return await original(*given)

            read._fetch = fetched
            try:
                await hub.schema.execute(query, {"code": codes[0]}, context)
            finally:
                read._fetch, read.Compiler = original, Compiler  # type: ignore[misc]
            ((plan, _),) = hub.reader.plans._entries.values()
            plans.append(plan.values and (plan, calls[0][4], context))
        async with hub.reader.database.reading() as connection:
            times = [await _timed(connection, settings, plans, codes, at) for _ in range(ROUNDS) for at in (0, 1)]
    return spread(times[0::2])["median"], spread(times[1::2])["median"]


async def _timed(
    connection: asyncpg.pool.PoolConnectionProxy, settings: Settings, plans: list[Any], codes: list[str], at: int
) -> float:
    plan, given, context = plans[at]
    call = Call(context.caller(), context.reads().variables, settings, given)
    values = plan.values(call)
    places = [place for place, value in enumerate(values) if value == codes[0]]
    begun = time.perf_counter()
    for count in range(REQUESTS):
        for place in places:
            values[place] = codes[count % len(codes)]
        orjson.loads(await connection.fetchval(plan.sql, *values))
    return (time.perf_counter() - begun) / REQUESTS * 1e3
