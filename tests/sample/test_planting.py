import hashlib
from collections import defaultdict
from datetime import date
from pathlib import Path

import asyncpg
import pytest

from hub import divisions, identity, names, paths, sample
from hub.codes import lists

TODAY = date(2013, 10, 20)
PUPILS = 1500


async def planted(system: asyncpg.Connection, **changes: int) -> sample.Planted:
    return await sample.plant(system, **({"students": PUPILS, "seed": 7} | changes), today=TODAY)


async def digest(system: asyncpg.Connection) -> str:
    """All that was planted without keys and moments, as one hash."""
    queries = (
        "SELECT code, level, path, name, name_key, office, office_phone FROM places ORDER BY code",
        "SELECT (to_jsonb(s) - '{id,place_id,located_in_id,parent_id}'::text[])::text FROM schools s ORDER BY code",
        "SELECT (to_jsonb(c) - '{id,school_id,campus_id}'::text[])::text FROM classes c ORDER BY path",
        """SELECT (to_jsonb(s) - '{id,school_id,class_id,actual_school_id,created_at,updated_at}'::text[])::text
           FROM students s ORDER BY student_number""",
        """SELECT student_number, (to_jsonb(g) - 'student_id')::text
           FROM guardians g JOIN students s ON s.id = student_id ORDER BY 1, 2""",
        """SELECT student_number, p.path, p.grade, since, until, began_by, ended_by
           FROM placements p JOIN students s ON s.id = student_id ORDER BY 1, since""",
    )
    hashed = hashlib.sha256()
    for query in queries:
        hashed.update(repr([tuple(row) for row in await system.fetch(query)]).encode())
    return hashed.hexdigest()


async def count(system: asyncpg.Connection, query: str) -> int:
    found = await system.fetchval(f"SELECT count(*) FROM {query}")
    assert isinstance(found, int)
    return found


async def wipe(system: asyncpg.Connection) -> None:
    planted = ("placements", "guardians", "students", "classes", "grades", "campuses", "schools")
    versioned = ("student_versions", "class_grades", "school_stages", "school_versions")
    for table in (*versioned, *planted):
        await system.execute(f"DELETE FROM {table}")


async def test_exactly_the_pupils_asked_for_are_planted_in_two_cities(system: asyncpg.Connection) -> None:
    told: list[tuple[str, int, int]] = []
    found = await sample.plant(
        system, students=PUPILS, seed=7, today=TODAY, progress=lambda *told_now: told.append(told_now)
    )
    assert await count(system, "students") == found.students == PUPILS
    assert await count(system, "places") == await count(system, "place_versions") == found.places == 131
    assert await count(system, "(SELECT DISTINCT left(territory, 4) FROM schools)") == 2
    assert told[-1] == ("students", PUPILS, PUPILS)


async def test_a_register_with_schools_is_refused_and_left_as_it_was(system: asyncpg.Connection) -> None:
    await planted(system)
    with pytest.raises(sample.NotEmpty):
        await planted(system, seed=8)
    assert await count(system, "students") == PUPILS


async def test_too_few_pupils_are_refused(system: asyncpg.Connection) -> None:
    with pytest.raises(ValueError, match="1000"):
        await planted(system, students=999)


async def test_the_same_seed_plants_the_same_province_and_another_seed_another(system: asyncpg.Connection) -> None:
    first = await planted(system)
    hashed = await digest(system)
    await wipe(system)
    again = await planted(system)
    assert again == first
    assert await digest(system) == hashed
    await wipe(system)
    await planted(system, seed=8)
    assert await digest(system) != hashed


async def test_the_truth_is_exactly_what_a_slow_detection_finds(system: asyncpg.Connection, tmp_path: Path) -> None:
    for seed in (7, 8, 9):
        await wipe(system)
        found = await planted(system, students=4000, seed=seed)
        assert {(truth.kind, truth.student_numbers) for truth in found.truth} == await detected(system)
        assert len({(truth.kind, truth.student_numbers) for truth in found.truth}) == len(found.truth)
    held = {number for truth in found.truth for number in truth.student_numbers}
    assert 0.02 <= len(held) / 4000 <= 0.05
    found.write_truth(tmp_path / "truth.csv")
    written = (tmp_path / "truth.csv").read_text().splitlines()
    assert written[0] == "kind,student_numbers,detail"
    assert len(written) == len(found.truth) + 1


async def detected(system: asyncpg.Connection) -> set[tuple[str, tuple[str, ...]]]:
    """Problems found by looking at every pupil, by the definitions alone."""
    rows = await system.fetch("SELECT student_number, name, sex, birth_date, id_number FROM students")
    numbers, people = defaultdict(list), defaultdict(list)
    found = set()
    for row in rows:
        people[row["name"], row["sex"], row["birth_date"]].append(row)
        if row["id_number"] is not None:
            numbers[row["id_number"]].append(row)
            if identity.verdict(row["id_number"], today=TODAY):
                found.add(("ID_INVALID", (row["student_number"],)))
    found |= {("ID_DUPLICATED", listed(group)) for group in numbers.values() if len(group) > 1}
    return found | {
        ("NAME_SEX_BIRTH", listed(group))
        for group in people.values()
        if len(group) > 1 and any(row["id_number"] is None for row in group)
    }


