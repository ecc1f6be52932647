"""Every read root for four callers: nobody, the wrong role, the right role in the wrong place, the right one."""

from typing import Any

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

import policies
from hub.models import Base
from tests.conftest import Ask
from tests.province import COUNTY_A, COUNTY_B, Province

# field, its arguments, what is selected, the caller it is right for, a place of theirs, one of others, one of nobody,
# and a role that may not read it at all.
ROOTS = [
    ("region", "(code: $key)", "{ name }", "countyA", COUNTY_A, COUNTY_B, "999999", "teacherA1-1"),
    ("region", "(code: $key)", "{ name }", "countyA", COUNTY_A, "1401", "1499", "auditor"),
    ("school", "(code: $key)", "{ name }", "schoolA1", "2114000001", "2114000003", "2114999999", "auditor"),
    ("school", "(id: $key)", "{ name }", "schoolA1", "school:A1", "school:A2", "school:none", "teacherA1-1"),
    ("schoolClass", "(id: $key)", "{ name }", "teacherA1-1", "class:A1-1", "class:A1-2", "class:none", "auditor"),
    ("schoolClass", "(id: $key)", "{ name }", "schoolA1", "class:A1-1", "class:A2-1", "class:none", "dash"),
    ("student", "(id: $key)", "{ name }", "schoolA1", "student:a1-1-1", "student:b1-1-1", "student:none", "dash"),
    ("student", "(id: $key)", "{ name }", "countyA", "student:a2-1-1", "student:c1-1-1", "student:none", "sysadmin"),
    ("student", "(id: $key)", "{ name }", "reviewerA", "student:a1-1-1", "student:b1-1-1", "student:none", "auditor"),
    ("student", "(studentNumber: $key)", "{ name }", "schoolA1", "number:a1-1-1", "number:b1-1-1", "L0", "dash"),
    ("regions", "(within: $key)", "{ totalCount }", "countyA", COUNTY_A, COUNTY_B, "999999", "auditor"),
    ("schools", "(within: $key)", "{ totalCount }", "countyA", COUNTY_A, COUNTY_B, "999999", "auditor"),
    ("schoolClasses", "(within: $key)", "{ totalCount }", "countyA", COUNTY_A, COUNTY_B, "999999", "dash"),
    ("headcounts", "(within: $key)", "{ students }", "countyA", COUNTY_A, COUNTY_B, "999999", "auditor"),
    ("headcounts", "(within: $key)", "{ students }", "dash", COUNTY_A, "1501", "x", "sysadmin"),
    ("students", "(within: $key)", "{ totalCount }", "countyA", COUNTY_A, "1401", "149999", "sysadmin"),
    ("students", "(within: $key)", "{ totalCount }", "countyA", COUNTY_A, COUNTY_B, "x", "dash"),
]
TABLED = pytest.mark.parametrize(
    ("root", "arguments", "selected", "right", "here", "there", "nowhere", "wrong"),
    ROOTS,
    ids=[f"{row[0]}-{row[3]}-{row[5]}" for row in ROOTS],
)


def make_key(province: Province, short: str) -> str:
    """`student:a1-1-1` to a typed id, `number:a1-1-1` to a student number, anything else as it is."""
    kind, _, name = short.partition(":")
    if kind == "number":
        return province.numbers[name]
    return f"{kind}:{province.ids.get(name, 999_999_999)}" if name else short


async def rows_by_table(system: asyncpg.Connection) -> dict[str, int]:
    return {
        table.name: await system.fetchval(f"SELECT count(*) FROM {table.name}") for table in Base.metadata.sorted_tables
    }


