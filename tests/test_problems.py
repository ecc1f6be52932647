"""Problem records: raised when a cause appears, closed when it is gone, wherever in the register the others are."""

import asyncio
from datetime import date
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tuned
from hypothesis import strategies as st

from hub import clock, identity, problems, sample
from hub.settings import Settings
from tests.conftest import Ask
from tests.desk import BORN, SCHOOL, Desk, make_id, make_nameless, make_row
from tests.province import SCHOOLS, Province, make_caller, make_student

OPEN = """SELECT s.name, r.kind FROM problem_records r JOIN students s ON s.id = r.student_id WHERE r.state = 'OPEN'
          ORDER BY 1, 2"""
TODAY = clock.today()


async def open_records(system: asyncpg.Connection) -> list[tuple[str, str]]:
    return [tuple(row) for row in await system.fetch(OPEN)]


async def detect(system: asyncpg.Connection, *ids: int) -> None:
    rows = await system.fetch("SELECT * FROM students WHERE id = ANY ($1) AND id_number IS NOT NULL", list(ids))
    invalid = [row["id"] for row in rows if problems.is_invalid(row)]
    await system.execute("SELECT detect_problems($1, $2)", list(ids), invalid)


async def test_a_number_of_another_county_is_found_by_an_import_and_raised_for_both(
    desk: Desk, province: Province, system: asyncpg.Connection
) -> None:
    person = {"id_number": make_id(1), "name": "赵远", "birth_date": date(BORN, 3, 15)}
    other = await make_student(system, province, "b", "B1-1", **person)
    payload = await desk.bring(make_row(1), make_row(2))
    assert payload["import"]["created"] == 2
    assert await open_records(system) == [(make_row(1)["name"], "ID_DUPLICATED"), ("赵远", "ID_DUPLICATED")]
    await system.execute("UPDATE students SET id_number = $1 WHERE id = $2", make_id(9), other)
    await detect(system, other)
    assert await open_records(system) == []
    closed = await system.fetch("SELECT DISTINCT resolution, closed_at IS NOT NULL FROM problem_records")
    assert [tuple(row) for row in closed] == [("CAUSE_GONE", True)]


async def test_a_pupil_without_a_number_meets_a_namesake(
    desk: Desk, province: Province, system: asyncpg.Connection
) -> None:
    row = make_nameless(1)
    born = date(BORN, 3, 15)
    await make_student(system, province, "b", "B1-1", name=row["name"], sex="MALE", birth_date=born)
    await make_student(system, province, "girl", "B1-1", name=row["name"], sex="FEMALE", birth_date=born)
    await desk.bring(row)
    assert await open_records(system) == [(row["name"], "NAME_SEX_BIRTH")] * 2


async def test_namesakes_who_both_have_numbers_are_no_problem(
    desk: Desk, province: Province, system: asyncpg.Connection
) -> None:
    row = make_row(1)
    await make_student(system, province, "b", "B1-1", name=row["name"], sex="MALE", birth_date=date(BORN, 3, 15))
    await desk.bring(row)
    assert await open_records(system) == []


async def test_what_evidence_settled_is_not_raised_again_until_the_cause_is_another(
    province: Province, system: asyncpg.Connection
) -> None:
    born = date(BORN, 3, 15)
    first = await make_student(system, province, "x", "A1-1", id_number=make_id(1), name="甲", birth_date=born)
    second = await make_student(system, province, "y", "B1-1", id_number=make_id(1), name="乙", birth_date=born)
    await detect(system, first)
    await system.execute(
        "UPDATE problem_records SET state = 'CLOSED', resolution = 'EVIDENCE', closed_at = now() WHERE student_id = $1",
        first,
    )
    await detect(system, first, second)
    assert await open_records(system) == [("乙", "ID_DUPLICATED")]
    await system.execute("UPDATE students SET id_number = $1 WHERE id = ANY ($2)", make_id(2), [first, second])
    await detect(system, first, second)
    assert await open_records(system) == [("乙", "ID_DUPLICATED"), ("甲", "ID_DUPLICATED")]


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (make_id(1)[:-1] + ("0" if make_id(1)[-1] != "0" else "1"), True),
        (make_id(1, sex="女"), True),
        (make_id(1, born="19000231"), True),
        (make_id(1), False),
    ],
)
async def test_a_number_that_breaks_the_rules_is_invalid(
    province: Province, system: asyncpg.Connection, number: str, told: bool
) -> None:
    pupil = await make_student(
        system, province, "x", "A1-1", id_number=number, name="甲", sex="MALE", birth_date=date(BORN, 3, 15)
    )
    await detect(system, pupil)
    assert await open_records(system) == ([("甲", "ID_INVALID")] if told else [])


