"""Paths against foreign keys: a healthy register differs nowhere; every damage is found and mended, the past is kept."""

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hub import counts, outbox, path_check, sample
from hub.models import Base
from hub.path_check import CHECKS
from hub.settings import Settings
from tests.province import Province, make_day
from tests.test_cli import run

DAMAGED = "99"
DERIVED = [(check.table, check.column) for check in CHECKS if check.should]
PAST = [
    ("placements", "until = '2025-01-01', ended_by = 'TRANSFER'"),
    ("placements", "voided_at = now()"),
    ("student_versions", "recorded_until = recorded_from + interval '1 day'"),
    ("place_versions", "until = since + 1"),
    ("school_versions", "until = since + 1"),
    ("problem_records", "state = 'CLOSED', closed_at = now(), resolution = 'EVIDENCE'"),
    ("grants", "until = since + interval '1 microsecond'"),
    ("class_days", "version = 1"),
    ("absences", "note = NULL"),
]


def silent(*_: object) -> None:
    """No progress is shown."""


@pytest.fixture
async def whole(system: asyncpg.Connection, province: Province) -> Province:
    """The small province with a row in every table that carries a path."""
    await system.execute(
        """INSERT INTO place_versions (place_id, name, parent_id, path, since)
           SELECT id, name, parent_id, path, since FROM places"""
    )
    await system.execute(
        """INSERT INTO school_versions (school_id, name, type, founder, licensed, place_id, path, located_in_id,
               territory, since)
           SELECT id, name, type, founder, licensed, place_id, path, located_in_id, territory, since FROM schools"""
    )
    await system.execute("INSERT INTO campuses (school_id, path, name) SELECT id, path, '东校区' FROM schools")
    await system.execute(
        """INSERT INTO grades (school_id, path, stage, number, school_year, name)
           SELECT id, path, 'PRIMARY', 1, 2025, '一年级' FROM schools"""
    )
    await system.execute(
        """INSERT INTO student_versions (student_id, effective, path, school_year, grade, sex, state, boarding, migrant,
               left_behind, without_id)
           SELECT id, '2024-09-01', path, school_year, grade, sex, state, false, false, false, false FROM students"""
    )
    await system.execute(
        """INSERT INTO problem_records (student_id, kind, path, cause)
           SELECT id, 'ID_INVALID', path, '\\x00' FROM students"""
    )
    await make_day(system, province, "A1-1", date(2025, 3, 3), a1_1_1="LATE")
    return province


async def differing(settings: Settings) -> dict[tuple[str, str], int]:
    found = await path_check.compare(settings, silent)
    return {(each.check.table, each.check.column): each.rows for each in found}


async def damage(system: asyncpg.Connection, table: str, column: str = "path", where: str = "true") -> int:
    said = await system.execute(f"UPDATE {table} SET {column} = '{DAMAGED}' WHERE {where}")
    return int(said.removeprefix("UPDATE "))


async def test_a_healthy_province_differs_nowhere(settings: Settings, whole: Province) -> None:
    assert await differing(settings) == {}
    assert await path_check.mend(settings, silent) == {}


async def test_a_planted_sample_differs_nowhere(settings: Settings, system: asyncpg.Connection) -> None:
    await sample.plant(system, students=1500, seed=7, today=date(2013, 10, 20))
    assert await differing(settings) == {}


async def test_a_pupil_without_a_class_lies_at_the_school(
    settings: Settings, system: asyncpg.Connection, province: Province
) -> None:
    pupil, school = province.ids["a1-1-1"], province.paths["A1"]
    for table, key in (("students", "id"), ("placements", "student_id")):
        await system.execute(f"UPDATE {table} SET class_id = NULL, path = $2 WHERE {key} = $1", pupil, school)
    assert await differing(settings) == {}


@pytest.mark.parametrize(("table", "column"), DERIVED)
async def test_every_damage_is_found_and_mended(
    settings: Settings, system: asyncpg.Connection, whole: Province, table: str, column: str
) -> None:
    before = await system.fetch(f"SELECT * FROM {table} ORDER BY id")
    many = await damage(system, table, column)
    assert many == len(before) > 0
    (found,) = await path_check.compare(settings, silent)
    assert (found.check.table, found.check.column, found.rows) == (table, column, many)
    wanted = [(str(row["id"]), DAMAGED, row[column]) for row in before]
    assert sorted(found.first, key=lambda row: int(row[0])) == wanted
    assert await path_check.mend(settings, silent) == {f"{table}.{column}": many}
    assert await system.fetch(f"SELECT * FROM {table} ORDER BY id") == before
    assert await differing(settings) == {}


async def test_damage_everywhere_is_mended_in_one_go_and_told_once(
    settings: Settings, system: asyncpg.Connection, whole: Province
) -> None:
    damaged = {f"{table}.{column}": await damage(system, table, column) for table, column in DERIVED}
    assert await path_check.mend(settings, silent) == damaged
    assert await differing(settings) == {}
    assert await counts.differences(settings) == []
    entry = await system.fetchrow("SELECT action, outcome, account_id, facts FROM audit")
    assert tuple(entry)[:3] == ("register:mend", "ACCEPTED", None)
    (event,) = await outbox.tail(system, None, 10)
    assert event.kind == "PATHS_MENDED"
    assert await path_check.mend(settings, silent) == {}
    assert await system.fetchval("SELECT count(*) FROM audit") == 1


