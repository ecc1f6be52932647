"""What `where` keeps and refuses, with plain expectations; the differential fuzz covers its combinations."""

from datetime import date
from typing import Any

import asyncpg
import pytest

from hub import names as names_of
from tests.conftest import Ask
from tests.province import Province, make_day, make_student
from tests.test_reads import make_lease


def keys(answer: Any) -> set[str]:
    return {error["extensions"]["key"] for error in answer.get("errors", [])}


async def names(ask: Ask, caller: str, where: str, field: str = "students") -> list[str]:
    answer = await ask(caller, f"{{ {field}(where: {where}, first: 99) {{ totalCount nodes {{ name }} }} }}")
    assert "errors" not in answer, answer
    found = answer["data"][field]
    assert found["totalCount"] == len(found["nodes"])
    return [node["name"].removeprefix("名") for node in found["nodes"]]


@pytest.fixture
async def mixed(province: Province, system: asyncpg.Connection) -> Province:
    """Pupils of A1-1 who differ in one thing each."""
    await system.execute("DELETE FROM placements; DELETE FROM guardians; DELETE FROM students")
    odd: list[tuple[str, dict[str, Any]]] = [
        ("x1", {"grade": 1, "distance_km": 0.5, "email": None, "birth_date": date(2015, 1, 1)}),
        ("x2", {"grade": 2, "distance_km": 1.25, "email": "a%b@x", "birth_date": date(2015, 2, 1)}),
        ("x3", {"grade": 3, "distance_km": 3, "email": "a_b@x", "birth_date": date(2015, 3, 1), "needs_aid": False}),
        ("x4", {"grade": 4, "email": "axb@x", "state": "SUSPENDED", "ethnic_group": "05", "migrant_child": True}),
    ]
    for short, values in odd:
        await make_student(system, province, short, "A1-1", name_key=short, **values)
    return province


SAYS = [
    ("{}", "x1 x2 x3 x4"),
    ("{grade: {}}", "x1 x2 x3 x4"),
    ("{grade: {eq: 2}}", "x2"),
    ("{grade: {in: [1, 4, 9]}}", "x1 x4"),
    ("{grade: {in: []}}", ""),
    ("{grade: {gt: 1, lte: 3}}", "x2 x3"),
    ("{grade: {isNull: true}}", ""),
    ("{grade: {isNull: false}}", "x1 x2 x3 x4"),
    ('{distanceKm: {gte: "1.25"}}', "x2 x3"),
    ('{distanceKm: {eq: "0.50"}}', "x1"),
    ('{distanceKm: {in: ["0.50", "3", "9"]}}', "x1 x3"),
    ('{birthDate: {gte: "2015-02-01", lt: "2015-03-01"}}', "x2"),
    ("{email: {isNull: true}}", "x1"),
    ('{email: {prefix: "a"}}', "x2 x3 x4"),
    ('{email: {prefix: "a_"}}', "x3"),
    ('{email: {prefix: "a%"}}', "x2"),
    ('{email: {eq: "a_b@x"}}', "x3"),
    ('{not: {email: {eq: "a_b@x"}}}', "x1 x2 x4"),
    ("{needsAid: {eq: false}}", "x3"),
    ("{migrantChild: {isNull: true}}", "x1 x2 x3"),
    ("{not: {migrantChild: {eq: true}}}", "x1 x2 x3"),
    ('{ethnicGroup: {eq: "05"}}', "x4"),
    ('{ethnicGroup: {in: ["01", "99"]}}', "x1 x2 x3"),
    ("{state: {eq: SUSPENDED}}", "x4"),
    ("{or: [{grade: {eq: 1}}, {state: {eq: SUSPENDED}}]}", "x1 x4"),
    ("{or: []}", ""),
    ("{and: []}", "x1 x2 x3 x4"),
    ("{and: [{grade: {gt: 1}}, {grade: {lt: 3}}], not: {grade: {eq: 9}}}", "x2"),
    ("{not: {or: [{grade: {eq: 1}}, {grade: {eq: 2}}]}}", "x3 x4"),
    ('{schoolClass: {name: {prefix: "A1-1"}}}', "x1 x2 x3 x4"),
    ('{schoolClass: {school: {code: {eq: "2114000002"}}}}', ""),
    ("{actualSchool: {}}", ""),
    ("{not: {actualSchool: {}}}", "x1 x2 x3 x4"),
    ('{guardians: {some: {name: {prefix: "亲1x2"}}}}', "x2"),
    ('{guardians: {none: {name: {prefix: "亲1x2"}}}}', "x1 x3 x4"),
    ("{guardians: {some: {}, none: {position: {gt: 2}}}}", "x1 x2 x3 x4"),
    ("{problemRecords: {some: {state: {eq: OPEN}}}}", ""),
    ("{absences: {none: {kind: {eq: ABSENT}}}}", "x1 x2 x3 x4"),
]


