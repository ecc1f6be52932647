"""One client's pace: what it sends too much of, or is refused too often, waits; nobody else does."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import endpoint
from hub.app import build
from hub.settings import Settings
from hub.turns import Shares
from tests.province import Province
from tests.served import served
from tests.sockets import entered

GOOD = {"query": "{ schools { totalCount } }"}
LARGE = GOOD | {"variables": {"x": "y" * 200_000}}
BROKEN = {"query": "{ schools"}
TOO_DEAR = {"query": "{ schools(first: 200) { nodes { students(first: 200) { nodes { guardians { name } } } } } }"}


@asynccontextmanager
async def hub(settings: Settings, province: Province, **overrides: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A hub that knows both clients, so that each has a pace of its own."""
    app = build(replace(settings, session_cache=0.0, document_share=1.0, **overrides))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://hub") as http:
        for caller in ("countyA", "countyB"):
            assert (await http.post("/graphql", json=GOOD, headers=of(province, caller))).json()["data"]
        yield http


def of(province: Province, caller: str) -> dict[str, str]:
    return {"authorization": f"Bearer {province.tokens[caller]}"}


@given(asked=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 3)), max_size=12), ahead=st.integers(0, 3))
async def test_what_is_taken_begins_when_what_was_taken_before_is_over(
    asked: list[tuple[str, int]], ahead: int
) -> None:
    patience, slept = 5, 0.0

    async def sleep(seconds: float) -> None:
        nonlocal slept
        slept = seconds

    # All come at one moment of a clock that stands still: what each waits is told, not waited for.
    still = SimpleNamespace(get_running_loop=lambda: SimpleNamespace(time=lambda: 1_000.0), sleep=sleep)
    shares: Shares[str] = Shares(1.0, ahead)
    before = dict.fromkeys("ab", 0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("hub.turns.asyncio", still)
        for who, units in asked:
            slept = 0.0
            wait = max(0, before[who] - ahead)
            assert await shares.take(who, units, patience) is (wait <= patience)
            assert slept == (wait if wait <= patience else 0), "whoever would wait longer does not wait at all"
            before[who] += units if wait <= patience else 0


async def test_large_requests_come_at_their_clients_pace_and_others_go_first(
    settings: Settings, province: Province
) -> None:
    async with hub(settings, province, body_rate=60_000, body_burst=1) as http:
        told: list[str] = []

        async def ask(name: str, caller: str, body: dict[str, Any]) -> None:
            answer = await http.post("/graphql", json=body, headers=of(province, caller))
            assert answer.json()["data"]
            told.append(name)

        first = asyncio.gather(*(ask(f"large {at}", "countyA", LARGE) for at in range(2)))
        await asyncio.sleep(0)
        await ask("other", "countyB", LARGE)
        await ask("small", "countyA", GOOD)
        await first
    assert sorted(told[:-1]) == ["large 0", "other", "small"]


async def test_who_sends_far_too_much_at_once_is_told_when_to_come_again(
    settings: Settings, province: Province
) -> None:
    async with hub(settings, province, body_rate=1_000, body_burst=201_000) as http:
        first = await http.post("/graphql", json=LARGE, headers=of(province, "countyA"))
        assert first.json()["data"]
        answer = await http.post("/graphql", json=LARGE, headers=of(province, "countyA"))
        error = answer.json()["errors"][0]["extensions"]
        assert (answer.status_code, error["code"], error["key"]) == (429, "RATE_LIMITED", "TOO_MUCH_AT_ONCE")
        assert answer.headers["retry-after"] == str(error["retryAfter"]) == "10"
        assert (await http.post("/graphql", json=GOOD, headers=of(province, "countyA"))).json()["data"]
        assert (await http.post("/graphql", json=LARGE, headers=of(province, "countyB"))).json()["data"]


async def test_who_is_refused_over_and_over_hears_it_later_and_nobody_else_does(
    settings: Settings, province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "_LONGEST_REFUSAL", 60.0)
    async with hub(settings, province, refusal_rate=0.25, cost_limit=1_000) as http:

        async def ask(caller: str, body: dict[str, Any]) -> httpx.Response:
            return await http.post("/graphql", json=body, headers=of(province, caller))

        for body in (BROKEN, TOO_DEAR):
            assert (await ask("countyA", body)).json()["errors"]
        waiting = asyncio.create_task(ask("countyA", BROKEN))
        for caller, body in (("countyA", GOOD), ("countyB", BROKEN), ("countyB", TOO_DEAR), ("countyB", GOOD)):
            await ask(caller, body)
            assert not waiting.done(), "what is answered, and other clients, wait for no refusal"
        assert (await waiting).json()["errors"]


async def test_a_refusal_waits_no_longer_than_an_operation_may(
    settings: Settings, province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "_LONGEST_REFUSAL", 60.0)
    async with hub(settings, province, refusal_rate=0.1, operation_timeout=1.0) as http:
        answers = [await http.post("/graphql", json=BROKEN, headers=of(province, "countyA")) for _ in range(3)]
    assert {answer.json()["errors"][0]["extensions"]["code"] for answer in answers} == {"BAD_INPUT"}


async def test_of_many_refusals_few_wait_at_once(
    settings: Settings, province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "_LONGEST_REFUSAL", 60.0)
    async with hub(settings, province, refusal_rate=0.1) as http:
        headers = of(province, "countyA")
        asking = [asyncio.create_task(http.post("/graphql", json=BROKEN, headers=headers)) for _ in range(40)]
        for each in itertools.islice(asyncio.as_completed(asking, timeout=30), 40 - 6):  # of 10 seconds, after 5
            assert (await each).json()["errors"]
        waiting = [task for task in asking if not task.done()]
        assert len(waiting) == 6
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_write_that_is_refused_is_told_at_once(settings: Settings, province: Province) -> None:
    signing = {"query": 'mutation { signIn(input: {username: "nobody", password: "no"}) { token } }'}
    async with hub(settings, province, refusal_rate=1e-3) as http:
        answers = [await http.post("/graphql", json=signing) for _ in range(8)]
        assert {answer.json()["errors"][0]["extensions"]["code"] for answer in answers} == {"UNAUTHENTICATED"}


async def test_too_much_at_once_by_websocket_ends_it_and_says_why(settings: Settings, province: Province) -> None:
    slow = served(settings, body_rate=1_000, body_burst=1)
    async with slow as (address, _), entered(address, province.tokens["schoolA1"]) as client:
        for _ in range(2):
            await client.say("ping", payload={"x": "y" * 100_000})
        assert await client.end() == (4429, "Too much at once")
