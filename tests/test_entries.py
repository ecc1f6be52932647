"""Pupils entered and edited one at a time: by the rules of an imported row, once, and never past anybody's rights."""

import asyncio
import random
from datetime import date
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from graphql import GraphQLInputObjectType
from starlette.applications import Starlette

import policies
from hub import clock, codes, problems
from hub.imports.pupils import MEMBER, PLAIN
from hub.intake import values
from hub.intake.field import camel
from hub.intake.sheet import BY_SLOT, COLUMNS, KEY_DATA
from hub.models import Base
from policies import policy as shipped
from tests.conftest import Ask
from tests.desk import BORN, Desk, code_of, counts, dump, make_id, make_nameless, make_row, make_workbook
from tests.province import Province, make_student
from tests.slate import KEPT

CREATE = """mutation($input: CreateStudentInput!) { createStudent(input: $input) {
    student { id name studentNumber version schoolClass { id } } warnings { field code message remedy } } }"""
UPDATE = """mutation($input: UpdateStudentInput!) { updateStudent(input: $input) {
    student { id version phone email strengths distanceKm attendanceType { code }
              guardians { position name relation { code } phone } } } }"""
TABLES = tuple(table.name for table in Base.metadata.sorted_tables if table.name not in KEPT | {"audit", "sessions"})
MOTHER = {"name": "李梅", "relation": "52", "address": "府东街9号", "phone": "13900000009", "isGuardian": False}
FATHER = {
    "name": "王建国",
    "relation": "51",
    "address": "并州路1号",
    "residenceCode": "140105000000",
    "phone": "13800000002",
    "isGuardian": True,
}
SCHOOL_YEAR = clock.school_year(clock.today())


def typed(row: dict[str, str]) -> dict[str, Any]:
    """A clerk's row as a form sends it: codes for names, booleans, days; texts stay as they were typed."""
    fields: dict[str, Any] = {}
    members: dict[int, dict[str, Any]] = {1: {}, 2: {}}
    for slot, cell in row.items():
        column = BY_SLOT[slot]
        if slot not in ("school_code", "class_number"):
            into = members[column.member] if column.member else fields
            into[camel(column.key)] = form_value(column, cell)
    return fields | {"guardians": [members[1], *filter(None, [members[2]])]}


def form_value(column: Any, cell: str) -> Any:
    if not cell.strip():
        return None
    if column.kind == "code":
        found = codes.lists()[column.codes].find(cell)
        return found.code if found else cell
    if column.kind == "yes_no":
        return {"是": True, "否": False}[cell]
    if column.kind == "sex":
        return {"男": "MALE", "女": "FEMALE"}[cell]
    if column.kind in ("date", "month"):
        read = values.parse(column, cell, values.School("", ()), clock.today())
        assert isinstance(read, date), cell
        return read.isoformat()
    return cell


class Form:
    """A clerk at the form of one pupil."""

    def __init__(self, ask: Ask, province: Province) -> None:
        self.ask, self.province = ask, province

    def pupil(self, row: dict[str, str], school_class: str = "A1-1", **more: Any) -> dict[str, Any]:
        return typed(row) | {"classId": f"class:{self.province.ids[school_class]}"} | more

    async def create(self, given: dict[str, Any], caller: str | None = "schoolA1", **headers: str) -> Any:
        return await self.ask(caller, CREATE, {"input": given}, **headers)

    async def made(self, row: dict[str, str], **more: Any) -> Any:
        """The payload of an entry that was taken."""
        answer = await self.create(self.pupil(row, **more))
        assert "errors" not in answer, answer
        return answer["data"]["createStudent"]

    async def update(self, short: str, caller: str | None = "schoolA1", **given: Any) -> Any:
        return await self.ask(caller, UPDATE, {"input": {"id": f"student:{self.province.ids[short]}", **given}})


@pytest.fixture
def form(ask: Ask, province: Province) -> Form:
    return Form(ask, province)


@pytest.fixture
async def pupil(system: asyncpg.Connection, province: Province) -> str:
    """A sound pupil of A1 with a version of what is counted, as everybody real has."""
    await make_student(system, province, "sound", "A1-1", **SOUND)
    await system.execute("DELETE FROM guardians WHERE student_id = $1", province.ids["sound"])
    await system.execute(
        """INSERT INTO guardians (student_id, position, name, relation, address, residence_code, phone, is_guardian)
           VALUES ($1, 1, '王建国', '51', '并州路1号', '140105000000', '13800000002', true)""",
        province.ids["sound"],
    )
    await system.execute(
        """INSERT INTO student_versions (student_id, effective, path, school_year, grade, sex, state, boarding, migrant,
               left_behind, without_id)
           SELECT id, '2024-09-01', path, school_year, grade, sex, state, false, false, false, false
           FROM students WHERE id = $1""",
        province.ids["sound"],
    )
    return "sound"