@TABLED
async def test_each_root_for_four_callers(
    ask: Ask,
    province: Province,
    system: asyncpg.Connection,
    http: httpx.AsyncClient,
    root: str,
    arguments: str,
    selected: str,
    right: str,
    here: str,
    there: str,
    nowhere: str,
    wrong: str,
) -> None:
    kind = "ID!" if "id:" in arguments else "String!"
    query = f"query($key: {kind}) {{ {root}{arguments} {selected} }}"

    async def codes(caller: str | None, key: str) -> list[str]:
        answer = await ask(caller, query, {"key": make_key(province, key)})
        assert not (answer.get("data") or {}).get(root)
        return [error["extensions"]["code"] for error in answer["errors"]]

    async def raw(key: str) -> bytes:
        headers = {"authorization": f"Bearer {province.tokens[right]}"}
        body = {"query": query, "variables": {"key": make_key(province, key)}}
        return (await http.post("/graphql", json=body, headers=headers)).content

    before = await rows_by_table(system)
    assert await codes(None, here) == ["UNAUTHENTICATED"]
    assert await rows_by_table(system) == before
    assert await codes(wrong, here) == ["FORBIDDEN"]
    assert await codes(right, there) == ["NOT_FOUND"]
    assert await raw(there) == await raw(nowhere)
    after = await rows_by_table(system)
    assert after == before | {"audit": before["audit"] + 4}
    refused = await system.fetch("SELECT account_id, code, action FROM audit WHERE outcome = 'REFUSED' ORDER BY id")
    action = refused[0]["action"]
    assert [tuple(row) for row in refused] == [
        (province.accounts[wrong], "FORBIDDEN", action),
        *[(province.accounts[right], "NOT_FOUND", action)] * 3,
    ]
    answer = await ask(right, query, {"key": make_key(province, here)})
    assert "errors" not in answer
    assert answer["data"][root]
    assert await rows_by_table(system) == after


async def test_what_a_role_may_read_by_lease_only_is_in_no_list(
    app: Starlette, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = policies.SHIPPED.read_text(encoding="utf-8")
    by_place, by_lease = (f"p, school_administrator, student, read, {reach}, allow" for reach in ("subtree", "sides"))
    await ask("schoolA1", "{ viewer { name } }")  # the policy in force is taken up with the first session
    monkeypatch.setattr(app.state.hub.reader, "policy", policies.load(text.replace(by_place, by_lease)))
    answer = await ask("schoolA1", "{ students { totalCount nodes { name } } }")
    assert answer["data"] == {"students": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]


@pytest.mark.parametrize("caller", ["auditor", "dash", "sysadmin", "teacherA1-1", "prov"])
async def test_everybody_signed_in_is_told_who_they_are(ask: Ask, caller: str) -> None:
    answer = await ask(caller, "{ viewer { username mustChangePassword roles { role root placeCode } can } }")
    assert answer["data"]["viewer"]["username"] == caller


async def test_nobody_is_not_told_who_they_are(ask: Ask) -> None:
    answer = await ask(None, "{ viewer { name } }")
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]


async def test_who_must_change_the_password_reads_nothing_else(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    await system.execute("UPDATE accounts SET must_change_password = true WHERE id = $1", province.accounts["schoolA1"])
    answer = await ask("schoolA1", "{ viewer { mustChangePassword } students { totalCount } }")
    assert answer["data"] == {"viewer": {"mustChangePassword": True}, "students": None}
    assert [error["extensions"]["key"] for error in answer["errors"]] == ["MUST_CHANGE_PASSWORD"]


@pytest.mark.parametrize(
    ("root", "values"),
    [
        ("school", "code: null"),
        ("school", 'code: "2114000001", id: "school:1"'),
        ("student", "id: null"),
        ("student", 'id: "student:1", studentNumber: "L1"'),
    ],
)
async def test_a_look_up_takes_exactly_one_key(ask: Ask, root: str, values: str) -> None:
    answer = await ask("schoolA1", f"{{ {root}({values}) {{ name }} }}")
    assert [error["extensions"]["key"] for error in answer["errors"]] == ["BAD_ONE_OF"]


@pytest.mark.parametrize("caller", ["prov", "city", "countyA", "countyB", "schoolA1", "teacherA1-1"])
async def test_lists_hold_what_lies_inside_the_root_and_nothing_else(
    ask: Ask, province: Province, system: asyncpg.Connection, caller: str
) -> None:
    root = await system.fetchval("SELECT path FROM grants WHERE account_id = $1", province.accounts[caller])
    fields: dict[str, Any] = {"students": "students", "schoolClasses": "classes"}
    if caller != "teacherA1-1":
        fields |= {"schools": "schools", "regions": "places"}
    for field, table in fields.items():
        names = "nodes { name }"
        answer = await ask(caller, f"{{ {field}(first: 200) {{ totalCount {names} }} }}")
        rows = await system.fetch(f"SELECT name, path FROM {table}")
        expected = sorted(row["name"] for row in rows if row["path"].startswith(root))
        found = answer["data"][field]
        assert sorted(node["name"] for node in found["nodes"]) == expected
        assert found["totalCount"] == len(expected)
