"""Opening a case: its chain, its pupils, whose turn it is first."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, gate, paths, workdays
from hub.caller import Caller
from hub.cases.kinds import KINDS, label
from hub.errors import BadInput, Conflict, NotFound, TooLarge
from hub.terms import CaseKind, Side, StepState

MOST_FILES = 20
"""Files that may go with one case."""

_CHAIN = text(
    """SELECT c.id, c.evidence, s.ordinal, s.side, s.days FROM chains c JOIN chain_steps s ON s.chain_id = c.id
       WHERE c.id = (SELECT id FROM chains WHERE kind = :kind AND since <= :day AND (until IS NULL OR :day < until)
                     ORDER BY since DESC LIMIT 1)
       ORDER BY s.ordinal"""
)
_OPEN = text(
    """INSERT INTO cases (kind, chain_id, path, other_path, waiting_path, due, opened_by, details)
       VALUES (:kind, :chain, :path, :other_path, :office, :due, :account, CAST(:details AS jsonb)) RETURNING id"""
)
_SUBJECTS = text(
    """INSERT INTO case_subjects (case_id, student_id, slot)
       SELECT :case, id, :slot FROM unnest(CAST(:ids AS bigint[])) AS id ORDER BY id
       ON CONFLICT (student_id, slot) WHERE open AND slot <> 'WATCH' DO NOTHING RETURNING student_id"""
)
_STEP = text(
    """INSERT INTO case_steps (case_id, ordinal, side, office, state, due)
       VALUES (:case, :ordinal, :side, :office, :state, :due)"""
)
_FILES = text(
    "INSERT INTO case_files (case_id, file_id) SELECT :case, id FROM files WHERE id = ANY (:ids) RETURNING file_id"
)
_ASKED = text(
    """INSERT INTO case_decisions (case_id, ordinal, account_id, role, verdict, note)
       VALUES (:case, 0, :account, :role, 'REQUEST', :note)"""
)


async def open_case(
    connection: AsyncConnection,
    caller: Caller,
    kind: CaseKind,
    *,
    path: str,
    other_path: str | None,
    subjects: Sequence[int],
    details: Mapping[str, Any],
    files: Sequence[int],
    offices: Mapping[Side, str],
    note: str | None = None,
) -> int:
    """Open a case of a kind inside the caller's transaction; its first step has its turn. The new case's id.

    `path` is the school that asks, `other_path` the one on the other side; `offices` says which office is on which
    side of the chain. `files` are the caller's own uploads, `note` is what the asking side says for it. Of two cases
    that want the same slot of a pupil at once the second waits for the first, and is refused if that one stays open.
    Raises Conflict CASE_OPEN, NO_CHAIN, OFFICE_OUTSIDE; BadInput EVIDENCE_REQUIRED; NotFound for a file of another.
    """
    today = clock.today()
    steps = await _chain(connection, kind, today, offices)
    if steps[0].evidence and not files:
        raise BadInput("EVIDENCE_REQUIRED", field="fileIds")
    sides = [side for side in (path, other_path) if side is not None]
    if not all(_sees(offices[Side(step.side)], sides) for step in steps):
        raise Conflict("OFFICE_OUTSIDE")
    due = workdays.after(today, steps[0].days)
    opened = {
        "kind": kind,
        "chain": steps[0].id,
        "path": path,
        "other_path": other_path,
        "office": offices[Side(steps[0].side)],
        "due": due,
        "account": caller.account.id,
        "details": orjson.dumps(dict(details)).decode(),
    }
    case_id: int = (await connection.execute(_OPEN, opened)).scalar_one()
    wanted = {"case": case_id, "ids": list(subjects), "slot": KINDS[kind].slot}
    if len((await connection.execute(_SUBJECTS, wanted)).all()) < len(set(subjects)):
        raise Conflict("CASE_OPEN")
    await _lay(connection, case_id, steps, offices, due)
    await _attach(connection, case_id, files)
    asked = {"case": case_id, "account": caller.account.id, "role": caller.role, "note": note}
    await connection.execute(_ASKED, asked)
    await gate.record(
        connection,
        caller,
        "case:create",
        about=label(case_id),
        path=path,
        facts={"version": 1, "fields": [], "kind": kind, "subjects": len(subjects)},
        after={"details": dict(details), "subjects": sorted(subjects), "other_path": other_path},
        event="CASE_OPENED",
    )
    return case_id


async def _chain(connection: AsyncConnection, kind: CaseKind, day: date, offices: Mapping[Side, str]) -> Sequence[Any]:
    """The steps of the chain in force on a day. Raises Conflict without one whose every side is known."""
    steps = (await connection.execute(_CHAIN, {"kind": kind, "day": day})).all()
    if not steps or any(Side(step.side) not in offices for step in steps):
        raise Conflict("NO_CHAIN", kind=kind)
    return steps


async def _lay(
    connection: AsyncConnection, case_id: int, steps: Sequence[Any], offices: Mapping[Side, str], due: date
) -> None:
    """Write the case's steps; the first has its turn."""
    rows = [
        {
            "case": case_id,
            "ordinal": step.ordinal,
            "side": step.side,
            "office": offices[Side(step.side)],
            "state": StepState.WAITING if at else StepState.CURRENT,
            "due": None if at else due,
        }
        for at, step in enumerate(steps)
    ]
    await connection.execute(_STEP, rows)


def _sees(office: str, sides: Sequence[str]) -> bool:
    """Whether an office sees a case by one of its sides: an office that could not would never find it."""
    return any(paths.inside(side, office) for side in sides)


async def _attach(connection: AsyncConnection, case_id: int, files: Sequence[int]) -> None:
    """Keep the asking side's own uploads with the case. Raises NotFound for a file that is not theirs, TooLarge."""
    if not files:
        return
    if len(files) > MOST_FILES:
        raise TooLarge("TOO_MANY_FILES", limit=MOST_FILES)
    kept = await connection.execute(_FILES, {"case": case_id, "ids": list(files)})
    if len(kept.all()) < len(set(files)):
        raise NotFound
