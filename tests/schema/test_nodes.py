"""Any object by its id: the same walls as its own look-up, many at once in their order."""

from typing import Any

import asyncpg
import pytest

from schema.node import KINDS
from tests.conftest import Ask
from tests.province import Province
from tests.schema.test_roots import make_key, rows_by_table

NODE = """query($id: ID!) { node(id: $id) { __typename id
    ... on Region { code } ... on School { code name } ... on SchoolClass { name students { totalCount } }
    ... on Student { pupil: name idNumber guardians { name } } ... on ProblemRecord { problem: kind candidates { inReach } } } }"""
NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on School { name } ... on Student { pupil: name } } }"


@pytest.mark.parametrize(
    ("caller", "key", "kind"),
    [
        ("countyA", "school:A1", "School"),
        ("countyA", "region:140105", "Region"),
        ("teacherA1-1", "class:A1-1", "SchoolClass"),
        ("schoolA1", "student:a1-1-1", "Student"),
    ],
)
async def test_a_node_is_its_own_look_up(ask: Ask, province: Province, caller: str, key: str, kind: str) -> None:
    found = (await ask(caller, NODE, {"id": make_key(province, key)}))["data"]["node"]
    assert (found["__typename"], found["id"]) == (kind, make_key(province, key))
    assert len(found) > 2


async def test_four_callers(ask: Ask, province: Province, system: asyncpg.Connection) -> None:
    before = await rows_by_table(system)

    async def codes(caller: str | None, key: str) -> list[str]:
        answer = await ask(caller, NODE, {"id": make_key(province, key)})
        return [error["extensions"]["code"] for error in answer["errors"]]

    assert await codes(None, "student:a1-1-1") == ["UNAUTHENTICATED"]
    assert await codes("dash", "student:a1-1-1") == ["FORBIDDEN"]
    assert await codes("schoolA1", "student:b1-1-1") == ["NOT_FOUND"]
    there = await ask("schoolA1", NODE, {"id": make_key(province, "student:b1-1-1")})
    assert there == await ask("schoolA1", NODE, {"id": "student:99999999"})
    assert await rows_by_table(system) == before | {"audit": before["audit"] + 4}


@pytest.mark.parametrize(
    "key", ["pupil:1", "student", "student:", "student:x", ":1", "student:9999999999999999999", ""]
)
async def test_what_is_no_id_is_told(ask: Ask, key: str) -> None:
    for query, given in ((NODE, {"id": key}), (NODES, {"ids": [key]})):
        (error,) = (await ask("prov", query, given))["errors"]
        assert error["extensions"]["key"] == "BAD_ID"


async def test_many_come_in_their_order_and_what_is_out_of_reach_is_null(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    keys = ["student:a1-2-1", "school:A2", "student:b1-1-1", "school:A1", "student:a1-1-1", "student:a1-2-1"]
    ids = [make_key(province, key) for key in keys]
    answer = await ask("schoolA1", NODES, {"ids": ids})
    assert answer["data"]["nodes"] == [
        {"id": ids[0], "pupil": "名a1-2-1"},
        None,
        None,
        {"id": ids[3], "name": "A1小学"},
        {"id": ids[4], "pupil": "名a1-1-1"},
        {"id": ids[5], "pupil": "名a1-2-1"},
    ]
    assert await system.fetchval("SELECT count(*) FROM audit WHERE code = 'NOT_FOUND'") == 1
    assert (await ask("schoolA1", NODES, {"ids": []}))["data"] == {"nodes": []}


async def test_too_many_are_refused_and_a_role_that_may_not_is_told(ask: Ask, province: Province) -> None:
    (error,) = (await ask("prov", NODES, {"ids": ["student:1"] * 201}))["errors"]
    assert (error["extensions"]["code"], error["extensions"]["key"]) == ("TOO_LARGE", "TOO_MANY_IDS")
    (error,) = (await ask("dash", NODES, {"ids": [make_key(province, "student:a1-1-1")]}))["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"


async def test_aliases_of_different_types_in_one_document(ask: Ask, province: Province) -> None:
    query = """query($a: ID!, $b: ID!) { a: node(id: $a) { ... on School { name } } b: node(id: $b) { ... on Student {
        pupil: name } ... on School { name } } c: nodes(ids: [$a, $b]) { __typename } }"""
    given: dict[str, Any] = {"a": make_key(province, "school:A1"), "b": make_key(province, "student:a1-1-1")}
    first = (await ask("schoolA1", query, given))["data"]
    assert first["a"] == {"name": "A1小学"}
    assert first["b"] == {"pupil": "名a1-1-1"}
    assert [node["__typename"] for node in first["c"]] == ["School", "Student"]
    turned = (await ask("schoolA1", query, {"a": given["b"], "b": given["a"]}))["data"]
    assert (turned["a"], turned["b"]) == ({}, {"name": "A1小学"})


def test_every_kind_of_id_has_its_type() -> None:
    assert len(set(KINDS.values())) == len(KINDS)
