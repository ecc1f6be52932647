"""`hub import`, `apply`, `confirm` and `undo`: what a clerk and a leader do in the browser, from the command line."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from hub import files, gate, imports
from hub.errors import Language
from hub.gate import Once
from hub.imports import asking, returning
from hub.models import Import, ImportRow
from hub.seat import Seat, taken
from hub.settings import Settings
from hub.terms import ImportMode, ImportState, Undoing

_PART = 1 << 20


async def bring(
    settings: Settings,
    path: Path,
    school: str,
    username: str,
    password: str,
    *,
    mode: ImportMode = ImportMode.SOUND_ROWS,
    whole: bool = False,
    returned: Path | None = None,
    language: Language = "zh",
    progress: imports.Progress = imports.unseen,
) -> imports.Done:
    """Sign in, store the file, import it, save its annotated return where one is asked for, sign out."""
    async with taken(settings, username, password) as seat:
        stored = await files.store(seat.database, seat.files, seat.caller, path.name, _parts(path))
        done = await imports.apply(
            seat.database,
            seat.policy,
            seat.caller,
            seat.files,
            school_code=school,
            file_id=stored.id,
            mode=mode,
            whole=whole,
            progress=progress,
        )
        if returned is not None:
            found = await returning.give(seat.database, seat.files, seat.caller, done.id, language)
            await asyncio.to_thread(returned.write_bytes, found.data)
        return done


async def go_on(settings: Settings, import_id: int, username: str, password: str, mode: ImportMode) -> ImportState:
    """Apply an import that was only judged, anew by the register as it is now; how it stands then."""
    async with taken(settings, username, password) as seat:
        request = Once(None, "applyImport", None)
        await asking.go_on(seat.database, seat.policy, seat.caller, request, import_id, mode)
        return await _carry_on(seat, import_id)


async def confirm(settings: Settings, import_id: int, username: str, password: str, *, approve: bool) -> ImportState:
    """A leader lets a held import go on, or withdraws it; how it stands then."""
    async with taken(settings, username, password) as seat:
        request = Once(None, "confirmImport", None)
        await asking.confirm(seat.database, seat.policy, seat.caller, request, import_id, approve=approve)
        return await _carry_on(seat, import_id)


@dataclass(frozen=True, slots=True)
class Undone:
    """How an undone import stands: how many rows are taken back, and those kept, with what was edited since."""

    state: ImportState
    back: int
    kept: Sequence[Any]


async def undo(settings: Settings, import_id: int, username: str, password: str) -> Undone:
    """Take back what an import wrote; what became of its rows."""
    kept = select(ImportRow.number, ImportRow.name, ImportRow.later).where(
        ImportRow.import_id == import_id, ImportRow.undone == Undoing.KEPT
    )
    async with taken(settings, username, password) as seat:
        await asking.undo(seat.database, seat.policy, seat.caller, Once(None, "undoImport", None), import_id)
        state = await _carry_on(seat, import_id)
        async with seat.database.app.begin() as connection:
            await gate.scope(connection, seat.caller)
            row = (await connection.execute(select(Import.written, Import.kept).where(Import.id == import_id))).one()
            rows = (await connection.execute(kept.order_by(ImportRow.number))).all()
        return Undone(state, row.written - row.kept if state == ImportState.UNDONE else 0, rows)


async def _carry_on(seat: Seat, import_id: int) -> ImportState:
    await imports.carry_on(seat.database, seat.policy, seat.files, import_id)
    async with seat.database.app.begin() as connection:
        await gate.scope(connection, seat.caller)
        state = (await connection.execute(select(Import.state).where(Import.id == import_id))).scalar_one()
    return ImportState(state)


async def _parts(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(_PART):
            yield part
