"""Many at once: callers never mix, pages hold while rows come and go, a statement is one whatever the size."""

import asyncio
from collections import Counter
from typing import Any

import asyncpg
import httpx
import pytest

from hub.settings import Settings
from tests.conftest import Ask
from tests.province import Province, make_student

OWN = {"schoolA1": "a1-", "schoolB1": "b1-", "countyA": "a"}
SAME = """query($id: ID!) { students(first: 99, where: {state: {eq: IN_SCHOOL}}) { totalCount nodes { name idNumber } }
    schools(first: 9) { nodes { name headcounts(groupBy: []) { students } } } student(id: $id) { name } }"""


async def test_two_thousand_requests_of_three_callers_in_one_process_never_mix(
    http: httpx.AsyncClient, province: Province
) -> None:
    foreign = f"student:{province.ids['c1-1-1']}"
    expected = {"schoolA1": 6, "schoolB1": 6, "countyA": 12}
    seen: Counter[str] = Counter()

    async def one(at: int, caller: str) -> None:
        # By turns as oneself with one's own pupil, and with a pupil nobody here may see.
        own = {"schoolA1": "a1-1-1", "schoolB1": "b1-1-1", "countyA": "a2-1-1"}[caller]
        wanted = foreign if at % 3 == 0 else f"student:{province.ids[own]}"
        answer = await http.post(
            "/graphql",
            json={"query": SAME, "variables": {"id": wanted}},
            headers={"authorization": f"Bearer {province.tokens[caller]}"},
        )
        data = answer.json()["data"]
        assert data["students"]["totalCount"] == expected[caller]
        assert all(node["name"].startswith(f"名{OWN[caller]}") for node in data["students"]["nodes"])
        assert sum(each["headcounts"][0]["students"] for each in data["schools"]["nodes"]) == expected[caller]
        assert data["student"] == (None if wanted == foreign else {"name": f"名{own}"})
        seen[caller] += 1

    for start in range(0, 2_000, 100):
        await asyncio.gather(*(one(at, list(OWN)[at % 3]) for at in range(start, start + 100)))
    assert seen.total() == 2_000


PAGES = [
    ("first", "after", "null", ""),
    ("first", "after", "[{by: NAME}]", ""),
    ("last", "before", "[{by: NAME, direction: DESC}]", ""),
    ("first", "after", "[{by: GRADE, direction: DESC}, {by: NAME}]", "where: {state: {eq: IN_SCHOOL}},"),
]


@pytest.mark.parametrize(("size", "at", "order", "where"), PAGES, ids=range(len(PAGES)))
async def test_ten_thousand_rows_are_paged_whole_while_others_come_and_go(
    ask: Ask,
    province: Province,
    system: asyncpg.Connection,
    settings: Settings,
    size: str,
    at: str,
    order: str,
    where: str,
) -> None:
    pattern = await make_student(system, province, "pattern", "A1-1")
    columns = await system.fetchval(
        """SELECT string_agg(column_name, ', ') FROM information_schema.columns WHERE table_name = 'students'
           AND column_name NOT IN ('id', 'student_number', 'name', 'name_key')"""
    )
    spread = f"""INSERT INTO students (student_number, name, name_key, {columns})
                 SELECT 'J' || lpad(n::text, 18, '0'), '名' || n, md5(n::text), {columns}
                 FROM students, generate_series($2::int, $3::int) AS n WHERE id = $1"""
    await system.execute(spread, pattern, 1, 10_000)
    stays = {
        f"student:{row['id']}"
        for row in await system.fetch("SELECT id FROM students WHERE id % 7 <> 0 AND path LIKE '140105.2114000001%'")
    }
    query = f"""query($size: Int, $at: String) {{ students({where} {size}: $size, {at}: $at, orderBy: {order}) {{
                nodes {{ id }} pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }} }} }}""".replace(
        ", orderBy: null", ""
    )
    found: list[str] = []
    cursor, more, turn = None, True, 0
    while more:
        page = (await ask("schoolA1", query, {"size": 200, "at": cursor}))["data"]["students"]
        ids = [node["id"] for node in page["nodes"]]
        found = found + ids if size == "first" else ids + found
        info = page["pageInfo"]
        cursor, more = (
            (info["endCursor"], info["hasNextPage"])
            if size == "first"
            else (info["startCursor"], info["hasPreviousPage"])
        )
        turn += 1
        await system.execute(spread, pattern, 20_000 + 40 * turn, 20_039 + 40 * turn)
        await system.execute(
            "DELETE FROM students WHERE id % 7 = 0 AND id % 53 = $1 AND name_key = md5(substr(name, 2))", turn
        )
    counted = Counter(found)
    assert max(counted.values()) == 1
    assert stays <= set(found)


async def test_one_statement_whatever_the_size_and_the_edges(
    ask: Ask, province: Province, statements: list[str]
) -> None:
    documents: list[tuple[str, dict[str, Any]]] = [
        ("{ students(first: 1) { nodes { name } } }", {}),
        (
            """{ students(first: 99, where: {guardians: {some: {name: {prefix: "亲"}}}}, orderBy: [{by: NAME}]) { totalCount
             edges { cursor node { name guardians { name } placements { nodes { school { name } } }
             problemRecords { nodes { kind } } cases { nodes { kind } } absences { nodes { day } } } } } }""",
            {},
        ),
        (
            """{ region(code: "1401") { headcounts { grade students openProblems } children(first: 9) { nodes { name
             headcounts(groupBy: [SEX]) { sex students } schools(first: 9) { nodes { name classes(first: 9) { nodes { name
             students(first: 9) { nodes { name } } } } } } } } } }""",
            {},
        ),
    ]
    for document, given in documents:
        for caller in ("prov", "schoolA1"):
            statements.clear()
            answer = await ask(caller, document, given)
            if caller == "prov":
                assert None not in answer["data"].values()
            assert len([each for each in statements if "row_to_json" in each]) == 1
