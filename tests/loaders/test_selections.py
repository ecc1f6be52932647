"""What a document may ask in how many ways, and that the way of asking changes nothing but the keys."""

import json
from typing import Any

import httpx
import pytest

from tests.conftest import Ask
from tests.province import Province


async def raw(http: httpx.AsyncClient, province: Province, caller: str, query: str, variables: Any = None) -> str:
    headers = {"authorization": f"Bearer {province.tokens[caller]}"}
    return (await http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)).text


async def data(ask: Ask, caller: str, query: str, variables: dict[str, Any] | None = None) -> Any:
    answer = await ask(caller, query, variables)
    assert "errors" not in answer
    return answer["data"]


async def test_aliases_are_the_keys_at_every_level(ask: Ask) -> None:
    found = await data(
        ask,
        "schoolA1",
        """{ mine: schools { all: nodes { is: name rooms: classes(first: 1) { n: totalCount some: edges { at: node {
           called: name } } page: pageInfo { more: hasNextPage } } } } }""",
    )
    rooms = {"n": 2, "some": [{"at": {"called": "A1-1班"}}], "page": {"more": True}}
    assert found == {"mine": {"all": [{"is": "A1小学", "rooms": rooms}]}}


@pytest.mark.parametrize("length", [62, 63, 64, 65, 200])
async def test_keys_longer_than_postgresql_takes_are_whole(ask: Ask, length: int) -> None:
    one, two = "k" * length + "1", "k" * length + "2"
    found = await data(
        ask,
        "schoolA1",
        f"""{{ {one}: schools {{ {one}: nodes {{ {one}: name {two}: code {one}t: type {{ {one}: code {two}: name }}
            {two}e: classes(first: 1) {{ {one}: edges {{ {one}: node {{ {one}: name {two}: name }} }} }} }} }} }}""",
    )
    node = found[one][one][0]
    assert (node[one], node[two]) == ("A1小学", "2114000001")
    assert node[f"{one}t"][one] == "211"
    assert node[f"{two}e"][one][0][one] == {one: "A1-1班", two: "A1-1班"}


async def test_no_key_is_taken_for_a_name_of_the_statement(ask: Ask) -> None:
    """`o1`, `n2`, `t3`, `hubkey4` and their like are names the compiler gives; a caller may use them all the same."""
    keys = [f"{prefix}{at}" for prefix in ("o", "n", "t", "p", "j", "b", "hubkey") for at in range(1, 40)]
    keys += ["cursor", "at", "id", "path", "count", "coalesce", "select", "null", "root0", "end0", "account"]
    long = "x" * 70
    for some in (keys[:100], keys[100:200], keys[200:]):  # a document may have 200 aliases
        leaves = " ".join(f"{key}: name" for key in some)
        expected = dict.fromkeys(some, "A1小学")
        for page in ("nodes", "totalCount nodes"):
            found = await data(ask, "schoolA1", f"{{ schools {{ {page} {{ {leaves} {long}: code }} }} }}")
            assert found["schools"]["nodes"] == [expected | {long: "2114000001"}]
    found = await data(
        ask, "schoolA1", "{ schools { nodes { stages { o5: length n5: stage o9: since o1: length } } } }"
    )
    assert found["schools"]["nodes"][0]["stages"] == [{"o5": 6, "n5": "PRIMARY", "o9": "2000-09-01", "o1": 6}]
    count = " ".join(f"o{at}: students" for at in range(1, 12))
    found = await data(ask, "schoolA1", f"{{ schools {{ nodes {{ headcounts(groupBy: []) {{ {count} }} }} }} }}")
    assert found["schools"]["nodes"][0]["headcounts"] == [{f"o{at}": 6 for at in range(1, 12)}]


async def test_keys_that_differ_in_case_only_are_two_keys(ask: Ask) -> None:
    found = await data(ask, "schoolA1", "{ schools { nodes { name NAME: code Name: name naMe: code } } }")
    assert found["schools"]["nodes"] == [
        {"name": "A1小学", "NAME": "2114000001", "Name": "A1小学", "naMe": "2114000001"}
    ]


async def test_the_answers_keys_come_in_the_order_asked_for(http: httpx.AsyncClient, province: Province) -> None:
    query = "{ schools { nodes { phone ...S code } totalCount } } fragment S on School { name code phone id }"
    text = await raw(http, province, "schoolA1", query)
    found = json.loads(text)["data"]["schools"]
    assert list(found) == ["nodes", "totalCount"]
    assert list(found["nodes"][0]) == ["phone", "name", "code", "id"]


