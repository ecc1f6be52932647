"""Signing in and out, changing a password, and what is kept and told of it."""

import asyncio
import hashlib
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from hub import clock, passwords
from tests.conftest import Ask
from tests.province import COUNTY_A, Province, make_caller

SIGN_IN = """mutation($u: String!, $p: String!) { signIn(input: {username: $u, password: $p}) {
    token expiresAt viewer { username role mustChangePassword roles { role root placeName placeCode until } can } } }"""
CHANGE = "mutation($o: String!, $n: String!) { changePassword(input: {oldPassword: $o, newPassword: $n}) { ok } }"
VIEWER = "{ viewer { username role mustChangePassword } }"
PASSWORD, NEW = "guanli-2013-Xue", "xin-mima-2026!"


class Person:
    """An account with a password, and its requests over HTTP."""

    def __init__(self, http: httpx.AsyncClient, name: str) -> None:
        self.http, self.name = http, name

    async def post(self, query: str, variables: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)

    async def sign_in(self, password: str = PASSWORD, name: str | None = None) -> httpx.Response:
        return await self.post(SIGN_IN, {"u": name or self.name, "p": password})

    async def token(self) -> str:
        found: str = (await self.sign_in()).json()["data"]["signIn"]["token"]
        return found

    async def asked(self, token: str, query: str = VIEWER, **variables: str) -> Any:
        return (await self.post(query, variables, authorization=f"Bearer {token}")).json()


@pytest.fixture(scope="module")
async def kept() -> str:
    return await passwords.make(PASSWORD)


@pytest.fixture
async def person(http: httpx.AsyncClient, province: Province, system: asyncpg.Connection, kept: str) -> Person:
    await make_caller(system, province, "clerk", [("county_administrator", COUNTY_A)], password_hash=kept)
    await system.execute("DELETE FROM sessions WHERE account_id = $1", province.accounts["clerk"])
    return Person(http, "clerk")


def key_of(answer: Any) -> tuple[str, str]:
    (error,) = answer["errors"]
    return error["extensions"]["code"], error["extensions"]["key"]


async def test_the_right_password_gives_a_session_that_works(person: Person) -> None:
    answer = (await person.sign_in()).json()["data"]["signIn"]
    assert answer["viewer"]["roles"] == [
        {
            "role": "county_administrator",
            "root": COUNTY_A,
            "placeName": "小店区",
            "placeCode": COUNTY_A,
            "until": None,
        }
    ]
    assert "student:import" in answer["viewer"]["can"]
    ends = datetime.fromisoformat(answer["expiresAt"]) - clock.now()
    assert timedelta(hours=11) < ends <= timedelta(hours=12)
    viewer = {"username": "clerk", "role": "county_administrator", "mustChangePassword": False}
    assert (await person.asked(answer["token"]))["data"] == {"viewer": viewer}


