"""Attendance: a class's day is marked by naming the pupils who were not simply present (考勤登记)."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, gate
from hub.caller import Caller
from hub.db import Database
from hub.errors import BadInput, Conflict, HubError, NotFound, TooLarge
from hub.models import Audit
from hub.settings import Settings
from hub.terms import AbsenceKind, Outcome
from policies import Action, Policy

MOST_EXCEPTIONS = 200
MOST_DAYS = 200
LONGEST_NOTE = 200
_TOTALS = ("expected", "absent", "late", "onLeave")

# The share lock keeps a class open while its day is marked; who of two markers is first, the write decides.
_FIND = text(
    """SELECT c.id, c.path, c.grade, c.closed, asked.day, class_roster(c.id, asked.day) AS roster, d.id AS day_id,
              coalesce(d.version, 0) AS version, d.expected, d.absent, d.late, d.on_leave AS "onLeave",
              (SELECT json_agg(json_build_array(a.student_id, a.kind, a.note) ORDER BY a.student_id)
               FROM absences a WHERE a.class_day_id = d.id) AS absences
       FROM unnest(CAST(:classes AS bigint[]), CAST(:days AS date[])) AS asked(class_id, day)
       JOIN classes c ON c.id = asked.class_id LEFT JOIN class_days d ON d.class_id = c.id AND d.day = asked.day
       ORDER BY c.id FOR SHARE OF c"""
)
# One statement, however many days: the days, who was not simply present, and what `gate.record` writes of a deed.
_WRITE = """
    WITH given AS (
        SELECT * FROM jsonb_to_recordset(CAST(:days AS jsonb)) AS g(class_id bigint, day date, path text,
            grade smallint, expected smallint, absent smallint, late smallint, on_leave smallint, version bigint,
            absences jsonb, facts jsonb, before jsonb, after jsonb, hash text)
    ), marked AS ({marked} RETURNING id, class_id, day, path), told AS (
        SELECT m.id, m.day, m.path, 'classDay:' || m.id AS object, g.absences, g.facts, g.before, g.after, g.hash
        FROM marked m JOIN given g USING (class_id, day)
    ), named AS (
        SELECT t.id, t.day, t.path, a.* FROM told t
        CROSS JOIN LATERAL jsonb_to_recordset(t.absences) AS a(student bigint, kind text, note text)
    ), {dropped} kept AS (
        INSERT INTO absences (class_day_id, student_id, day, path, kind, note)
        SELECT id, student, day, path, kind, note FROM named {replaced}
    ), entry AS (
        INSERT INTO audit (account_id, role, action, object, path, outcome, facts, values_hash)
        SELECT :account, :role, 'attendance:mark', object, path, 'ACCEPTED', facts, decode(hash, 'hex') FROM told
        RETURNING id, object
    ), seen AS (
        INSERT INTO audit_values (audit_id, before, after)
        SELECT e.id, t.before, t.after FROM entry e JOIN told t USING (object)
    ), sent AS (
        INSERT INTO outbox (kind, object, path, payload) SELECT 'ATTENDANCE_MARKED', object, path, facts FROM told
    )
    SELECT id, class_id, day FROM marked"""
_FIRST = text(
    _WRITE.format(
        marked="""INSERT INTO class_days
                      (class_id, day, path, grade, expected, absent, late, on_leave, marked_by)
                  SELECT class_id, day, path, grade, expected, absent, late, on_leave, :account FROM given
                  ON CONFLICT (class_id, day) DO NOTHING""",
        dropped="",
        replaced="",
    )
)
_ANEW = text(
    _WRITE.format(
        marked="""UPDATE class_days d SET expected = g.expected, absent = g.absent, late = g.late,
                      on_leave = g.on_leave, marked_by = :account, marked_at = now(), version = g.version
                  FROM given g WHERE (d.class_id, d.day, d.version) = (g.class_id, g.day, g.version - 1)""",
        dropped="""dropped AS (
                       DELETE FROM absences a USING marked m WHERE a.class_day_id = m.id
                           AND NOT EXISTS (SELECT FROM named n WHERE n.id = m.id AND n.student = a.student_id)), """,
        replaced="ON CONFLICT (class_day_id, student_id) DO UPDATE SET kind = excluded.kind, note = excluded.note",
    ).replace("RETURNING id, class_id, day, path)", "RETURNING d.id, d.class_id, d.day, d.path)")
)
_VERSION = text("SELECT version FROM class_days WHERE class_id = :class AND day = :day")


@dataclass(frozen=True, slots=True)
class Absentee:
    """A pupil who was not simply present on a day, and why."""

    student_id: int
    kind: AbsenceKind
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Marking:
    """What is said of a class's day: who was not simply present; the version it rests on, if it was marked before."""

    class_id: int
    day: date
    absentees: Sequence[Absentee] = ()
    version: int | None = None


