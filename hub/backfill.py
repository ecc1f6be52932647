"""Fill columns that a release has added and SQL cannot make: in batches, while others work."""

import json
from collections.abc import Callable

import asyncpg

from hub import db
from hub.settings import Settings

TABLES = ("places", "schools", "students")
BATCH = 2_000
"""Rows of one transaction."""

Progress = Callable[[str, int, int], None]
"""Told the table, the key up to which it is done, and the last key."""


async def fill(settings: Settings, progress: Progress, *, batch: int = BATCH) -> int:
    """Make the search terms of names that have none yet; returns of how many.

    Each batch commits: what broke off goes on where it stopped. A name that changes meanwhile keeps the terms that
    came with it. Costs one look into each table's index where nothing is missing.
    """
    connection = await db.system_door(settings).connect()
    try:
        return sum([await _fill(connection, table, progress, batch) for table in TABLES])
    finally:
        await connection.close()


async def _fill(connection: asyncpg.Connection, table: str, progress: Progress, batch: int) -> int:
    empty = f"SELECT EXISTS (SELECT FROM {table} WHERE name_terms = '{{}}')"  # noqa: S608 -- names of this module
    if not await connection.fetchval(empty):
        return 0
    from hub import names  # with the dictionaries it reads, which every command would wait for otherwise

    last = await connection.fetchval(f"SELECT max(id) FROM {table}")  # noqa: S608 -- names of this module
    some = f"SELECT id, name, name_terms = '{{}}' AS empty FROM {table} WHERE id > $1 ORDER BY id LIMIT {batch}"  # noqa: S608 -- names of this module
    write = f"""
        UPDATE {table} AS t SET name_terms = ARRAY(SELECT json_array_elements_text(made.terms))
        FROM unnest($1::bigint[], $2::text[], $3::json[]) AS made (id, name, terms)
        WHERE t.id = made.id AND t.name = made.name"""  # noqa: S608 -- names of this module
    done, at = 0, 0
    while rows := await connection.fetch(some, at):
        missing = [row for row in rows if row["empty"]]
        ids, called = [row["id"] for row in missing], [row["name"] for row in missing]
        if missing:
            await connection.execute(write, ids, called, [json.dumps(names.name_terms(name)) for name in called])
        done += len(missing)
        at = rows[-1]["id"]
        progress(table, at, max(at, last))
    return done