async def test_whoever_fails_hears_the_same(
    person: Person, province: Province, system: asyncpg.Connection, kept: str
) -> None:
    for name in ("locked", "disabled", "without"):
        await make_caller(system, province, name, [], password_hash=None if name == "without" else kept)
    await system.execute("UPDATE accounts SET locked_until = now() + interval '1 hour' WHERE username = 'locked'")
    await system.execute("UPDATE accounts SET disabled_at = now() WHERE username = 'disabled'")
    answers = [
        await person.sign_in("wrong-Password-1"),
        await person.sign_in(name="nobody"),
        await person.sign_in(name="locked"),
        await person.sign_in(name="disabled"),
        await person.sign_in(name="without"),
        await person.sign_in("", name="clerk"),
        await person.sign_in(name="Clerk"),
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert key_of(answers[0].json()) == ("UNAUTHENTICATED", "WRONG_PASSWORD")


async def test_five_wrong_passwords_lock_the_account_until_its_time_is_over(
    person: Person, system: asyncpg.Connection
) -> None:
    for _ in range(4):
        await person.sign_in("wrong-Password-1")
    assert "data" in (await person.sign_in()).json()
    assert await system.fetchval("SELECT failed_attempts FROM accounts WHERE username = 'clerk'") == 0
    for _ in range(5):
        await person.sign_in("wrong-Password-1")
    until = await system.fetchval("SELECT locked_until FROM accounts WHERE username = 'clerk'")
    assert timedelta(minutes=14) < until - clock.now() <= timedelta(minutes=15)
    assert key_of((await person.sign_in()).json()) == ("UNAUTHENTICATED", "WRONG_PASSWORD")
    assert await system.fetchval("SELECT locked_until FROM accounts WHERE username = 'clerk'") == until
    await system.execute("UPDATE accounts SET locked_until = now() - interval '1 second' WHERE username = 'clerk'")
    assert (await person.sign_in()).json()["data"]["signIn"]["token"]


async def test_guesses_at_the_same_moment_are_counted_each(person: Person, system: asyncpg.Connection) -> None:
    await asyncio.gather(*(person.sign_in(f"wrong-Password-{n}") for n in range(4)))
    assert await system.fetchval("SELECT failed_attempts FROM accounts WHERE username = 'clerk'") == 4


async def test_only_the_hash_of_a_token_is_kept(person: Person, system: asyncpg.Connection) -> None:
    token = await person.token()
    tables = await system.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for (table,) in tables:
        if table == "alembic_version":
            continue
        assert not await system.fetchval(
            f"SELECT EXISTS (SELECT FROM {table} t WHERE t::text LIKE '%' || $1 || '%')", token
        )
    kept = await system.fetchval(
        "SELECT token_hash FROM sessions s JOIN accounts a ON a.id = account_id WHERE username = 'clerk'"
    )
    assert kept == hashlib.sha256(token.encode()).digest()


async def test_signing_out_ends_the_session_at_once_and_no_other(person: Person) -> None:
    one, two = await person.token(), await person.token()
    assert (await person.asked(one))["data"]["viewer"]
    assert (await person.asked(one, "mutation { signOut { ok } }"))["data"] == {"signOut": {"ok": True}}
    assert key_of(await person.asked(one))[0] == "UNAUTHENTICATED"
    assert (await person.asked(two))["data"]["viewer"]
    assert key_of(await person.asked(one, "mutation { signOut { ok } }"))[0] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE sessions SET expires_at = now() - interval '1 second'",
        "UPDATE sessions SET ended_at = now()",
        "UPDATE accounts SET disabled_at = now()",
    ],
)
async def test_an_expired_or_ended_session_and_a_disabled_account_are_nobody(
    person: Person, system: asyncpg.Connection, end: str
) -> None:
    token = await person.token()
    await system.execute(end)
    assert key_of(await person.asked(token)) == ("UNAUTHENTICATED", "UNAUTHENTICATED")


async def test_a_changed_password_ends_every_session(person: Person, system: asyncpg.Connection) -> None:
    one, two = await person.token(), await person.token()
    assert (await person.asked(one, CHANGE, o=PASSWORD, n=NEW))["data"] == {"changePassword": {"ok": True}}
    for token in (one, two):
        assert key_of(await person.asked(token))[0] == "UNAUTHENTICATED"
    assert key_of((await person.sign_in()).json())[1] == "WRONG_PASSWORD"
    assert (await person.sign_in(NEW)).json()["data"]["signIn"]["token"]


async def test_a_wrong_old_password_changes_nothing(person: Person, system: asyncpg.Connection) -> None:
    token = await person.token()
    before = await system.fetchrow(
        "SELECT password_hash, password_changed_at, version FROM accounts WHERE username = 'clerk'"
    )
    answer = await person.asked(token, CHANGE, o="wrong-Password-1", n=NEW)
    assert key_of(answer) == ("UNAUTHENTICATED", "WRONG_PASSWORD")
    assert answer["errors"][0]["extensions"]["field"] == "oldPassword"
    assert (
        await system.fetchrow(
            "SELECT password_hash, password_changed_at, version FROM accounts WHERE username = 'clerk'"
        )
        == before
    )
    assert (await person.asked(token))["data"]["viewer"]