def listed(group: list[asyncpg.Record]) -> tuple[str, ...]:
    return tuple(sorted(row["student_number"] for row in group))


async def test_problems_reach_across_schools_counties_and_cities(system: asyncpg.Connection) -> None:
    found = await planted(system, students=6000)
    details = {(truth.kind, truth.detail.split(";")[0]) for truth in found.truth}
    for scope in ("same school", "other school, same county", "other county, same city", "other city"):
        assert {("ID_DUPLICATED", scope), ("NAME_SEX_BIRTH", scope)} <= details
    where = {
        row["student_number"]: row["path"] for row in await system.fetch("SELECT student_number, path FROM students")
    }
    for truth in found.truth:
        at = {where[number] for number in truth.student_numbers}
        if truth.detail.startswith("same school"):
            assert len({path.rsplit(".", 1)[0] for path in at}) == 1
        if truth.detail.startswith("other city"):
            territories = {number[1:5] for number in truth.student_numbers}
            assert len(territories) > 1


async def test_sound_numbers_agree_with_sex_and_birth_date(system: asyncpg.Connection) -> None:
    found = await planted(system)
    invalid = {truth.student_numbers[0] for truth in found.truth if truth.kind == "ID_INVALID"}
    rows = await system.fetch("SELECT student_number, sex, birth_date, id_number, id_type FROM students")
    for row in rows:
        assert (row["id_number"] is None) == (row["id_type"] == "Z") == (row["student_number"][0] == "J")
        assert row["student_number"][1:] != row["id_number"]
        if row["id_number"] is not None and row["student_number"] not in invalid:
            agreed = {"sex": row["sex"], "birth_date": row["birth_date"], "today": TODAY}
            assert identity.verdict(row["id_number"], **agreed) == []


async def test_a_pupil_without_a_number_has_guardians_with_numbers(system: asyncpg.Connection) -> None:
    await planted(system)
    lacking = (
        "guardians g JOIN students s ON s.id = g.student_id WHERE s.id_number IS NULL AND "
        "(g.id_number IS NULL OR g.id_type IS DISTINCT FROM '1')"
    )
    assert await count(system, lacking) == 0
    assert await count(system, "students WHERE id_number IS NULL") >= 5
    assert await count(system, "students s WHERE NOT EXISTS (SELECT FROM guardians WHERE student_id = s.id)") == 0
    for row in await system.fetch("SELECT id_number FROM guardians WHERE id_number IS NOT NULL"):
        assert identity.verdict(row["id_number"], today=TODAY, ages=(18, 90)) == []


async def test_every_path_follows_from_the_keys(system: asyncpg.Connection) -> None:
    await planted(system)
    wrong = (
        "places p LEFT JOIN places up ON up.id = p.parent_id WHERE p.path <> p.code OR left(p.code, -2) <> up.code",
        "schools s JOIN places p ON p.id = s.place_id WHERE s.path <> p.path || '.' || s.code",
        "schools s JOIN places p ON p.id = s.located_in_id WHERE s.territory <> p.path OR p.level <> 'COUNTY'",
        "classes c JOIN schools s ON s.id = c.school_id WHERE c.path <> s.path || '.' || c.number",
        "students t JOIN classes c ON c.id = t.class_id WHERE t.path <> c.path OR t.school_id <> c.school_id",
        "placements l JOIN classes c ON c.id = l.class_id WHERE l.path <> c.path OR l.school_id <> c.school_id",
        "grades g JOIN schools s ON s.id = g.school_id WHERE g.path <> s.path",
        "campuses g JOIN schools s ON s.id = g.school_id WHERE g.path <> s.path",
        """student_versions v JOIN students t ON t.id = v.student_id
           WHERE (v.path, v.grade, v.sex, v.state) <> (t.path, t.grade, t.sex, t.state)""",
    )
    for query in wrong:
        assert await count(system, query) == 0, query
    levels = {row["path"]: row["level"] for row in await system.fetch("SELECT path, level FROM places")}
    assert [sorted(levels.values()).count(word) for word in ("PROVINCE", "CITY", "COUNTY")] == [1, 11, 119]
    for row in await system.fetch("SELECT path FROM students UNION SELECT path FROM schools"):
        assert paths.is_path(row["path"])


async def test_everybody_has_one_active_placement_that_the_record_repeats(system: asyncpg.Connection) -> None:
    await planted(system)
    active = (
        "students s JOIN placements p ON p.student_id = s.id AND until IS NULL "
        "WHERE (s.path, s.grade, s.school_year) = (p.path, p.grade, p.school_year)"
    )
    assert await count(system, active) == PUPILS
    assert await count(system, "student_versions WHERE recorded_until IS NULL") == PUPILS
    earlier = await system.fetch(
        "SELECT p.ended_by, p.grade, p.until, p.school_id, s.grade AS now, s.school_id AS here FROM placements p "
        "JOIN students s ON s.id = p.student_id WHERE until IS NOT NULL"
    )
    assert 0.01 < len(earlier) / PUPILS < 0.1
    for row in earlier:
        assert (row["ended_by"], row["grade"], row["until"]) == ("TRANSFER", row["now"] - 1, date(2013, 9, 1))
        assert row["school_id"] != row["here"]


