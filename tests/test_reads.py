"""What each caller reads: through every edge and back-edge, by lease, behind masks, under each of several grants."""

import re
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from hub import clock
from tests.conftest import Ask
from tests.province import COUNTY_A, COUNTY_B, Province, make_caller, make_student

BY_ID = "query($id: ID!) { student(id: $id) { name idNumber guardians { name } placements { totalCount } } }"


def codes(answer: Any) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", [])]


def keys(answer: Any) -> list[str]:
    return [error["extensions"]["key"] for error in answer.get("errors", [])]


async def make_lease(system: asyncpg.Connection, student: int, **values: Any) -> None:
    now = clock.now()
    lease = {
        "student_id": student,
        "account_id": None,
        "office": None,
        "view": "RECORD",
        "reason": "test",
        "since": now - timedelta(hours=1),
        "until": now + timedelta(hours=1),
    } | values
    places = ", ".join(f"${at}" for at in range(1, len(lease) + 1))
    await system.execute(f"INSERT INTO leases ({', '.join(lease)}) VALUES ({places})", *lease.values())


async def make_point(system: asyncpg.Connection, province: Province, county: str, code: str, name: str) -> None:
    """A teaching point of A1, managed by a county."""
    await system.execute(
        """INSERT INTO schools (code, name, name_key, type, founder, place_id, path, located_in_id, territory, since,
                                parent_id)
           VALUES ($1, $2, $2, '218', 'EDUCATION_DEPARTMENT', $3, $4, $3, $5, '2000-09-01', $6)""",
        code,
        name,
        province.ids[county],
        f"{county}.{code}",
        county,
        province.ids["A1"],
    )


async def test_a_school_administrator_sees_the_own_school_only(ask: Ask, province: Province) -> None:
    answer = await ask(
        "schoolA1", "{ schools(first: 50) { totalCount nodes { name } } students(first: 200) { totalCount } }"
    )
    assert answer == {
        "data": {"schools": {"totalCount": 1, "nodes": [{"name": "A1小学"}]}, "students": {"totalCount": 6}}
    }


async def test_the_back_edge_through_the_county_widens_nothing(ask: Ask, province: Province) -> None:
    query = """query($id: ID!) { student(id: $id) { schoolClass { school { managedBy {
        name office since schools(first: 50) { totalCount nodes { name students(first: 99) { nodes { name } } } } parent { name } } } } } }"""
    answer = await ask("schoolA1", query, {"id": f"student:{province.ids['a1-1-1']}"})
    county = answer["data"]["student"]["schoolClass"]["school"]["managedBy"]
    assert (county["name"], county["office"], county["since"], county["parent"]) == (
        "小店区",
        "小店区教育局",
        None,
        None,
    )
    assert county["schools"]["totalCount"] == 1
    assert [school["name"] for school in county["schools"]["nodes"]] == ["A1小学"]
    assert len(county["schools"]["nodes"][0]["students"]["nodes"]) == 6


async def test_out_of_scope_and_absent_are_the_same_bytes(http: httpx.AsyncClient, province: Province) -> None:
    async def raw(number: int) -> bytes:
        body = {"query": f'{{ student(id: "student:{number}") {{ name }} }}'}
        headers = {"authorization": f"Bearer {province.tokens['schoolA1']}"}
        return (await http.post("/graphql", json=body, headers=headers)).content

    assert await raw(province.ids["b1-1-1"]) == await raw(999_999_999)


EVERY_EDGE = """query($id: ID!) { student(id: $id) {
  name guardians { name address }
  placements { nodes { school { name students { nodes { name } } } schoolClass { name students { nodes { name } } } } }
  actualSchool { name headName classes { nodes { name } } students { totalCount nodes { name } } }
  schoolClass { name students { nodes { name } } school { name students { nodes { name } }
    teachingPoints { nodes { name students { nodes { name } } } }
    stages { authority { name schools { nodes { name } } students { totalCount nodes { name } } } }
    locatedIn { name schools(first: 9) { nodes { name classes(first: 9) { nodes { name students(first: 9) { nodes { name guardians { name } } } } } } }
      students { nodes { name } } children { nodes { name } }
      parent { name schools { nodes { name } } }
    }
    managedBy { headcounts { students } children { nodes { name } }
      schools(first: 9) { nodes { name students(first: 9) { nodes { name schoolClass { school { students(first: 9) { nodes { name } } } } } } } } }
  } } } }"""