@pytest.mark.parametrize(("where", "expected"), SAYS, ids=[where for where, _ in SAYS])
async def test_where_keeps_what_it_says(ask: Ask, mixed: Province, where: str, expected: str) -> None:
    assert await names(ask, "schoolA1", where) == expected.split()


async def test_an_identity_number_is_found_whole_and_only_by_who_may_read_it(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    number = await system.fetchval("SELECT id_number FROM students WHERE id = $1", province.ids["a1-1-1"])
    where = f'{{idNumber: {{eq: "{number}"}}}}'
    assert await names(ask, "schoolA1", where) == ["a1-1-1"]
    assert await names(ask, "schoolA2", where) == []
    assert await names(ask, "countyA", f'{{idNumber: {{in: ["{number}", "x"]}}}}') == ["a1-1-1"]
    for caller in ("prov", "city", "teacherA1-1", "reviewerA"):
        for hidden in (where, "{idNumber: {isNull: true}}", f"{{not: {where}}}", f"{{or: [{{and: [{where}]}}]}}"):
            answer = await ask(caller, f"{{ students(where: {hidden}) {{ totalCount }} }}")
            assert answer["data"] == {"students": None}
            assert keys(answer) == {"FORBIDDEN_FIELD"}, (caller, hidden)
    part = await ask("schoolA1", f'{{ students(where: {{idNumber: {{prefix: "{number[:6]}"}}}}) {{ totalCount }} }}')
    assert keys(part) == {"BAD_DOCUMENT"}


@pytest.mark.parametrize(
    "deep", ["{%s}", "{schoolClass: {students: {some: {%s}}}}", "{not: {guardians: {none: {%s}}}}"]
)
async def test_what_is_masked_or_denied_is_no_filter_however_deep(ask: Ask, province: Province, deep: str) -> None:
    inner = 'phone: {eq: "13800138000"}' if "guardians" not in deep else 'phone: {prefix: "139"}'
    query = f"{{ students(where: {deep % inner}) {{ totalCount }} schools {{ totalCount }} }}"
    answer = await ask("prov", query)
    assert answer["data"]["students"] is None
    assert keys(answer) == {"FORBIDDEN_FIELD"}
    assert answer["data"]["schools"]["totalCount"] == 4


async def test_an_order_by_what_may_not_be_read_is_refused(ask: Ask, province: Province) -> None:
    query = "{ students(orderBy: [{by: STUDENT_NUMBER}]) { totalCount } }"
    assert keys(await ask("prov", query)) == {"FORBIDDEN_FIELD"}
    assert "errors" not in await ask("schoolA1", query)


async def test_a_filter_through_an_edge_sees_only_the_own_area(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    await system.execute(
        "UPDATE students SET actual_school_id = $1 WHERE id = $2", province.ids["B1"], province.ids["a1-1-1"]
    )
    through = '{actualSchool: {name: {prefix: "B1"}}}'
    assert await names(ask, "countyA", through) == []
    assert await names(ask, "prov", through) == ["a1-1-1"]
    await system.execute("UPDATE schools SET parent_id = $1 WHERE id = $2", province.ids["A1"], province.ids["B1"])
    points = '{teachingPoints: {some: {name: {prefix: "B1"}}}}'
    assert await names(ask, "countyA", points, "schools") == []
    assert await names(ask, "prov", points, "schools") == ["A1小学"]
    none = "{teachingPoints: {none: {}}}"
    assert "A1小学" in await names(ask, "countyA", none, "schools")
    assert "A1小学" not in await names(ask, "prov", none, "schools")


async def test_a_leased_pupil_is_in_no_list_filter_or_count(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    leased = province.ids["b1-1-1"]
    await make_lease(system, leased, account_id=province.accounts["schoolA1"])
    assert await names(ask, "schoolA1", f'{{id: {{eq: "student:{leased}"}}}}') == []
    assert await names(ask, "schoolA1", '{name: {eq: "名b1-1-1"}}') == []
    seen = await ask("schoolA1", f'{{ student(id: "student:{leased}") {{ name placements {{ nodes {{ id }} }} }} }}')
    assert seen["data"]["student"]["name"] == "名b1-1-1"
    place = seen["data"]["student"]["placements"]["nodes"][0]["id"]
    node = f'{{ node(id: "{place}") {{ id ... on Placement {{ grade student {{ name }} }} }} }}'
    assert (await ask("schoolA1", node))["data"]["node"]["student"] == {"name": "名b1-1-1"}
    assert keys(await ask("schoolA2", node)) == {"NOT_FOUND"}


BAD = [
    ("{grade: null}", "NULL_FILTER"),
    ("{grade: {eq: null}}", "NULL_FILTER"),
    ("{schoolClass: null}", "NULL_FILTER"),
    ("{guardians: {some: null}}", "NULL_FILTER"),
    ("{and: null}", "NULL_FILTER"),
    ("{grade: {in: [null]}}", "BAD_DOCUMENT"),
    ("{grade: {prefix: 1}}", "BAD_DOCUMENT"),
    ("{nothing: {eq: 1}}", "BAD_DOCUMENT"),
    ("{state: {eq: HAPPY}}", "BAD_DOCUMENT"),
    ('{id: {eq: "school:1"}}', "BAD_ID"),
    ('{id: {in: ["student:1", "5"]}}', "BAD_ID"),
    ('{birthDate: {eq: "2015-02-30"}}', "BAD_DOCUMENT"),
    ('{distanceKm: {eq: "NaN"}}', "VALUE_OUT_OF_RANGE"),
    ('{distanceKm: {eq: "1E+400"}}', "VALUE_OUT_OF_RANGE"),
    ("{grade: {in: [" + "1 " * 501 + "]}}", "FILTER_LIST_TOO_LONG"),
    ("{or: [" + "{grade: {eq: 1}} " * 101 + "]}", "TOO_COMPLEX"),
    ("{not: " * 18 + "{}" + "}" * 18, "TOO_COMPLEX"),
]


@pytest.mark.parametrize(("where", "key"), BAD, ids=[where[:40] for where, _ in BAD])
async def test_a_bad_filter_is_refused_with_its_code(ask: Ask, province: Province, where: str, key: str) -> None:
    answer = await ask("schoolA1", f"{{ students(where: {where}) {{ totalCount }} }}")
    assert not any((answer.get("data") or {}).values())
    assert keys(answer) == {key}


SHAPES: list[tuple[dict[str, Any], int]] = [
    ({"where": {"grade": {"eq": 1}}}, 3),
    ({"where": {"grade": {"eq": 2}}}, 3),
    ({"where": {"grade": {"in": [1, 2]}}}, 6),
    ({"where": {"grade": {"isNull": True}}}, 0),
    ({"where": {"grade": {"isNull": False}}}, 6),
    ({"where": {"or": [{"grade": {"eq": 1}}]}}, 3),
    ({"where": {"or": [{"grade": {"eq": 1}}, {"sex": {"eq": "MALE"}}]}}, 5),
    ({"where": {"or": [{"sex": {"eq": "MALE"}}, {"grade": {"eq": 1}}]}}, 5),
    ({"where": {"and": [{"sex": {"eq": "MALE"}}, {"grade": {"eq": 1}}]}}, 2),
    ({"where": {}}, 6),
    ({"where": None}, 6),
    ({}, 6),
    ({"where": {"grade": {"eq": 1}}, "order": [{"by": "NAME", "direction": "DESC"}]}, 3),
    ({"where": {"grade": {"eq": 1}}, "order": [{"by": "NAME"}]}, 3),
]


async def test_one_document_with_other_shapes_of_its_variables_is_other_plans(ask: Ask, province: Province) -> None:
    query = """query($where: StudentFilter, $order: [StudentOrder!]) {
               students(where: $where, orderBy: $order, first: 99) { totalCount nodes { name } } }"""
    for _ in range(2):
        for given, count in SHAPES:
            found = (await ask("schoolA1", query, given))["data"]["students"]
            assert found["totalCount"] == count, given
            if "order" in given:
                listed = [node["name"] for node in found["nodes"]]
                assert listed == sorted(listed, reverse=given["order"][0].get("direction") == "DESC")
    refused = await ask("schoolA1", query, {"where": {"grade": {"eq": None}}})
    assert keys(refused) == {"NULL_FILTER"}


async def test_several_keys_and_directions_order_a_list_and_its_pages(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    rows = await system.fetch(
        "SELECT name, name_key, grade, birth_date, id FROM students WHERE path LIKE '140105.2114000001%'"
    )
    query = """query($at: String) { students(orderBy: [{by: GRADE, direction: DESC}, {by: BIRTH_DATE}, {by: NAME, direction: DESC}],
               first: 2, after: $at) { nodes { name } pageInfo { endCursor hasNextPage } } }"""
    rows.sort(key=lambda row: row["id"], reverse=True)
    rows.sort(key=lambda row: row["name_key"], reverse=True)
    rows.sort(key=lambda row: row["grade"], reverse=True)
    found: list[str] = []
    at, more = None, True
    while more:
        page = (await ask("schoolA1", query, {"at": at}))["data"]["students"]
        found += [node["name"] for node in page["nodes"]]
        at, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert found == [row["name"] for row in rows]


async def test_a_cursor_of_another_filter_or_order_is_refused(ask: Ask, province: Province) -> None:
    page = "first: 1) { pageInfo { endCursor } } }"
    answer = await ask("schoolA1", "{ students(where: {grade: {eq: 1}}, " + page)
    at = answer["data"]["students"]["pageInfo"]["endCursor"]
    for other in ("where: {grade: {eq: 2}}", "where: {grade: {eq: 1}}, orderBy: [{by: NAME}]", "where: {}"):
        again = await ask("schoolA1", f'{{ students({other}, after: "{at}", {page}')
        assert keys(again) == {"BAD_CURSOR"}, other
    same = await ask("schoolA1", f'{{ students(where: {{grade: {{eq: 1}}}}, after: "{at}", {page}')
    assert "errors" not in same


async def test_the_whole_graph_leads_up_down_and_across(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    campus = await system.fetchval(
        "INSERT INTO campuses (school_id, path, name) VALUES ($1, $2, '东校区') RETURNING id",
        province.ids["A1"],
        province.paths["A1"],
    )
    await system.execute("UPDATE classes SET campus_id = $1 WHERE id = $2", campus, province.ids["A1-1"])
    await system.execute(
        """INSERT INTO grades (school_id, path, stage, number, school_year, name)
           SELECT school_id, $2, 'PRIMARY', grade, school_year, '一年级' FROM classes WHERE id = $1""",
        province.ids["A1-1"],
        province.paths["A1"],
    )
    await system.execute("INSERT INTO class_grades SELECT id, school_year, grade FROM classes")
    await system.execute(
        """INSERT INTO student_versions (student_id, effective, path, school_year, grade, sex, state, boarding, migrant,
                                         left_behind, without_id)
           SELECT id, '2024-09-01', path, school_year, grade, sex, state, false, false, true, false FROM students"""
    )
    day = await make_day(system, province, "A1-1", date(2026, 3, 2), a1_1_1="LATE")
    query = """{ school(code: "2114000001") {
        campuses { nodes { name school { name } classes { nodes { name campus { name } } } } }
        grades { nodes { school { code } classes { nodes { name } } students { totalCount } } }
        students(first: 1) { nodes { versions { nodes { leftBehind school { name } student { name } } }
            placements { nodes { student { name } } } guardians { position student { name } } cases { totalCount } } }
        cases { totalCount } locatedIn { name locatedSchools { totalCount } schoolClasses { totalCount } } } }"""
    school = (await ask("schoolA1", query))["data"]["school"]
    assert school["campuses"]["nodes"] == [
        {
            "name": "东校区",
            "school": {"name": "A1小学"},
            "classes": {"nodes": [{"name": "A1-1班", "campus": {"name": "东校区"}}]},
        }
    ]
    assert school["grades"]["nodes"] == [
        {"school": {"code": "2114000001"}, "classes": {"nodes": [{"name": "A1-1班"}]}, "students": {"totalCount": 3}}
    ]
    [pupil] = school["students"]["nodes"]
    back = {"name": "名a1-1-1"}
    assert pupil["versions"]["nodes"] == [{"leftBehind": True, "school": {"name": "A1小学"}, "student": back}]
    assert pupil["placements"]["nodes"] == [{"student": back}]
    assert [each["student"] for each in pupil["guardians"]] == [back, back]
    # The county lies above: its card, and below it what is in reach again.
    assert school["locatedIn"] == {
        "name": "小店区",
        "locatedSchools": {"totalCount": 1},
        "schoolClasses": {"totalCount": 2},
    }
    nodes = f'{{ node(id: "classDay:{day}") {{ ... on ClassDay {{ late schoolClass {{ name }} }} }} }}'
    assert (await ask("teacherA1-1", nodes))["data"]["node"] == {"late": 1, "schoolClass": {"name": "A1-1班"}}
    assert keys(await ask("schoolA2", nodes)) == {"NOT_FOUND"}
    by_number = '{ schoolClass(schoolCode: "2114000001", officialNumber: "2000001") { name } }'
    assert (await ask("schoolA1", by_number))["data"]["schoolClass"] == {"name": "A1-1班"}
    assert keys(await ask("schoolA2", by_number)) == {"NOT_FOUND"}
    assert keys(await ask("schoolA1", '{ schoolClass(schoolCode: "2114000001") { name } }')) == {"BAD_ONE_OF"}
    region = await ask("countyA", f'{{ region(id: "region:{province.ids["140105"]}") {{ code }} }}')
    assert region["data"] == {"region": {"code": "140105"}}


async def test_versions_open_by_lease_only_say_so_where_none_does(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    query = f'{{ student(id: "student:{province.ids["a1-1-1"]}") {{ presentAddress versions {{ totalCount }} }} }}'
    shut = await ask("reviewerA", query)
    assert shut["data"]["student"] == {"presentAddress": None, "versions": None}
    assert sorted(error["path"][-1] for error in shut["errors"]) == ["presentAddress", "versions"]
    await make_lease(system, province.ids["a1-1-1"], account_id=province.accounts["reviewerA"])
    opened = await ask("reviewerA", query)
    assert opened["data"]["student"] == {"presentAddress": "住址a1-1-1", "versions": {"totalCount": 0}}
    assert "errors" not in opened


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("小明", "张小明 王小明"),
        ("zhang", "张小明 张伟"),
        ("zxm", "张小明"),
        ("王xm", "王小明"),
        ("XIAOMING", "张小明 王小明"),
        ("李", ""),
    ],
)
async def test_names_are_found_by_characters_pinyin_and_initials(
    ask: Ask, province: Province, system: asyncpg.Connection, typed: str, expected: str
) -> None:
    for short, where, name in (
        ("n1", "A1-1", "张小明"),
        ("n2", "A1-2", "张伟"),
        ("n3", "A1-1", "王小明"),
        ("n4", "B1-1", "张小明"),
    ):
        await make_student(
            system,
            province,
            short,
            where,
            name=name,
            name_key=names_of.name_key(name),
            name_terms=names_of.name_terms(name),
        )
    found = await names(ask, "schoolA1", f'{{nameLike: "{typed}"}}')
    assert sorted(found) == sorted(expected.split())
