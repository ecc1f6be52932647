"""Row security as the oracle of the compiler: the same documents as hub_app, with the compiler's scope left out.

Left out here, because there row security and the compiler mean to differ: a headcount on the card of a place out of
scope (the compiler says nothing, row security would count the rows it shows), and a count by territory of schools
that another office manages (a number that crosses the border on purpose); leased pupils in lists (row security opens
a leased pupil everywhere, the compiler by id alone).
"""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import asyncpg
import orjson
import pytest
from graphql import GraphQLObjectType, parse
from graphql.execution.values import get_variable_values
from sqlalchemy import BigInteger, Text, true
from starlette.applications import Starlette

from hub import caller as callers
from hub import clock, db, paths
from hub.caller import Caller
from hub.models import Base
from hub.settings import Settings
from loaders.compiler import Compiler
from loaders.declare import GRAPHS
from loaders.plan import Call, Plan
from loaders.selection import Document, Selected
from tests.conftest import Ask
from tests.province import COUNTY_B, Province, make_caller, make_day, make_student
from tests.test_reads import EVERY_EDGE, make_lease

KINDS = {
    "region": "Region",
    "school": "School",
    "schoolClass": "SchoolClass",
    "student": "Student",
    "case": "Case",
    "importJob": "Import",
}
LISTS = {
    "regions": "Region",
    "schools": "School",
    "schoolClasses": "SchoolClass",
    "students": "Student",
    "cases": "Case",
    "problemRecords": "ProblemRecord",
    "importJobs": "Import",
}


