"""What each caller reads, through every edge and back-edge."""

from typing import Any

from tests.conftest import Ask
from tests.province import Province


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


async def test_out_of_scope_and_absent_are_the_same_bytes(http: Any, province: Province) -> None:
    async def raw(number: int) -> bytes:
        body = {"query": f'{{ student(id: "student:{number}") {{ name }} }}'}
        headers = {"authorization": f"Bearer {province.tokens['schoolA1']}"}
        return (await http.post("/graphql", json=body, headers=headers)).content

    assert await raw(province.ids["b1-1-1"]) == await raw(999_999_999)