async def test_classes_are_numbered_from_one_and_teach_their_pupils_grades(system: asyncpg.Connection) -> None:
    await planted(system)
    numbered = (
        "schools s WHERE last_class_number <> (SELECT count(*) FROM classes WHERE school_id = s.id) OR "
        "last_class_number <> coalesce((SELECT max(number)::int FROM classes WHERE school_id = s.id), 0)"
    )
    assert await count(system, numbered) == 0
    untaught = (
        "students s WHERE NOT EXISTS (SELECT FROM class_grades g WHERE g.class_id = s.class_id AND "
        "g.grade = s.grade AND g.school_year = 2013)"
    )
    assert await count(system, untaught) == 0
    ungraded = (
        "class_grades g JOIN classes c ON c.id = g.class_id WHERE NOT EXISTS (SELECT FROM grades WHERE "
        "school_id = c.school_id AND number = g.grade AND school_year = 2013)"
    )
    assert await count(system, ungraded) == 0


async def test_every_risk_spot_of_a_school_list_is_there(system: asyncpg.Connection) -> None:
    await planted(system)
    spots = (
        "schools WHERE path LIKE '14.%'",
        "schools WHERE path LIKE '14__.%'",
        "schools WHERE founder = 'OTHER_DEPARTMENT'",
        "schools WHERE founder = 'PRIVATE' AND licensed",
        "schools WHERE founder = 'UNCLEAR'",
        "schools WHERE type = '218' AND parent_id IS NOT NULL",
        "schools WHERE type LIKE '51_'",
        "schools WHERE type = '371'",
        "school_versions WHERE until IS NOT NULL",
        "campuses",
        "(SELECT FROM school_stages GROUP BY school_id HAVING count(DISTINCT authority_id) > 1)",
        "students t JOIN schools s ON s.id = t.actual_school_id WHERE NOT s.licensed AND t.school_id <> s.id",
    )
    for query in spots:
        assert await count(system, query) > 0, query
    assert await count(system, "students t JOIN schools s ON s.id = t.school_id WHERE NOT s.licensed") == 0


async def test_small_teaching_points_have_combined_classes(system: asyncpg.Connection) -> None:
    await planted(system, students=3000)
    combined = "(SELECT FROM class_grades GROUP BY class_id HAVING count(*) > 1)"
    assert await count(system, combined) == await count(system, "classes WHERE combined") > 0


async def test_there_are_twins_and_siblings(system: asyncpg.Connection) -> None:
    await planted(system, students=3000)
    pairs = (
        "students a JOIN students b ON a.class_id = b.class_id AND a.id < b.id AND a.birth_date = b.birth_date "
        "AND a.phone = b.phone AND abs(substr(a.id_number, 15, 3)::int - substr(b.id_number, 15, 3)::int) <= 2"
    )
    assert await count(system, f"{pairs} WHERE NOT a.only_child AND NOT b.only_child") >= 5
    siblings = (
        "students a JOIN students b ON a.school_id = b.school_id AND a.phone = b.phone AND a.birth_date < b.birth_date "
        "WHERE left(a.name, 1) = left(b.name, 1) AND NOT a.only_child AND NOT b.only_child"
    )
    assert await count(system, siblings) >= 20


async def test_every_code_stands_in_its_list(system: asyncpg.Connection) -> None:
    await planted(system)
    held = {
        "students": "ethnic_group nationality id_type overseas_status health political_status residence_nature "
        "admission_type attendance_type student_source left_behind disability inclusion travel_mode blood_type",
        "guardians": "relation id_type ethnic_group",
    }
    for table, columns in held.items():
        for column in columns.split():
            known = lists()[column.upper()].codes
            found = await system.fetch(f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL")
            assert {row[0] for row in found} <= set(known), column
    types = {row[0] for row in await system.fetch("SELECT DISTINCT type FROM schools")}
    assert types <= set(lists()["SCHOOL_TYPE"].codes)
    kinds = {row[0] for row in await system.fetch("SELECT DISTINCT type FROM classes")}
    assert kinds <= set(lists()["CLASS_TYPE"].codes)
    for row in await system.fetch("SELECT DISTINCT birthplace_code FROM students"):
        assert divisions.known(row[0][:6])


async def test_sort_keys_are_those_of_the_importer(system: asyncpg.Connection) -> None:
    await planted(system)
    for row in await system.fetch("SELECT name, name_key FROM students"):
        assert row["name_key"] == names.name_key(row["name"])


async def test_a_planting_that_breaks_off_leaves_nothing(system: asyncpg.Connection) -> None:
    def tire(what: str, _done: int, _total: int) -> None:
        if what == "students":
            raise KeyError(what)

    with pytest.raises(KeyError):
        await sample.plant(system, students=PUPILS, seed=7, today=TODAY, progress=tire)
    assert await count(system, "places") == await count(system, "students") == 0
    await planted(system)
