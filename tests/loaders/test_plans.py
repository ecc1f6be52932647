"""Plans: made once, one statement for each root field, and never another caller's rows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from hub import answers
from loaders import read
from loaders.read import Reader, Reading
from tests.conftest import Ask
from tests.province import COUNTY_B, Province, make_caller, make_student


@asynccontextmanager
async def counted(app: Starlette) -> AsyncIterator[list[str]]:
    """Every compiled statement the hub sends while this is open, as the read pool's connections see it."""
    seen: list[str] = []
    database = app.state.hub.reader.database

    def note(record: asyncpg.connection.LoggedQuery) -> None:
        if record.query.startswith("/*"):
            seen.append(record.query)

    held = [await database.take() for _ in range(database.settings.read_pool)]
    raw = [connection._con for connection in held]
    for connection in raw:
        connection.add_query_logger(note)
    for each in held:
        await database.give_back(each, sound=True)
    yield seen
    await asyncio.sleep(0)  # the note comes by the loop
    for connection in raw:
        connection.remove_query_logger(note)


ROSTER = """{ schools(first: 9) { totalCount nodes { name managedBy { name } headcounts { students }
    classes(first: 9) { edges { cursor node { name students(first: 20) { nodes { name guardians { name }
    ethnicGroup { name } placements { nodes { school { name } } } } } } } } } } }"""


@pytest.mark.parametrize(
    ("query", "roots"),
    [
        ("{ schools { totalCount } }", 1),
        (ROSTER, 1),
        ("{ a: students { totalCount } b: students { totalCount } regions { nodes { code } } viewer { name } }", 3),
        ('{ school(code: "2114000001") { name } school(code: "2114000001") { code } }', 1),
    ],
)
async def test_each_root_field_is_one_statement(app: Starlette, ask: Ask, query: str, roots: int) -> None:
    for _ in range(2):
        async with counted(app) as seen:
            assert "errors" not in await ask("countyA", query)
        assert len(seen) == roots


async def test_the_second_time_nothing_is_compiled(app: Starlette, ask: Ask) -> None:
    reader: Reader = app.state.hub.reader
    first = await ask("countyA", ROSTER)
    known = len(reader.plans)
    assert await ask("countyA", ROSTER) == first
    assert len(reader.plans) == known
    await ask("countyB", ROSTER)
    assert len(reader.plans) == known, "another caller of the same role and level shares the plan, not the rows"
    await ask("schoolA1", ROSTER)
    assert len(reader.plans) == known + 1


async def test_values_of_variables_make_no_new_plan(app: Starlette, ask: Ask, province: Province) -> None:
    reader: Reader = app.state.hub.reader
    query = "query($id: ID!, $n: Int) { student(id: $id) { name placements(first: $n) { totalCount } } }"
    known = len(reader.plans)
    for at, short in enumerate(["a1-1-1", "a1-1-2", "a1-2-3"]):
        answer = await ask("schoolA1", query, {"id": f"student:{province.ids[short]}", "n": at})
        assert answer["data"]["student"]["name"] == f"名{short}"
    assert len(reader.plans) == known + 1


@pytest.mark.parametrize("caller", ["prov", "schoolA1"])
async def test_a_refused_query_sends_no_statement(app: Starlette, ask: Ask, caller: str) -> None:
    queries = [
        "{ schools(first: 100) { nodes { classes(first: 100) { nodes { students(first: 100) { nodes { id } } } } } } }",
        "{ schools(first: -1) { totalCount } }",
        '{ schools(first: 1, after: "x") { totalCount } }',
        '{ student(id: "school:1") { name } }',
        "{ nobody }",
    ]
    async with counted(app) as seen:
        for query in queries:
            answer = await ask(caller, query)
            assert not any((answer.get("data") or {}).values())
    assert seen == []


CALLERS = ["prov", "city", "countyA", "countyB", "schoolA1", "schoolB1", "teacherA1-1", "two", "three", "reviewerA"]


