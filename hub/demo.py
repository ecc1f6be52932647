"""The demonstration: a sample province with one account of each role, and a workbook imported as a clerk would."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import asyncpg
import orjson

import policies
from hub import accounts, caller, clock, db, files, identity, imports, passwords, problems, sample
from hub.db import Database
from hub.errors import Conflict, NotFound
from hub.files import Files
from hub.intake import template
from hub.settings import Settings
from policies import Role

Follow = Callable[[str, int, int], None]
LOG_INS = "demo.json"


@dataclass(frozen=True, slots=True)
class _Seat:
    """Where an account of the demonstration sits."""

    role: Role
    username: str
    name: str
    root: str


async def is_empty(settings: Settings) -> bool:
    """Whether the register holds no school yet."""
    connection = await db.system_door(settings).connect()
    try:
        return not await connection.fetchval("SELECT EXISTS (SELECT FROM schools)")
    finally:
        await connection.close()


async def plant(settings: Settings, students: int, seed: int, truth: Path, follow: Follow) -> None:
    """Plant a sample province and write the table of its planted problems. Raises Conflict if anything is there."""
    connection = await db.system_door(settings).connect()
    try:
        planted = await sample.plant(connection, students=students, seed=seed, today=clock.today(), progress=follow)
    except sample.NotEmpty:
        raise Conflict("REGISTER_NOT_EMPTY") from None
    finally:
        await connection.close()
    truth.parent.mkdir(parents=True, exist_ok=True)
    planted.write_truth(truth)
    await _analyze(settings)
    await problems.detect_everywhere(settings, lambda done, of: follow("问题学籍 problem records", done, of))


async def furnish(settings: Settings) -> None:
    """One account for each role, their log-ins in `demo.json`, and one workbook imported."""
    connection = await db.system_door(settings).connect()
    try:
        async with connection.transaction():
            log_ins = await _accounts(connection)
    finally:
        await connection.close()
    clerk = log_ins["school_administrator"]
    workbook = await _workbook(settings, clerk["place"])
    (settings.home / "demo-workbook.xlsx").write_bytes(workbook)
    await import_bytes(settings, "demo-workbook.xlsx", workbook, clerk["place"], clerk["username"], clerk["password"])
    path = settings.home / LOG_INS
    path.touch(mode=0o600)
    path.write_bytes(orjson.dumps(log_ins, option=orjson.OPT_INDENT_2))


async def import_bytes(
    settings: Settings,
    name: str,
    data: bytes,
    school: str,
    username: str,
    password: str,
    progress: imports.Progress = imports.unseen,
) -> imports.Done:
    """Sign in, store the file, import it, sign out: what a clerk does in the browser."""
    async with Database(settings) as database:
        signed_in = await accounts.sign_in(database, username, password)
        account = await accounts.Sessions(database).find(signed_in.token)
        acting = caller.act(account, None, clock.now())
        store = Files(settings.home / "files")

        async def whole() -> Any:
            yield data

        stored = await files.store(database, store, acting, name, whole())
        policy = policies.load(await _policy(database))
        try:
            return await imports.apply(
                database, policy, acting, school_code=school, file_id=stored.id, data=data, progress=progress
            )
        finally:
            await accounts.sign_out(database, account)


async def write_template(settings: Settings, code: str, path: Path) -> None:
    """Write the template of any school: whoever has the database at hand may. Raises NotFound."""
    connection = await db.system_door(settings).connect()
    try:
        school = await connection.fetchrow("SELECT id, name FROM schools WHERE code = $1", code)
        if school is None:
            raise NotFound
        classes = await connection.fetch(
            "SELECT official_number, name FROM classes WHERE school_id = $1 AND closed IS NULL ORDER BY grade, number",
            school["id"],
        )
    finally:
        await connection.close()
    listed = [(row["official_number"], row["name"]) for row in classes]
    template.write(template.SchoolSheet(code, school["name"], listed), path)


def welcome(settings: Settings) -> str:
    """What the demonstration prints: address, log-ins, ready queries."""
    path = settings.home / LOG_INS
    log_ins = orjson.loads(path.read_bytes()) if path.exists() else {}
    school = log_ins.get("school_administrator", {}).get("place", "…")
    county = log_ins.get("county_administrator", {}).get("place", "…")
    lines = [f"\n[bold]学籍数据中心 xueji hub[/bold]  http://{settings.host}:{settings.port}/\n"]
    for role, log_in in log_ins.items():
        title = Role(role).chinese
        lines.append(f"  {role:22} {log_in['username']:18} {log_in['password']:16} {log_in['place']:11} {title}")
    lines += ["", "示例查询 Ready queries (GraphiQL 页面的“示例查询” has them too):"]
    lines += [f"  {role:22} {query}" for role, query in ready(school, county).items()]
    lines += ["", f"  {path}   {settings.home / 'demo-workbook.xlsx'}   Ctrl-C 停止 stops"]
    return "\n".join(line.replace("[", "\\[") if line.startswith("  ") else line for line in lines)


def ready(school: str, county: str) -> dict[str, str]:
    """Three ready queries, by the role that asks them."""
    roster = "classes(first: 3) { nodes { name students(first: 3) { nodes { name sex birthDate } } } }"
    return {
        "school_administrator": f'{{ school(code: "{school}") {{ name {roster} }} }}',
        "county_administrator": f'{{ region(code: "{county}") {{ name schools(first: 10) {{ totalCount nodes {{ name'
        " headcounts { grade sex students } } } } }",
        "dashboard": "{ regions(first: 20) { nodes { name headcounts(groupBy: []) { students } } } }",
    }


async def _accounts(connection: asyncpg.Connection) -> dict[str, dict[str, str]]:
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
        _Seat(Role.PROVINCE_ADMINISTRATOR, "province", "省学籍管理员", county[:2]),
        _Seat(Role.PROVINCE_LEADER, "province.leader", "省主管领导", county[:2]),
        _Seat(Role.CITY_ADMINISTRATOR, "city", "市学籍管理员", county[:4]),
        _Seat(Role.CITY_LEADER, "city.leader", "市主管领导", county[:4]),
        _Seat(Role.COUNTY_ADMINISTRATOR, "county", "县学籍管理员", county),
        _Seat(Role.COUNTY_LEADER, "county.leader", "县主管领导", county),
        _Seat(Role.SCHOOL_ADMINISTRATOR, "school", "学校学籍管理员", school["path"]),
        _Seat(Role.SCHOOL_LEADER, "school.leader", "学校主管领导", school["path"]),
        _Seat(Role.CLASS_TEACHER, "teacher", "班主任", first),
        _Seat(Role.REVIEWER, "reviewer", "问题学籍审核员", county),
        _Seat(Role.DASHBOARD, "dashboard", "统计看板", county[:2]),
        _Seat(Role.AUDITOR, "auditor", "安全审计员", county[:2]),
        _Seat(Role.ACCOUNT_ADMINISTRATOR, "accounts", "账号管理员", county[:2]),
        _Seat(Role.INTEGRATION, "integration", "系统对接", county),
    ]
    return {seat.role.value: await _seat(connection, seat) for seat in seats}


async def _seat(connection: asyncpg.Connection, seat: _Seat) -> dict[str, str]:
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
    return {"username": seat.username, "password": password, "place": seat.root.split(".")[-1]}


async def _workbook(settings: Settings, code: str) -> bytes:
    """A filled workbook of a school: four sound new pupils and three rows with mistakes clerks make."""
    connection = await db.system_door(settings).connect()
    try:
        row = await connection.fetchrow(
            """SELECT s.name, s.territory, c.official_number, c.name AS class, c.grade
               FROM schools s JOIN classes c ON c.school_id = s.id
               WHERE s.code = $1 AND c.closed IS NULL ORDER BY c.grade, c.number""",
            code,
        )
    finally:
        await connection.close()
    if row is None:
        raise NotFound
    born = clock.today().year - 6 - row["grade"]
    sound = [
        _pupil(code, row, name, sex, f"{born}0{month}15", month)
        for month, (name, sex) in enumerate([("郭子涵", "男"), ("任雨桐", "女"), ("薛浩然", "男"), ("樊诗琪", "女")], 3)
    ]
    digit, date, group = (
        _pupil(code, row, name, "男", f"{born}0715", at) for at, name in enumerate(("卫明", "解宇", "成刚"), 7)
    )
    digit["id_number"] = digit["id_number"][:-1] + ("0" if digit["id_number"][-1] != "0" else "1")
    date["birth_date"] = f"{born}年13月1日"
    group["ethnic_group"] = "汉人"
    content = BytesIO()
    sheet = template.SchoolSheet(code, row["name"], [(row["official_number"], row["class"])])
    template.fill(sheet, [*sound, digit, date, group], content)
    return content.getvalue()


def _pupil(code: str, school: Any, name: str, sex: str, born: str, sequence: int) -> dict[str, str]:
    division = school["territory"]
    odd = 2 * sequence + (701 if sex == "男" else 700)
    body = f"{division}{born}{odd}"
    place = f"{division}000000"
    return {
        "school_code": code,
        "name": name,
        "sex": sex,
        "birth_date": born,
        "birthplace_code": place,
        "ancestral_place": "山西",
        "ethnic_group": "汉族",
        "nationality": "中国",
        "id_type": "居民身份证",
        "overseas_status": "否",
        "health": "健康或良好",
        "political_status": "群众",
        "id_number": body + identity.check_character(body),
        "residence_nature": "农业户口",
        "residence_code": place,
        "class_number": school["official_number"],
        "entry_month": f"{clock.school_year(clock.today()) - school['grade'] + 1}09",
        "admission_type": "就近入学",
        "attendance_type": "走读",
        "present_address": "村委会路12号",
        "mail_address": "村委会路12号",
        "home_address": "村委会路12号",
        "phone": "13800000001",
        "post_code": "030000",
        "only_child": "否",
        "preschool": "是",
        "left_behind": "非留守儿童",
        "needs_aid": "否",
        "living_allowance": "否",
        "orphan": "否",
        "martyr_child": "否",
        "distance_km": "1",
        "travel_mode": "步行",
        "needs_school_bus": "否",
        "guardian1.name": f"{name[0]}建国",
        "guardian1.relation": "父亲",
        "guardian1.address": "村委会路12号",
        "guardian1.residence_code": place,
        "guardian1.phone": "13800000002",
        "guardian1.is_guardian": "是",
    }


async def _policy(database: Database) -> str | None:
    async with database.reading() as connection:
        text: str | None = await connection.fetchval("SELECT text FROM policy_versions ORDER BY id DESC LIMIT 1")
    return text


async def _analyze(settings: Settings) -> None:
    """Let the planner learn the sizes of what was planted; only the owner may ask for that."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        await connection.execute("SET ROLE hub_owner")
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
