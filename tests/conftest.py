"""Real PostgreSQL for every test: one cluster per run, one migrated database, emptied after a test that wrote."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from hub import db, migrate
from hub.models import Base
from hub.postgres import Cluster
from hub.settings import Settings

KEPT = {"codes", "policy_versions", "alembic_version"}


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), settings={"fsync": "off", "synchronous_commit": "off"})
    with cluster.serving():
        yield cluster


@pytest.fixture(scope="session")
async def settings(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = make_settings(cluster, "hub", home=tmp_path_factory.mktemp("home"))
    await migrate.upgrade(settings, password=cluster.password)
    return settings


def make_settings(cluster: Cluster, database: str, **overrides: object) -> Settings:
    urls = {
        "database_url": cluster.url("postgres", database),
        "app_database_url": cluster.url("hub_app", database),
        "read_database_url": cluster.url("hub_read", database),
        "system_database_url": cluster.url("hub_system", database),
    }
    return Settings(**(urls | overrides))  # type: ignore[arg-type]


@pytest.fixture
async def system(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """A connection as hub_system; every row written by the test is gone after it."""
    connection = await db.system_door(settings).connect()
    yield connection
    await empty(connection)
    await connection.close()


async def empty(connection: asyncpg.Connection) -> None:
    tables = [table for table in reversed(Base.metadata.sorted_tables) if table.name not in KEPT]
    for table in tables:
        await connection.execute(f"DELETE FROM {table.name}")