SOUND: dict[str, Any] = {
    "name": "王小明",
    "birth_date": date(BORN, 3, 15),
    "id_number": make_id(30),
    "residence_code": "140105000000",
    "entry_month": date(SCHOOL_YEAR, 9, 1),
    "email": "a@example.cn",
    "strengths": "书法",
}


def faults_of(answer: Any) -> list[tuple[str, str]]:
    """What was wrong with each field of an entry that was refused."""
    assert code_of(answer) == ("BAD_INPUT", "ENTRY_REFUSED")
    findings = answer["errors"][0]["extensions"]["findings"]
    assert all(each["message"] and each["remedy"] for each in findings)
    return [(each["field"], each["code"]) for each in findings]


# the form and the sheet


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("CreateStudentInput", {*KEY_DATA, *PLAIN} - {"class_number"}),
        ("UpdateStudentInput", set(PLAIN)),
        ("GuardianInput", set(MEMBER)),
    ],
)
def test_the_form_has_the_columns_of_the_sheet(app: Starlette, name: str, keys: set[str]) -> None:
    kind = app.state.hub.schema._schema.type_map[name]
    assert isinstance(kind, GraphQLInputObjectType)
    expected = {"yes_no": "Boolean", "date": "Date", "month": "Date", "distance": "Decimal", "sex": "Sex"}
    prefix = "guardian1." if name == "GuardianInput" else ""
    wanted = {camel(key): expected.get(BY_SLOT[prefix + key].kind, "String") for key in keys}
    beside = {"classId", "id", "version", "guardians", "idempotencyKey"}
    assert {field: str(value.type) for field, value in kind.fields.items() if field not in beside} == wanted


CHOICES = {
    "ethnic_group": ("汉族", "回族", "蒙古族"),
    "health": ("健康或良好", "一般或较弱"),
    "political_status": ("群众", "共青团员", ""),
    "attendance_type": ("走读", "住校"),
    "left_behind": ("非留守儿童", "单亲留守儿童"),
    "travel_mode": ("步行", "校车"),
    "blood_type": ("AB型", "未知血型", ""),
    "phone": ("13800000001", "138 0000 0001", "０３５１－１２３４５６７", "+86-13800000001"),
    "ancestral_place": ("山西省太原市", "  山西省   太原市 "),
    "distance_km": ("1.5", "0", "12.25", "３"),
    "strengths": ("书法", "", " 足球 "),
    "auxiliary_number": ("0012345", ""),
    "number_in_class": ("07", ""),
    "former_name": ("王小二", "买买提•吐尔逊", ""),
    "id_valid_period": ("2020.01.02-2030.01.02", "2020年1月2日-长期", ""),
    "email": ("a@example.cn", ""),
    "migrant_child": ("是", "否", ""),
    "bought_place": ("否", ""),
    "only_child": ("是", "否"),
    "name": ("欧阳小兰", "阿依古丽·买买提", "王 小 明", "John  Smith"),
    "guardian1.relation": ("父亲", "祖父母或外祖父母"),
    "guardian1.employer": ("太钢", ""),
    "guardian1.ethnic_group": ("汉族", ""),
}
SECOND = {
    "guardian2.name": "李梅",
    "guardian2.relation": "母亲",
    "guardian2.phone": "0351-7654321",
    "guardian2.is_guardian": "否",
    "guardian2.id_type": "护照",
    "guardian2.id_number": "e12345678",
}


def draw(chance: random.Random, sequence: int) -> dict[str, str]:
    row = make_nameless(sequence) if chance.random() < 0.25 else make_row(sequence, sex=chance.choice("男女"))
    row |= {key: chance.choice(options) for key, options in CHOICES.items()}
    row["name"] += chr(ord("一") + 40 + sequence)  # of pupils without a number, no two are namesakes
    if row["id_number"]:
        row["id_number"] = chance.choice((row["id_number"], row["id_number"].lower(), f" {row['id_number']}"))
    return row | (SECOND if chance.random() < 0.5 else {})


async def standing(system: asyncpg.Connection, since: int) -> list[dict[str, Any]]:
    """Everything kept of the pupils after an id, without what no two records share."""
    told = []
    for pupil in await system.fetch("SELECT * FROM students WHERE id > $1 ORDER BY id", since):
        one = {key: value for key, value in pupil.items() if key not in ("id", "created_at", "updated_at")}
        one["student_number"] = pupil["student_number"][:11]
        for table in ("guardians", "placements", "student_versions"):
            rows = await system.fetch(f"SELECT * FROM {table} AS t WHERE student_id = $1 ORDER BY t", pupil["id"])
            unshared = ("id", "student_id", "recorded_from")
            one[table] = [{key: value for key, value in row.items() if key not in unshared} for row in rows]
        told.append(one)
    return told


