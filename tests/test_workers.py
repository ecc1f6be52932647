"""Several processes serve: what changes is followed by each, one that dies takes nobody along, nothing is left behind."""

import asyncio
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from hub import clock, db
from hub.settings import Settings
from tests.province import PROVINCE, Province, make_caller
from tests.sockets import Client, entered, make_import
from tests.test_cli import ROOT, URLS

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")

SOON = 60.0
"""Seconds until a process has started, ended or been replaced, on a busy machine."""
STALE = 1.0
"""HUB_SESSION_CACHE of these tests: what a process may still believe."""
PUPIL = "{ viewer { username } students(first: 1) { nodes { name birthDate } } }"


@dataclass
class Served:
    """A supervisor with two workers."""

    process: subprocess.Popen[bytes]
    port: int
    home: Path

    def workers(self) -> list[int]:
        return sorted(pid for pid in children(self.process.pid) if "spawn_main" in command(pid))

    def client(self) -> httpx.AsyncClient:
        """A client of one connection."""
        limits = httpx.Limits(max_connections=1)
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", limits=limits, timeout=30)

    @asynccontextmanager
    async def of(self, pid: int) -> AsyncIterator[httpx.AsyncClient]:
        """A client whose one connection is with this worker."""
        async with self.client() as client:
            with self.alone(pid):
                assert (await client.get("/health/live")).status_code == 200
            yield client

    @contextmanager
    def alone(self, pid: int) -> Iterator[None]:
        """While connections are made that must be with this worker, the others are stopped."""
        others = [other for other in self.workers() if other != pid]
        for other in others:
            os.kill(other, signal.SIGSTOP)
        try:
            yield
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)

    @asynccontextmanager
    async def following(self, pid: int, token: str, job: int) -> AsyncIterator[Client]:
        """A client that follows an import, by WebSocket with this worker."""
        async with AsyncExitStack() as stack:
            with self.alone(pid):
                client = await stack.enter_async_context(entered(f"http://127.0.0.1:{self.port}", token))
            await client.follow(job)
            assert (await client.next())["total"] == 1
            yield client


@asynccontextmanager
async def serving(settings: Settings, home: Path) -> AsyncIterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    named = {f"HUB_{name.upper()}": str(getattr(settings, name)) for name in URLS}
    named |= {
        "HUB_HOME": str(home),
        "HUB_SESSION_CACHE": str(STALE),
        "HUB_FOLD_SECONDS": "0",
        "HUB_IMPORT_WORKERS": "0",
        "HUB_COST_RATE": "60000",
        "PYTHONPATH": ROOT,
    }
    words = [sys.executable, "-m", "hub", "serve", "--port", str(port), "--workers", "2"]
    with (home / "said").open("wb") as said:
        process = subprocess.Popen(  # noqa: ASYNC220 -- it lives on
            words, cwd=home, env=plain | named, start_new_session=True, stdout=said, stderr=said
        )
    served = Served(process, port, home)
    try:
        await until(lambda: process.poll() is not None or answers(served), 60)
        assert process.poll() is None
        await until(lambda: len(served.workers()) == 2)
        for pid in served.workers():
            async with served.of(pid):
                pass
        yield served
    finally:
        for pid in [process.pid, *below(process.pid)]:
            end(pid)
        process.wait()