@pytest.fixture
async def as_app(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await db.door(settings, "hub_app").connect()
    yield connection
    await connection.close()


def plan_of(app: Starlette, caller: Caller, query: str, given: dict[str, Any]) -> tuple[Plan, Call, str]:
    """The plan of a document's one root field with no scope in it, and the call that fills it."""
    reader = app.state.hub.reader
    schema = app.state.hub.schema._schema
    operation = next(iter(parse(query).definitions))
    variables = get_variable_values(schema, operation.variable_definitions or (), given)  # type: ignore[attr-defined]
    document = Document(schema, {}, variables)  # type: ignore[arg-type]
    query_type: GraphQLObjectType = schema.query_type
    [field] = document.fields(query_type, (operation,))  # type: ignore[arg-type]
    compiler = Compiler(document, reader.policy, caller.role, caller.shape[1], scoped=False)
    call = Call(caller, variables, reader.settings)  # type: ignore[arg-type]
    return compile_root(compiler, field, call), call, field.key


def compile_root(compiler: Compiler, field: Selected, call: Call) -> Plan:
    if field.name in LISTS:
        graph = GRAPHS[LISTS[field.name]]
        return compiler.root_list(graph, field, lambda _: true())
    graph = GRAPHS[KINDS[field.name]]
    [(name, value)] = [(name, value) for name, value in call.arguments(field).items() if value is not None]
    column = "id" if name == "id" else "code"
    key = compiler.bind(
        lambda _: int(value.partition(":")[2]) if name == "id" else value, BigInteger() if name == "id" else Text()
    )
    return compiler.one(graph, field, lambda table: table.c[column] == key)


async def secured(connection: asyncpg.Connection, caller: Caller | None, plan: Plan, call: Call) -> Any:
    """The answer of a plan as hub_app, in a transaction scoped to the caller (None: to nobody)."""
    async with connection.transaction():
        if caller is not None:
            roots = caller.roots
            await connection.execute(
                """SELECT set_config('hub.low', $1, true), set_config('hub.high', $2, true),
                          set_config('hub.roots', $3, true), set_config('hub.account', $4, true)""",
                min(roots),
                max(map(paths.end, roots)),
                "{" + ",".join(roots) + "}",
                str(caller.account.id),
            )
            await connection.execute(
                """SELECT set_config('hub.leased', coalesce((SELECT array_agg(student_id)::text FROM leases
                          WHERE view = 'RECORD' AND since <= now() AND now() < until
                            AND (account_id = $1 OR office = ANY ($2))), ''), true)""",
                caller.account.id,
                list(roots),
            )
        answer = await connection.fetchval(plan.sql, *plan.values(call))
    return None if answer is None else plan.rename(answer)


async def caller_of(app: Starlette, province: Province, name: str) -> Caller:
    account = await app.state.hub.sessions.find(province.tokens[name])
    return callers.act(account, None, clock.now())


CALLERS = ["prov", "city", "countyA", "countyB", "schoolA1", "teacherA1-1", "reviewerA", "dash", "two"]
PUPIL = "name idNumber phone presentAddress ethnicGroup { code name } guardians { position name relation { name } }"
DOCUMENTS = [
    """{ problemRecords(where: {state: {in: [OPEN]}}, orderBy: [{by: FOUND_AT, direction: DESC}], first: 50) { totalCount
       nodes { kind student { name sex school { name headName problemRecords { totalCount } } } } } }""",
    "{ schools(first: 9) { nodes { problemCounts { kind open } problemRecords(first: 3) { nodes { kind } } } } }",
    EVERY_EDGE.replace("headcounts { students }", "since"),
    f"query($id: ID!) {{ student(id: $id) {{ {PUPIL} schoolClass {{ name grade school {{ name headName }} }} }} }}",
    f"{{ students(first: 99) {{ totalCount nodes {{ {PUPIL} }} }} }}",
    "{ students(last: 3, where: {state: {in: [IN_SCHOOL]}}) { edges { cursor node { name } } pageInfo { hasPreviousPage endCursor } } }",
    """{ schools(first: 9) { totalCount nodes { name headName stages { length authority { name since parent { name } } }
       headcounts { grade sex students } managedBy { name until schools { totalCount nodes { name } } }
       classes { totalCount nodes { name teacherName headcounts(groupBy: []) { students }
       students(first: 9) { nodes { name } } } } } } }""",
    "{ schoolClasses(first: 50) { nodes { name grade school { code name headName students { totalCount } } } } }",
    "{ regions { totalCount nodes { code since parent { code since parent { since } } children { totalCount } } } }",
    '{ region(code: "140105") { name since schools { totalCount } headcounts { sex students } } }',
    '{ school(code: "2114000003") { name stages { stage } students { totalCount } } }',
    '{ school(code: "3414000007") { name locatedIn { code since } managedBy { code since } } }',
    """{ schools { nodes { name attendance(until: "2026-03-02") { classDays expected present rate unmarkedClasses }
       classes(where: {unmarkedOn: "2026-03-02"}) { totalCount nodes { name } } } } }""",
    """{ regions { nodes { code attendance(since: "2026-03-01", until: "2026-03-31") { classDays late unmarkedClasses } } } }""",
    """{ schoolClasses(where: {unmarkedOn: "2026-03-02"}) { totalCount nodes { name attendance(until: "2026-03-02") { rate }
       days { totalCount nodes { day absences { kind } } } } } }""",
    """{ schoolClasses { nodes { name days(where: {day: {gte: "2026-03-02"}}, first: 1) { totalCount nodes { day expected present
       schoolClass { name grade } absences { kind note student { id name grade } } } } } } }""",
    "{ students(first: 99) { nodes { name absences(last: 1) { totalCount nodes { day kind note student { name sex } } } } } }",
]


@pytest.mark.parametrize("query", DOCUMENTS, ids=range(len(DOCUMENTS)))
async def test_row_security_answers_as_the_compiler_does(
    app: Starlette, ask: Ask, province: Province, system: asyncpg.Connection, as_app: asyncpg.Connection, query: str
) -> None:
    await make_student(system, province, "a1-1-9", "A1-1", actual_school_id=province.ids["B1"])
    kinds = {"a1_1_1": "LATE", "a1_1_9": "ABSENT"}
    for at in (2, 5):
        await make_day(system, province, "A1-1", date(2026, 3, at), **kinds)
        await make_day(system, province, "B1-1", date(2026, 3, at + 1), b1_1_1="ABSENT")
    await system.execute("UPDATE absences SET path = $1 WHERE kind = 'LATE'", province.paths["A2-2"])
    await system.execute("UPDATE students SET id_number = NULL, name = '同名'")
    await system.execute("SELECT detect_problems((SELECT array_agg(id) FROM students), '{}')")
    role = "school_administrator"
    await make_caller(system, province, "two", [(role, province.paths["A1"]), ("county_administrator", COUNTY_B)])
    given = {"id": f"student:{province.ids['a1-1-9']}"} if "$id" in query else {}
    answered = 0
    for name in CALLERS:
        answer = await ask(name, query, given)
        refused = {error["extensions"]["code"] for error in answer.get("errors", [])}
        if "FORBIDDEN" in refused:
            continue
        caller = await caller_of(app, province, name)
        plan, call, key = plan_of(app, caller, query, given)
        found = await secured(as_app, caller, plan, call)
        expected = answer["data"][key]
        assert (None if found is None else orjson.loads(found)) == expected, name
        assert "NOT_FOUND" not in refused or found is None
        answered += expected is not None
        nobody = await secured(as_app, None, plan, call)
        assert nobody is None or not any(rows_in(orjson.loads(nobody))), name
    assert answered


def rows_in(answer: Any) -> list[Any]:
    """Whatever a connection holds besides its being empty."""
    return [answer.get("totalCount"), answer.get("nodes"), answer.get("edges")]


async def test_the_leased_pupil_is_seen_through_both_walls(
    app: Starlette, ask: Ask, province: Province, system: asyncpg.Connection, as_app: asyncpg.Connection
) -> None:
    await make_lease(system, province.ids["b1-1-1"], account_id=province.accounts["schoolA1"])
    caller = await caller_of(app, province, "schoolA1")
    query = "query($id: ID!) { student(id: $id) { name guardians { name } } }"
    given = {"id": f"student:{province.ids['b1-1-1']}"}
    plan, call, _ = plan_of(app, caller, query, given)
    found = orjson.loads(await secured(as_app, caller, plan, call))
    assert found == (await ask("schoolA1", query, given))["data"]["student"]
    assert len(found["guardians"]) == 2


async def test_without_a_scope_hub_app_sees_no_row_of_any_table(
    province: Province, as_app: asyncpg.Connection, system: asyncpg.Connection
) -> None:
    public = {"chains", "chain_steps", "codes", "policy_versions", "register"}
    hidden = {"accounts": "id", "audit_values": "", "link_secrets": "", "outbox": "", "spendings": ""}
    for table in Base.metadata.sorted_tables:
        columns = hidden.get(table.name, "*")
        if table.name in public or not columns:
            continue
        assert await as_app.fetch(f"SELECT {columns} FROM {table.name}") == [], table.name
    assert await system.fetchval("SELECT count(*) FROM students") == 24
