"""Indexes out of the way of a bulk load, and back after it.

An index that is built once from millions of rows costs a fraction of one that takes them in one by one: of the names'
GIN index most of all. Only what the models declare is dropped, and whatever they declare is there afterwards, also
after a load that was broken off.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import Index
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from hub.models import Guardian, Placement, Student, StudentVersion
from hub.sample.plant import Progress
from hub.settings import Settings

MANY = 200_000
"""Pupils from which on a load is a bulk load."""
_MODELS = (Student, Guardian, Placement, StudentVersion)
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves dialects untyped


def plain() -> list[Index]:
    """The indexes that guard nothing: neither keys nor constraints."""
    found = [index for model in _MODELS for index in model.__table__.indexes if not index.unique]  # type: ignore[attr-defined]  # a Table has them
    return sorted(found, key=lambda index: str(index.name))


@asynccontextmanager
async def without_indexes(settings: Settings, progress: Progress) -> AsyncIterator[None]:
    """Drop the plain indexes of pupils, as the owner of the tables, and make them anew afterwards."""
    for index in plain():
        await _owning(settings, f"DROP INDEX IF EXISTS {index.name}")
    try:
        yield
    finally:
        made = plain()
        for at, index in enumerate(made):
            progress("索引 indexes", at, len(made))
            await _owning(settings, str(CreateIndex(index, if_not_exists=True).compile(dialect=_DIALECT)))
        progress("索引 indexes", len(made), len(made))


async def _owning(settings: Settings, statement: str) -> None:
    connection = await asyncpg.connect(settings.database_url)
    try:
        await connection.execute("SET ROLE hub_owner; SET maintenance_work_mem = '512MB'")
        await connection.execute(statement, timeout=None)
    finally:
        await connection.close()