@pytest.fixture(scope="module")
async def served(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(settings, tmp_path_factory.mktemp("served")) as served:
        yield served


async def test_what_was_spent_with_one_process_is_spent_for_all(
    served: Served, province: Province, system: asyncpg.Connection
) -> None:
    one, other = served.workers()
    tokens = {name: await make_caller(system, province, name, ROLE) for name in ("spends", "does not")}

    async def ask(client: httpx.AsyncClient, who: str) -> int:
        headers = {"authorization": f"Bearer {tokens[who]}"}
        dear = {"query": "{ students(first: 200) { nodes { name guardians { name } } } }"}
        return (await client.post("/graphql", json=dear, headers=headers)).status_code

    async with served.of(one) as first, served.of(other) as second:
        for _ in range(500):
            if (status := await ask(first, "spends")) != 200:
                break
        assert status == 429
        for _ in range(100):  # it does not ask before somebody spends with it, too
            if (status := await ask(second, "spends")) != 200:
                break
            await asyncio.sleep(0.1)
        assert status == 429
        assert [await ask(client, "does not") for client in (first, second)] == [200, 200]


async def test_what_changes_is_followed_by_every_process(
    served: Served, province: Province, system: asyncpg.Connection
) -> None:
    one, other = served.workers()
    tokens = {name: await make_caller(system, province, name, ROLE) for name in ("signs out", "is ended", "loses")}

    async def ask(client: httpx.AsyncClient, who: str, query: str = PUPIL) -> Any:
        headers = {"authorization": f"Bearer {tokens[who]}"}
        return (await client.post("/graphql", json={"query": query}, headers=headers)).json()

    async with served.of(one) as first, served.of(other) as second:
        for who in tokens:
            for client in (first, second):
                assert "errors" not in await ask(client, who)
        assert "errors" not in await ask(first, "signs out", "mutation { signOut { ok } }")
        key = hashlib.sha256(tokens["is ended"].encode()).digest()
        await system.execute("UPDATE sessions SET ended_at = now() WHERE token_hash = $1", key)
        await system.execute("UPDATE grants SET until = now() WHERE account_id = $1", province.accounts["loses"])
        assert (await ask(first, "signs out"))["data"]["viewer"] is None
        await asyncio.sleep(STALE + 0.1)  # all that either may still rely on
        for client in (first, second):
            for who in ("signs out", "is ended"):
                assert (await ask(client, who))["data"] == {"viewer": None, "students": None}
            assert (await ask(client, "loses"))["data"] == {"viewer": {"username": "loses"}, "students": None}


async def test_every_process_bounds_the_head_of_a_request(served: Served) -> None:
    for pid in served.workers():
        async with served.of(pid) as client:
            assert (await client.get("/health/live", headers={"x-long": "y" * 200_000})).status_code == 431


async def test_a_new_policy_is_followed_by_every_process(
    served: Served, province: Province, settings: Settings, system: asyncpg.Connection
) -> None:
    one, other = served.workers()
    headers = {"authorization": f"Bearer {province.tokens['prov']}"}

    async def born(client: httpx.AsyncClient) -> bool:
        answer = (await client.post("/graphql", json={"query": PUPIL}, headers=headers)).json()
        return answer["data"]["students"]["nodes"][0]["birthDate"] is not None

    text = await system.fetchval("SELECT text FROM policy_versions ORDER BY id DESC LIMIT 1")
    text += "\np, province_administrator, student.birthDate, read, subtree, deny\n"
    insert = "INSERT INTO policy_versions (text, sha256, note) VALUES ($1, $2, 'stricter') RETURNING id"
    owner = await asyncpg.connect(settings.database_url)
    async with served.of(one) as first, served.of(other) as second:
        assert [await born(first), await born(second)] == [True, True]
        new = await owner.fetchval(insert, text, hashlib.sha256(text.encode()).hexdigest())
        try:
            await asyncio.sleep(STALE + 0.1)
            assert [await born(first), await born(second)] == [False, False]
        finally:
            await owner.execute("DELETE FROM policy_versions WHERE id = $1", new)
            await owner.close()


async def test_a_killed_process_is_replaced_and_only_its_own_requests_fail(
    served: Served, province: Province, settings: Settings
) -> None:
    dying, staying = served.workers()
    headers = {"authorization": f"Bearer {province.tokens['prov']}"}

    async def ask(client: httpx.AsyncClient) -> Any:
        return (await client.post("/graphql", json={"query": PUPIL}, headers=headers)).json()["data"]["students"][
            "nodes"
        ]

    owner = await asyncpg.connect(settings.database_url)
    async with served.of(dying) as doomed, served.of(staying) as client:
        async with owner.transaction():
            await owner.execute("LOCK TABLE students IN ACCESS EXCLUSIVE MODE")
            lost, kept = asyncio.create_task(ask(doomed)), asyncio.create_task(ask(client))
            await until_waiting(settings, 2)
            os.kill(dying, signal.SIGKILL)
            with pytest.raises(httpx.TransportError):
                await lost
        assert await kept
    await owner.close()
    await until(lambda: dying not in served.workers() and len(served.workers()) == 2)
    for pid in served.workers():
        async with served.of(pid) as client:
            assert await ask(client)


async def test_every_process_tells_of_an_import_and_of_the_end_of_a_grant(
    served: Served, province: Province, system: asyncpg.Connection
) -> None:
    job = await make_import(system, province, total=1)
    staying, losing = province.tokens["schoolA1"], province.tokens["countyA"]
    async with AsyncExitStack() as stack:
        for pid in served.workers():
            stays = await stack.enter_async_context(served.following(pid, staying, job))
            loses = await stack.enter_async_context(served.following(pid, losing, job))
            await system.execute("UPDATE imports SET total = 2 WHERE id = $1", job)
            assert (await stays.next())["total"] == (await loses.next())["total"] == 2
            ended = "UPDATE grants SET until = $2 WHERE account_id = $1"
            await system.execute(ended, province.accounts["countyA"], clock.now())
            assert (await loses.end())[0] == 4403
            await system.execute(ended, province.accounts["countyA"], None)
            await system.execute("UPDATE imports SET total = 1 WHERE id = $1", job)
            assert (await stays.next())["total"] == 1


async def test_sigterm_ends_all_and_tells_who_is_connected(
    served: Served, province: Province, system: asyncpg.Connection
) -> None:
    job = await make_import(system, province, total=1)
    async with AsyncExitStack() as stack:
        follows = [served.following(pid, province.tokens["schoolA1"], job) for pid in served.workers()]
        clients = [await stack.enter_async_context(one) for one in follows]
        await gone(served, served.process.terminate)
        assert "graceful shutdown exceeded" not in (served.home / "said").read_text()
        assert [(await client.end())[0] for client in clients] == [1012, 1012]


async def test_a_process_killed_while_it_owes_the_supervisor_an_answer_is_replaced_at_once(
    settings: Settings, tmp_path: Path
) -> None:
    async with serving(settings, tmp_path) as served:
        stopped, other = served.workers()
        os.kill(stopped, signal.SIGSTOP)
        await asyncio.sleep(2)  # the supervisor asks twice a second
        os.kill(other, signal.SIGKILL)
        await until(lambda: other not in served.workers() and len(served.workers()) == 2)
        os.kill(stopped, signal.SIGKILL)
        await until(lambda: stopped not in served.workers() and len(served.workers()) == 2)


async def test_a_process_that_does_not_answer_the_signal_is_ended(settings: Settings, tmp_path: Path) -> None:
    async with serving(settings, tmp_path) as served:
        os.kill(served.workers()[0], signal.SIGSTOP)
        await gone(served, served.process.terminate)
    assert "worker killed" in (tmp_path / "said").read_text()


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGKILL"])
async def test_nothing_is_left(settings: Settings, tmp_path: Path, how: str) -> None:
    async with serving(settings, tmp_path) as served:
        if how == "Ctrl-C":
            await gone(served, lambda: os.killpg(served.process.pid, signal.SIGINT))
        else:
            await gone(served, served.process.kill, -signal.SIGKILL)


async def gone(served: Served, end_it: Callable[[], None], code: int = 0) -> None:
    """End the supervisor, and see that it and everything it began is gone."""
    await until(lambda: len(below(served.process.pid)) >= 4)  # with the reading process of each worker
    everybody = [served.process.pid, *below(served.process.pid)]
    end_it()
    await until(lambda: served.process.poll() is not None)
    await until(lambda: not any(map(alive, everybody)))
    assert served.process.returncode == code
    with socket.create_server(("127.0.0.1", served.port)):
        pass


ROLE = [("province_administrator", PROVINCE)]


def answers(served: Served) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{served.port}/health/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


async def until(true: Callable[[], bool], seconds: float = SOON) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def until_waiting(settings: Settings, many: int) -> None:
    """Until so many statements wait for a lock."""
    watching = await db.system_door(settings).connect()
    waiting = 0
    while waiting < many:
        await asyncio.sleep(0.05)
        waiting = await watching.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
    await watching.close()


def children(pid: int) -> list[int]:
    return [child for child, parent in parents().items() if parent == pid]


def below(pid: int) -> list[int]:
    return [found for child in children(pid) for found in (child, *below(child))]


def parents() -> dict[int, int]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, *_ = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if state != "Z":
            found[int(path.parent.name)] = int(parent)
    return found


def alive(pid: int) -> bool:
    return pid in parents()


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