async def test_fragments_and_fields_of_one_key_are_merged(ask: Ask) -> None:
    query = """query { schools { ...P nodes { classes(first: 1) { totalCount } } } }
        fragment P on SchoolConnection { nodes { ... on School { name ...Q } ... { code } ... @include(if: true) { id } } }
        fragment Q on School { classes(first: 1) { nodes { name ... on SchoolClass { grade } } } }"""
    node = (await data(ask, "schoolA1", query))["schools"]["nodes"][0]
    assert node["classes"] == {"totalCount": 2, "nodes": [{"name": "A1-1班", "grade": 1}]}
    assert (node["name"], node["code"]) == ("A1小学", "2114000001")


DIRECTED = """query($with: Boolean!, $without: Boolean!, $page: Boolean = true) { schools(first: 1) {
    nodes @include(if: $page) { name code @include(if: $with) phone @skip(if: $without)
    ... @include(if: $with) { id } ...F @skip(if: $with) } totalCount @skip(if: $page) } }
    fragment F on School { classes { totalCount @include(if: $without) nodes { name } } }"""


async def test_directives_follow_their_variables_on_one_document(ask: Ask, province: Province) -> None:
    rooms = {"nodes": [{"name": "A1-1班"}, {"name": "A1-2班"}]}
    identity = f"school:{province.ids['A1']}"
    expected: dict[tuple[bool, bool], dict[str, Any]] = {
        (True, True): {"name": "A1小学", "code": "2114000001", "id": identity},
        (True, False): {"name": "A1小学", "code": "2114000001", "phone": "0351-1", "id": identity},
        (False, True): {"name": "A1小学", "classes": {"totalCount": 2} | rooms},
        (False, False): {"name": "A1小学", "phone": "0351-1", "classes": rooms},
    }
    for _ in range(2):
        for (included, skipped), node in expected.items():
            variables = {"with": included, "without": skipped}
            assert await data(ask, "schoolA1", DIRECTED, variables) == {"schools": {"nodes": [node]}}
            shut = await data(ask, "schoolA1", DIRECTED, variables | {"page": False})
            assert shut == {"schools": {"totalCount": 1}}


async def test_every_type_names_itself(ask: Ask) -> None:
    query = """{ __typename students(first: 1) { __typename pageInfo { __typename } edges { __typename node { __typename } }
        nodes { __typename ethnicGroup { __typename } guardians { __typename relation { __typename } }
        placements { __typename nodes { __typename } } school { __typename managedBy { __typename }
        stages { __typename } headcounts { __typename } campuses { __typename } grades { __typename } }
        schoolClass { __typename } } } viewer { __typename roles { __typename } } }"""
    found = await data(ask, "schoolA1", query)
    student = found["students"]["nodes"][0]
    assert found["__typename"] == "Query"
    assert found["students"]["__typename"] == "StudentConnection"
    assert found["students"]["pageInfo"] == {"__typename": "PageInfo"}
    assert found["students"]["edges"] == [{"__typename": "StudentEdge", "node": {"__typename": "Student"}}]
    assert student["__typename"] == "Student"
    assert student["ethnicGroup"] == {"__typename": "Code"}
    assert student["guardians"] == [{"__typename": "Guardian", "relation": {"__typename": "Code"}}] * 2
    assert student["placements"] == {"__typename": "PlacementConnection", "nodes": [{"__typename": "Placement"}]}
    school = student["school"]
    assert school["managedBy"] == {"__typename": "Region"}
    assert {row["__typename"] for row in school["headcounts"]} == {"Headcount"}
    assert school["stages"] == [{"__typename": "SchoolStage"}]
    assert (school["campuses"], school["grades"]) == (
        {"__typename": "CampusConnection"},
        {"__typename": "GradeConnection"},
    )


async def test_one_field_twice_with_other_arguments(ask: Ask) -> None:
    query = """{ a: students(first: 1) { nodes { name } } b: students(last: 1) { nodes { name } }
        c: students(where: {state: {in: [DEAD]}}) { totalCount } d: students(where: {state: {in: [IN_SCHOOL]}}) { totalCount }
        schools { nodes { e: classes(first: 1) { nodes { name } } f: classes(last: 1) { nodes { name } }
        g: headcounts(groupBy: [SEX]) { sex students } h: headcounts(groupBy: [GRADE]) { grade students }
        i: headcounts(groupBy: [], states: []) { students } } } }"""
    found = await data(ask, "schoolA1", query)
    node = found["schools"]["nodes"][0]
    assert [found[key]["nodes"][0]["name"] for key in "ab"] == ["名a1-1-1", "名a1-2-3"]
    assert [found[key]["totalCount"] for key in "cd"] == [0, 6]
    assert [node[key]["nodes"][0]["name"] for key in "ef"] == ["A1-1班", "A1-2班"]
    assert node["g"] == [{"sex": "FEMALE", "students": 2}, {"sex": "MALE", "students": 4}]
    assert node["h"] == [{"grade": 1, "students": 3}, {"grade": 2, "students": 3}]
    assert node["i"] == [{"students": 0}]


