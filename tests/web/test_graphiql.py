"""The page the hub serves: whole, local, and safe to use on a shared office machine.

`hub_url` and `log_ins` are the only things that know the stub; everything below them speaks to a hub.
"""

import hashlib
import json
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from graphql import build_schema, graphql_sync, parse, validate
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright, expect
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "hub" / "static" / "graphiql"
SOURCES = ROOT / "web" / "graphiql"
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SCHOOL = "2114000123"
SDL = """
type Role { role: String! root: String! placeName: String placeCode: String }
type Person { name: String! username: String! roles: [Role!]! can: [String!]! }
type SignIn { token: String! expiresAt: String! viewer: Person! }
type SignOut { ok: Boolean! }
type Import { id: ID! state: String! total: Int! created: Int! updated: Int! unchanged: Int! rejected: Int! }
type Fault { row: Int! column: String! header: String! code: String! message: String! remedy: String! }
type ImportWorkbook { import: Import! faults: [Fault!]! }
type Student { id: ID! name: String! sex: String birthDate: String studentNumber: String }
type Students { totalCount: Int! nodes: [Student!]! }
type Class { name: String! officialNumber: String students(first: Int): Students! }
type Classes { totalCount: Int! nodes: [Class!]! }
type Headcount { grade: Int! sex: String! count: Int! }
type School { code: String! name: String! classes(first: Int): Classes! headcounts: [Headcount!]! }
type Schools { totalCount: Int! nodes: [School!]! }
type Region { code: String! name: String! level: Int! children(first: Int): Regions! schools(first: Int): Schools! }
type Regions { nodes: [Region!]! }
input SignInInput { username: String! password: String! }
input ImportWorkbookInput { fileId: ID! schoolCode: String! }
type Query { viewer: Person school(code: String!): School region(code: String!): Region student(id: ID!): Student }
type Mutation {
  signIn(input: SignInInput!): SignIn!
  signOut: SignOut!
  importWorkbook(input: ImportWorkbookInput!): ImportWorkbook!
}
"""
SCHEMA = ROOT / "schema" / "schema.graphql"


# The stub: a hub of two people that answers from memory.


def make_error(message: str, code: str, remedy: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code, "remedy": remedy}}]}


UNAUTHENTICATED = make_error("您尚未登录，或登录已失效。", "UNAUTHENTICATED", "请重新登录后再试。")
WRONG = make_error("用户名或密码不正确。", "UNAUTHENTICATED", "请检查大小写后重试；连续多次错误会暂时锁定。")
NOT_A_WORKBOOK = make_error("文件不是工作簿。", "BAD_INPUT", "请上传模板填写后的 .xlsx 文件。")


def make_role(role: str, root: str, name: str) -> dict[str, Any]:
    return {"role": role, "root": root, "placeName": name, "placeCode": root.rpartition(".")[2]}


PEOPLE = {
    "clerk": {
        "name": "王芳",
        "username": "clerk",
        "roles": [make_role("school_administrator", f"140105.{SCHOOL}", "小店区第一小学")],
        "can": [],
    },
    "both": {
        "name": "李强",
        "username": "both",
        "roles": [make_role("county_administrator", "140105", "小店区"), make_role("reviewer", "1401", "太原市")],
        "can": [],
    },
}
FAULTS = [
    (5, "F", "身份证件号", "BAD_IDENTITY", "身份证号校验位不正确。", "请核对户口簿。"),
    (9, "C", "性别", "BAD_CODE", "<img src=x onerror=alert(1)> 不在选项内。", "请从下拉框中选择。"),
]


async def answer_graphql(request: HttpRequest) -> Response:
    body = await request.json()
    tokens = request.app.state.tokens
    query, variables = body["query"], body.get("variables") or {}
    if "signIn(" in query and "__schema" not in query:
        return JSONResponse(sign_in(tokens, variables["username"], variables["password"]))
    person = tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
    if person is None:
        return JSONResponse(UNAUTHENTICATED)
    root = {"viewer": person, "signOut": {"ok": True}, "importWorkbook": import_workbook, "school": None}
    found = graphql_sync(build_schema(SDL), query, root, variable_values=variables)
    return JSONResponse(found.formatted)


