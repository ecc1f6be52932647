"""Telling: what was found in an import's rows, and what is to be said of it as a whole."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from hub import gate, schools
from hub.caller import Caller
from hub.db import Database
from hub.errors import HubError
from hub.imports import proposals
from hub.intake.check import Fault, Folded, Mend
from hub.intake.sheet import BY_SLOT
from hub.models import Import

MOST = 1_000
"""Rows of a page."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found, the row after which the next begins, and notes on the whole import."""

    faults: list[Fault]
    warnings: list[Fault]
    mended: list[Mend]
    folded: list[Folded]
    after: int | None
    notes: list[HubError]


async def faults(database: Database, caller: Caller, import_id: int, *, after: int, many: int) -> Found:
    """A page of what was found in the rows. Raises NotFound, audited, for an import out of the caller's reach.

    Identity numbers that may have been meant are told to whoever brought the workbook, and nobody else.
    """
    row = await schools.visible(database, caller, "import:read", select(Import.__table__).where(Import.id == import_id))
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        rows = await proposals.findings(connection, import_id, after, many + 1)
    mine, shown = row.account_id == caller.account.id, rows[:many]
    return Found(
        [fault if mine else replace(fault, suggestions=()) for _, faults, _, _ in shown for fault in faults],
        [warning for _, _, warnings, _ in shown for warning in warnings],
        [mend for _, _, _, mended in shown for mend in mended],
        [Folded(column, BY_SLOT[slot].header, slot, code, count) for column, slot, code, count in row.folded],
        shown[-1][0] if len(rows) > many else None,
        notes(row),
    )


def notes(row: Any) -> list[HubError]:
    """What is to be said of an import as a whole: why it failed, what a leader has to weigh."""
    told = [
        HubError(f"IMPORT_HELD_{reason}", duplicates=row.duplicates, missing=row.missing) for reason in row.held_for
    ]
    if row.failure is not None:
        told.append(HubError(row.failure["key"], **row.failure["values"]))
    return told