async def test_variables_and_literals_give_the_same_bytes(http: httpx.AsyncClient, province: Province) -> None:
    body = """ region(code: %s) { students(first: %s, where: {state: {in: %s}}) { totalCount nodes { name } }
        headcounts(by: %s, groupBy: %s, states: %s) { grade sex state students } } }"""
    literal = "{" + body % ('"140105"', "5", "[IN_SCHOOL]", "TERRITORY", "[SEX, STATE]", "[IN_SCHOOL, SUSPENDED]")
    named = (
        "query($c: String!, $n: Int, $s: [EnrolmentState!], $by: CountBy!, $g: [CountDimension!]!, $e: EnrolmentState!) {"
        + body % ("$c", "$n", "$s", "$by", "$g", "[IN_SCHOOL, $e]")
    )
    given = {"c": "140105", "n": 5, "s": "IN_SCHOOL", "by": "TERRITORY", "g": ["SEX", "STATE"], "e": "SUSPENDED"}
    text = await raw(http, province, "countyA", literal)
    assert await raw(http, province, "countyA", named, given) == text
    assert '"totalCount":12' in text.replace(" ", "")
    assert '"students":12' in text.replace(" ", "")


async def test_enum_variables_are_not_mixed_on_one_document(ask: Ask) -> None:
    query = """query($by: CountBy!, $g: [CountDimension!]!, $s: [EnrolmentState!]) { region(code: "140105") {
        headcounts(by: $by, groupBy: $g) { grade sex students } students(where: {state: {in: $s}}) { totalCount } } }"""
    cases = [
        ("MANAGEMENT", [], [], [(None, None, 12)], 0),
        ("TERRITORY", [], ["DEAD"], [(None, None, 18)], 0),
        ("MANAGEMENT", ["SEX"], [], [(None, "FEMALE", 4), (None, "MALE", 8)], 0),
        ("TERRITORY", ["GRADE"], ["IN_SCHOOL"], [(1, None, 9), (2, None, 9)], 12),
        ("MANAGEMENT", ["GRADE"], ["IN_SCHOOL", "DEAD"], [(1, None, 6), (2, None, 6)], 12),
    ]
    for _ in range(2):
        for by, groups, states, counts, total in cases:
            region = (await data(ask, "countyA", query, {"by": by, "g": groups, "s": states}))["region"]
            assert [tuple(row.values()) for row in region["headcounts"]] == counts
            assert region["students"] == {"totalCount": total}


async def test_null_absent_and_default_variables(ask: Ask) -> None:
    query = """query($n: Int = 2, $at: String, $s: [EnrolmentState!], $in: String) {
        students(first: $n, after: $at, where: {state: {in: $s}}, within: $in) { nodes { name } pageInfo { hasNextPage } } }"""
    pages: list[tuple[dict[str, Any], int]] = [
        ({}, 2),
        ({"n": None}, 6),
        ({"n": 3, "at": None, "in": None}, 3),
        ({"in": "140105"}, 2),
        ({"s": []}, 0),
    ]
    for _ in range(2):
        for given, size in pages:
            found = await data(ask, "countyA" if given.get("in") else "schoolA1", query, given)
            assert len(found["students"]["nodes"]) == size
    counts = '{ school(code: "2114000001") { headcounts { grade sex state students } } }'
    rows = (await data(ask, "schoolA1", counts))["school"]["headcounts"]
    assert rows[0] == {"grade": 1, "sex": "FEMALE", "state": None, "students": 1}
    assert len(rows) == 4


async def test_a_null_for_what_has_a_default_is_refused(ask: Ask) -> None:
    query = 'query($g: [CountDimension!]) { school(code: "2114000001") { headcounts(groupBy: $g) { students } } }'
    answer = await ask("schoolA1", query, {"g": None})
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_INPUT"]
    assert len((await data(ask, "schoolA1", query, {}))["school"]["headcounts"]) == 4


async def test_two_operations_of_one_document_are_two_plans(http: httpx.AsyncClient, province: Province) -> None:
    query = "query A { schools { nodes { name } } } query B { schools { nodes { code } } }"
    headers = {"authorization": f"Bearer {province.tokens['schoolA1']}"}
    for operation, node in (("A", {"name": "A1小学"}), ("B", {"code": "2114000001"}), ("A", {"name": "A1小学"})):
        body = {"query": query, "operationName": operation}
        answer = (await http.post("/graphql", json=body, headers=headers)).json()
        assert answer["data"] == {"schools": {"nodes": [node]}}
