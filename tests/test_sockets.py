"""The protocol graphql-transport-ws as a real client meets it: what is said, and with which code a connection ends."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from hub import passwords
from hub.endpoint import Hub
from hub.settings import Settings
from tests.desk import dump
from tests.province import Province, make_caller
from tests.served import served
from tests.sockets import IMPORT, Client, entered, make_import, opened

INIT = {"type": "connection_init", "payload": {"Authorization": "Bearer TOKEN"}}
SUBSCRIBE = {"type": "subscribe", "id": "1", "payload": {"query": IMPORT, "variables": {"id": "import:JOB"}}}


@pytest.fixture(scope="module")
async def address(settings: Settings) -> AsyncIterator[str]:
    async with served(settings, watch_seconds=0.05, document_share=1.0) as (address, _):
        yield address


async def say_all(client: Client, messages: list[Any], province: Province, job: int) -> None:
    for message in messages:
        if isinstance(message, bytes):
            await client.connection.send(message)
        else:
            text = message if isinstance(message, str) else json.dumps(message)
            token = province.tokens["schoolA1"]
            await client.connection.send(text.replace("TOKEN", token).replace("JOB", str(job)))


async def test_a_finished_import_is_told_once(address: str, province: Province, system: asyncpg.Connection) -> None:
    job = await make_import(system, province, state="APPLIED", total=3, created=2)
    async with entered(address, province.tokens["schoolA1"]) as client:
        await client.follow(job)
        school = {"code": "2114000001"}
        told = await client.next()
        assert told == {"id": f"import:{job}", "state": "APPLIED", "total": 3, "created": 2, "school": school}
        assert await client.hear() == {"id": "1", "type": "complete"}


# how a connection ends


@pytest.mark.parametrize("protocols", [["graphql-ws"], ["graphql-ws", "soap"], []])
async def test_another_subprotocol_is_not_spoken(address: str, protocols: list[str]) -> None:
    async with opened(address, subprotocols=protocols or None) as client:
        assert client.connection.subprotocol is None
        assert await client.end() == (4406, "Subprotocol not acceptable")


async def test_of_several_subprotocols_ours_is_chosen(address: str, province: Province) -> None:
    async with opened(address, subprotocols=["graphql-ws", "graphql-transport-ws"]) as client:
        assert client.connection.subprotocol == "graphql-transport-ws"
        await client.enter(province.tokens["schoolA1"])


async def test_elsewhere_there_is_no_websocket(address: str) -> None:
    for path in ("/", "/files", "/graphql/more", "/static"):
        async with httpx.AsyncClient() as http:
            headers = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
            headers["sec-websocket-key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
            assert (await http.get(address + path, headers=headers)).status_code in (403, 404)


@pytest.mark.parametrize(
    ("messages", "code", "reason"),
    [
        (["nonsense"], 4400, "valid JSON"),
        ([b'{"type": "ping"}'], 4400, "must be text"),
        (["[]"], 4400, "Invalid message"),
        (["null"], 4400, "Invalid message"),
        (["{}"], 4400, "Unknown message type"),
        ([{"type": "start"}], 4400, "Unknown message type"),
        ([{"type": ["ping"]}], 4400, "Unknown message type"),
        ([{"type": {"ping": 1}}], 4400, "Unknown message type"),
        ([INIT, {"type": "next", "id": "1", "payload": {}}], 4400, "Unknown message type"),
        ([INIT, {"type": "error", "id": "1", "payload": []}], 4400, "Unknown message type"),
        ([INIT, {"type": "connection_ack"}], 4400, "Unknown message type"),
        (['{"type": "ping", "payload": "\\u0000"}'], 4400, "Invalid message"),
        ([{"type": "connection_init", "payload": ["x"]}], 4400, "Invalid connection_init payload"),
        ([SUBSCRIBE], 4401, "Unauthorized"),
        ([{"type": "connection_init"}], 4401, "Unauthorized"),
        ([{"type": "connection_init", "payload": None}], 4401, "Unauthorized"),
        ([{"type": "connection_init", "payload": {"Authorization": 7}}], 4401, "Unauthorized"),
        ([{"type": "connection_init", "payload": {"Authorization": "Basic TOKEN"}}], 4401, "Unauthorized"),
        ([{"type": "connection_init", "payload": {"Authorization": "Bearer wrong"}}], 4401, "Unauthorized"),
        ([{"type": "connection_init", "payload": {"token": "TOKENx"}}], 4401, "Unauthorized"),
        (
            [{"type": "connection_init", "payload": {"token": "令牌\ud800".encode("utf-8", "ignore").decode()}}],
            4401,
            "",
        ),
        ([{"type": "connection_init", "payload": {"token": "TOKEN", "Hub-Role": "prov"}}], 4403, "ROLE_NOT_HELD"),
        ([INIT, INIT], 4429, "Too many initialisation requests"),
        ([INIT, SUBSCRIBE, SUBSCRIBE], 4409, "Subscriber for 1 already exists"),
        ([INIT, SUBSCRIBE | {"id": ""}], 4400, "Invalid id"),
        ([INIT, SUBSCRIBE | {"id": 1}], 4400, "Invalid id"),
        ([INIT, SUBSCRIBE | {"id": ["1"]}], 4400, "Invalid id"),
        ([INIT, SUBSCRIBE | {"id": "号" * 129}], 4400, "Invalid id"),
        ([INIT, SUBSCRIBE | {"id": "号" * 128}, SUBSCRIBE | {"id": "号" * 128}], 4409, "Subscriber for 号号"),
        ([INIT, {"type": "subscribe", "payload": {"query": IMPORT}}], 4400, "Invalid id"),
        ([INIT, {"type": "subscribe", "id": "1"}], 4400, "Invalid subscribe payload"),
        ([INIT, {"type": "subscribe", "id": "1", "payload": "x"}], 4400, "Invalid subscribe payload"),
        ([INIT, {"type": "subscribe", "id": "1", "payload": {"query": 1}}], 4400, "Invalid subscribe payload"),
        ([INIT, {"type": "complete"}], 4400, "Invalid id"),
        ([INIT] + [{"type": "ping"}] * 40, 4429, "Too many messages"),
        ([{"type": "ping", "payload": "x" * 1_000_000}], 1009, ""),
    ],
)
async def test_what_breaks_the_protocol_ends_the_connection(
    address: str,
    province: Province,
    system: asyncpg.Connection,
    messages: list[Any],
    code: int,
    reason: str,
) -> None:
    job = await make_import(system, province)
    async with opened(address) as client:
        await say_all(client, messages, province, job)
        ended = await client.end()
        assert ended[0] == code, ended
        assert reason in ended[1]


async def test_whoever_says_nothing_is_sent_away(settings: Settings, province: Province) -> None:
    async with (
        served(settings, socket_init=1.0) as (address, _),
        opened(address) as silent,
        opened(address) as chatty,
        entered(address, province.tokens["schoolA1"]) as known,
    ):
        await chatty.say("ping")
        assert await chatty.hear() == {"type": "pong"}
        assert await silent.end() == await chatty.end() == (4408, "Connection initialisation timeout")
        await known.say("ping")
        assert await known.hear() == {"type": "pong"}


async def test_by_default_there_are_three_seconds_to_begin() -> None:
    assert Settings().socket_init == 3


@pytest.mark.parametrize(
    ("grants", "account", "reason"),
    [
        ([], {}, "NO_ROLE"),
        ([("school_administrator", "A1")], {"must_change_password": True}, "MUST_CHANGE_PASSWORD"),
    ],
)
async def test_who_may_do_nothing_is_not_let_in(
    address: str, province: Province, system: asyncpg.Connection, grants: Any, account: Any, reason: str
) -> None:
    held = [(role, province.paths[at]) for role, at in grants]
    token = await make_caller(system, province, "new", held, **account)
    async with opened(address) as client:
        await client.say("connection_init", payload={"token": token})
        assert await client.end() == (4403, reason)


@pytest.mark.parametrize(
    "payload",
    [{"Authorization": "Bearer TOKEN"}, {"authorization": "bearer TOKEN"}, {"token": "TOKEN"}, {"TOKEN": "TOKEN"}],
)
async def test_a_token_may_be_given_in_several_ways(address: str, province: Province, payload: dict[str, str]) -> None:
    token = province.tokens["schoolA1"]
    async with opened(address) as client:
        await client.say(
            "connection_init", payload={name: value.replace("TOKEN", token) for name, value in payload.items()}
        )
        assert await client.hear() == {"type": "connection_ack"}


async def test_a_token_in_the_upgrade_is_no_sign_in(address: str, province: Province) -> None:
    headers = {"Authorization": f"Bearer {province.tokens['schoolA1']}", "Cookie": province.tokens["schoolA1"]}
    async with opened(address, additional_headers=headers, origin="https://elsewhere.example") as client:
        await client.say("connection_init")
        assert await client.end() == (4401, "Unauthorized")


# what is said


async def test_pings_are_answered_at_any_time_with_what_they_bring(address: str, province: Province) -> None:
    async with opened(address) as client:
        await client.say("ping", payload={"at": 1})
        assert await client.hear() == {"type": "pong", "payload": {"at": 1}}
        await client.enter(province.tokens["schoolA1"])
        await client.say("ping")
        await client.say("pong")
        assert await client.hear() == {"type": "pong"}


async def test_subscriptions_are_told_apart_by_their_ids(
    address: str, province: Province, system: asyncpg.Connection
) -> None:
    one, other = [await make_import(system, province, total=total) for total in (1, 2)]
    async with entered(address, province.tokens["schoolA1"]) as client:
        await client.follow(one, "one")
        assert (await client.next("one"))["total"] == 1
        await client.follow(other, "other")
        assert (await client.next("other"))["total"] == 2
        await system.execute("UPDATE imports SET total = 11, state = 'APPLIED' WHERE id = $1", one)
        assert (await client.next("one"))["total"] == 11
        assert await client.hear() == {"id": "one", "type": "complete"}
        await client.follow(other, "one")  # free again
        assert (await client.next("one"))["total"] == 2


async def test_after_complete_nothing_more_comes(address: str, province: Province, system: asyncpg.Connection) -> None:
    job = await make_import(system, province)
    async with entered(address, province.tokens["schoolA1"]) as client:
        await client.follow(job)
        await client.next()
        await client.say("complete", id="1")
        await client.say("complete", id="1")
        await client.say("complete", id="never begun")
        await client.follow(job, "2")
        await client.next("2")
        await system.execute("UPDATE imports SET total = 5 WHERE id = $1", job)
        assert (await client.next("2"))["total"] == 5
        await client.say("ping")
        assert await client.hear() == {"type": "pong"}


REFUSED = [
    ("{ viewer { name } }", {}, "ONLY_SUBSCRIPTIONS"),
    ("mutation { signOut { ok } }", {}, "ONLY_SUBSCRIPTIONS"),
    ("subscription { importJob(id: 1) {", {}, "BAD_DOCUMENT"),
    ("subscription { importJob { id } }", {}, "BAD_DOCUMENT"),
    ("subscription { nothing { id } }", {}, "BAD_DOCUMENT"),
    ("subscription { __typename }", {}, "BAD_DOCUMENT"),
    ('subscription { a: importJob(id: "import:1") { id } b: importJob(id: "import:1") { id } }', {}, "BAD_DOCUMENT"),
    (IMPORT, {}, "BAD_DOCUMENT"),
    (IMPORT, {"variables": {"id": None}}, "BAD_DOCUMENT"),
    (IMPORT, {"variables": {"id": "import:x"}}, "BAD_ID"),
    (IMPORT, {"variables": {"id": "student:1"}}, "BAD_ID"),
    (IMPORT, {"variables": [1]}, "BAD_REQUEST"),
    (IMPORT, {"variables": {"id": "import:1"}, "operationName": "Other"}, "BAD_DOCUMENT"),
    (IMPORT, {"variables": {"id": "import:1"}, "operationName": 3}, "BAD_REQUEST"),
    (IMPORT, {"variables": {"id": "import:1", "more": [[]] * 2_000}}, "VARIABLES_TOO_LARGE"),
    (IMPORT, {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}, "PERSISTED_QUERY_MISMATCH"),
    ("", {}, "BAD_REQUEST"),
    ("subscription A { importJob(id: 1) { id } } subscription B { importJob(id: 1) { id } }", {}, "BAD_DOCUMENT"),
    ('subscription { importJob(id: "import:1") ' + "{ school " * 25 + "{ id }" + " }" * 25 + " }", {}, "TOO_COMPLEX"),
    ('subscription { importJob(id: "import:1") { ' + "id " * 5_000 + "} }", {}, "TOO_COMPLEX"),
    ('subscription($no: Boolean!) { importJob(id: "import:1") @skip(if: $no) { id } }', {"variables": {"no": True}}, "BAD_DOCUMENT"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "more", "key"), REFUSED, ids=[f"{at} {one[2]}" for at, one in enumerate(REFUSED)])
async def test_what_cannot_run_is_refused_and_the_connection_stays(
    address: str, province: Province, system: asyncpg.Connection, query: str, more: Any, key: str
) -> None:
    before = await dump(system, ("sessions", "audit", "outbox", "imports"))
    async with entered(address, province.tokens["schoolA1"]) as client:
        await client.subscribe("1", query, **more)
        assert (await client.refused())[1] == key
        await client.subscribe("1", "{ viewer { name } }")  # the id is free
        assert (await client.refused())[1] == "ONLY_SUBSCRIPTIONS"
    assert await dump(system, ("sessions", "audit", "outbox", "imports")) == before


async def test_refusals_speak_the_clients_language(address: str, province: Province) -> None:
    spoken = [({}, {}), ({"accept-language": "en"}, {}), ({"accept-language": "en"}, {"Accept-Language": "zh-CN"})]
    heard = []
    for headers, words in [*spoken, ({}, {"accept-language": "en-GB"})]:
        async with opened(address, additional_headers=headers) as client:
            await client.enter(province.tokens["schoolA1"], **words)
            await client.subscribe("1", "{ viewer { name } }")
            heard.append((await client.hear())["payload"][0]["message"].isascii())
    assert heard == [False, True, False, True]


async def test_one_of_several_operations_runs_by_its_name(
    address: str, province: Province, system: asyncpg.Connection
) -> None:
    job = await make_import(system, province, state="APPLIED", total=4)
    text = f'query A {{ viewer {{ name }} }} subscription B {{ importJob(id: "import:{job}") {{ total }} }}'
    async with entered(address, province.tokens["schoolA1"]) as client:
        await client.subscribe("1", text, operationName="B")
        assert await client.next() == {"total": 4}
        assert (await client.hear())["type"] == "complete"
        await client.subscribe("1", text, operationName="A")
        assert (await client.refused())[1] == "ONLY_SUBSCRIPTIONS"


async def test_a_document_is_remembered_by_its_hash(
    address: str, province: Province, system: asyncpg.Connection
) -> None:
    job = await make_import(system, province, state="APPLIED")
    text = "subscription Hashed($id: ID!) { importJob(id: $id) { state } }"
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(text.encode()).hexdigest()}}
    asked = {"variables": {"id": f"import:{job}"}, "extensions": extensions}
    async with entered(address, province.tokens["schoolA1"]) as client:
        await client.subscribe("1", "", **asked)
        assert (await client.refused())[1] == "PERSISTED_QUERY_NOT_FOUND"
        for query in (text, ""):
            await client.subscribe("1", query, **asked)
            assert await client.next() == {"state": "APPLIED"}
            assert (await client.hear())["type"] == "complete"


async def test_only_trusted_documents_run_where_there_is_a_list(
    settings: Settings, province: Province, system: asyncpg.Connection, tmp_path: Path
) -> None:
    job = await make_import(system, province, state="APPLIED")
    (tmp_path / "job.graphql").write_text(IMPORT)
    listed, token = served(settings, trusted_documents=str(tmp_path)), province.tokens["schoolA1"]
    async with listed as (address, _), entered(address, token) as client:
        await client.follow(job)
        assert (await client.next())["state"] == "APPLIED"
        await client.hear()
        await client.follow(job, query=IMPORT + " ")
        assert (await client.refused())[1] == "DOCUMENT_NOT_TRUSTED"


async def test_new_documents_have_a_share_of_the_time(settings: Settings, province: Province) -> None:
    def asking(at: int) -> str:
        return f'subscription S{at} {{ importJob(id: "x:{at}") {{ id }} }}'

    slow, tokens = served(settings, document_share=1e-6, document_burst=0.0), province.tokens
    async with (
        slow as (address, app),
        entered(address, tokens["schoolA1"]) as client,
        entered(address, tokens["countyA"]) as other,
    ):
        await client.subscribe("first", asking(1))
        assert (await client.refused("first"))[1] == "BAD_ID"
        await client.subscribe("new", asking(2))
        await client.subscribe("known", asking(1))
        assert (await client.refused("known"))[1] == "BAD_ID"
        await other.subscribe("new", asking(3))
        assert (await other.refused("new"))[1] == "BAD_ID"
        with pytest.raises(TimeoutError):
            await client.hear(0.2)
        assert len(app.state.hub.shares) == 2


async def test_a_plan_that_a_subscription_is_the_first_to_need_is_charged_to_it(
    settings: Settings, province: Province, system: asyncpg.Connection
) -> None:
    job = await make_import(system, province, state="APPLIED")
    slow, tokens = served(settings, document_share=1e-6, document_burst=0.0), province.tokens
    async with slow as (address, app):
        for place, caller in enumerate(("countyA", "schoolA1"), 1):  # the document is new only once
            async with entered(address, tokens[caller]) as client:
                await client.follow(job)
                assert (await client.next())["state"] == "APPLIED"
            assert len(app.state.hub.shares) == place


async def test_an_error_inside_shows_its_text_to_nobody(
    settings: Settings, province: Province, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("王小明 110105201503151234")

    job = await make_import(system, province, state="APPLIED")
    async with served(settings) as (address, app), entered(address, province.tokens["schoolA1"]) as client:
        monkeypatch.setattr(app.state.hub.watch, "_seen", broken)
        await client.follow(job)
        message = await client.hear()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "INTERNAL"
        assert "王小明" not in json.dumps(message, ensure_ascii=False)
        monkeypatch.setattr(Hub, "recognise", broken)
        async with opened(address) as late:
            await late.say("connection_init", payload={"token": province.tokens["schoolA1"]})
            assert await late.end() == (1011, "INTERNAL")


async def test_signing_in_by_name_and_signing_out_ends_the_connection(
    address: str, province: Province, settings: Settings, system: asyncpg.Connection
) -> None:
    hashed = await passwords.make("Correct-Horse-1")
    await make_caller(system, province, "named", [("school_administrator", province.paths["A1"])], password_hash=hashed)
    headers = {"content-type": "application/json"}
    async with httpx.AsyncClient(base_url=address, headers=headers) as http:
        signing = 'mutation { signIn(input: {username: "named", password: "Correct-Horse-1"}) { token } }'
        signed = (await http.post("/graphql", json={"query": signing})).json()
        token = signed["data"]["signIn"]["token"]
        async with entered(address, token) as client:
            bearer = {"authorization": f"Bearer {token}"}
            await http.post("/graphql", json={"query": "mutation { signOut { ok } }"}, headers=bearer)
            assert await client.end() == (4401, "Unauthorized")
