"""Workbooks coming in: what is taken, and what is known again."""

import re
from typing import Any

import asyncpg
import pytest

from hub import clock, codes, identity
from hub.intake.sheet import COLUMNS
from tests.desk import BORN, SCHOOL, Desk, counts, dump, make_id, make_nameless, make_row
from tests.province import COUNTY_A


def camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(part.title() for part in rest)


async def test_every_column_of_the_sheet_is_read_back_as_it_was_typed(desk: Desk) -> None:
    row = make_row(
        1,
        political_status="群众",
        former_name="王小二",
        id_valid_period="2020.01.02-2030.01.02",
        blood_type="AB型",
        strengths="书法",
        auxiliary_number="0012345",
        number_in_class="07",
        student_source="正常入学",
        email="a@example.cn",
        home_page="http://example.cn/王",
        disability="无残疾",
        bought_place="否",
        inclusion="非随班就读",
        migrant_child="是",
        guardian1__relation="其他",
        guardian1__relation_note="伯父",
        guardian1__id_type="居民身份证",
        guardian1__id_number=make_id(1, born="19800101"),
        guardian1__ethnic_group="满族",
        guardian1__employer="太钢",
        guardian1__post="工人",
        guardian2__name="李梅",
        guardian2__relation="母亲",
        guardian2__relation_note="生母",
        guardian2__address="府东街9号",
        guardian2__residence_code="140106000000",
        guardian2__phone="0351-1234567",
        guardian2__is_guardian="否",
        guardian2__id_type="护照",
        guardian2__id_number="E12345678",
        guardian2__ethnic_group="回族",
        guardian2__employer="太重",
        guardian2__post="会计",
    )
    assert set(row) == {column.slot for column in COLUMNS}
    assert counts(await desk.bring(row)) == (1, 1, 0, 0, 0)

    def selection(member: int) -> str:
        columns = [column for column in COLUMNS if column.member == member and column.kind not in ("school", "class")]
        return " ".join(camel(c.key) + (" { code name }" if c.kind == "code" else "") for c in columns)

    query = f"""{{ students(first: 200) {{ nodes {{ {selection(0)} guardians {{ position {selection(1)} }}
        school {{ code }} schoolClass {{ officialNumber }} state studentNumber grade schoolYear }} }} }}"""
    answer = await desk.ask("schoolA1", query)
    (read,) = [node for node in answer["data"]["students"]["nodes"] if node["name"] == row["name"]]
    for column in COLUMNS:
        typed = row[column.slot]
        wanted: Any = typed
        if column.kind == "code":
            entry = codes.lists()[column.codes or ""].find(typed)
            assert entry is not None
            wanted = {"code": entry.code, "name": entry.name}
        elif column.kind == "yes_no":
            wanted = typed == "是"
        elif column.kind == "sex":
            wanted = "MALE"
        elif column.kind == "date":
            wanted = f"{typed[:4]}-{typed[4:6]}-{typed[6:]}"
        elif column.kind == "month":
            wanted = f"{typed[:4]}-{typed[4:]}-01"
        holder = read["guardians"][column.member - 1] if column.member else read
        if column.kind == "school":
            told = read["school"]["code"]
        elif column.kind == "class":
            told = read["schoolClass"]["officialNumber"]
        else:
            told = holder[camel(column.key)]
        assert told == wanted, column.slot
    assert [member["position"] for member in read["guardians"]] == [1, 2]
    assert (read["state"], read["grade"], read["schoolYear"]) == ("IN_SCHOOL", 1, clock.school_year(clock.today()))


async def test_the_same_file_again_writes_nothing(desk: Desk, system: asyncpg.Connection) -> None:
    rows = [make_row(1), make_row(2, sex="女", distance_km="12"), make_nameless(3)]
    assert counts(await desk.bring(*rows)) == (3, 3, 0, 0, 0)
    before = await dump(system)
    assert counts(await desk.bring(*rows)) == (3, 0, 0, 3, 0)
    assert await dump(system) == before


async def test_a_distance_of_two_decimals_is_also_unchanged_the_second_time(desk: Desk) -> None:
    assert counts(await desk.bring(make_row(1, distance_km="1.25"))) == (1, 1, 0, 0, 0)
    assert counts(await desk.bring(make_row(1, distance_km="1.25"))) == (1, 0, 0, 1, 0)


async def versions(connection: asyncpg.Connection, name: str) -> list[tuple[bool, bool, bool, bool]]:
    rows = await connection.fetch(
        """SELECT recorded_until IS NULL, boarding, migrant, v.left_behind FROM student_versions v
           JOIN students s ON s.id = student_id WHERE s.name = $1 ORDER BY v.id""",
        name,
    )
    return [tuple(row) for row in rows]