@pytest.mark.parametrize("seed", range(4))
async def test_a_pupil_entered_singly_is_kept_like_one_imported(
    desk: Desk, form: Form, system: asyncpg.Connection, seed: int
) -> None:
    chance = random.Random(seed)
    rows = [draw(chance, sequence) | {"number_in_class": str(sequence)} for sequence in range(1, 9)]
    last = await system.fetchval("SELECT max(id) FROM students")
    payload = await desk.bring(*rows)
    assert counts(payload) == (8, 8, 0, 0, 0), payload["faults"]
    imported = await standing(system, last)
    for table in ("problem_records", "guardians", "placements", "student_versions"):
        await system.execute(f"DELETE FROM {table} WHERE student_id > $1", last)
    await system.execute("DELETE FROM students WHERE id > $1", last)
    for row in rows:
        await form.made(row)
    assert await standing(system, last) == imported
    assert len(imported) == 8


FAULTS: dict[str, dict[str, str]] = {
    "a name with signs": {"name": "王@一"},
    "no name": {"name": ""},
    "no such option": {"ethnic_group": "火星族"},
    "a failing number": {"id_number": make_id(1)[:-1] + ("0" if make_id(1)[-1] != "0" else "1")},
    "another birth date": {"id_number": make_id(1, born=f"{BORN}0316")},
    "another sex": {"id_number": make_id(1, sex="女")},
    "a phone": {"phone": "12345"},
    "a post code": {"post_code": "03000"},
    "a division": {"residence_code": "999999000000"},
    "a distance": {"distance_km": "1.555"},
    "a period": {"id_valid_period": "2030.01.02-2020.01.02"},
    "an address": {"email": "nobody"},
    "too long": {"strengths": "长" * 101},
    "entry too far ahead": {"entry_month": f"{SCHOOL_YEAR + 2}09"},
    "disability without inclusion": {"disability": "视力残疾", "inclusion": "非随班就读"},
    "no relation told": {"guardian1.relation": "其他"},
    "half a second member": {"guardian2.phone": "13900000001"},
    "one number for two": {"guardian1.id_type": "居民身份证", "guardian1.id_number": make_id(1)},
    "nobody's number": {"id_type": "其他", "id_number": ""},
    "no guardian": {"id_type": "其他", "id_number": "", "guardian1.is_guardian": "否"},
    "several": {"name": "", "phone": "1", "sex": "女", "post_code": "x", "guardian1.phone": "2"},
}


@pytest.mark.parametrize("case", FAULTS)
async def test_a_mistake_has_the_code_that_an_import_gives_it(
    desk: Desk, form: Form, system: asyncpg.Connection, case: str
) -> None:
    row = make_row(1) | FAULTS[case]
    payload = await desk.bring(row)
    slots = {column.letter: column for column in COLUMNS}
    expected = []
    for fault in payload["faults"]:
        column = slots[fault["column"]]
        place = f"guardians[{column.member - 1}]." if column.member else ""
        expected.append((place + camel(column.key), fault["code"]))
    assert expected
    before = await dump(system, TABLES)
    answer = await form.create(form.pupil(row))
    assert faults_of(answer) == expected
    assert answer["data"] is None
    assert await dump(system, TABLES) == before


async def test_all_that_is_wrong_is_told_at_once_in_the_callers_language(
    form: Form, system: asyncpg.Connection
) -> None:
    number = make_id(1, sex="女")
    given = form.pupil(make_row(1, name="王@一", phone="1", ethnic_group="火星族") | {"id_number": number})
    before = await dump(system, TABLES)
    answers = {speech: await form.create(given, accept_language=speech) for speech in ("zh", "en")}
    for speech, answer in answers.items():
        assert faults_of(answer) == [
            ("name", "BAD_NAME"),
            ("ethnicGroup", "UNKNOWN_OPTION"),
            ("idNumber", "ID_SEX_DISAGREES"),
            ("phone", "BAD_PHONE"),
        ]
        findings = answer["errors"][0]["extensions"]["findings"]
        assert ("is no code" in findings[1]["message"]) is (speech == "en")
        assert ("不是现行代码表中的代码" in findings[1]["message"]) is (speech == "zh")
        assert "01 汉族" in findings[1]["remedy"]
        assert number not in str(answer)
    assert answers["en"]["errors"][0]["message"].startswith("4 things")
    assert await dump(system, TABLES) == before


