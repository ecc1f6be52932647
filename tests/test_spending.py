"""What an account's reads cost in a minute is bounded, over all processes; what others do is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as checking
from hypothesis import strategies as st
from sqlalchemy import event

from hub import spending
from hub.app import build
from hub.db import Database
from hub.errors import RateLimited
from hub.settings import Settings
from hub.spending import Spending
from tests.province import Province
from tests.served import served
from tests.sockets import entered, make_import

PAGE = {"query": "{ students(first: 200) { nodes { name } } }"}


@asynccontextmanager
async def hub(settings: Settings, **overrides: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Spending]]:
    app = build(replace(settings, session_cache=0.0, document_share=1.0, refusal_rate=1e6, **overrides))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://hub") as http:
        yield http, app.state.hub.spending


@asynccontextmanager
async def spenders(settings: Settings, rate: int, count: int) -> AsyncIterator[list[Spending]]:
    """As many processes would have."""
    changed = replace(settings, cost_rate=rate)
    databases = [Database(changed) for _ in range(count)]
    try:
        yield [Spending(database) for database in databases]
    finally:
        for database in databases:
            await database.__aexit__(None, None, None)


def refused(spender: Spending, account: int) -> bool:
    try:
        spender.check(account)
    except RateLimited:
        return True
    return False


async def test_who_has_spent_a_minutes_worth_waits_and_nobody_else_does(settings: Settings, province: Province) -> None:
    def of(caller: str) -> dict[str, str]:
        return {"authorization": f"Bearer {province.tokens[caller]}"}

    async with hub(settings, cost_rate=1_000) as (http, _):
        answers = [await http.post("/graphql", json=PAGE, headers=of("countyA")) for _ in range(8)]
        cost = answers[0].json()["extensions"]["cost"]["requested"]
        allowed = -(-1_000 // cost)  # the one that passes the limit is still answered
        assert [answer.status_code for answer in answers] == [200] * allowed + [429] * (8 - allowed)
        error = answers[-1].json()["errors"][0]["extensions"]
        assert (error["code"], error["key"]) == ("RATE_LIMITED", "COST_RATE")
        assert answers[-1].headers["retry-after"] == str(error["retryAfter"])
        assert 1 <= error["retryAfter"] <= 60
        assert "data" not in answers[-1].json()
        assert (await http.post("/graphql", json=PAGE, headers=of("countyB"))).status_code == 200
        signing = {"query": 'mutation { signIn(input: {username: "no", password: "no"}) { token } }'}
        told = await http.post("/graphql", json=signing, headers=of("countyA"))
        assert told.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED", "a write is never too dear"


async def test_what_is_refused_for_its_cost_is_not_paid(settings: Settings, province: Province) -> None:
    async with hub(settings, cost_rate=1_000, cost_limit=1_000) as (http, _):
        headers = {"authorization": f"Bearer {province.tokens['countyA']}"}
        dear = {"query": "{ schools(first: 200) { nodes { students(first: 200) { nodes { name } } } } }"}
        for _ in range(4):
            told = (await http.post("/graphql", json=dear, headers=headers)).json()
            assert told["errors"][0]["extensions"]["code"] == "TOO_COMPLEX"
        assert (await http.post("/graphql", json=PAGE, headers=headers)).status_code == 200


async def test_a_subscription_is_refused_to_who_has_spent_too_much(
    settings: Settings, province: Province, system: asyncpg.Connection
) -> None:
    job = await make_import(system, province, state="APPLIED")
    async with (
        served(settings, cost_rate=60) as (address, app),
        entered(address, province.tokens["schoolA1"]) as client,
    ):
        app.state.hub.spending.note(province.accounts["schoolA1"], 120)
        await client.follow(job)
        assert (await client.refused())[1] == "COST_RATE"


async def test_what_is_spent_is_paid_off_with_time(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spending, "_MINUTE", 0.2)
    async with spenders(settings, 100, 1) as [spender]:
        spender.note(1, 150)
        assert refused(spender, 1)
        assert not refused(spender, 2)
        for _ in range(300):
            if not refused(spender, 1):
                break
            await asyncio.sleep(0.1)
        assert not refused(spender, 1)


@checking(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spent=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 400)), max_size=12))
async def test_all_processes_come_to_know_the_sum(settings: Settings, province: Province, spent: Any) -> None:
    accounts = [province.accounts[name] for name in ("countyA", "countyB")]
    async with spenders(settings, 6_000, 3) as several:
        async with several[0].database.system.begin() as connection:
            await connection.exec_driver_sql("DELETE FROM spendings")
        total = dict.fromkeys(accounts, 0)
        for process, account, cost in spent:
            several[process].note(accounts[account], cost * 10)
            total[accounts[account]] += cost * 10
        for one in several:  # who has nothing to tell does not hear either: each spends a little
            for account in accounts:
                one.note(account, 150)
                total[account] += 150
        await asyncio.gather(*(one.tell() for one in several))
        for one in several:
            for account in accounts:
                one.note(account, 150)
                total[account] += 150
            await one.tell()
        for account in accounts:
            worth = total[account] / 100
            if not 60 < worth < 90:  # the clock goes on meanwhile
                assert refused(several[-1], account) == (worth > 60)


async def test_ordinary_work_writes_nothing(settings: Settings, province: Province) -> None:
    async with spenders(settings, 6_000, 1) as [spender]:
        statements: list[str] = []
        event.listen(spender.database.system.sync_engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
        spender.note(province.accounts["countyA"], 99)
        await spender.tell()
        assert statements == []
        spender.note(province.accounts["countyA"], 1)
        await spender.tell()
        assert len(statements) == 1


async def test_without_a_limit_nothing_is_kept(settings: Settings, system: asyncpg.Connection) -> None:
    async with spenders(settings, 0, 1) as [spender]:
        spender.note(1, 10**12)
        assert not refused(spender, 1)
        assert len(spender) == 0


async def test_those_who_owe_nothing_are_forgotten(settings: Settings) -> None:
    async with spenders(settings, 10**9, 1) as [spender]:
        for account in range(5_000):
            spender.note(account, 1)
        await asyncio.sleep(0.01)
        spender.note(5_000, 1)
        assert len(spender) <= 1_001
