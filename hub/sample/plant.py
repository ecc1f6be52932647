"""Plant a sample province: schools, classes and pupils that look real, with problems whose truth is known."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from datetime import date
from typing import Final

import asyncpg

from hub import clock
from hub.sample import classes, places, problems, pupils, register, schools, staging
from hub.sample.truth import Planted

Progress = Callable[[str, int, int], None]
"""Told what is being planted, how much of it is done, and how much there is."""

FEWEST = 1000
"""Fewer pupils than this make no province."""
CHUNK = 20_000
"""Pupils per staging load: a few seconds' work, some ten megabytes."""

_KEY: Final = 7_141_300  # of the advisory lock that keeps two plantings apart


class NotEmpty(RuntimeError):
    """The register already has schools or pupils; a sample is planted in an empty one only."""


def _quiet(_what: str, _done: int, _total: int) -> None:
    return None


async def plant(
    connection: asyncpg.Connection, *, students: int, seed: int, today: date, progress: Progress = _quiet
) -> Planted:
    """Plant a sample province of so many pupils in an empty register, all or nothing.

    The connection is logged in as hub_system. Always all 131 places; 45,000 pupils make 2 cities and 10 counties, half
    a million and more fill the province. The same seed, size and school year of `today` give the same data.
    Pupils are drawn while the database takes in the last chunk, so memory stays level. Statistics are not gathered:
    let the owner ANALYZE afterwards. Raises ValueError below 1,000 pupils, NotEmpty where there are schools or pupils.
    """
    if students < FEWEST:
        raise ValueError(f"a sample needs at least {FEWEST} pupils")
    await refuse_filled(connection)
    year = clock.school_year(today)
    counties = places.counties(students)
    laid = schools.lay(students, seed, counties)
    rooms = classes.form(laid, seed, year)
    plan = problems.Planner(rooms, seed, year).make(students)
    async with connection.transaction():
        await _prepare(connection)
        keys = await register.plant_places(connection, seed)
        progress("places", len(keys), len(keys))
        await register.plant_schools(connection, laid, keys, seed=seed, year=year)
        progress("schools", len(laid), len(laid))
        await register.plant_classes(connection, rooms, seed=seed, year=year)
        progress("classes", len(rooms), len(rooms))
        lines = pupils.lines(counties, rooms, plan, seed=seed, today=today, year=year, size=CHUNK)
        done = 0
        async with aclosing(_ahead(lines)) as chunks:
            async for chunk, held in chunks:
                await staging.take(connection, chunk, year)
                done += held
                progress("students", done, students)
    return Planted(seed, len(keys), len(laid), len(rooms), done, plan.truth())


async def _ahead(lines: Iterator[tuple[bytes, int]]) -> AsyncGenerator[tuple[bytes, int], None]:
    """The chunks, each drawn in a thread while the one before it is being taken in."""
    coming = asyncio.create_task(asyncio.to_thread(_next, lines))
    try:
        while (chunk := await coming) is not None:
            coming = asyncio.create_task(asyncio.to_thread(_next, lines))
            yield chunk
    finally:
        await asyncio.gather(coming, return_exceptions=True)


def _next(lines: Iterator[tuple[bytes, int]]) -> tuple[bytes, int] | None:
    return next(lines, None)


async def _prepare(connection: asyncpg.Connection) -> None:
    """Hold others off, see that the register is empty, and make the staging table."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _KEY)
    await refuse_filled(connection)
    await connection.execute("SET LOCAL jit = off; SET LOCAL synchronous_commit = off")
    await staging.make(connection)


async def refuse_filled(connection: asyncpg.Connection) -> None:
    """Raise NotEmpty where there are schools or pupils."""
    if await connection.fetchval("SELECT EXISTS (SELECT FROM schools) OR EXISTS (SELECT FROM students)"):
        raise NotEmpty("the register already has schools or pupils")