async def test_changed_plain_data_and_family_are_brought_up_to_the_row(desk: Desk, system: asyncpg.Connection) -> None:
    await desk.bring(make_row(1, guardian2__name="李梅", guardian2__relation="母亲", **MOTHER), make_row(2))
    others = await system.fetch("SELECT s::text FROM students s WHERE name <> $1", make_row(1)["name"])
    changed = make_row(1, phone="0351-7654321", guardian1__name="王建军")
    assert counts(await desk.bring(changed, make_row(2))) == (2, 0, 1, 1, 0)
    student = await system.fetchrow("SELECT * FROM students WHERE name = $1", changed["name"])
    assert student is not None
    assert (student["phone"], student["version"]) == ("0351-7654321", 2)
    family = await system.fetch("SELECT position, name FROM guardians WHERE student_id = $1", student["id"])
    assert [tuple(row) for row in family] == [(1, "王建军")]
    assert await versions(system, changed["name"]) == [(True, False, False, False)]
    assert await system.fetch("SELECT s::text FROM students s WHERE name <> $1", changed["name"]) == others


MOTHER = {
    "guardian2__address": "府东街9号",
    "guardian2__residence_code": "140106000000",
    "guardian2__phone": "13900000009",
    "guardian2__is_guardian": "否",
}


@pytest.mark.parametrize(
    ("change", "version"),
    [
        ({"attendance_type": "住校"}, (True, True, False, False)),
        ({"migrant_child": "是"}, (True, False, True, False)),
        ({"left_behind": "双亲留守儿童"}, (True, False, False, True)),
    ],
)
async def test_what_is_counted_leaves_a_new_version(
    desk: Desk, system: asyncpg.Connection, change: dict[str, str], version: tuple[bool, ...]
) -> None:
    await desk.bring(make_row(1))
    assert counts(await desk.bring(make_row(1, **change))) == (1, 0, 1, 0, 0)
    assert await versions(system, make_row(1)["name"]) == [(False, False, False, False), version]


@pytest.mark.parametrize(
    ("change", "column", "shown"),
    [
        ({"name": "王改名"}, "B", "王改名"),
        ({"class_number": "2000002"}, "P", "2000002"),
        ({"id_type": "护照"}, "I", "护照"),
    ],
)
async def test_key_data_are_a_fault_of_the_row_and_the_others_are_taken(
    desk: Desk, system: asyncpg.Connection, change: dict[str, str], column: str, shown: str
) -> None:
    await desk.bring(make_row(1))
    before = await system.fetchval("SELECT s::text FROM students s WHERE name = $1", make_row(1)["name"])
    payload = await desk.bring(make_row(1, phone="13700000000", **change), make_row(2))
    assert counts(payload) == (2, 1, 0, 0, 1)
    faults = [(f["row"], f["column"], f["code"], f["value"]) for f in payload["faults"]]
    assert faults == [(2, column, "KEY_DATA_DIFFERS", shown)]
    assert await system.fetchval("SELECT s::text FROM students s WHERE name = $1", make_row(1)["name"]) == before


async def test_a_pupil_without_number_is_known_again_by_name_sex_and_birth_date(
    desk: Desk, system: asyncpg.Connection
) -> None:
    await desk.bring(make_nameless(1))
    assert counts(await desk.bring(make_nameless(1, phone="13700000000"))) == (1, 0, 1, 0, 0)
    assert await system.fetchval("SELECT count(*) FROM students WHERE name = $1", make_row(1)["name"]) == 1


@pytest.mark.parametrize("row", [make_row(1), make_nameless(1)], ids=["numbered", "without number"])
async def test_a_pupil_whose_record_was_deleted_comes_anew(
    desk: Desk, system: asyncpg.Connection, row: dict[str, str]
) -> None:
    await desk.bring(row)
    name = row["name"]
    await system.execute("UPDATE students SET state = 'DELETED' WHERE name = $1", name)
    old = await system.fetchval("SELECT s::text FROM students s WHERE name = $1", name)
    assert counts(await desk.bring(row)) == (1, 1, 0, 0, 0)
    assert counts(await desk.bring(row)) == (1, 0, 0, 1, 0)
    found = await system.fetch("SELECT state, s::text AS whole FROM students s WHERE name = $1 ORDER BY id", name)
    assert [each["state"] for each in found] == ["DELETED", "IN_SCHOOL"]
    assert found[0]["whole"] == old