async def test_a_bare_form_is_told_all_it_lacks(form: Form, system: asyncpg.Connection) -> None:
    before = await dump(system, TABLES)
    answer = await form.create({"classId": f"class:{form.province.ids['A1-1']}"})
    lacking = [column for column in COLUMNS if column.required and column.key not in ("school_code", "class_number")]
    fields = [f"guardians[0].{camel(one.key)}" if one.member else camel(one.key) for one in lacking]
    expected = [(field, "REQUIRED") for field in fields]
    assert [one for one in faults_of(answer) if one[1] == "REQUIRED"] == expected
    assert await dump(system, TABLES) == before


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("ethnicGroup", "汉族", "UNKNOWN_OPTION"),
        ("distanceKm", "1E+999999999", "BAD_DISTANCE"),
        ("distanceKm", "NaN", "BAD_DISTANCE"),
        ("distanceKm", "-1", "BAD_DISTANCE"),
        ("strengths", "一\x07二", "CONTROL_CHARACTERS"),
        ("phone", " ", "REQUIRED"),
        ("auxiliaryNumber", "1.2E+10", "NUMBER_LOST_DIGITS"),
    ],
)
async def test_what_a_form_can_say_and_a_sheet_cannot_is_refused_alike(
    form: Form, system: asyncpg.Connection, field: str, value: str, code: str
) -> None:
    before = await dump(system, TABLES)
    answer = await form.create(form.pupil(make_row(1), **{field: value}))
    assert (field, code) in faults_of(answer)
    assert await dump(system, TABLES) == before


async def test_a_record_has_room_for_two_members(form: Form, system: asyncpg.Connection, pupil: str) -> None:
    before = await dump(system, TABLES)
    answer = await form.create(form.pupil(make_row(1), guardians=[FATHER, MOTHER, MOTHER]))
    assert code_of(answer) == ("BAD_INPUT", "TOO_MANY_GUARDIANS")
    assert code_of(await form.update(pupil, guardians=[FATHER, MOTHER, MOTHER])) == ("BAD_INPUT", "TOO_MANY_GUARDIANS")
    assert await dump(system, TABLES) == before


# a new pupil


async def test_a_new_pupil_stands_in_the_class_with_a_number_of_the_county(
    form: Form, system: asyncpg.Connection
) -> None:
    made = await form.made(make_row(1))
    assert made["warnings"] == []
    assert made["student"]["schoolClass"]["id"] == f"class:{form.province.ids['A1-1']}"
    assert made["student"]["studentNumber"].startswith(f"L140105{clock.today().year}")
    without = await form.made(make_nameless(2))
    assert without["student"]["studentNumber"].startswith(f"J140105{clock.today().year}")
    rows = await system.fetch("SELECT action, object, path, facts FROM audit WHERE outcome = 'ACCEPTED' ORDER BY id")
    assert [row["action"] for row in rows] == ["student:create"] * 2
    assert rows[0]["object"] == made["student"]["id"]
    facts = {"version": 1, "fields": [], "studentNumber": made["student"]["studentNumber"]}
    assert orjson.loads(rows[0]["facts"]) == facts
    kept = await system.fetchval("SELECT after FROM audit_values ORDER BY audit_id LIMIT 1")
    assert orjson.loads(kept)["id_number"] == make_id(1)
    told = await system.fetch("SELECT kind, object, payload FROM outbox ORDER BY id")
    assert [(one["kind"], one["object"]) for one in told] == [
        ("STUDENT_CREATED", made["student"]["id"]),
        ("STUDENT_CREATED", without["student"]["id"]),
    ]
    assert make_row(1)["name"] not in str(told)


async def test_a_pupil_registered_elsewhere_is_warned_of_without_a_word_about_where(
    form: Form, system: asyncpg.Connection
) -> None:
    twin = {"name": make_row(1)["name"], "birth_date": date(BORN, 3, 15)}
    await make_student(system, form.province, "b", "B1-1", **twin, id_number=make_id(1))
    await make_student(system, form.province, "c", "B1-2", **twin | {"name": make_nameless(2)["name"]}, id_number=None)
    made = await form.made(make_row(1))
    assert [(one["field"], one["code"]) for one in made["warnings"]] == [
        ("idNumber", "ID_ALREADY_REGISTERED_USE_TRANSFER")
    ]
    other = await form.made(make_nameless(2))
    assert [(one["field"], one["code"]) for one in other["warnings"]] == [("name", "SAME_NAME_SEX_BIRTH")]
    for foreign in ("B1", "140106", "迎泽", form.province.numbers["b"], form.province.numbers["c"], make_id(1)):
        assert foreign not in str(made["warnings"]) + str(other["warnings"])
    problems = await system.fetch("SELECT kind FROM problem_records WHERE student_id = ANY ($1) ORDER BY id", [
        int(each["student"]["id"].partition(":")[2]) for each in (made, other)
    ])  # fmt: skip
    assert [row["kind"] for row in problems] == ["ID_DUPLICATED", "NAME_SEX_BIRTH"]


