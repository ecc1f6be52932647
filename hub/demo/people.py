"""The people of the demonstration: one account of each role, and a second school for a transfer's other side."""

import secrets
from dataclasses import dataclass

import asyncpg

from hub import clock, passwords
from hub.errors import NotFound
from policies import Role


@dataclass(frozen=True, slots=True)
class _Seat:
    """Where an account of the demonstration sits."""

    role: Role
    username: str
    name: str
    root: str


async def seat(connection: asyncpg.Connection) -> dict[str, dict[str, str]]:
    """Make the accounts in and around one school of middle size; their log-ins by role. Raises NotFound without one."""
    school = await connection.fetchrow(
        """SELECT s.id, s.code, s.path, s.territory FROM schools s JOIN places p ON p.id = s.place_id
           WHERE p.level = 'COUNTY' AND s.type = '211' AND s.licensed
           ORDER BY abs((SELECT count(*) FROM students WHERE school_id = s.id) - 800), s.code LIMIT 1"""
    )
    if school is None:
        raise NotFound
    first: str = await connection.fetchval("SELECT min(path) FROM classes WHERE school_id = $1", school["id"])
    county = school["territory"]
    seats = [
        _Seat(Role.PROVINCE_ADMINISTRATOR, "province", "李国华", county[:2]),
        _Seat(Role.PROVINCE_LEADER, "province.leader", "周立新", county[:2]),
        _Seat(Role.CITY_ADMINISTRATOR, "city", "郝志强", county[:4]),
        _Seat(Role.CITY_LEADER, "city.leader", "张慧敏", county[:4]),
        _Seat(Role.COUNTY_ADMINISTRATOR, "county", "王秀英", county),
        _Seat(Role.COUNTY_LEADER, "county.leader", "刘建平", county),
        _Seat(Role.SCHOOL_ADMINISTRATOR, "school", "李红梅", school["path"]),
        _Seat(Role.SCHOOL_LEADER, "school.leader", "赵文斌", school["path"]),
        _Seat(Role.CLASS_TEACHER, "teacher", "郭晓燕", first),
        _Seat(Role.REVIEWER, "reviewer", "任海霞", county),
        _Seat(Role.DASHBOARD, "dashboard", "统计看板", county[:2]),
        _Seat(Role.AUDITOR, "auditor", "孙志刚", county[:2]),
        _Seat(Role.ACCOUNT_ADMINISTRATOR, "accounts", "梁军", county[:2]),
        _Seat(Role.INTEGRATION, "integration", "系统对接", county),
    ]
    log_ins = {seat.role.value: await _log_in(connection, seat) for seat in seats}
    # A transfer needs a school on its other side: same county, same stage.
    other = await connection.fetchrow(
        """SELECT s.path FROM schools s WHERE s.territory = $1 AND s.type = '211' AND s.licensed AND s.id <> $2
           ORDER BY abs((SELECT count(*) FROM students WHERE school_id = s.id) - 400), s.code LIMIT 1""",
        county,
        school["id"],
    )
    if other is not None:
        clerk = _Seat(Role.SCHOOL_ADMINISTRATOR, "school2", "白雪梅", other["path"])
        log_ins["other_school_administrator"] = await _log_in(connection, clerk)
        leader = _Seat(Role.SCHOOL_LEADER, "school2.leader", "冯德胜", other["path"])
        log_ins["other_school_leader"] = await _log_in(connection, leader)
    return log_ins


async def _log_in(connection: asyncpg.Connection, seat: _Seat) -> dict[str, str]:
    password = f"{secrets.token_hex(4)}-{secrets.choice('ABCDEFGHJKMNPQRSTUVWXYZ')}{secrets.randbelow(90) + 10}"
    account = await connection.fetchval(
        """INSERT INTO accounts (username, name, password_hash, password_changed_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (username) DO UPDATE SET password_hash = excluded.password_hash RETURNING id""",
        seat.username,
        seat.name,
        await passwords.make(password),
        clock.now(),
    )
    await connection.execute(
        """INSERT INTO grants (account_id, role, path, place_id, school_id, class_id)
           SELECT $1, $2, $3, (SELECT id FROM places WHERE path = $3), (SELECT id FROM schools WHERE path = $3),
                  (SELECT id FROM classes WHERE path = $3)
           WHERE NOT EXISTS (SELECT FROM grants WHERE account_id = $1)""",
        account,
        seat.role.value,
        seat.root,
    )
    return {
        "username": seat.username,
        "password": password,
        "place": seat.root.split(".")[-1],
        "role": seat.role.value,
    }
