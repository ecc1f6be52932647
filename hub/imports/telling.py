"""Telling: what was found in an import's rows, and what is to be said of it as a whole."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text

from hub import gate
from hub.caller import Caller
from hub.db import Database
from hub.errors import HubError, NotFound
from hub.imports import proposals
from hub.intake.check import Fault
from hub.models import Import

MOST = 1_000
"""Rows of a page."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of faults, the row after which the next begins, and notes on the whole import."""

    faults: list[Fault]
    after: int | None
    notes: list[HubError]


async def faults(database: Database, caller: Caller, import_id: int, *, after: int, many: int) -> Found:
    """A page of what was found in the rows. Raises NotFound, audited, for an import out of the caller's reach."""
    query = text(
        """SELECT number, faults FROM import_rows
           WHERE import_id = :import AND number > :after AND faults::text <> '[]' ORDER BY number LIMIT :many"""
    )
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        row = (await connection.execute(select(Import.__table__).where(Import.id == import_id))).one_or_none()
        if row is not None:
            asked = {"import": import_id, "after": after, "many": many + 1}
            rows = (await connection.execute(query, asked)).all()
    if row is None:
        refusal = NotFound()
        await gate.refuse(database, caller, "import:read", None, refusal)
        raise refusal
    shown = rows[:many]
    found = [proposals.unpack(number, packed) for number, faults_ in shown for packed in faults_]
    return Found(found, shown[-1].number if len(rows) > many else None, notes(row))


def notes(row: Any) -> list[HubError]:
    """What is to be said of an import as a whole: why it failed, what a leader has to weigh."""
    told = [
        HubError(f"IMPORT_HELD_{reason}", duplicates=row.duplicates, missing=row.missing) for reason in row.held_for
    ]
    if row.failure is not None:
        told.append(HubError(row.failure["key"], **row.failure["values"]))
    return told
