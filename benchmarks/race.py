"""The race: the hub, PostGraphile 5, plain Strawberry with data loaders, and the ceiling, on the same queries.

Each is one process on the same PostgreSQL, all running; they are asked by turns. Before that their answers are
compared: the same rows and the same fields, or no numbers. The hub signs its caller in and keeps scope and masks; the
others do nothing of the kind. STUDENTS says how large the province is, ROUNDS and SECONDS how long it is asked.
"""

import asyncio
import os
import pickle
import re
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from starlette.datastructures import Headers

from benchmarks import load, processes, province
from benchmarks.load import Asked, Load
from benchmarks.peers import postgraphile
from benchmarks.peers.queries import QUERIES, Query
from benchmarks.plans import KEYS, Plan, Plans
from benchmarks.province import Province
from benchmarks.result import OUT, Result, spread
from hub import accounts, app, counts
from hub.db import Database
from hub.settings import Settings
from loaders import seam

CONNECTIONS, COUNTED, WARM_UP = 16, 40, 2
ROUNDS, SECONDS = int(os.environ.get("ROUNDS", "3")), int(os.environ.get("SECONDS", "5"))
SYSTEMS = ("hub", "postgraphile", "strawberry", "ceiling")
_COUNTING = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "none"}
_FAIR = Path(__file__).parent / "peers" / "fair.sql"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)")
_TYPED = re.compile(r"[a-z]+:(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Drawn:
    """A query, whose token asks it, and what it is asked for."""

    query: Query
    token: str
    codes: list[str]


def run() -> None:
    """Measure and publish."""
    missing = {}
    if reason := postgraphile.install():
        missing["postgraphile"] = reason
    with province.serving(province.LARGE, _COUNTING) as place:
        asyncio.run(_race(place, missing))


async def _race(place: Province, missing: dict[str, str]) -> None:
    await counts.fold(place.settings)
    async with place.copied() as settings:
        await _prepare(settings)
        drawn = await _draw(place, settings)
        plans = await _plans(settings, drawn)
        with ExitStack() as stack:
            ports = {}
            for system in SYSTEMS:
                if system not in missing:
                    ports[system] = stack.enter_context(_running(system, settings, plans))
            left_out = _compare(drawn, ports)
            for name, why in left_out.items():
                print(f"left out: {name}: {why}")
            statements = await _statements(settings, drawn, ports)
            found = _measure(drawn, ports, left_out)
    _publish(place, drawn, ports, found, statements, missing, left_out)


async def _prepare(settings: Settings) -> None:
    """Give the copy what makes the race fair."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        await connection.execute(_FAIR.read_text())
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _draw(place: Province, settings: Settings) -> dict[str, Drawn]:
    connection = await asyncpg.connect(settings.database_url)
    found = {}
    try:
        async with Database(settings) as database:
            for name, query in QUERIES.items():
                log_in = place.log_ins[query.role]
                token = (await accounts.sign_in(database, log_in["username"], log_in["password"])).token
                codes = [row["code"] for row in await connection.fetch(query.draw, log_in["place"])]
                if not codes:
                    raise RuntimeError(f"nothing to ask for: {name}")
                found[name] = Drawn(query, token, codes)
    finally:
        await connection.close()
    return found


async def _plans(settings: Settings, drawn: Mapping[str, Drawn]) -> Plans:
    """The statements that the hub runs for each query and code: what the ceiling runs too."""
    sent: list[tuple[str, tuple[Any, ...]]] = []
    originals = {name: getattr(asyncpg.Connection, name) for name in ("fetch", "fetchval")}

    def noting(name: str) -> Any:
        async def noted(self: Any, sql: str, *values: Any, **rest: Any) -> Any:
            sent.append((sql, values))
            return await originals[name](self, sql, *values, **rest)

        return noted

    application = app.build(settings)
    hub = application.state.hub
    made = {}
    async with application.router.lifespan_context(application):
        for each in drawn.values():
            text = each.query.hub.replace("\n", "")
            values: dict[str, list[Any]] = {}
            more: tuple[str, tuple[Any, ...]] = ("", ())
            for code in each.codes:
                context = await hub.context(Headers({"authorization": f"Bearer {each.token}"}), text)
                sent.clear()
                for name in originals:
                    setattr(asyncpg.Connection, name, noting(name))
                try:
                    answer = await hub.schema.execute(text, {"code": code}, context)
                    await seam.fill(context.reading, answer.data)
                finally:
                    for name, original in originals.items():
                        setattr(asyncpg.Connection, name, original)
                found = [(sql, given) for sql, given in sent if sql.startswith("/*")]
                others = [(sql, given) for sql, given in sent if not sql.startswith("/*") and "unnest" in sql]
                sql, given = found[-1]
                values[code] = list(given)
                if others:
                    more = others[-1][0], tuple(KEYS if isinstance(one, list) else one for one in others[-1][1])
            (root,) = answer.data
            made[text] = Plan(root, sql, values, *more)
    return Plans(settings.read_database_url, made)


@contextmanager
def _running(system: str, settings: Settings, plans: Plans) -> Iterator[int]:
    """One process of a system; its port."""
    port = processes.free_port()
    with ExitStack() as stack:
        own = {"DATABASE_URL": settings.read_database_url}
        if system == "postgraphile":
            own |= {"PORT": str(port), "NODE_ENV": "production", "GRAPHILE_ENV": "production"}
            program, *words = postgraphile.COMMAND
            told = stack.enter_context((OUT / "postgraphile.log").open("wb"))  # many words about types it leaves out
            running = processes.running(*words, program=program, environment=own, folder=postgraphile.HERE, errors=told)
        elif system == "hub":
            words = ["-m", "hub", "serve", "--port", str(port)]
            running = processes.running(*words, environment=province.environment(settings))
        elif system == "strawberry":
            running = processes.running("-m", "benchmarks.peers.plain", str(port), environment=own)
        else:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "plans"
            path.write_bytes(pickle.dumps(plans))
            running = processes.running("-m", "benchmarks.bare", str(path), str(port))
        processes.answering(port, stack.enter_context(running))
        yield port


def _asked(system: str, port: int, drawn: Drawn) -> Asked:
    query = drawn.query
    words = {"hub": query.hub, "ceiling": query.hub, "postgraphile": query.postgraphile, "strawberry": query.strawberry}
    return Asked(port, drawn.token if system == "hub" else "", words[system].replace("\n", ""), drawn.codes)


def _compare(drawn: Mapping[str, Drawn], ports: Mapping[str, int]) -> dict[tuple[str, str], str]:
    """Which systems answer which query otherwise than the hub, and how. Raises RuntimeError where the hub fails."""
    different: dict[tuple[str, str], str] = {}
    for name, each in drawn.items():
        for code in each.codes[:20]:
            answers = {system: _answer(_asked(system, port, each), code) for system, port in ports.items()}
            if "errors" in answers["hub"]:
                raise RuntimeError(f"{name}: {str(answers['hub'])[:600]}")
            right = plain(answers["hub"]["data"])
            for system, answer in answers.items():
                found = plain(answer.get("data"))
                if found != right and (name, system) not in different:
                    different[name, system] = _difference(right, found, answer)
    return different


def plain(value: Any, key: str = "") -> Any:
    """An answer as sets of values: no connections, no types in ids, moments in UTC, lists in one order."""
    if isinstance(value, dict):
        if set(value) == {"nodes"}:
            return plain(value["nodes"], key)
        return {name: plain(part, name) for name, part in value.items()}
    if isinstance(value, list):
        parts = [plain(part) for part in value]
        if key == "headcounts" and len(parts) == 1:  # the hub's are a list, of one where nothing is told apart
            return parts[0]
        return sorted(parts, key=lambda part: orjson.dumps(part, option=orjson.OPT_SORT_KEYS))
    if isinstance(value, str):
        if _MOMENT.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC).isoformat()
        typed = _TYPED.fullmatch(value)
        return typed[1] if typed else value
    return (
        str(value) if isinstance(value, int) and not isinstance(value, bool) and key.lower().endswith("id") else value
    )


def _difference(right: Any, found: Any, answer: Any) -> str:
    if "errors" in answer:
        return str(answer["errors"])[:300]
    left, other = (orjson.dumps(one, option=orjson.OPT_SORT_KEYS).decode() for one in (right, found))
    at = next((at for at, (one, two) in enumerate(zip(left, other, strict=False)) if one != two), 0)
    return f"...{left[max(0, at - 80) : at + 80]}... is not ...{other[max(0, at - 80) : at + 80]}..."


def _answer(asked: Asked, code: str) -> Any:
    headers = {"content-type": "application/json"}
    if asked.token:
        headers["authorization"] = f"Bearer {asked.token}"
    request = urllib.request.Request(f"http://127.0.0.1:{asked.port}/graphql", asked.body(code), headers)
    try:
        with urllib.request.urlopen(request) as response:
            return orjson.loads(response.read())
    except urllib.error.HTTPError as error:
        return {"errors": error.read().decode()[:300]}


async def _statements(
    settings: Settings, drawn: Mapping[str, Drawn], ports: Mapping[str, int]
) -> dict[tuple[str, str], float]:
    """Statements a request, as PostgreSQL counts those of the role that all the systems read as."""
    owner = await asyncpg.connect(settings.database_url)
    found = {}
    try:
        await _track(owner, "top")
        for name, each in drawn.items():
            for system, port in ports.items():
                asked = _asked(system, port, each)
                await asyncio.to_thread(_answer, asked, each.codes[0])
                await owner.execute("SELECT pg_stat_statements_reset()")
                for at in range(COUNTED):
                    await asyncio.to_thread(_answer, asked, each.codes[at % len(each.codes)])
                calls = await owner.fetchval(
                    """SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE userid = 'hub_read'::regrole
                       AND query !~* '^ *(begin|commit|rollback|set|show|discard|deallocate)'"""
                )
                found[name, system] = round(float(calls) / COUNTED, 1)
        await _track(owner, "none")
    finally:
        await owner.close()
    return found


async def _track(owner: asyncpg.Connection, what: str) -> None:
    """Have statements counted or not, on open connections too."""
    await owner.execute(f"ALTER SYSTEM SET pg_stat_statements.track = '{what}'")
    await owner.execute("SELECT pg_reload_conf()")
    await asyncio.sleep(0.5)


def _measure(
    drawn: Mapping[str, Drawn], ports: Mapping[str, int], left_out: Mapping[tuple[str, str], str]
) -> dict[tuple[str, str], list[Load]]:
    """Each query of each system, by turns, for so many rounds."""
    found: dict[tuple[str, str], list[Load]] = {}
    for name, each in drawn.items():
        racing = {
            system: _asked(system, port, each) for system, port in ports.items() if (name, system) not in left_out
        }
        warm = {system: load.drive(asked, CONNECTIONS, WARM_UP).rate for system, asked in racing.items()}
        # A hundred answers at the least, or a slow system's numbers say nothing; half a minute at the most.
        seconds = {system: max(SECONDS, min(30, round(100 / max(rate, 1)))) for system, rate in warm.items()}
        for _ in range(ROUNDS):
            for system, asked in racing.items():
                found.setdefault((name, system), []).append(load.drive(asked, CONNECTIONS, seconds[system]))
        print(
            f"{time.strftime('%H:%M:%S')} {name}: "
            + ", ".join(
                f"{system} {spread(one.rate for one in found[name, system])['median']:,.0f}/s" for system in racing
            ),
            flush=True,
        )
    return found


def _publish(
    place: Province,
    drawn: Mapping[str, Drawn],
    ports: Mapping[str, int],
    found: Mapping[tuple[str, str], list[Load]],
    statements: Mapping[tuple[str, str], float],
    missing: Mapping[str, str],
    left_out: Mapping[tuple[str, str], str],
) -> None:
    client = next(iter(found.values()))[0].client
    sizes = {
        "students": province.LARGE,
        "connections": CONNECTIONS,
        "seconds": SECONDS,
        "rounds": ROUNDS,
        "client": client,
    }
    if "postgraphile" in ports:
        sizes["postgraphile"] = postgraphile.version()
    target = "the hub ≥ 2 x PostGraphile on every query; on the roster ≥ 10 x Strawberry and ≥ 0.75 x the ceiling"
    result = Result("race", sizes, place.postgres, target=target)
    latest: dict[str, dict[str, dict[str, float]]] = {}
    for name in drawn:
        rates = {system: spread(one.rate for one in found[name, system]) for system in ports if (name, system) in found}
        for system, rate in rates.items():
            loads = found[name, system]
            p50, p99 = (spread(getattr(one, part) for one in loads)["median"] for part in ("p50", "p99"))
            latest.setdefault(name, {})[system] = {
                "rps": round(rate["median"], 1),
                "p50_ms": round(p50, 2),
                "p99_ms": round(p99, 2),
                "statements": statements[name, system],
            }
            result.add(
                query=name,
                system=system,
                **{"req/s": rate["median"], "least": rate["least"], "most": rate["most"], "p50 ms": p50, "p99 ms": p99},
                statements=statements[name, system],
                **{
                    "hub is": ""
                    if system == "hub" or not rate["least"]
                    else f"{rates['hub']['median'] / rate['median']:.2f} x"
                },
                failed=sum(one.failed for one in loads),
            )
    result.publish()
    for name, each in drawn.items():
        if each.query.note:
            print(f"{name}: {each.query.note}.")
    for system, why in missing.items():
        print(f"{system} did not run: {why}")
    for (name, system), why in left_out.items():
        print(f"{name}: {system} left out, its answer differs: {why}")
    (OUT / "latest.json").write_bytes(orjson.dumps(latest, option=orjson.OPT_INDENT_2))
