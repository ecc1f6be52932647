"""The form of one pupil and the sheet: the same columns, the same record in the end, the same mistakes told alike."""

import random
from typing import Any

import asyncpg
import pytest
from graphql import GraphQLInputObjectType
from starlette.applications import Starlette

from hub.imports.pupils import MEMBER, PLAIN
from hub.intake.field import camel
from hub.intake.sheet import BY_SLOT, COLUMNS, KEY_DATA
from tests.desk import BORN, Desk, code_of, counts, dump, make_id, make_nameless, make_row
from tests.form import FATHER, MOTHER, SCHOOL_YEAR, TABLES, Form, faults_of


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
