"""The wheel as a stranger gets it: built, installed with its locked libraries alone, run in an empty folder."""

import asyncio
import importlib.metadata
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from hub.postgres import Cluster

ROOT = Path(__file__).parents[1]
NAMES = {"hub", "schema", "policies", "loaders", "migrations"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PATIENCE = 180.0


def run(*command: object, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HUB_"))}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `hub` in an environment that holds its locked libraries and the wheel, nothing else."""
    home = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", home / "venv", cwd=home)
    pip = [sys.executable, "-m", "pip", "--python", home / "venv/bin/python", "--disable-pip-version-check"]
    install = [*pip, "--quiet", "install", "--no-compile"]  # the interpreter compiles what is loaded, a small part
    run(*install, "--require-hashes", "-r", ROOT / "requirements.txt", cwd=home)
    run(*install, "--no-deps", wheel, cwd=home)
    run(*pip, "check", cwd=home)
    return home / "venv/bin/hub"


def test_the_wheel_holds_our_rooms_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as opened:
        held = set(opened.namelist())
    assert {name.split("/")[0] for name in held} == NAMES | {f"xueji_hub-{PROJECT['version']}.dist-info"}
    assert [name for name in held if "test" in name.split("/") or "/tests/" in name or name.endswith(".pyc")] == []


def test_the_wheel_holds_every_file_the_code_reads(wheel):
    with zipfile.ZipFile(wheel) as opened:
        held = set(opened.namelist())
    wanted = {
        str(path.relative_to(ROOT))
        for room in NAMES
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    read = {
        "policies/policy.csv",
        "policies/model.conf",
        "hub/codes/lists.csv",
        "hub/codes/divisions.csv",
        "hub/static/graphiql/index.html",
        "migrations/script.py.mako",
        "schema/schema.graphql",
    }
    assert read <= held
    assert wanted <= held
    assert f"xueji_hub-{PROJECT['version']}.dist-info/licenses/LICENSE" in held


def test_the_source_archive_holds_what_the_wheel_is_built_from(tmp_path):
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    (built,) = tmp_path.glob("*.tar.gz")
    held = {name.partition("/")[2] for name in run("tar", "-tzf", built, cwd=tmp_path).splitlines()}
    wanted = {
        "LICENSE",
        "Makefile",
        "requirements.txt",
        "requirements-dev.txt",
        "tests/conftest.py",
        "policies/policy.csv",
    }
    assert wanted | {"web/graphiql/build.py", "web/graphiql/src/main.tsx", "web/graphiql/package-lock.json"} <= held
    assert [name for name in held if "node_modules" in name or ".venv" in name] == []


def test_no_library_ships_one_of_our_names():
    ours = re.sub(r"[-_.]+", "-", PROJECT["name"])
    taken = [
        (other.name, top)
        for other in importlib.metadata.distributions()
        if re.sub(r"[-_.]+", "-", other.name).lower() != ours
        for top in {path.parts[0].removesuffix(".py") for path in other.files or ()} & (NAMES | {"tests"})
    ]
    assert taken == []


def test_every_runtime_library_is_looked_at_for_our_names():
    locked = set(
        re.findall(r"^([a-z0-9._-]+)==.*?(?:;(.*?))?\\$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    )
    here = {re.sub(r"[-_.]+", "-", other.name).lower() for other in importlib.metadata.distributions()}
    assert {name for name, condition in locked if not condition.strip()} <= here


def test_the_command_says_its_version(installed, tmp_path):
    assert PROJECT["version"] in run(installed, "--version", cwd=tmp_path)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def answers(url: str, body: object | None = None) -> tuple[int, bytes]:
    """Status and body of a request; 0 while nobody listens."""
    data = None if body is None else json.dumps(body).encode()
    try:
        asked = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError:
        return 0, b""


@contextmanager
def demo(command: Path, folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """The demo of a folder, once it is ready; whatever the test does to it, it is gone afterwards."""
    address, said = f"http://127.0.0.1:{(port := free_port())}", folder / "said"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HUB_"))}
    with said.open("wb") as opened:
        process = subprocess.Popen(
            [command, "demo", "--students", "1500", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=opened,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    try:
        until = time.monotonic() + PATIENCE
        while answers(f"{address}/health/ready")[0] != 200:
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < until, said.read_text()
            time.sleep(0.2)
        yield process, address
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for cluster in clusters(folder):
            cluster.stop()


def clusters(folder: Path) -> list[Cluster]:
    return [Cluster(found.parents[1]) for found in folder.rglob("PG_VERSION") if found.parent.name == "data"]


def running(folder: Path) -> list[str]:
    """The processes that work in the folder or name it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = str(process.joinpath("cwd").readlink())
        except OSError:
            continue
        if str(folder) in words or place.startswith(str(folder)):
            found.append(f"{process.name} {words}")
    return found


async def count_students(folder: Path) -> int:
    (cluster,) = clusters(folder)
    connection = await asyncpg.connect(cluster.url("hub_system", "hub"))
    try:
        return int(await connection.fetchval("SELECT count(*) FROM students"))
    finally:
        await connection.close()


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="only Linux tells which processes work in a folder")
def test_the_demo_serves_stops_clean_and_finds_its_data_again(installed, tmp_path):
    folder = tmp_path.resolve()
    counts = []
    for how in (signal.SIGINT, signal.SIGTERM):
        with demo(installed, folder) as (process, address):
            status, body = answers(f"{address}/graphql", {"query": "{ __typename }"})
            assert (status, json.loads(body)["data"]) == (200, {"__typename": "Query"})
            people = json.loads((folder / ".hub/demo.json").read_text())
            assert people
            assert all({"username", "password", "place"} <= set(person) for person in people.values())
            counts.append(asyncio.run(count_students(folder)))
            process.send_signal(how)
            code = process.wait(timeout=60)
        said = (folder / "said").read_text()
        assert code in (0, 128 + how), said
        assert "Traceback" not in said
        assert running(folder) == []
    assert counts[0] >= 1500
    assert counts[1] == counts[0]
    assert sorted(path.name for path in folder.iterdir()) == [".hub", "said"], "the demo wrote outside .hub"
