"""Running a job: from one state to the next until it is at its end, held, or taken over by somebody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import structlog

from hub import clock, gate
from hub.caller import Caller
from hub.db import Database
from hub.errors import HubError, Unavailable
from hub.files import Files
from hub.imports import applying, queue, reading, undoing
from hub.imports.applying import Changed
from hub.imports.job import Job, Lost, Progress, load, unseen
from hub.terms import ImportState
from policies import Policy

log = structlog.get_logger("hub")

STEPS = (ImportState.QUEUED, ImportState.READING, ImportState.APPLYING, ImportState.UNDOING)


async def run(
    database: Database,
    policy: Policy,
    files: Files,
    caller: Caller,
    import_id: int,
    claim: str,
    progress: Progress = unseen,
    abreast: int = 1,
) -> Job:
    """Work on a claimed job until nothing is left to do for it now, writing so many parts side by side.

    Raises the HubError that ended it: what is wrong with the file, a right that was lost. Raises Lost when somebody
    else has taken it over. Every step may be cut off anywhere, and is taken up again by whoever claims the job next.
    """
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        job = await load(connection, database, policy, caller, import_id, claim)
    job.progress, job.abreast = progress, abreast
    async with _beating(job):
        while job.state in STEPS:
            await _step(job, files)
    await queue.release(database, job.id, claim)
    return job


async def _step(job: Job, files: Files) -> None:
    if job.state in (ImportState.QUEUED, ImportState.READING):
        await reading.read(job, files)
    elif job.state == ImportState.UNDOING:
        await undoing.undo(job)
    else:
        try:
            await applying.apply(job)
        except Changed:
            await reading.judge_again(job)


async def finish(database: Database, job_id: int, claim: str, attempts: int, error: Exception) -> None:
    """Note how a job ended that did not end well: failed for good, or to be tried again."""
    if isinstance(error, Lost):
        return
    if isinstance(error, Unavailable) or (not isinstance(error, HubError) and attempts < queue.ATTEMPTS):
        await queue.release(database, job_id, claim)
        return
    known = error if isinstance(error, HubError) else HubError("IMPORT_BROKE_OFF")
    failure = orjson.dumps({"key": known.key, "values": known.values}, default=str).decode()
    await queue.release(database, job_id, claim, state=ImportState.FAILED, failure=failure, ended_at=clock.now())


@asynccontextmanager
async def _beating(job: Job) -> AsyncIterator[None]:
    """Let the job's heart beat while the block runs; the block is cut off when the claim is lost."""
    task = asyncio.current_task()
    lost = False

    async def beats() -> None:
        nonlocal lost
        while True:
            await asyncio.sleep(queue.BEAT)
            try:
                alive = await queue.beat(job.database, job.id, job.claim)
            except Exception as error:
                log.warning("no heartbeat", kind=type(error).__name__)
                continue
            if not alive and job.state in STEPS and task is not None:
                lost = True
                task.cancel()
                return

    beating = asyncio.create_task(beats())
    try:
        yield
    except asyncio.CancelledError:
        if lost:
            if task is not None:
                task.uncancel()
            raise Lost from None
        raise
    finally:
        beating.cancel()
