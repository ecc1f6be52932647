"""What only a real socket can bring: bodies in pieces, floods of headers, clients that go, time that runs out."""

import asyncio
import hashlib
import json
import resource
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from hub.app import build
from hub.asked import GRAPHQL, JSON, media_type
from hub.errors import NotAcceptable
from hub.settings import Settings
from tests.province import Province
from tests.served import served

QUERY = "{ students { totalCount } }"
PLACES = "{ schools { nodes { code name } } headcounts { students } }"
SIX = {"students": {"totalCount": 6}}


def bearer(province: Province, caller: str = "schoolA1") -> dict[str, str]:
    return {"authorization": f"Bearer {province.tokens[caller]}"}


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def by_hash(text: str, *, whole: bool = False) -> dict[str, Any]:
    asked: dict[str, Any] = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha(text)}}}
    return asked | ({"query": text} if whole else {})


def link(text: str, **more: str) -> dict[str, str]:
    return {"extensions": json.dumps(by_hash(text)["extensions"])} | more


def key(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["extensions"]["key"]


# what the answer is written as


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/html, */*;q=0.1", JSON),
        ("application/json", JSON),
        ("application/json; charset=utf-8", JSON),
        ("application/graphql-response+json", GRAPHQL),
        ("application/graphql-response+json; charset=utf-8", GRAPHQL),
        ("application/graphql-response+json, application/json", GRAPHQL),
        ("application/json, application/graphql-response+json", GRAPHQL),
        ("application/graphql-response+json;q=0.5, application/json", JSON),
        ("application/graphql-response+json, */*", GRAPHQL),
        ("application/json, */*", JSON),
        ("application/json;q=0, */*", GRAPHQL),
        ("APPLICATION/JSON", JSON),
        ("text/html", None),
        ("application/json;q=0", None),
        ("*/*;q=0", None),
        ("application/json;q=x", None),
        ("text/event-stream", None),
    ],
)
def test_the_media_type_is_the_one_wanted_most(accept: str, media: str | None) -> None:
    if media is None:
        with pytest.raises(NotAcceptable):
            media_type(accept)
    else:
        assert media_type(accept) == media


@pytest.mark.parametrize(
    ("body", "plain", "strict"),
    [
        ({"query": QUERY}, 200, 200),
        ({"query": "{ viewer { name } nothing }"}, 200, 400),
        ({"query": "{"}, 200, 400),
        ({"query": "query($i: ID!) { student(id: $i) { name } }"}, 200, 400),
        ({"query": "query A { viewer { name } }", "operationName": "B"}, 200, 400),
        ({"query": '{ student(id: "student:1") { name } students { totalCount } }'}, 200, 200),
        ({"query": "{ ...A } fragment A on Query { ...A }"}, 200, 400),
        ({"query": ""}, 400, 400),
        ({"query": QUERY, "extensions": []}, 400, 400),
        ({"query": QUERY, "extensions": {"persistedQuery": {"version": 2, "sha256Hash": "x"}}}, 400, 400),
        ({"query": QUERY, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "x"}}}, 200, 400),
        (by_hash("{ neverSent }"), 200, 400),
        ([{"query": QUERY}], 400, 400),
    ],
)
async def test_the_status_says_whether_anything_was_executed(
    http: httpx.AsyncClient, province: Province, body: Any, plain: int, strict: int
) -> None:
    for media, status in ((JSON, plain), (GRAPHQL, strict)):
        response = await http.post("/graphql", json=body, headers=bearer(province) | {"accept": media})
        assert (response.status_code, response.headers["content-type"]) == (status, media)
        assert response.headers["cache-control"] == "no-store"
        assert status == 200 or "data" not in response.json()


async def test_who_accepts_nothing_is_told_what_there_is(http: httpx.AsyncClient, province: Province) -> None:
    response = await http.post("/graphql", json={"query": QUERY}, headers=bearer(province) | {"accept": "text/html"})
    assert key(response) == (406, "NOT_ACCEPTABLE")
    assert GRAPHQL in response.json()["errors"][0]["extensions"]["remedy"]


# by hash, by address


async def test_a_document_that_was_sent_once_is_known_by_its_hash(http: httpx.AsyncClient, province: Province) -> None:
    headers, text = bearer(province), "{ a: students { totalCount } }"
    assert key(await http.post("/graphql", json=by_hash(text), headers=headers)) == (200, "PERSISTED_QUERY_NOT_FOUND")
    nobody = await http.post("/graphql", json=by_hash(text, whole=True))
    assert nobody.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert key(await http.post("/graphql", json=by_hash(text), headers=headers))[1] == "PERSISTED_QUERY_NOT_FOUND"
    whole = await http.post("/graphql", json=by_hash(text, whole=True), headers=headers)
    short = await http.post("/graphql", json=by_hash(text), headers=headers)
    assert whole.json()["data"] == short.json()["data"] == {"a": {"totalCount": 6}}
    wrong = by_hash(text) | {"query": QUERY}
    assert key(await http.post("/graphql", json=wrong, headers=headers)) == (200, "PERSISTED_QUERY_MISMATCH")


