"""Transfer inside a county (县内转学): the receiving school asks, the sending school and their authority approve.

The receiving school types a number and a name, and is only told whether they are a pupil's: until the pupil has
arrived it learns nothing that it did not type. The approved transfer moves the pupil in the transaction of its last
approval; the sending school reads the record for a while longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import cases, gate, identity, paths, placements
from hub.caller import Caller
from hub.cases import OpenCase
from hub.db import Database
from hub.errors import BadInput, Conflict, HubError, NotFound, RateLimited
from hub.models import Audit, School
from hub.terms import CaseKind, EnrolmentState, Outcome, Side, Slot
from policies import Action, Policy

CONFIRM = "student:confirm"
"""The audited action of asking whether a number and a name are a pupil's."""
LONGEST_REASON = 500
"""Characters of the reason a school gives for a transfer."""
_LONGEST_TYPED = 100

_SCHOOL = select(School.path).where(School.id == bindparam("id"))
_CLASS = text(
    """SELECT c.school_id, c.closed, c.grade = :grade OR EXISTS (SELECT FROM class_grades g WHERE g.class_id = c.id
                AND g.school_year = c.school_year AND g.grade = :grade) AS teaches
       FROM classes c WHERE c.id = :id"""
)
_AUTHORITY = text(
    """SELECT p.path FROM school_stages t JOIN place_cards p ON p.id = t.authority_id
       WHERE t.school_id = :school AND t.until IS NULL
         AND t.stage = CASE WHEN :grade <= 6 THEN 'PRIMARY' WHEN :grade <= 9 THEN 'JUNIOR' ELSE 'SENIOR' END
       ORDER BY t.since DESC LIMIT 1"""
)
_FIND = text("SELECT * FROM find_pupil(:number, :name)")
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('confirm', :account))")
_FAILED = text(
    """SELECT count(*) FROM audit WHERE account_id = :account AND outcome = 'REFUSED' AND action = :action
         AND at > now() - interval '1 hour'"""
)
_PREVIEW = text(
    """INSERT INTO leases (student_id, office, view, reason, until)
       VALUES (:student, :office, 'PREVIEW', :reason, now() + interval '6 months')"""
)
_END_PREVIEW = text("SELECT end_previews(:case)")
_TAIL = text(
    """INSERT INTO leases (student_id, office, view, reason, until)
       VALUES (:student, :office, 'RECORD', :reason, now() + make_interval(days => :days))"""
)
_LOCK_CLASS = text("SELECT 1 FROM classes WHERE id = :id FOR SHARE")
_ARRIVING = text(
    """SELECT s.path AS stood, s.state, s.version, c.id, c.school_id, c.path, c.school_year, c.closed,
              c.grade = s.grade OR EXISTS (SELECT FROM class_grades g WHERE g.class_id = c.id
                AND g.school_year = c.school_year AND g.grade = s.grade) AS teaches
       FROM students s CROSS JOIN classes c WHERE s.id = :student AND c.id = :class"""
)


@dataclass(frozen=True, slots=True)
class Typed:
    """What the receiving school typed of a pupil: a name, and a student number or an identity number."""

    name: str
    number: str
    is_student_number: bool

    @property
    def plausible(self) -> bool:
        """Whether the number has the shape of what it was given as; the look-up itself takes either."""
        return identity.is_student_number(self.number) is self.is_student_number and "" not in (self.name, self.number)


def typed(name: str, student_number: str | None, id_number: str | None) -> Typed:
    """What was typed, made plain. Raises BadInput unless exactly one number is given, and for what is too long."""
    number = id_number if student_number is None else student_number
    if number is None or (student_number is not None and id_number is not None):
        raise BadInput("BAD_ONE_OF", fields="studentNumber, idNumber")
    for field, value in (("name", name), ("studentNumber" if id_number is None else "idNumber", number)):
        if len(value) > _LONGEST_TYPED:
            raise BadInput("TEXT_TOO_LONG", field=field, limit=_LONGEST_TYPED)
    return Typed(name.strip(), identity.normalise(number), student_number is not None)


async def request(
    database: Database,
    policy: Policy,
    caller: Caller,
    asked: gate.Once,
    *,
    school_id: int,
    class_id: int,
    pupil: Typed,
    why: str,
    files: Sequence[int],
) -> int:
    """Ask for a pupil of another school of the county to be transferred to a class of this one. The case's id.

    Whoever the number and the name do not fit together, or fit more than one, is answered alike; after
    `lookup_attempts` such answers in an hour an account is answered no more. While the case is open the receiving
    school holds a preview of the pupil: it may know that it is this one.
    Raises NotFound (also PUPIL_NOT_CONFIRMED), Forbidden, RateLimited, BadInput, Conflict (ALREADY_HERE,
    OTHER_COUNTY, NOT_IN_SCHOOL, CLASS_CLOSED, WRONG_GRADE, PUPIL_CHANGED, and those of `cases.open_case`).
    """
    if len(why) > LONGEST_REASON:
        raise BadInput("TEXT_TOO_LONG", field="reason", limit=LONGEST_REASON)
    path, found = await _confirm(database, policy, caller, school_id, pupil)
    async with gate.writing(database, policy, caller, "case", Action.CREATE, path) as connection:

        async def deed() -> list[int]:
            if isinstance(found, HubError):
                raise found
            await _check(connection, found, school_id, class_id)
            case_id = await cases.open_case(
                connection,
                caller,
                CaseKind.TRANSFER_IN_COUNTY,
                path=path,
                other_path=found.school_path,
                subjects=[found.id],
                details={
                    "name": pupil.name,
                    "number": pupil.number,
                    "class": class_id,
                    "tail_days": database.settings.transfer_tail_days,
                },
                files=files,
                offices={
                    Side.SENDING_SCHOOL: found.school_path,
                    Side.RECEIVING_SCHOOL: path,
                    Side.AUTHORITY: found.authority,
                },
                note=why.strip() or None,
            )
            # Only now can no other business move the pupil: was it still there when this case took its slot?
            if await _find(connection, pupil) != found:
                raise Conflict("PUPIL_CHANGED")
            lease = {"student": found.id, "office": path, "reason": cases.label(case_id)}
            await connection.execute(_PREVIEW, lease)
            return [case_id]

        [opened] = await gate.once(connection, caller, asked, deed)
    return int(opened)


