"""Import of a workbook of 2,000 rows and 71 columns, end to end, and of the same file again."""

import asyncio
import io
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from functools import partial
from typing import Any

import asyncpg
import openpyxl
from python_calamine import CalamineWorkbook
from sqlalchemy import event

import policies
from benchmarks import province, pupils
from benchmarks.province import Province
from benchmarks.result import Result, spread
from hub import accounts, caller, clock, files, grades, imports, names, templates
from hub.caller import Caller
from hub.db import Database
from hub.files import Files
from hub.intake import readers, sheet, template, workbook
from hub.settings import Settings

ROWS, WARM, ROUNDS = 2_000, 1_100, 5
BESIDE = {"floor": "floor: calamine and COPY", "calamine": "calamine alone", "openpyxl": "openpyxl alone"}
"""What is timed in each round besides the import: how fast a machine is changes from one minute to the next."""
PARTS = ("total", "first rows", "waiting for rows", "database", "other", "processor, hub")


class _Enough(Exception):
    """Takes back what was written."""


def run() -> None:
    """Measure and publish, in a province of 45,000 and in a large one."""
    for students in (province.STUDENTS, province.LARGE):
        _measure(students)


def _measure(students: int) -> None:
    with province.serving(students) as place:
        data, other = asyncio.run(_workbook(place)), asyncio.run(_workbook(place, WARM, seed=2, first=ROWS))
        rounds = [asyncio.run(_round(place, data, other)) for _ in range(ROUNDS)]
        sizes = {"students": students, "rows": ROWS, "columns": 71, "bytes": len(data), "rounds": ROUNDS}
        result = Result(
            "import_workbook" if students == province.STUDENTS else "import_workbook_large",
            sizes,
            place.postgres,
            target="new rows at 2,000 rows/s or more where calamine reads 10,000 and openpyxl 620: 5 times the one's "
            "time, 0.31 of the other's; and within 2.5 times the floor",
        )
    for deed in ("new", "again"):
        for part in PARTS:
            _add(result, f"{deed}: {part}", [found[deed][part] for found in rounds])
    for other, what in BESIDE.items():
        _add(result, what, [found[other]["total"] for found in rounds])
    for other in BESIDE:
        ratios = [found["new"]["total"] / found[other]["total"] for found in rounds]
        result.add(
            what=f"new / {other}, of each round", **{f"{name} s": value for name, value in spread(ratios).items()}
        )
    result.publish()


def _add(result: Result, what: str, seconds: list[float]) -> None:
    found = spread(seconds)
    row = {"what": what, **{f"{name} s": value for name, value in found.items()}}
    result.add(**row, **{"rows/s": ROWS / found["median"]})


async def _workbook(place: Province, rows: int = ROWS, *, seed: int = 1, first: int = 0) -> bytes:
    """A filled template of the demonstration's school: every row sound and new. `first` is where its pupils begin."""
    async with Database(place.settings) as database:
        clerk = await _clerk(place, database)
        school = await templates.school_sheet(database, clerk, place.log_ins["school_administrator"]["place"])
    if school is None:
        raise RuntimeError("the clerk's school is missing")
    content = io.BytesIO()
    second = [number for number, name in school.classes if name.startswith(grades.name(2))]
    numbers = second or [number for number, _ in school.classes]
    template.fill(school, pupils.rows(school.code, numbers, rows, seed, first), content)
    return content.getvalue()


async def _round(place: Province, data: bytes, other: bytes) -> dict[str, dict[str, float]]:
    """Import into a fresh copy of the province, by a hub that serves: another workbook has come in before.

    The clerk is signed in and has fetched the template.
    """
    async with place.copied() as settings, Database(settings) as database:
        clerk = await _clerk(place, database)
        readers.prepare()  # as the serving hub does, and the next line too
        names.load()
        await asyncio.sleep(0.5)
        code = place.log_ins["school_administrator"]["place"]
        await templates.school_sheet(database, clerk, code)
        await _import(settings, database, clerk, code, other)
        await asyncio.sleep(2)  # the next process that reads a workbook is ready by then
        new = await _import(settings, database, clerk, code, data)
        await asyncio.sleep(2)
        again = await _import(settings, database, clerk, code, data)
        beside = {"floor": await _floor(settings, data)}
        beside |= {"calamine": _timed(_calamine, data), "openpyxl": _timed(_openpyxl, data)}
    for done, counted in ((new["done"], "created"), (again["done"], "unchanged")):
        if getattr(done, counted) != ROWS:
            raise RuntimeError(f"not {ROWS} rows {counted}: {done.created=} {done.unchanged=} {done.faults[:5]}")
    return {"new": new["parts"], "again": again["parts"], **{name: {"total": took} for name, took in beside.items()}}


