"""Bring the database to this release's schema."""

from importlib.resources import as_file, files

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from hub.errors import Unavailable
from hub.settings import Settings

OLDEST = 15
"""The oldest major version of PostgreSQL that the hub works with."""


async def upgrade(settings: Settings, *, password: str | None = None, revision: str = "head") -> None:
    """Run the migrations that are missing, as role hub_owner, under an advisory lock.

    `password`: the log-in password of the hub's database roles, when the hub itself keeps them (embedded database).
    Raises Unavailable DATABASE_TOO_OLD before anything is touched.
    """
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(settings.database_url), hide_parameters=True
    )
    try:
        async with engine.connect() as connection:
            refuse_old(await connection.scalar(text("SHOW server_version_num")))
            await connection.rollback()
            await connection.run_sync(_upgrade, password, revision)
    finally:
        await engine.dispose()


def refuse_old(version: str) -> None:
    """Raise Unavailable for a server older than the hub works with; `version` as PostgreSQL numbers it: 150018."""
    major = int(version) // 10_000
    if major < OLDEST:
        raise Unavailable("DATABASE_TOO_OLD", found=major, needed=OLDEST)


def _upgrade(connection: Connection, password: str | None, revision: str) -> None:
    with as_file(files("migrations")) as folder:
        command.upgrade(_config(str(folder), connection, password), revision)


def _config(folder: str, connection: Connection, password: str | None) -> Config:
    config = Config()
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["password"] = password
    return config
