"""The cube of counts, counted again in plain Python, and the writes that it has to follow."""

from collections import Counter
from typing import Any

import asyncpg

from hub import counts

DIMENSIONS = ("school_year", "grade", "sex", "state")


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


async def write(connection: asyncpg.Connection, what: str, pupil: int) -> None:
    for statement in GONE if what == "delete" else (WRITES[what],):
        await connection.execute(statement, pupil)


async def pupils(connection: asyncpg.Connection) -> list[int]:
    return [row["id"] for row in await connection.fetch("SELECT id FROM students ORDER BY id")]