def sign_in(tokens: dict[str, Any], username: str, password: str) -> dict[str, Any]:
    if password != "correct" or username not in PEOPLE:
        return WRONG
    token = f"secret-{len(tokens)}-{username}"
    tokens[token] = PEOPLE[username]
    answer = {"token": token, "expiresAt": "2014-01-01T00:00:00+08:00", "viewer": PEOPLE[username]}
    return {"data": {"signIn": answer}}


def import_workbook(info: Any, input: dict[str, str]) -> dict[str, Any]:  # noqa: A002  the GraphQL argument's name
    faults = [dict(zip(("row", "column", "header", "code", "message", "remedy"), f, strict=True)) for f in FAULTS]
    counts = {"total": 40, "created": 30, "updated": 5, "unchanged": 3, "rejected": 2}
    return {"import": {"id": f"import:{input['schoolCode']}", "state": "APPLIED", **counts}, "faults": faults}


async def answer_files(request: HttpRequest) -> Response:
    async with request.form() as form:
        file = form["file"]
        assert not isinstance(file, str)
        content = await file.read()
        if not content.startswith(b"PK"):
            return JSONResponse(NOT_A_WORKBOOK, 400)
        sha = hashlib.sha256(content).hexdigest()
        return JSONResponse({"id": "file:12", "name": file.filename, "size": len(content), "sha256": sha})


async def answer_template(request: HttpRequest) -> Response:
    if not request.headers.get("authorization"):
        return JSONResponse(UNAUTHENTICATED, 401)
    return Response(b"PK template of " + request.query_params["school"].encode())


async def answer_page(request: HttpRequest) -> Response:
    return FileResponse(BUILT / "index.html", headers={"Cache-Control": "no-cache"})


class GivePolicy:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def forward(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        await self.app(scope, receive, forward)


def make_stub() -> Starlette:
    routes = [
        Route("/", answer_page),
        Route("/graphql", answer_graphql, methods=["POST"]),
        Route("/files", answer_files, methods=["POST"]),
        Route("/template", answer_template),
        Mount("/static", StaticFiles(directory=BUILT.parent)),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(GivePolicy)])
    app.state.tokens = {}
    return app


@pytest.fixture(scope="module")
def hub_url() -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make_stub(), log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture(scope="module")
def log_ins() -> dict[str, dict[str, str]]:
    return {
        "school_administrator": {"username": "clerk", "password": "correct", "place": "小店区第一小学"},
        "two_roles": {"username": "both", "password": "correct", "place": "小店区"},
    }


