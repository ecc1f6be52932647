"""Last year's pupils in this year's template: who stands in it, as what, for whom, and what is told of it."""

import asyncio
from datetime import date
from decimal import Decimal

import asyncpg
import httpx
import pytest

import policies
from hub import clock, codes, last_year
from hub.errors import Forbidden
from hub.intake import check, values, workbook
from hub.intake.sheet import BY_SLOT, COLUMNS
from hub.intake.values import School
from hub.last_year import Next
from hub.terms import EnrolmentState, Stage
from tests.conftest import Ask
from tests.desk import Desk, code_of, counts, dump, make_id, make_row
from tests.province import SCHOOLS, Province, make_student

SCHOOL = SCHOOLS["A1"][1]
WARNED = "query($id: ID!) { importFaults(id: $id) { warnings { row code } } }"
PRIMARY, FIVE, JUNIOR, SENIOR = range(1, 7), range(1, 6), range(7, 10), range(10, 13)


async def handed_out(http: httpx.AsyncClient, token: str, **params: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"}
    return await http.get("/template", params={"school": SCHOOL, "last_year": "1"} | params, headers=headers)


async def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    read = await asyncio.to_thread(workbook.read, answer.content)
    slots = [column.slot for column in COLUMNS]
    return [{slot: value for slot, value in zip(slots, cells, strict=True) if value} for _, cells in read.rows]


@pytest.mark.parametrize(
    ("layout", "grade", "then"),
    [
        ({Stage.PRIMARY: PRIMARY}, 5, Next.GOES_ON),
        ({Stage.PRIMARY: PRIMARY}, 6, Next.LEAVES),
        ({Stage.PRIMARY: FIVE}, 5, Next.LEAVES),
        ({Stage.PRIMARY: PRIMARY, Stage.JUNIOR: JUNIOR}, 6, Next.BEGINS_STAGE),
        ({Stage.PRIMARY: FIVE, Stage.JUNIOR: range(6, 10)}, 5, Next.BEGINS_STAGE),
        ({Stage.PRIMARY: FIVE, Stage.JUNIOR: range(6, 10)}, 6, Next.GOES_ON),
        ({Stage.JUNIOR: JUNIOR, Stage.SENIOR: SENIOR}, 9, Next.LEAVES),
        ({Stage.SENIOR: SENIOR}, 11, Next.GOES_ON),
        ({Stage.SENIOR: SENIOR}, 12, Next.LEAVES),
        ({}, 9, Next.LEAVES),
        ({}, 8, Next.GOES_ON),
    ],
)
def test_who_leaves_is_told_by_the_lengths_of_the_schools_stages(
    layout: dict[Stage, range], grade: int, then: Next
) -> None:
    assert last_year.next_year(layout, grade) is then


@pytest.mark.parametrize("column", [column for column in COLUMNS if column.kind == "code"], ids=lambda each: each.slot)
def test_every_option_is_written_so_that_it_is_read_as_the_same(column) -> None:  # type: ignore[no-untyped-def]
    today = clock.today()
    listed = codes.lists()[column.codes]
    for entry in listed.in_force(today):
        written = last_year.written(column, entry.code)
        for code in ("2114000001", "3414000001"):
            assert values.parse(column, written, School(code, ()), today) == entry.code


@pytest.mark.parametrize(
    ("slot", "value", "written"),
    [
        ("birth_date", date(2006, 1, 2), "20060102"),
        ("entry_month", date(2013, 9, 1), "201309"),
        ("distance_km", Decimal("1.50"), "1.5"),
        ("distance_km", Decimal("10.00"), "10"),
        ("sex", "FEMALE", "女"),
        ("orphan", False, "否"),
        ("strengths", "=1+1", "=1+1"),
        ("strengths", None, ""),
    ],
)
def test_values_are_written_as_a_clerk_writes_them(slot: str, value: object, written: str) -> None:
    assert last_year.written(BY_SLOT[slot], value) == written


async def test_the_pupils_who_go_on_stand_in_the_template_as_they_were_brought_in(
    desk: Desk, http: httpx.AsyncClient, system: asyncpg.Connection
) -> None:
    for table in ("guardians", "placements", "student_versions", "students"):
        await system.execute(f"DELETE FROM {table}")
    brought = [
        make_row(1, strengths="=SUM(A1:A9)", distance_km="0.25"),
        make_row(2, sex="女", admission_type="12-其他", guardian1__address="@家", class_number="2000002"),
    ]
    assert counts(await desk.bring(*brought)) == (2, 2, 0, 0, 0)
    rows = await rows_of(await handed_out(http, desk.province.tokens["schoolA1"]))
    assert [row["name"] for row in rows] == [row["name"] for row in brought]
    for row, was in zip(rows, brought, strict=True):
        assert row == was


async def test_reading_the_template_back_gives_what_is_on_record(
    http: httpx.AsyncClient, province: Province, system: asyncpg.Connection
) -> None:
    answer = await handed_out(http, province.tokens["schoolA1"])
    read = await asyncio.to_thread(workbook.read, answer.content)
    classes = ["2000001", "2000002"]
    [part] = check.check(read, school_code=SCHOOL, class_numbers=classes, today=clock.today())
    kept = await system.fetch("SELECT * FROM students WHERE school_id = $1", province.ids["A1"])
    assert part.total == len(kept) > 0
    by_number = {row["id_number"]: row for row in kept}
    for row in part.rows:
        record = by_number[row.values["id_number"]]
        stored = {key: value for key, value in row.values.items() if key in record.keys()}  # noqa: SIM118 -- a Record
        assert stored == {key: record[key] for key in stored}


async def test_a_wrong_number_on_record_keeps_no_pupil_out_who_stands_in_the_template(
    desk: Desk, http: httpx.AsyncClient, ask: Ask, system: asyncpg.Connection
) -> None:
    for table in ("guardians", "placements", "student_versions", "students"):
        await system.execute(f"DELETE FROM {table}")
    await desk.bring(make_row(1), make_row(2))
    sound, other = make_id(1), make_id(9)
    wrong = sound[:17] + ("0" if sound[17] != "0" else "1")
    await system.execute("UPDATE students SET id_number = $1 WHERE id_number = $2", wrong, sound)
    rows = await rows_of(await handed_out(http, desk.province.tokens["schoolA1"]))
    rows.sort(key=lambda row: row["id_number"] != wrong)
    assert [row["id_number"] for row in rows] == [wrong, make_id(2)]
    payload = await desk.bring(rows[0] | {"phone": "13700000000"}, rows[1])
    assert counts(payload) == (2, 0, 1, 1, 0)
    kept = await system.fetch("SELECT id_number, phone FROM students ORDER BY id")
    assert [tuple(row) for row in kept] == [(wrong, "13700000000"), (make_id(2), "13800000001")]
    warned = await ask("schoolA1", WARNED, {"id": payload["import"]["id"]})
    assert warned["data"]["importFaults"]["warnings"] == [{"row": 2, "code": "ID_WRONG_ON_RECORD"}]
    before = await dump(system)
    for changed, code in (
        ({"id_number": wrong, "name": "王新人"}, "ID_CHECK_DIGIT"),
        ({"id_number": wrong, "sex": "女"}, "ID_CHECK_DIGIT"),
        ({"id_number": wrong[:16] + other[16:], "birth_date": "20010101"}, "ID_BIRTH_DATE_DISAGREES"),
    ):
        refused = await desk.bring(rows[0] | changed)
        assert counts(refused) == (1, 0, 0, 0, 1)
        assert code in {fault["code"] for fault in refused["faults"]}
    assert await dump(system) == before


async def test_leavers_and_who_is_not_in_school_are_left_out(
    http: httpx.AsyncClient, province: Province, system: asyncpg.Connection
) -> None:
    token = province.tokens["schoolA1"]
    before = {row["name"] for row in await rows_of(await handed_out(http, token))}
    year = last_year.intake_year(clock.today())
    await make_student(system, province, "leaver", "A1-2", grade=6, school_year=year - 1)
    await make_student(system, province, "promoted", "A1-2", grade=6, school_year=year)
    await make_student(system, province, "gone", "A1-2", state=EnrolmentState.SUSPENDED)
    await make_student(system, province, "stays", "A1-2", grade=5, school_year=year - 1)
    await make_student(system, province, "elsewhere", "A2-1")
    names = {row["name"] for row in await rows_of(await handed_out(http, token))}
    assert names == before | {"名stays", "名promoted"}


@pytest.mark.parametrize(
    ("day", "year"), [(date(2013, 5, 31), 2012), (date(2013, 6, 1), 2013), (date(2013, 12, 31), 2013)]
)
def test_from_june_on_a_template_is_for_the_coming_year(day: date, year: int) -> None:
    assert last_year.intake_year(day) == year


async def test_a_closed_class_is_no_class_of_next_year(
    http: httpx.AsyncClient, province: Province, system: asyncpg.Connection
) -> None:
    await system.execute("UPDATE classes SET closed = current_date WHERE id = $1", province.ids["A1-2"])
    rows = await rows_of(await handed_out(http, province.tokens["schoolA1"]))
    assert {row.get("class_number") for row in rows} == {"2000001", None}


async def test_who_begins_junior_high_in_the_same_school_is_admitted_and_placed_anew(
    http: httpx.AsyncClient, province: Province, system: asyncpg.Connection
) -> None:
    await system.execute(
        """INSERT INTO school_stages (school_id, stage, length, authority_id, since)
           SELECT school_id, 'JUNIOR', 3, authority_id, since FROM school_stages WHERE school_id = $1""",
        province.ids["A1"],
    )
    year = last_year.intake_year(clock.today())
    await make_student(system, province, "onward", "A1-2", grade=6, school_year=year - 1)
    rows = await rows_of(await handed_out(http, province.tokens["schoolA1"]))
    [row] = [row for row in rows if row["name"] == "名onward"]
    assert not {"class_number", "entry_month", "admission_type"} & row.keys()
    assert row["attendance_type"] == "走读"


async def test_what_leaves_the_hub_is_told_in_the_audit_without_the_persons(
    http: httpx.AsyncClient, province: Province, system: asyncpg.Connection
) -> None:
    rows = await rows_of(await handed_out(http, province.tokens["schoolA1"]))
    [entry] = await system.fetch("SELECT * FROM audit WHERE action = 'student:export'")
    assert (entry["account_id"], entry["outcome"]) == (province.accounts["schoolA1"], "ACCEPTED")
    assert (entry["object"], entry["path"]) == (f"school:{province.ids['A1']}", province.paths["A1"])
    assert f'"pupils": {len(rows)}' in entry["facts"]
    assert rows[0]["name"] not in entry["facts"]
    assert await system.fetchval("SELECT count(*) FROM outbox WHERE kind = 'STUDENTS_EXPORTED'") == 1


async def test_without_being_asked_no_pupil_is_handed_out(
    http: httpx.AsyncClient, province: Province, system: asyncpg.Connection
) -> None:
    token = province.tokens["schoolA1"]
    for asked in ("0", ""):
        assert await rows_of(await handed_out(http, token, last_year=asked)) == []
    assert (await handed_out(http, token, kind="classes")).status_code == 200
    assert await system.fetchval("SELECT count(*) FROM audit WHERE action = 'student:export'") == 0


@pytest.mark.parametrize(
    ("caller", "status"),
    [("countyA", 403), ("city", 403), ("dash", 403), ("teacherA1-1", 404), ("schoolA2", 404), ("countyB", 404)],
)
async def test_who_sees_pupils_masked_or_not_at_all_gets_none(
    http: httpx.AsyncClient, province: Province, system: asyncpg.Connection, caller: str, status: int
) -> None:
    before = await dump(system, ("outbox", "audit_values", "students"))
    answer = await handed_out(http, province.tokens[caller])
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert await dump(system, ("outbox", "audit_values", "students")) == before
    assert await system.fetchval("SELECT count(*) FROM audit WHERE outcome = 'ACCEPTED'") == 0


async def test_nobody_gets_none(http: httpx.AsyncClient, province: Province) -> None:
    answer = await http.get("/template", params={"school": SCHOOL, "last_year": "1"})
    assert answer.status_code == 401
    assert code_of(answer.json())[0] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "line",
    [
        "p, school_administrator, student.idNumber, read, subtree, deny",
        "p, school_administrator, guardian.employer, read, subtree, deny",
    ],
)
def test_one_masked_column_is_enough_to_refuse(line: str) -> None:
    shipped = policies.SHIPPED.read_text(encoding="utf-8")
    last_year.refuse_masked(policies.load(shipped), "school_administrator")
    with pytest.raises(Forbidden) as caught:
        last_year.refuse_masked(policies.load(f"{shipped}\n{line}\n"), "school_administrator")
    assert caught.value.key == "FORBIDDEN_FIELD"
