"""The doors that are not GraphQL's own: what HTTP itself may bring, and what it is answered."""

import logging
import re
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import asyncpg
import httpx
import openpyxl
import orjson
import pytest

from hub import accounts, files
from tests.conftest import Ask
from tests.desk import code_of
from tests.province import SCHOOLS, Province

QUERY = "{ students { totalCount } }"
JSON = {"content-type": "application/json"}


@pytest.fixture
def bearer(province: Province) -> dict[str, str]:
    return {"authorization": f"Bearer {province.tokens['schoolA1']}"}


def key_of(response: httpx.Response) -> tuple[int, str, str]:
    assert response.headers["content-type"] == "application/json"
    (error,) = response.json()["errors"]
    assert error["message"]
    assert error["extensions"]["remedy"]
    return response.status_code, error["extensions"]["code"], error["extensions"]["key"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_graphql_takes_post_only_so_no_link_can_change_anything(
    http: httpx.AsyncClient, bearer: dict[str, str], system: asyncpg.Connection, method: str
) -> None:
    query = {"query": "mutation { signOut { ok } }"}
    response = await http.request(method, "/graphql", params=query, headers=bearer)
    assert key_of(response) == (405, "BAD_INPUT", "METHOD_NOT_ALLOWED")
    assert await system.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL") == 0


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/plain;application/json",
        "application/json; charset=gbk",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
    ],
)
async def test_only_json_is_read(http: httpx.AsyncClient, bearer: dict[str, str], kind: str) -> None:
    body = orjson.dumps({"query": "mutation { signOut { ok } }"})
    response = await http.post("/graphql", content=body, headers=bearer | {"content-type": kind})
    assert key_of(response) == (415, "BAD_INPUT", "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/graphql-response+json"]
)
async def test_json_by_its_other_names_is_read(http: httpx.AsyncClient, bearer: dict[str, str], kind: str) -> None:
    response = await http.post(
        "/graphql", content=orjson.dumps({"query": QUERY}), headers=bearer | {"content-type": kind}
    )
    assert (response.status_code, response.json()["data"]) == (200, {"students": {"totalCount": 6}})


async def test_a_body_over_the_limit_is_refused_announced_or_not(
    http: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    body = orjson.dumps({"query": QUERY, "variables": {"x": "y" * 1_000_000}})

    async def dripping() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 60_000):
            yield body[at : at + 60_000]

    announced = await http.post("/graphql", content=body, headers=bearer | JSON)
    silent = await http.post("/graphql", content=dripping(), headers=bearer | JSON)
    assert key_of(announced) == key_of(silent) == (413, "TOO_LARGE", "BODY_TOO_LARGE")


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b"", "BAD_REQUEST"),
        (b"{", "BAD_REQUEST"),
        (b"\xff\xfe", "BAD_REQUEST"),
        (b"null", "BAD_REQUEST"),
        (b'"query"', "BAD_REQUEST"),
        (b"[" * 100_000 + b"]" * 100_000, "BAD_REQUEST"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "BAD_REQUEST"),
        (b'[{"query": "{ viewer { name } }"}]', "BATCH_REFUSED"),
        (b"{}", "BAD_REQUEST"),
        (b'{"query": ""}', "BAD_REQUEST"),
        (b'{"query": "  "}', "BAD_REQUEST"),
        (b'{"query": 7}', "BAD_REQUEST"),
        (b'{"query": "{ viewer { name } }", "variables": []}', "BAD_REQUEST"),
        (b'{"query": "{ viewer { name } }", "variables": "x"}', "BAD_REQUEST"),
        (b'{"query": "{ viewer { name } }", "operationName": 1}', "BAD_REQUEST"),
        (b'{"query": "{ viewer { name } }", "operationName": "None"}', "BAD_DOCUMENT"),
        (b'{"query": "{ viewer { name } }", "variables": {"x": "\\u0000"}}', "BAD_TEXT"),
        (b'{"query": "{ viewer { name } }", "variables": {"x": "\\ud800"}}', "BAD_REQUEST"),
        (b'{"query": "fragment F on Viewer { name }"}', "BAD_DOCUMENT"),
    ],
)
async def test_what_is_no_request_is_bad_input(
    http: httpx.AsyncClient, bearer: dict[str, str], body: bytes, key: str
) -> None:
    response = await http.post("/graphql", content=body, headers=bearer | JSON)
    status, code, told = key_of(response)
    assert (code, told) == ("BAD_INPUT", key)
    assert status == (200 if key == "BAD_DOCUMENT" else 400)