async def test_a_number_that_appears_later_is_key_data_not_a_second_pupil(
    desk: Desk, system: asyncpg.Connection
) -> None:
    await desk.bring(make_nameless(1))
    payload = await desk.bring(make_row(1))
    assert await system.fetchval("SELECT count(*) FROM students WHERE name = $1", make_row(1)["name"]) == 1
    assert {fault["code"] for fault in payload["faults"]} == {"KEY_DATA_DIFFERS"}


async def test_a_number_that_a_row_lacks_is_key_data_not_a_second_pupil(desk: Desk) -> None:
    await desk.bring(make_row(1))
    payload = await desk.bring(make_nameless(1))
    assert counts(payload) == (1, 0, 0, 0, 1)
    assert [fault["column"] for fault in payload["faults"]] == ["I", "M"]


async def make_namesakes(desk: Desk, system: asyncpg.Connection, *rows: dict[str, str]) -> list[dict[str, str]]:
    """Pupils of the school who are the same by name, sex and birth date, none of them with a number: their rows."""
    assert counts(await desk.bring(*rows))[1] == len(rows)
    first, *others = [row["name"] for row in rows]
    await system.execute(
        """UPDATE students s SET name = f.name, sex = f.sex, birth_date = f.birth_date FROM students f
           WHERE f.name = $1 AND s.name = ANY ($2)""",
        first,
        others,
    )
    person = {slot: rows[0][slot] for slot in ("name", "sex", "birth_date")}
    return [row | person for row in rows]


async def test_of_namesakes_each_row_means_the_one_of_its_class(desk: Desk, system: asyncpg.Connection) -> None:
    rows = await make_namesakes(desk, system, make_nameless(1), make_nameless(2, class_number="2000002"))
    assert counts(await desk.bring(*rows)) == (2, 0, 0, 2, 0)
    assert counts(await desk.bring(*reversed(rows))) == (2, 0, 0, 2, 0)


@pytest.mark.parametrize("place", [0, 1])
async def test_of_namesakes_of_a_class_a_row_means_the_one_of_its_number_in_it(
    desk: Desk, system: asyncpg.Connection, place: int
) -> None:
    numbered = [make_nameless(at + 1, number_in_class=f"0{at + 1}") for at in range(2)]
    rows = await make_namesakes(desk, system, *numbered)
    assert counts(await desk.bring(rows[place] | {"phone": "13700000000"})) == (1, 0, 1, 0, 0)
    changed = await system.fetch("SELECT number_in_class FROM students WHERE phone = '13700000000'")
    assert [row["number_in_class"] for row in changed] == [f"0{place + 1}"]


async def test_a_row_that_may_mean_several_pupils_is_refused(desk: Desk, system: asyncpg.Connection) -> None:
    rows = await make_namesakes(desk, system, make_nameless(1), make_nameless(2))
    before = await dump(system)
    payload = await desk.bring(rows[0] | {"phone": "13700000000"})
    assert counts(payload) == (1, 0, 0, 0, 1)
    assert [(f["column"], f["code"]) for f in payload["faults"]] == [("B", "SEVERAL_ON_RECORD")]
    assert "2" in payload["faults"][0]["message"]
    after = await dump(system)
    assert {table: after[table] for table in ("students", "guardians")} == {
        table: before[table] for table in ("students", "guardians")
    }


async def test_namesakes_with_numbers_of_their_own_are_two_pupils(desk: Desk) -> None:
    rows = [make_row(1, name="王同名"), make_row(2, name="王同名")]
    assert counts(await desk.bring(*rows)) == (2, 2, 0, 0, 0)
    assert counts(await desk.bring(*rows)) == (2, 0, 0, 2, 0)


@pytest.mark.parametrize("first", [make_row(1), make_nameless(1)])
async def test_a_nameless_twin_in_another_class_of_the_file_is_a_duplicate(desk: Desk, first: dict[str, str]) -> None:
    payload = await desk.bring(first, make_nameless(1, class_number="2000002"))
    assert counts(payload) == (2, 1, 0, 0, 1)
    assert [(f["row"], f["column"], f["code"]) for f in payload["faults"]] == [(3, "B", "DUPLICATE_IN_FILE")]


@pytest.mark.parametrize("change", [{"distance_km": "9.9"}, {"entry_month": f"{BORN + 7}08"}])
async def test_a_changed_distance_or_month_is_taken_too(desk: Desk, change: dict[str, str]) -> None:
    await desk.bring(make_row(1))
    assert counts(await desk.bring(make_row(1, **change))) == (1, 0, 1, 0, 0)


