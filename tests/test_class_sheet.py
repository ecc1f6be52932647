"""A class sheet: written by the hub, filled by a clerk, answered row by row, the same the second time."""

from io import BytesIO
from typing import Any

import asyncpg
import httpx
import openpyxl
import pytest

from tests.conftest import Ask
from tests.desk import SCHOOL, code_of, dump, upload
from tests.province import Province
from tests.test_setup import TABLES, YEAR, make_grades

CREATE = """mutation($input: CreateClassesInput!) { createClasses(input: $input) { created unchanged refused
    results { index officialNumber outcome id error { code key message remedy } } } }"""


async def sheet(http: httpx.AsyncClient, token: str, *rows: dict[str, str]) -> bytes:
    """The hub's own template, filled."""
    headers = {"authorization": f"Bearer {token}"}
    answer = await http.get("/template", params={"school": SCHOOL, "kind": "classes"}, headers=headers)
    assert answer.status_code == 200
    book = openpyxl.load_workbook(BytesIO(answer.content))
    page = book.worksheets[0]
    places = {cell.value: cell.column for cell in page[1]}
    for number, row in enumerate(rows, 2):
        for header, value in ({"学校标识码": SCHOOL} | row).items():
            page.cell(number, places[header]).value = value
    content = BytesIO()
    book.save(content)
    return content.getvalue()


class Clerk:
    """The clerk of A1, who brings class sheets in."""

    def __init__(self, http: httpx.AsyncClient, ask: Ask, province: Province) -> None:
        self.http, self.ask, self.province = http, ask, province

    async def file(self, *rows: dict[str, str]) -> str:
        token = self.province.tokens["schoolA1"]
        return await upload(self.http, token, await sheet(self.http, token, *rows), "classes.xlsx")

    async def bring(self, file: str, caller: str | None = "schoolA1", school: str = "A1", **rest: Any) -> Any:
        given = {"schoolId": f"school:{self.province.ids.get(school, 999_999)}", "fileId": file} | rest
        return await self.ask(caller, CREATE, {"input": given})


@pytest.fixture
async def clerk(http: httpx.AsyncClient, ask: Ask, province: Province, system: asyncpg.Connection) -> Clerk:
    await make_grades(system, province, "A1", 1, 2)
    return Clerk(http, ask, province)


ROWS = [
    {"班号": "2026001", "年级": "1"},
    {"班号": "2026002", "年级": "2、1"},
    {"班号": "2026003", "年级": "9"},
    {"班号": "2000001", "年级": "2"},
    {"班号": "2026005", "年级": "1", "学校标识码": "2114000002"},
    {"班号": "2026001", "年级": "1"},
]


async def test_sound_rows_become_classes_and_the_others_are_told(clerk: Clerk, system: asyncpg.Connection) -> None:
    file = await clerk.file(*ROWS)
    told = (await clerk.bring(file))["data"]["createClasses"]
    assert (told["created"], told["unchanged"], told["refused"]) == (2, 0, 4)
    keys = {row["index"]: row["error"] and row["error"]["key"] for row in told["results"]}
    assert (keys[4], keys[5], keys[6]) == ("GRADE_NOT_OPEN", "CLASS_DIFFERS", "ROW_NOT_YOUR_SCHOOL")
    assert all(row["error"]["message"] and row["error"]["remedy"] for row in told["results"] if row["error"])
    rows = await system.fetch("SELECT official_number, grade, combined FROM classes WHERE official_number LIKE '2026%'")
    assert ("2026002", 1, True) in [tuple(row) for row in rows]
    assert await system.fetchval("SELECT count(*) FROM grades WHERE school_year = $1", YEAR) == 2


async def test_the_same_sheet_again_creates_nothing(clerk: Clerk, system: asyncpg.Connection) -> None:
    file = await clerk.file(*ROWS[:2])
    first = (await clerk.bring(file))["data"]["createClasses"]
    assert (first["created"], first["unchanged"]) == (2, 0)
    tables = tuple(table for table in TABLES if table != "requests")
    before = await dump(system, tables)
    again = (await clerk.bring(file))["data"]["createClasses"]
    assert (again["created"], again["unchanged"], again["refused"]) == (0, 2, 0)
    assert [row["id"] for row in again["results"]] == [row["id"] for row in first["results"]]
    assert await dump(system, tuple(t for t in tables if t != "outbox")) == {
        t: before[t] for t in tables if t != "outbox"
    }


async def test_a_retry_under_one_key_answers_as_before(clerk: Clerk) -> None:
    file = await clerk.file(*ROWS[:2])
    first = await clerk.bring(file, idempotencyKey="classes-0001")
    assert await clerk.bring(file, idempotencyKey="classes-0001") == first
    assert first["data"]["createClasses"]["created"] == 2


async def test_four_callers_of_create_classes(clerk: Clerk, system: asyncpg.Connection) -> None:
    file = await clerk.file(*ROWS[:1])
    before = await dump(system, TABLES)
    assert code_of(await clerk.bring(file, None))[0] == "UNAUTHENTICATED"
    theirs = await upload(clerk.http, clerk.province.tokens["countyA"], b"PK")
    assert code_of(await clerk.bring(theirs, "countyA"))[0] == "FORBIDDEN"
    there = await clerk.bring(file, "schoolA1", "A2")
    assert there == await clerk.bring(file, "schoolA1", "nowhere")
    assert code_of(there)[0] == "NOT_FOUND"
    assert code_of(await clerk.bring(file, "schoolA2", "A2"))[0] == "NOT_FOUND"  # another's upload
    assert await dump(system, TABLES) == before
    assert "errors" not in await clerk.bring(file)


async def test_what_is_no_class_sheet_is_told(
    clerk: Clerk, http: httpx.AsyncClient, province: Province, system: asyncpg.Connection
) -> None:
    before = await dump(system, TABLES)
    token = province.tokens["schoolA1"]
    pupils = await http.get(f"/template?school={SCHOOL}", headers={"authorization": f"Bearer {token}"})
    for data, key in ((b"a,b", "WRONG_TEMPLATE"), (pupils.content, "WRONG_TEMPLATE")):
        told = code_of(await clerk.bring(await upload(http, token, data)))
        assert told == ("BAD_INPUT", key)
    assert code_of(await clerk.bring(await clerk.file()))[1] == "NO_CLASS_ROWS"
    assert await dump(system, TABLES) == before


@pytest.mark.parametrize("kind", ["nonsense", "CLASSES"])
async def test_an_unknown_kind_of_template_is_told(http: httpx.AsyncClient, province: Province, kind: str) -> None:
    headers = {"authorization": f"Bearer {province.tokens['schoolA1']}"}
    answer = await http.get("/template", params={"school": SCHOOL, "kind": kind}, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"
