"""Turns: one account's requests wait for each other, and for nobody else."""

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.app import build
from hub.settings import Settings
from hub.turns import Shares, Turns
from schema.documents import Documents, Known
from tests.conftest import Ask
from tests.province import Province, make_session


@given(most=st.integers(1, 4), asked=st.lists(st.sampled_from("abc"), max_size=40), gone=st.sets(st.integers(0, 39)))
async def test_never_more_at_once_and_nobody_is_forgotten(most: int, asked: list[str], gone: set[int]) -> None:
    turns: Turns[str] = Turns(most)
    now = dict.fromkeys("abc", 0)
    done: list[int] = []

    async def one(at: int, who: str) -> None:
        async with turns.of(who):
            now[who] += 1
            assert now[who] <= most
            try:
                await asyncio.sleep(0)
            finally:
                now[who] -= 1
        done.append(at)

    tasks = [asyncio.create_task(one(at, who)) for at, who in enumerate(asked)]
    await asyncio.sleep(0)
    for at in gone & set(range(len(tasks))):
        tasks[at].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    ended = {at for at, each in enumerate(found) if isinstance(each, asyncio.CancelledError)}
    assert [each for each in found if each is not None and not isinstance(each, asyncio.CancelledError)] == []
    assert sorted([*done, *ended]) == list(range(len(asked)))
    assert len(turns) == 0


async def test_who_is_alone_has_all_turns_and_beside_another_a_quarter_of_them() -> None:
    turns: Turns[str] = Turns(4, memory=0.2)
    go = asyncio.Event()
    begun: list[str] = []

    async def one(who: str) -> None:
        async with turns.of(who):
            begun.append(who)
            await go.wait()

    alone = [asyncio.create_task(one("a")) for _ in range(6)]
    await asyncio.sleep(0.01)
    assert begun == ["a"] * 4
    beside = [asyncio.create_task(one("b")) for _ in range(6)]
    await asyncio.sleep(0.01)
    assert begun == ["a"] * 4 + ["b"]
    for task in alone:
        task.cancel()
    await asyncio.gather(*alone, return_exceptions=True)
    await asyncio.sleep(0.01)
    assert begun == ["a"] * 4 + ["b"], "another has asked just now, and may again"
    await asyncio.sleep(0.2)
    beside.append(asyncio.create_task(one("b")))
    beside[0].cancel()
    await asyncio.sleep(0.01)
    assert begun == ["a"] * 4 + ["b"] * 5
    go.set()
    await asyncio.gather(*beside, return_exceptions=True)
    assert len(turns) == 0


async def test_the_first_to_come_is_the_first_served() -> None:
    turns: Turns[str] = Turns(1)
    served: list[int] = []

    async def one(at: int) -> None:
        async with turns.of("a"):
            await asyncio.sleep(0)
            served.append(at)

    await asyncio.gather(*(one(at) for at in range(20)))
    assert served == list(range(20))


async def test_a_client_that_asks_a_hundred_things_leaves_connections_to_others(
    ask: Ask, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred slow requests of one account hold as many connections as it may, and another account's is answered."""
    original = asyncpg.Connection.fetchval
    slow: set[int] = set()
    most = 0

    async def fetchval(self: asyncpg.Connection, query: str, *given: object, **rest: object) -> object:
        nonlocal most
        if "'slow'" not in query and "slow" not in map(str, given):
            return await original(self, query, *given, **rest)
        slow.add(id(self))
        most = max(most, len(slow))
        try:
            await original(self, "SELECT pg_sleep(0.05)")
            return await original(self, query, *given, **rest)
        finally:
            slow.discard(id(self))

    monkeypatch.setattr(asyncpg.Connection, "fetchval", fetchval)
    flood = [asyncio.create_task(ask("countyA", '{ school(code: "slow") { name } }')) for _ in range(100)]
    await asyncio.sleep(0.2)
    begun = time.perf_counter()
    answer = await ask("countyB", '{ school(code: "2114000003") { name } }')
    waited = time.perf_counter() - begun
    left = sum(not task.done() for task in flood)
    assert answer == {"data": {"school": {"name": "B1小学"}}}
    assert left > 0, f"the flood was over before the other was answered, after {waited:.2f} s"
    assert {one["errors"][0]["extensions"]["code"] for one in await asyncio.gather(*flood)} == {"NOT_FOUND"}
    assert most == settings.account_reads


async def test_a_share_is_kept_and_others_do_not_wait() -> None:
    shares: Shares[str] = Shares(0.25)
    done: dict[str, list[float]] = {"a": [], "b": []}

    async def busy(who: str) -> None:
        begun = time.perf_counter()
        while time.perf_counter() - begun < 0.01:
            pass
        done[who].append(begun)

    await asyncio.gather(*(shares.work("a", lambda: busy("a")) for _ in range(5)), shares.work("b", lambda: busy("b")))
    assert len(done["a"]) == 5
    assert done["a"] == sorted(done["a"])
    assert min(later - sooner for sooner, later in itertools.pairwise(done["a"])) >= 0.04
    assert done["b"][0] < done["a"][1]


async def nothing() -> None:
    """Work that is over at once."""


async def a_moment() -> int:
    await asyncio.sleep(0.001)
    return 1


async def test_whoever_comes_after_a_while_does_some_at_once() -> None:
    shares: Shares[str] = Shares(1e-6, burst=1e6)
    async with asyncio.timeout(60):
        done = await asyncio.gather(*(shares.work("a", a_moment) for _ in range(20)))
    assert sum(done) == 20, "without a burst the second would wait for a quarter of an hour"


async def test_who_goes_while_it_is_done_keeps_the_turn_until_it_is_done() -> None:
    shares: Shares[str] = Shares(1.0)
    order: list[str] = []
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        begun.set()
        await go.wait()
        order.append("slow")

    async def after() -> None:
        order.append("next")

    gone = asyncio.create_task(shares.work("a", slow))
    await begun.wait()
    gone.cancel()
    following = asyncio.create_task(shares.work("a", after))
    await asyncio.sleep(0.05)
    assert order == []
    go.set()
    await following
    assert order == ["slow", "next"]
    assert gone.cancelled()


async def test_those_who_wait_for_nothing_are_forgotten() -> None:
    shares: Shares[int] = Shares(0.5)
    for who in range(5_000):
        await shares.work(who, nothing)
    assert len(shares) <= 1_001


async def test_a_client_with_a_new_document_each_time_waits_and_no_other_does(
    settings: Settings, province: Province
) -> None:
    app = build(replace(settings, session_cache=0.0, document_share=1e-6, document_burst=0.0))
    transport = httpx.ASGITransport(app)

    async def ask(caller: str, text: str) -> None:
        headers = {"authorization": f"Bearer {province.tokens[caller]}"}
        answer = await http.post("/graphql", json={"query": text}, headers=headers)
        assert "errors" not in answer.json()

    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://hub") as http:
        known = "{ schools { totalCount } }"
        await ask("countyB", known)
        new = [f"{{ a{at}: schools {{ totalCount }} }}" for at in range(12)]
        flood = [asyncio.create_task(ask("countyA", text)) for text in new]
        await asyncio.sleep(0.2)
        for caller in ("countyA", "countyB") * 3:
            await ask(caller, known)
        assert not any(task.done() for task in flood), "whoever asks what is known, and others, wait for no new one"
        for task in flood:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)