@pytest.mark.parametrize(
    "query",
    [
        "{ students(where: {state: {in: [" + "IN_SCHOOL " * 200_000 + "]}}) { totalCount } }",
        "{ " + "viewer { name } " * 50_000 + "}",
        "{ " + "a { " * 10_000 + "}" * 10_000 + " }",
        "[" * 100_000,
    ],
)
async def test_a_monstrous_document_is_refused(http: httpx.AsyncClient, bearer: dict[str, str], query: str) -> None:
    response = await http.post("/graphql", json={"query": query[:900_000]}, headers=bearer)
    errors = response.json()["errors"]
    assert len(errors) <= 5
    assert errors[0]["extensions"]["code"] in ("TOO_COMPLEX", "BAD_INPUT")
    assert "data" not in response.json()
    assert len(response.content) < 5_000


async def test_an_unknown_operation_name_runs_nothing(
    http: httpx.AsyncClient, bearer: dict[str, str], system: asyncpg.Connection
) -> None:
    body = {"query": "mutation A { signOut { ok } }", "operationName": "B"}
    await http.post("/graphql", json=body, headers=bearer)
    assert await system.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL") == 0


async def test_refusals_inside_graphql_are_200(http: httpx.AsyncClient, province: Province) -> None:
    response = await http.post("/graphql", json={"query": "{ viewer { name } }"})
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (200, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "path", ["/", "/graphql", "/files", "/template", "/health/live", "/health/ready", "/static/x", "/x"]
)
async def test_every_answer_bears_the_security_headers(http: httpx.AsyncClient, path: str) -> None:
    headers = (await http.get(path)).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


