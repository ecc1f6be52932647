"""The demonstration: a sample province with one account of each role, and a workbook imported as a clerk would."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import orjson

from hub import clock, counts, db, last_year, problems, sample
from hub.demo import filled, mornings, people
from hub.demo.greeting import LOG_INS, ready, welcome
from hub.errors import Conflict, NotFound
from hub.imports import command
from hub.intake import press, template
from hub.sample import bulk
from hub.seat import taken
from hub.settings import Settings

__all__ = [
    "LOG_INS",
    "furnish",
    "is_empty",
    "plant",
    "ready",
    "welcome",
    "write_last_year",
    "write_template",
]

Follow = Callable[[str, int, int], None]


async def is_empty(settings: Settings) -> bool:
    """Whether the register holds no school yet."""
    connection = await db.system_door(settings).connect()
    try:
        return not await connection.fetchval("SELECT EXISTS (SELECT FROM schools)")
    finally:
        await connection.close()


async def plant(settings: Settings, students: int, seed: int, truth: Path, follow: Follow) -> None:
    """Plant a sample province and write the table of its planted problems. Raises Conflict if anything is there."""
    connection = await db.system_door(settings).connect()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(connection.close)
        try:
            await sample.refuse_filled(connection)
            if students >= bulk.MANY:
                await stack.enter_async_context(bulk.without_indexes(settings, follow))
            planted = await sample.plant(connection, students=students, seed=seed, today=clock.today(), progress=follow)
        except sample.NotEmpty:
            raise Conflict("REGISTER_NOT_EMPTY") from None
    truth.parent.mkdir(parents=True, exist_ok=True)
    planted.write_truth(truth)
    await counts.fold(settings)
    await _analyze(settings)
    await problems.detect_everywhere(settings, lambda done, of: follow("问题学籍 problem records", done, of))
    await counts.fold(settings)


async def furnish(settings: Settings) -> None:
    """One account for each role, their log-ins in `demo.json`, and one workbook imported."""
    connection = await db.system_door(settings).connect()
    try:
        async with connection.transaction():
            log_ins = await people.seat(connection)
            await mornings.mark(connection, log_ins["county_administrator"]["place"])
    finally:
        await connection.close()
    clerk = log_ins["school_administrator"]
    workbook = await filled.workbook(settings, clerk["place"])
    sample = settings.home / "demo-workbook.xlsx"
    sample.write_bytes(workbook)
    await command.bring(settings, sample, clerk["place"], clerk["username"], clerk["password"])
    path = settings.home / LOG_INS
    path.touch(mode=0o600)
    path.write_bytes(orjson.dumps(log_ins, option=orjson.OPT_INDENT_2))


async def write_template(settings: Settings, code: str, path: Path) -> None:
    """Write the template of any school: whoever has the database at hand may. Raises NotFound."""
    template.write(await _school_sheet(settings, code), path)


async def last_year_template(settings: Settings, code: str, username: str, password: str) -> bytes:
    """The template of a school with last year's pupils in it, as somebody who may see them.

    Raises as `last_year.rows` does; NotFound for a school out of reach.
    """
    async with taken(settings, username, password) as seat:
        rows = await last_year.rows(seat.database, seat.policy, seat.caller, code)
    return await asyncio.to_thread(press.template, await _school_sheet(settings, code), rows)


async def _school_sheet(settings: Settings, code: str) -> template.SchoolSheet:
    """What a school's template offers. Raises NotFound."""
    connection = await db.system_door(settings).connect()
    try:
        school = await connection.fetchrow("SELECT id, name FROM schools WHERE code = $1", code)
        if school is None:
            raise NotFound
        classes = await connection.fetch(
            "SELECT official_number, name FROM classes WHERE school_id = $1 AND closed IS NULL ORDER BY grade, number",
            school["id"],
        )
    finally:
        await connection.close()
    return template.SchoolSheet(code, school["name"], [(row["official_number"], row["name"]) for row in classes])


async def _analyze(settings: Settings) -> None:
    """Let the planner learn the sizes of what was planted; only the owner may ask for that."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        await connection.execute("SET ROLE hub_owner")
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
