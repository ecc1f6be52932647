"""The sample province that benchmarks measure on: planted once in `benchmarks/out/province`, copied for each use."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import orjson

from benchmarks.result import OUT
from hub import demo, migrate, seed
from hub.postgres import Cluster
from hub.settings import Settings

STUDENTS, SEED = 45_000, 2013
LARGE = int(os.environ.get("STUDENTS", "1000000"))
"""How many students the benchmarks of a large province plant: the variable STUDENTS of `make bench`."""
_KEPT, _COPY = "hub", "bench"


@dataclass(frozen=True)
class Province:
    """A running PostgreSQL with the province in it, the log-ins of its accounts, its version."""

    cluster: Cluster
    settings: Settings
    log_ins: dict[str, dict[str, str]]
    postgres: str

    @asynccontextmanager
    async def copied(self) -> AsyncIterator[Settings]:
        """Settings of a fresh copy of the province, dropped afterwards."""
        connection = await asyncpg.connect(self.cluster.url("postgres", "postgres"))
        try:
            await connection.execute(f"DROP DATABASE IF EXISTS {_COPY} WITH (FORCE)")
            await connection.execute(f"CREATE DATABASE {_COPY} TEMPLATE {_KEPT} STRATEGY FILE_COPY")
            await connection.execute("CHECKPOINT")
            yield replace(self.settings, **_urls(self.cluster, _COPY))
        finally:
            await connection.execute(f"DROP DATABASE IF EXISTS {_COPY} WITH (FORCE)")
            await connection.close()

    async def fetch(self, query: str, *values: Any) -> list[asyncpg.Record]:
        """Rows of the province, whoever may see them."""
        connection = await asyncpg.connect(self.settings.database_url)
        try:
            found: list[asyncpg.Record] = await connection.fetch(query, *values)
            return found
        finally:
            await connection.close()


@contextmanager
def serving(students: int = STUDENTS, postgres: Mapping[str, str] | None = None) -> Iterator[Province]:
    """The province on its running PostgreSQL with the hub's own settings (fsync and synchronous_commit on) and those
    given besides; one of another size is kept beside it.
    """
    home = OUT / ("province" if students == STUDENTS else f"province-{students}")
    with Cluster(home / "postgres", settings=postgres or {}).serving() as cluster:
        settings = Settings(home=home, **_urls(cluster, _KEPT))
        yield asyncio.run(_ready(cluster, settings, students))


def version(cluster: Cluster) -> str:
    """The version of a running PostgreSQL."""
    return asyncio.run(_shown(cluster, "server_version"))[0]


def environment(settings: Settings) -> dict[str, str]:
    """The variables by which a process serves with these settings."""
    names = ("database_url", "app_database_url", "read_database_url", "system_database_url", "home")
    return {f"HUB_{name.upper()}": str(getattr(settings, name)) for name in names}


async def _ready(cluster: Cluster, settings: Settings, students: int) -> Province:
    await migrate.upgrade(settings, password=cluster.password)
    await seed.seed(settings)
    if await demo.is_empty(settings):
        print(f"Planting {students:,} students in {settings.home} ...")
        await demo.plant(settings, students, SEED, settings.home / "sample-truth.csv", lambda *_: None)
    if not (settings.home / demo.LOG_INS).exists():
        await demo.furnish(settings)
    shown = await _shown(cluster, "server_version", "fsync", "synchronous_commit")
    if shown[1:] != ["on", "on"]:
        raise RuntimeError("fsync or synchronous_commit is off: these would be no measurements")
    log_ins = orjson.loads((settings.home / demo.LOG_INS).read_bytes())
    return Province(cluster, settings, log_ins, shown[0])


async def _shown(cluster: Cluster, *names: str) -> list[str]:
    connection = await asyncpg.connect(cluster.url("postgres", "postgres"))
    try:
        return [await connection.fetchval(f"SHOW {name}") for name in names]
    finally:
        await connection.close()


def _urls(cluster: Cluster, database: str) -> dict[str, Any]:
    return {
        "database_url": cluster.url("postgres", database),
        "app_database_url": cluster.url("hub_app", database),
        "read_database_url": cluster.url("hub_read", database),
        "system_database_url": cluster.url("hub_system", database),
    }
