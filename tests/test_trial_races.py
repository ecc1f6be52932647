"""The trial ends while others work: no row, file or count of it is left, whoever was in the middle of what."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from hub import counts, db, gate
from hub.app import build
from hub.settings import Settings
from tests.conftest import Ask
from tests.desk import IMPORT, SCHOOL, Desk, code_of, make_row, make_workbook, upload
from tests.desk import counts as totals
from tests.province import COUNTY_A, Province
from tests.tried import WIPED, asked_for, end, make_province_leaders

DETECTING = 4_711_201_310
"""The lock under which problem records are found, last in every import."""
WRITES = "SELECT register_state()"
"""What every write begins with."""


@pytest.fixture
async def trying(system: asyncpg.Connection, province: Province, once_more: None) -> Province:
    await make_province_leaders(system, province)
    await asked_for(system, province)
    return province


async def left(system: asyncpg.Connection) -> dict[str, int]:
    found = {table: await system.fetchval(f"SELECT count(*) FROM {table}") for table in WIPED}
    return {table: rows for table, rows in found.items() if rows}


async def stored(app: Starlette) -> set[str]:
    files = app.state.hub.files
    return {key async for page in files.older(await files.moment()) for key in page}


async def waiting(system: asyncpg.Connection, kind: str, many: int = 1) -> None:
    """Until so many wait for an advisory lock of a kind."""
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND mode = $1"
    async with asyncio.timeout(20):
        while await system.fetchval(query, kind) < many:  # noqa: ASYNC110 -- the database has no event for it
            await asyncio.sleep(0.01)


@asynccontextmanager
async def open_transaction(settings: Settings, role: str, statement: str) -> AsyncIterator[None]:
    """Somebody who has begun a transaction with a statement and is slow."""
    connection = await db.door(settings, role).connect()
    try:
        async with connection.transaction():
            await connection.fetch(statement)
            yield
    finally:
        await connection.close()


def counted(answer: Any) -> tuple[int, ...]:
    return totals(answer["data"]["importWorkbook"])


async def test_an_import_under_way_is_waited_for_and_goes_with_the_rest(
    ask: Ask, desk: Desk, system: asyncpg.Connection, settings: Settings, trying: Province
) -> None:
    async with open_transaction(settings, "hub_system", f"SELECT pg_advisory_xact_lock({DETECTING})"):
        importing = asyncio.create_task(desk.answer(make_workbook(make_row(1), make_row(2))))
        await waiting(system, "ExclusiveLock")
        ending = asyncio.create_task(end(ask))
        await waiting(system, "ExclusiveLock", 2)
        assert not ending.done()
        assert await system.fetchval("SELECT state FROM register") == "TRIAL"
    taken = await importing  # it was written before the end, and is read back before or after it
    assert code_of(taken) == ("CONFLICT", "TRIAL_ENDED") if "errors" in taken else counted(taken) == (2, 2, 0, 0, 0)
    assert (await ending)["data"]["endTrial"]["register"]["state"] == "LIVE"
    assert await left(system) == {"outbox": 1}
    assert await counts.differences(settings) == []


async def test_who_comes_while_it_ends_hears_so_and_leaves_nothing(
    ask: Ask, http: httpx.AsyncClient, app: Starlette, system: asyncpg.Connection, settings: Settings, trying: Province
) -> None:
    token, data = trying.tokens["schoolA1"], make_workbook(make_row(1))
    file, signed = await upload(http, token, data), {"authorization": f"Bearer {token}"}
    before = await stored(app)
    async with open_transaction(settings, "hub_app", WRITES):
        ending = asyncio.create_task(end(ask))
        await waiting(system, "ExclusiveLock")
        importing = asyncio.create_task(ask("schoolA1", IMPORT, {"file": file, "school": SCHOOL}, accept_language="en"))
        sending = asyncio.create_task(http.post("/files", files={"file": ("late.xlsx", data)}, headers=signed))
        await waiting(system, "ShareLock", 2)
    assert (await ending)["data"]["endTrial"]["register"]["state"] == "LIVE"
    refused = await importing
    assert code_of(refused) == ("CONFLICT", "TRIAL_ENDED")
    assert refused["errors"][0]["message"].startswith("The trial has just ended")
    sent = await sending
    assert (sent.status_code, sent.json()["errors"][0]["extensions"]["key"]) == (409, "TRIAL_ENDED")
    assert sent.json()["errors"][0]["message"].startswith("试运行刚刚结束")
    assert await left(system) == {"outbox": 1}
    assert await stored(app) == before, "the late upload put nothing down"


async def test_an_import_that_read_its_file_in_the_trial_writes_nothing_after_it(
    ask: Ask, desk: Desk, system: asyncpg.Connection, trying: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, go_on, examine = asyncio.Event(), asyncio.Event(), gate.writing

    @asynccontextmanager
    async def paused(*given: Any, **more: Any) -> AsyncIterator[Any]:
        if given[3:5] == ("student", "import") and paused.seen:  # type: ignore[attr-defined]  # the second: to apply
            read.set()
            await go_on.wait()
        paused.seen = given[3:5] == ("student", "import")  # type: ignore[attr-defined]  # as above
        async with examine(*given, **more) as connection:
            yield connection

    paused.seen = False  # type: ignore[attr-defined]  # as above
    monkeypatch.setattr(gate, "writing", paused)
    importing = asyncio.create_task(desk.answer(make_workbook(make_row(1))))
    await read.wait()
    monkeypatch.undo()
    assert (await end(ask))["data"]["endTrial"]["register"]["state"] == "LIVE"
    go_on.set()
    assert code_of(await importing) == ("CONFLICT", "TRIAL_ENDED")
    assert await left(system) == {"outbox": 1}


async def test_writers_that_take_too_long_keep_the_trial_going(
    ask: Ask, system: asyncpg.Connection, settings: Settings, trying: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "PATIENCE", "300ms")
    before = await left(system)
    async with open_transaction(settings, "hub_app", WRITES):
        answer = await end(ask)
        assert code_of(answer) == ("UNAVAILABLE", "REGISTER_BUSY")
        assert "一分钟后重试" in answer["errors"][0]["extensions"]["remedy"]
        assert code_of(await end(ask, accept_language="en")) == ("UNAVAILABLE", "REGISTER_BUSY")
        assert (await left(system), await system.fetchval("SELECT state FROM register")) == (before, "TRIAL")
    assert (await end(ask))["data"]["endTrial"]["register"]["state"] == "LIVE"


async def test_a_reader_that_holds_on_keeps_the_trial_going_and_others_reading(
    ask: Ask, system: asyncpg.Connection, settings: Settings, trying: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "PATIENCE", "700ms")
    query, before = "query($w: String!) { students(within: $w) { totalCount } }", await left(system)
    async with open_transaction(settings, "hub_read", "SELECT FROM students LIMIT 1"):
        ending = asyncio.create_task(end(ask))
        while not ending.done():
            answer = await ask("countyA", query, {"w": COUNTY_A})
            assert answer["data"]["students"]["totalCount"] == 12
        assert code_of(await ending) == ("UNAVAILABLE", "REGISTER_BUSY")
        assert (await left(system), await system.fetchval("SELECT state FROM register")) == (before, "TRIAL")
    assert (await end(ask))["data"]["endTrial"]["register"]["state"] == "LIVE"
    assert await left(system) == {"outbox": 1}


async def test_a_reader_of_two_tables_is_let_through_and_nobody_dies_of_a_deadlock(
    ask: Ask, system: asyncpg.Connection, settings: Settings, trying: Province
) -> None:
    wanted = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'students'::regclass)"
    reader = await db.door(settings, "hub_read").connect()
    try:
        async with reader.transaction():
            await reader.fetch("SELECT FROM students LIMIT 1")
            ending = asyncio.create_task(end(ask))
            async with asyncio.timeout(20):
                while not await system.fetchval(wanted):  # noqa: ASYNC110 -- the database has no event for it
                    await asyncio.sleep(0.005)
            await reader.fetch("SELECT FROM absences LIMIT 1")  # held by now, by who waits for the pupils
        assert (await ending)["data"]["endTrial"]["register"]["state"] == "LIVE"
    finally:
        await reader.close()


async def test_reads_folds_and_imports_all_at_once_leave_nothing_and_none_breaks(
    ask: Ask, http: httpx.AsyncClient, system: asyncpg.Connection, settings: Settings, trying: Province
) -> None:
    over, answers, signed = asyncio.Event(), [], {"authorization": f"Bearer {trying.tokens['schoolA1']}"}
    query = """query($w: String!) { headcounts(within: $w, groupBy: []) { students }
        students(within: $w) { nodes { name guardians { name } } } region(code: $w) { schools { nodes { headcounts(groupBy: []) { students } } } } }"""

    async def reads() -> None:
        while not over.is_set():
            answers.append(await ask("countyA", query, {"w": COUNTY_A}))

    async def folds() -> None:
        while not over.is_set():
            await counts.fold(settings)

    async def imports(at: int) -> None:
        while not over.is_set():
            data = make_workbook(*(make_row(at * 9 + n) for n in range(1, 5)))
            sent = await http.post("/files", files={"file": ("pupils.xlsx", data)}, headers=signed)
            given = {"file": sent.json().get("id"), "school": SCHOOL}
            answers.append(sent.json() if sent.status_code != 201 else await ask("schoolA1", IMPORT, given))

    busy = [asyncio.create_task(each) for each in (reads(), reads(), folds(), imports(0), imports(1))]
    await asyncio.sleep(1)
    ended = await end(ask)
    over.set()
    await asyncio.gather(*busy)
    assert ended["data"]["endTrial"]["register"]["state"] == "LIVE", ended
    wrong = [error["extensions"] for answer in answers for error in answer.get("errors", ())]
    assert {error["key"] for error in wrong} <= {"TRIAL_ENDED", "NOT_FOUND"}, wrong
    before_end = await system.fetchval("SELECT ended_at FROM register")
    assert await system.fetchval("SELECT count(*) FROM students WHERE created_at < $1", before_end) == 0
    assert await system.fetchval("SELECT count(*) FROM files WHERE created_at < $1", before_end) == 0
    await counts.fold(settings)
    assert await counts.differences(settings) == []


async def test_of_two_leaders_at_once_one_ends_it(ask: Ask, system: asyncpg.Connection, trying: Province) -> None:
    answers = await asyncio.gather(end(ask), end(ask, "leadProv2"), end(ask))
    assert sorted(code_of(answer)[1] for answer in answers if "errors" in answer) == ["TRIAL_OVER", "TRIAL_OVER"]
    assert await system.fetchval("SELECT count(*) FROM audit WHERE action = 'register:endTrial'") == 1
    assert await left(system) == {"outbox": 1}


async def test_the_same_confirmation_twice_at_once_is_answered_twice(
    ask: Ask, system: asyncpg.Connection, trying: Province
) -> None:
    first, second = await asyncio.gather(*(end(ask, idempotencyKey="twice-at-once") for _ in range(2)))
    assert first == second
    assert first["data"]["endTrial"]["register"]["state"] == "LIVE"
    assert await system.fetchval("SELECT count(*) FROM audit WHERE action = 'register:endTrial'") == 1


async def test_another_process_that_remembers_the_trial_writes_nothing_until_it_knows(
    ask: Ask, system: asyncpg.Connection, settings: Settings, trying: Province
) -> None:
    other = build(replace(settings, session_cache=600.0, document_share=1.0))
    transport = httpx.ASGITransport(other, raise_app_exceptions=False)
    campus = "mutation($input: CreateCampusInput!) { createCampus(input: $input) { campus { name } } }"
    given = {"query": campus, "variables": {"input": {"schoolId": f"school:{trying.ids['A1']}", "name": "东校区"}}}
    signed = {"authorization": f"Bearer {trying.tokens['schoolA1']}"}
    async with (
        other.router.lifespan_context(other),
        httpx.AsyncClient(transport=transport, base_url="http://hub", headers=signed) as client,
    ):
        told = (await client.post("/graphql", json={"query": "{ viewer { onTrial } }"})).json()
        assert told["data"]["viewer"]["onTrial"] is True
        await end(ask)
        assert code_of((await client.post("/graphql", json=given)).json()) == ("CONFLICT", "TRIAL_ENDED")
        assert await system.fetchval("SELECT count(*) FROM campuses") == 0
        other.state.hub.sessions.forget_all()  # as after the seconds that a session is remembered
        answer = (await client.post("/graphql", json=given)).json()
        assert answer["data"]["createCampus"]["campus"]["name"] == "东校区"