async def lock_class(connection: AsyncConnection, _caller: Caller, case: OpenCase, _subjects: list[int]) -> None:
    """Keep the class from being closed while the pupil arrives: classes are locked before pupils."""
    await connection.execute(_LOCK_CLASS, {"id": case.details["class"]})


async def effect(connection: AsyncConnection, caller: Caller, case: OpenCase, subjects: list[int]) -> None:
    """Move the pupil to the class, and leave the sending school its dated tail.

    Raises Conflict when pupil or class are no longer as the case was asked for.
    """
    [student_id] = subjects
    where = {"student": student_id, "class": case.details["class"]}
    to = (await connection.execute(_ARRIVING, where)).one_or_none()
    sender = str(case.other_path)
    if to is None or to.state != EnrolmentState.IN_SCHOOL or not paths.inside(to.stood, sender):
        raise Conflict("PUPIL_CHANGED")
    _fit(to)
    await placements.move(connection, [student_id], to, CaseKind.TRANSFER_IN_COUNTY, grade=None)
    tail = {"student": student_id, "office": sender, "reason": case.label, "days": case.details["tail_days"]}
    await connection.execute(_TAIL, tail)
    await gate.record(
        connection,
        caller,
        "student:transfer",
        about=f"student:{student_id}",
        path=to.path,
        facts={"version": to.version + 1, "fields": ["school", "schoolClass"], "case": case.label},
        before={"path": to.stood},
        after={"path": to.path},
        event="STUDENT_TRANSFERRED",
    )


async def end_preview(connection: AsyncConnection, _caller: Caller, case: OpenCase, _subjects: list[int]) -> None:
    """End what the receiving school was shown while the case was open."""
    await connection.execute(_END_PREVIEW, {"case": case.id})


cases.KINDS[CaseKind.TRANSFER_IN_COUNTY] = cases.Kind(Slot.BUSINESS, effect, prepare=lock_class, ended=end_preview)


async def _confirm(database: Database, policy: Policy, caller: Caller, school_id: int, pupil: Typed) -> tuple[str, Any]:
    """The path of the school that asks; and whom the number and the name fit, or the refusal that they fit nobody.

    Either is on record. One look-up of an account at a time, so that no burst gets past the limit. Raises NotFound
    for a school out of reach, Forbidden.
    """
    path = ""

    async def school(connection: AsyncConnection) -> str | None:
        nonlocal path
        path = (await connection.execute(_SCHOOL, {"id": school_id})).scalar_one_or_none() or ""
        return path or None

    account = {"account": caller.account.id}
    async with gate.writing(database, policy, caller, "case", Action.CREATE, school) as connection:
        await connection.execute(_ALONE, account)
        failed = (await connection.execute(_FAILED, account | {"action": CONFIRM})).scalar_one()
        limit = database.settings.lookup_attempts
        if failed >= limit:
            return path, RateLimited("RATE_LIMITED", limit=limit)
        found = await _find(connection, pupil)
        refusal = None if found is not None else NotFound("PUPIL_NOT_CONFIRMED")
        entry = insert(Audit).values(
            account_id=caller.account.id,
            role=caller.role,
            action=CONFIRM,
            object=None if found is None else f"student:{found.id}",
            path=path,
            outcome=Outcome.ACCEPTED if refusal is None else Outcome.REFUSED,
            code=None if refusal is None else refusal.code,
            facts={} if refusal is None else {"key": refusal.key},
        )
        await connection.execute(entry.inline())
        return path, found or refusal


async def _find(connection: AsyncConnection, pupil: Typed) -> Any:
    """The one pupil whose number and name were typed, with school and authority; None if there is not exactly one."""
    if not pupil.plausible:
        return None
    rows = (await connection.execute(_FIND, {"number": pupil.number, "name": pupil.name})).all()
    return rows[0] if len(rows) == 1 else None


async def _check(connection: AsyncConnection, found: Any, school_id: int, class_id: int) -> None:
    """Refuse a transfer that may not be asked for."""
    if found.school_id == school_id:
        raise Conflict("ALREADY_HERE")
    where = {"school": school_id, "grade": found.grade}
    authority = (await connection.execute(_AUTHORITY, where)).scalar_one_or_none()
    if found.authority is None or authority != found.authority:
        raise Conflict("OTHER_COUNTY")
    if found.state != EnrolmentState.IN_SCHOOL:
        raise Conflict("NOT_IN_SCHOOL")
    await _class(connection, class_id, found.grade, school_id)


async def _class(connection: AsyncConnection, class_id: int, grade: int, school_id: int) -> None:
    """Refuse a class of the school that no pupil of the grade may come to. Raises NotFound, Conflict."""
    row = (await connection.execute(_CLASS, {"id": class_id, "grade": grade})).one_or_none()
    if row is None or row.school_id != school_id:
        raise NotFound
    _fit(row)


def _fit(to: Any) -> None:
    """Raises Conflict for a class that is closed, or not of the pupil's grade."""
    if to.closed is not None:
        raise Conflict("CLASS_CLOSED")
    if not to.teaches:
        raise Conflict("WRONG_GRADE")
