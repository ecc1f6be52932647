"""The page the hub serves, in a browser against the hub itself: whole, local, and safe on a shared office machine."""

import json
import re
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Page, Request, expect

from hub.postgres import Cluster
from policies import Role
from tests.web.browsing import (
    AREA_COUNTS,
    ATTENDANCE,
    CASES,
    CLASSES,
    OVERVIEW,
    PROBLEMS,
    REGIONS,
    ROSTER,
    SCHOOL_COUNTS,
    STUDENT,
    VIEWER,
    Demo,
    choose,
    class_number,
    editor_text,
    keep_in,
    make_pupil,
    make_workbook,
    marked_cells,
    offered,
    run,
    sign_in,
    sign_out,
    upload,
    write,
)

# The journey of a first day.


def students(headcounts: list[dict[str, Any]]) -> int:
    return sum(headcount["students"] for headcount in headcounts)


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


async def stored(page: Page) -> dict[str, str]:
    text = await page.evaluate("JSON.stringify({local: {...localStorage}, session: {...sessionStorage}})")
    return {name: json.dumps(kept) for name, kept in json.loads(text).items()}


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
