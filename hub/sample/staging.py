"""The staging table that pupils are copied into, and what turns its lines into rows of the register."""

from collections.abc import AsyncIterator

import asyncpg

from hub.models import Student
from hub.sample.pupils import COLUMNS, EARLIER, GUARDIAN
from hub.sample.register import PATIENCE

_CONSTANTS = {
    "nationality": "'CHN'",
    "overseas_status": "'00'",
    "student_source": "'1'",
    "version": "1",
    "created_at": "now()",
    "updated_at": "now()",
}
_REPEATED = {"mail_address": "present_address", "home_address": "present_address"}
_NEVER = ("id_valid_period", "auxiliary_number", "email", "home_page", "photo_file_id")


async def make(connection: asyncpg.Connection) -> None:
    """Make the staging table: the columns of students, two guardians and last year's class. It ends with its
    transaction.
    """
    await connection.execute("CREATE TEMP TABLE staged ON COMMIT DROP AS SELECT * FROM students WITH NO DATA")
    family = [name for name in COLUMNS if name.startswith(("first_", "second_"))]
    changes = [
        "ALTER id SET DEFAULT nextval(pg_get_serial_sequence('students', 'id'))",
        *(f"ALTER {column} SET DEFAULT {value}" for column, value in _CONSTANTS.items()),
        *(f"ADD {column} text" for column in family),
        *(f"ADD earlier_{column} {'text' if column == 'path' else 'bigint'}" for column in EARLIER),
    ]
    await connection.execute(f"ALTER TABLE staged {', '.join(changes)}")


async def take(connection: asyncpg.Connection, lines: bytes, year: int) -> None:
    """Take a chunk of pupils into the register, as of a school year."""

    async def source() -> AsyncIterator[bytes]:
        yield lines

    await connection.copy_to_table("staged", source=source(), columns=COLUMNS, timeout=PATIENCE)
    for statement in (_students(year), _guardians(), _earlier(year), _placements(year), _versions(year)):
        await connection.execute(statement, timeout=PATIENCE)
    await connection.execute("TRUNCATE staged")


def _students(year: int) -> str:
    own = [column.name for column in Student.__table__.columns if column.name not in _NEVER]
    taken = [_REPEATED.get(name, str(year) if name == "school_year" else name) for name in own]
    return f"INSERT INTO students ({', '.join(own)}) SELECT {', '.join(taken)} FROM staged ORDER BY id"  # noqa: S608 -- constants


def _guardians() -> str:
    each = [
        f"""SELECT id, {place}, {", ".join(f"{position}_{column}" for column in GUARDIAN)}, present_address,
                birthplace_code, {position}_relation IN ('51', '52') OR {place} = 1,
                CASE WHEN {position}_id_number IS NOT NULL THEN '1' END, ethnic_group
            FROM staged WHERE {position}_name IS NOT NULL"""  # noqa: S608 -- constants
        for place, position in ((1, "first"), (2, "second"))
    ]
    return f"""
        INSERT INTO guardians (student_id, position, {", ".join(GUARDIAN)}, address, residence_code, is_guardian,
            id_type, ethnic_group)
        {" UNION ALL ".join(each)} ORDER BY 1, 2"""


def _earlier(year: int) -> str:
    return f"""
        INSERT INTO placements (student_id, school_id, class_id, path, grade, school_year, since, until,
            began_by, ended_by)
        SELECT id, earlier_school_id, earlier_class_id, earlier_path, grade - 1, {year - 1},
            DATE '{year - 1}-09-01', DATE '{year}-09-01', 'ENROLMENT', 'TRANSFER'
        FROM staged WHERE earlier_school_id IS NOT NULL ORDER BY id"""  # noqa: S608 -- constants


def _placements(year: int) -> str:
    return f"""
        INSERT INTO placements (student_id, school_id, class_id, path, grade, school_year, since, began_by)
        SELECT id, school_id, class_id, path, grade, {year}, DATE '{year}-09-01',
            CASE WHEN earlier_school_id IS NULL THEN 'ENROLMENT' ELSE 'TRANSFER' END
        FROM staged ORDER BY id"""  # noqa: S608 -- constants


def _versions(year: int) -> str:
    return f"""
        INSERT INTO student_versions (student_id, effective, path, school_year, grade, sex, state, boarding, migrant,
            left_behind, without_id)
        SELECT id, DATE '{year}-09-01', path, {year}, grade, sex, state, attendance_type = '2', migrant_child,
            left_behind <> '0', id_number IS NULL
        FROM staged ORDER BY id"""  # noqa: S608 -- constants
