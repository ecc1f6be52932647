"""Imports cut off anywhere: the worker killed, the database stopped at once, two workers on one queue."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hub import accounts, caller, clock, db, files, line, migrate, seed, worker
from hub.db import Database
from hub.files import Files
from hub.gate import Once
from hub.imports import asking, queue, running
from hub.line import Lost
from hub.postgres import Cluster
from hub.settings import Settings
from hub.terms import ImportMode
from policies import load
from tests.conftest import make_settings
from tests.desk import make_nameless, make_row, make_workbook
from tests.province import COUNTY_A, SCHOOLS, Province, make_province, make_school
from tests.slate import empty
from tests.test_cli import ROOT

ROWS = 120
ALIVE = "SELECT claim IS NOT NULL AND heartbeat_at > now() - interval '15 s' FROM imports WHERE id = $1"
END = ("APPLIED", "REFUSED", "FAILED", "UNDONE", "JUDGED")
DIGEST = """
    SELECT s.name, s.id_number, s.birth_date::text, s.phone, s.path, s.state, s.student_number IS NOT NULL AS numbered,
           (SELECT array_agg(g.name || g.relation || g.phone ORDER BY g.position) FROM guardians g
            WHERE g.student_id = s.id) AS family,
           (SELECT array_agg(p.path || p.began_by || (p.until IS NULL)) FROM placements p WHERE p.student_id = s.id) AS placed,
           (SELECT array_agg(v.path || v.sex || v.boarding) FROM student_versions v WHERE v.student_id = s.id) AS versions,
           (SELECT array_agg(r.kind || r.state ORDER BY r.kind) FROM problem_records r WHERE r.student_id = s.id) AS problems
    FROM students s ORDER BY s.id_number, s.name"""


@dataclass
class Site:
    """A database of its own that may be stopped, a small province in it, and a clerk's file."""

    cluster: Cluster
    settings: Settings
    province: Province

    @asynccontextmanager
    async def system(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await db.system_door(self.settings).connect()
        try:
            yield connection
        finally:
            with suppress(Exception):
                await connection.close()

    async def queue(self, data: bytes, school: str = "A1", mode: ImportMode = ImportMode.SOUND_ROWS) -> int:
        async with Database(self.settings) as database:
            clerk = await self.clerk(database, f"school{school}")
            store = Files(self.settings.home / "files")

            async def whole() -> AsyncIterator[bytes]:
                yield data

            stored = await files.store(database, store, clerk, "x.xlsx", whole())
            once, code = Once(None, "startImport", None), SCHOOLS[school][1]
            return await asking.start(database, load(), clerk, once, school_code=code, file_id=stored.id, mode=mode)

    async def clerk(self, database: Database, name: str) -> caller.Caller:
        account = await accounts.Sessions(database).find(self.province.tokens[name])
        return caller.act(account, None, clock.now())

    async def state(self, found: int) -> str:
        async with self.system() as connection:
            state: str = await connection.fetchval("SELECT state FROM imports WHERE id = $1", found)
        return state

    async def digest(self) -> list[tuple[Any, ...]]:
        async with self.system() as connection:
            return [tuple(row) for row in await connection.fetch(DIGEST)]

    async def forget(self) -> None:
        """The claim of a worker that is dead is free at once, not after its time."""
        async with self.system() as connection:
            await connection.execute("UPDATE imports SET heartbeat_at = now() - interval '1 hour', attempts = 0")

    def worker(self) -> subprocess.Popen[bytes]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        environment = self.settings.environment(plain) | {"PYTHONPATH": ROOT, "HUB_IMPORT_PART": "10"}
        return subprocess.Popen(
            [sys.executable, "-m", "hub", "worker", "--attached"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("faults"), settings={"fsync": "off"})
    with cluster.serving():
        yield cluster


@pytest.fixture(scope="module")
async def ready(own: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = make_settings(own, "hub", home=tmp_path_factory.mktemp("site"))
    await migrate.upgrade(settings, password=own.password)
    await seed.seed(settings)
    return settings


@pytest.fixture
async def site(own: Cluster, ready: Settings) -> AsyncIterator[Site]:
    connection = await db.system_door(ready).connect()
    province = await make_province(connection)
    await connection.close()
    yield Site(own, ready, province)
    connection = await db.system_door(ready).connect()
    await empty(connection)
    await connection.close()


def rows(change: str = "") -> list[dict[str, str]]:
    changed = {"phone": change} if change else {}
    found = [make_row(n, name=f"王{chr(0x4E00 + n)}", **changed) for n in range(ROWS)]
    found[5] = make_nameless(5, name="王无证", **changed)
    found[7] = make_row(7, sex="无")
    return found


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


async def finish(site: Site, found: int, patience: float = 60) -> str:
    """Let a worker work until the import is at its end."""
    process = site.worker()
    try:
        async with asyncio.timeout(patience):
            while (state := await site.state(found)) not in END:
                assert process.poll() is None
                await asyncio.sleep(0.1)
            return state
    finally:
        end(process)


async def undisturbed(site: Site, *datas: bytes) -> list[tuple[Any, ...]]:
    for data in datas:
        assert await finish(site, await site.queue(data)) == "APPLIED"
    found = await site.digest()
    async with site.system() as connection:
        await empty(connection)
        site.province = await make_province(connection)
    return found


async def test_a_killed_worker_is_followed_by_another_to_the_very_same_register(site: Site) -> None:
    first, second = make_workbook(*rows()), make_workbook(*rows("13700000000"))
    wanted = await undisturbed(site, first, second)
    chance, kills = random.Random(20261126), 0
    for data in (first, second):
        found = await site.queue(data)
        for _ in range(3):
            process = site.worker()
            await begun(site, found)
            await asyncio.sleep(chance.uniform(0.0, 0.5))
            end(process)
            kills += await site.state(found) not in END
            await site.forget()
        assert await finish(site, found) == "APPLIED"
    assert kills >= 2
    assert await site.digest() == wanted
    async with site.system() as connection:
        assert await connection.fetch("SELECT * FROM differing_counts()") == []
        twice = await connection.fetch("SELECT id_number FROM students GROUP BY id_number HAVING count(*) > 1")
        assert [row["id_number"] for row in twice if row["id_number"]] == []


async def begun(site: Site, found: int) -> None:
    """Until a worker has taken the job up."""
    async with asyncio.timeout(30), site.system() as connection:
        while not await connection.fetchval(ALIVE, found):  # noqa: ASYNC110 -- it is another process that changes it
            await asyncio.sleep(0.05)


async def test_a_database_stopped_at_once_loses_and_doubles_nothing(site: Site) -> None:
    data = make_workbook(*rows())
    wanted = await undisturbed(site, data)
    found = await site.queue(data)
    chance = random.Random(5)
    process = site.worker()
    try:
        for _ in range(2):
            await begun(site, found)
            await asyncio.sleep(chance.uniform(0.1, 0.6))
            stop_at_once(site.cluster)
            site.cluster.start()
            await site.forget()
        async with asyncio.timeout(60):
            while await site.state(found) not in END:
                assert process.poll() is None, "a worker outlives its database"
                await asyncio.sleep(0.1)
    finally:
        end(process)
    assert await site.state(found) == "APPLIED"
    assert await site.digest() == wanted


def stop_at_once(cluster: Cluster) -> None:
    pid = int((cluster.data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)
    while (cluster.data / "postmaster.pid").exists() and Path(f"/proc/{pid}").exists():
        pass


async def test_a_worker_that_was_taken_over_writes_no_more(site: Site) -> None:
    found = await site.queue(make_workbook(*rows()))
    async with worker.employed(site.settings) as slow, worker.employed(site.settings) as quick:
        claim, row = await queue.LINE.claim_next(slow.database, 10**9)
        await site.forget()
        await quick.drain()
        assert await site.state(found) == "APPLIED"
        assert not await queue.LINE.beat(slow.database, row.id, "another")
        before = await site.digest()
        async with site.system() as connection:
            await connection.execute("UPDATE imports SET state = 'QUEUED', claim = 'quick' WHERE id = $1", found)
        with pytest.raises(Lost):
            await running.run(slow.database, load(), slow.files, line.acting(row), row.id, claim)
        assert await site.digest() == before


async def test_two_workers_share_a_queue_and_do_every_job_once(site: Site) -> None:
    found = [
        await site.queue(
            make_workbook(
                *[make_row(10 * at + n, school_code=SCHOOLS[school][1], class_number=number) for n in range(5)],
                school=SCHOOLS[school][1],
            ),
            school,
        )
        for at, (school, number) in enumerate([("A1", "2000001"), ("A2", "2000001"), ("B1", "2000001")])
    ]
    async with worker.employed(site.settings) as one, worker.employed(site.settings) as other:
        done = await asyncio.gather(one.drain(), other.drain())
    assert sum(done) == len(found)
    assert [await site.state(each) for each in found] == ["APPLIED"] * 3
    async with site.system() as connection:
        assert await connection.fetchval("SELECT count(*) FROM students WHERE present_address = '并州路1号'") == 15
        assert await connection.fetchval("SELECT max(attempts) FROM imports") == 1


async def test_a_hundred_workbooks_of_a_hundred_schools_at_once_are_all_taken(site: Site) -> None:
    """The county's bulk on deadline day: one clerk of the county sends for every school inside."""
    async with site.system() as connection:
        for at in range(100):
            await make_school(connection, site.province, f"S{at}", COUNTY_A, f"21149{at:05d}", pupils=0)
    async with Database(site.settings) as database:
        clerk, store, policy = await site.clerk(database, "countyA"), Files(site.settings.home / "files"), load()

        async def send(at: int) -> int:
            code = f"21149{at:05d}"
            data = make_workbook(make_row(at, school_code=code), make_row(100 + at, school_code=code), school=code)

            async def whole() -> AsyncIterator[bytes]:
                yield data

            stored = await files.store(database, store, clerk, f"{code}.xlsx", whole())
            once = Once(None, "startImport", None)
            return await asking.start(database, policy, clerk, once, school_code=code, file_id=stored.id)

        found = [await send(at) for at in range(100)]
    async with worker.employed(site.settings) as one, worker.employed(site.settings) as other:
        assert sum(await asyncio.gather(one.drain(), other.drain())) == 100
    async with site.system() as connection:
        states = await connection.fetch("SELECT state, created FROM imports WHERE id = ANY ($1)", found)
        assert [tuple(row) for row in states] == [("APPLIED", 2)] * 100
        assert await connection.fetchval("SELECT count(*) FROM students WHERE present_address = '并州路1号'") == 200
        assert await connection.fetch("SELECT * FROM differing_counts()") == []