async def test_two_imports_at_once_of_one_number_in_two_counties_both_hear_of_it(
    desk: Desk, system: asyncpg.Connection, province: Province
) -> None:
    there = SCHOOLS["B1"][1]
    for n in range(1, 6):
        ours, theirs = make_row(n), make_row(n, school_code=there, name=f"远{chr(0x4E00 + n)}")
        await asyncio.gather(desk.bring(ours), desk.bring(theirs, caller="schoolB1", school=there))
    found = await system.fetchval("SELECT count(*) FROM problem_records WHERE state = 'OPEN'")
    assert found == 10


Pupil = tuple[int | None, int, int]


def oracle(pupils: list[Pupil]) -> set[tuple[int, str]]:
    """The slow, obvious truth: every pupil held against every other."""
    found = set()
    for at, (number, name, born) in enumerate(pupils):
        for other, (their_number, their_name, their_born) in enumerate(pupils):
            if at == other:
                continue
            if number is not None and number == their_number:
                found.add((at, "ID_DUPLICATED"))
            group = [p for p in pupils if p[1:] == (name, born)]
            if (name, born) == (their_name, their_born) and any(p[0] is None for p in group):
                found.add((at, "NAME_SEX_BIRTH"))
    return found


PUPIL = st.tuples(st.none() | st.integers(1, 3), st.integers(1, 2), st.integers(1, 2))


@tuned(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.lists(PUPIL, min_size=2, max_size=6), changes=st.lists(st.tuples(st.integers(0, 5), PUPIL), max_size=6))
async def test_after_any_changes_the_records_are_what_holding_all_against_all_finds(
    province: Province, system: asyncpg.Connection, start: list[Pupil], changes: list[tuple[int, Pupil]]
) -> None:
    await system.execute("DELETE FROM problem_records")
    ids = []
    for at, pupil in enumerate(start):
        short = f"h{len(province.numbers)}"
        ids.append(await make_student(system, province, short, "A1-1" if at % 2 else "B1-1", **values(pupil)))
    await detect(system, *ids)
    now = list(start)
    for at, pupil in [(at, pupil) for at, pupil in changes if at < len(start)]:
        now[at] = pupil
        given = values(pupil)
        await system.execute(
            "UPDATE students SET id_number = $2, name = $3, birth_date = $4 WHERE id = $1",
            ids[at],
            given["id_number"],
            given["name"],
            given["birth_date"],
        )
        await detect(system, ids[at])
    rows = await system.fetch("SELECT student_id, kind FROM problem_records WHERE state = 'OPEN'")
    assert {(ids.index(row["student_id"]), row["kind"]) for row in rows} == oracle(now)
    for table in ("problem_records", "placements", "guardians", "student_versions"):
        await system.execute(f"DELETE FROM {table} WHERE student_id = ANY ($1)", ids)
    await system.execute("DELETE FROM students WHERE id = ANY ($1)", ids)


def values(pupil: Pupil) -> dict[str, Any]:
    number, name, born = pupil
    made = {"name": f"名{name}", "birth_date": date(2015, 3, born), "id_type": "3" if number else "Z", "sex": "MALE"}
    return made | {"id_number": None if number is None else f"P{number}"}


QUEUE = """query($where: ProblemRecordFilter, $order: [ProblemRecordOrder!]) {
    problemRecords(where: $where, orderBy: $order) { totalCount nodes { id kind state student { name }
        candidates { inReach name schoolName office officePhone idNumber agreement { field agrees } } } } }"""


@pytest.fixture
async def doubled(province: Province, system: asyncpg.Connection) -> Province:
    await system.execute("UPDATE places SET office = name || '学籍办', office_phone = '0351-9'")
    for short, where in (("p", "A1-1"), ("q", "A2-1"), ("r", "B1-1")):
        born = date(BORN, 3, 15)
        await make_student(system, province, short, where, id_number=make_id(1), name=f"双{short}", birth_date=born)
    await make_student(
        system,
        province,
        "s",
        "A1-2",
        id_number=make_id(2, sex="女"),
        name="错",
        sex="MALE",
        birth_date=date(BORN, 3, 15),
    )
    await detect(system, *(province.ids[short] for short in "pqrs"))
    return province