# The browser.


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("no chromium on this machine: CI must install it")
    if path is None:
        pytest.skip("no chromium on this machine")
    async with async_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = await playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        await browser.close()


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    context.set_default_timeout(10_000)
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext, hub_url: str) -> AsyncIterator[Page]:
    """The open page; whatever a test does, it must ask no other origin, break no policy and raise nothing."""
    page = await context.new_page()
    elsewhere: list[str] = []
    problems: list[str] = []
    local = (f"{hub_url}/", "data:", f"blob:{hub_url}/")
    context.on("request", lambda request: None if request.url.startswith(local) else elsewhere.append(request.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.expose_function("reportViolation", keep_in(problems))
    await page.add_init_script(
        "addEventListener('securitypolicyviolation', e => reportViolation(e.violatedDirective + ' ' + e.blockedURI))"
    )
    response = await page.goto(hub_url)
    assert response is not None
    assert "default-src 'self'" in response.headers["content-security-policy"]
    yield page
    assert elsewhere == []
    assert problems == []


def keep_in(kept: list[Any]) -> Callable[[Any], None]:
    """A listener that keeps what it hears; playwright takes no built-in method such as `kept.append`."""

    def keep(item: Any) -> None:
        kept.append(item)

    return keep


async def sign_in_as(page: Page, log_in: dict[str, str]) -> None:
    await page.get_by_label("用户名").fill(log_in["username"])
    await page.get_by_label("密码").fill(log_in["password"])
    await page.get_by_role("button", name="登录").click()
    await expect(page.locator(".person")).to_contain_text(log_in["place"])


async def choose_example(page: Page, name: str) -> None:
    await page.get_by_label("示例查询").select_option(label=name)


async def stored(page: Page) -> dict[str, str]:
    text = await page.evaluate("JSON.stringify({local: {...localStorage}, session: {...sessionStorage}})")
    return {name: json.dumps(kept) for name, kept in json.loads(text).items()}


async def upload(page: Page, content: bytes) -> None:
    await page.get_by_role("button", name="上传工作簿").click()
    file = {"name": "一年级.xlsx", "mimeType": "application/octet-stream", "buffer": content}
    await page.get_by_label("工作簿文件").set_input_files(file)  # type: ignore[arg-type]
    await page.get_by_role("button", name="上传并核对").click()


async def test_the_editor_stands_and_says_what_to_do_first(page: Page) -> None:
    await expect(page.locator(".query .CodeMirror").first).to_contain_text("请先在上方登录")


async def test_sign_in_shows_person_role_and_place(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    await sign_in_as(page, log_ins["school_administrator"])
    await expect(page.locator(".person")).to_contain_text("学校学籍管理员")
    await expect(page.get_by_role("button", name="退出")).to_be_visible()


async def test_a_refused_sign_in_shows_what_happened_and_what_to_do(page: Page) -> None:
    await page.get_by_label("用户名").fill("clerk")
    await page.get_by_label("密码").fill("wrong")
    await page.get_by_role("button", name="登录").click()
    alert = page.locator(".alert-place")
    await expect(alert).to_contain_text("用户名或密码不正确。")
    await expect(alert).to_contain_text("请检查大小写后重试")
    await expect(page.get_by_label("用户名")).to_have_value("clerk")


async def test_the_token_lives_in_the_tab_only(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    asked: list[Request] = []
    page.on("request", keep_in(asked))
    await sign_in_as(page, log_ins["school_administrator"])
    token = await page.evaluate("sessionStorage.getItem('hub:token')")
    await choose_example(page, "我是谁，能做什么")
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("query Viewer")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".graphiql-response")).to_contain_text("王芳")
    await page.wait_for_timeout(700)  # the editor saves what it holds half a second later
    kept = await stored(page)
    assert token in kept["session"]
    assert kept["session"].count(token) == 1
    assert kept["local"] == "{}"
    assert token not in page.url
    assert all(token not in request.url for request in asked)
    assert asked[-1].headers["authorization"] == f"Bearer {token}"


async def test_a_reload_keeps_the_sign_in(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    await sign_in_as(page, log_ins["school_administrator"])
    await page.reload()
    await expect(page.locator(".person")).to_contain_text(log_ins["school_administrator"]["place"])


async def test_sign_out_leaves_nothing_for_the_next_person(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or ""))
    await sign_in_as(page, log_ins["school_administrator"])
    await choose_example(page, "本校班级与学生")
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("SchoolClasses")
    await page.get_by_role("button", name="退出").click()
    await expect(page.get_by_label("用户名")).to_be_visible()
    await page.wait_for_timeout(700)
    kept = await stored(page)
    assert "secret" not in kept["session"]
    assert "SchoolClasses" not in kept["session"]
    assert SCHOOL not in kept["session"]
    assert any("signOut" in body for body in asked)


async def test_an_ended_sign_in_is_told_and_the_query_is_kept(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    await sign_in_as(page, log_ins["school_administrator"])
    await choose_example(page, "我是谁，能做什么")
    await page.route("**/graphql", lambda route: route.fulfill(json=UNAUTHENTICATED))
    await page.locator(".graphiql-execute-button").click()
    await expect(page.locator(".alert-place")).to_contain_text("登录已失效")
    await expect(page.get_by_label("用户名")).to_be_visible()
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("query Viewer")
    assert await page.evaluate("sessionStorage.getItem('hub:token')") is None


async def test_the_documentation_appears_with_the_sign_in(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    await page.get_by_label("Show Documentation Explorer").click()
    await expect(page.locator(".graphiql-doc-explorer")).to_contain_text("No GraphQL schema available")
    assert await page.evaluate("document.querySelector('.graphiql-response .CodeMirror').CodeMirror.getValue()") == ""
    await sign_in_as(page, log_ins["school_administrator"])
    await expect(page.locator(".graphiql-doc-explorer")).to_contain_text("Query")
    await expect(page.locator(".graphiql-doc-explorer")).not_to_contain_text("No GraphQL schema")


async def test_a_ready_query_names_the_callers_own_school(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    await sign_in_as(page, log_ins["school_administrator"])
    await choose_example(page, "本校班级与学生")
    await expect(page.locator(".graphiql-editor-tool")).to_contain_text(SCHOOL)
    await choose_example(page, "我是谁，能做什么")
    await expect(page.get_by_role("tab")).to_have_count(2)
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("query Viewer")


async def test_the_role_header_follows_the_chosen_role(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    await sign_in_as(page, log_ins["two_roles"])
    async with page.expect_request(lambda r: r.headers.get("hub-role") == "reviewer"):
        await page.get_by_label("角色").select_option(label="问题学籍核查员")
    await expect(page.locator(".person")).to_contain_text("太原市")


async def test_a_single_role_is_not_named_in_a_header(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    asked: list[Request] = []
    page.on("request", keep_in(asked))
    await sign_in_as(page, log_ins["school_administrator"])
    assert all("hub-role" not in request.headers for request in asked)


async def test_an_upload_lists_every_row_to_correct(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    await sign_in_as(page, log_ins["school_administrator"])
    await upload(page, b"PK workbook")
    rows = page.locator(".result tbody tr")
    await expect(rows).to_have_count(2)
    for text in ("5", "F", "身份证件号", "身份证号校验位不正确。", "请核对户口簿。"):
        await expect(rows.nth(0)).to_contain_text(text)
    await expect(rows.nth(1)).to_contain_text("<img src=x onerror=alert(1)> 不在选项内。")
    await expect(page.locator(".counts")).to_have_text("总行数40新增30更新5未变3退回2")
    await expect(page.get_by_role("heading", name="核对结果")).to_be_focused()
    await expect(page.locator(".result-head")).to_contain_text(f"import:{SCHOOL}")


async def test_the_page_says_that_it_is_busy(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    await sign_in_as(page, log_ins["school_administrator"])
    held: list[Any] = []
    await page.route("**/files", keep_in(held))
    await upload(page, b"PK workbook")
    await expect(page.get_by_role("status")).to_contain_text("正在上传文件")
    await expect(page.get_by_role("button", name="上传并核对")).to_be_disabled()
    await held[0].continue_()
    await expect(page.locator(".result")).to_be_visible()
    await expect(page.get_by_role("button", name="上传并核对")).to_be_enabled()


async def test_a_refused_file_says_what_to_do(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    await sign_in_as(page, log_ins["school_administrator"])
    await upload(page, b"not a workbook")
    await expect(page.locator(".sheet .alert")).to_have_text(re.compile("文件不是工作簿。.*请上传模板"))
    await expect(page.locator(".result")).to_have_count(0)


async def test_a_result_prints_without_the_page_around_it(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    await sign_in_as(page, log_ins["school_administrator"])
    await upload(page, b"PK workbook")
    await expect(page.locator(".result")).to_be_visible()
    await page.emulate_media(media="print")
    await expect(page.locator(".bar")).to_be_hidden()
    await expect(page.locator(".sheet form")).to_be_hidden()
    await expect(page.locator(".result table")).to_be_visible()


async def test_the_template_is_saved_with_the_callers_token(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    await sign_in_as(page, log_ins["school_administrator"])
    await page.get_by_role("button", name="上传工作簿").click()
    async with page.expect_download() as saved:
        await page.get_by_role("button", name="下载模板").click()
    download = await saved.value
    assert download.suggested_filename == f"{SCHOOL}.xlsx"
    assert (await download.path()).read_bytes().startswith(b"PK")


async def test_nobody_uploads_before_signing_in(page: Page) -> None:
    await page.get_by_role("button", name="上传工作簿").click()
    await expect(page.get_by_role("button", name="上传并核对")).to_be_disabled()
    await expect(page.get_by_role("status")).to_contain_text("请先登录")


async def test_the_language_is_remembered_and_asked_for(page: Page) -> None:
    await page.get_by_role("button", name="English").click()
    await page.reload()
    await expect(page.get_by_label("User name")).to_be_visible()
    assert await page.evaluate("document.documentElement.lang") == "en"
    async with page.expect_request("**/graphql") as asked:
        await page.get_by_label("User name").fill("clerk")
        await page.get_by_label("Password").fill("correct")
        await page.get_by_role("button", name="Sign in").click()
    assert (await asked.value).headers["accept-language"] == "en"


async def test_the_sign_in_can_be_done_by_keyboard_alone(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    await page.get_by_label("用户名").focus()
    await page.keyboard.type("clerk")
    await page.keyboard.press("Tab")
    await page.keyboard.type("correct")
    await page.keyboard.press("Enter")
    await expect(page.locator(".person")).to_contain_text("王芳")


async def test_nothing_overflows_a_small_office_screen(page: Page, log_ins: dict[str, dict[str, str]]) -> None:
    await sign_in_as(page, log_ins["two_roles"])
    wide, high = await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert (wide, high) == (1366, 768)


# The files, without a browser.


def sources_hash() -> str:
    """What web/graphiql/build.mjs writes: every source's name and content, sorted by name."""
    names = [f"src/{path.name}" for path in (SOURCES / "src").iterdir()]
    names += ["build.mjs", "index.html", "package.json", "package-lock.json", "tsconfig.json"]
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(name.encode() + (SOURCES / name).read_bytes())
    return digest.hexdigest()


def operations() -> dict[str, str]:
    """The GraphQL texts of the page, by operation name."""
    text = "".join((SOURCES / "src" / name).read_text("utf-8") for name in ("hub.ts", "examples.ts"))
    found = re.findall(r"[`\"]((?:query|mutation) (\w+).*?)[`\"](?:;|,\n)", text, re.DOTALL)
    return {f"{index} {name}": operation for index, (operation, name) in enumerate(found)}


def test_the_built_page_is_built_from_these_sources() -> None:
    assert (BUILT / "sources.sha256").read_text().strip() == sources_hash()


def test_the_page_names_local_files_only_and_all_of_them_exist() -> None:
    html = (BUILT / "index.html").read_text("utf-8")
    addresses = re.findall(r'(?:src|href)="([^"]*)"', html)
    files = [address for address in addresses if address != "data:,"]
    assert len(files) == 2
    for address in files:
        assert (BUILT.parent / address.removeprefix("/static/")).is_file(), address
    assert "://" not in html
    assert not re.search(r"<script(?![^>]*\ssrc=)", html)


def test_the_styles_load_nothing() -> None:
    for path in BUILT.glob("*.css"):
        assert set(re.findall(r"url\((.{5})", path.read_text("utf-8"))) <= {"data:"}
        assert "@import" not in path.read_text("utf-8")


def test_the_page_is_small_enough_for_a_slow_line() -> None:
    assert sum(path.stat().st_size for path in BUILT.glob("page-*")) < 2_000_000


def test_the_lock_file_names_no_registry() -> None:
    text = (SOURCES / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in text
    packages = json.loads(text)["packages"]
    assert all("integrity" in about for name, about in packages.items() if name)


def test_every_operation_of_the_page_is_valid() -> None:
    schema = build_schema(SCHEMA.read_text("utf-8") if SCHEMA.exists() else SDL)
    found = operations()
    assert len(found) == 8
    problems = {name: validate(schema, parse(text)) for name, text in found.items()}
    assert {name: errors for name, errors in problems.items() if errors} == {}
