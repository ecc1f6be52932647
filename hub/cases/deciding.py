"""Deciding a case, step by step, and withdrawing it."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, gate, workdays
from hub.caller import Caller
from hub.cases.kinds import KINDS, OpenCase, label
from hub.db import Database
from hub.errors import BadInput, Conflict, Forbidden
from hub.models import Case
from hub.terms import CaseKind, CaseState, RefusalReason, StepState, Verdict
from policies import Action, Policy

_LOCK = select(Case.__table__).where(Case.id == bindparam("id")).with_for_update()
_KIND = select(Case.kind).where(Case.id == bindparam("id"))
_STEPS = text(
    """SELECT s.ordinal, s.side, s.office, s.state, t.days,
              EXISTS (SELECT FROM grants g WHERE g.role = :role AND g.path = s.office AND g.since <= now()
                        AND (g.until IS NULL OR now() < g.until)) AS mine,
              (SELECT d.verdict FROM case_decisions d
               WHERE d.case_id = s.case_id AND d.account_id = :account AND d.verdict <> 'WITHDRAW') AS acted
       FROM case_steps s JOIN chain_steps t ON t.chain_id = :chain AND t.ordinal = s.ordinal
       WHERE s.case_id = :case ORDER BY s.ordinal"""
)
_DECISION = """WITH decision AS (
    INSERT INTO case_decisions (case_id, ordinal, account_id, role, verdict, reason, note)
    VALUES (:case, :ordinal, :account, :role, :verdict, :reason, :note))"""
_ADVANCE = text(
    f"""{_DECISION}, step AS (
            UPDATE case_steps SET state = 'APPROVED', decided_at = now() WHERE case_id = :case AND ordinal = :ordinal
        ), next AS (
            UPDATE case_steps SET state = 'CURRENT', due = :due WHERE case_id = :case AND ordinal = :next)
        UPDATE cases SET waiting_path = :office, due = :due, version = version + 1
        WHERE id = :case"""  # noqa: S608 -- a constant
)
_CLOSE = text(
    f"""{_DECISION}, step AS (
            UPDATE case_steps SET state = :step, decided_at = CASE WHEN :step = 'DROPPED' THEN NULL ELSE now() END
            WHERE case_id = :case AND ordinal = :ordinal
        ), rest AS (
            UPDATE case_steps SET state = 'DROPPED' WHERE case_id = :case AND state = 'WAITING'
        ), closed AS (
            UPDATE cases SET state = :state, waiting_path = NULL, due = NULL, closed_at = now(), version = version + 1
            WHERE id = :case
        ), freed AS (
            UPDATE case_subjects SET open = false WHERE case_id = :case RETURNING student_id)
        SELECT student_id FROM freed ORDER BY student_id"""  # noqa: S608 -- a constant
)
_PUPILS = text("SELECT id FROM students WHERE id = ANY (:ids) ORDER BY id FOR UPDATE")
_HELD = text(
    "SELECT 1 FROM grants WHERE role = :role AND path = :path AND since <= now() AND (until IS NULL OR now() < until)"
)
LONGEST_NOTE = 500
"""Characters of the remark a decision may carry."""
_MOVED = ["state", "waitingOffice", "due", "steps", "decisions"]
_ENDS = {
    Verdict.APPROVE: (CaseState.DONE, StepState.APPROVED),
    Verdict.REFUSE: (CaseState.REFUSED, StepState.REFUSED),
    Verdict.WITHDRAW: (CaseState.WITHDRAWN, StepState.DROPPED),
}
"""What becomes of the case and of its present step when a verdict ends it."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What somebody does to a step: the verdict, its reason and note."""

    verdict: Verdict
    reason: RefusalReason | None = None
    note: str | None = None


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
    said, case = _Said(verdict, reason, (note or "").strip() or None), _Held(caller, case_id)
    async with gate.writing(database, policy, caller, "case", Action.APPROVE, case.side) as connection:

        async def deed() -> list[int]:
            _worded(said)
            opened = await case.check(connection, version)
            step, coming = await _turn(connection, caller, case)
            if verdict is Verdict.APPROVE and coming is not None:
                await _advance(connection, caller, opened, step, coming, said)
            else:
                await _close(connection, caller, opened, step, said)
            return [opened.id]

        [found] = await gate.once(connection, caller, request, deed)
    return int(found)


async def withdraw(
    database: Database, policy: Policy, caller: Caller, request: gate.Once, *, case_id: int, version: int | None
) -> int:
    """Take a case back while it is open (撤回): by the office that asked, or whoever asked for it. The case's id.

    It takes the right that asking for it took, so a school does not take back what was asked about its pupils.
    Raises NotFound, Forbidden (also WRONG_OFFICE), Conflict (STALE, CASE_CLOSED).
    """
    case = _Held(caller, case_id)
    noun, action = await _right(database, caller, case_id)
    async with gate.writing(database, policy, caller, noun, action, case.side) as connection:

        async def deed() -> list[int]:
            opened = await case.check(connection, version)
            held = await connection.execute(_HELD, {"role": caller.role, "path": opened.path})
            if held.first() is None and caller.account.id != opened.opened_by:
                raise Forbidden("WRONG_OFFICE")
            steps = await _steps(connection, caller, case)
            current = next(step for step in steps if step.state == StepState.CURRENT)
            await _close(connection, caller, opened, current, _Said(Verdict.WITHDRAW))
            return [opened.id]

        [found] = await gate.once(connection, caller, request, deed)
    return int(found)


