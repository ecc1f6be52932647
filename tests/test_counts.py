"""The cube of counts against a recount in plain Python: after any writes, in any order, in any snapshot."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as modest
from hypothesis import strategies as st

from hub import counts, db
from hub.db import Database
from hub.postgres import Cluster
from hub.settings import Settings
from tests.conftest import Ask
from tests.province import CITY, COUNTY_A, COUNTY_B, PROVINCE, Province, make_caller, make_student
from tests.test_cli import run

MODERATE = modest(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
DIMENSIONS = ("school_year", "grade", "sex", "state")
Cube = dict[tuple[Any, ...], tuple[int, ...]]


def upward(path: str) -> list[str]:
    place, _, school = path.partition(".")
    return [place[:n] for n in (2, 4, 6) if n <= len(place)] + ([path] if school else [])


def spread(cube: Counter[Any], path: str, territory: str, dims: tuple[Any, ...], measures: list[int]) -> None:
    for axis, leaf in (("MANAGEMENT", path), ("TERRITORY", territory)):
        for place in upward(leaf):
            for name, number in zip(counts.MEASURES, measures, strict=True):
                cube[axis, place, *dims, name] += number


def plain(cube: Counter[Any]) -> dict[Any, int]:
    return {key: number for key, number in cube.items() if number}


async def recount(connection: asyncpg.Connection) -> dict[Any, int]:
    """The obvious count: look at every pupil in turn."""
    territories = {row["id"]: row["territory"] for row in await connection.fetch("SELECT * FROM schools")}
    records = await connection.fetch("SELECT * FROM problem_records")
    opened = Counter(row["student_id"] for row in records if row["state"] == "OPEN")
    cube: Counter[Any] = Counter()
    for pupil in await connection.fetch("SELECT * FROM students"):
        measures = [
            1,
            pupil["attendance_type"] == "2",
            bool(pupil["migrant_child"]),
            pupil["left_behind"] != "0",
            pupil["id_number"] is None,
            pupil["photo_file_id"] is None,
            opened[pupil["id"]],
        ]
        school = ".".join(pupil["path"].split(".")[:2])
        spread(cube, school, territories[pupil["school_id"]], tuple(pupil[name] for name in DIMENSIONS), measures)
    return plain(cube)


async def kept(connection: asyncpg.Connection) -> dict[Any, int]:
    """What the cells say, with what is not in them yet."""
    cube: Counter[Any] = Counter()
    for cell in await connection.fetch("SELECT * FROM count_cells"):
        for name in counts.MEASURES:
            cube[cell["axis"], cell["path"], *(cell[dim] for dim in DIMENSIONS), name] += cell[name]
    for delta in await connection.fetch("SELECT * FROM count_deltas"):
        dims = tuple(delta[name] for name in DIMENSIONS)
        spread(cube, delta["path"], delta["territory"], dims, [delta[name] for name in counts.MEASURES])
    for event in await connection.fetch(
        """SELECT s.*, d.open, h.territory FROM problem_deltas d JOIN students s ON s.id = d.student_id
           JOIN schools h ON h.id = s.school_id"""
    ):
        school = ".".join(event["path"].split(".")[:2])
        dims = tuple(event[name] for name in DIMENSIONS)
        spread(cube, school, event["territory"], dims, [0] * 6 + [event["open"]])
    return plain(cube)


async def exact(connection: asyncpg.Connection) -> None:
    """In one snapshot, the cube is what counting gives, by this file's oracle and by the hub's own."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        assert await kept(connection) == await recount(connection)
        assert await connection.fetch("SELECT * FROM differing_counts()") == []
        assert await totals(connection) == await added_up(connection)
        assert await connection.fetch("SELECT * FROM differing_totals()") == []


async def totals(connection: asyncpg.Connection) -> dict[Any, int]:
    """What the totals say."""
    return {
        (row["axis"], row["path"], row["state"], name): row[name]
        for row in await connection.fetch("SELECT * FROM count_totals")
        for name in counts.MEASURES
    }