@pytest.mark.parametrize(("caller", "own"), [("schoolA1", ("a1-",)), ("countyA", ("a1-", "a2-"))])
async def test_no_edge_of_a_student_leads_to_a_foreign_pupil(
    ask: Ask, province: Province, system: asyncpg.Connection, caller: str, own: tuple[str, ...]
) -> None:
    pupil = await make_student(
        system, province, "a1-1-9", "A1-1", actual_school_id=province.ids["B1"], name_key="ming a1-1-9"
    )
    await system.execute(
        """UPDATE placements SET since = '2025-09-01' WHERE student_id = $1""",
        pupil,
    )
    await system.execute(
        """INSERT INTO placements (student_id, school_id, class_id, path, grade, school_year, since, until, began_by)
           VALUES ($1, $2, $3, $4, 1, 2024, '2024-09-01', '2025-09-01', 'ENROLMENT')""",
        pupil,
        province.ids["B1"],
        province.ids["B1-1"],
        province.paths["B1-1"],
    )
    answer = await ask(caller, EVERY_EDGE, {"id": f"student:{pupil}"})
    assert "errors" not in answer
    named = set(re.findall(r"[名址]([a-c]\d-\d-\d)|亲\d([a-c]\d-\d-\d)", str(answer)))
    foreign = {"".join(found) for found in named} - {"a1-1-9"}
    assert foreign
    assert all(name.startswith(own) for name in foreign)
    student = answer["data"]["student"]
    assert student["actualSchool"] == {
        "name": "B1小学",
        "headName": None,
        "classes": {"nodes": []},
        "students": {"totalCount": 0, "nodes": []},
    }
    past = [node for node in student["placements"]["nodes"] if node["school"]["name"] == "B1小学"]
    assert past == [
        {
            "school": {"name": "B1小学", "students": {"nodes": []}},
            "schoolClass": {"name": "B1-1班", "students": {"nodes": []}},
        }
    ]
    counted = student["schoolClass"]["school"]["managedBy"]["headcounts"]
    assert (counted is None) == (caller == "schoolA1")


async def test_a_card_answers_name_and_code_and_nothing_else(ask: Ask, province: Province) -> None:
    answer = await ask(
        "schoolA1",
        """query($id: ID!) { student(id: $id) { school { managedBy { id code name level office officePhone since until
           headcounts { students } students { totalCount } schools { totalCount } parent { code } } } } }""",
        {"id": f"student:{province.ids['a1-1-1']}"},
    )
    assert answer["data"]["student"]["school"]["managedBy"] == {
        "id": f"region:{province.ids[COUNTY_A]}",
        "code": COUNTY_A,
        "name": "小店区",
        "level": "COUNTY",
        "office": "小店区教育局",
        "officePhone": None,
        "since": None,
        "until": None,
        "headcounts": None,
        "students": {"totalCount": 6},
        "schools": {"totalCount": 1},
        "parent": None,
    }