@pytest.mark.parametrize("known", ["by number", "by person", "in another class"])
async def test_nobody_gets_a_second_record_at_the_school(form: Form, system: asyncpg.Connection, known: str) -> None:
    row = make_nameless(1) if known == "by person" else make_row(1)
    made = await form.made(row)
    before = await dump(system, TABLES)
    again = row | ({"name": "别的名"} if known == "by number" else {})
    place = "A1-2" if known == "in another class" else "A1-1"
    answer = await form.create(form.pupil(again, place))
    assert code_of(answer) == ("CONFLICT", "PUPIL_ON_RECORD")
    assert answer["errors"][0]["extensions"]["student"] == made["student"]["id"]
    assert await dump(system, TABLES) == before


async def test_whose_record_was_deleted_is_entered_anew(form: Form, system: asyncpg.Connection) -> None:
    first = await form.made(make_row(1))
    await system.execute("UPDATE students SET state = 'DELETED' WHERE name = $1", make_row(1)["name"])
    second = await form.made(make_row(1))
    assert first["student"]["id"] != second["student"]["id"]
    states = await system.fetch("SELECT state FROM students WHERE name = $1 ORDER BY id", make_row(1)["name"])
    assert [each["state"] for each in states] == ["DELETED", "IN_SCHOOL"]


async def test_namesakes_with_numbers_of_their_own_are_two_pupils(form: Form) -> None:
    first = await form.made(make_row(1))
    second = await form.made(make_row(2, name=make_row(1)["name"]))
    assert first["student"]["id"] != second["student"]["id"]
    assert second["warnings"] == []


async def test_a_closed_class_and_a_closed_school_get_nobody(form: Form, system: asyncpg.Connection) -> None:
    await system.execute("UPDATE classes SET closed = '2020-01-01' WHERE id = $1", form.province.ids["A1-1"])
    before = await dump(system, TABLES)
    assert code_of(await form.create(form.pupil(make_row(1)))) == ("CONFLICT", "CLASS_CLOSED")
    assert await dump(system, TABLES) == before
    await system.execute("UPDATE schools SET until = '2020-01-01' WHERE id = $1", form.province.ids["A1"])
    before = await dump(system, TABLES)
    assert code_of(await form.create(form.pupil(make_row(1)))) == ("CONFLICT", "SCHOOL_CLOSED")
    assert await dump(system, TABLES) == before