async def test_the_queue_holds_the_own_area_and_candidates_out_of_reach_show_agreement_and_office(
    ask: Ask, doubled: Province
) -> None:
    answer = await ask("reviewerA", QUEUE)
    found = answer["data"]["problemRecords"]
    assert found["totalCount"] == 3
    [ours] = [node for node in found["nodes"] if node["student"]["name"] == "双p"]
    near, far = sorted(ours["candidates"], key=lambda one: not one["inReach"])
    assert (near["name"], near["schoolName"]) == ("双q", "A2小学")
    assert near["idNumber"] == make_id(1)[:6] + "*" * 12
    assert {key: far[key] for key in ("inReach", "name", "schoolName", "idNumber")} == {
        "inReach": False,
        "name": None,
        "schoolName": None,
        "idNumber": None,
    }
    assert (far["office"], far["officePhone"]) == ("迎泽区学籍办", "0351-9")
    assert {line["field"]: line["agrees"] for line in far["agreement"]} == {
        "ID_NUMBER": True,
        "NAME": False,
        "SEX": True,
        "BIRTH_DATE": True,
        "GUARDIAN": False,
        "ADDRESS": False,
    }
    assert "双r" not in str(answer)


async def test_candidates_are_the_nearest_twenty_the_same_number_first(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    born = date(BORN, 3, 15)
    ids = [
        await make_student(system, province, f"m{at}", "A1-1", id_number=make_id(at), name="同名", birth_date=born)
        for at in range(25)
    ]
    twin = await make_student(system, province, "twin", "A2-1", id_number=make_id(0), name="别名", birth_date=born)
    await detect(system, *ids, twin)
    answer = await ask(
        "reviewerA",
        """{ problemRecords(within: "140105", first: 100) { nodes { student { id } candidates { studentId } } } }""",
    )
    found = {
        node["student"]["id"]: [int(one["studentId"].partition(":")[2]) for one in node["candidates"]]
        for node in answer["data"]["problemRecords"]["nodes"]
    }
    assert found[f"student:{ids[0]}"] == [twin, *sorted(ids[1:])[:19]]
    assert found[f"student:{twin}"] == [ids[0]]


async def test_a_closed_record_tells_nothing_of_a_pupil_who_has_left_the_area(
    ask: Ask, doubled: Province, system: asyncpg.Connection
) -> None:
    query = """{ problemRecords(within: "140105", where: {kind: {eq: ID_DUPLICATED}}) {
        nodes { state student { name } candidates { agreement { agrees } } } } }"""
    await system.execute(
        """UPDATE problem_records SET state = 'CLOSED', closed_at = now(), resolution = 'CAUSE_GONE'
           WHERE student_id = $1""",
        doubled.ids["p"],
    )
    closed, _ = sorted((await ask("reviewerA", query))["data"]["problemRecords"]["nodes"], key=lambda one: one["state"])
    assert closed["student"] == {"name": "双p"}
    assert len(closed["candidates"]) == 2
    elsewhere = await system.fetchrow("SELECT id, school_id, path FROM classes WHERE path = $1", doubled.paths["B1-1"])
    await system.execute(
        "UPDATE students SET path = $2, class_id = $3, school_id = $4 WHERE id = $1",
        doubled.ids["p"],
        elsewhere["path"],
        elsewhere["id"],
        elsewhere["school_id"],
    )
    closed, still = sorted(
        (await ask("reviewerA", query))["data"]["problemRecords"]["nodes"], key=lambda one: one["state"]
    )
    assert closed["candidates"] == []
    assert len(still["candidates"]) == 2


async def test_where_and_order_narrow_and_turn_the_queue(ask: Ask, doubled: Province) -> None:
    def names(answer: Any) -> list[str]:
        return [node["student"]["name"] for node in answer["data"]["problemRecords"]["nodes"]]

    oldest = names(await ask("prov", QUEUE))
    place = {"by": "PLACE"}
    assert len(oldest) == 4
    assert names(await ask("prov", QUEUE, {"order": [{"by": "FOUND_AT", "direction": "DESC"}]})) == oldest[::-1]
    where = {"kind": {"eq": "ID_INVALID"}}
    assert names(await ask("prov", QUEUE, {"order": [place], "where": where})) == ["错"]
    assert names(await ask("prov", QUEUE, {"order": [place], "where": {"state": {"in": ["CLOSED"]}}})) == []
    later = {"foundAt": {"gte": "2100-01-01T00:00:00+08:00"}}
    assert names(await ask("prov", QUEUE, {"order": [place], "where": later})) == []
    paged = """query($after: String) { problemRecords(orderBy: [{by: FOUND_AT, direction: DESC}], first: 1, after: $after) {
               nodes { student { name } } pageInfo { hasNextPage endCursor } } }"""
    turned, after = [], None
    for _ in range(4):
        answer = await ask("prov", paged, {"after": after})
        turned += names(answer)
        after = answer["data"]["problemRecords"]["pageInfo"]["endCursor"]
    assert turned == oldest[::-1]


IN_ORDER = """query($within: String, $down: Direction!, $after: String) {
    problemRecords(within: $within, first: 1, after: $after, orderBy: [{by: FOUND_AT, direction: $down}]) {
        totalCount nodes { id } pageInfo { hasNextPage endCursor } } }"""


@pytest.mark.parametrize("within", ["14", "1401", "140105", "140106", "14010", None])
@pytest.mark.parametrize("down", ["ASC", "DESC"])
async def test_the_queue_of_an_area_is_in_order_page_by_page(
    ask: Ask, doubled: Province, system: asyncpg.Connection, within: str | None, down: str
) -> None:
    await system.execute("UPDATE problem_records SET found_at = now() - (id % 3) * interval '1 day'")
    for caller, root in (("prov", "14"), ("countyA", "140105")):
        if within is not None and not within.startswith(root):
            continue
        rows = await system.fetch(
            f"SELECT id FROM problem_records WHERE path LIKE $1 || '%' ORDER BY found_at {down}, id {down}",
            within or root,
        )
        found: list[str] = []
        after, more = None, True
        while more:
            answer = await ask(caller, IN_ORDER, {"within": within, "down": down, "after": after})
            page = answer["data"]["problemRecords"]
            assert page["totalCount"] == len(rows)
            found += [node["id"] for node in page["nodes"]]
            after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        assert found == [f"problem:{row['id']}" for row in rows]


async def test_counts_are_the_rows_of_the_drill_down(ask: Ask, doubled: Province) -> None:
    query = """{ region(code: "14") { problemCounts { kind open } children(first: 1) { nodes { children { nodes {
        code problemCounts { kind open } problemRecords(where: {state: {in: [OPEN]}}) { totalCount nodes { kind } }
        schools { nodes { problemCounts { kind open } problemRecords(where: {state: {in: [OPEN]}}) { nodes { kind } } } }
        } } } } } }"""
    province = (await ask("prov", query))["data"]["region"]
    assert province["problemCounts"] == [{"kind": "ID_DUPLICATED", "open": 3}, {"kind": "ID_INVALID", "open": 1}]
    for county in province["children"]["nodes"][0]["children"]["nodes"]:
        for place in (county, *county["schools"]["nodes"]):
            kinds = [node["kind"] for node in place["problemRecords"]["nodes"]]
            assert {row["kind"]: row["open"] for row in place["problemCounts"]} == {k: kinds.count(k) for k in kinds}
    dash = await ask("dash", '{ region(code: "14") { problemCounts { kind open } problemRecords { totalCount } } }')
    assert dash["data"]["region"]["problemCounts"] == province["problemCounts"]
    assert dash["data"]["region"]["problemRecords"] is None


THREE_EDGES = """{ problemRecords(first: 50) { nodes { id candidates { inReach } } }
    region(code: "140105") { problemRecords(first: 50) { nodes { candidates { inReach office } } } }
    school(code: "2114000001") { students(first: 100) { nodes {
        problemRecords { nodes { other: candidates { agreement { agrees } } } } } } } }"""


async def test_fifty_records_by_three_edges_cost_one_candidate_statement(
    ask: Ask, province: Province, system: asyncpg.Connection, statements: list[str]
) -> None:
    ids = []
    for at in range(25):
        for short, where in ((f"m{at}", "A1-1"), (f"n{at}", "A2-1")):
            person = {"id_number": make_id(at), "name": f"名{short}", "birth_date": date(BORN, 3, 15)}
            ids.append(await make_student(system, province, short, where, **person))
    await detect(system, *ids)
    statements.clear()
    answer = await ask("reviewerA", THREE_EDGES)
    assert "errors" not in answer
    assert len([sql for sql in statements if "unnest" in sql and "json_agg" in sql]) == 1
    data = answer["data"]
    assert [len(node["candidates"]) for node in data["problemRecords"]["nodes"]] == [1] * 50
    assert [node["candidates"] for node in data["region"]["problemRecords"]["nodes"]] == [
        [{"inReach": True, "office": "小店区教育局"}]
    ] * 50
    own = [node["problemRecords"]["nodes"] for node in data["school"]["students"]["nodes"]]
    assert sum(len(records) for records in own) == 25
    assert all(len(record["other"][0]["agreement"]) == 6 for records in own for record in records)


async def test_a_batch_of_one_would_cost_fifty(app: Any, ask: Ask, doubled: Province, statements: list[str]) -> None:
    """The test above can fail: with batches of one, every record is a statement."""
    settings_ = app.state.hub.reader.settings
    object.__setattr__(settings_, "batch_limit", 1)
    try:
        statements.clear()
        await ask("reviewerA", QUEUE)
    finally:
        object.__setattr__(settings_, "batch_limit", 5_000)
    assert len([sql for sql in statements if "unnest" in sql and "json_agg" in sql]) == 3


async def test_a_queue_page_costs_at_most_four_statements(ask: Ask, doubled: Province, statements: list[str]) -> None:
    await ask("reviewerA", QUEUE)
    statements.clear()
    await ask("reviewerA", QUEUE)
    assert len(statements) <= 4, statements


async def test_what_looks_like_a_marker_stays_text(ask: Ask, province: Province, system: asyncpg.Connection) -> None:
    forged = '"@0123456789abcdef0123456789abcdef:1:1"'
    await make_student(system, province, "z", "A1-1", ancestral_place=forged)
    query = "query($id: ID!) { student(id: $id) { ancestralPlace problemRecords { nodes { candidates { name } } } } }"
    answer = await ask("schoolA1", query, {"id": f"student:{province.ids['z']}"})
    assert answer["data"]["student"] == {"ancestralPlace": forged, "problemRecords": {"nodes": []}}


async def test_identity_rules_are_those_of_the_desk(province: Province) -> None:
    assert SCHOOLS["A1"][1] == SCHOOL
    assert identity.verdict(make_id(3), today=TODAY) == []


async def test_in_a_planted_province_exactly_the_planted_problems_are_found(
    system: asyncpg.Connection, settings: Settings
) -> None:
    planted = await sample.plant(system, students=3_000, seed=11, today=TODAY)
    told: list[tuple[int, int]] = []
    await problems.detect_everywhere(settings, lambda done, of: told.append((done, of)))
    rows = await system.fetch(
        "SELECT r.kind, s.student_number FROM problem_records r JOIN students s ON s.id = r.student_id"
    )
    found = {(row["kind"], row["student_number"]) for row in rows}
    assert found == {(truth.kind, number) for truth in planted.truth for number in truth.student_numbers}
    assert len(found) == len(rows) > 50
    assert told[-1] == (3_000, 3_000)


ROOTS = [
    ("query($id: ID!) { problemRecord(id: $id) { kind } }", True),
    ('{ problemRecords(within: "140105") { totalCount } }', False),
]


@pytest.mark.parametrize(("query", "one"), ROOTS)
async def test_four_callers_of_the_roots(
    ask: Ask,
    http: httpx.AsyncClient,
    province: Province,
    system: asyncpg.Connection,
    record: int,
    query: str,
    one: bool,
) -> None:
    await make_caller(system, province, "reviewerB", [("reviewer", "140106")])
    before = await system.fetchval("SELECT count(*) FROM audit")

    async def raw(key: int, within: str = "140105") -> bytes:
        headers = {"authorization": f"Bearer {province.tokens['reviewerB']}"}
        body = {"query": query.replace("140105", within), "variables": {"id": f"problem:{key}"} if one else {}}
        return (await http.post("/graphql", json=body, headers=headers)).content

    given = {"id": f"problem:{record}"} if one else {}
    for caller, code in ((None, "UNAUTHENTICATED"), ("dash", "FORBIDDEN"), ("reviewerB", "NOT_FOUND")):
        answer = await ask(caller, query, given)
        assert [error["extensions"]["code"] for error in answer["errors"]] == [code]
    assert await raw(record) == await raw(999_999, "149999")
    assert await system.fetchval("SELECT count(*) FROM audit") == before + 4
    assert "errors" not in await ask("reviewerA", query, given)
    assert await system.fetchval("SELECT count(*) FROM audit") == before + 4