class _Held:
    """A case whose row is locked from the first look at it until the transaction ends."""

    def __init__(self, caller: Caller, case_id: int) -> None:
        self.caller, self.id = caller, case_id
        self.row: Any = None

    async def side(self, connection: AsyncConnection) -> str | None:
        """Lock it; the side that the caller reaches, None for a case out of reach."""
        self.row = (await connection.execute(_LOCK, {"id": self.id})).one_or_none()
        if self.row is None:
            return None
        return str(self.row.path if self.caller.reaches(self.row.path) else self.row.other_path)

    async def check(self, connection: AsyncConnection, version: int | None) -> OpenCase:
        """The case, if it is still open and as the caller knows it. Raises Conflict STALE, CASE_CLOSED."""
        row = self.row
        await gate.fresh(connection, label(row.id), row.version, version)
        if row.state != CaseState.OPEN:
            raise Conflict("CASE_CLOSED")
        return OpenCase(row.id, CaseKind(row.kind), row.path, row.other_path, row.opened_by, row.details, row.version)


async def _right(database: Database, caller: Caller, case_id: int) -> tuple[str, Action]:
    """The right that asking for a case took; that of most kinds for one the caller does not see: the gate refuses."""
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        kind = (await connection.execute(_KIND, {"id": case_id})).scalar()
    return KINDS[CaseKind(kind)].right if kind else ("case", Action.CREATE)


async def _steps(connection: AsyncConnection, caller: Caller, case: _Held) -> list[Any]:
    asked = {"case": case.id, "chain": case.row.chain_id, "role": caller.role, "account": caller.account.id}
    return list((await connection.execute(_STEPS, asked)).all())


async def _turn(connection: AsyncConnection, caller: Caller, case: _Held) -> tuple[Any, Any]:
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


def _worded(said: _Said) -> None:
    if said.verdict is Verdict.REFUSE and said.reason is None:
        raise BadInput("REASON_REQUIRED", field="reason")
    if said.verdict is not Verdict.REFUSE and said.reason is not None:
        raise BadInput("REASON_NOT_WANTED", field="reason")
    if said.note is not None and len(said.note) > LONGEST_NOTE:
        raise BadInput("NOTE_TOO_LONG", field="note", limit=LONGEST_NOTE)


def _decision(caller: Caller, case: OpenCase, step: Any, said: _Said) -> dict[str, Any]:
    """The values of a decision, and of what it is about."""
    who = {"account": caller.account.id, "role": caller.role}
    what = {"verdict": said.verdict, "reason": said.reason, "note": said.note}
    return {"case": case.id, "ordinal": step.ordinal} | who | what


async def _advance(
    connection: AsyncConnection, caller: Caller, case: OpenCase, step: Any, coming: Any, said: _Said
) -> None:
    """Give the turn to the next step."""
    due = workdays.after(clock.today(), coming.days)
    turn = {"next": coming.ordinal, "office": coming.office, "due": due}
    await connection.execute(_ADVANCE, _decision(caller, case, step, said) | turn)
    await _record(connection, caller, case, "case:approve", "CASE_ADVANCED")


async def _close(connection: AsyncConnection, caller: Caller, case: OpenCase, step: Any, said: _Said) -> None:
    """End a case: its pupils are free for the next, and if it was approved its effect comes about."""
    kind, (state, step_state) = KINDS[case.kind], _ENDS[said.verdict]
    closing = _decision(caller, case, step, said) | {"state": state, "step": step_state}
    subjects = list((await connection.execute(_CLOSE, closing)).scalars())
    if said.verdict is Verdict.APPROVE:
        await _open_both_sides(connection, caller, case)
        await kind.prepare(connection, caller, case, subjects)
        await connection.execute(_PUPILS, {"ids": subjects})
        await kind.effect(connection, caller, case, subjects)
    await kind.ended(connection, caller, case, subjects)
    await _record(connection, caller, case, f"case:{said.verdict.lower()}", f"CASE_{state}")


async def _open_both_sides(connection: AsyncConnection, caller: Caller, case: OpenCase) -> None:
    """Let the approval reach both sides: the office that decides last may lie above neither or only one of them."""
    sides = [side for side in (case.path, case.other_path) if side is not None]
    if not all(map(caller.reaches, sides)):
        await gate.scope(connection, replace(caller, roots=tuple(sorted({*caller.roots, *sides}))))


async def _record(connection: AsyncConnection, caller: Caller, case: OpenCase, action: str, event: str) -> None:
    facts = {"version": case.version + 1, "fields": _MOVED, "kind": case.kind}
    await gate.record(connection, caller, action, about=case.label, path=case.path, facts=facts, event=event)
