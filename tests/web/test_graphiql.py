"""The page the hub serves, in a browser against the hub itself: whole, local, and safe on a shared office machine."""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import asyncpg
import openpyxl
import pytest
from graphql import build_schema, parse, validate
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright, expect

from hub import clock
from hub.intake import template
from hub.postgres import Cluster
from policies import Role
from tests.intake.pupils import make_id, make_row

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "hub" / "static" / "graphiql"
SOURCES = ROOT / "web" / "graphiql"
SCHEMA = ROOT / "schema" / "schema.graphql"
CLASSES, SCHOOL_COUNTS, AREA_COUNTS = "本校班级与学生", "本校按年级、性别的人数", "辖区各校按年级、性别的人数"
ROSTER, REGIONS, STUDENT, VIEWER = "本班花名册", "下级各地的学生总数", "一名学生的学籍页", "我是谁，能做什么"
PROBLEMS, CASES = "待处理的问题学籍与疑似学生", "在办业务与当前承办单位"
OVERVIEW, ATTENDANCE = "辖区概览：人数、问题学籍、今日出勤", "本校今日出勤"

PATIENCE = 30.0
"""Seconds a page has, on a busy machine, to show what is looked for."""
expect.set_options(timeout=PATIENCE * 1000)

# The hub and the browser.


