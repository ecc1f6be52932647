"""The roster: twelve classes of a school with eight students each, over HTTP, on one process of the hub."""

import asyncio
import json
import pickle
import tempfile
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from starlette.datastructures import Headers

from benchmarks import load, processes, province
from benchmarks.load import Asked, Load
from benchmarks.plans import Plan, Plans
from benchmarks.province import Province
from benchmarks.result import Result, spread
from hub import accounts, app
from hub.db import Database
from loaders import fragment
from loaders.plan import Call

QUERY = """query($code: String!) { school(code: $code) { name classes(first: 12) { nodes { name students(first: 8) {
 nodes { id name sex birthDate studentNumber grade state } } } } } }""".replace("\n", "")
CONNECTIONS, SECONDS, WARM_UP, ROUNDS = 16, 6, 3, 3


def run() -> None:
    """Measure and publish."""
    with province.serving() as place:
        plan, token = asyncio.run(_prepare(place))
        hub, bare = [], []
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "plan.json"
            path.write_bytes(pickle.dumps(Plans(place.settings.read_database_url, {QUERY: plan["bare"]})))
            for _ in range(ROUNDS):
                hub.append(_hub(place, Asked(processes.free_port(), token, QUERY, plan["codes"])))
                bare.append(_bare(path, Asked(processes.free_port(), token, QUERY, plan["codes"])))
        sizes = {
            "students": province.STUDENTS,
            "schools asked": len(plan["codes"]),
            "answer bytes": plan["bytes"],
            "connections": CONNECTIONS,
            "seconds": SECONDS,
            "rounds": ROUNDS,
            "client": hub[0].client,
        }
        result = Result("roster", sizes, place.postgres, target="500 requests/s or more on one process")
        _add(result, "hub serve", hub)
        _add(result, "bare ASGI + asyncpg", bare)
        alone = [Load(1e3 / each, each, each, 0, "") for each in plan["alone"]]
        _add(result, "its statement, one connection", alone)
        result.publish()


def _add(result: Result, what: str, found: list[Load]) -> None:
    rates = spread(one.rate for one in found)
    result.add(
        what=what,
        **{"req/s": rates["median"], "least": rates["least"], "most": rates["most"]},
        **{"p50 ms": spread(one.p50 for one in found)["median"], "p99 ms": spread(one.p99 for one in found)["median"]},
        **{"server ms/req": spread(one.processor for one in found)["median"]},
        failed=sum(one.failed for one in found),
    )


def _hub(place: Province, asked: Asked) -> Load:
    words = ("-m", "hub", "serve", "--port", str(asked.port))
    return _driven(words, asked, province.environment(place.settings))


def _bare(path: Path, asked: Asked) -> Load:
    return _driven(("-m", "benchmarks.bare", str(path), str(asked.port)), asked, {})


def _driven(words: tuple[str, ...], asked: Asked, environment: dict[str, str]) -> Load:
    """Start a server, see that it answers rightly, warm it up, and measure it with its processor time."""
    with processes.running(*words, environment=environment) as process:
        processes.ready(asked.port, process)
        for code in asked.codes:
            _whole(asked, code)
        load.drive(asked, CONNECTIONS, WARM_UP)
        before = processes.processor_seconds(process)
        found = load.drive(asked, CONNECTIONS, SECONDS)
        spent = processes.processor_seconds(process) - before
        return replace(found, processor=spent / (found.rate * SECONDS) * 1e3)


def _whole(asked: Asked, code: str) -> None:
    """See that an answer has 12 classes of 8 students: a faster wrong answer would measure nothing."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{asked.port}/graphql",
        asked.body(code),
        {"content-type": "application/json", "authorization": f"Bearer {asked.token}"},
    )
    with urllib.request.urlopen(request) as response:
        answer = json.load(response)
    found = [len(node["students"]["nodes"]) for node in answer["data"]["school"]["classes"]["nodes"]]
    if "errors" in answer or found != [8] * 12:
        raise RuntimeError(f"school {code}: {found} {answer.get('errors')}")


async def _prepare(place: Province) -> tuple[dict[str, Any], str]:
    """The county administrator's token, the schools big enough, and the statement that the hub runs for the query."""
    log_in = place.log_ins["county_administrator"]
    async with Database(place.settings) as database:
        token = (await accounts.sign_in(database, log_in["username"], log_in["password"])).token
    rows = await place.fetch(
        """SELECT s.code FROM schools s WHERE s.path LIKE $1 || '%' AND 12 <= (
             SELECT count(*) FROM classes c WHERE c.school_id = s.id
               AND 8 <= (SELECT count(*) FROM students p WHERE p.class_id = c.id)) ORDER BY s.code""",
        log_in["place"],
    )
    codes = []
    application = app.build(place.settings)
    hub = application.state.hub
    async with application.router.lifespan_context(application):
        for row in rows:
            context = await hub.context(Headers({"authorization": f"Bearer {token}"}), QUERY)
            answer = await hub.schema.execute(QUERY, {"code": row["code"]}, context)
            plain = orjson.loads(orjson.dumps(answer.data, default=fragment.default))
            classes = plain["school"]["classes"]["nodes"]
            if [len(one["students"]["nodes"]) for one in classes] == [8] * 12:
                codes.append(row["code"])
                size = len(orjson.dumps(answer.data, default=fragment.default))
        ((plan, _),) = hub.reader.plans._entries.values()
        call = Call(context.caller(), context.reads().variables, place.settings, {"key": codes[0]})
        values = plan.values(call)
        alone = [await _alone(hub.reader.database, plan.sql, values) for _ in range(ROUNDS)]
    at = values.index(codes[0])
    by_code = {code: [*values[:at], code, *values[at + 1 :]] for code in codes}
    return {"bare": Plan("school", plan.sql, by_code), "codes": codes, "bytes": size, "alone": alone}, token


async def _alone(database: Database, sql: str, values: list[Any]) -> float:
    """Milliseconds of the statement on one connection, one after another."""
    async with database.reading() as connection:
        for _ in range(20):
            await connection.fetchval(sql, *values)
        started = time.perf_counter()
        for _ in range(200):
            await connection.fetchval(sql, *values)
        return (time.perf_counter() - started) / 200 * 1e3
