"""Counts as they are asked for: by either hierarchy, over several roots, narrowed, with every measure, of one's own."""

from typing import Any

import asyncpg
import pytest

from hub import db
from hub.settings import Settings
from tests.conftest import Ask
from tests.cube import exact, fold, write
from tests.province import CITY, COUNTY_A, COUNTY_B, PROVINCE, Province, make_caller

COUNT = "headcounts(by: %s, groupBy: []) { students openProblems }"
BOTH = f"code management: {COUNT % 'MANAGEMENT'} territory: {COUNT % 'TERRITORY'}"
ROOT = "{ headcounts(groupBy: [%s], by: %s) { students boarding openProblems %s } }"


async def told(ask: Ask, caller: str = "prov") -> dict[str, tuple[int, int]]:
    answer = await ask(caller, f"{{ regions {{ nodes {{ {BOTH} }} }} }}")
    assert "errors" not in answer
    return {
        node["code"]: (node["management"][0]["students"], node["territory"][0]["students"])
        for node in answer["data"]["regions"]["nodes"]
    }


async def test_a_school_that_moves_takes_its_numbers_along(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    await fold(system)
    assert await told(ask) == {PROVINCE: (24, 24), CITY: (24, 24), COUNTY_A: (12, 18), COUNTY_B: (6, 6)}
    old, new = province.paths["A1"], f"{COUNTY_B}.2114000001"
    async with system.transaction():
        await system.execute("UPDATE schools SET path = $2, territory = $3 WHERE path = $1", old, new, COUNTY_B)
        await system.execute(
            "UPDATE classes SET path = $2 || right(path, 8) WHERE school_id = $1", province.ids["A1"], new
        )
        await system.execute(
            "UPDATE students SET path = $2 || right(path, 8) WHERE school_id = $1", province.ids["A1"], new
        )
    for _ in range(2):
        assert await told(ask) == {PROVINCE: (24, 24), CITY: (24, 24), COUNTY_A: (6, 12), COUNTY_B: (12, 12)}
        await exact(system)
        await fold(system)
    await system.execute("UPDATE schools SET territory = $2 WHERE id = $1", province.ids["C1"], COUNTY_B)
    for _ in range(2):
        assert await told(ask) == {PROVINCE: (24, 24), CITY: (24, 24), COUNTY_A: (6, 6), COUNTY_B: (12, 18)}
        await exact(system)
        await fold(system)


@pytest.mark.parametrize(
    ("caller", "management", "territory"),
    [("prov", 24, 24), ("countyA", 12, 18), ("schoolA1", 6, 6), ("teacherA1-1", 3, 3), ("dash", 24, 24)],
)
@pytest.mark.parametrize("folded", [False, True])
async def test_counts_over_all_one_may_see(
    ask: Ask, province: Province, system: asyncpg.Connection, caller: str, management: int, territory: int, folded: bool
) -> None:
    await write(system, "open", province.ids["a1-1-1"])
    await write(system, "board", province.ids["a1-1-2"])
    if folded:
        await fold(system)
    for by, students in (("MANAGEMENT", management), ("TERRITORY", territory)):
        answer = await ask(caller, ROOT % ("", by, ""))
        assert answer == {"data": {"headcounts": [{"students": students, "boarding": 1, "openProblems": 1}]}}
        rows = (await ask(caller, ROOT % ("GRADE", by, "grade")))["data"]["headcounts"]
        assert sum(row["students"] for row in rows) == students
        assert [row["grade"] for row in rows] == ([1] if caller.startswith("teacher") else [1, 2])


async def test_several_roots_add_up_and_a_school_on_their_ground_counts_once(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    for caller, roots in {
        "two": [COUNTY_A, province.paths["B1"]],
        "twice": [COUNTY_A, province.paths["C1"]],
        "beside": [COUNTY_B, province.paths["C1"]],
    }.items():
        await make_caller(system, province, caller, [("dashboard", root) for root in roots])
    for _ in range(2):
        for caller, management, territory in (("two", 18, 24), ("twice", 18, 18), ("beside", 12, 12)):
            for by, students in (("MANAGEMENT", management), ("TERRITORY", territory)):
                answer = await ask(caller, ROOT % ("", by, ""))
                assert answer["data"]["headcounts"][0]["students"] == students, (caller, by)
        await write(system, "open", province.ids["c1-1-1"])
        await fold(system)


async def test_within_and_where_narrow_a_count(ask: Ask, province: Province, system: asyncpg.Connection) -> None:
    query = """query($where: HeadcountFilter, $within: String) {
        headcounts(within: $within, groupBy: [SCHOOL_YEAR], where: $where) { schoolYear students }
        region(code: "140105") { headcounts(groupBy: [], where: $where) { students } } }"""

    async def count(**given: Any) -> tuple[int, int]:
        answer = await ask("prov", query, given)
        assert "errors" not in answer, answer
        found, place = answer["data"]["headcounts"], answer["data"]["region"]["headcounts"]
        return sum(row["students"] for row in found), place[0]["students"]

    assert await count(within=COUNTY_B) == (6, 12)
    assert await count(where={"grade": {"eq": 1}}) == (12, 6)
    assert await count(where={"grade": {"in": [1, 2]}, "sex": {"eq": "FEMALE"}}) == (8, 4)
    assert await count(where={"schoolYear": {"lt": 2000}}) == (0, 0)
    assert await count(where={"schoolYear": {"gt": 2**31 - 1}}) == (0, 0)
    answer = await ask("prov", query, {"where": {"grade": None}})
    assert {error["extensions"]["key"] for error in answer["errors"]} == {"NULL_FILTER"}


async def test_every_measure_is_told_at_place_school_and_class(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    pupil = province.ids["a1-1-1"]
    await write(system, "board", pupil)
    await write(system, "number", pupil)
    await write(system, "open", pupil)
    file = await system.fetchval(
        "INSERT INTO files (account_id, name, size, sha256, key) VALUES ($1, 'p', 1, 'x', 'k') RETURNING id",
        province.accounts["schoolA1"],
    )
    await system.execute("UPDATE students SET photo_file_id = $1 WHERE id <> $2", file, pupil)
    measures = "students boarding migrant leftBehind withoutId photoMissing openProblems"
    rooms = f"headcounts(groupBy: [STATE]) {{ state {measures} }}"
    query = f"""query($room: ID!) {{ headcounts(groupBy: [STATE]) {{ state {measures} }} region(code: "140105") {{ {rooms} }}
        school(code: "2114000001") {{ {rooms} }} schoolClass(id: $room) {{ {rooms} }} }}"""
    for _ in range(2):
        data = (await ask("countyA", query, {"room": f"class:{province.ids['A1-1']}"}))["data"]
        for rows, students in (
            (data["headcounts"], 12),
            (data["region"]["headcounts"], 12),
            (data["school"]["headcounts"], 6),
            (data["schoolClass"]["headcounts"], 3),
        ):
            [row] = rows
            assert list(row.values()) == ["IN_SCHOOL", students, 1, 1, 1, 1, 1, 1]
        await fold(system)


async def test_counts_of_all_children_are_one_statement(
    ask: Ask, province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    fetch = asyncpg.pool.PoolConnectionProxy.fetchval

    async def noted(self: Any, query: str, *values: Any, **rest: Any) -> Any:
        seen.append(query)
        return await fetch(self, query, *values, **rest)

    monkeypatch.setattr(asyncpg.pool.PoolConnectionProxy, "fetchval", noted)
    answer = await ask("prov", f'{{ region(code: "1401") {{ children {{ nodes {{ {BOTH} }} }} }} }}')
    assert len(answer["data"]["region"]["children"]["nodes"]) == 2
    assert len([query for query in seen if "count_totals" in query]) == 1
    assert not [query for query in seen if "count_cells" in query]
    assert not [query for query in seen if "count(*)" in query]


async def test_row_security_shows_cells_and_deltas_of_ones_own_places(
    province: Province, system: asyncpg.Connection, settings: Settings
) -> None:
    await fold(system)
    for at in ("a1-1-1", "b1-1-1", "c1-1-1"):
        await write(system, "open", province.ids[at])
        await write(system, "leave", province.ids[at])
    connection = await db.door(settings, "hub_app").connect()
    try:
        async with connection.transaction():
            await connection.execute("SELECT enter($1, $1 || '~', '{' || $1 || '}', '0')", COUNTY_A)
            cells = await connection.fetch("SELECT DISTINCT path FROM count_cells ORDER BY 1")
            assert [row["path"] for row in cells] == [COUNTY_A, province.paths["A1"], province.paths["A2"]]
            assert await connection.fetch("SELECT DISTINCT path FROM count_totals ORDER BY 1") == cells
            deltas = await connection.fetch("SELECT DISTINCT path FROM count_deltas ORDER BY 1")
            assert [row["path"] for row in deltas] == [province.paths["C1"], province.paths["A1"]]
            events = await connection.fetch("SELECT student_id FROM problem_deltas")
            assert [row["student_id"] for row in events] == [province.ids["a1-1-1"]]
            written = ("DELETE FROM count_cells", "DELETE FROM count_totals")
            for statement in (*written, "SELECT fold_counts(1)", "SELECT rebuild_counts()"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with connection.transaction():
                        await connection.execute(statement)
    finally:
        await connection.close()
