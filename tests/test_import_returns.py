"""A clerk's day: the template by link, a workbook with mistakes, the return with each of them marked, corrected, again."""

from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import asyncpg
import httpx
import openpyxl
import pytest

from hub import worker
from hub.intake.sheet import COLUMNS
from hub.settings import Settings
from tests.conftest import Ask
from tests.desk import SCHOOL, Desk, code_of, dump, make_id, make_row
from tests.province import Province, make_import
from tests.test_import_jobs import Jobs, summary, verdicts

LINK = "query($id: ID!) { importReturn(id: $id) { url expiresAt } }"
TEMPLATE = """query($code: String!, $kind: String! = "pupils", $last: Boolean! = false) {
    template(schoolCode: $code, kind: $kind, lastYear: $last) { url } }"""


@pytest.fixture
async def jobs(desk: Desk, ask: Ask, settings: Settings, app: Any) -> AsyncIterator[Jobs]:
    async with worker.employed(settings) as employed:
        yield Jobs(desk, ask, employed)


async def fetch(http: httpx.AsyncClient, province: Province, url: str, caller: str = "schoolA1") -> httpx.Response:
    return await http.get(url, headers={"authorization": f"Bearer {province.tokens[caller]}"})


async def returned(jobs: Jobs, found: str, **headers: str) -> bytes:
    link = (await jobs.ask("schoolA1", LINK, {"id": found}, **headers))["data"]["importReturn"]
    response = await fetch(jobs.desk.http, jobs.desk.province, link["url"])
    assert response.status_code == 200, response.text
    assert response.headers["content-disposition"].startswith("attachment;")
    return response.content


def pupils(book: openpyxl.Workbook) -> Any:
    return book["学生基本信息"]


async def test_the_mistakes_of_a_workbook_are_marked_corrected_and_applied(
    jobs: Jobs, system: asyncpg.Connection
) -> None:
    wrong = make_id(3)[:-1] + ("0" if make_id(3)[-1] != "0" else "1")
    first = await jobs.run(make_row(1), make_row(2, sex="无"), make_row(3, id_number=wrong))
    assert summary(first) == (3, 1, 0, 0, 2)
    book = openpyxl.load_workbook(BytesIO(await returned(jobs, first["id"])))
    page = pupils(book)
    headers = {cell.value: cell.column for row in page.iter_rows(max_row=5) for cell in row if cell.value}
    sex, number = page.cell(3, headers["性别"]), page.cell(4, headers["身份证件号"])
    assert "UNKNOWN_OPTION" in sex.comment.text or "可选范围" in sex.comment.text
    assert make_id(3) in number.comment.text, "the number that may have been meant"
    assert page.cell(2, headers["性别"]).comment is None
    sex.value, number.value = "女", make_id(3)
    corrected = BytesIO()
    book.save(corrected)
    before = await system.fetch("SELECT s::text FROM students s WHERE name = $1", make_row(1)["name"])
    again = await jobs.start(corrected.getvalue())
    await jobs.worker.drain()
    job = await jobs.job(again)
    assert (job["state"], summary(job)) == ("APPLIED", (3, 2, 0, 1, 0))
    assert verdicts(job) == [(2, "UNCHANGED"), (3, "CREATE"), (4, "CREATE")]
    assert await system.fetch("SELECT s::text FROM students s WHERE name = $1", make_row(1)["name"]) == before


async def test_a_return_sent_back_as_it_is_writes_nothing(jobs: Jobs, system: asyncpg.Connection) -> None:
    first = await jobs.run(make_row(1), make_row(2))
    before = await dump(system)
    again = await jobs.start(await returned(jobs, first["id"]))
    await jobs.worker.drain()
    assert summary(await jobs.job(again)) == (2, 0, 0, 2, 0)
    assert await dump(system) == before


async def test_a_row_whose_key_data_were_changed_in_the_return_is_still_the_same_pupil(
    jobs: Jobs, system: asyncpg.Connection
) -> None:
    first = await jobs.run(make_row(1))
    book = openpyxl.load_workbook(BytesIO(await returned(jobs, first["id"])))
    page = pupils(book)
    headers = {cell.value: cell.column for row in page.iter_rows(max_row=5) for cell in row if cell.value}
    page.cell(2, headers["姓名"]).value = "王改名"
    page.cell(2, headers["身份证件号"]).value = make_id(77)
    changed = BytesIO()
    book.save(changed)
    again = await jobs.start(changed.getvalue())
    await jobs.worker.drain()
    job = await jobs.job(again)
    assert summary(job) == (1, 0, 0, 0, 1)
    assert {fault["code"] for fault in job["faults"]["nodes"]} == {"KEY_DATA_DIFFERS"}
    assert await system.fetchval("SELECT count(*) FROM students WHERE present_address = '并州路1号'") == 1


