"""Running a job: from one state to the next until it is at its end, held, or taken over by somebody else."""

import orjson

from hub import clock, gate
from hub.caller import Caller
from hub.db import Database
from hub.errors import HubError, Unavailable
from hub.files import Files
from hub.imports import applying, reading, undoing
from hub.imports.applying import Changed
from hub.imports.job import Job, Lost, Progress, load, unseen
from hub.imports.queue import LINE
from hub.line import ATTEMPTS
from hub.terms import ImportState
from policies import Policy

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
    async with LINE.beating(database, job.id, claim, lambda: job.state in STEPS):
        while job.state in STEPS:
            await _step(job, files)
    await LINE.release(database, job.id, claim)
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
    if isinstance(error, Unavailable) or (not isinstance(error, HubError) and attempts < ATTEMPTS):
        await LINE.release(database, job_id, claim)
        return
    known = error if isinstance(error, HubError) else HubError("IMPORT_BROKE_OFF")
    failure = orjson.dumps({"key": known.key, "values": known.values}, default=str).decode()
    await LINE.release(database, job_id, claim, state=ImportState.FAILED, failure=failure, ended_at=clock.now())
