"""A small province for tests, with the names of the threats: counties A and B, schools A1, A2, B1, a city-run school.

Every pupil's values carry the pupil's name, so that a leak shows as a foreign name in an answer.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import asyncpg

from hub import clock, identity, names

PROVINCE, CITY, COUNTY_A, COUNTY_B = "14", "1401", "140105", "140106"
SCHOOLS = {
    "A1": (COUNTY_A, "2114000001"),
    "A2": (COUNTY_A, "2114000002"),
    "B1": (COUNTY_B, "2114000003"),
    "C1": (CITY, "3414000007"),
}
COUNTED_STATE = "IN_SCHOOL"


@dataclass
class Province:
    """What was built: paths and ids by short name, tokens by caller."""

    paths: dict[str, str] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, int] = field(default_factory=dict)


async def make_province(connection: asyncpg.Connection, *, pupils: int = 3) -> Province:
    """The tree with two classes a school and `pupils` a class, and one signed-in caller of each kind."""
    made = Province()
    for code, parent, level, name in (
        (PROVINCE, None, "PROVINCE", "山西省"),
        (CITY, PROVINCE, "CITY", "太原市"),
        (COUNTY_A, CITY, "COUNTY", "小店区"),
        (COUNTY_B, CITY, "COUNTY", "迎泽区"),
    ):
        made.paths[code] = code
        made.ids[code] = await connection.fetchval(
            """INSERT INTO places (code, level, parent_id, path, name, name_key, name_terms, office, since)
               VALUES ($1, $2, $3, $1, $4, $4, $5, $4 || '教育局', '1949-10-01') RETURNING id""",
            code,
            level,
            made.ids.get(parent or ""),
            name,
            names.name_terms(name),
        )
    for short, (place, code) in SCHOOLS.items():
        await make_school(connection, made, short, place, code, pupils)
    for caller, role, root in (
        ("prov", "province_administrator", PROVINCE),
        ("city", "city_administrator", CITY),
        ("countyA", "county_administrator", COUNTY_A),
        ("countyB", "county_administrator", COUNTY_B),
        ("schoolA1", "school_administrator", made.paths["A1"]),
        ("schoolA2", "school_administrator", made.paths["A2"]),
        ("schoolB1", "school_administrator", made.paths["B1"]),
        ("teacherA1-1", "class_teacher", made.paths["A1-1"]),
        ("reviewerA", "reviewer", COUNTY_A),
        ("dash", "dashboard", PROVINCE),
        ("auditor", "auditor", PROVINCE),
        ("sysadmin", "account_administrator", PROVINCE),
    ):
        await make_caller(connection, made, caller, [(role, root)])
    return made


async def make_caller(
    connection: asyncpg.Connection, made: Province, caller: str, grants: list[tuple[str, str]], **account: Any
) -> str:
    """An account with grants, signed in; its bearer token."""
    made.accounts[caller] = await connection.fetchval(
        "INSERT INTO accounts (username, name, password_hash, must_change_password) VALUES ($1, $1, $2, $3) RETURNING id",
        caller,
        account.get("password_hash"),
        account.get("must_change_password", False),
    )
    for role, root in grants:
        await connection.execute(
            """INSERT INTO grants (account_id, role, path, place_id, school_id, class_id) VALUES ($1, $2, $3,
               (SELECT id FROM places WHERE path = $3), (SELECT id FROM schools WHERE path = $3),
               (SELECT id FROM classes WHERE path = $3))""",
            made.accounts[caller],
            role,
            root,
        )
    made.tokens[caller] = await make_session(connection, made.accounts[caller])
    return made.tokens[caller]


async def make_session(connection: asyncpg.Connection, account: int) -> str:
    """An account signs in; its bearer token."""
    token = secrets.token_urlsafe(32)
    await connection.execute(
        "INSERT INTO sessions (account_id, token_hash, expires_at) VALUES ($1, $2, $3)",
        account,
        hashlib.sha256(token.encode()).digest(),
        clock.now() + timedelta(hours=1),
    )
    return token


async def make_school(
    connection: asyncpg.Connection, made: Province, short: str, place: str, code: str, pupils: int
) -> None:
    path = made.paths[short] = f"{place}.{code}"
    county = COUNTY_A if place == CITY else place
    made.ids[short] = await connection.fetchval(
        """INSERT INTO schools (code, name, name_key, name_terms, type, founder, place_id, path, located_in_id,
                                territory, since, phone, head_name)
           VALUES ($1, $2, $2, $7, '211', 'EDUCATION_DEPARTMENT', $3, $4, $5, $6, '2000-09-01', '0351-1', $2 || '校长')
           RETURNING id""",
        code,
        f"{short}小学",
        made.ids[place],
        path,
        made.ids[county],
        county,
        names.name_terms(f"{short}小学"),
    )
    await connection.execute(
        "INSERT INTO school_stages (school_id, stage, length, authority_id, since) VALUES ($1, 'PRIMARY', 6, $2, '2000-09-01')",
        made.ids[short],
        made.ids[county],
    )
    for number in (1, 2):
        name = f"{short}-{number}"
        made.paths[name] = f"{path}.{number:07d}"
        made.ids[name] = await connection.fetchval(
            """INSERT INTO classes (school_id, path, number, official_number, name, grade, school_year)
               VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id""",
            made.ids[short],
            made.paths[name],
            f"{number:07d}",
            f"20{number:05d}",
            f"{name}班",
            number,
            clock.school_year(clock.today()),
        )
        await connection.execute("UPDATE schools SET last_class_number = $2 WHERE id = $1", made.ids[short], number)
        for at in range(1, pupils + 1):
            await make_student(connection, made, f"{name.lower()}-{at}", name, sex="MALE" if at % 2 else "FEMALE")


async def make_student(
    connection: asyncpg.Connection, made: Province, short: str, school_class: str, **values: Any
) -> int:
    """A pupil of a class, with two family members, an active placement and a current version."""
    count = len(made.numbers) + 1
    sex = values.get("sex", "MALE")
    sequence = 2 * count + (1 if sex == "MALE" else 0)
    body = f"14010520150315{sequence:03d}"
    grade = await connection.fetchval("SELECT grade FROM classes WHERE id = $1", made.ids[school_class])
    number = f"L140105{clock.school_year(clock.today())}{count:07d}0"
    student = {
        "student_number": number,
        "school_id": made.ids[school_class.split("-")[0]],
        "class_id": made.ids[school_class],
        "path": made.paths[school_class],
        "grade": grade,
        "school_year": clock.school_year(clock.today()),
        "name": f"名{short}",
        "name_key": f"ming {short}",
        "sex": sex,
        "birth_date": clock.today().replace(year=2015, month=3, day=15),
        "birthplace_code": "140105000000",
        "ancestral_place": f"籍贯{short}",
        "ethnic_group": "01",
        "nationality": "CHN",
        "id_type": "1",
        "overseas_status": "00",
        "health": "10",
        "id_number": body + identity.check_character(body),
        "residence_nature": "1",
        "entry_month": clock.today().replace(year=2021, month=9, day=1),
        "admission_type": "11",
        "attendance_type": "1",
        "present_address": f"住址{short}",
        "mail_address": f"通信{short}",
        "home_address": f"家庭{short}",
        "phone": "13800138000",
        "post_code": "030000",
        "only_child": False,
        "preschool": True,
        "left_behind": "0",
        "needs_aid": True,
        "living_allowance": False,
        "orphan": False,
        "martyr_child": False,
        "distance_km": 1,
        "travel_mode": "1",
        "needs_school_bus": False,
    } | values
    student["name_terms"] = names.name_terms(student["name"])
    columns = ", ".join(student)
    places = ", ".join(f"${at}" for at in range(1, len(student) + 1))
    found: int = await connection.fetchval(
        f"INSERT INTO students ({columns}) VALUES ({places}) RETURNING id", *student.values()
    )
    made.ids[short], made.numbers[short] = found, number
    await connection.execute(
        """INSERT INTO guardians (student_id, position, name, relation, address, phone, is_guardian, id_number)
           SELECT $1, n, '亲' || n || $2, '51', '址' || $2, '13900139000', true, '14010519800101123X'
           FROM generate_series(1, 2) AS n""",
        found,
        short,
    )
    await connection.execute(
        """INSERT INTO placements (student_id, school_id, class_id, path, grade, school_year, since, began_by)
           SELECT id, school_id, class_id, path, grade, school_year, '2024-09-01', 'ENROLMENT'
           FROM students WHERE id = $1""",
        found,
    )
    return found


async def make_day(
    connection: asyncpg.Connection, made: Province, school_class: str, day: date, expected: int = 3, **absences: str
) -> int:
    """A marked day of a class: absences by pupil, a1_1_1="LATE"."""
    kinds = list(absences.values())
    leave = sum(kind.endswith("_LEAVE") for kind in kinds)
    found: int = await connection.fetchval(
        """INSERT INTO class_days (class_id, day, path, grade, expected, absent, late, on_leave, marked_by)
           SELECT id, $2, path, grade, $3, $4, $5, $6, $7 FROM classes WHERE id = $1 RETURNING id""",
        made.ids[school_class],
        day,
        expected,
        kinds.count("ABSENT"),
        kinds.count("LATE"),
        leave,
        made.accounts["prov"],
    )
    for short, kind in absences.items():
        pupil = made.ids[short.replace("_", "-")]
        await connection.execute(
            """INSERT INTO absences (class_day_id, student_id, day, path, kind, note)
               SELECT id, $2, day, path, $3, $4 FROM class_days WHERE id = $1""",
            found,
            pupil,
            kind,
            f"注{short}",
        )
    return found


async def make_import(
    connection: asyncpg.Connection, made: Province, state: str, school: str = "A1", **values: Any
) -> str:
    """An import of a school by its administrator, with one row that makes a pupil; its id."""
    account = made.accounts[f"school{school}"]
    file = await connection.fetchval(
        "INSERT INTO files (account_id, name, size, sha256, key) VALUES ($1, 'x.xlsx', 1, $2, $2) RETURNING id",
        account,
        f"{state}{len(made.ids)}",
    )
    row = {
        "file_id": file,
        "school_id": made.ids[school],
        "account_id": account,
        "acting_id": account,
        "path": made.paths[school],
        "queue": made.paths[school].split(".")[0],
        "sha256": f"{state}{file}",
        "state": state,
        "weight": 1,
        "total": 1,
        "written": int(state == "APPLIED"),
    } | values
    places = ", ".join(f"${at}" for at in range(1, len(row) + 1))
    found = await connection.fetchval(
        f"INSERT INTO imports ({', '.join(row)}) VALUES ({places}) RETURNING id", *row.values()
    )
    await connection.execute("INSERT INTO import_rows (import_id, number, verdict) VALUES ($1, 2, 'CREATE')", found)
    return f"import:{found}"


async def make_photo_import(
    connection: asyncpg.Connection, made: Province, state: str, school: str = "A1", **values: Any
) -> str:
    """An import of photos of a school by its administrator, of which nothing has been seen to; its id."""
    account = made.accounts[f"school{school}"]
    row = {
        "file_id": await connection.fetchval(
            "INSERT INTO files (account_id, name, size, sha256, key) VALUES ($1, 'x.zip', 1, $2, $2) RETURNING id",
            account,
            secrets.token_hex(8),
        ),
        "school_id": made.ids[school],
        "account_id": account,
        "path": made.paths[school],
        "queue": made.paths[school].split(".")[0],
        "state": state,
        "weight": 1,
    } | values
    places = ", ".join(f"${at}" for at in range(1, len(row) + 1))
    found = await connection.fetchval(
        f"INSERT INTO photo_imports ({', '.join(row)}) VALUES ({places}) RETURNING id", *row.values()
    )
    return f"photoImport:{found}"
