"""Following an import: who may, what is told and when, and that it ends with the right to it."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

import policies
from hub.db import Database
from hub.errors import Unavailable
from hub.settings import Settings
from tests.desk import dump
from tests.province import COUNTY_A, COUNTY_B, Province, make_caller
from tests.served import served
from tests.sockets import entered, make_import, opened
from tests.test_workers import until

REFUSED = "SELECT action, code FROM audit WHERE outcome = 'REFUSED' ORDER BY id"
PUPILS = """subscription($id: ID!) { importJob(id: $id) {
    total school { students(first: 1) { nodes { name birthDate } } } } }"""


@pytest.fixture(scope="module")
async def live(settings: Settings) -> AsyncIterator[tuple[str, Any]]:
    async with served(settings, watch_seconds=0.1) as found:
        yield found


@pytest.fixture
def address(live: tuple[str, Any]) -> str:
    return live[0]


@pytest.fixture
async def job(province: Province, system: asyncpg.Connection) -> int:
    """An import of school A1 that a worker reads."""
    return await make_import(system, province, total=1)


async def advance(system: asyncpg.Connection, job: int, total: int, state: str = "READING") -> None:
    await system.execute("UPDATE imports SET total = $2, state = $3 WHERE id = $1", job, total, state)


# who may


async def test_nobody_gets_as_far_as_to_subscribe(address: str, province: Province, job: int) -> None:
    async with opened(address) as client:
        await client.follow(job)
        assert await client.end() == (4401, "Unauthorized")


@pytest.mark.parametrize(
    ("caller", "code"),
    [("dash", "FORBIDDEN"), ("reviewerA", "FORBIDDEN"), ("schoolB1", "NOT_FOUND"), ("countyB", "NOT_FOUND")],
)
async def test_whoever_may_not_read_an_import_may_not_follow_it(
    address: str, province: Province, system: asyncpg.Connection, job: int, caller: str, code: str
) -> None:
    before = await dump(system, ("imports", "outbox", "files"))
    async with entered(address, province.tokens[caller]) as client:
        await client.follow(job)
        assert (await client.refused())[0] == code
    assert await dump(system, ("imports", "outbox", "files")) == before
    assert [tuple(row) for row in await system.fetch(REFUSED)] == [("import:read", code)]


@pytest.mark.parametrize("caller", ["schoolA1", "countyA"])
async def test_an_import_in_reach_is_followed_whoever_began_it(
    address: str, province: Province, system: asyncpg.Connection, job: int, caller: str
) -> None:
    async with entered(address, province.tokens[caller]) as client:
        await client.follow(job)
        assert (await client.next())["total"] == 1
    assert await system.fetch(REFUSED) == []


async def test_what_is_out_of_reach_and_what_does_not_exist_answer_the_same_bytes(
    address: str, province: Province, job: int
) -> None:
    heard = set()
    async with entered(address, province.tokens["schoolB1"]) as client:
        for key in (job, job + 1_000, 999_999_999_999):
            await client.follow(key)
            heard.add(await client.connection.recv())
    assert len(heard) == 1
    assert b"NOT_FOUND" in heard.pop().encode()


async def test_the_role_that_the_client_names_is_acted_under(
    address: str, province: Province, system: asyncpg.Connection, job: int
) -> None:
    held = [("dashboard", "14"), ("school_administrator", province.paths["A1"])]
    token = await make_caller(system, province, "both", held)
    async with entered(address, token) as client:
        await client.follow(job)
        assert (await client.refused())[0] == "FORBIDDEN"
    async with entered(address, token, **{"Hub-Role": "school_administrator"}) as client:
        await client.follow(job)
        assert (await client.next())["total"] == 1


async def test_each_event_tells_anew_what_it_costs_and_what_the_role_may_not_see(
    settings: Settings, province: Province, system: asyncpg.Connection, job: int
) -> None:
    text = await system.fetchval("SELECT text FROM policy_versions ORDER BY id DESC LIMIT 1")
    stricter = policies.load(text + "\np, county_administrator, student.birthDate, read, subtree, deny\n")
    async with (
        served(settings, watch_seconds=0.1) as (address, app),
        entered(address, province.tokens["countyA"]) as client,
    ):
        app.state.hub.reader.policy = stricter
        await client.follow(job, query=PUPILS)
        heard = []
        for total in (1, 2):
            payload = (await client.hear())["payload"]
            assert payload["data"]["importJob"]["total"] == total
            assert payload["data"]["importJob"]["school"]["students"]["nodes"][0]["birthDate"] is None
            heard.append((payload["errors"], payload["extensions"]))
            await advance(system, job, total + 1)
        assert heard[0] == heard[1]
        ((error,), extensions) = heard[0]
        assert error["extensions"]["code"] == "FORBIDDEN_FIELD"
        assert error["path"] == ["importJob", "school", "students", "nodes", "birthDate"]
        assert extensions["cost"]["requested"] > 0


# what is told


async def test_an_import_is_told_at_once_and_as_it_changes_until_it_is_finished(
    address: str, province: Province, system: asyncpg.Connection, job: int
) -> None:
    async with entered(address, province.tokens["schoolA1"]) as client:
        await client.follow(job)
        assert (await client.next())["total"] == 1
        for total in (2, 3, 4):
            await advance(system, job, total)
            assert (await client.next())["total"] == total
        await advance(system, job, 5, "APPLIED")
        told = await client.next()
        assert (told["total"], told["state"]) == (5, "APPLIED")
        assert await client.hear() == {"id": "1", "type": "complete"}


@pytest.mark.parametrize("state", ["QUEUED", "READING", "HELD", "APPLYING"])
async def test_an_import_that_may_still_change_is_followed(
    address: str, province: Province, system: asyncpg.Connection, job: int, state: str
) -> None:
    await advance(system, job, 1, state)
    async with entered(address, province.tokens["schoolA1"]) as client:
        await client.follow(job)
        assert (await client.next())["state"] == state
        await advance(system, job, 2, state)
        assert (await client.next())["total"] == 2


@pytest.mark.parametrize("state", ["APPLIED", "REFUSED", "FAILED", "UNDONE"])
async def test_a_finished_import_completes(
    address: str, province: Province, system: asyncpg.Connection, job: int, state: str
) -> None:
    await advance(system, job, 1, state)
    async with entered(address, province.tokens["schoolA1"]) as client:
        await client.follow(job)
        assert (await client.next())["state"] == state
        assert (await client.hear())["type"] == "complete"


async def test_what_does_not_change_is_told_again_before_long(settings: Settings, province: Province, job: int) -> None:
    beating, token = served(settings, watch_seconds=0.1, heartbeat=0.5), province.tokens["schoolA1"]
    async with beating as (address, _), entered(address, token) as client:
        begun = time.monotonic()
        await client.follow(job)
        told = [await client.next() for _ in range(4)]
        assert time.monotonic() - begun > 1.2
        assert all(one == told[0] for one in told)


async def test_by_default_a_heartbeat_comes_within_ten_seconds() -> None:
    assert Settings().heartbeat <= 10


async def test_an_import_that_is_gone_ends_its_subscription(
    address: str, province: Province, system: asyncpg.Connection, job: int
) -> None:
    async with entered(address, province.tokens["schoolA1"]) as client:
        await client.follow(job)
        await client.next()
        await system.execute("DELETE FROM imports WHERE id = $1", job)
        assert await client.refused() == ("NOT_FOUND", "NOT_FOUND")
        await client.say("ping")
        assert await client.hear() == {"type": "pong"}


async def test_an_import_that_moves_out_of_reach_ends_its_subscription(
    address: str, province: Province, system: asyncpg.Connection, job: int
) -> None:
    async with (
        entered(address, province.tokens["countyA"]) as losing,
        entered(address, province.tokens["city"]) as city,
    ):
        await losing.follow(job)
        await losing.next()
        path = f"{COUNTY_B}.{province.paths['A1'].split('.')[1]}"
        await system.execute("UPDATE imports SET path = $2, total = 77 WHERE id = $1", job, path)
        message = await losing.hear()
        assert message["payload"][0]["extensions"]["code"] == "NOT_FOUND"
        assert "77" not in str(message["payload"])
        await city.follow(job)
        assert (await city.refused())[0] == "FORBIDDEN"


async def test_one_statement_looks_for_all(
    live: tuple[str, Any], province: Province, system: asyncpg.Connection, job: int, statements: list[str]
) -> None:
    address, app = live
    other = await make_import(system, province, "A2", caller="schoolA2")
    callers = ("schoolA1", "countyA", "schoolA2")
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(entered(address, province.tokens[one])) for one in callers * 3]
        for at, client in enumerate(clients):
            await client.follow(other if at % 3 == 2 else job)
            await client.next()
        statements.clear()
        await app.state.hub.watch.look()
        await app.state.sockets.guard()
        looks = [one for one in statements if "xmin" in one]
        sessions = [one for one in statements if "token_hash = ANY" in one]
        background = 4  # both go on by themselves meanwhile
        assert 1 <= len(looks) <= background
        assert 1 <= len(sessions) <= background
        assert len(statements) == len(looks) + len(sessions)
    assert await gone(app)


async def test_somebody_slow_hears_of_many_changes_as_of_one(
    settings: Settings, province: Province, system: asyncpg.Connection, job: int
) -> None:
    lazy, token = served(settings, watch_seconds=0.3), province.tokens["schoolA1"]
    async with lazy as (address, _), entered(address, token) as client:
        await client.follow(job)
        await client.next()
        begun = time.monotonic()
        for total in range(2, 50):
            await advance(system, job, total)
        told = [(await client.next())["total"]]
        while told[-1] != 49:
            told.append((await client.next())["total"])
        assert len(told) <= 2 + (time.monotonic() - begun) / 0.3


async def test_events_are_read_no_faster_than_allowed_and_nobody_is_forgotten(
    settings: Settings, province: Province, system: asyncpg.Connection, job: int
) -> None:
    frugal, token = served(settings, watch_seconds=0.2, event_rate=10), province.tokens["schoolA1"]
    async with frugal as (address, _), entered(address, token) as client:
        for at in range(8):
            await client.follow(job, str(at))
            await client.next(str(at))
        begun = time.monotonic()
        await advance(system, job, 2)
        assert {(await client.hear())["id"] for _ in range(8)} == set("01234567")
        assert time.monotonic() - begun > 0.5  # two a look


# the right to it ends


async def end_session(system: asyncpg.Connection, province: Province, job: int) -> None:
    key = hashlib.sha256(province.tokens["schoolA1"].encode()).digest()
    await system.execute("UPDATE sessions SET ended_at = now() WHERE token_hash = $1", key)


async def expire_session(system: asyncpg.Connection, province: Province, job: int) -> None:
    key = hashlib.sha256(province.tokens["schoolA1"].encode()).digest()
    await system.execute("UPDATE sessions SET expires_at = now() + interval '0.1 s' WHERE token_hash = $1", key)
    await asyncio.sleep(0.1)


async def disable(system: asyncpg.Connection, province: Province, job: int) -> None:
    await system.execute("UPDATE accounts SET disabled_at = now() WHERE id = $1", province.accounts["schoolA1"])


async def end_grant(system: asyncpg.Connection, province: Province, job: int) -> None:
    await system.execute("UPDATE grants SET until = now() WHERE account_id = $1", province.accounts["schoolA1"])


async def move_grant(system: asyncpg.Connection, province: Province, job: int) -> None:
    await system.execute(
        "UPDATE grants SET path = $2, school_id = $3 WHERE account_id = $1",
        province.accounts["schoolA1"],
        province.paths["A2"],
        province.ids["A2"],
    )


async def want_new_password(system: asyncpg.Connection, province: Province, job: int) -> None:
    await system.execute("UPDATE accounts SET must_change_password = true WHERE id = $1", province.accounts["schoolA1"])


LOSSES = [
    (end_session, 4401),
    (expire_session, 4401),
    (disable, 4401),
    (end_grant, 4403),
    (move_grant, 4403),
    (want_new_password, 4403),
]


@pytest.mark.parametrize(("lose", "code"), LOSSES, ids=[lose.__name__ for lose, _ in LOSSES])
@pytest.mark.parametrize("session_cache", [0.0, 1.0])
async def test_who_loses_the_right_is_sent_away_within_a_second_and_hears_no_more(
    settings: Settings,
    province: Province,
    system: asyncpg.Connection,
    job: int,
    lose: Any,
    code: int,
    session_cache: float,
) -> None:
    async with served(settings, watch_seconds=0.1, session_cache=session_cache) as (address, app):
        async with (
            entered(address, province.tokens["schoolA1"]) as client,
            entered(address, province.tokens["schoolA1"]) as idle,
            entered(address, province.tokens["countyA"]) as other,
        ):
            await client.follow(job)
            await client.next()
            await other.follow(job)
            await other.next()
            await lose(system, province, job)
            assert (await client.end())[0] == (await idle.end())[0] == code
            await advance(system, job, 2)
            assert (await other.next())["total"] == 2
        async with opened(address) as again:
            await again.say("connection_init", payload={"token": province.tokens["schoolA1"]})
            if lose is not move_grant:
                assert (await again.end())[0] == code
        assert await gone(app)


async def test_an_event_that_comes_before_the_guard_is_told_to_nobody_who_lost_the_right(
    settings: Settings, province: Province, system: asyncpg.Connection, job: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.sockets._GUARD", 60.0)
    async with (
        served(settings, watch_seconds=0.1) as (address, _),
        entered(address, province.tokens["schoolA1"]) as ended,
        entered(address, province.tokens["countyA"]) as moved,
    ):
        for client in (ended, moved):
            await client.follow(job)
            await client.next()
        async with system.transaction():
            await end_session(system, province, job)
            move = "UPDATE grants SET path = $2, place_id = $3 WHERE account_id = $1"
            await system.execute(move, province.accounts["countyA"], COUNTY_B, province.ids[COUNTY_B])
            await advance(system, job, 2)
        first, second = await ended.connection.recv(), await moved.connection.recv()
        assert "UNAUTHENTICATED" in first
        assert "NOT_FOUND" in second
        assert '"total":2' not in first + second


async def test_a_new_policy_sends_everybody_away_and_holds_for_who_comes_back(
    settings: Settings, province: Province, system: asyncpg.Connection, job: int
) -> None:
    text = await system.fetchval("SELECT text FROM policy_versions ORDER BY id DESC LIMIT 1")
    text = text.replace("p, county_administrator, import, read, subtree, allow\n", "")
    insert = "INSERT INTO policy_versions (text, sha256, note) VALUES ($1, $2, 'stricter') RETURNING id"
    owner = await asyncpg.connect(settings.database_url)
    hub, token = served(settings, watch_seconds=0.1, session_cache=1.0), province.tokens["countyA"]
    async with hub as (address, _), entered(address, token) as client:
        await client.follow(job)
        await client.next()
        new = await owner.fetchval(insert, text, hashlib.sha256(text.encode()).hexdigest())
        try:
            assert await client.end() == (4403, "What you may do has changed")
            async with entered(address, token) as again:
                await again.follow(job)
                assert (await again.refused())[0] == "FORBIDDEN"
        finally:
            await owner.execute("DELETE FROM policy_versions WHERE id = $1", new)
            await owner.close()


async def test_a_grant_of_another_role_disturbs_nobody(
    address: str, province: Province, system: asyncpg.Connection, job: int
) -> None:
    async with entered(address, province.tokens["schoolA1"], **{"Hub-Role": "school_administrator"}) as client:
        await client.follow(job)
        await client.next()
        await system.execute(
            "INSERT INTO grants (account_id, role, path, place_id) VALUES ($1, 'dashboard', $2, $3)",
            province.accounts["schoolA1"],
            COUNTY_A,
            province.ids[COUNTY_A],
        )
        await asyncio.sleep(1.2)
        await advance(system, job, 2)
        assert (await client.next())["total"] == 2


async def test_while_the_database_is_away_connections_wait_and_nobody_enters(
    settings: Settings,
    province: Province,
    system: asyncpg.Connection,
    job: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def away(_: Database) -> None:
        raise Unavailable

    hub, token = served(settings, watch_seconds=0.1), province.tokens["schoolA1"]
    async with hub as (address, _), entered(address, token) as client:
        await client.follow(job)
        await client.next()
        with monkeypatch.context() as patch:
            patch.setattr(Database, "take", away)
            async with opened(address) as late:
                await late.say("connection_init", payload={"token": token})
                assert await late.end() == (1013, "UNAVAILABLE")
            await client.follow(job, "2")
            assert (await client.refused("2"))[0] == "UNAVAILABLE"
            await asyncio.sleep(1)
        await advance(system, job, 2)
        assert (await client.next())["total"] == 2


async def gone(app: Any) -> bool:
    """Whether no connection and no subscription is left behind."""
    await until(lambda: not app.state.sockets.open and not len(app.state.hub.watch))
    return True