@pytest.mark.parametrize("field", ["createStudent", "updateStudent"])
async def test_what_is_foreign_is_answered_as_what_is_not_there(
    form: Form, http: httpx.AsyncClient, system: asyncpg.Connection, field: str
) -> None:
    before = await dump(system, TABLES)

    async def raw(class_id: int, student_id: int) -> bytes:
        given = form.pupil(make_row(1)) | {"classId": f"class:{class_id}"}
        query = CREATE if field == "createStudent" else UPDATE
        if field == "updateStudent":
            given = {"id": f"student:{student_id}", "phone": "13800000009"}
        headers = {"authorization": f"Bearer {form.province.tokens['schoolA1']}"}
        body = {"query": query, "variables": {"input": given}}
        return (await http.post("/graphql", json=body, headers=headers)).content

    ids = form.province.ids
    foreign = await raw(ids["B1-1"], ids["b1-1-1"])
    assert foreign == await raw(999_999_999, 999_999_999)
    assert orjson.loads(foreign)["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert await dump(system, TABLES) == before


@pytest.mark.parametrize("caller", ["teacherA1-1", "dash", "auditor", "reviewerA", "countyA", "prov", "sysadmin"])
async def test_only_the_school_enters_and_edits(
    form: Form, system: asyncpg.Connection, pupil: str, caller: str
) -> None:
    before = await dump(system, TABLES)
    for answer in (
        await form.create(form.pupil(make_row(1)), caller),
        await form.update(pupil, caller, phone="13800000009"),
    ):
        assert code_of(answer)[0] in ("FORBIDDEN", "NOT_FOUND")
        assert answer["data"] is None
    assert await dump(system, TABLES) == before


# at once, and again


async def test_twenty_entries_of_one_pupil_at_once_make_one(form: Form, system: asyncpg.Connection) -> None:
    for row in (make_row(1), make_nameless(2)):
        answers = await asyncio.gather(*(form.create(form.pupil(row)) for _ in range(20)))
        assert sum("errors" not in answer for answer in answers) == 1
        refused = {code_of(answer) for answer in answers if "errors" in answer}
        assert refused == {("CONFLICT", "PUPIL_ON_RECORD")}
        assert await system.fetchval("SELECT count(*) FROM students WHERE name = $1", row["name"]) == 1
    assert await system.fetchval("SELECT count(*) FROM outbox") == 2


async def test_an_entry_beside_an_import_of_the_same_pupil_makes_one(
    desk: Desk, form: Form, system: asyncpg.Connection
) -> None:
    for start in range(0, 30, 6):
        rows = [make_row(start + n) for n in range(6)]
        entries = [form.create(form.pupil(row)) for row in rows]
        payload, *answers = await asyncio.gather(desk.answer(make_workbook(*rows)), *entries)
        told = payload["data"]["importWorkbook"]["import"]
        made = sum("errors" not in answer for answer in answers)
        assert {code_of(answer)[1] for answer in answers if "errors" in answer} <= {"PUPIL_ON_RECORD"}
        assert (told["state"], told["created"] + told["unchanged"], told["created"] + made) == ("APPLIED", 6, 6)
        names = [row["name"] for row in rows]
        assert await system.fetchval("SELECT count(*) FROM students WHERE name = ANY ($1)", names) == 6


@pytest.mark.parametrize("first", ["the import", "the entry"])
async def test_whoever_comes_second_to_a_pupil_waits_and_sees_the_first(
    desk: Desk, form: Form, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    written, detect = asyncio.Event(), problems.detect

    async def slow(connection: Any, ids: Any, **how: Any) -> None:
        await detect(connection, ids, **how)
        if not written.is_set():
            written.set()
            await asyncio.sleep(0.7)

    monkeypatch.setattr(problems, "detect", slow)
    row = make_row(1)
    deeds = [lambda: desk.answer(make_workbook(row)), lambda: form.create(form.pupil(row))]
    one, other = deeds if first == "the import" else reversed(deeds)
    begun = asyncio.create_task(one())
    await written.wait()
    late, early = await other(), await begun
    assert "errors" not in early
    if first == "the import":
        assert code_of(late) == ("CONFLICT", "PUPIL_ON_RECORD")
    else:
        assert counts(late["data"]["importWorkbook"]) == (1, 0, 0, 1, 0)
    assert await system.fetchval("SELECT count(*) FROM students WHERE name = $1", row["name"]) == 1


async def test_a_retry_answers_as_at_first_and_another_pupil_under_the_key_is_refused(
    form: Form, system: asyncpg.Connection
) -> None:
    await make_student(system, form.province, "b", "B1-1", name="李四", id_number=make_id(1))
    given = form.pupil(make_row(1), idempotencyKey="entry-0001")
    answers = await asyncio.gather(*(form.create(given) for _ in range(5)))
    assert answers[0]["data"]["createStudent"]["warnings"]
    assert answers.count(answers[0]) == 5
    before = await dump(system, TABLES)
    assert await form.create(given) == answers[0]
    answer = await form.create(form.pupil(make_row(2), idempotencyKey="entry-0001"))
    assert code_of(answer) == ("CONFLICT", "KEY_REUSED")
    assert await dump(system, TABLES) == before
    assert make_row(1)["name"] not in str(await system.fetch("SELECT answer::text FROM requests"))


# edits


async def test_an_edit_changes_what_is_said_and_nothing_else(
    form: Form, system: asyncpg.Connection, pupil: str
) -> None:
    found = form.province.ids[pupil]
    before = dict(await system.fetchrow("SELECT * FROM students WHERE id = $1", found))
    family = await system.fetch("SELECT * FROM guardians WHERE student_id = $1", found)
    answer = await form.update(pupil, phone="０３５１-7654321", email=None, strengths=" ", distanceKm="2.5", version=1)
    assert "errors" not in answer, answer
    shown = answer["data"]["updateStudent"]["student"]
    assert (shown["version"], shown["phone"], shown["email"], shown["strengths"]) == (2, "0351-7654321", None, None)
    after = dict(await system.fetchrow("SELECT * FROM students WHERE id = $1", found))
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {"phone", "email", "strengths", "distance_km", "version", "updated_at"}
    assert after["distance_km"] == Decimal("2.5")
    assert await system.fetch("SELECT * FROM guardians WHERE student_id = $1", found) == family
    entry = await system.fetchrow("SELECT * FROM audit JOIN audit_values ON audit_id = id WHERE outcome = 'ACCEPTED'")
    assert (entry["action"], entry["object"]) == ("student:update", f"student:{found}")
    fields = ["distanceKm", "email", "phone", "strengths"]
    assert orjson.loads(entry["facts"]) == {"version": 2, "fields": fields}
    assert orjson.loads(entry["before"]) | {"distance_km": 1} == {
        "distance_km": 1,
        "email": "a@example.cn",
        "phone": "13800138000",
        "strengths": "书法",
    }
    assert orjson.loads(entry["after"])["phone"] == "0351-7654321"
    event = await system.fetchrow("SELECT kind, object, payload FROM outbox")
    assert (event["kind"], event["object"]) == ("STUDENT_UPDATED", f"student:{found}")


async def test_an_edit_of_what_is_counted_renews_the_version(
    form: Form, system: asyncpg.Connection, pupil: str
) -> None:
    query = "SELECT boarding, migrant, recorded_until IS NULL AS now FROM student_versions WHERE student_id = $1 ORDER BY id"
    assert "errors" not in await form.update(pupil, email="b@example.cn")
    assert len(await system.fetch(query, form.province.ids[pupil])) == 1
    assert "errors" not in await form.update(pupil, attendanceType="2", migrantChild=True)
    rows = await system.fetch(query, form.province.ids[pupil])
    assert [tuple(row) for row in rows] == [(False, False, False), (True, True, True)]


async def test_an_edit_that_says_what_is_known_changes_nothing(
    form: Form, system: asyncpg.Connection, pupil: str
) -> None:
    before = await dump(system, (*TABLES, "audit"))
    same = {"phone": "138 0013 8000", "distanceKm": "1.00", "ethnicGroup": "01", "politicalStatus": None}
    for given in ({}, same, {"guardians": [FATHER]}, {"entryMonth": f"{SCHOOL_YEAR}-09-20"}):
        answer = await form.update(pupil, **given)
        assert answer["data"]["updateStudent"]["student"]["version"] == 1, answer
    assert await dump(system, (*TABLES, "audit")) == before


async def test_the_family_is_replaced_as_a_whole(form: Form, system: asyncpg.Connection, pupil: str) -> None:
    answer = await form.update(pupil, guardians=[FATHER | {"phone": "13900000001"}, MOTHER])
    shown = answer["data"]["updateStudent"]["student"]
    assert [(one["position"], one["name"], one["phone"]) for one in shown["guardians"]] == [
        (1, "王建国", "13900000001"),
        (2, "李梅", "13900000009"),
    ]
    answer = await form.update(pupil, guardians=[FATHER])
    assert [one["name"] for one in answer["data"]["updateStudent"]["student"]["guardians"]] == ["王建国"]
    facts = await system.fetch("SELECT facts FROM audit WHERE outcome = 'ACCEPTED' ORDER BY id")
    assert [orjson.loads(row["facts"]) for row in facts] == [
        {"version": 2, "fields": ["guardians"]},
        {"version": 3, "fields": ["guardians"]},
    ]
    before = await dump(system, TABLES)
    for none in (None, []):
        assert ("guardians[0].name", "REQUIRED") in faults_of(await form.update(pupil, guardians=none))
    assert await dump(system, TABLES) == before


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"phone": None}, [("phone", "REQUIRED")]),
        ({"residenceCode": None}, [("residenceCode", "REQUIRED")]),
        ({"disability": "1"}, [("inclusion", "INCLUSION_DISAGREES")]),
        ({"entryMonth": f"{BORN - 1}-09-01"}, [("entryMonth", "ENTRY_BEFORE_BIRTH")]),
        ({"email": "x", "postCode": "1"}, [("postCode", "BAD_POST_CODE"), ("email", "BAD_EMAIL")]),
        ({"guardians": [FATHER | {"relation": "97"}]}, [("guardians[0].relationNote", "RELATION_NOTE_REQUIRED")]),
    ],
)
async def test_an_edit_is_held_to_the_rules(
    form: Form, system: asyncpg.Connection, pupil: str, given: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    before = await dump(system, TABLES)
    assert faults_of(await form.update(pupil, **given)) == expected
    assert await dump(system, TABLES) == before


async def test_an_old_fault_is_not_held_against_an_edit_of_something_else(
    form: Form, system: asyncpg.Connection, pupil: str
) -> None:
    """A record from before the rules, or with a problem, can still get another phone; what is touched must be right."""
    await system.execute(
        "UPDATE students SET id_number = $2, post_code = 'x' WHERE id = $1",
        form.province.ids[pupil],
        make_id(30, sex="女"),
    )
    answer = await form.update(pupil, phone="13800000009", postCode="x")
    assert faults_of(answer) == [("postCode", "BAD_POST_CODE")]
    answer = await form.update(pupil, phone="13800000009")
    assert answer["data"]["updateStudent"]["student"]["phone"] == "13800000009"


@pytest.mark.parametrize(
    "field",
    [
        *("name", "sex", "birthDate", "idType", "idNumber", "classId", "grade"),
        *("schoolId", "state", "path", "studentNumber", "schoolYear", "createdAt", "isDeleted", "actualSchoolId"),
    ],
)
async def test_what_is_not_on_the_form_cannot_be_sent(
    form: Form, system: asyncpg.Connection, pupil: str, field: str
) -> None:
    before = await dump(system, (*TABLES, "audit"))
    forged = [await form.update(pupil, **{field: "1"})]
    if field in ("schoolId", "state", "path", "studentNumber", "schoolYear", "createdAt", "isDeleted", "grade"):
        forged.append(await form.create(form.pupil(make_row(1), **{field: "1"})))
    for answer in forged:
        assert answer["errors"][0]["extensions"]["code"] == "BAD_INPUT"
        assert field in answer["errors"][0]["message"]
    assert await dump(system, (*TABLES, "audit")) == before


async def test_an_edit_on_an_old_version_is_told_what_changed(
    desk: Desk, form: Form, system: asyncpg.Connection
) -> None:
    made = await form.made(make_row(1))
    form.province.ids["new"] = int(made["student"]["id"].partition(":")[2])
    assert "errors" not in await form.update("new", email="b@example.cn", guardians=[FATHER, MOTHER], version=1)
    await desk.bring(make_row(1, email="b@example.cn", home_address="新址1号"))
    before = await dump(system, TABLES)
    answer = await form.update("new", phone="13800000009", version=1)
    assert code_of(answer) == ("STALE", "STALE")
    told = answer["errors"][0]["extensions"]
    assert (told["changed"], told["version"]) == (["email", "guardians", "homeAddress"], 3)
    answer = await form.update("new", phone="13800000009", version=2)
    assert answer["errors"][0]["extensions"]["changed"] == ["guardians", "homeAddress"]
    assert await dump(system, TABLES) == before
    assert "errors" not in await form.update("new", phone="13800000009", version=3)


async def test_of_ten_edits_on_one_version_one_is_taken(form: Form, system: asyncpg.Connection, pupil: str) -> None:
    answers = await asyncio.gather(*(form.update(pupil, phone=f"1380000010{n}", version=1) for n in range(10)))
    assert sum("errors" not in answer for answer in answers) == 1
    assert {code_of(answer)[0] for answer in answers if "errors" in answer} == {"STALE"}
    assert await system.fetchval("SELECT version FROM students WHERE id = $1", form.province.ids[pupil]) == 2


async def test_an_edit_sent_again_is_done_once(form: Form, system: asyncpg.Connection, pupil: str) -> None:
    given = {"phone": "13800000009", "version": 1, "idempotencyKey": "edit-00001"}
    first = await form.update(pupil, **given)
    assert "errors" not in first
    before = await dump(system, TABLES)
    assert await form.update(pupil, **given) == first
    assert code_of(await form.update(pupil, **given | {"email": None})) == ("CONFLICT", "KEY_REUSED")
    assert await dump(system, TABLES) == before


async def test_a_deleted_record_is_not_edited(form: Form, system: asyncpg.Connection, pupil: str) -> None:
    await system.execute("UPDATE students SET state = 'DELETED' WHERE id = $1", form.province.ids[pupil])
    before = await dump(system, TABLES)
    assert code_of(await form.update(pupil, phone="13800000009")) == ("CONFLICT", "PUPIL_DELETED")
    assert await dump(system, TABLES) == before


@pytest.mark.parametrize(
    ("line", "given", "field"),
    [
        ("student.phone, read, subtree, deny", {"phone": "13800000009"}, "phone"),
        ("student.email, update, subtree, deny", {"email": None}, "email"),
        ("guardian.phone, read, subtree, deny", {"guardians": [FATHER]}, "guardians"),
        ("guardian.post, update, subtree, deny", {"guardians": [FATHER]}, "guardians"),
    ],
)
async def test_nobody_edits_a_field_that_they_may_not_read_or_edit(
    app: Starlette,
    form: Form,
    system: asyncpg.Connection,
    pupil: str,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    given: dict[str, Any],
    field: str,
) -> None:
    text = shipped.SHIPPED.read_text(encoding="utf-8") + f"\np, school_administrator, {line}\n"
    monkeypatch.setattr(app.state.hub.reader, "policy", policies.load(text))
    before = await dump(system, TABLES)
    answer = await form.update(pupil, **given)
    assert code_of(answer) == ("FORBIDDEN", "FIELD_NOT_YOURS")
    assert answer["errors"][0]["extensions"]["field"] == field
    assert await dump(system, TABLES) == before