async def test_a_county_that_moved_takes_everything_below_it_along(
    settings: Settings, system: asyncpg.Connection, whole: Province
) -> None:
    """The foreign key is the truth: a school that changed hands moves its classes and pupils, not their past."""
    county = whole.ids["140106"]
    await system.execute("UPDATE schools SET place_id = $1 WHERE code = '2114000001'", county)
    await path_check.mend(settings, silent)
    moved = "140106.2114000001"
    assert await system.fetchval("SELECT path FROM schools WHERE code = '2114000001'") == moved
    rows = await system.fetch("SELECT path FROM students WHERE school_id = $1", whole.ids["A1"])
    assert {row["path"] for row in rows} == {f"{moved}.0000001", f"{moved}.0000002"}
    assert await system.fetchval("SELECT path FROM class_days") == whole.paths["A1-1"]


@pytest.mark.parametrize(("table", "ended"), PAST)
async def test_facts_of_the_past_are_not_touched(
    settings: Settings, system: asyncpg.Connection, whole: Province, table: str, ended: str
) -> None:
    await system.execute(f"UPDATE {table} SET {ended}")
    await damage(system, table)
    assert await differing(settings) == {}
    assert await path_check.mend(settings, silent) == {}
    assert await system.fetchval(f"SELECT count(*) FROM {table} WHERE path <> '{DAMAGED}'") == 0


async def test_a_place_under_a_parent_of_another_code_is_told_and_left(
    settings: Settings, system: asyncpg.Connection, province: Province
) -> None:
    county = province.ids["140105"]
    await system.execute("UPDATE places SET parent_id = $2 WHERE id = $1", county, province.ids["140106"])
    assert await path_check.mend(settings, silent) == {}
    (found,) = await path_check.compare(settings, silent)
    assert found.first == [(str(county), "140105", None)]


@pytest.mark.parametrize("table", [check.table for check in CHECKS if not (check.should or check.wrong)])
async def test_a_past_path_out_of_shape_would_be_told(system: asyncpg.Connection, table: str) -> None:
    (check,) = [check for check in CHECKS if check.table == table and not (check.should or check.wrong)]
    keys = "id, class_day_id, student_id, import_id, ordinal"
    stand_in = f"(VALUES (1, 1, 1, 1, 1, '14'), (2, 2, 2, 2, 2, 'nowhere')) AS t ({keys}, {check.column})"
    rows = await system.fetch(check.differing.replace(f"FROM {table} t", f"FROM {stand_in}"))
    assert [(row["held"], row["should"]) for row in rows] == [("nowhere", None)]


def test_every_table_with_a_path_is_held_against_something() -> None:
    placed = {table.name for table in Base.metadata.tables.values() if "path" in table.c}
    # Counts are held against the register by `hub verify counts`.
    assert {check.table for check in CHECKS} == placed - {
        "audit",
        "outbox",
        "count_cells",
        "count_deltas",
        "count_totals",
    }


async def test_long_lists_are_cut_and_still_counted(
    settings: Settings, system: asyncpg.Connection, whole: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path_check, "LISTED", 2)
    many = await damage(system, "students")
    (found,) = [each for each in await path_check.compare(settings, silent) if each.check.table == "students"]
    assert (found.rows, len(found.first)) == (many, 2)


async def test_a_row_that_somebody_is_moving_is_left_to_them(
    settings: Settings, system: asyncpg.Connection, whole: Province
) -> None:
    await damage(system, "students", where="id = " + str(whole.ids["a1-1-1"]))
    moving = system.transaction()
    await moving.start()
    where: Any = ("UPDATE students SET path = $2, class_id = $3 WHERE id = $1", whole.ids["a1-1-1"])
    await system.execute(*where, whole.paths["A1-2"], whole.ids["A1-2"])
    mending = asyncio.create_task(path_check.mend(settings, silent))
    await asyncio.sleep(0.5)
    await moving.commit()
    assert "students.path" not in await mending
    kept = await system.fetchval("SELECT path FROM students WHERE id = $1", whole.ids["a1-1-1"])
    assert kept == whole.paths["A1-2"]


async def test_the_command_lists_ids_and_paths_and_mends(
    settings: Settings, system: asyncpg.Connection, whole: Province, tmp_path: Path
) -> None:
    code, said = run(settings, tmp_path, "verify", "paths")
    assert (code, "differ: 0" in said) == (0, True), said
    pupil = whole.ids["a1-1-1"]
    await damage(system, "students", where=f"id = {pupil}")
    code, said = run(settings, tmp_path, "verify", "paths")
    assert code == 1
    assert all(told in said for told in ("students", str(pupil), DAMAGED, whole.paths["A1-1"], "differ: 1"))
    assert "名a1-1-1" not in said
    code, said = run(settings, tmp_path, "verify", "paths", "--mend")
    assert (code, "Mended: 1" in said, "differ: 0" in said) == (0, True, True), said
    assert await differing(settings) == {}
