"""Workbooks coming in: what is refused, and that nothing is ever half-written."""

import asyncio
import hashlib
import re
import zipfile
from io import BytesIO
from typing import Any

import asyncpg
import httpx
import openpyxl
import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import worker
from hub.db import Database
from hub.imports import applying, asking, reading
from hub.intake.sheet import COLUMNS
from hub.line import Line
from hub.settings import Settings
from tests.desk import (
    BORN,
    IMPORT,
    RECORDS,
    REGISTER,
    SCHOOL,
    Desk,
    code_of,
    counts,
    dump,
    make_id,
    make_nameless,
    make_row,
    make_workbook,
    upload,
)
from tests.province import COUNTY_A, SCHOOLS, Province, make_caller


def planted() -> list[tuple[dict[str, str], list[tuple[str, str]]]]:
    """Rows with mistakes, each with the (column, code) of every fault wanted."""
    wrong = make_id(1)
    wrong = wrong[:-1] + ("0" if wrong[-1] != "0" else "1")
    return [
        (make_row(1, id_number=wrong), [("M", "ID_CHECK_DIGIT")]),
        (make_row(2, birth_date=f"{BORN}年13月1日"), [("D", "BAD_DATE")]),
        (make_row(3, entry_month="九月"), [("Q", "BAD_MONTH")]),
        (make_row(4, ethnic_group="汉人"), [("G", "UNKNOWN_OPTION")]),
        (make_row(5, name=""), [("B", "REQUIRED")]),
        (make_row(6, class_number="9999999"), [("P", "UNKNOWN_CLASS")]),
        (make_row(7, school_code=SCHOOLS["B1"][1]), [("A", "ROW_NOT_YOUR_SCHOOL")]),
        (make_row(8, school_code="2199999999"), [("A", "ROW_NOT_YOUR_SCHOOL")]),
        (make_row(9, sex="女", id_number=make_id(9)), [("M", "ID_SEX_DISAGREES")]),
        (make_row(10), []),
        (make_row(11, id_number=make_id(10)), [("M", "DUPLICATE_IN_FILE")]),
        (make_row(12, phone="12", post_code="3000"), [("W", "BAD_PHONE"), ("X", "BAD_POST_CODE")]),
        (make_row(13), []),
    ]


@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
async def test_planted_mistakes_are_answered_cell_by_cell_and_the_good_rows_are_taken(
    desk: Desk, system: asyncpg.Connection, language: str
) -> None:
    before = await system.fetchval("SELECT count(*) FROM students")
    table = planted()
    payload = await desk.bring(*(row for row, _ in table), accept_language=language)
    wanted = [(number, *fault) for number, (_, faults) in enumerate(table, 2) for fault in faults]
    assert [(f["row"], f["column"], f["code"]) for f in payload["faults"]] == wanted
    headers = {column.letter: column.header for column in COLUMNS}
    for fault in payload["faults"]:
        assert fault["header"] == headers[fault["column"]]
        assert fault["message"]
        assert fault["remedy"]
        words = (fault["message"] + fault["remedy"]).replace(fault["header"], "")
        assert (re.search("(请|须|必须|不)", words) is None) == language.startswith("en"), fault
    assert counts(payload) == (13, 2, 0, 0, 11)
    assert payload["import"]["state"] == "APPLIED"
    assert await system.fetchval("SELECT count(*) FROM students") == before + 2


async def test_a_row_of_another_school_hears_the_same_whether_that_school_exists(desk: Desk) -> None:
    payload = await desk.bring(make_row(1, school_code=SCHOOLS["B1"][1]), make_row(2, school_code="2199999999"))
    one, two = payload["faults"]
    assert {**one, "row": 0, "value": ""} == {**two, "row": 0, "value": ""}
    # Besides the cell itself, nothing repeats the code, and nothing names the school.
    said = orjson.dumps([fault | {"value": None} for fault in payload["faults"]]).decode()
    assert SCHOOLS["B1"][1] not in said
    assert "B1" not in said


async def test_a_number_cell_that_lost_digits_is_told(desk: Desk) -> None:
    book = openpyxl.load_workbook(BytesIO(make_workbook(make_row(1), make_row(2))))
    book["学生基本信息"]["M2"] = int(make_id(1)[:17] + "0")
    book["学生基本信息"]["M2"].number_format = "0"
    content = BytesIO()
    book.save(content)
    answer = await desk.answer(content.getvalue())
    payload = answer["data"]["importWorkbook"]
    [fault] = payload["faults"]
    assert (fault["row"], fault["column"], fault["code"]) == (2, "M", "NUMBER_LOST_DIGITS")
    assert fault["value"].startswith(f"{make_id(1)[:6]}********")
    assert counts(payload) == (2, 1, 0, 0, 1)


