"""The command line as an operator and a clerk use it, in a process of its own."""

import os
import socket
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import asyncpg
import openpyxl
import pytest

from hub import passwords
from hub.intake.messages import MESSAGES
from hub.postgres import Cluster
from hub.settings import Settings
from tests.conftest import make_settings
from tests.desk import make_id, make_row, make_workbook
from tests.photos.pictures import make_jpeg
from tests.province import Province, make_caller

ROOT = str(Path(__file__).parents[1])
URLS = ("database_url", "app_database_url", "read_database_url", "system_database_url")


def run(settings: Settings | None, cwd: Path, *words: object, **environment: str) -> tuple[int, str]:
    """The exit code of `hub` and what it said, against the database of the settings."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    named = {f"HUB_{name.upper()}": str(getattr(settings, name)) for name in URLS} if settings else {}
    done = subprocess.run(
        [sys.executable, "-m", "hub", *map(str, words)],
        cwd=cwd,
        env=plain | named | {"HUB_HOME": str(cwd / "home"), "COLUMNS": "900", "PYTHONPATH": ROOT} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_who_asks_for_help_waits_for_no_library_that_does_the_work(tmp_path: Path) -> None:
    code, said = run(None, tmp_path, "--help", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in said.splitlines() if "import time:" in line}
    assert (code, "撤销导入" in said, {"hub", "typer"} - loaded) == (0, True, set())
    working = {"alembic", "asyncpg", "casbin", "graphql", "loaders", "openpyxl", "PIL", "policies", "pypinyin"}
    assert loaded & (working | {"schema", "sqlalchemy", "starlette", "strawberry", "uvicorn"}) == set()


async def test_an_empty_database_is_migrated_and_planted_once(
    cluster: Cluster, settings: Settings, tmp_path: Path
) -> None:
    fresh = make_settings(cluster, "fresh")
    code, said = run(fresh, tmp_path, "migrate")
    assert (code, 'database "fresh" does not exist' in said) == (1, True), said
    owner = await asyncpg.connect(settings.database_url)
    await owner.execute("CREATE DATABASE fresh")
    await owner.close()
    code, said = run(fresh, tmp_path, "migrate")
    assert (code, "ready" in said) == (0, True), said
    assert cluster.password not in said
    code, said = run(fresh, tmp_path, "sample", "--students", 1_000)
    assert code == 0, said
    assert (tmp_path / "home/sample-truth.csv").read_text().count("\n") > 5
    code, said = run(fresh, tmp_path, "sample", "--students", 1_000)
    assert code == 1
    assert "empty" in said
    assert "学籍库中已有数据" in said


async def seated(system: asyncpg.Connection, province: Province, name: str, role: str, school: str = "A1") -> list[str]:
    """Somebody of a school who signs in by name: the options by which a command does."""
    password = "guanli-2013-Xue"
    hashed = await passwords.make(password)
    await make_caller(system, province, name, [(role, province.paths[school])], password_hash=hashed)
    return ["--username", name, "--password", password]


async def test_a_clerk_gets_a_template_and_imports_a_workbook(
    settings: Settings, province: Province, system: asyncpg.Connection, tmp_path: Path
) -> None:
    password = "guanli-2013-Xue"
    grants = [("school_administrator", province.paths["A1"])]
    await make_caller(system, province, "clerk", grants, password_hash=await passwords.make(password))
    code, said = run(settings, tmp_path, "template", "--school", "2114000001")
    assert code == 0, said
    book = openpyxl.load_workbook(BytesIO((tmp_path / "2114000001.xlsx").read_bytes()))
    assert "学生基本信息" in book.sheetnames
    filled = ["template", "--school", "2114000001", "--last-year", "--username", "clerk", "--password"]
    code, said = run(settings, tmp_path, *filled, "wrong-Password-1", "--out", "none.xlsx")
    assert (code, "用户名或密码不正确" in said, (tmp_path / "none.xlsx").exists()) == (1, True, False), said
    code, said = run(settings, tmp_path, *filled, password, "--out", "last.xlsx")
    assert code == 0, said
    page = openpyxl.load_workbook(BytesIO((tmp_path / "last.xlsx").read_bytes()))["学生基本信息"]
    names = [row[0] for row in await system.fetch("SELECT name FROM students WHERE school_id = $1", province.ids["A1"])]
    assert sorted(row[1].value for row in page.iter_rows(min_row=2)) == sorted(names)
    assert await system.fetchval("SELECT count(*) FROM audit WHERE action = 'student:export'") == 1
    (tmp_path / "filled.xlsx").write_bytes(make_workbook(make_row(1), make_row(2, ethnic_group="汉人"), make_row(3)))
    words = ["import", "filled.xlsx", "--school", "2114000001", "--username", "clerk", "--password"]
    code, said = run(settings, tmp_path, *words, password, "--language", "en")
    assert code == 2
    assert "行 row 3 · 列 column G 民族 · UNKNOWN_OPTION · 汉人" in said
    assert MESSAGES["UNKNOWN_OPTION"].remedy_en.split("{")[0] in said
    assert "created 2" in said
    assert "rejected 1" in said
    assert await system.fetchval("SELECT count(*) FROM students WHERE present_address = '并州路1号'") == 2
    assert (
        await system.fetchval(
            "SELECT count(*) FROM sessions WHERE account_id = $1 AND ended_at IS NULL", province.accounts["clerk"]
        )
        == 1
    )
    (tmp_path / "filled.xlsx").write_bytes(make_workbook(make_row(1), make_row(3)))
    code, said = run(settings, tmp_path, *words, password)
    assert (code, "unchanged 2" in said) == (0, True), said
    code, said = run(settings, tmp_path, *words, "wrong-Password-1")
    assert (code, "用户名或密码不正确" in said) == (1, True), said
    (tmp_path / "filled.xlsx").write_bytes(b"%PDF-1.7")
    code, said = run(settings, tmp_path, *words, password)
    assert (code, "not an Excel workbook" in said) == (1, True), said


async def test_a_clerks_day_goes_from_return_to_undoing_and_a_leader_approves(
    settings: Settings, province: Province, system: asyncpg.Connection, tmp_path: Path
) -> None:
    clerk = await seated(system, province, "clerk", "school_administrator")
    leader = await seated(system, province, "leader", "school_leader")
    (tmp_path / "filled.xlsx").write_bytes(make_workbook(make_row(1), make_row(2, ethnic_group="汉人")))
    words = ["import", "filled.xlsx", "--school", "2114000001", *clerk]
    code, said = run(settings, tmp_path, *words, "--mode", "judge_only", "--returned", "back.xlsx")
    assert (code, "JUDGED" in said) == (2, True), said
    book = openpyxl.load_workbook(tmp_path / "back.xlsx")
    page = book["学生基本信息"]
    [wrong] = [cell for row in page for cell in row if cell.comment]
    assert await system.fetchval("SELECT count(*) FROM students WHERE present_address = '并州路1号'") == 0
    wrong.value = "汉族"
    book.save(tmp_path / "filled.xlsx")
    code, said = run(settings, tmp_path, *words, "--mode", "all_or_nothing", "--whole", HUB_IMPORT_THRESHOLD_ROWS="0")
    assert (code, "HELD" in said) == (2, True), said
    held = str(await system.fetchval("SELECT id FROM imports WHERE state = 'HELD'"))
    code, said = run(settings, tmp_path, "confirm", held, *clerk)
    assert code == 1, said
    code, said = run(settings, tmp_path, "confirm", held, *leader)
    assert (code, "APPLIED" in said) == (0, True), said
    assert await system.fetchval("SELECT count(*) FROM students WHERE present_address = '并州路1号'") == 2
    (tmp_path / f"{make_id(1)}.jpg").write_bytes(make_jpeg(1))
    code, said = run(settings, tmp_path, "photos", f"{make_id(1)}.jpg", "--school", "2114000001", *clerk)
    assert code == 0, said
    code, said = run(settings, tmp_path, "approve", "--school", "2114000001", *leader)
    assert (code, "approved: 1" in said) == (0, True), said
    code, said = run(settings, tmp_path, "undo", held, *clerk)
    assert (code, "UNDONE；已撤销 taken back 1，保留 kept 1" in said) == (0, True), said
    assert make_row(1)["name"] in said
    left = await system.fetch("SELECT id_number FROM students WHERE present_address = '并州路1号'")
    assert [row[0] for row in left] == [make_id(1)], "who has a photo stays"


async def test_what_was_only_judged_is_applied_later(
    settings: Settings, province: Province, system: asyncpg.Connection, tmp_path: Path
) -> None:
    clerk = await seated(system, province, "clerk", "school_administrator")
    stranger = await seated(system, province, "stranger", "school_administrator", school="A2")
    (tmp_path / "filled.xlsx").write_bytes(make_workbook(make_row(1)))
    code, said = run(
        settings, tmp_path, "import", "filled.xlsx", "--school", "2114000001", *clerk, "--mode", "judge_only"
    )
    assert (code, "JUDGED" in said) == (0, True), said
    judged = str(await system.fetchval("SELECT id FROM imports WHERE state = 'JUDGED'"))
    code, said = run(settings, tmp_path, "apply", judged, *stranger)
    assert (code, "Not found" in said) == (1, True), said
    assert await system.fetchval("SELECT count(*) FROM students WHERE present_address = '并州路1号'") == 0
    code, said = run(settings, tmp_path, "apply", judged, *clerk)
    assert (code, "APPLIED" in said) == (0, True), said
    assert await system.fetchval("SELECT count(*) FROM students WHERE present_address = '并州路1号'") == 1
    code, said = run(settings, tmp_path, "apply", judged, *clerk)
    assert (code, "APPLIED" in said) == (1, True), said


def test_an_unknown_school_is_told(settings: Settings, tmp_path: Path) -> None:
    code, said = run(settings, tmp_path, "template", "--school", "2199999999")
    assert (code, "Not found" in said) == (1, True), said
    assert not list(tmp_path.glob("*.xlsx"))


@pytest.mark.parametrize(
    ("name", "value"), [("HUB_PORT", "eighty"), ("HUB_INTROSPECTION", "maybe"), ("HUB_READ_POOL", "")]
)
def test_a_setting_that_does_not_parse_is_named(settings: Settings, tmp_path: Path, name: str, value: str) -> None:
    code, said = run(settings, tmp_path, "migrate", **{name: value})
    assert code == 1
    assert name in said


def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    code, said = run(None, tmp_path, "migrate", HUB_DATABASE_URL="postgresql://x:geheim@127.0.0.1:9/x")
    assert code == 1
    assert "数据库" in said
    assert "geheim" not in said


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_a_port_in_use_is_told_before_anything_is_done(settings: Settings, tmp_path: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, said = run(None, tmp_path, command, "--port", port)
    assert (code, port in said, "请换一个端口" in said) == (1, True, True), said
    assert not (tmp_path / "home").exists()


def test_a_workbook_that_is_not_there_is_told(settings: Settings, tmp_path: Path) -> None:
    words = ["import", "missing.xlsx", "--school", "2114000001", "--username", "x", "--password", "x"]
    code, said = run(settings, tmp_path, *words)
    assert code != 0
    assert "missing.xlsx" in said


def test_the_schema_checked_in_is_the_one_of_the_code(tmp_path: Path) -> None:
    assert run(None, tmp_path, "schema", "--check") == (0, "")


async def test_names_without_search_terms_get_them_at_the_next_command(
    settings: Settings, province: Province, system: asyncpg.Connection, tmp_path: Path
) -> None:
    before = await system.fetch("SELECT id, name_terms FROM students ORDER BY id")
    await system.execute("UPDATE students SET name_terms = '{}'")
    code, said = run(settings, tmp_path, "migrate")
    assert (code, "students" in said) == (0, True), said
    assert await system.fetch("SELECT id, name_terms FROM students ORDER BY id") == before
    code, said = run(settings, tmp_path, "events")
    assert (code, said) == (0, "")


async def test_two_people_end_the_trial_from_the_terminal(
    settings: Settings, province: Province, system: asyncpg.Connection, tmp_path: Path, once_more: None
) -> None:
    password = "guanli-2013-Xue"
    for name, role in (("asker", "province_administrator"), ("leader", "province_leader")):
        await make_caller(system, province, name, [(role, "14")], password_hash=await passwords.make(password))
    kept = tmp_path / "home/files/uploads/photo"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"a pupil's face")
    words = ["--password", password, "--username"]
    code, said = run(settings, tmp_path, "trial", "status")
    assert (code, "TRIAL" in said, "学生学籍" in said, "24" in said) == (0, True, True, True), said
    code, said = run(settings, tmp_path, "trial", "end", *words, "leader", "--confirm", "山西省")
    assert (code, "尚无有效的结束试运行申请" in said) == (1, True), said
    code, said = run(settings, tmp_path, "trial", "request", *words, "leader")
    assert (code, "您没有" in said) == (1, True), said
    code, said = run(settings, tmp_path, "trial", "request", *words, "asker")
    assert (code, "hub trial end" in said) == (0, True), said
    code, said = run(settings, tmp_path, "trial", "end", *words, "leader", "--confirm", "山西")
    assert (code, "山西省" in said) == (1, True), said
    assert kept.exists()
    assert await system.fetchval("SELECT count(*) FROM students") == 24
    code, said = run(settings, tmp_path, "trial", "end", *words, "leader", "--confirm", "山西省")
    assert (code, "in force" in said, "files erased" in said) == (0, True, True), said
    assert not kept.exists()
    assert await system.fetchval("SELECT count(*) FROM students") == 0
    assert (
        await system.fetchval(
            "SELECT count(*) FROM sessions WHERE ended_at IS NULL AND account_id = ANY ($1)",
            [province.accounts["asker"], province.accounts["leader"]],
        )
        == 2
    )
    code, said = run(settings, tmp_path, "trial", "status")
    assert (code, "LIVE" in said, "its files are erased" in said) == (0, True, True), said
    code, said = run(settings, tmp_path, "trial", "end", *words, "leader", "--confirm", "山西省")
    assert (code, "正式运行" in said) == (1, True), said
