"""`hub photos` as a clerk uses it, in a process of its own."""

from pathlib import Path

import asyncpg
import pytest

from hub import passwords, worker
from hub.db import Database
from hub.line import Line
from hub.photos import command
from hub.settings import Settings
from tests.desk import SCHOOL
from tests.photos.pictures import make_jpeg, make_zip
from tests.photos.test_photos_import import Numbers
from tests.province import Province, make_caller
from tests.test_cli import run

PASSWORD = "guanli-2013-Xue"


async def test_a_clerk_brings_photos_in_and_reads_what_was_not_taken(
    settings: Settings, province: Province, numbers: Numbers, system: asyncpg.Connection, tmp_path: Path
) -> None:
    grants = [("school_administrator", province.paths["A1"])]
    await make_caller(system, province, "clerk", grants, password_hash=await passwords.make(PASSWORD))
    (tmp_path / "一班.zip").write_bytes(
        make_zip(
            {f"{numbers['a1-1-1']}.jpg": make_jpeg(1), "Thumbs.db": b"x", "IMG_1.jpg": make_jpeg(2)}, encoding="gbk"
        )
    )
    (tmp_path / f"{numbers['a1-1-2']}.jpg").write_bytes(make_jpeg(3))
    words = ["photos", "一班.zip", f"{numbers['a1-1-2']}.jpg", "--school", SCHOOL, "--username", "clerk", "--password"]
    code, said = run(settings, tmp_path, *words, PASSWORD, "--language", "en")
    assert code == 2, said
    assert "IMG_1.jpg · PHOTO_BAD_NAME" in said
    assert "does not tell whose photo it is" in said
    assert "一班.zip: 共 3 个文件 files: 已接收 taken 1, 未变 unchanged 0, 未通过 refused 1, 已忽略 ignored 1" in said
    assert f"{numbers['a1-1-2']}.jpg: 共 1 个文件 files: 已接收 taken 1" in said
    assert await system.fetchval("SELECT count(*) FROM photos WHERE state = 'PENDING'") == 2
    ended = "SELECT count(*) FROM sessions WHERE account_id = $1 AND ended_at IS NOT NULL"
    assert await system.fetchval(ended, province.accounts["clerk"]) == 1
    code, said = run(settings, tmp_path, words[0], words[2], *words[3:], PASSWORD)
    assert (code, "未变 unchanged 1" in said) == (0, True), said


async def test_what_cannot_be_brought_in_is_told_in_a_sentence(
    settings: Settings, province: Province, system: asyncpg.Connection, tmp_path: Path
) -> None:
    grants = [("school_administrator", province.paths["A1"])]
    await make_caller(system, province, "clerk", grants, password_hash=await passwords.make(PASSWORD))
    (tmp_path / "x.zip").write_bytes(b"nothing")
    (tmp_path / "y.zip").write_bytes(make_zip({"x.jpg": make_jpeg(1)}))
    by = ["--username", "clerk", "--password", PASSWORD]
    for words, told in (
        (["missing.zip", "--school", SCHOOL], "No such file"),
        (["x.zip", "--school", SCHOOL], "neither a zip of photos nor a JPEG"),
        (["y.zip", "--school", "2114000003"], "Not found"),
    ):
        code, said = run(settings, tmp_path, "photos", *words, *by)
        assert (code, told in said) == (1, True), said
    assert await system.fetchval("SELECT count(*) FROM photo_imports") == 0


async def test_what_a_worker_finds_wrong_with_an_archive_is_told_to_who_waits(
    settings: Settings, province: Province, system: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(_line: Line, _database: Database, _job: int) -> None:
        async with worker.employed(settings) as employed:
            await employed.drain()

    monkeypatch.setattr(Line, "claim_in_turn", late)
    grants = [("school_administrator", province.paths["A1"])]
    await make_caller(system, province, "clerk", grants, password_hash=await passwords.make(PASSWORD))
    (tmp_path / "x.zip").write_bytes(b"nothing")
    told = (settings, [tmp_path / "x.zip"], SCHOOL, "clerk", PASSWORD, lambda *_: None, lambda *_: None)
    (report,) = await command.run(*told)
    (said,) = report.told("en")
    assert "neither a zip of photos nor a JPEG" in said