@pytest.mark.parametrize(
    "weak", ["", "short-1", "only-letters-here", "123456789-1", "LettersAnd123", "x-CLERK-2026-x", "a1-" + "x" * 1022]
)
async def test_a_weak_password_is_refused(person: Person, system: asyncpg.Connection, weak: str) -> None:
    token = await person.token()
    before = await system.fetchrow("SELECT * FROM accounts WHERE username = 'clerk'")
    answer = await person.asked(token, CHANGE, o=PASSWORD, n=weak)
    assert key_of(answer) == ("BAD_INPUT", "WEAK_PASSWORD")
    assert answer["errors"][0]["extensions"]["field"] == "newPassword"
    assert await system.fetchrow("SELECT * FROM accounts WHERE username = 'clerk'") == before


@pytest.mark.parametrize("new", ["学籍-管理-2026-😀", "a1-" + "x" * 1021])
async def test_emoji_and_the_longest_password_are_good(person: Person, new: str) -> None:
    assert "errors" not in await person.asked(await person.token(), CHANGE, o=PASSWORD, n=new)
    assert (await person.sign_in(new)).json()["data"]["signIn"]["token"]
    assert key_of((await person.sign_in(new + "x")).json())[1] == "WRONG_PASSWORD"
    assert key_of((await person.sign_in(new[:-1])).json())[1] == "WRONG_PASSWORD"


async def test_a_password_of_a_million_characters_is_just_wrong(person: Person) -> None:
    assert key_of((await person.sign_in("x" * 900_000)).json()) == ("UNAUTHENTICATED", "WRONG_PASSWORD")


async def test_the_first_password_must_be_changed_before_anything_else(
    person: Person, system: asyncpg.Connection
) -> None:
    await system.execute("UPDATE accounts SET must_change_password = true WHERE username = 'clerk'")
    token = await person.token()
    assert (await person.asked(token))["data"]["viewer"]["mustChangePassword"] is True
    for query in (
        "{ students { nodes { name } } }",
        f'{{ region(code: "{COUNTY_A}") {{ name }} }}',
        'mutation { importWorkbook(input: {fileId: "file:1", schoolCode: "2114000001"}) { faults { row } } }',
    ):
        assert key_of(await person.asked(token, query)) == ("FORBIDDEN", "MUST_CHANGE_PASSWORD")
    headers = {"authorization": f"Bearer {token}"}
    for response in (
        await person.http.post("/files", files={"file": ("x", b"x")}, headers=headers),
        await person.http.get("/template", params={"school": "2114000001"}, headers=headers),
    ):
        assert (response.status_code, key_of(response.json())[1]) == (403, "MUST_CHANGE_PASSWORD")
    assert "errors" not in await person.asked(token, CHANGE, o=PASSWORD, n=NEW)
    fresh = (await person.sign_in(NEW)).json()["data"]["signIn"]
    assert fresh["viewer"]["mustChangePassword"] is False
    assert (await person.asked(fresh["token"], "{ students { totalCount } }"))["data"]["students"]["totalCount"] == 12


