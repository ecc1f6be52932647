"""Reading: a workbook's rows are checked in another process, judged as they come, and kept as proposals."""

import asyncio
import math
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, names
from hub.errors import BadInput, NotFound, TooLarge
from hub.files import Files
from hub.imports import proposals, pupils, school
from hub.imports.job import Job
from hub.imports.judging import Bench
from hub.imports.proposals import Proposal
from hub.intake import rules, workbook
from hub.intake.check import Checked
from hub.terms import ImportMode, ImportState, RowVerdict


async def read(job: Job, files: Files) -> None:
    """Read and judge the whole workbook, then decide how the import goes on.

    Begun anew after a process died: what it had kept is dropped first. Raises BadInput and TooLarge for what is wrong
    with the file, of which nothing is kept.
    """
    if job.key is None:
        raise NotFound
    data = await files.get(job.key)
    bench = Bench()
    done = 0
    learning = asyncio.create_task(_learn(job, bench))
    try:
        async with aclosing(_examine(job, data, _begin(job))) as parts:
            async for part in parts:
                await learning
                async with job.writing() as connection:
                    done += part.total
                    await _keep(connection, job, bench, part)
                    await job.mark(connection, read=done, total=done + part.coming, weight=done + part.coming)
                job.progress(done, done + part.coming)
        if not done:
            raise BadInput("NO_ROWS")
    except (BadInput, TooLarge):
        async with job.writing() as connection:
            await _drop(connection, job)
        raise
    finally:
        await asyncio.gather(learning, return_exceptions=True)
    async with job.writing() as connection:
        if job.row.whole:
            await proposals.keep(connection, job.id, bench.missing())
        await decide(connection, job, duplicates=bench.duplicates)


async def _begin(job: Job) -> dict[str, Any]:
    """Drop what was kept before; what the rows are checked by."""
    async with job.writing() as connection:
        await _drop(connection, job)
        return {
            "class_numbers": await school.taught(connection, job.school.id),
            "first_grades": await school.first_grades(connection, job.school.id),
            "recorded": await pupils.wrongly_numbered(connection, job.school.id),
        }


async def _learn(job: Job, bench: Bench) -> None:
    async with job.writing() as connection:
        await bench.learn(connection, job.school.id)


async def _drop(connection: AsyncConnection, job: Job) -> None:
    await job.mark(connection, state=ImportState.READING, read=0, total=0, duplicates=0)
    await connection.execute(text("DELETE FROM import_rows WHERE import_id = :import"), {"import": job.id})


def _examine(job: Job, data: bytes, begun: Coroutine[Any, Any, dict[str, Any]]) -> AsyncGenerator[Checked]:
    settings = job.database.settings
    return workbook.examine(
        data,
        workbook.Limits(size=settings.upload_limit, rows=settings.row_limit),
        school_code=job.school.code,
        founder=job.school.founder,
        today=clock.today(),
        rules=rules.switched(settings.switches()),
        ready=_derive,
        later=begun,
        beside=job.abreast > 1,
    )


def _derive(part: Checked) -> None:
    """Give the rows what the register keeps besides: by what a name is sorted and found."""
    for row in part.rows:
        name = row.key["name"]
        found_by = orjson.dumps({"name_key": names.name_key(name), "name_terms": names.name_terms(name)}).decode()
        row.pupil = f"{row.pupil[:-1]},{found_by[1:]}"


async def _keep(connection: AsyncConnection, job: Job, bench: Bench, part: Checked) -> None:
    bench.letters |= part.letters
    bench.unread.update(part.refused.values())
    judged = await bench.judge(connection, part.rows, await proposals.meant(connection, job.school.id, part.tokens))
    refused = {
        number: Proposal(number, RowVerdict.REFUSE, name, class_number)
        for number, (name, class_number) in part.refused.items()
    }
    for fault in part.faults:
        refused[fault.row].faults.append(fault)
    for warning in part.warnings:
        if (proposal := refused.get(warning.row)) is not None:
            proposal.warnings = [*proposal.warnings, warning]
    for mend in part.mended:
        if (proposal := refused.get(mend.row)) is not None:
            proposal.mended = [*proposal.mended, mend]
    if part.folded:
        folded = [[each.column, each.slot, each.code, each.count] for each in part.folded]
        await job.mark(connection, folded=orjson.dumps(folded).decode())
    await proposals.keep(connection, job.id, [*judged, *refused.values()])


async def judge_again(job: Job) -> None:
    """Judge what is not applied yet anew, because the register has changed since; then decide as at first."""
    bench = Bench()
    await _learn(job, bench)
    async with job.writing() as connection:
        bench.taken = await proposals.written(connection, job.id)
    after = 0
    while True:
        async with job.writing() as connection:
            taken = await proposals.take(connection, job.id, after, 1_000)
            if not taken:
                break
            after = taken[-1].number
            await proposals.keep(connection, job.id, await bench.judge(connection, taken))
            await job.mark(connection)
    async with job.writing() as connection:
        await decide(connection, job, duplicates=bench.duplicates)


async def decide(connection: AsyncConnection, job: Job, *, duplicates: int) -> None:
    """Count the verdicts, and say how the import goes on: applied, held for a leader, or at its end."""
    counts = await proposals.tally(connection, job.id)
    row = await job.mark(connection, duplicates=duplicates, **counts)
    held = [] if row.confirmed_by or row.written else _held_for(job, row)
    state = _next(row, held)
    ended = None if state in (ImportState.APPLYING, ImportState.HELD) else clock.now()
    await job.mark(connection, state=state, held_for=held, ended_at=ended)


def _next(row: Any, held: list[str]) -> ImportState:
    if row.mode == ImportMode.JUDGE_ONLY:
        return ImportState.JUDGED
    if row.mode == ImportMode.ALL_OR_NOTHING and row.rejected:
        return ImportState.REFUSED
    return ImportState.HELD if held else ImportState.APPLYING


def _held_for(job: Job, row: Any) -> list[str]:
    """The thresholds that the batch exceeds; a handful of rows never does."""
    settings = job.database.settings
    least, told = settings.import_threshold_rows, []
    if row.duplicates > max(least, math.floor(settings.import_duplicate_share * row.total)):
        told.append("DUPLICATES")
    if row.missing > max(least, math.floor(settings.import_leaver_share * (row.missing + row.total - row.created))):
        told.append("LEAVERS")
    return told
