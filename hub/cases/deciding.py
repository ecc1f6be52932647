"""Deciding a case, step by step, and withdrawing it."""

from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, gate, workdays
from hub.caller import Caller
from hub.cases.kinds import KINDS, OpenCase, label
from hub.db import Database
from hub.errors import BadInput, Conflict, Forbidden, NotFound
from hub.models import Case
from hub.terms import CaseKind, CaseState, RefusalReason, StepState, Verdict
from policies import Action, Policy

_PLACE = select(Case.path, Case.other_path).where(Case.id == bindparam("id"))
_LOCK = select(Case.__table__).where(Case.id == bindparam("id")).with_for_update()
_STEPS = text(
    """SELECT s.ordinal, s.side, s.office, s.state, t.days,
              EXISTS (SELECT FROM grants g WHERE g.role = :role AND g.path = s.office AND g.since <= now()
                        AND (g.until IS NULL OR now() < g.until)) AS mine,
              (SELECT d.verdict FROM case_decisions d
               WHERE d.case_id = s.case_id AND d.account_id = :account AND d.verdict <> 'WITHDRAW') AS acted
       FROM case_steps s JOIN cases c ON c.id = s.case_id
       JOIN chain_steps t ON t.chain_id = c.chain_id AND t.ordinal = s.ordinal
       WHERE s.case_id = :case ORDER BY s.ordinal"""
)
_DECISION = text(
    """INSERT INTO case_decisions (case_id, ordinal, account_id, role, verdict, reason, note)
       VALUES (:case, :ordinal, :account, :role, :verdict, :reason, :note)"""
)
_DECIDED = text("UPDATE case_steps SET state = :state, decided_at = now() WHERE case_id = :case AND ordinal = :ordinal")
_TURN = text("UPDATE case_steps SET state = 'CURRENT', due = :due WHERE case_id = :case AND ordinal = :ordinal")
_DROP = text("UPDATE case_steps SET state = 'DROPPED' WHERE case_id = :case AND state IN ('CURRENT', 'WAITING')")
_ADVANCE = text("UPDATE cases SET waiting_path = :office, due = :due, version = version + 1 WHERE id = :case")
_CLOSE = text(
    """UPDATE cases SET state = :state, waiting_path = NULL, due = NULL, closed_at = now(), version = version + 1
       WHERE id = :case"""
)
_FREE = text("UPDATE case_subjects SET open = false WHERE case_id = :case RETURNING student_id")
_PUPILS = text("SELECT id FROM students WHERE id = ANY (:ids) ORDER BY id FOR UPDATE")
_HELD = text(
    "SELECT 1 FROM grants WHERE role = :role AND path = :path AND since <= now() AND (until IS NULL OR now() < until)"
)
LONGEST_NOTE = 500
"""Characters of the remark a decision may carry."""
_MOVED = ["state", "waitingOffice", "due", "steps", "decisions"]
_ENDS = {Verdict.APPROVE: CaseState.DONE, Verdict.REFUSE: CaseState.REFUSED, Verdict.WITHDRAW: CaseState.WITHDRAWN}


async def decide(
    database: Database,
    policy: Policy,
    caller: Caller,
    request: gate.Once,
    *,
    case_id: int,
    version: int | None,
    verdict: Verdict,
    reason: RefusalReason | None,
    note: str | None,
) -> int:
    """Approve or refuse the step of a case whose turn it is (核办). The case's id.

    Only a role with case:approve that is granted exactly at the step's office decides it; an office above does not
    decide in its place. Nobody decides what they asked for, nor two steps of one case. The last approval brings the
    kind's effect in the same transaction; a refusal closes the case and gives its reason.
    Raises NotFound, Forbidden (WRONG_OFFICE, SELF_APPROVAL), Conflict (STALE, CASE_CLOSED, WRONG_STEP,
    ALREADY_DECIDED, and what the effect refuses), BadInput (REASON_REQUIRED, REASON_NOT_WANTED, NOTE_TOO_LONG).
    """
    path = await _place(database, caller, "case:approve", case_id)
    async with gate.writing(database, policy, caller, "case", Action.APPROVE, path) as connection:

        async def deed() -> list[int]:
            _worded(verdict, reason, note)
            case = await _locked(connection, case_id, version)
            step, coming = await _turn(connection, caller, case)
            await _note(connection, caller, case, step.ordinal, verdict, reason, note)
            state = StepState.APPROVED if verdict is Verdict.APPROVE else StepState.REFUSED
            await connection.execute(_DECIDED, {"case": case.id, "ordinal": step.ordinal, "state": state})
            if verdict is Verdict.APPROVE and coming is not None:
                due = workdays.after(clock.today(), coming.days)
                await connection.execute(_TURN, {"case": case.id, "ordinal": coming.ordinal, "due": due})
                await connection.execute(_ADVANCE, {"case": case.id, "office": coming.office, "due": due})
                await _record(connection, caller, case, "case:approve", "CASE_ADVANCED")
            else:
                await _close(connection, caller, case, verdict)
                await _record(connection, caller, case, f"case:{verdict.lower()}", f"CASE_{_ENDS[verdict]}")
            return [case.id]

        [found] = await gate.once(connection, caller, request, deed)
    return int(found)