async def added_up(connection: asyncpg.Connection) -> dict[Any, int]:
    """What the cells of each place and state add up to."""
    found: Counter[Any] = Counter()
    for cell in await connection.fetch("SELECT * FROM count_cells"):
        for name in counts.MEASURES:
            found[cell["axis"], cell["path"], cell["state"], name] += cell[name]
    return dict(found)


async def fold(connection: asyncpg.Connection, many: int = 1_000) -> int | None:
    found: int | None = await connection.fetchval("SELECT fold_counts($1)", many)
    return found


async def backlog(connection: asyncpg.Connection) -> tuple[int, int]:
    row = await connection.fetchrow("SELECT (SELECT count(*) FROM count_deltas), (SELECT count(*) FROM problem_deltas)")
    assert row is not None
    return tuple(row)


WRITES = {
    "promote": "UPDATE students SET grade = grade % 9 + 1 WHERE id % 5 = $1 % 5",
    "one": "UPDATE students SET grade = grade % 9 + 1, sex = CASE sex WHEN 'MALE' THEN 'FEMALE' ELSE 'MALE' END WHERE id = $1",
    "leave": "UPDATE students SET state = CASE state WHEN 'IN_SCHOOL' THEN 'SUSPENDED' ELSE 'IN_SCHOOL' END WHERE id = $1",
    "board": "UPDATE students SET attendance_type = CASE attendance_type WHEN '1' THEN '2' ELSE '1' END, migrant_child = NOT coalesce(migrant_child, false), left_behind = CASE left_behind WHEN '0' THEN '1' ELSE '0' END WHERE id = $1",
    "number": "UPDATE students SET id_number = CASE WHEN id_number IS NULL THEN '14010520150315001X' END WHERE id = $1",
    "plain": "UPDATE students SET phone = '13800138001', version = version + 1 WHERE id % 3 = $1 % 3",
    "year": "UPDATE students SET school_year = school_year + 1 WHERE id = $1",
    "move": """UPDATE students s SET school_id = c.school_id, class_id = c.id, path = c.path, grade = c.grade
               FROM (SELECT * FROM classes ORDER BY (id * 7919 + $1) % 13, id LIMIT 1) AS c WHERE s.id = $1""",
    "open": "INSERT INTO problem_records (student_id, kind, path, cause) SELECT id, 'ID_INVALID', path, '\\x00' FROM students WHERE id = $1 ON CONFLICT DO NOTHING",
    "settle": "UPDATE problem_records SET state = 'CLOSED', closed_at = now(), resolution = 'EVIDENCE' WHERE student_id = $1 AND state = 'OPEN'",
    "detect": "SELECT detect_problems(ARRAY[$1::bigint], ARRAY(SELECT id FROM students WHERE id = $1 AND id_number IS NOT NULL))",
    "territory": "UPDATE schools SET territory = CASE territory WHEN '140105' THEN '140106' ELSE '140105' END WHERE id = (SELECT school_id FROM students WHERE id = $1)",
    "class number": "UPDATE schools SET last_class_number = last_class_number + 1 WHERE id = (SELECT school_id FROM students WHERE id = $1)",
}
GONE = (
    "DELETE FROM problem_records WHERE student_id = $1",
    "DELETE FROM guardians WHERE student_id = $1",
    "DELETE FROM placements WHERE student_id = $1",
    "DELETE FROM students WHERE id = $1",
)


# What two who write the same pupil at once may hear; the last is a number taken away while it is being judged.
CROSSED = (
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,
    asyncpg.ForeignKeyViolationError,
    asyncpg.LockNotAvailableError,
    asyncpg.NotNullViolationError,
)


async def write(connection: asyncpg.Connection, what: str, pupil: int) -> None:
    for statement in GONE if what == "delete" else (WRITES[what],):
        await connection.execute(statement, pupil)


async def pupils(connection: asyncpg.Connection) -> list[int]:
    return [row["id"] for row in await connection.fetch("SELECT id FROM students ORDER BY id")]


