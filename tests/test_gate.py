"""What callers are told when the database is away, busy or slow, and that the hub finds it again by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from hub import db, migrate, seed
from hub.app import build
from hub.postgres import Cluster
from hub.settings import Settings
from tests.conftest import make_settings
from tests.province import Province, make_province

QUERY = "{ students { nodes { name } } }"


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A hub of its own over HTTP."""
    app = build(replace(settings, session_cache=0.0))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://hub") as http:
        yield http


async def asked(http: httpx.AsyncClient, token: str, query: str = QUERY) -> Any:
    async with asyncio.timeout(20):
        response = await http.post("/graphql", json={"query": query}, headers={"authorization": f"Bearer {token}"})
    return response.json()


def keys(answer: Any) -> list[tuple[str, str]]:
    return [(error["extensions"]["code"], error["extensions"]["key"]) for error in answer["errors"]]


SIGN_IN = 'mutation { signIn(input: {username: "a", password: "b"}) { token } }'
AWAY = [("UNAVAILABLE", "UNAVAILABLE")]


async def test_without_a_database_the_hub_lives_is_not_ready_and_says_so(tmp_path: Path) -> None:
    settings = Settings(database_url="postgresql://x:x@127.0.0.1:9/x", home=tmp_path)
    async with served(settings) as http:
        assert (await http.get("/health/live")).status_code == 200
        ready = await http.get("/health/ready")
        assert (ready.status_code, keys(ready.json())) == (503, AWAY)
        assert keys(await asked(http, "token")) == AWAY
        assert keys(await asked(http, "token", SIGN_IN)) == AWAY
        response = await http.post("/graphql", json={"query": SIGN_IN})
        assert keys(response.json()) == AWAY
        headers = {"authorization": "Bearer token"}
        upload = await http.post("/files", files={"file": ("x", b"x")}, headers=headers)
        assert (upload.status_code, keys(upload.json())) == (503, AWAY)


async def test_a_database_that_goes_and_comes_back_needs_no_new_hub(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "cluster", settings={"fsync": "off"})
    cluster.start()
    try:
        settings = make_settings(cluster, "hub", home=tmp_path / "home")
        await migrate.upgrade(settings, password=cluster.password)
        await seed.seed(settings)
        connection = await db.system_door(settings).connect()
        province = await make_province(connection, pupils=1)
        await connection.close()
        token = province.tokens["schoolA1"]
        async with served(settings) as http:
            sound = await asked(http, token)
            assert len(sound["data"]["students"]["nodes"]) == 2
            upload = {"files": {"file": ("x", b"x")}, "headers": {"authorization": f"Bearer {token}"}}
            assert (await http.post("/files", **upload)).status_code == 201  # type: ignore[arg-type]
            await asyncio.to_thread(cluster.stop)
            assert keys(await asked(http, token)) == AWAY
            assert keys(await asked(http, token, "mutation { signOut { ok } }")) == AWAY
            assert (await http.get("/health/ready")).status_code == 503
            assert (await http.get("/health/live")).status_code == 200
            await asyncio.to_thread(cluster.start)
            assert await asked(http, token) == sound
            assert (await http.post("/files", **upload)).status_code == 201  # type: ignore[arg-type]
            assert (await asked(http, token, "mutation { signOut { ok } }"))["data"]["signOut"]["ok"]
    finally:
        await asyncio.to_thread(cluster.stop)


async def test_a_read_that_finds_every_connection_busy_is_told_to_come_again(
    settings: Settings, province: Province
) -> None:
    app = build(replace(settings, session_cache=0.0, read_pool=1, pool_timeout=1.0))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://hub") as http:
        token = province.tokens["schoolA1"]
        async with app.state.hub.reader.database.reading():
            assert keys(await asked(http, token)) == AWAY
        assert "errors" not in await asked(http, token)


async def test_a_statement_past_its_time_is_told_as_such(
    settings: Settings, province: Province, system: asyncpg.Connection
) -> None:
    async with served(replace(settings, statement_timeout=1.0, lock_timeout=0.9)) as http:
        token = province.tokens["schoolA1"]
        assert "errors" not in await asked(http, token)
        async with system.transaction():
            await system.execute("LOCK TABLE students IN ACCESS EXCLUSIVE MODE")
            assert keys(await asked(http, token)) == [("UNAVAILABLE", "TIMEOUT")]
        assert "errors" not in await asked(http, token)


async def test_a_write_that_waits_too_long_for_a_lock_is_told_as_such(
    settings: Settings, province: Province, system: asyncpg.Connection
) -> None:
    async with served(replace(settings, lock_timeout=1.0)) as http:
        token = province.tokens["schoolA1"]
        async with system.transaction():
            await system.execute("LOCK TABLE sessions, accounts, audit IN ACCESS EXCLUSIVE MODE")
            response = await http.post("/graphql", json={"query": SIGN_IN})
            assert keys(response.json()) == [("UNAVAILABLE", "TIMEOUT")]
        assert "errors" not in await asked(http, token)


@pytest.mark.parametrize(("role", "table"), [("app", "accounts"), ("read", "audit_values")])
async def test_the_roles_that_serve_people_cannot_read_secrets(settings: Settings, role: str, table: str) -> None:
    connection = await db.door(settings, f"hub_{role}").connect()
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(f"SELECT * FROM {table}")
    finally:
        await connection.close()


@pytest.mark.parametrize("table", ["students", "guardians", "schools", "grants", "sessions", "files"])
async def test_without_a_scope_row_security_shows_nothing(settings: Settings, province: Province, table: str) -> None:
    connection = await db.door(settings, "hub_app").connect()
    try:
        assert await connection.fetch(f"SELECT 1 FROM {table}") == []
    finally:
        await connection.close()
