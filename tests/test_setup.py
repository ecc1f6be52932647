"""A school set up by its clerk: what it says of itself, lengths of schooling, campuses, grades, and who may not."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from hub import clock, grades
from hub.terms import Stage
from tests.conftest import Ask
from tests.desk import code_of, dump
from tests.province import COUNTY_A, Province, make_caller

YEAR = clock.school_year(clock.today())
TABLES = (
    "schools", "school_stages", "campuses", "grades", "classes", "class_grades", "students", "placements",
    "student_versions", "outbox", "requests",
)  # fmt: skip


def mutation(name: str, selected: str) -> str:
    kind = name[0].upper() + name[1:] + "Input"
    return f"mutation($input: {kind}!) {{ {name}(input: $input) {{ {selected} }} }}"


UPDATE = mutation(
    "updateSchool",
    """school { id version name englishName address postCode phone email headName headPhone organisationCode
    legalPersonNumber landTitle boardingMode teachingLanguage stages { stage length since until } }""",
)
CAMPUS = mutation("createCampus", "campus { id name address phone area }")
GRADE = mutation("openGrade", "grade { id number name stage schoolYear }")
MUTATIONS = {
    "updateSchool": ("school", UPDATE, {"phone": "0351-7654321"}),
    "createCampus": ("school", CAMPUS, {"name": "东校区"}),
    "openGrade": ("school", GRADE, {"number": 3}),
    "createClass": ("school", mutation("createClass", "schoolClass { id name }"), {"grade": 1}),
    "createCombinedClass": (
        "school",
        mutation("createCombinedClass", "schoolClass { id name }"),
        {"grades": [1, 2]},
    ),
    "mergeClasses": ("class", mutation("mergeClasses", "moved closed schoolClass { id }"), {}),
    "closeClass": ("class", mutation("closeClass", "schoolClass { id closed }"), {}),
}


def given(name: str, province: Province, place: str) -> dict[str, Any]:
    """The input of a mutation at a school, or at its first class; `nowhere` is one that does not exist."""
    kind, _, rest = MUTATIONS[name]
    if kind == "school":
        found = f"school:{province.ids.get(place, 999_999_999)}"
        return rest | {"id" if name == "updateSchool" else "schoolId": found}
    ids = [f"class:{province.ids.get(f'{place}-{at}', 999_999_990 + at)}" for at in (1, 2)]
    return {"from": ids[:1], "into": ids[1]} if name == "mergeClasses" else {"id": ids[0]}


async def make_grades(system: asyncpg.Connection, province: Province, school: str, *numbers: int) -> None:
    for number in numbers:
        await system.execute(
            "INSERT INTO grades (school_id, path, stage, number, school_year, name) VALUES ($1, $2, 'PRIMARY', $3, $4, $5)",
            province.ids[school],
            province.paths[school],
            number,
            YEAR,
            grades.name(number),
        )


@pytest.mark.parametrize("name", MUTATIONS)
async def test_each_mutation_for_four_callers(
    ask: Ask, http: httpx.AsyncClient, province: Province, system: asyncpg.Connection, name: str
) -> None:
    await make_grades(system, province, "A1", 1, 2)
    await make_grades(system, province, "A2", 1, 2)
    await system.execute("UPDATE students SET state = 'GRADUATED' WHERE class_id = $1", province.ids["A1-1"])
    await system.execute("UPDATE classes SET grade = 1 WHERE id = $1", province.ids["A1-2"])
    query = MUTATIONS[name][1]
    before = await dump(system, TABLES)

    async def refused(caller: str | None, place: str) -> str:
        answer = await ask(caller, query, {"input": given(name, province, place)})
        assert not (answer.get("data") or {}).get(name)
        assert await dump(system, TABLES) == before
        return code_of(answer)[0]

    async def raw(place: str) -> bytes:
        headers = {"authorization": f"Bearer {province.tokens['schoolA1']}"}
        body = {"query": query, "variables": {"input": given(name, province, place)}}
        return (await http.post("/graphql", json=body, headers=headers)).content

    assert await refused(None, "A1") == "UNAUTHENTICATED"
    for wrong in ("dash", "auditor", "sysadmin", "reviewerA", "prov"):
        assert await refused(wrong, "A1") == "FORBIDDEN", wrong
    assert await refused("teacherA1-1", "A1") in ("NOT_FOUND", "FORBIDDEN")
    for elsewhere in ("schoolA2", "countyB"):
        assert await refused(elsewhere, "A1") == "NOT_FOUND"
    assert await raw("A2") == await raw("nowhere")
    seen = await system.fetch("SELECT code, object, path FROM audit WHERE outcome = 'REFUSED'")
    assert len(seen) == 10
    assert {row["code"] for row in seen} == {"FORBIDDEN", "NOT_FOUND"}
    answer = await ask("schoolA1", query, {"input": given(name, province, "A1")})
    assert "errors" not in answer, answer
    assert await system.fetchval("SELECT count(*) FROM audit WHERE outcome = 'ACCEPTED'") >= 1


@pytest.mark.parametrize("name", MUTATIONS)
async def test_the_same_key_is_the_same_write_and_another_payload_under_it_is_refused(
    ask: Ask, province: Province, system: asyncpg.Connection, name: str
) -> None:
    await make_grades(system, province, "A1", 1, 2)
    await system.execute("UPDATE students SET state = 'GRADUATED' WHERE class_id = $1", province.ids["A1-1"])
    await system.execute("UPDATE classes SET grade = 1 WHERE id = $1", province.ids["A1-2"])
    query, asked = MUTATIONS[name][1], given(name, province, "A1") | {"idempotencyKey": "desk-0001"}
    answers = await asyncio.gather(*(ask("schoolA1", query, {"input": asked}) for _ in range(4)))
    assert "errors" not in answers[0], answers[0]
    assert answers.count(answers[0]) == 4
    after = await dump(system, TABLES)
    assert await ask("schoolA1", query, {"input": asked}) == answers[0]
    key = {"updateSchool": "phone", "createCampus": "name", "openGrade": "number", "createClass": "grade"}.get(name)
    changed = asked | ({key: "13800000000" if key in ("phone", "name") else 2} if key else {"version": 7})
    if name == "createCombinedClass":
        changed = asked | {"grades": [2, 1]}
    assert code_of(await ask("schoolA1", query, {"input": changed})) == ("CONFLICT", "KEY_REUSED")
    assert await dump(system, TABLES) == after


# What a school says of itself.

FULL = {
    "englishName": "No. 1 Primary School",
    "address": "平阳路1号",
    "postCode": "030001",
    "phone": "0351-7654321",
    "email": "a@example.cn",
    "headName": "王建国",
    "headPhone": "13800000000",
    "organisationCode": "123456789",
    "legalPersonNumber": "114000000000",
    "landTitle": "并国用(2003)第1号",
    "boardingMode": "走读",
    "teachingLanguage": "汉语",
}


async def update(ask: Ask, province: Province, caller: str = "schoolA1", school: str = "A1", **changes: Any) -> Any:
    return await ask(caller, UPDATE, {"input": {"id": f"school:{province.ids[school]}", **changes}})


async def test_a_school_says_everything_of_itself_and_empties_it_again(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    told = (await update(ask, province, **FULL))["data"]["updateSchool"]["school"]
    assert {key: told[key] for key in FULL} == FULL
    assert told["version"] == 2
    audit = await system.fetchrow("SELECT * FROM audit WHERE action = 'school:update'")
    assert audit is not None
    assert (audit["object"], audit["path"]) == (f"school:{province.ids['A1']}", province.paths["A1"])
    assert "王建国" not in audit["facts"]
    emptied = await update(ask, province, **dict.fromkeys(FULL, None) | {"landTitle": " \u3000"})
    told = emptied["data"]["updateSchool"]["school"]
    assert {told[key] for key in FULL} == {None}
    assert told["name"] == "A1小学"


async def test_what_is_left_out_stays_and_what_is_the_same_is_no_edit(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    await update(ask, province, **FULL)
    before = await dump(system, (*TABLES, "audit", "audit_values"))
    again = (await update(ask, province, headName="  王建国 "))["data"]["updateSchool"]["school"]
    assert (again["version"], again["address"]) == (2, "平阳路1号")
    assert await dump(system, (*TABLES, "audit", "audit_values")) == before


@pytest.mark.parametrize("field", ["name", "code", "type", "path", "placeId", "founder", "lastClassNumber", "until"])
async def test_what_is_the_school_lists_is_no_field_of_the_input(ask: Ask, province: Province, field: str) -> None:
    answer = await update(ask, province, **{field: "x"})
    assert code_of(answer) == ("BAD_INPUT", "BAD_DOCUMENT")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"address": "路" * 101}, "FIELD_TOO_LONG"),
        ({"address": "平阳路\u0007"}, "FIELD_CONTROL_CHARACTERS"),
        ({"headName": "王建国（代）"}, "FIELD_BAD_NAME"),
        ({"phone": "12"}, "FIELD_BAD_PHONE"),
        ({"headPhone": "1.38E10"}, "FIELD_NUMBER_LOST_DIGITS"),
        ({"postCode": "3000"}, "FIELD_BAD_POST_CODE"),
        ({"email": "nobody"}, "FIELD_BAD_EMAIL"),
    ],
)
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_a_bad_text_is_told_with_its_field_and_nothing_is_saved(
    ask: Ask, province: Province, system: asyncpg.Connection, changes: dict[str, str], key: str, language: str
) -> None:
    before = await dump(system, TABLES)
    asked = {"id": f"school:{province.ids['A1']}", "landTitle": "新", **changes}
    answer = await ask("schoolA1", UPDATE, {"input": asked}, accept_language=language)
    assert code_of(answer) == ("BAD_INPUT", key)
    error = answer["errors"][0]
    assert error["extensions"]["field"] == next(iter(changes))
    assert "{" not in error["message"] + error["extensions"]["remedy"]
    assert await dump(system, TABLES) == before


async def test_an_edit_of_an_older_version_is_told_what_changed(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    await update(ask, province, "countyA", version=1, headName="王建国", phone="0351-1111111")
    before = await dump(system, TABLES)
    stale = await update(ask, province, version=1, address="平阳路2号")
    assert code_of(stale) == ("STALE", "STALE")
    assert stale["errors"][0]["extensions"]["changed"] == ["headName", "phone"]
    assert await dump(system, TABLES) == before
    assert "errors" not in await update(ask, province, version=2, address="平阳路2号")


async def test_of_two_edits_of_one_version_one_is_stale(ask: Ask, province: Province) -> None:
    both = await asyncio.gather(*(update(ask, province, version=1, address=f"平阳路{n}号") for n in range(2)))
    assert sorted("errors" in answer for answer in both) == [False, True]


# The length of schooling.


async def lengths(system: asyncpg.Connection, province: Province, school: str = "A1") -> list[tuple[Any, ...]]:
    rows = await system.fetch(
        "SELECT stage, length, since, until FROM school_stages WHERE school_id = $1 ORDER BY stage, since",
        province.ids[school],
    )
    return [tuple(row) for row in rows]


FIVE = [{"stage": "PRIMARY", "length": 5}]


async def test_a_school_cannot_change_the_length_of_schooling(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    before = await dump(system, TABLES)
    for changes in ({"stages": FIVE}, {"stages": FIVE, "phone": "0351-7654321"}):
        answer = await update(ask, province, **changes)
        assert code_of(answer) == ("FORBIDDEN", "LENGTH_NEEDS_AUTHORITY")
        assert await dump(system, TABLES) == before
    refused = await system.fetch("SELECT facts FROM audit WHERE outcome = 'REFUSED'")
    assert len(refused) == 2


@pytest.mark.parametrize("caller", ["countyA", "city", "prov"])
async def test_a_status_authority_changes_the_length_from_today_on(
    ask: Ask, province: Province, system: asyncpg.Connection, caller: str
) -> None:
    answer = await update(ask, province, caller, stages=FIVE)
    assert "errors" not in answer, answer
    today, began = clock.today(), clock.today().replace(year=2000, month=9, day=1)
    assert await lengths(system, province) == [("PRIMARY", 6, began, today), ("PRIMARY", 5, today, None)]
    again = await update(ask, province, caller, stages=[{"stage": "PRIMARY", "length": 4}])
    assert again["data"]["updateSchool"]["school"]["version"] == 3
    assert await lengths(system, province) == [("PRIMARY", 6, began, today), ("PRIMARY", 4, today, None)]
    fields = await system.fetch("SELECT facts FROM audit WHERE action = 'school:update'")
    assert all('"stages"' in row["facts"] for row in fields)
    authority = await system.fetch(
        "SELECT DISTINCT authority_id FROM school_stages WHERE school_id = $1", province.ids["A1"]
    )
    assert [row[0] for row in authority] == [province.ids[COUNTY_A]]


@pytest.mark.parametrize("caller", ["city", "prov"])
async def test_who_may_change_a_length_may_not_therefore_change_the_rest(
    ask: Ask, province: Province, system: asyncpg.Connection, caller: str
) -> None:
    before = await dump(system, TABLES)
    assert code_of(await update(ask, province, caller, stages=FIVE, phone="0351-7654321"))[0] == "FORBIDDEN"
    assert await dump(system, TABLES) == before


@pytest.mark.parametrize(
    ("stages", "key"),
    [
        ([{"stage": "JUNIOR", "length": 3}], "STAGE_NOT_TAUGHT"),
        ([{"stage": "PRIMARY", "length": 0}], "BAD_LENGTH"),
        ([{"stage": "PRIMARY", "length": -3}], "BAD_LENGTH"),
        ([{"stage": "PRIMARY", "length": 10}], "BAD_LENGTH"),
        ([{"stage": "PRIMARY", "length": 2_000_000_000}], "BAD_LENGTH"),
        ([*FIVE, *FIVE], "STAGE_TWICE"),
    ],
)
async def test_a_length_that_cannot_be_is_refused(
    ask: Ask, province: Province, system: asyncpg.Connection, stages: Any, key: str
) -> None:
    before = await dump(system, TABLES)
    answer = await update(ask, province, "countyA", stages=stages, phone="0351-7654321")
    assert code_of(answer) == ("BAD_INPUT", key)
    assert await dump(system, TABLES) == before


async def test_grades_of_a_school_follow_its_stages() -> None:
    six_three = {Stage.PRIMARY: 6, Stage.JUNIOR: 3, Stage.SENIOR: 3}
    assert grades.layout(six_three) == {
        Stage.PRIMARY: range(1, 7),
        Stage.JUNIOR: range(7, 10),
        Stage.SENIOR: range(10, 13),
    }
    assert grades.layout({Stage.PRIMARY: 5, Stage.JUNIOR: 4})[Stage.JUNIOR] == range(6, 10)
    assert grades.layout({Stage.JUNIOR: 4})[Stage.JUNIOR] == range(6, 10)
    assert grades.layout({Stage.SENIOR: 3})[Stage.SENIOR] == range(10, 13)
    assert grades.layout({Stage.JUNIOR: 3, Stage.SENIOR: 3})[Stage.SENIOR] == range(10, 13)
    assert grades.spoken(grades.layout({Stage.PRIMARY: 6})) == "小学 1—6 年级"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("三年级", [3]),
        ("3", [3]),
        ("高一", [10]),
        ("十二年级", [12]),
        ("一、二年级", [1, 2]),
        ("2,1", [1, 2]),
        ("1-3", [1, 2, 3]),
        ("一至三年级", [1, 2, 3]),
        ("初一", None),
        ("13", None),
        ("0", None),
        ("3-1", None),
        ("", None),
        ("、", None),
        ("九年级义务教育", None),
    ],
)
async def test_grades_are_read_as_clerks_write_them(text: str, found: list[int] | None) -> None:
    assert grades.read(text) == found


# Campuses.


async def test_a_campus_is_added_once(ask: Ask, province: Province, system: asyncpg.Connection) -> None:
    asked = {"schoolId": f"school:{province.ids['A1']}", "name": " 东 校区", "phone": "0351-7654321", "area": "1200.5"}
    told = (await ask("schoolA1", CAMPUS, {"input": asked}))["data"]["createCampus"]["campus"]
    assert told == {"id": told["id"], "name": "东 校区", "address": None, "phone": "0351-7654321", "area": "1200.5"}
    before = await dump(system, TABLES)
    again = await ask("schoolA1", CAMPUS, {"input": asked})
    assert code_of(again) == ("CONFLICT", "CAMPUS_EXISTS")
    assert "东 校区" in again["errors"][0]["message"]
    assert await dump(system, TABLES) == before
    elsewhere = asked | {"schoolId": f"school:{province.ids['A2']}"}
    assert "errors" not in await ask("schoolA2", CAMPUS, {"input": elsewhere})


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"name": " "}, "FIELD_REQUIRED"),
        ({"name": "区" * 51}, "FIELD_TOO_LONG"),
        ({"area": "0"}, "BAD_AREA"),
        ({"area": "-1"}, "BAD_AREA"),
        ({"area": "NaN"}, "BAD_AREA"),
        ({"area": "1e999999"}, "BAD_AREA"),
        ({"area": "100000000"}, "BAD_AREA"),
        ({"area": "1.25"}, "BAD_AREA"),
    ],
)
async def test_a_campus_that_cannot_be_is_refused(
    ask: Ask, province: Province, system: asyncpg.Connection, changes: dict[str, str], key: str
) -> None:
    before = await dump(system, TABLES)
    asked = {"schoolId": f"school:{province.ids['A1']}", "name": "东校区"} | changes
    assert code_of(await ask("schoolA1", CAMPUS, {"input": asked})) == ("BAD_INPUT", key)
    assert await dump(system, TABLES) == before


# Grades.


async def open_grade(ask: Ask, province: Province, number: int, school: str = "A1", **rest: Any) -> Any:
    asked = {"schoolId": f"school:{province.ids[school]}", "number": number, **rest}
    return await ask(f"school{school}", GRADE, {"input": asked})


async def test_a_grade_is_opened_for_this_school_year_unless_told(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    told = (await open_grade(ask, province, 3))["data"]["openGrade"]["grade"]
    assert told == {"id": told["id"], "number": 3, "name": "三年级", "stage": "PRIMARY", "schoolYear": YEAR}
    following = (await open_grade(ask, province, 3, schoolYear=YEAR + 1))["data"]["openGrade"]["grade"]
    assert following["schoolYear"] == YEAR + 1
    before = await dump(system, TABLES)
    assert code_of(await open_grade(ask, province, 3)) == ("CONFLICT", "GRADE_EXISTS")
    assert await dump(system, TABLES) == before


@pytest.mark.parametrize(
    ("number", "year", "key"),
    [
        (0, None, "GRADE_NOT_TAUGHT"),
        (-1, None, "GRADE_NOT_TAUGHT"),
        (7, None, "GRADE_NOT_TAUGHT"),
        (13, None, "GRADE_NOT_TAUGHT"),
        (2_147_483_647, None, "GRADE_NOT_TAUGHT"),
        (1, YEAR + 2, "BAD_SCHOOL_YEAR"),
        (1, YEAR - 2, "BAD_SCHOOL_YEAR"),
        (1, 2_147_483_647, "BAD_SCHOOL_YEAR"),
    ],
)
async def test_a_grade_that_cannot_be_is_refused(
    ask: Ask, province: Province, system: asyncpg.Connection, number: int, year: int | None, key: str
) -> None:
    before = await dump(system, TABLES)
    assert code_of(await open_grade(ask, province, number, schoolYear=year)) == ("BAD_INPUT", key)
    assert await dump(system, TABLES) == before


async def test_a_grade_belongs_to_the_stage_that_the_lengths_of_today_say(ask: Ask, province: Province) -> None:
    assert "errors" not in await open_grade(ask, province, 6)
    await update(ask, province, "countyA", stages=FIVE)
    assert code_of(await open_grade(ask, province, 6, schoolYear=YEAR + 1)) == ("BAD_INPUT", "GRADE_NOT_TAUGHT")


async def test_of_many_who_open_one_grade_one_does(ask: Ask, province: Province, system: asyncpg.Connection) -> None:
    answers = await asyncio.gather(*(open_grade(ask, province, 4) for _ in range(8)))
    assert sum("errors" not in answer for answer in answers) == 1
    assert {code_of(answer)[1] for answer in answers if "errors" in answer} == {"GRADE_EXISTS"}
    assert await system.fetchval("SELECT count(*) FROM grades") == 1


async def test_nothing_is_set_up_in_a_closed_school(ask: Ask, province: Province, system: asyncpg.Connection) -> None:
    await system.execute("UPDATE schools SET until = $2 WHERE id = $1", province.ids["A1"], clock.today())
    before = await dump(system, TABLES)
    for name in ("createCampus", "openGrade", "createClass", "createCombinedClass"):
        answer = await ask("schoolA1", MUTATIONS[name][1], {"input": given(name, province, "A1")})
        assert code_of(answer) == ("CONFLICT", "SCHOOL_CLOSED")
    assert await dump(system, TABLES) == before


async def test_a_grant_taken_away_stops_the_next_write(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    await make_caller(system, province, "clerk", [("school_administrator", province.paths["A1"])])
    assert "errors" not in await update(ask, province, "clerk", phone="0351-1111111")
    await system.execute("UPDATE grants SET until = now() WHERE account_id = $1", province.accounts["clerk"])
    answer = await update(ask, province, "clerk", phone="0351-2222222")
    assert answer["errors"]
    assert await system.fetchval("SELECT phone FROM schools WHERE id = $1", province.ids["A1"]) == "0351-1111111"