_Known = dict[tuple[int, date], Any]
"""What the register holds, by class and day."""


async def mark(database: Database, policy: Policy, caller: Caller, request: gate.Once, marking: Marking) -> int:
    """Mark a class's day (考勤登记): everybody of the class who is not named was present. The id of the class's day.

    Of the class are the pupils in school who were placed in it on that day. A day that was marked is marked anew only
    by who read it as it is: of two at once the second meets STALE, so no mark is lost. Path and grade are those of the
    class at the first marking and stay.
    Raises Forbidden, NotFound for a class out of reach, BadInput for a day or a pupil that cannot be, TooLarge,
    Conflict for a closed class or a stale version.
    """
    known: _Known = {}

    async def place(connection: AsyncConnection) -> str | None:
        known.update(await _find(connection, [marking]))
        return next((row.path for row in known.values()), None)

    async with gate.writing(database, policy, caller, "attendance", Action.MARK, place) as connection:

        async def deed() -> list[int]:
            [outcome] = await _mark(connection, database.settings, caller, [marking], known)
            if isinstance(outcome, HubError):
                raise outcome
            return [outcome]

        [found] = await gate.once(connection, caller, request, deed)
    return int(found)


async def mark_all(
    database: Database, policy: Policy, caller: Caller, request: gate.Once, markings: Sequence[Marking]
) -> list[int | HubError]:
    """Mark days of several classes in one transaction, each for itself: its id, or why it was refused.

    A day that is refused is audited like a refusal of its own and hinders no other. Rules as of `mark`; a class and
    day named twice is marked once. Raises Forbidden, TooLarge for the request as a whole.
    """
    async with gate.writing(database, policy, caller, "attendance", Action.MARK, caller.roots[0]) as connection:
        if len(markings) > MOST_DAYS:
            raise TooLarge("TOO_MANY_DAYS", field="days", limit=MOST_DAYS)

        async def deed() -> list[Any]:
            known = await _find(connection, markings)
            outcomes = await _mark(connection, database.settings, caller, markings, known)
            await _note(connection, caller, [outcome for outcome in outcomes if isinstance(outcome, HubError)])
            return [_kept(outcome) if isinstance(outcome, HubError) else outcome for outcome in outcomes]

        answer = await gate.once(connection, caller, request, deed)
    return [HubError(**kept) if isinstance(kept, dict) else int(kept) for kept in answer]


async def _find(connection: AsyncConnection, markings: Sequence[Marking]) -> _Known:
    """What the register holds of the classes in reach and their days; the classes stay as they are until commit."""
    asked = {"classes": [one.class_id for one in markings], "days": [one.day for one in markings]}
    return {(row.id, row.day): row for row in await connection.execute(_FIND, asked)}


async def _mark(
    connection: AsyncConnection, settings: Settings, caller: Caller, markings: Sequence[Marking], known: _Known
) -> list[int | HubError]:
    """Mark days of classes, each for itself: the id of the class's day, or why it was refused."""
    outcomes: list[int | HubError] = []
    sound: dict[tuple[int, date], int] = {}
    for at, marking in enumerate(markings):
        key = marking.class_id, marking.day
        refusal = _senseless(settings, marking) or await _refusal(connection, marking, known.get(key))
        if refusal is None and key in sound:
            refusal = BadInput("DOUBLE_DAY", field="date")
        if refusal is None:
            sound[key] = at
        outcomes.append(refusal or 0)
    for row in await _write(connection, caller, [_row(markings[at], known[key]) for key, at in sound.items()]):
        outcomes[sound.pop((row.class_id, row.day))] = row.id
    for at in sound.values():
        outcomes[at] = await _overtaken(connection, markings[at])
    return outcomes


async def _note(connection: AsyncConnection, caller: Caller, refusals: Sequence[HubError]) -> None:
    """Audit the refusals among several days, with the transaction of those that were marked."""
    if refusals:
        told = {"account_id": caller.account.id, "role": caller.role, "action": "attendance:mark"}
        told |= {"outcome": Outcome.REFUSED, "path": caller.roots[0]}
        entries = [told | {"code": refusal.code, "facts": {"key": refusal.key}} for refusal in refusals]
        await connection.execute(insert(Audit).inline(), entries)


