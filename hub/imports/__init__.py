"""Imports: a workbook is a proposal that is judged row by row, corrected, applied, resumed and undone.

`asking` is what people ask of an import, `reading` and `judging` make proposals of a workbook's rows, `applying` writes
them, `undoing` takes them back, `queue` is their line, `running` goes from one state to the next.
"""

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import gate, line
from hub.caller import Caller
from hub.db import Database
from hub.errors import HubError
from hub.files import Files
from hub.gate import Once
from hub.imports import asking, proposals, queue, running, telling
from hub.imports.job import Lost, Progress, unseen
from hub.intake.check import Fault, Mend
from hub.models import Import
from hub.terms import ImportMode, ImportState
from policies import Policy

__all__ = ["Done", "Progress", "apply", "asking", "carry_on", "queue", "running", "unseen"]

PATIENCE = 30.0
"""Seconds that whoever waits for an import waits for its turn."""
_LOOK_AGAIN = 0.05
_ABREAST = 2
"""Parts that are written side by side while somebody waits; a worker writes one at a time and leaves others a core."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a workbook: the import's id, the faults of the rows refused, what else was told of its cells."""

    id: int
    state: ImportState
    total: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    faults: list[Fault]
    warnings: list[Fault]
    mended: list[Mend]
    notes: list[HubError]


async def apply(
    database: Database,
    policy: Policy,
    caller: Caller,
    files: Files,
    *,
    school_code: str,
    file_id: int,
    mode: ImportMode = ImportMode.SOUND_ROWS,
    whole: bool = False,
    progress: Progress = unseen,
) -> Done:
    """Import a workbook of one school and wait until it is done: its sound rows are in the register then.

    The import is a job like any other, but this process works on it at once, or waits while its school's turn is
    another's; after half a minute of that it is left to the workers. What is wrong with the file leaves no import
    behind, whoever has found it. Raises NotFound for a school out of reach, Forbidden, BadInput and TooLarge for what
    is wrong with the file.
    """
    request = Once(None, "importWorkbook", None)
    wanted: dict[str, Any] = {"school_code": school_code, "file_id": file_id, "mode": mode, "whole": whole}
    claimed: Any = None

    async def seize(connection: AsyncConnection, found: int) -> None:
        nonlocal claimed
        claimed = await queue.LINE.seize(connection, found)

    while True:
        found = await asking.start(database, policy, caller, request, **wanted, then=seize)
        await _work(database, policy, caller, files, found, claimed, progress)
        done = await _done(database, caller, found)
        if done is not None:  # or else somebody of the same file was told what is wrong with it
            break
    if done.state == ImportState.FAILED:
        await _forget(database, Import.id == found, Import.state == ImportState.FAILED)
        raise done.notes[-1]
    return done


async def _work(
    database: Database, policy: Policy, caller: Caller, files: Files, found: int, claimed: Any, progress: Progress
) -> None:
    """Work on an import once it is claimed, or wait while others do."""
    deadline = monotonic() + PATIENCE
    while claimed is not None or await _stands(database, caller, found):
        claimed = claimed or await queue.LINE.claim(database, found)
        if claimed is None:
            if monotonic() > deadline:
                break
            await asyncio.sleep(_LOOK_AGAIN)
            continue
        (claim, row), claimed = claimed, None
        try:
            await running.run(database, policy, files, caller, found, claim, progress, _ABREAST)
        except Lost:
            continue
        except BaseException as error:
            await _break_off(database, found, claim, row.attempts, error)
            raise


async def carry_on(database: Database, policy: Policy, files: Files, import_id: int) -> None:
    """Work on a job that was confirmed or is to be undone, until it is done; a worker that has it keeps it."""
    claimed = await queue.LINE.claim(database, import_id)
    if claimed is not None:
        claim, row = claimed
        await running.run(database, policy, files, line.acting(row), import_id, claim)


async def _stands(database: Database, caller: Caller, found: int) -> bool:
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        state = (await connection.execute(select(Import.state).where(Import.id == found))).scalar()
    return state in running.STEPS


async def _break_off(database: Database, found: int, claim: str, attempts: int, error: BaseException) -> None:
    """Leave nothing of an import that wrote nothing; one that did goes on as a job."""
    if await _forget(database, Import.id == found, Import.claim == claim):
        return
    if isinstance(error, Exception) and not isinstance(error, HubError):
        await running.finish(database, found, claim, attempts, error)


async def _forget(database: Database, *which: ColumnElement[bool]) -> bool:
    """Whether an import was there that had written nothing, and is gone."""
    async with database.system.begin() as connection:
        return bool((await connection.execute(delete(Import).where(*which, Import.written == 0))).rowcount)


async def _done(database: Database, caller: Caller, found: int) -> Done | None:
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        row = (await connection.execute(select(Import.__table__).where(Import.id == found))).one_or_none()
        if row is None:
            return None
        findings = await proposals.findings(connection, found)
    counts = {name: getattr(row, name) for name in ("total", "created", "updated", "unchanged", "rejected")}
    faults = [fault for _, faults, _, _ in findings for fault in faults]
    warnings = [warning for _, _, warnings, _ in findings for warning in warnings]
    mended = [mend for _, _, _, mended in findings for mend in mended]
    state, notes = ImportState(row.state), telling.notes(row)
    return Done(found, state, faults=faults, warnings=warnings, mended=mended, notes=notes, **counts)