async def test_a_return_of_a_pupil_whose_record_was_deleted_brings_the_pupil_anew(
    jobs: Jobs, system: asyncpg.Connection
) -> None:
    first = await jobs.run(make_row(1), make_row(2))
    data, name = await returned(jobs, first["id"]), make_row(1)["name"]
    await system.execute("UPDATE students SET state = 'DELETED' WHERE name = $1", name)
    again = await jobs.start(data)
    await jobs.worker.drain()
    assert verdicts(await jobs.job(again)) == [(2, "CREATE"), (3, "UNCHANGED")]
    found = await system.fetch("SELECT state FROM students WHERE name = $1 ORDER BY id", name)
    assert [each["state"] for each in found] == ["DELETED", "IN_SCHOOL"]


async def test_tokens_of_another_schools_import_mean_nobody(
    jobs: Jobs, province: Province, system: asyncpg.Connection
) -> None:
    theirs = await jobs.run(make_row(1))
    data = await returned(jobs, theirs["id"])
    found = int(theirs["id"].split(":")[1])
    await system.execute("UPDATE imports SET school_id = $2 WHERE id = $1", found, province.ids["A2"])
    book = openpyxl.load_workbook(BytesIO(data))
    page = pupils(book)
    headers = {cell.value: cell.column for row in page.iter_rows(max_row=5) for cell in row if cell.value}
    page.cell(2, headers["姓名"]).value, page.cell(2, headers["身份证件号"]).value = "王新生", make_id(55)
    changed = BytesIO()
    book.save(changed)
    again = await jobs.start(changed.getvalue())
    await jobs.worker.drain()
    assert summary(await jobs.job(again)) == (1, 1, 0, 0, 0)


async def test_a_return_is_for_whoever_brought_the_workbook_and_only_once_it_is_judged(
    jobs: Jobs, province: Province, system: asyncpg.Connection
) -> None:
    job = await jobs.run(make_row(1), make_row(2, sex="无"))
    http = jobs.desk.http
    link = (await jobs.ask("schoolA1", LINK, {"id": job["id"]}))["data"]["importReturn"]["url"]
    assert (await fetch(http, province, link, "countyA")).status_code == 404
    assert (await http.get(link)).status_code == 404
    theirs = (await jobs.ask("countyA", LINK, {"id": job["id"]}))["data"]["importReturn"]["url"]
    assert (await fetch(http, province, theirs, "countyA")).status_code == 404
    queued = await make_import(system, province, "QUEUED")
    early = (await jobs.ask("schoolA1", LINK, {"id": queued}))["data"]["importReturn"]["url"]
    refused = await fetch(http, province, early)
    assert (refused.status_code, code_of(refused.json())) == (409, ("CONFLICT", "IMPORT_STATE"))


async def test_a_return_speaks_the_language_it_was_asked_in(jobs: Jobs) -> None:
    job = await jobs.run(make_row(2, sex="无"))
    english = openpyxl.load_workbook(BytesIO(await returned(jobs, job["id"], accept_language="en")))
    assert "is not one of the options" in str([c.comment.text for row in pupils(english) for c in row if c.comment])


async def test_the_template_is_fetched_by_link_filled_in_and_imported(jobs: Jobs, province: Province) -> None:
    answer = await jobs.ask("schoolA1", TEMPLATE, {"code": SCHOOL})
    response = await fetch(jobs.desk.http, province, answer["data"]["template"]["url"])
    book = openpyxl.load_workbook(BytesIO(response.content))
    page, row = pupils(book), make_row(1)
    order = [column.slot for column in COLUMNS]
    for at, slot in enumerate(order, 1):
        page.cell(2, at).value = row.get(slot, "")
    filled = BytesIO()
    book.save(filled)
    found = await jobs.start(filled.getvalue())
    await jobs.worker.drain()
    assert summary(await jobs.job(found)) == (1, 1, 0, 0, 0)
    assert (await fetch(jobs.desk.http, province, answer["data"]["template"]["url"], "schoolA2")).status_code == 404


async def test_a_kind_of_template_that_is_none_is_refused(jobs: Jobs) -> None:
    assert code_of(await jobs.ask("schoolA1", TEMPLATE, {"code": SCHOOL, "kind": "x"})) == (
        "BAD_INPUT",
        "UNKNOWN_TEMPLATE",
    )