@dataclass(frozen=True)
class Demo:
    """The demonstration being served: its address, its folder, its log-ins by role."""

    url: str
    home: Path
    log_ins: dict[str, dict[str, str]]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    home = tmp_path_factory.mktemp("demo") / ".hub"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    command = [sys.executable, "-m", "hub", "demo", "--port", str(port), "--students", "1000"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment | {"HUB_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        _await(process, f"http://127.0.0.1:{port}/health/ready")
        yield Demo(f"http://127.0.0.1:{port}", home, json.loads((home / "demo.json").read_bytes()))
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _await(process: subprocess.Popen[bytes], address: str) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(f"the hub ended: {process.communicate()[0].decode()}")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
    pytest.fail("the hub was not ready in time")


@pytest.fixture(scope="session")
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
    context.set_default_timeout(PATIENCE * 1000)
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext, demo: Demo) -> AsyncIterator[Page]:
    """The open page; whatever a test does, it must ask no other origin, break no policy and raise nothing."""
    page = await context.new_page()
    elsewhere: list[str] = []
    problems: list[str] = []
    local = (f"{demo.url}/", "data:", f"blob:{demo.url}/")
    context.on("request", lambda request: None if request.url.startswith(local) else elsewhere.append(request.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.expose_function("reportViolation", keep_in(problems))
    await page.add_init_script(
        "addEventListener('securitypolicyviolation', e => reportViolation(e.violatedDirective + ' ' + e.blockedURI))"
    )
    response = await page.goto(demo.url)
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


# What a person does on the page.


async def sign_in(page: Page, demo: Demo, role: str) -> None:
    log_in = demo.log_ins[role]
    await page.get_by_label("用户名").fill(log_in["username"])
    await page.get_by_label("密码").fill(log_in["password"])
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_role("button", name="退出")).to_be_visible()


async def sign_out(page: Page) -> None:
    await page.get_by_role("button", name="退出").click()
    await expect(page.get_by_label("用户名")).to_be_visible()


async def offered(page: Page) -> list[str]:
    texts = await page.get_by_label("示例查询").locator("option").all_inner_texts()
    return texts[1:]


EDITOR = "document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.getValue()"


async def choose(page: Page, example: str) -> None:
    before = await editor_text(page)
    await page.get_by_label("示例查询").select_option(label=example)
    await page.wait_for_function(f"old => {EDITOR} !== old", arg=before)
    await settle(page)


async def editor_text(page: Page) -> str:
    return str(await page.evaluate(EDITOR))


async def write(page: Page, query: str) -> None:
    setting = "query => document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.setValue(query)"
    await page.evaluate(setting, query)
    await settle(page)


async def settle(page: Page) -> None:
    """Wait until the editor has read the operation's name, which it sends along and shows on the tab."""
    name = (await editor_text(page)).split()[1].partition("(")[0]
    await expect(page.get_by_role("tab", selected=True)).to_contain_text(name)


async def run(page: Page) -> Any:
    """Run what stands in the editor and hand back the answer that came; it is shown too."""
    async with page.expect_response(lambda r: "__schema" not in (r.request.post_data or "__schema")) as asked:
        await page.locator(".graphiql-execute-button").click()
    answer = await (await asked.value).json()
    await expect(page.locator(".graphiql-response")).to_contain_text("errors" if "errors" in answer else "data")
    return answer


async def stored(page: Page) -> dict[str, str]:
    text = await page.evaluate("JSON.stringify({local: {...localStorage}, session: {...sessionStorage}})")
    return {name: json.dumps(kept) for name, kept in json.loads(text).items()}


async def upload(page: Page, content: bytes, name: str = "一年级.xlsx") -> None:
    await page.get_by_role("button", name="上传工作簿").click()
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    await page.get_by_label("工作簿文件").set_input_files(file)  # type: ignore[arg-type]
    await page.get_by_role("button", name="上传并核对").click()


async def marked_cells(page: Page) -> set[str]:
    """The cells with a comment in the workbook that comes back."""
    async with page.expect_download() as fetched:
        await page.get_by_role("button", name="下载批注工作簿").click()
    book = openpyxl.load_workbook(BytesIO((await (await fetched.value).path()).read_bytes()))
    return {cell.coordinate for row in book["学生基本信息"] for cell in row if cell.comment}


def make_pupil(place: int, school: str, number: str, **changes: str) -> dict[str, str]:
    """A sound row for a class of the demonstration, whose pupils are six or seven years old."""
    year = clock.today().year
    born, entry = date(year - 7, 3, 1 + place), f"{year - 1}09"
    own = {"school_code": school, "class_number": number, "birth_date": f"{born:%Y%m%d}", "id_number": make_id(born)}
    return make_row(place, **own, entry_month=entry) | changes


def make_workbook(school: str, number: str, *rows: dict[str, str]) -> bytes:
    content = BytesIO()
    template.fill(template.SchoolSheet(school, "", [(number, "一年级1班")]), rows, content)
    return content.getvalue()


async def class_number(page: Page) -> str:
    await choose(page, CLASSES)
    answer = await run(page)
    return str(answer["data"]["school"]["classes"]["nodes"][0]["officialNumber"])


def students(headcounts: list[dict[str, Any]]) -> int:
    return sum(headcount["students"] for headcount in headcounts)


# The journey of a first day.


async def test_a_school_sees_itself_uploads_mistakes_and_its_county_sees_the_counts(page: Page, demo: Demo) -> None:
    school = demo.log_ins["school_administrator"]["place"]
    await sign_in(page, demo, "school_administrator")
    number = await class_number(page)
    await write(page, "query Mine { schools(first: 50) { totalCount nodes { code } } }")
    assert (await run(page))["data"]["schools"] == {"totalCount": 1, "nodes": [{"code": school}]}
    await choose(page, SCHOOL_COUNTS)
    before = students((await run(page))["data"]["school"]["headcounts"])

    good = [make_pupil(place, school, number) for place in range(3)]
    wrong_id = make_pupil(3, school, number)["id_number"]
    wrong = [
        make_pupil(3, school, number, id_number=wrong_id[:-1] + ("1" if wrong_id[-1] == "0" else "0")),
        make_pupil(4, school, number, birth_date="2019年13月1日"),
        make_pupil(5, school, number, ethnic_group="汉人"),
        make_pupil(6, school, number, school_code="2114999999"),
    ]
    await upload(page, make_workbook(school, number, *good, *wrong), "<img src=x onerror=alert(1)>.xlsx")
    await expect(page.locator(".counts")).to_have_text("总行数7新增3更新0未变0退回4")
    rows = page.locator(".result table").first.locator("tbody tr")
    await expect(rows).to_have_count(4)
    for place, told in enumerate(
        [
            ("5", "M", "身份证件号", f"{wrong_id[:6]}********", "校验位不符", "请对照户口簿逐位核对"),
            ("6", "D", "出生日期", "2019年13月1日", "不是有效的日期", "请填 8 位数字"),
            ("7", "G", "民族", "汉人", "不在可选范围内", "请从下拉列表中选择", "汉族"),
            ("8", "A", "学校标识码", "2114999999", "不是本校的", "请改为本校标识码"),
        ]
    ):
        for text in told:
            await expect(rows.nth(place)).to_contain_text(text)
    await expect(rows.first.locator(".meant")).to_contain_text(wrong_id)
    await expect(page.locator(".verdict")).to_contain_text("正确的行已入库")
    await expect(page.locator(".result-head")).to_contain_text("<img src=x onerror=alert(1)>.xlsx")
    await expect(page.get_by_role("heading", name="核对结果")).to_be_focused()
    marked = await marked_cells(page)
    assert {"A8", "D6", "G7", "M5"} <= marked
    assert not {"A2", "B2", "D5", "G6", "M7"} & marked

    await sign_out(page)
    await sign_in(page, demo, "county_administrator")
    await choose(page, AREA_COUNTS)
    schools = (await run(page))["data"]["region"]["schools"]
    assert schools["totalCount"] == len(schools["nodes"]) > 1
    counted = {found["code"]: students(found["headcounts"]) for found in schools["nodes"]}
    assert counted[school] == before + len(good)


# Signing in and out.


async def test_the_editor_stands_and_says_what_to_do_first(page: Page) -> None:
    await expect(page.locator(".query .CodeMirror").first).to_contain_text("请先在上方登录")
    await expect(page.get_by_label("示例查询")).to_be_disabled()


async def test_sign_in_shows_person_role_and_place_and_outlives_a_reload(page: Page, demo: Demo) -> None:
    await sign_in(page, demo, "county_administrator")
    await expect(page.locator(".person strong")).to_have_text("王秀英")
    await expect(page.locator(".person span").first).to_have_text(Role.COUNTY_ADMINISTRATOR.chinese)
    await choose(page, VIEWER)
    place = (await run(page))["data"]["viewer"]["roles"][0]
    assert place["placeCode"] == demo.log_ins["county_administrator"]["place"]
    await expect(page.locator(".place")).to_have_text(place["placeName"])
    await page.reload()
    await expect(page.locator(".place")).to_have_text(place["placeName"])


async def test_a_refused_sign_in_shows_what_happened_and_what_to_do(page: Page, demo: Demo) -> None:
    await page.get_by_label("用户名").fill(demo.log_ins["auditor"]["username"])
    await page.get_by_label("密码").fill("wrong")
    await page.get_by_role("button", name="登录").click()
    alert = page.locator(".alert-place")
    await expect(alert).to_contain_text("用户名或密码不正确。")
    await expect(alert).to_contain_text("请检查大小写后重试")
    await expect(page.get_by_label("用户名")).to_have_value(demo.log_ins["auditor"]["username"])


async def test_the_token_lives_in_the_tab_only(page: Page, demo: Demo) -> None:
    asked: list[Request] = []
    page.on("request", keep_in(asked))
    await sign_in(page, demo, "school_administrator")
    token = await page.evaluate("sessionStorage.getItem('hub:token')")
    await choose(page, VIEWER)
    await run(page)
    await page.wait_for_timeout(700)  # the editor saves what it holds half a second later
    kept = await stored(page)
    assert kept["session"].count(token) == 1
    assert kept["local"] == "{}"
    assert token not in page.url
    assert all(token not in request.url for request in asked)
    assert asked[-1].headers["authorization"] == f"Bearer {token}"
    assert all("hub-role" not in request.headers for request in asked), "one role needs no header"


async def test_sign_out_ends_the_session_and_leaves_nothing_for_the_next_person(page: Page, demo: Demo) -> None:
    await sign_in(page, demo, "school_administrator")
    token = await page.evaluate("sessionStorage.getItem('hub:token')")
    await choose(page, CLASSES)
    await run(page)
    await sign_out(page)
    await page.wait_for_timeout(700)
    kept = json.dumps(await stored(page))
    for secret in (token, "SchoolClasses", demo.log_ins["school_administrator"]["place"]):
        assert secret not in kept
    assert await viewer_of(page, token) is None


async def viewer_of(page: Page, token: str, query: str = "{ viewer { name } }") -> Any:
    asking = """([token, query]) => fetch('/graphql', {method: 'POST', body: JSON.stringify({query}),
        headers: {'Content-Type': 'application/json', Authorization: `Bearer ${token}`}}).then(r => r.json())"""
    return ((await page.evaluate(asking, [token, query])).get("data") or {}).get("viewer")


async def test_an_ended_sign_in_is_told_and_the_query_is_kept(page: Page, demo: Demo) -> None:
    await sign_in(page, demo, "school_administrator")
    await choose(page, VIEWER)
    token = await page.evaluate("sessionStorage.getItem('hub:token')")
    assert await viewer_of(page, token) is not None
    await viewer_of(page, token, "mutation { signOut { ok } }")
    await page.locator(".graphiql-execute-button").click()
    await expect(page.locator(".alert-place")).to_contain_text("登录已失效")
    await expect(page.get_by_label("用户名")).to_be_visible()
    assert "query Viewer" in await editor_text(page)
    assert await page.evaluate("sessionStorage.getItem('hub:token')") is None


async def test_the_role_header_follows_the_chosen_role(page: Page, demo: Demo) -> None:
    city = demo.log_ins["city_leader"]["place"]
    connection = await asyncpg.connect(Cluster(demo.home / "postgres").url("postgres", "hub"))
    await connection.execute(
        """INSERT INTO grants (account_id, role, path, place_id)
           SELECT a.id, 'reviewer', p.path, p.id FROM accounts a, places p WHERE a.username = $1 AND p.path = $2""",
        demo.log_ins["county_leader"]["username"],
        city,
    )
    await connection.close()
    await sign_in(page, demo, "county_leader")
    assert AREA_COUNTS in await offered(page)
    async with page.expect_request(lambda r: r.headers.get("hub-role") == "reviewer"):
        await page.get_by_label("角色").select_option(label=Role.REVIEWER.chinese)
    await expect(page.locator(".place")).to_have_text(re.compile("市$"))
    await expect(page.get_by_label("示例查询").locator("option", has_text=AREA_COUNTS)).to_have_count(0)
    wide, high = await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert (wide, high) == (1366, 768)


async def test_the_sign_in_can_be_done_by_keyboard_alone(page: Page, demo: Demo) -> None:
    log_in = demo.log_ins["dashboard"]
    await page.get_by_label("用户名").focus()
    await page.keyboard.type(log_in["username"])
    await page.keyboard.press("Tab")
    await page.keyboard.type(log_in["password"])
    await page.keyboard.press("Enter")
    await expect(page.locator(".person")).to_contain_text("统计看板")


async def test_the_language_is_remembered_and_asked_for(page: Page) -> None:
    await page.get_by_role("button", name="English").click()
    await page.reload()
    assert await page.evaluate("document.documentElement.lang") == "en"
    await page.get_by_label("User name").fill("nobody")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator(".alert-place")).to_contain_text("The user name or the password is not correct.")
    await page.get_by_role("button", name="中文").click()
    await expect(page.get_by_label("用户名")).to_be_visible()


# Asking.


@pytest.mark.parametrize(
    ("role", "examples"),
    [
        ("school_administrator", [CLASSES, SCHOOL_COUNTS, PROBLEMS, CASES, ATTENDANCE, STUDENT, VIEWER]),
        ("class_teacher", [ROSTER, STUDENT, VIEWER]),
        ("county_administrator", [AREA_COUNTS, PROBLEMS, CASES, OVERVIEW, STUDENT, VIEWER]),
        ("reviewer", [PROBLEMS, CASES, VIEWER]),
        ("dashboard", [AREA_COUNTS, REGIONS, OVERVIEW, VIEWER]),
        ("auditor", [VIEWER]),
    ],
)
async def test_every_ready_query_offered_is_answered(page: Page, demo: Demo, role: str, examples: list[str]) -> None:
    await sign_in(page, demo, role)
    assert await offered(page) == examples
    for example in examples:
        await choose(page, example)
        answer = await run(page)
        assert "errors" not in answer, example
        assert all(answer["data"].values()), example
    await expect(page.get_by_role("tab")).to_have_count(len(examples))


async def test_a_foreign_school_is_not_found_and_the_answer_says_whom_to_ask(page: Page, demo: Demo) -> None:
    await sign_in(page, demo, "school_administrator")
    await write(page, 'query Foreign { school(code: "2114000001") { name } }')
    error = (await run(page))["errors"][0]
    assert error["extensions"]["code"] == "NOT_FOUND"
    await expect(page.locator(".graphiql-response")).to_contain_text("请联系其所属单位")


async def test_the_documentation_appears_with_the_sign_in(page: Page, demo: Demo) -> None:
    await page.get_by_label("Show Documentation Explorer").click()
    await expect(page.locator(".graphiql-doc-explorer")).to_contain_text("No GraphQL schema available")
    await sign_in(page, demo, "school_administrator")
    await expect(page.locator(".graphiql-doc-explorer")).to_contain_text("Query")
    await expect(page.locator(".graphiql-doc-explorer")).not_to_contain_text("No GraphQL schema")


# Uploading.


async def test_the_downloaded_template_filled_and_uploaded_is_taken_once(page: Page, demo: Demo) -> None:
    school = demo.log_ins["school_administrator"]["place"]
    await sign_in(page, demo, "school_administrator")
    number = await class_number(page)
    await page.get_by_role("button", name="上传工作簿").click()
    async with page.expect_download() as saved:
        await page.get_by_role("button", name="下载模板").click()
    download = await saved.value
    assert download.suggested_filename == f"{school}.xlsx"
    await upload(page, (await download.path()).read_bytes())
    await expect(page.locator(".sheet .alert")).to_contain_text("表中没有学生数据")
    filled = make_workbook(school, number, make_pupil(20, school, number))
    await upload(page, filled)
    await expect(page.locator(".counts")).to_have_text("总行数1新增1更新0未变0退回0")
    await expect(page.locator(".clean")).to_contain_text("已入库")
    await upload(page, filled)
    await expect(page.locator(".counts")).to_have_text("总行数1新增0更新0未变1退回0")


async def test_a_workbook_of_pupils_of_another_school_waits_for_a_leader_and_says_so(page: Page, demo: Demo) -> None:
    school = demo.log_ins["school_administrator"]["place"]
    await sign_in(page, demo, "school_administrator")
    number = await class_number(page)
    connection = await asyncpg.connect(Cluster(demo.home / "postgres").url("postgres", "hub"))
    known = await connection.fetch(
        """SELECT name, sex, id_number, to_char(birth_date, 'YYYYMMDD') AS born FROM students
           WHERE id_number IS NOT NULL AND school_id <> (SELECT id FROM schools WHERE code = $1) AND grade = 1
           ORDER BY id LIMIT 12""",
        school,
    )
    rows = [
        make_pupil(place, school, number, name=one["name"], id_number=one["id_number"], birth_date=one["born"])
        | {"sex": "男" if one["sex"] == "MALE" else "女"}
        for place, one in enumerate(known)
    ]
    await upload(page, make_workbook(school, number, *rows))
    await expect(page.locator(".counts")).to_have_text("总行数12新增12更新0未变0退回0")
    await expect(page.locator(".verdict")).to_contain_text("须由学校领导确认后才会入库")
    await expect(page.locator(".clean")).to_have_count(0)
    await connection.close()


async def test_an_import_is_followed_in_the_editor_until_it_is_finished(page: Page, demo: Demo) -> None:
    school = demo.log_ins["school_administrator"]["place"]
    await sign_in(page, demo, "school_administrator")
    number = await class_number(page)
    await upload(page, make_workbook(school, number, make_pupil(20, school, number)))
    told = await page.locator(".result-head .file").inner_text()
    job = told.split(" · ")[1]
    await page.get_by_role("button", name="查询台").click()
    follow = 'subscription Follow { importJob(id: "%s") { state total school { code } } }'
    shown = page.locator(".graphiql-response")
    await write(page, follow % job)
    await page.locator(".graphiql-execute-button").click()
    for text in ("importJob", "APPLIED", school):
        await expect(shown).to_contain_text(text)
    await expect(page.get_by_role("button", name="Execute query")).to_be_visible()
    await write(page, follow % "import:999999999")
    await page.locator(".graphiql-execute-button").click()
    await expect(shown).to_contain_text("NOT_FOUND")


async def test_a_workbook_without_a_sound_row_changes_nothing_and_says_so(page: Page, demo: Demo) -> None:
    school = demo.log_ins["school_administrator"]["place"]
    await sign_in(page, demo, "school_administrator")
    await upload(page, make_workbook(school, "9999999", make_pupil(21, school, "9999999")))
    await expect(page.locator(".counts")).to_have_text("总行数1新增0更新0未变0退回1")
    await expect(page.locator(".verdict")).to_contain_text("没有一行可以入库")
    await page.emulate_media(media="print")
    await expect(page.locator(".bar")).to_be_hidden()
    await expect(page.locator(".sheet form")).to_be_hidden()
    await expect(page.locator(".result table").first).to_be_visible()


async def test_a_file_that_is_no_workbook_is_refused_with_what_to_do(page: Page, demo: Demo) -> None:
    await sign_in(page, demo, "school_administrator")
    await upload(page, b"%PDF-1.7 name,sex")
    await expect(page.locator(".sheet .alert")).to_have_text(re.compile("这不是 Excel 工作簿.*另存为"))
    await expect(page.locator(".result")).to_have_count(0)


async def test_a_file_corrected_after_an_upload_is_to_be_chosen_again(page: Page, demo: Demo, tmp_path: Path) -> None:
    workbook = tmp_path / "一年级.xlsx"
    workbook.write_bytes(b"%PDF-1.7 name,sex")
    await sign_in(page, demo, "school_administrator")
    await page.get_by_role("button", name="上传工作簿").click()
    await page.get_by_label("工作簿文件").set_input_files(workbook)
    await page.get_by_role("button", name="上传并核对").click()
    await expect(page.locator(".sheet .alert")).to_contain_text("这不是 Excel 工作簿")
    workbook.write_bytes(b"%PDF-1.7 name,sex,class")
    os.utime(workbook, (1, 1))
    await page.get_by_role("button", name="上传并核对").click()
    await expect(page.locator(".sheet .alert")).to_have_text(re.compile("选择之后被修改.*请重新选择"))


async def test_the_page_says_that_it_is_busy(page: Page, demo: Demo) -> None:
    await sign_in(page, demo, "school_administrator")
    held: list[Any] = []
    await page.route("**/files", keep_in(held))
    await upload(page, b"%PDF-1.7 name,sex")
    await expect(page.get_by_role("status")).to_contain_text("正在上传文件")
    await expect(page.get_by_role("button", name="上传并核对")).to_be_disabled()
    await page.wait_for_timeout(0 if held else 500)  # the page says so before its request comes by
    await held[0].continue_()
    await expect(page.get_by_role("button", name="上传并核对")).to_be_enabled()


@pytest.mark.parametrize(("role", "hint"), [(None, "请先登录"), ("class_teacher", "您的角色不能导入工作簿")])
async def test_who_may_not_import_is_told_before_trying(page: Page, demo: Demo, role: str | None, hint: str) -> None:
    if role:
        await sign_in(page, demo, role)
    await page.get_by_role("button", name="上传工作簿").click()
    await expect(page.get_by_role("button", name="上传并核对")).to_be_disabled()
    await expect(page.get_by_role("status")).to_contain_text(hint)


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
    schema = build_schema(SCHEMA.read_text("utf-8"))
    found = operations()
    assert len(found) == 16
    problems = {name: validate(schema, parse(text)) for name, text in found.items()}
    assert {name: errors for name, errors in problems.items() if errors} == {}


@pytest.mark.parametrize("role", Role)
def test_the_page_calls_every_role_by_its_title(role: Role) -> None:
    assert f'{role.value}: ["{role.chinese}", ' in (SOURCES / "src" / "words.ts").read_text("utf-8")