DEEDS = st.lists(st.tuples(st.sampled_from([*WRITES, "delete", "fold", "some"]), st.integers(0, 23)), max_size=14)


@MODERATE
@given(deeds=DEEDS)
async def test_the_cube_is_a_recount_after_any_writes(
    province: Province, system: asyncpg.Connection, deeds: list[tuple[str, int]]
) -> None:
    change = system.transaction()
    await change.start()
    try:
        for what, at in deeds:
            there = await pupils(system)
            if what in ("fold", "some"):
                await fold(system, 1_000 if what == "fold" else 3)
            elif there:
                await write(system, what, there[at % len(there)])
            assert await kept(system) == await recount(system), what
        assert await system.fetch("SELECT * FROM differing_counts()") == []
    finally:
        await change.rollback()


@pytest.fixture
async def others(settings: Settings) -> AsyncIterator[list[asyncpg.Connection]]:
    connections = [await db.system_door(settings).connect() for _ in range(10)]
    yield connections
    for connection in connections:
        await connection.close()


async def test_the_cube_is_a_recount_in_every_snapshot_while_others_write_and_fold(
    province: Province, system: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    chance, done, ended = random.Random(2013), Counter[str](), asyncio.Event()
    everybody = await pupils(system)

    async def clerk(connection: asyncpg.Connection, seed: int) -> None:
        own = random.Random(seed)
        for _ in range(60):
            change = connection.transaction()
            await change.start()
            try:
                for _ in range(own.randint(1, 3)):
                    what = own.choice(
                        [*WRITES, "open", "settle", "one", "move", "delete" if own.random() < 0.2 else "open"]
                    )
                    await write(connection, what, own.choice(everybody))
                    await asyncio.sleep(own.random() / 200)
            except CROSSED as error:
                await change.rollback()
                done[type(error).__name__] += 1
                continue
            kept = own.random() < 0.8
            await (change.commit() if kept else change.rollback())
            done["committed" if kept else "undone"] += 1

    async def folder(connection: asyncpg.Connection) -> None:
        while not ended.is_set():
            change = connection.transaction()
            await change.start()
            folded = await fold(connection, chance.choice([2, 10, 1_000]))
            await (change.rollback() if chance.random() < 0.2 else change.commit())
            done["folds"] += bool(folded)
            await asyncio.sleep(chance.random() / 100)

    async def reader(connection: asyncpg.Connection) -> None:
        while not ended.is_set():
            await exact(connection)
            done["looks"] += 1

    rest = [asyncio.create_task(folder(one)) for one in others[:2]]
    rest += [asyncio.create_task(reader(one)) for one in others[2:4]]
    try:
        await asyncio.gather(*(clerk(one, seed) for seed, one in enumerate(others[4:])))
    finally:
        ended.set()
        await asyncio.gather(*rest)
    await exact(system)
    while await fold(system):
        pass
    assert await backlog(system) == (0, 0)
    await exact(system)
    assert done["committed"] > 100
    assert done["folds"] > 10
    assert done["looks"] > 10


@pytest.mark.parametrize("first", ["finder", "mover"])
@pytest.mark.parametrize("folds", [(), (1,), (2,), (1, 2, 3)])
async def test_a_record_found_while_its_pupil_moves_is_counted_where_the_pupil_is(
    province: Province, system: asyncpg.Connection, others: list[asyncpg.Connection], first: str, folds: tuple[int, ...]
) -> None:
    pupil = province.ids["a1-1-1"]
    await fold(system)
    changes = {"finder": ("open", others[0]), "mover": ("one", others[1])}
    begun = []
    for what, connection in changes.values():
        change = connection.transaction()
        await change.start()
        await asyncio.wait_for(write(connection, what, pupil), 30)
        begun.append(change)
        if 1 in folds:
            await fold(system)
    for at, change in enumerate(begun if first == "finder" else reversed(begun)):
        await change.commit()
        await exact(system)
        if 2 + at in folds:
            await fold(system)
            await exact(system)
    await fold(system)
    await exact(system)
    grade, sex = await system.fetchrow("SELECT grade, sex FROM students WHERE id = $1", pupil)
    cells = "SELECT grade, sex, open_problems FROM count_cells WHERE axis = 'TERRITORY' AND path = '14' AND open_problems <> 0"
    assert [tuple(row) for row in await system.fetch(cells)] == [(grade, sex, 1)]


async def test_two_finders_who_hold_each_others_pupil_do_not_wait_in_a_circle(
    province: Province, system: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    one, two = others[:2]
    ids = [province.ids["a1-1-1"], province.ids["b1-1-1"]]
    await system.execute("UPDATE students SET name = '同名', id_number = NULL WHERE id = ANY ($1)", ids)
    first, second = one.transaction(), two.transaction()
    await first.start()
    await second.start()
    await write(one, "board", ids[0])
    await write(two, "board", ids[1])
    await one.execute("SELECT detect_problems($1, '{}')", ids[:1])
    waiting = asyncio.create_task(two.execute("SELECT detect_problems($1, '{}')", ids[1:]))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await first.commit()
    await waiting
    await exact(system)
    assert await fold(system)
    await second.commit()
    await exact(system)
    await fold(system)
    await exact(system)


async def test_an_update_of_nothing_counted_appends_nothing(province: Province, system: asyncpg.Connection) -> None:
    await fold(system)
    await system.execute(
        "UPDATE students SET phone = '13800138002', name = name || '甲', name_terms = '{}', version = version + 1"
    )
    await system.execute("UPDATE students SET state = state, grade = grade, migrant_child = false")
    await system.execute("UPDATE schools SET last_class_number = last_class_number + 1, phone = '1'")
    await system.execute("UPDATE problem_records SET version = version + 1")
    assert await backlog(system) == (0, 0)


COPIED = """INSERT INTO students ({columns}) SELECT {values} FROM students s CROSS JOIN generate_series(1, 2000) AS n
            WHERE s.id = $1"""


async def test_two_thousand_new_pupils_append_a_few_deltas(province: Province, system: asyncpg.Connection) -> None:
    await fold(system)
    names = [
        row["attname"]
        for row in await system.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'students'::regclass AND attnum > 0 AND attname <> 'id'"
        )
    ]
    made = {"student_number": "'L140105' || 9000000000 + n || '00'", "grade": "n % 6 + 1"}
    values = ", ".join(made.get(name, f"s.{name}") for name in names)
    await system.execute(COPIED.format(columns=", ".join(names), values=values), province.ids["a1-1-1"])
    assert await backlog(system) == (6, 0)
    await exact(system)
    await system.execute("UPDATE students SET sex = 'FEMALE' WHERE school_id = $1", province.ids["A1"])
    assert (await backlog(system))[0] <= 6 + 14
    await exact(system)


async def test_a_fold_that_is_undone_loses_nothing(province: Province, system: asyncpg.Connection) -> None:
    await write(system, "open", province.ids["a1-1-1"])
    before = await backlog(system), await kept(system)
    assert min(before[0]) > 0
    change = system.transaction()
    await change.start()
    assert await fold(system)
    assert await backlog(system) == (0, 0)
    await change.rollback()
    assert (await backlog(system), await kept(system)) == before
    await exact(system)


async def test_only_one_folds_at_a_time(
    province: Province, system: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    change = others[0].transaction()
    await change.start()
    assert await fold(others[0])
    assert await fold(system) is None
    await change.commit()
    assert await fold(system) == 0


async def test_cells_without_pupils_are_gone(province: Province, system: asyncpg.Connection) -> None:
    await fold(system)
    assert await system.fetchval("SELECT count(*) FROM count_cells") > 0
    for pupil in await pupils(system):
        await write(system, "open", pupil)
        await fold(system)
        await write(system, "delete", pupil)
    while await fold(system):
        pass
    for table in ("count_cells", "count_totals", "count_deltas", "problem_deltas", "problem_tallies"):
        assert await system.fetchval(f"SELECT count(*) FROM {table}") == 0, table


COUNT = "headcounts(by: %s, groupBy: []) { students openProblems }"
BOTH = f"code management: {COUNT % 'MANAGEMENT'} territory: {COUNT % 'TERRITORY'}"


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


async def test_a_pupil_who_comes_while_the_school_changes_territory_is_counted_there(
    province: Province, system: asyncpg.Connection, others: list[asyncpg.Connection]
) -> None:
    change = others[0].transaction()
    await change.start()
    await make_student(others[0], province, "late", "C1-1")
    moving = asyncio.create_task(
        others[1].execute("UPDATE schools SET territory = $2 WHERE id = $1", province.ids["C1"], COUNTY_B)
    )
    await asyncio.sleep(0.1)
    assert not moving.done()
    await change.commit()
    await moving
    await exact(system)
    await fold(system)
    await exact(system)


ROOT = "{ headcounts(groupBy: [%s], by: %s) { students boarding openProblems %s } }"


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


async def test_the_hub_folds_in_the_background_and_survives_a_fold_that_fails(
    province: Province, system: asyncpg.Connection, settings: Settings
) -> None:
    await system.execute("CREATE TEMP TABLE unused (id int)")
    database = Database(replace(settings, fold_seconds=0.01))
    owner = await asyncpg.connect(settings.database_url)
    async with database, counts.folding(database):
        await owner.execute("ALTER FUNCTION fold_counts(integer) RENAME TO fold_counts_away")
        await write(system, "open", province.ids["a1-1-1"])
        await asyncio.sleep(0.1)
        await owner.execute("ALTER FUNCTION fold_counts_away(integer) RENAME TO fold_counts")
        for _ in range(200):
            if await backlog(system) == (0, 0):
                break
            await asyncio.sleep(0.02)
    await owner.close()
    assert await backlog(system) == (0, 0)
    await exact(system)


async def test_verify_tells_what_differs_and_mends_it(
    province: Province, system: asyncpg.Connection, settings: Settings, tmp_path: Path, cluster: Cluster
) -> None:
    await write(system, "open", province.ids["a1-1-1"])
    await fold(system)
    assert run(settings, tmp_path, "verify", "counts")[0] == 0
    await system.execute("UPDATE count_cells SET students = students + 2 WHERE axis = 'MANAGEMENT' AND path = '1401'")
    await system.execute("DELETE FROM count_cells WHERE axis = 'TERRITORY' AND path = '140105'")
    await system.execute("UPDATE problem_tallies SET open = 7")
    await system.execute("UPDATE count_totals SET boarding = 77 WHERE axis = 'TERRITORY' AND path = '140106'")
    await system.execute("INSERT INTO count_totals VALUES ('15', 'MANAGEMENT', 'DEAD', 1, 0, 0, 0, 0, 0, 0)")
    code, said = run(settings, tmp_path, "verify", "counts")
    assert code == 1
    assert "MANAGEMENT 1401 " in said
    assert "TERRITORY 140105 " in said
    assert "MANAGEMENT 140105 " not in said
    assert "TERRITORY 140106 IN_SCHOOL: boarding 77≠0" in said
    assert "MANAGEMENT 15 DEAD: students 1≠0" in said
    assert run(settings, tmp_path, "verify", "counts", "--mend")[0] == 0
    await write(system, "one", province.ids["a1-1-1"])
    await exact(system)
    assert run(settings, tmp_path, "verify", "counts")[0] == 0


async def test_everything_is_folded_after_a_load(
    province: Province, system: asyncpg.Connection, settings: Settings
) -> None:
    await write(system, "open", province.ids["a1-1-1"])
    found = sum(await backlog(system))
    assert await counts.fold(settings) >= found
    assert await backlog(system) == (0, 0)
    assert await counts.differences(settings) == []