async def test_a_teaching_point_is_seen_only_inside_the_own_area(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    await make_point(system, province, COUNTY_A, "2214000011", "近点")
    await make_point(system, province, COUNTY_B, "2214000012", "远点")
    query = '{ school(code: "2114000001") { teachingPoints { totalCount nodes { name parent { name headName } } } } }'
    mother = {"name": "A1小学", "headName": "A1小学校长"}
    near, far = {"name": "近点", "parent": mother}, {"name": "远点", "parent": mother}
    expected = {"city": [near, far], "countyA": [near], "schoolA1": []}
    for caller, points in expected.items():
        found = (await ask(caller, query))["data"]["school"]["teachingPoints"]
        assert found == {"totalCount": len(points), "nodes": points}
    up = '{ school(code: "2214000012") { name parent { name headName students { totalCount } } } }'
    found = (await ask("countyB", up))["data"]["school"]
    assert found == {"name": "远点", "parent": {"name": "A1小学", "headName": None, "students": {"totalCount": 0}}}


async def test_a_class_teacher_sees_the_own_class_and_cards_above_it(ask: Ask, province: Province) -> None:
    answer = await ask(
        "teacherA1-1",
        """{ schoolClasses { nodes { name school { name phone headName students { totalCount } classes { totalCount }
           managedBy { name } } } } students(first: 99) { nodes { name } } }""",
    )
    school = answer["data"]["schoolClasses"]["nodes"][0]["school"]
    assert (school["name"], school["phone"], school["headName"], school["managedBy"]) == (
        "A1小学",
        "0351-1",
        None,
        None,
    )
    assert school["students"] == {"totalCount": 3}
    assert school["classes"] == {"totalCount": 1}
    assert [node["name"] for node in answer["data"]["students"]["nodes"]] == [
        "名a1-1-1",
        "名a1-1-2",
        "名a1-1-3",
    ]


async def test_a_city_run_school_is_the_citys_and_stands_in_the_county(ask: Ask, province: Province) -> None:
    query = """{ region(code: "%s") { schools { nodes { name } } students { totalCount }
        managed: headcounts(groupBy: []) { students } stands: headcounts(by: TERRITORY, groupBy: []) { students } } }"""
    county = (await ask("countyA", query % COUNTY_A))["data"]["region"]
    assert [school["name"] for school in county["schools"]["nodes"]] == ["A1小学", "A2小学"]
    assert (county["students"]["totalCount"], county["managed"], county["stands"]) == (
        12,
        [{"students": 12}],
        [{"students": 18}],
    )
    city = (await ask("city", query % "1401"))["data"]["region"]
    assert len(city["schools"]["nodes"]) == 4
    assert city["managed"] == city["stands"] == [{"students": 24}]
    assert codes(await ask("countyA", '{ school(code: "3414000007") { name } }')) == ["NOT_FOUND"]


async def test_a_live_lease_opens_one_pupil_to_its_account(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    pupil = province.ids["b1-1-1"]
    asked = {"id": f"student:{pupil}"}
    await make_lease(system, pupil, account_id=province.accounts["schoolA1"])
    answer = await ask("schoolA1", BY_ID, asked)
    assert answer["data"]["student"]["name"] == "名b1-1-1"
    assert len(answer["data"]["student"]["guardians"]) == 2
    for other in ("schoolA2", "countyA", "teacherA1-1"):
        assert codes(await ask(other, BY_ID, asked)) == ["NOT_FOUND"]
    assert codes(await ask("dash", BY_ID, asked)) == ["FORBIDDEN"]


async def test_a_live_lease_opens_one_pupil_to_its_office(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    await make_lease(system, province.ids["b1-1-1"], office=COUNTY_A)
    asked = {"id": f"student:{province.ids['b1-1-1']}"}
    for officer in ("countyA", "reviewerA"):
        assert (await ask(officer, "query($id: ID!) { student(id: $id) { name } }", asked))["data"]["student"] == {
            "name": "名b1-1-1"
        }
    for other in ("schoolA1", "schoolA2"):
        assert codes(await ask(other, BY_ID, asked)) == ["NOT_FOUND"]


@pytest.mark.parametrize(
    ("since", "until", "view"), [(-2, -1, "RECORD"), (1, 2, "RECORD"), (-1, 1, "PREVIEW")], ids=str
)
async def test_a_lease_that_is_over_or_to_come_or_a_preview_opens_nothing(
    ask: Ask, province: Province, system: asyncpg.Connection, since: int, until: int, view: str
) -> None:
    now = clock.now()
    for holder in ({"account_id": province.accounts["schoolA1"]}, {"office": province.paths["A1"]}):
        await make_lease(
            system,
            province.ids["b1-1-1"],
            since=now + timedelta(hours=since),
            until=now + timedelta(hours=until),
            view=view,
            **holder,
        )
    assert codes(await ask("schoolA1", BY_ID, {"id": f"student:{province.ids['b1-1-1']}"})) == ["NOT_FOUND"]


async def test_leased_pupils_are_in_no_list_and_no_count(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    query = """query($id: ID!) { students(first: 99) { totalCount nodes { name } } student(id: $id) {
        school { headcounts { students } students { totalCount } } schoolClass { name teacherName headcounts { students }
        students { totalCount nodes { name } } } } }"""
    before = await ask("schoolA1", "{ students(first: 99) { totalCount nodes { name } } }")
    await make_lease(system, province.ids["b1-1-1"], account_id=province.accounts["schoolA1"])
    after = (await ask("schoolA1", query, {"id": f"student:{province.ids['b1-1-1']}"}))["data"]
    assert after["students"] == before["data"]["students"]
    assert after["student"]["school"] == {"headcounts": None, "students": {"totalCount": 0}}
    assert after["student"]["schoolClass"] == {
        "name": "B1-1班",
        "teacherName": None,
        "headcounts": None,
        "students": {"totalCount": 0, "nodes": []},
    }


@pytest.mark.parametrize(
    ("caller", "shown", "guardian"),
    [
        ("schoolA1", "plain", "plain"),
        ("countyA", "plain", "masked"),
        ("city", "masked", "masked"),
        ("prov", "masked", "masked"),
        ("teacherA1-1", "masked", "masked"),
        ("reviewerA", "masked", "denied"),
    ],
)
async def test_who_sees_identity_numbers(
    ask: Ask, province: Province, system: asyncpg.Connection, caller: str, shown: str, guardian: str
) -> None:
    pupil = province.ids["a1-1-1"]
    whole = await system.fetchval("SELECT id_number FROM students WHERE id = $1", pupil)
    number = province.numbers["a1-1-1"]
    query = "query($id: ID!) { student(id: $id) { idNumber studentNumber phone guardians { idNumber phone } } }"
    answer = await ask(caller, query, {"id": f"student:{pupil}"})
    student = answer["data"]["student"]
    assert student["idNumber"] == (whole if shown == "plain" else "140105************")
    assert student["studentNumber"] == (number if shown == "plain" else number[:7] + "************")
    expected = {"plain": "14010519800101123X", "masked": "140105************"}.get(guardian)
    if expected is None:
        assert student["guardians"] is None
        assert [error["path"] for error in answer["errors"]] == [["student", "guardians"]]
        assert codes(answer) == ["FORBIDDEN_FIELD"]
    else:
        assert {each["idNumber"] for each in student["guardians"]} == {expected}
        assert "errors" not in answer


async def test_a_denied_field_is_null_with_one_error_for_each_path(ask: Ask, province: Province) -> None:
    query = """{ students(first: 99) { nodes { name presentAddress also: presentAddress homeAddress }
        edges { node { presentAddress } } } }"""
    answer = await ask("prov", query)
    assert {node["name"][:1] for node in answer["data"]["students"]["nodes"]} == {"名"}
    assert {(node["presentAddress"], node["also"]) for node in answer["data"]["students"]["nodes"]} == {(None, None)}
    assert sorted(error["path"] for error in answer["errors"]) == [
        ["students", "edges", "node", "presentAddress"],
        ["students", "nodes", "also"],
        ["students", "nodes", "homeAddress"],
        ["students", "nodes", "presentAddress"],
    ]
    assert set(codes(answer)) == {"FORBIDDEN_FIELD"}


async def test_a_denial_is_told_even_where_there_is_no_row(ask: Ask, province: Province) -> None:
    query = "{ students(where: {state: {in: [DEAD]}}) { nodes { homeAddress } } }"
    answer = await ask("prov", query)
    assert answer["data"] == {"students": {"nodes": []}}
    assert codes(answer) == ["FORBIDDEN_FIELD"]


@pytest.mark.parametrize("caller", ["prov", "city", "teacherA1-1", "reviewerA"])
async def test_what_is_masked_cannot_be_searched_by(ask: Ask, province: Province, caller: str) -> None:
    for number in (province.numbers["a1-1-1"], "L000000000000000000"):
        answer = await ask(caller, "query($n: String) { student(studentNumber: $n) { name } }", {"n": number})
        assert answer["data"] == {"student": None}
        assert codes(answer) == ["FORBIDDEN_FIELD"]


async def test_a_dashboard_counts_and_sees_no_person(ask: Ask, province: Province) -> None:
    answer = await ask(
        "dash",
        """{ region(code: "14") { headcounts(groupBy: []) { students } students { totalCount } }
           school(code: "2114000001") { name headName classes { nodes { name } } } }""",
    )
    assert answer["data"]["region"] == {"headcounts": [{"students": 24}], "students": None}
    assert answer["data"]["school"] == {"name": "A1小学", "headName": None, "classes": None}
    assert sorted(codes(answer)) == ["FORBIDDEN_FIELD"] * 3


async def make_grant(
    system: asyncpg.Connection, province: Province, caller: str, role: str, root: str, since: int = -1, until: int = 1
) -> None:
    now = clock.now()
    await system.execute(
        """INSERT INTO grants (account_id, role, path, place_id, school_id, class_id, since, until) VALUES ($1, $2, $3,
           (SELECT id FROM places WHERE path = $3), (SELECT id FROM schools WHERE path = $3),
           (SELECT id FROM classes WHERE path = $3), $4, $5)""",
        province.accounts[caller],
        role,
        root,
        now + timedelta(hours=since),
        now + timedelta(hours=until),
    )


TOTALS = "{ viewer { role roles { root } } students { totalCount } schools { nodes { name } } }"


@pytest.mark.parametrize(("since", "until", "seen"), [(-2, -1, False), (1, 2, False), (-1, 1, True)])
async def test_a_grant_holds_from_its_first_moment_to_its_last(
    ask: Ask, province: Province, system: asyncpg.Connection, since: int, until: int, seen: bool
) -> None:
    await make_caller(system, province, "officer", [])
    await make_grant(system, province, "officer", "county_administrator", COUNTY_A, since, until)
    answer = await ask("officer", TOTALS)
    assert answer["data"]["students"] == ({"totalCount": 12} if seen else None)
    assert bool(answer["data"]["viewer"]["roles"]) == seen
    assert set(keys(answer)) == (set() if seen else {"NO_ROLE"})


async def test_two_roots_are_read_as_one_area(ask: Ask, province: Province, system: asyncpg.Connection) -> None:
    role = "county_administrator"
    await make_caller(system, province, "both", [(role, COUNTY_B), (role, province.paths["A1"])])
    answer = await ask("both", TOTALS)
    assert answer["data"]["students"] == {"totalCount": 12}
    assert [node["name"] for node in answer["data"]["schools"]["nodes"]] == ["A1小学", "B1小学"]
    assert codes(await ask("both", '{ school(code: "2114000002") { name } }')) == ["NOT_FOUND"]


async def test_nested_roots_show_each_row_once(ask: Ask, province: Province, system: asyncpg.Connection) -> None:
    role = "county_administrator"
    roots = [province.paths["A1-1"], COUNTY_A, province.paths["A1"], COUNTY_A]
    await make_caller(system, province, "nested", [(role, root) for root in roots])
    answer = await ask("nested", TOTALS)
    assert answer["data"]["students"] == {"totalCount": 12}
    assert [node["name"] for node in answer["data"]["schools"]["nodes"]] == ["A1小学", "A2小学"]


async def test_one_role_at_a_time(ask: Ask, province: Province, system: asyncpg.Connection) -> None:
    await make_caller(
        system,
        province,
        "wears-two",
        [("class_teacher", province.paths["A1-1"]), ("school_administrator", province.paths["B1"])],
    )
    query = "{ viewer { role } students(first: 99) { totalCount nodes { idNumber } } }"
    first = (await ask("wears-two", query))["data"]
    assert (first["viewer"]["role"], first["students"]["totalCount"]) == ("class_teacher", 3)
    assert {node["idNumber"] for node in first["students"]["nodes"]} == {"140105************"}
    second = (await ask("wears-two", query, hub_role="school_administrator"))["data"]
    assert (second["viewer"]["role"], second["students"]["totalCount"]) == ("school_administrator", 6)
    assert not any("*" in node["idNumber"] for node in second["students"]["nodes"])


@pytest.mark.parametrize("role", ["province_administrator", "nobody", "school_administrator'"])
async def test_a_role_not_held_refuses_the_request(ask: Ask, role: str) -> None:
    answer = await ask("schoolA1", "{ students { totalCount } }", hub_role=role)
    assert answer.get("data") is None
    assert (codes(answer), keys(answer)) == (["FORBIDDEN"], ["ROLE_NOT_HELD"])


@pytest.mark.parametrize(
    "ending", ["ended_at = now()", "expires_at = now() - interval '1 second', created_at = now() - interval '1 hour'"]
)
async def test_a_session_that_is_over_is_nobodys(
    ask: Ask, province: Province, system: asyncpg.Connection, ending: str
) -> None:
    assert "errors" not in await ask("schoolA1", "{ students { totalCount } }")
    await system.execute(f"UPDATE sessions SET {ending} WHERE account_id = $1", province.accounts["schoolA1"])
    answer = await ask("schoolA1", "{ viewer { name } students { totalCount } }")
    assert set(codes(answer)) == {"UNAUTHENTICATED"}
    assert not any((answer["data"] or {}).values())


async def test_a_disabled_account_is_nobody(ask: Ask, province: Province, system: asyncpg.Connection) -> None:
    await system.execute("UPDATE accounts SET disabled_at = now() WHERE id = $1", province.accounts["schoolA1"])
    assert codes(await ask("schoolA1", "{ students { totalCount } }")) == ["UNAUTHENTICATED"]