async def test_the_page_and_every_asset_it_names_are_served_from_here(http: httpx.AsyncClient) -> None:
    page = await http.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assets = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
    named = [asset for asset in assets if not asset.startswith("data:")]
    assert len(named) >= 2
    for asset in named:
        assert asset.startswith("/static/")
        response = await http.get(asset)
        assert response.status_code == 200
        assert len(response.content) > 100


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/graphiql/..%2f..%2fapp.py"])
async def test_nothing_but_assets_is_served(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404


async def test_the_hub_says_that_it_lives_and_is_ready(http: httpx.AsyncClient) -> None:
    for path in ("/health/live", "/health/ready"):
        response = await http.get(path)
        assert (response.status_code, response.json()) == (200, {"ok": True})


async def test_an_unknown_path_is_not_found(http: httpx.AsyncClient) -> None:
    assert (await http.get("/nothing")).status_code == 404


# uploads


async def test_nobody_uploads_nothing(http: httpx.AsyncClient, system: asyncpg.Connection) -> None:
    response = await http.post("/files", files={"file": ("x", b"x")})
    assert key_of(response) == (401, "UNAUTHENTICATED", "UNAUTHENTICATED")
    assert await system.fetchval("SELECT count(*) FROM files") == 0


@pytest.mark.parametrize("caller", ["dash", "auditor", "teacherA1-1", "sysadmin"])
async def test_who_may_not_upload_is_refused_and_audited(
    http: httpx.AsyncClient, province: Province, system: asyncpg.Connection, caller: str
) -> None:
    headers = {"authorization": f"Bearer {province.tokens[caller]}"}
    response = await http.post("/files", files={"file": ("x", b"x")}, headers=headers)
    assert key_of(response) == (403, "FORBIDDEN", "FORBIDDEN")
    assert await system.fetchval("SELECT count(*) FROM files") == 0
    assert await system.fetchval("SELECT action FROM audit WHERE outcome = 'REFUSED'") == "file:create"


def form(*parts: tuple[str, bytes]) -> tuple[bytes, dict[str, str]]:
    """A multipart body of parts, each its disposition and its content."""
    body = b"".join(
        f"--edge\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in parts
    )
    return body + b"--edge--\r\n", {"content-type": "multipart/form-data; boundary=edge"}


FILE = 'name="file"; filename="x.xlsx"'


@pytest.mark.parametrize(
    ("body", "headers", "key"),
    [
        (*form(), "NOT_AN_UPLOAD"),
        (*form(('name="other"; filename="x.xlsx"', b"x")), "NOT_AN_UPLOAD"),
        (*form(('name="file"', b"x")), "NOT_AN_UPLOAD"),
        (*form((FILE, b"x"), (FILE, b"y")), "NOT_AN_UPLOAD"),
        (*form((FILE, b"x"), ('name="a"', b"y"), ('name="b"', b"y")), "NOT_AN_UPLOAD"),
        (b"", {"content-type": "multipart/form-data; boundary=edge"}, "NOT_AN_UPLOAD"),
        (b"x", {"content-type": "multipart/form-data"}, "NOT_AN_UPLOAD"),
        (b"rubbish", {"content-type": "multipart/form-data; boundary=edge"}, "NOT_AN_UPLOAD"),
        (form((FILE, b"x"))[0][:-30], {"content-type": "multipart/form-data; boundary=edge"}, "NOT_AN_UPLOAD"),
        (b"x", {"content-type": "application/octet-stream"}, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
async def test_what_is_no_upload_is_bad_input_and_keeps_nothing(
    http: httpx.AsyncClient,
    bearer: dict[str, str],
    system: asyncpg.Connection,
    body: bytes,
    headers: dict[str, str],
    key: str,
) -> None:
    response = await http.post("/files", content=body, headers=bearer | headers)
    assert key_of(response) == (415 if key == "UNSUPPORTED_MEDIA_TYPE" else 400, "BAD_INPUT", key)
    assert await system.fetchval("SELECT count(*) FROM files") == 0


async def test_a_file_of_no_bytes_is_kept_and_refused_when_read(
    http: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    response = await http.post("/files", files={"file": ("x.xlsx", b"")}, headers=bearer)
    assert (response.status_code, response.json()["size"]) == (201, 0)


async def test_a_file_over_the_limit_is_refused_and_nothing_is_kept(
    http: httpx.AsyncClient, bearer: dict[str, str], app: Any, system: asyncpg.Connection
) -> None:
    settings = app.state.hub.reader.settings
    object.__setattr__(settings, "upload_limit", 1_000)
    try:
        just = await http.post("/files", files={"file": ("x", b"x" * 1_000)}, headers=bearer)
        over = await http.post("/files", files={"file": ("x", b"x" * 1_001)}, headers=bearer)
        far = await http.post("/files", files={"file": ("x", b"x" * 100_000)}, headers=bearer)
    finally:
        object.__setattr__(settings, "upload_limit", 64_000_000)
    assert just.status_code == 201
    assert key_of(over) == key_of(far) == (413, "TOO_LARGE", "BODY_TOO_LARGE")
    assert await system.fetchval("SELECT count(*) FROM files") == 1


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..\\..\\x", "/etc/passwd", "a\x00b", "学籍 表.xlsx", "x" * 5_000, "<script>", "'; --"]
)
async def test_a_file_name_is_only_ever_a_word(
    http: httpx.AsyncClient, bearer: dict[str, str], system: asyncpg.Connection, name: str
) -> None:
    body, headers = form((f'name="file"; filename="{name}"', b"x"))
    response = await http.post("/files", content=body, headers=bearer | headers)
    assert response.status_code in (201, 400)
    rows = await system.fetch("SELECT key, name FROM files")
    assert len(rows) == (response.status_code == 201)
    for row in rows:
        assert re.fullmatch("uploads/[0-9a-f]{32}", row["key"])
        assert len(row["name"]) <= 200
        assert "\x00" not in row["name"]


@pytest.mark.parametrize(
    ("charset", "status"), [("unicode_escape", 201), ("raw_unicode_escape", 201), ("undefined", 400), ("rot13", 201)]
)
async def test_a_file_name_of_an_odd_charset_is_text_or_no_upload(
    http: httpx.AsyncClient, bearer: dict[str, str], system: asyncpg.Connection, charset: str, status: int
) -> None:
    body, _ = form(('name="file"; filename="\\ud800 a"', b"x"))
    odd = {"content-type": f"multipart/form-data; charset={charset}; boundary=edge"}
    response = await http.post("/files", content=body, headers=bearer | odd)
    assert response.status_code == status, response.text
    assert await system.fetchval("SELECT count(*) FROM files") == (status == 201)


# templates


async def test_the_template_of_the_own_school_opens_and_lists_its_classes(
    http: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    response = await http.get("/template", params={"school": SCHOOLS["A1"][1]}, headers=bearer)
    assert response.status_code == 200
    assert "2114000001.xlsx" in response.headers["content-disposition"]
    book = openpyxl.load_workbook(BytesIO(response.content))
    words = {cell.value for page in book for line in page.iter_rows() for cell in line}
    assert {"2000001", "2000002", "A1小学", "学校标识码"} <= words
    assert not {"B1小学", "A2小学"} & words


@pytest.mark.parametrize(
    "code", ["2114000003", "2199999999", "", "x", "' OR 1=1 --", "２１１４００００01", "1" * 5_000]
)
async def test_a_template_out_of_reach_is_the_same_as_none(
    http: httpx.AsyncClient, bearer: dict[str, str], code: str
) -> None:
    response = await http.get("/template", params={"school": code}, headers=bearer)
    unknown = await http.get("/template", params={"school": "2199999998"}, headers=bearer)
    assert key_of(response) == (404, "NOT_FOUND", "NOT_FOUND")
    assert response.content == unknown.content


async def test_a_template_without_a_token_is_unauthenticated(http: httpx.AsyncClient, province: Province) -> None:
    assert key_of(await http.get("/template", params={"school": "2114000001"}))[0] == 401


@pytest.mark.parametrize(("caller", "status"), [("city", 403), ("dash", 403), ("countyA", 200), ("countyB", 404)])
async def test_who_may_have_a_template(http: httpx.AsyncClient, province: Province, caller: str, status: int) -> None:
    headers = {"authorization": f"Bearer {province.tokens[caller]}"}
    response = await http.get("/template", params={"school": "2114000001"}, headers=headers)
    assert response.status_code == status


# what goes wrong inside


SECRET = "张三 14010520150315001X SELECT secret"


@pytest.mark.parametrize("door", ["graphql", "mutation", "files", "template"])
async def test_an_error_inside_shows_its_text_to_nobody(
    http: httpx.AsyncClient,
    bearer: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    door: str,
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError(SECRET)

    caplog.set_level(logging.DEBUG)
    if door == "graphql":
        monkeypatch.setattr(accounts.Sessions, "find", broken)
        response = await http.post("/graphql", json={"query": QUERY}, headers=bearer)
    elif door == "mutation":
        monkeypatch.setattr(accounts, "sign_out", broken)
        response = await http.post("/graphql", json={"query": "mutation { signOut { ok } }"}, headers=bearer)
    elif door == "files":
        monkeypatch.setattr(files, "store", broken)
        response = await http.post("/files", files={"file": ("x", b"x")}, headers=bearer)
    else:
        monkeypatch.setattr("hub.templates.school_sheet", broken)
        response = await http.get("/template", params={"school": "2114000001"}, headers=bearer)
    status, code, _ = key_of(response)
    assert (status, code) == (200 if door == "mutation" else 500, "INTERNAL")
    written = capsys.readouterr()
    told = response.text + caplog.text + written.out + written.err
    reference = re.search("[0-9a-f]{12}", response.text)
    assert reference is not None
    assert reference[0] in told.replace(response.text, "")
    assert "张三" not in told
    assert "secret" not in told


async def test_english_is_spoken_where_it_is_asked_for(ask: Ask, http: httpx.AsyncClient, province: Province) -> None:
    for tag, word in (("en", "signed in"), ("zh-CN,en;q=0.5", "登录"), ("fr", "登录"), ("fr, en;q=0.5", "signed in")):
        response = await http.get("/template", headers={"accept-language": tag})
        assert word in response.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("method", "address", "expected"),
    [
        ("GET", "/nowhere", (404, "NOT_FOUND", "NOT_FOUND")),
        ("GET", "/static/../app.py", (404, "NOT_FOUND", "NOT_FOUND")),
        ("GET", "/files", (405, "BAD_INPUT", "METHOD_NOT_ALLOWED")),
        ("POST", "/template", (405, "BAD_INPUT", "METHOD_NOT_ALLOWED")),
    ],
)
async def test_an_address_or_method_that_is_not_is_told_like_everything_else(
    http: httpx.AsyncClient, method: str, address: str, expected: tuple[int, str, str]
) -> None:
    assert key_of(await http.request(method, address)) == expected


async def test_uploads_beyond_the_quota_of_a_day_are_refused_and_leave_nothing(
    http: httpx.AsyncClient, app: Any, province: Province, system: asyncpg.Connection
) -> None:
    bearer = {"authorization": f"Bearer {province.tokens['schoolA1']}"}
    settings = app.state.hub.reader.database.settings
    object.__setattr__(settings, "upload_quota", 1_000_000)
    try:
        taken = await http.post("/files", files={"file": ("x", b"x" * 900_000)}, headers=bearer)
        over = await http.post("/files", files={"file": ("x", b"x" * 200_000)}, headers=bearer)
        other = {"authorization": f"Bearer {province.tokens['schoolA2']}"}
        theirs = await http.post("/files", files={"file": ("x", b"x" * 200_000)}, headers=other)
    finally:
        object.__setattr__(settings, "upload_quota", 4_000_000_000)
    assert (taken.status_code, over.status_code, theirs.status_code) == (201, 413, 201)
    assert code_of(over.json()) == ("TOO_LARGE", "UPLOAD_QUOTA")
    assert await system.fetchval("SELECT count(*) FROM files") == 2


async def test_a_store_without_room_says_so_and_keeps_no_half_file(
    http: httpx.AsyncClient, app: Any, province: Province, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.obstore, "put_async", full)
    bearer = {"authorization": f"Bearer {province.tokens['schoolA1']}"}
    response = await http.post("/files", files={"file": ("x", b"x")}, headers=bearer)
    assert (response.status_code, code_of(response.json())) == (503, ("UNAVAILABLE", "STORE_FULL"))
    assert await system.fetchval("SELECT count(*) FROM files") == 0