async def withdraw(
    database: Database, policy: Policy, caller: Caller, request: gate.Once, *, case_id: int, version: int | None
) -> int:
    """Take a case back while it is open (撤回): by the office that asked, or whoever asked for it. The case's id.

    Raises NotFound, Forbidden (WRONG_OFFICE), Conflict (STALE, CASE_CLOSED).
    """
    path = await _place(database, caller, "case:create", case_id)
    async with gate.writing(database, policy, caller, "case", Action.CREATE, path) as connection:

        async def deed() -> list[int]:
            case = await _locked(connection, case_id, version)
            held = await connection.execute(_HELD, {"role": caller.role, "path": case.path})
            if held.first() is None and caller.account.id != case.opened_by:
                raise Forbidden("WRONG_OFFICE")
            steps = await _steps(connection, caller, case)
            current = next(step for step in steps if step.state == StepState.CURRENT)
            await _note(connection, caller, case, current.ordinal, Verdict.WITHDRAW)
            await _close(connection, caller, case, Verdict.WITHDRAW)
            await _record(connection, caller, case, "case:withdraw", "CASE_WITHDRAWN")
            return [case.id]

        [found] = await gate.once(connection, caller, request, deed)
    return int(found)


async def _place(database: Database, caller: Caller, action: str, case_id: int) -> str:
    """The side of a case that the caller reaches. Raises NotFound for a case out of reach."""
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        row = (await connection.execute(_PLACE, {"id": case_id})).one_or_none()
    if row is None:
        refusal = NotFound()
        await gate.refuse(database, caller, action, None, refusal)
        raise refusal
    return str(row.path if caller.reaches(row.path) else row.other_path)


async def _locked(connection: AsyncConnection, case_id: int, version: int | None) -> OpenCase:
    row = (await connection.execute(_LOCK, {"id": case_id})).one()
    await gate.fresh(connection, label(case_id), row.version, version)
    if row.state != CaseState.OPEN:
        raise Conflict("CASE_CLOSED")
    return OpenCase(row.id, CaseKind(row.kind), row.path, row.other_path, row.opened_by, row.details, row.version)


async def _steps(connection: AsyncConnection, caller: Caller, case: OpenCase) -> list[Any]:
    asked = {"case": case.id, "role": caller.role, "account": caller.account.id}
    return list((await connection.execute(_STEPS, asked)).all())


async def _turn(connection: AsyncConnection, caller: Caller, case: OpenCase) -> tuple[Any, Any]:
    """The step the caller may decide now, and the one after it, if any."""
    steps = await _steps(connection, caller, case)
    at = next(at for at, step in enumerate(steps) if step.state == StepState.CURRENT)
    step = steps[at]
    if not any(one.mine for one in steps):
        raise Forbidden("WRONG_OFFICE")
    if step.acted == Verdict.REQUEST:
        raise Forbidden("SELF_APPROVAL")
    if step.acted is not None:
        raise Conflict("ALREADY_DECIDED")
    if not step.mine:
        raise Conflict("WRONG_STEP")
    return step, steps[at + 1] if at + 1 < len(steps) else None


def _worded(verdict: Verdict, reason: RefusalReason | None, note: str | None) -> None:
    if verdict is Verdict.REFUSE and reason is None:
        raise BadInput("REASON_REQUIRED", field="reason")
    if verdict is not Verdict.REFUSE and reason is not None:
        raise BadInput("REASON_NOT_WANTED", field="reason")
    if note is not None and len(note) > LONGEST_NOTE:
        raise BadInput("NOTE_TOO_LONG", field="note", limit=LONGEST_NOTE)


async def _note(
    connection: AsyncConnection,
    caller: Caller,
    case: OpenCase,
    ordinal: int,
    verdict: Verdict,
    reason: RefusalReason | None = None,
    note: str | None = None,
) -> None:
    who = {"case": case.id, "ordinal": ordinal, "account": caller.account.id, "role": caller.role}
    await connection.execute(_DECISION, who | {"verdict": verdict, "reason": reason, "note": note})


async def _close(connection: AsyncConnection, caller: Caller, case: OpenCase, verdict: Verdict) -> None:
    """End a case: its pupils are free for the next, and if it was approved its effect comes about."""
    kind = KINDS[case.kind]
    subjects = sorted((await connection.execute(_FREE, {"case": case.id})).scalars())
    if verdict is Verdict.APPROVE:
        await _open_both_sides(connection, caller, case)
        await kind.prepare(connection, caller, case, subjects)
        await connection.execute(_PUPILS, {"ids": subjects})
        await kind.effect(connection, caller, case, subjects)
    await connection.execute(_CLOSE, {"case": case.id, "state": _ENDS[verdict]})
    await connection.execute(_DROP, {"case": case.id})
    await kind.ended(connection, caller, case, subjects)


async def _open_both_sides(connection: AsyncConnection, caller: Caller, case: OpenCase) -> None:
    """Let the approval reach both sides: the office that decides last may lie above neither or only one of them."""
    sides = [side for side in (case.path, case.other_path) if side is not None]
    if not all(map(caller.reaches, sides)):
        await gate.scope(connection, replace(caller, roots=tuple(sorted({*caller.roots, *sides}))))


async def _record(connection: AsyncConnection, caller: Caller, case: OpenCase, action: str, event: str) -> None:
    facts = {"version": case.version + 1, "fields": _MOVED, "kind": case.kind}
    await gate.record(connection, caller, action, about=case.label, path=case.path, facts=facts, event=event)