async def test_acceptance_and_refusal_leave_audit_entries(
    person: Person, province: Province, system: asyncpg.Connection
) -> None:
    clerk = province.accounts["clerk"]
    token = await person.token()
    await person.sign_in("wrong-Password-1")
    await person.sign_in(name="nobody")
    await person.asked(token, "mutation { signOut { ok } }")
    await person.asked(await person.token(), CHANGE, o=PASSWORD, n=NEW)
    rows = await system.fetch("SELECT account_id, action, outcome, code FROM audit ORDER BY id")
    assert [tuple(row) for row in rows] == [
        (clerk, "account:signIn", "ACCEPTED", None),
        (clerk, "account:signIn", "REFUSED", "UNAUTHENTICATED"),
        (None, "account:signIn", "REFUSED", "UNAUTHENTICATED"),
        (clerk, "account:signOut", "ACCEPTED", None),
        (clerk, "account:signIn", "ACCEPTED", None),
        (clerk, "account:changePassword", "ACCEPTED", None),
    ]
    told = await system.fetchval("SELECT string_agg(a::text, '') FROM audit a")
    assert PASSWORD not in told
    assert "wrong-Password-1" not in told


async def test_a_wrong_old_password_is_audited(person: Person, system: asyncpg.Connection) -> None:
    await person.asked(await person.token(), CHANGE, o="wrong-Password-1", n=NEW)
    rows = await system.fetch("SELECT outcome, code FROM audit WHERE action = 'account:changePassword'")
    assert [tuple(row) for row in rows] == [("REFUSED", "UNAUTHENTICATED")]


async def test_guessing_the_old_password_in_a_session_locks_too(person: Person, system: asyncpg.Connection) -> None:
    token = await person.token()
    for n in range(5):
        await person.asked(token, CHANGE, o=f"wrong-Password-{n}", n=NEW)
    assert key_of(await person.asked(token, CHANGE, o=PASSWORD, n=NEW))[1] == "WRONG_PASSWORD"


async def test_nobody_is_told_to_sign_in(ask: Ask) -> None:
    answer = await ask(None, VIEWER)
    assert key_of(answer) == ("UNAUTHENTICATED", "UNAUTHENTICATED")
    assert answer["data"] == {"viewer": None}


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer x", "Basic YTpi", "bearer 学籍".encode(), b"Bearer \xff"]
)
async def test_a_token_that_is_none_is_nobody(http: httpx.AsyncClient, province: Province, header: str | bytes) -> None:
    response = await http.post("/graphql", json={"query": VIEWER}, headers={"authorization": header})
    assert (response.status_code, key_of(response.json())[0]) == (200, "UNAUTHENTICATED")


@pytest.mark.parametrize("role", ["auditor", "nonsense", "x" * 500])
async def test_a_role_not_held_is_forbidden(http: httpx.AsyncClient, province: Province, role: str) -> None:
    headers = {"authorization": f"Bearer {province.tokens['schoolA1']}", "hub-role": role}
    response = await http.post("/graphql", json={"query": VIEWER}, headers=headers)
    assert (response.status_code, key_of(response.json())) == (200, ("FORBIDDEN", "ROLE_NOT_HELD"))
    headers["accept"] = "application/graphql-response+json"
    response = await http.post("/graphql", json={"query": VIEWER}, headers=headers)
    assert (response.status_code, key_of(response.json())) == (403, ("FORBIDDEN", "ROLE_NOT_HELD"))


async def test_an_account_without_grants_sees_itself_and_nothing_else(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    await make_caller(system, province, "bare", [])
    viewer = {"username": "bare", "role": None, "mustChangePassword": False}
    assert await ask("bare", VIEWER) == {"data": {"viewer": viewer}}
    assert key_of(await ask("bare", "{ students { nodes { name } } }")) == ("FORBIDDEN", "NO_ROLE")


async def test_twenty_sign_ins_at_once_leave_room_for_another_request(person: Person, ask: Ask) -> None:
    answers = await asyncio.gather(
        *(person.sign_in() for _ in range(20)), *(ask("schoolA1", "{ students { totalCount } }") for _ in range(5))
    )
    tokens = {orjson.loads(answer.content)["data"]["signIn"]["token"] for answer in answers[:20]}
    assert len(tokens) == 20
    assert answers[20:] == [{"data": {"students": {"totalCount": 6}}}] * 5