def _kept(refusal: HubError) -> dict[str, Any]:
    """A refusal as a retry answers it again."""
    return {"key": refusal.key, "field": refusal.field, "details": refusal.details, **refusal.values}


def _senseless(settings: Settings, marking: Marking) -> HubError | None:
    """Why a marking cannot be, whatever the register holds."""
    today = clock.today()
    if marking.day > today:
        return BadInput("DAY_IN_FUTURE", field="date", day=str(marking.day))
    if marking.day < today - timedelta(days=settings.attendance_days):
        return BadInput("DAY_TOO_OLD", field="date", day=str(marking.day), limit=settings.attendance_days)
    if len(marking.absentees) > MOST_EXCEPTIONS:
        return TooLarge("TOO_MANY_EXCEPTIONS", field="exceptions", limit=MOST_EXCEPTIONS)
    named = Counter(absentee.student_id for absentee in marking.absentees)
    double = [at for at, absentee in enumerate(marking.absentees) if named[absentee.student_id] > 1]
    if double:
        return BadInput("DOUBLE_EXCEPTION", field=f"exceptions.{double[1]}.studentId")
    for at, absentee in enumerate(marking.absentees):
        if absentee.note is not None and len(absentee.note) > LONGEST_NOTE:
            return BadInput("NOTE_TOO_LONG", field=f"exceptions.{at}.note", limit=LONGEST_NOTE)
    return None


async def _refusal(connection: AsyncConnection, marking: Marking, row: Any) -> HubError | None:
    """Why a marking does not fit what the register holds."""
    if row is None:
        return NotFound()
    if row.closed is not None:
        return Conflict("CLASS_CLOSED", field="classId")
    try:
        await gate.fresh(connection, f"classDay:{row.day_id}", row.version, marking.version or 0)
    except Conflict as stale:
        return stale
    roster = set(row.roster)
    for at, absentee in enumerate(marking.absentees):
        if absentee.student_id not in roster:
            return BadInput("NOT_OF_CLASS", field=f"exceptions.{at}.studentId", number=at + 1)
    return None


async def _overtaken(connection: AsyncConnection, marking: Marking) -> HubError:
    """STALE, for a day that somebody else marked between our reading and our writing."""
    found = (await connection.execute(_VERSION, {"class": marking.class_id, "day": marking.day})).scalar() or 0
    return Conflict("STALE", fields="—", version=found, details={"changed": [], "version": found})


def _row(marking: Marking, known: Any) -> dict[str, Any]:
    """What the register is to hold of a day, and what the audit is to say about it."""
    kinds = Counter(absentee.kind for absentee in marking.absentees)
    leave = kinds[AbsenceKind.SICK_LEAVE] + kinds[AbsenceKind.PERSONAL_LEAVE]
    totals = dict(
        zip(_TOTALS, (len(known.roster), kinds[AbsenceKind.ABSENT], kinds[AbsenceKind.LATE], leave), strict=True)
    )
    absences = sorted([one.student_id, str(one.kind), one.note] for one in marking.absentees)
    after = totals | {"absences": absences}
    before = {key: getattr(known, key) for key in _TOTALS} | {"absences": known.absences or []}
    changed = [key for key in after if not known.version or before[key] != after[key]]
    kept = before if known.version else None
    hashed = hashlib.sha256(orjson.dumps([kept, after], option=orjson.OPT_SORT_KEYS))
    about = {"class": f"class:{known.id}", "day": str(marking.day), "version": known.version + 1, "fields": changed}
    return {
        "class_id": known.id,
        "day": str(marking.day),
        "path": known.path,
        "grade": known.grade,
        **{"on_leave" if key == "onLeave" else key: totals[key] for key in _TOTALS},
        "version": known.version + 1,
        "absences": [{"student": student, "kind": kind, "note": note} for student, kind, note in absences],
        "facts": about | totals,
        "before": kept,
        "after": after,
        "hash": hashed.hexdigest(),
    }


async def _write(connection: AsyncConnection, caller: Caller, rows: Sequence[dict[str, Any]]) -> list[Any]:
    """Write the days that nobody else has marked meanwhile; those that were written.

    In one order whoever asks: who marks the same days at the same time, the other way round, would wait for this one
    as this one for them.
    """
    rows = sorted(rows, key=lambda row: (row["class_id"], row["day"]))
    written: list[Any] = []
    for statement, part in (
        (_FIRST, [row for row in rows if row["before"] is None]),
        (_ANEW, [row for row in rows if row["before"] is not None]),
    ):
        if part:
            values = {"days": orjson.dumps(part).decode(), "account": caller.account.id, "role": caller.role}
            written += await connection.execute(statement, values)
    return written
