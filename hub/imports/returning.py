"""Returning: the clerk's own workbook again, with what became of each row and every mistake marked in its cell."""

import asyncio
from dataclasses import replace
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import gate, templates
from hub.caller import Caller
from hub.db import Database
from hub.downloads import SPREADSHEET, Download
from hub.errors import Language, NotFound
from hub.files import Files
from hub.imports import proposals
from hub.imports.job import not_now
from hub.intake import press, workbook
from hub.intake.annotated import RowNote
from hub.models import File, Import, School
from hub.terms import ImportState
from policies import Policy

KIND = "return"
_UNJUDGED = (ImportState.QUEUED, ImportState.READING, ImportState.FAILED)
_VERDICTS = text("SELECT number, verdict FROM import_rows WHERE import_id = :import AND number > 0 ORDER BY number")


def key(import_id: int, language: Language) -> str:
    """What a link to a return names."""
    return f"{import_id}:{language}"


async def show(database: Database, _policy: Policy, files: Files, caller: Caller, key: str) -> Download:
    """The return that a link leads to. Raises NotFound for any but the caller's own import, Conflict before its rows
    are judged.
    """
    found, _, language = key.partition(":")
    return await give(database, files, caller, int(found), "en" if language == "en" else "zh")


async def give(database: Database, files: Files, caller: Caller, import_id: int, language: Language) -> Download:
    """The return of the caller's own import; it holds the pupils' data as they were sent."""
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        row = await _own(connection, import_id)
        notes = await _notes(connection, import_id)
    school = await templates.school_sheet(database, caller, row.code)
    settings = database.settings
    data = await asyncio.to_thread(
        press.annotated,
        await files.get(row.key),
        notes,
        workbook.Limits(size=settings.upload_limit, rows=settings.row_limit),
        language=language,
        school=school,
        import_id=str(import_id),
    )
    return Download(data, SPREADSHEET, f"{row.name.rpartition('.')[0] or row.name}-{import_id}.xlsx")


async def _own(connection: AsyncConnection, import_id: int) -> Any:
    """The import with its file, which row security shows to its uploader only."""
    query = (
        select(Import.state, School.code, File.key, File.name)
        .join(File, File.id == Import.file_id)
        .join(School, School.id == Import.school_id)
        .where(Import.id == import_id)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound
    if row.state in _UNJUDGED:
        raise not_now(row.state)
    return row


async def _notes(connection: AsyncConnection, import_id: int) -> list[RowNote]:
    verdicts = await connection.execute(_VERDICTS, {"import": import_id})
    notes = {number: RowNote(number, verdict, proposals.token(import_id, number)) for number, verdict in verdicts}
    for number, faults, warnings, mended in await proposals.findings(connection, import_id):
        notes[number] = replace(notes[number], faults=faults, warnings=warnings, mended=mended)
    return [*notes.values()]
