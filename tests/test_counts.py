"""The cube of counts against a recount in plain Python: after any writes, in any order, in any snapshot."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as modest
from hypothesis import strategies as st

from hub import counts, db
from hub.db import Database
from hub.postgres import Cluster
from hub.settings import Settings
from tests.cube import WRITES, backlog, exact, fold, kept, pupils, recount, write
from tests.province import COUNTY_B, Province, make_student
from tests.test_cli import run

MODERATE = modest(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
DEEDS = st.lists(st.tuples(st.sampled_from([*WRITES, "delete", "fold", "some"]), st.integers(0, 23)), max_size=14)

# What two who write the same pupil at once may hear; the last is a number taken away while it is being judged.
CROSSED = (
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,
    asyncpg.ForeignKeyViolationError,
    asyncpg.LockNotAvailableError,
    asyncpg.NotNullViolationError,
)


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
        for _ in range(1_500):
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