async def test_a_new_document_that_many_send_at_once_is_read_once(
    settings: Settings, province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    original = Documents._judge

    def judge(self: Documents, text: str) -> Known:
        read.append(text)
        return original(self, text)

    monkeypatch.setattr(Documents, "_judge", judge)
    app = build(replace(settings, document_share=1e-6, document_burst=0.0, pool_timeout=30.0))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://hub") as http:

        async def ask(caller: str) -> Any:
            headers = {"authorization": f"Bearer {province.tokens[caller]}"}
            return (await http.post("/graphql", json={"query": "{ schools { totalCount } }"}, headers=headers)).json()

        answers = await asyncio.gather(*(ask(caller) for caller in ("countyA", "countyB") * 20))
    assert not [answer for answer in answers if "errors" in answer]
    assert read == ["{ schools { totalCount } }"]


async def test_a_made_up_token_has_no_share_of_its_own_and_an_account_has_one(
    settings: Settings, province: Province, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []
    original = Shares.work

    async def work(self: Shares[str | None], who: str | None, *rest: Callable[[], Any]) -> object:
        asked.append(who)
        return await original(self, who, *rest)

    monkeypatch.setattr(Shares, "work", work)
    app = build(replace(settings, session_cache=0.0, document_share=0.9))
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 1))
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://hub") as http:
        known = province.tokens["countyA"]
        again = await make_session(system, province.accounts["countyA"])
        for at, token in enumerate(["made", "up", known, known, again, again]):
            headers = {"authorization": f"Bearer {token}"}
            await http.post("/graphql", json={"query": f"{{ a{at}: schools {{ totalCount }} }}"}, headers=headers)
    account = f"account:{province.accounts['countyA']}"
    assert asked == ["192.0.2.7"] * 3 + [account, "192.0.2.7", account]


async def test_a_plan_that_a_client_is_the_first_to_need_is_charged_to_it(
    settings: Settings, province: Province
) -> None:
    app = build(replace(settings, document_share=1e-6, document_burst=0.0, operation_timeout=2.0))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://hub") as http:

        async def ask(caller: str, text: str) -> httpx.Response:
            headers = {"authorization": f"Bearer {province.tokens[caller]}"}
            return await http.post("/graphql", json={"query": text}, headers=headers)

        known = "{ schools { totalCount } }"
        for caller in ("countyA", "schoolA1", "schoolA1"):  # known to the hub, and yet planned anew for a school
            assert (await ask(caller, known)).json()["data"]
        waited = await ask("schoolA1", "{ students { totalCount } }")
        assert (waited.status_code, waited.json()["errors"][0]["extensions"]["key"]) == (503, "TIMEOUT")


async def test_who_waits_for_a_share_too_long_is_told_so(settings: Settings, province: Province) -> None:
    app = build(replace(settings, document_share=1e-6, document_burst=0.0, operation_timeout=2.0))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://hub") as http:
        first, second = [
            await http.post("/graphql", json={"query": f"{{ a{at}: viewer {{ name }} }}"}) for at in range(2)
        ]
    assert first.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (second.status_code, second.json()["errors"][0]["extensions"]["key"]) == (503, "TIMEOUT")