async def test_what_is_remembered_by_hash_is_bounded_by_bytes(
    app: Any, http: httpx.AsyncClient, province: Province
) -> None:
    kept = app.state.hub.schema.trusted.persisted
    limit, kept.limit = kept.limit, 20_000
    try:
        for at in range(60):
            text = f"{{ a{at}: schools {{ totalCount }} }}"
            await http.post("/graphql", json=by_hash(text, whole=True), headers=bearer(province))
            assert kept.bytes <= kept.limit
        assert key(
            await http.post("/graphql", json=by_hash("{ a0: schools { totalCount } }"), headers=bearer(province))
        )[1] == ("PERSISTED_QUERY_NOT_FOUND")
        broken = "{ nothing }"
        await http.post("/graphql", json=by_hash(broken, whole=True), headers=bearer(province))
        again = await http.post("/graphql", json=by_hash(broken), headers=bearer(province))
        assert key(again)[1] == "PERSISTED_QUERY_NOT_FOUND"
    finally:
        kept.limit = limit


PERSONAL = [
    QUERY,
    "{ viewer { name } }",
    "{ schools { nodes { headName } } }",
    "{ schools { nodes { students { totalCount } } } }",
    "{ schoolClasses { nodes { teacherName } } }",
    "{ cases { totalCount } }",
    "{ problemRecords { totalCount } }",
    "{ schools { ...F } } fragment F on SchoolConnection { nodes { classes { nodes { students { totalCount } } } } }",
    '{ node(id: "student:1") { id } }',
    "query($w: SchoolFilter) { schools(where: $w) { totalCount } }",
    "{ schools { nodes { ... on School { phone } } } }",
]


@pytest.mark.parametrize("text", PERSONAL)
async def test_what_concerns_people_is_never_asked_for_by_an_address(
    http: httpx.AsyncClient, province: Province, text: str
) -> None:
    await http.post("/graphql", json=by_hash(text, whole=True), headers=bearer(province))
    response = await http.get("/graphql", params=link(text), headers=bearer(province))
    assert key(response) == (405, "LINK_NOT_FOR_PEOPLE")
    assert "POST" in response.headers["allow"]


async def test_places_and_counts_are_asked_for_by_an_address_with_a_hash(
    http: httpx.AsyncClient, province: Province
) -> None:
    text = "query($w: String) { schools(within: $w) { totalCount nodes { code name } } headcounts { students } }"
    assert key(await http.get("/graphql", params=link(text), headers=bearer(province))) == (
        200,
        "PERSISTED_QUERY_NOT_FOUND",
    )
    posted = await http.post("/graphql", json=by_hash(text, whole=True), headers=bearer(province))
    more = {"variables": json.dumps({"w": None}), "operationName": ""}
    got = await http.get("/graphql", params=link(text, **more), headers=bearer(province))
    assert got.status_code == 200
    assert got.json() == posted.json()
    assert got.headers["cache-control"] == "no-store"


async def test_a_write_is_not_asked_for_by_an_address_even_with_a_hash(
    http: httpx.AsyncClient, province: Province, system: asyncpg.Connection
) -> None:
    text = "mutation { signOut { ok } }"
    headers = bearer(province)
    await http.post("/graphql", json=by_hash(text, whole=True), headers=bearer(province, "countyA"))
    for accept in (JSON, GRAPHQL):
        response = await http.get("/graphql", params=link(text), headers=headers | {"accept": accept})
        assert key(response) == (405, "METHOD_NOT_ALLOWED")
    assert await system.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL") == 1