async def test_callers_never_share_rows(ask: Ask, province: Province, system: asyncpg.Connection) -> None:
    """S17: one document, a thousand requests of callers of other roles, levels and numbers of roots, all at once."""
    role, paths = "school_administrator", province.paths
    await make_caller(system, province, "two", [(role, paths["A1"]), (role, paths["B1"])])
    await make_caller(system, province, "three", [(role, paths["A2"]), ("county_administrator", COUNTY_B)])
    query = """query($in: String, $n: Int) { students(first: $n, within: $in) { totalCount nodes { name idNumber
        schoolClass { name school { name managedBy { students { totalCount } } } } } } }"""
    alone = {caller: await ask(caller, query, {"n": 99}) for caller in CALLERS}
    # The city is the whole province here, and B1 all of county B: eight answers for ten callers.
    assert len({str(answer) for answer in alone.values()}) == len(CALLERS) - 2
    for start in range(0, 1000, 100):
        turn = [CALLERS[at * 7 % len(CALLERS)] for at in range(start, start + 100)]
        found = await asyncio.gather(*(ask(caller, query, {"n": 99}) for caller in turn))
        for caller, answer in zip(turn, found, strict=True):
            assert answer == alone[caller], caller


async def test_a_pupil_who_moves_is_read_where_the_pupil_is(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    query = "{ students(first: 99) { totalCount } }"
    assert (await ask("schoolB1", query))["data"]["students"]["totalCount"] == 6
    await make_student(system, province, "b1-1-new", "B1-1")
    assert (await ask("schoolB1", query))["data"]["students"]["totalCount"] == 7


async def test_the_row_budget_is_the_requests_not_the_roots(ask: Ask) -> None:
    wide = "schools(first: 100) { nodes { students(first: 200) { nodes { guardians { name } } } } }"
    assert "errors" not in await ask("prov", f"{{ {wide} }}")
    answer = await ask("prov", "{ " + " ".join(f"a{at}: {wide}" for at in range(12)) + " }")
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"TOO_COMPLEX"}


async def test_denials_are_told_on_the_cached_plan_too(app: Starlette, ask: Ask) -> None:
    query = "{ students(first: 1) { nodes { homeAddress } } }"
    first = await ask("prov", query)
    assert await ask("prov", query) == first
    assert [error["extensions"]["code"] for error in first["errors"]] == ["FORBIDDEN_FIELD"]
    reading: Any = Reading(app.state.hub.reader, None, "")  # type: ignore[arg-type]  # nobody has read anything
    assert [answers.formatted(error, "zh") for error in read.denied(reading)] == []


async def test_every_answer_tells_what_it_cost_and_a_dear_one_is_refused_before_any_sql(
    app: Starlette, http: httpx.AsyncClient, province: Province, statements: list[str]
) -> None:
    async def asked(query: str, caller: str = "schoolA1") -> Any:
        headers = {"authorization": f"Bearer {province.tokens[caller]}"}
        return (await http.post("/graphql", json={"query": query}, headers=headers)).json()

    async def cost(query: str, caller: str = "schoolA1") -> int:
        found: int = (await asked(query, caller))["extensions"]["cost"]["requested"]
        return found

    assert await cost("{ schools(first: 5) { nodes { code } } }") == 6
    assert await cost("{ students(first: 10) { nodes { id schoolYear } } }") == 1 + 10 * 2
    assert await cost("{ students(first: 10) { nodes { id name idNumber } } }") == 1 + 10 * 3
    nested = "{ schools(first: 2) { nodes { students(first: 10) { nodes { name } } } } }"
    assert await cost(nested) == 1 + 2 * (1 + 10 * 2)
    assert await cost("{ a: schools(first: 5) { totalCount } b: schools(first: 5) { totalCount } }") == 12
    looked_up = "{ problemRecords(first: 5) { nodes { candidates { inReach name } } } }"
    assert await cost(looked_up, "reviewerA") == 1 + 5 * (1 + 20 * 2)
    object.__setattr__(app.state.hub.reader.settings, "cost_limit", 40)
    try:
        statements.clear()
        refused = await asked(nested)
        assert refused["data"] == {"schools": None}
        assert refused["errors"][0]["extensions"]["code"] == "TOO_COMPLEX"
        assert refused["extensions"]["cost"] == {"requested": 43, "limit": 40}
        assert [sql for sql in statements if "row_to_json" in sql] == []
    finally:
        object.__setattr__(app.state.hub.reader.settings, "cost_limit", 2_000_000)