async def test_a_file_of_faulty_rows_only_is_refused_and_changes_nothing(
    desk: Desk, system: asyncpg.Connection
) -> None:
    before = await dump(system)
    payload = await desk.bring(make_row(1, name=""), make_row(2, sex="无"))
    assert payload["import"]["state"] == "REFUSED"
    assert counts(payload) == (2, 0, 0, 0, 2)
    assert await dump(system) == before


# what is refused as a whole


def macro(data: bytes) -> bytes:
    content = BytesIO(data)
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"macro")
    return content.getvalue()


def headless() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["姓名", "性别"])
    book.active.append(["王一", "男"])
    content = BytesIO()
    book.save(content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("data", "code", "key"),
    [
        (b"", "BAD_INPUT", "FILE_EMPTY"),
        (b"hello, I am a workbook", "BAD_INPUT", "WRONG_TEMPLATE"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "BAD_INPUT", "FILE_OLD_FORMAT"),
        (headless(), "BAD_INPUT", "WRONG_TEMPLATE"),
        (make_workbook(), "BAD_INPUT", "NO_ROWS"),
        (macro(make_workbook(make_row(1))), "BAD_INPUT", "FILE_HAS_MACROS"),
        (make_workbook(make_row(1))[:-400], "BAD_INPUT", "FILE_UNREADABLE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_no_filled_template_is_refused_with_a_code(
    desk: Desk, system: asyncpg.Connection, data: bytes, code: str, key: str
) -> None:
    before = await dump(system, (*REGISTER, "imports", "outbox", "audit_values"))
    assert code_of(await desk.answer(data)) == (code, key)
    assert await dump(system, (*REGISTER, "imports", "outbox", "audit_values")) == before


async def test_more_rows_than_allowed_are_refused(
    desk: Desk, app: Any, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await dump(system, (*REGISTER, "imports"))
    settings = app.state.hub.reader.database.settings
    object.__setattr__(settings, "row_limit", 3)
    try:
        answer = await desk.answer(make_workbook(*(make_row(n) for n in range(1, 6))))
    finally:
        object.__setattr__(settings, "row_limit", 60_000)
    assert code_of(answer) == ("TOO_LARGE", "TOO_MANY_ROWS")
    assert await dump(system, (*REGISTER, "imports")) == before


async def test_an_unknown_school_and_one_out_of_reach_are_the_same_bytes_and_audited(
    desk: Desk, http: httpx.AsyncClient, province: Province, system: asyncpg.Connection
) -> None:
    token = province.tokens["schoolA1"]
    file = await upload(http, token, make_workbook(make_row(1)))
    before = await dump(system)

    async def raw(school: str) -> bytes:
        body = {"query": IMPORT, "variables": {"file": file, "school": school}}
        return (await http.post("/graphql", json=body, headers={"authorization": f"Bearer {token}"})).content

    unknown, foreign = await raw("2199999999"), await raw(SCHOOLS["B1"][1])
    assert unknown == foreign
    assert code_of(orjson.loads(unknown)) == ("NOT_FOUND", "NOT_FOUND")
    rows = await system.fetch("SELECT account_id, action, outcome, code, path FROM audit")
    assert [tuple(row) for row in rows] == [
        (province.accounts["schoolA1"], "student:import", "REFUSED", "NOT_FOUND", None)
    ] * 2
    assert await dump(system) == before


@pytest.mark.parametrize(
    ("caller", "code"),
    [
        ("teacherA1-1", "NOT_FOUND"),
        ("dash", "FORBIDDEN"),
        ("auditor", "FORBIDDEN"),
        ("reviewerA", "FORBIDDEN"),
        ("city", "FORBIDDEN"),
        ("prov", "FORBIDDEN"),
        ("sysadmin", "FORBIDDEN"),
        ("schoolA2", "NOT_FOUND"),
        ("countyB", "NOT_FOUND"),
    ],
)
async def test_other_roles_and_other_places_may_not_import(
    desk: Desk, province: Province, system: asyncpg.Connection, caller: str, code: str
) -> None:
    data = make_workbook(make_row(1))
    file = await system.fetchval(
        "INSERT INTO files (account_id, name, size, sha256, key) VALUES ($1, 'x', $2, 'x', $3) RETURNING id",
        province.accounts[caller],
        len(data),
        f"uploads/{caller}",
    )
    await desk.http._transport.app.state.hub.files.put(f"uploads/{caller}", data)  # type: ignore[attr-defined]
    before = await dump(system, (*REGISTER, "imports", "outbox"))
    answer = await desk.ask(caller, IMPORT, {"file": f"file:{file}", "school": SCHOOL})
    assert code_of(answer)[0] == code
    assert await dump(system, (*REGISTER, "imports", "outbox")) == before
    assert await system.fetchval("SELECT count(*) FROM audit WHERE outcome = 'REFUSED' AND code = $1", code) >= 1


async def test_a_county_administrator_may_import_for_a_school_inside(
    desk: Desk, province: Province, system: asyncpg.Connection
) -> None:
    payload = await desk.bring(make_row(1), caller="countyA")
    assert counts(payload) == (1, 1, 0, 0, 0)
    assert payload["import"]["school"] == {"code": SCHOOL}
    entry = await system.fetchrow("SELECT role, path FROM audit WHERE action = 'student:import'")
    assert tuple(entry) == ("county_administrator", province.paths["A1"])


async def test_somebody_elses_file_does_not_exist(desk: Desk, province: Province) -> None:
    file = await upload(desk.http, province.tokens["schoolA1"], make_workbook(make_row(1)))
    theirs = await desk.ask("countyA", IMPORT, {"file": file, "school": SCHOOL})
    none = await desk.ask("countyA", IMPORT, {"file": "file:999999999", "school": SCHOOL})
    assert code_of(theirs) == ("NOT_FOUND", "NOT_FOUND")
    assert theirs == none


@pytest.mark.parametrize("file", ["", "7", "student:7", "file:", "file:x", "file:-1", "file:99999999999999999999"])
async def test_what_is_no_file_id_is_bad_input(desk: Desk, file: str) -> None:
    assert code_of(await desk.ask("schoolA1", IMPORT, {"file": file, "school": SCHOOL})) == ("BAD_INPUT", "BAD_ID")


async def test_nobody_signed_in_imports_nothing(desk: Desk, system: asyncpg.Connection) -> None:
    before = await dump(system, (*REGISTER, "imports"))
    answer = await desk.ask(None, IMPORT, {"file": "file:1", "school": SCHOOL})
    assert code_of(answer)[0] == "UNAUTHENTICATED"
    assert await dump(system, (*REGISTER, "imports")) == before


# one transaction


async def test_an_error_in_the_middle_leaves_nothing(
    desk: Desk, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await upload(desk.http, desk.province.tokens["schoolA1"], make_workbook(make_row(1), make_row(2)))
    before = await dump(system, (*REGISTER, *RECORDS))
    monkeypatch.setattr(applying.placements, "_FIRST", text("SELECT 1 / 0 WHERE CAST(:day AS date) IS NOT NULL"))
    answer = await desk.ask("schoolA1", IMPORT, {"file": file, "school": SCHOOL})
    assert code_of(answer) == ("INTERNAL", "INTERNAL")
    assert await dump(system, (*REGISTER, *RECORDS)) == before


async def test_an_error_at_the_very_end_leaves_nothing(
    desk: Desk, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await upload(desk.http, desk.province.tokens["schoolA1"], make_workbook(make_row(1)))
    before = await dump(system, (*REGISTER, *RECORDS))

    async def record(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"the secret {make_row(1)['name']}")

    monkeypatch.setattr(applying.gate, "record", record)
    answer = await desk.ask("schoolA1", IMPORT, {"file": file, "school": SCHOOL})
    assert code_of(answer) == ("INTERNAL", "INTERNAL")
    assert make_row(1)["name"] not in str(answer)
    assert await dump(system, (*REGISTER, *RECORDS)) == before


async def test_an_import_leaves_one_audit_entry_its_values_and_one_event(
    desk: Desk, province: Province, system: asyncpg.Connection
) -> None:
    await desk.bring(make_row(1))
    await system.execute("DELETE FROM audit_values; DELETE FROM audit; DELETE FROM outbox")
    payload = await desk.bring(make_row(1, phone="13700000000"), make_row(2), make_row(3, sex="无"))
    facts = {"total": 3, "created": 1, "updated": 1, "unchanged": 0, "rejected": 1}
    (entry,) = await system.fetch("SELECT * FROM audit")
    assert (entry["account_id"], entry["role"]) == (province.accounts["schoolA1"], "school_administrator")
    assert (entry["action"], entry["object"]) == ("student:import", payload["import"]["id"])
    assert (entry["path"], entry["outcome"], entry["code"]) == (province.paths["A1"], "ACCEPTED", None)
    assert orjson.loads(entry["facts"]) == facts
    (values,) = await system.fetch("SELECT * FROM audit_values")
    before, after = orjson.loads(values["before"]), orjson.loads(values["after"])
    assert list(before.values()) == [{"phone": "13800000001"}]
    assert list(after["updated"].values()) == [{"phone": "13700000000"}]
    assert len(after["created"]) == 1
    wanted = hashlib.sha256(orjson.dumps([before, after], option=orjson.OPT_SORT_KEYS)).digest()
    assert entry["values_hash"] == wanted
    (event,) = await system.fetch("SELECT *, xid::text AS told FROM outbox")
    assert (event["kind"], event["object"], event["path"]) == (
        "STUDENTS_IMPORTED",
        payload["import"]["id"],
        province.paths["A1"],
    )
    assert orjson.loads(event["payload"]) == facts
    written = await system.fetchval("SELECT xmin::text FROM students WHERE name = $1", make_row(2)["name"])
    assert int(event["told"]) % 2**32 == int(written)


async def test_the_same_file_five_times_at_once_is_one_import(
    desk: Desk, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_workbook(*(make_row(n) for n in range(1, 9)), make_nameless(9))
    begun, start = asyncio.Barrier(5), asking.start

    async def together(*given: Any, **named: Any) -> int:
        found = await start(*given, **named)
        await begun.wait()
        return found

    monkeypatch.setattr(asking, "start", together)
    answers = await asyncio.gather(*(desk.answer(data) for _ in range(5)))
    payloads = [answer["data"]["importWorkbook"] for answer in answers]
    assert list(map(counts, payloads)) == [(9, 9, 0, 0, 0)] * 5
    assert len({payload["import"]["id"] for payload in payloads}) == 1
    assert await system.fetchval("SELECT count(*) FROM students WHERE present_address = '并州路1号'") == 9


async def test_a_file_that_is_wrong_is_told_to_everybody_who_sends_it_at_once(
    desk: Desk, system: asyncpg.Connection
) -> None:
    answers = await asyncio.gather(*(desk.answer(make_workbook()) for _ in range(5)))
    assert [code_of(answer)[1] for answer in answers] == ["NO_ROWS"] * 5
    assert await system.fetchval("SELECT count(*) FROM imports") == 0


async def test_a_worker_leaves_an_import_to_who_waits_for_it(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, worked = asking.start, []

    async def watched(*given: Any, **named: Any) -> int:
        found = await start(*given, **named)
        async with worker.employed(settings) as employed:
            worked.append(await employed.drain())
        return found

    monkeypatch.setattr(asking, "start", watched)
    assert counts(await desk.bring(make_row(1))) == (1, 1, 0, 0, 0)
    assert worked == [0]


async def test_what_a_worker_finds_wrong_with_a_file_is_told_to_who_waits(
    desk: Desk, system: asyncpg.Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(_line: Line, _database: Database, _job: int) -> None:
        async with worker.employed(settings) as employed:
            await employed.drain()

    async def never(_line: Line, _connection: AsyncConnection, _job: int) -> None:
        pass

    monkeypatch.setattr(Line, "seize", never)
    monkeypatch.setattr(Line, "claim", late)
    assert code_of(await desk.answer(make_workbook()))[1] == "NO_ROWS"
    assert await system.fetchval("SELECT count(*) FROM imports") == 0


async def test_of_five_imports_at_once_one_creates_and_the_others_find_nothing_new(
    desk: Desk, system: asyncpg.Connection
) -> None:
    rows = [make_row(n) for n in range(1, 9)] + [make_nameless(9)]
    files = [make_workbook(*rows, make_row(100 + n, sex="无")) for n in range(5)]
    answers = await asyncio.gather(*(desk.answer(data) for data in files))
    payloads = [answer["data"]["importWorkbook"] for answer in answers]
    assert sorted(map(counts, payloads)) == [(10, 0, 0, 9, 1)] * 4 + [(10, 9, 0, 0, 1)]
    assert await system.fetchval("SELECT count(*) FROM students WHERE present_address = '并州路1号'") == 9
    assert await system.fetchval("SELECT count(*) FROM guardians WHERE name = '王建国'") == 9


@pytest.mark.parametrize(
    "revocation",
    [
        "UPDATE sessions SET ended_at = now() WHERE account_id = $1",
        "UPDATE sessions SET expires_at = now() WHERE account_id = $1",
        "UPDATE grants SET until = now() + interval '1 microsecond' WHERE account_id = $1",
        "DELETE FROM grants WHERE account_id = $1",
    ],
)
async def test_what_is_revoked_between_check_and_write_is_refused(
    desk: Desk, province: Province, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, revocation: str
) -> None:
    file = await upload(desk.http, province.tokens["schoolA1"], make_workbook(make_row(1)))
    before = await dump(system, (*REGISTER, "imports", "outbox"))
    examine = reading._examine

    async def slowly(*given: Any, **known: Any) -> Any:
        async for part in examine(*given, **known):
            await system.execute(revocation, province.accounts["schoolA1"])
            yield part

    monkeypatch.setattr(reading, "_examine", slowly)
    answer = await desk.ask("schoolA1", IMPORT, {"file": file, "school": SCHOOL})
    assert code_of(answer)[0] == "UNAUTHENTICATED"
    assert await dump(system, (*REGISTER, "imports", "outbox")) == before
    assert await system.fetchval("SELECT code FROM audit WHERE action = 'student:import'") == "UNAUTHENTICATED"


async def test_the_faults_alone_can_be_asked_for(desk: Desk, province: Province, system: asyncpg.Connection) -> None:
    query = """mutation($file: ID!, $school: String!) {
        importWorkbook(input: {fileId: $file, schoolCode: $school}) { faults { row } } }"""
    file = await upload(desk.http, province.tokens["schoolA1"], make_workbook(make_row(1)))
    assert await desk.ask("schoolA1", query, {"file": file, "school": SCHOOL}) == {
        "data": {"importWorkbook": {"faults": []}}
    }
    assert await system.fetchval("SELECT count(*) FROM students WHERE name = $1", make_row(1)["name"]) == 1


async def test_of_two_roles_the_header_says_which_imports(
    desk: Desk, province: Province, system: asyncpg.Connection
) -> None:
    grants = [("dashboard", COUNTY_A), ("school_administrator", province.paths["A1"])]
    await make_caller(system, province, "both", grants)
    file = await upload_as(desk, "both", "school_administrator", make_workbook(make_row(1)))
    refused = await desk.ask("both", IMPORT, {"file": file, "school": SCHOOL})
    assert code_of(refused)[0] == "FORBIDDEN"
    taken = await desk.ask("both", IMPORT, {"file": file, "school": SCHOOL}, hub_role="school_administrator")
    assert counts(taken["data"]["importWorkbook"]) == (1, 1, 0, 0, 0)


async def upload_as(desk: Desk, caller: str, role: str, data: bytes) -> str:
    headers = {"authorization": f"Bearer {desk.province.tokens[caller]}", "hub-role": role}
    response = await desk.http.post("/files", files={"file": ("x.xlsx", data)}, headers=headers)
    found: str = response.json()["id"]
    return found


async def test_a_class_closed_between_check_and_write_is_a_fault_of_the_row(
    desk: Desk, province: Province, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = reading.decide

    async def slowly(connection: Any, job: Any, **found: Any) -> None:
        await judge(connection, job, **found)
        await system.execute("UPDATE classes SET closed = CURRENT_DATE WHERE official_number = '2000002'")

    monkeypatch.setattr(reading, "decide", slowly)
    payload = await desk.bring(make_row(1), make_row(2, class_number="2000002"))
    assert counts(payload) == (2, 1, 0, 0, 1)
    assert [(f["row"], f["column"], f["code"]) for f in payload["faults"]] == [(3, "P", "UNKNOWN_CLASS")]


async def test_what_only_a_private_school_or_a_lower_grade_may_say_is_refused(
    desk: Desk, system: asyncpg.Connection
) -> None:
    await system.execute(
        """INSERT INTO class_grades (class_id, school_year, grade)
           SELECT c.id, c.school_year, 10 FROM classes c JOIN schools s ON s.id = c.school_id
           WHERE s.code = $1 AND c.official_number = '2000002'""",
        SCHOOL,
    )
    before = await dump(system)
    payload = await desk.bring(make_row(1, bought_place="是"), make_row(2, class_number="2000002", migrant_child="是"))
    assert [(fault["row"], fault["code"]) for fault in payload["faults"]] == [
        (2, "BOUGHT_PLACE_AT_PUBLIC_SCHOOL"),
        (3, "MIGRANT_BEYOND_COMPULSORY"),
    ]
    assert await dump(system) == before


async def test_what_is_only_unlikely_keeps_no_row_out(desk: Desk) -> None:
    payload = await desk.bring(make_row(1, travel_mode="校车", needs_school_bus="否", post_code="０３００３２"))
    assert (payload["faults"], counts(payload)) == ([], (1, 1, 0, 0, 0))