async def test_student_numbers_are_unique_and_say_whether_there_is_an_identity_number(
    desk: Desk, system: asyncpg.Connection
) -> None:
    await desk.bring(*(make_row(n) for n in range(1, 11)), make_nameless(11), make_nameless(12))
    rows = await system.fetch(
        "SELECT student_number, id_number FROM students WHERE present_address = '并州路1号' ORDER BY id"
    )
    numbers = [row["student_number"] for row in rows]
    assert len(set(numbers)) == 12
    for row in rows:
        kind = "L" if row["id_number"] else "J"
        assert re.fullmatch(rf"{kind}{COUNTY_A}{clock.today().year}\d{{7}}[0-9X]", row["student_number"])
        assert identity.is_student_number(row["student_number"])
        assert row["student_number"][-1] == identity.check_character(row["student_number"][1:18])


async def test_headcounts_move_by_exactly_the_number_created(desk: Desk) -> None:
    query = f"""{{ school(code: "{SCHOOL}") {{ headcounts {{ grade sex students }} students(first: 1) {{ totalCount nodes {{ id }} }} }}
                  region(code: "{COUNTY_A}") {{ headcounts(groupBy: []) {{ students }} }} }}"""

    async def count() -> tuple[dict[Any, int], int, int]:
        data = (await desk.ask("countyA", query))["data"]
        told = {(each["grade"], each["sex"]): each["students"] for each in data["school"]["headcounts"]}
        return told, data["school"]["students"]["totalCount"], data["region"]["headcounts"][0]["students"]

    before, roster, county = await count()
    rows = [make_row(1), make_row(2), make_row(3, sex="女"), make_row(4, class_number="2000002"), make_row(5, sex="无")]
    assert counts(await desk.bring(*rows)) == (5, 4, 0, 0, 1)
    after, roster_after, county_after = await count()
    assert (roster_after, county_after) == (roster + 4, county + 4)
    assert after == before | {
        (1, "MALE"): before[1, "MALE"] + 2,
        (1, "FEMALE"): before[1, "FEMALE"] + 1,
        (2, "MALE"): before[2, "MALE"] + 1,
    }


async def test_what_a_sound_row_may_leave_blank_is_blank_in_the_register(
    desk: Desk, system: asyncpg.Connection
) -> None:
    foreign = {"id_type": "护照", "nationality": "美国", "overseas_status": "外国人"}
    blank = dict.fromkeys(("birthplace_code", "residence_nature", "residence_code"), "")
    rows = (
        make_row(1, guardian2__name="李梅", guardian2__relation="母亲"),
        make_row(2, id_number="E1234567", **foreign, **blank),
    )
    assert counts(await desk.bring(*rows)) == (2, 2, 0, 0, 0)
    assert counts(await desk.bring(*rows)) == (2, 0, 0, 2, 0)
    pupils = await system.fetch(f"SELECT {', '.join(blank)} FROM students WHERE id_number = 'E1234567'")
    assert [tuple(row) for row in pupils] == [(None, None, None)]
    mothers = await system.fetch("SELECT address, phone, is_guardian FROM guardians WHERE name = '李梅'")
    assert [tuple(row) for row in mothers] == [(None, None, None)]


async def test_created_pupils_have_a_placement_and_a_version(desk: Desk, system: asyncpg.Connection) -> None:
    await desk.bring(make_row(1), make_nameless(2, attendance_type="住校", left_behind="单亲留守儿童"))
    rows = await system.fetch(
        """SELECT p.path = s.path AND p.class_id = s.class_id, p.since, p.until, p.began_by, v.boarding,
                  v.left_behind, v.without_id, v.effective
           FROM students s JOIN placements p ON p.student_id = s.id JOIN student_versions v ON v.student_id = s.id
           WHERE s.present_address = '并州路1号' ORDER BY s.id"""
    )
    today = clock.today()
    assert [tuple(row) for row in rows] == [
        (True, today, None, "ENROLMENT", False, False, False, today),
        (True, today, None, "ENROLMENT", True, True, True, today),
    ]


async def test_a_long_workbook_is_applied_in_parts_as_one(desk: Desk, system: asyncpg.Connection) -> None:
    rows = [make_row(n) for n in range(300)]
    twin = make_nameless(0, class_number="2000002")
    payload = await desk.bring(*rows, twin, make_row(299))
    assert counts(payload) == (302, 300, 0, 0, 2)
    assert [(f["row"], f["code"]) for f in payload["faults"]] == [
        (302, "DUPLICATE_IN_FILE"),
        (303, "DUPLICATE_IN_FILE"),
    ]
    assert counts(await desk.bring(*rows)) == (300, 0, 0, 300, 0)
    assert (
        await system.fetchval(
            "SELECT count(*) FROM placements p JOIN students s ON s.id = p.student_id "
            "WHERE s.present_address = '并州路1号'"
        )
        == 300
    )