async def _floor(settings: Settings, data: bytes) -> float:
    """Seconds of the least there is to do: calamine reads the rows, COPY brings as many pupils raw into the same table
    with its indexes and triggers, as a superuser, whom row security does not hold up.
    """
    connection = await asyncpg.connect(settings.database_url)
    try:
        columns = [
            row[0]
            for row in await connection.fetch(
                """SELECT attname FROM pg_attribute WHERE attrelid = 'students'::regclass AND attnum > 0
                   AND NOT attisdropped AND attname NOT IN ('id', 'student_number') ORDER BY attnum"""
            )
        ]
        # The province holds the import's pupils by now: the same values once more, under numbers nobody has.
        rows = await connection.fetch(
            f"""SELECT id + 1000000000, 'J' || lpad(id::text, 18, '9'), {", ".join(columns)} FROM students
                ORDER BY id DESC LIMIT {ROWS}"""
        )
        records = [tuple(row) for row in rows]
        bring = partial(connection.copy_records_to_table, "students", columns=["id", "student_number", *columns])
        with suppress(_Enough):  # this connection is no newer to the table than the hub's
            async with connection.transaction():
                await bring(records=records[:WARM])
                raise _Enough
        started = time.perf_counter()
        if _calamine(data) != ROWS + 1:
            raise RuntimeError("the reader lost rows")
        await bring(records=records)
        return time.perf_counter() - started
    finally:
        await connection.close()


async def _clerk(place: Province, database: Database) -> Caller:
    log_in = place.log_ins["school_administrator"]
    signed_in = await accounts.sign_in(database, log_in["username"], log_in["password"])
    account = await accounts.Sessions(database).find(signed_in.token)
    return caller.act(account, None, clock.now())


async def _import(settings: Settings, database: Database, clerk: Caller, code: str, data: bytes) -> dict[str, Any]:
    """Store the upload and apply it, as POST /files and importWorkbook do; seconds by part."""
    policy, store = policies.load(), Files(settings.home / "files")

    async def whole() -> AsyncIterator[bytes]:
        yield data

    with _split(database) as spent:
        started, used = time.perf_counter(), time.process_time()
        stored = await files.store(database, store, clerk, "bench.xlsx", whole())
        done = await imports.apply(database, policy, clerk, store, school_code=code, file_id=stored.id)
        total, hub = time.perf_counter() - started, time.process_time() - used
    other = total - spent["waiting for rows"] - spent["database"]
    return {"done": done, "parts": {"total": total, **spent, "other": other, "processor, hub": hub}}


@contextmanager
def _split(database: Database) -> Iterator[dict[str, float]]:
    """Seconds until the reading process answers first, waiting for it at all, and in statements and commits.

    The reading process works on while the hub waits for the database.
    """
    spent: dict[str, float] = defaultdict(float)
    engine, examine = database.app.sync_engine, workbook.examine
    commit = engine.dialect.do_commit
    begun: list[float] = []

    def before(*_: Any) -> None:
        begun.append(time.perf_counter())

    def after(*_: Any) -> None:
        spent["database"] += time.perf_counter() - begun.pop()

    workbook.examine = _awaited(spent, examine)
    engine.dialect.do_commit = _clocked(spent, "database", commit)
    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield spent
    finally:
        workbook.examine = examine
        engine.dialect.do_commit = commit
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)


def _awaited(spent: dict[str, float], examine: Callable[..., Any]) -> Callable[..., Any]:
    async def awaited(*values: Any, **named: Any) -> AsyncGenerator[Any]:
        async with aclosing(examine(*values, **named)) as parts:
            while True:
                started = time.perf_counter()
                part = await anext(parts, None)
                seconds = time.perf_counter() - started
                spent["waiting for rows"] += seconds
                spent.setdefault("first rows", seconds)
                if part is None:
                    return
                yield part

    return awaited


def _clocked(spent: dict[str, float], part: str, deed: Callable[..., Any]) -> Callable[..., Any]:
    def clocked(*values: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return deed(*values, **named)
        finally:
            spent[part] += time.perf_counter() - started

    return clocked


def _timed(deed: Callable[[bytes], int], data: bytes) -> float:
    started = time.perf_counter()
    if deed(data) != ROWS + 1:
        raise RuntimeError("the reader lost rows")
    return time.perf_counter() - started


def _calamine(data: bytes) -> int:
    page = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_name(sheet.TITLE)
    return len(page.to_python())


def _openpyxl(data: bytes) -> int:
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
    return sum(1 for _ in book[sheet.TITLE].iter_rows(values_only=True))