async def test_only_trusted_documents_run_where_they_are_listed(
    settings: Settings, province: Province, tmp_path: Path
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "places.graphql").write_text(PLACES, encoding="utf-8")
    (tmp_path / "students.graphql").write_text(QUERY, encoding="utf-8")
    async with (
        served(settings, trusted_documents=str(tmp_path)) as (url, _),
        httpx.AsyncClient(base_url=url, headers=bearer(province)) as client,
    ):
        assert (await client.post("/graphql", json={"query": QUERY})).json()["data"] == SIX
        assert (await client.post("/graphql", json=by_hash(QUERY))).json()["data"] == SIX
        assert (await client.get("/graphql", params=link(PLACES))).json()["data"]["headcounts"]
        assert key(await client.get("/graphql", params=link(QUERY))) == (405, "LINK_NOT_FOR_PEOPLE")
        for other in (
            {"query": QUERY + " "},
            {"query": "{ __typename }"},
            by_hash("{ x }"),
            by_hash("{ x }", whole=True),
        ):
            refused = await client.post("/graphql", json=other, headers={"accept": GRAPHQL})
            assert key(refused) == (403, "DOCUMENT_NOT_TRUSTED")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        json.dumps({"x": 1}),
        json.dumps({sha(QUERY): PLACES}),
        json.dumps({sha("{ nothing }"): "{ nothing }"}),
    ],
)
def test_a_list_of_trusted_documents_that_is_not_sound_stops_the_start(tmp_path: Path, content: str) -> None:
    (tmp_path / "list.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"list\.json"):
        build(Settings(trusted_documents=str(tmp_path / "list.json")))


def test_a_sound_manifest_is_taken(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps({sha(QUERY): QUERY}), encoding="utf-8")
    app = build(Settings(trusted_documents=str(tmp_path / "list.json")))
    assert app.state.hub.schema.trusted.listed == {sha(QUERY): QUERY}


# on a socket


async def test_a_body_in_pieces_is_refused_where_it_passes_the_limit(settings: Settings, province: Province) -> None:
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'{"query": "'
        for _ in range(800):
            sent += 65_536
            yield b" " * 65_536

    async with served(settings) as (url, _), httpx.AsyncClient(base_url=url, headers=bearer(province)) as client:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        response = await client.post("/graphql", content=pieces(), headers={"content-type": JSON})
        assert key(response) == (413, "BODY_TOO_LARGE")
        assert sent > 50_000_000
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kilobytes
        assert (await client.post("/graphql", json={"query": QUERY})).json()["data"] == SIX


async def test_a_flood_of_headers_is_refused(settings: Settings, province: Province) -> None:
    floods = [
        b"".join(b"x-%d: %s\r\n" % (at, b"y" * 60) for at in range(1_000)),
        b"x: " + b"y" * 64_000 + b"\r\n",
        b"x: " + b"y" * 2_000_000,  # never whole
    ]
    async with served(settings) as (url, _):
        port = int(url.rsplit(":", 1)[1])
        for start in (
            b"POST /graphql HTTP/1.1\r\nhost: hub\r\n",
            b"GET /" + b"z" * 40_000 + b" HTTP/1.1\r\nhost: h\r\n",
        ):
            for flood in floods:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(start + flood + b"content-length: 0\r\n\r\n")
                answer = await asyncio.wait_for(reader.read(400), 30)
                assert answer.startswith(b"HTTP/1.1 431 ")
                writer.close()
        async with httpx.AsyncClient(base_url=url, headers=bearer(province)) as client:
            big = {"query": QUERY, "variables": {"x": "y" * 900_000}}
            for _ in range(3):
                assert (await client.post("/graphql", json=big)).json()["data"] == SIX


BUSY = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'xueji-hub hub_read' AND state <> 'idle'"


@pytest.fixture
async def watcher(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """A connection that sees what every other one does."""
    connection = await asyncpg.connect(settings.database_url)
    yield connection
    await connection.close()


async def quiet(watcher: asyncpg.Connection) -> bool:
    """Whether no read runs on the server, waited for up to half a minute."""
    for _ in range(600):
        if await watcher.fetchval(BUSY) == 0:
            return True
        await asyncio.sleep(0.05)
    return False


async def leave(client: httpx.AsyncClient, watcher: asyncpg.Connection, text: str) -> None:
    """Ask, see that a statement runs on the server, go, and see it end."""
    asking = asyncio.create_task(client.post("/graphql", json={"query": text}))
    for _ in range(600):
        if await watcher.fetchval(BUSY):
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("no statement ran")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await quiet(watcher)


async def locked(settings: Settings, table: str) -> asyncpg.Connection:
    """A connection that holds a table against every read."""
    holder = await asyncpg.connect(settings.database_url)
    await holder.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    return holder


def campus(province: Province) -> str:
    """A write."""
    school = f"school:{province.ids['A1']}"
    return f'mutation {{ createCampus(input: {{name: "东校区", schoolId: "{school}"}}) {{ campus {{ name }} }} }}'


@pytest.mark.parametrize("text", [QUERY, "{ a: students { totalCount } b: students { totalCount } viewer { name } }"])
async def test_a_client_that_goes_takes_its_statement_along(
    settings: Settings, province: Province, watcher: asyncpg.Connection, text: str
) -> None:
    async with (
        served(settings, read_pool=2, lock_timeout=60.0, statement_timeout=60.0) as (url, _),
        httpx.AsyncClient(base_url=url, headers=bearer(province)) as client,
    ):
        assert (await client.post("/graphql", json={"query": text})).json()["data"]
        holder = await locked(settings, "students")
        try:
            for _ in range(5):
                await leave(client, watcher, text)
            assert await quiet(watcher)
            served_still = await client.post("/graphql", json={"query": "{ schools { totalCount } }"}, timeout=30)
            assert served_still.json()["data"] == {"schools": {"totalCount": 1}}
        finally:
            await holder.close()
        assert (await client.post("/graphql", json={"query": text})).json()["data"]


async def test_who_often_goes_waits_with_the_next_query_and_nobody_else_does(
    settings: Settings, province: Province, watcher: asyncpg.Connection
) -> None:
    limits = {"abandoned_share": 1e-4, "abandoned_burst": 1e-5, "operation_timeout": 1.0, "read_pool": 2}
    async with (
        served(settings, lock_timeout=60.0, statement_timeout=60.0, **limits) as (url, _),
        httpx.AsyncClient(base_url=url, headers=bearer(province)) as client,
        httpx.AsyncClient(base_url=url, headers=bearer(province, "countyB")) as other,
    ):
        assert (await client.post("/graphql", json={"query": QUERY})).json()["data"]
        holder = await locked(settings, "students")
        try:
            await leave(client, watcher, QUERY)
        finally:
            await holder.close()
        waited = await client.post("/graphql", json={"query": QUERY})
        assert key(waited) == (503, "TIMEOUT")
        assert (await other.post("/graphql", json={"query": QUERY})).json()["data"]
        write = await client.post("/graphql", json={"query": campus(province)})
        assert write.json()["data"] == {"createCampus": {"campus": {"name": "东校区"}}}


async def test_what_a_loader_still_looks_up_goes_too(
    settings: Settings, province: Province, watcher: asyncpg.Connection, record: int
) -> None:
    text = "{ problemRecords { nodes { candidates { name agreement { field agrees } } } } }"
    async with (
        served(settings, read_pool=2, lock_timeout=60.0, statement_timeout=60.0) as (url, _),
        httpx.AsyncClient(base_url=url, headers=bearer(province, "reviewerA")) as client,
    ):
        whole = await client.post("/graphql", json={"query": text})
        assert whole.json()["data"]["problemRecords"]["nodes"][0]["candidates"]
        holder = await locked(settings, "guardians")
        try:
            for _ in range(3):
                await leave(client, watcher, text)
            assert await quiet(watcher)
        finally:
            await holder.close()
        assert (await client.post("/graphql", json={"query": text})).json() == whole.json()


async def test_a_query_that_takes_too_long_is_told_so_and_leaves_nothing_behind(
    settings: Settings, province: Province, watcher: asyncpg.Connection
) -> None:
    limits = {"operation_timeout": 0.5, "read_pool": 2, "lock_timeout": 60.0, "statement_timeout": 60.0}
    async with (
        served(settings, **limits) as (url, _),
        httpx.AsyncClient(base_url=url, headers=bearer(province)) as client,
    ):
        await client.post("/graphql", json={"query": QUERY})
        holder = await locked(settings, "students")
        try:
            for accept in (JSON, GRAPHQL):
                late = await client.post("/graphql", json={"query": QUERY}, headers={"accept": accept})
                assert key(late) == (503, "TIMEOUT")
            assert await quiet(watcher)
        finally:
            await holder.close()
        assert (await client.post("/graphql", json={"query": QUERY})).json()["data"] == SIX


async def test_a_statement_that_takes_too_long_is_told_so(
    settings: Settings, province: Province, system: asyncpg.Connection
) -> None:
    async with (
        served(settings, statement_timeout=1.0) as (url, _),
        httpx.AsyncClient(base_url=url, headers=bearer(province)) as client,
    ):
        holder = await locked(settings, "students")
        try:
            late = await client.post("/graphql", json={"query": QUERY})
        finally:
            await holder.close()
        assert key(late)[1] == "TIMEOUT"
        assert (await client.post("/graphql", json={"query": QUERY})).json()["data"] == SIX


async def test_a_write_goes_on_when_its_client_goes(
    settings: Settings, province: Province, system: asyncpg.Connection
) -> None:
    limits = {"operation_timeout": 0.2, "lock_timeout": 30.0, "statement_timeout": 30.0}
    async with (
        served(settings, **limits) as (url, _),
        httpx.AsyncClient(base_url=url, headers=bearer(province)) as client,
    ):
        holder = await locked(settings, "campuses")
        try:
            asking = asyncio.create_task(client.post("/graphql", json={"query": campus(province)}))
            for _ in range(600):
                if await system.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    break
                await asyncio.sleep(0.05)
            await asyncio.sleep(2 * limits["operation_timeout"])
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        finally:
            await holder.close()
        for _ in range(600):
            if await system.fetchval("SELECT count(*) FROM campuses"):
                break
            await asyncio.sleep(0.05)
    assert await system.fetchval("SELECT count(*) FROM campuses") == 1
    assert await system.fetchval("SELECT count(*) FROM audit WHERE outcome = 'ACCEPTED'") == 1
