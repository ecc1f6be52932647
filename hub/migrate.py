"""Bring the database to this release's schema."""

import re
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from hub.errors import Unavailable
from hub.settings import Settings

if TYPE_CHECKING:
    from alembic.config import Config

OLDEST = 15
"""The oldest major version of PostgreSQL that the hub works with."""


async def upgrade(settings: Settings, *, password: str | None = None, revision: str = "head") -> None:
    """Run the migrations that are missing, as role hub_owner, under an advisory lock.

    `password`: the log-in password of the hub's database roles, when the hub itself keeps them (embedded database).
    Where the roles are another's and no migration is missing, one look is all. Raises Unavailable DATABASE_TOO_OLD
    before anything is touched.
    """
    if password is None and revision == "head" and await _is_current(settings):
        return
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


async def _is_current(settings: Settings) -> bool:
    connection = await asyncpg.connect(settings.database_url)
    try:
        refuse_old(await connection.fetchval("SHOW server_version_num"))
        found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        return found == newest()
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        return False
    finally:
        await connection.close()


def newest() -> str:
    """The migration that no other comes after."""
    contents = [file.read_text("utf-8") for file in (files("migrations") / "versions").iterdir() if file.is_file()]

    def told(name: str) -> set[str]:
        return {found for content in contents for found in re.findall(rf'^{name} = "(.+)"', content, re.MULTILINE)}

    (last,) = told("revision") - told("down_revision")
    return last


def _upgrade(connection: Connection, password: str | None, revision: str) -> None:
    from alembic import command

    with as_file(files("migrations")) as folder:
        command.upgrade(_config(str(folder), connection, password), revision)


def _config(folder: str, connection: Connection, password: str | None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["password"] = password
    return config
