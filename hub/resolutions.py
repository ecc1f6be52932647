"""Resolving a problem record (问题学籍处理): change the key data, prove that they are right, or delete a second record.

The reviewer asks; the leader of the pupil's status authority approves. So whoever finds is never who decides.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import cases, clock, codes, gate, identity, names, placements, problems
from hub.caller import Caller
from hub.cases import OpenCase
from hub.db import Database
from hub.errors import BadInput, Conflict
from hub.intake import values
from hub.intake.sheet import BY_SLOT
from hub.models import ProblemRecord, School, Student
from hub.terms import CaseKind, EnrolmentState, ProblemState, Resolution, Side, Slot
from policies import Action, Policy

KEYS = {"name": "name", "sex": "sex", "birthDate": "birth_date", "idType": "id_type", "idNumber": "id_number"}
"""What a change may touch: the key data that problem records are about, by their GraphQL names."""

_RECORD = (
    select(ProblemRecord.__table__, School.path.label("school_path"))
    .join(Student, Student.id == ProblemRecord.student_id)
    .join(School, School.id == Student.school_id)
    .where(ProblemRecord.id == bindparam("id"))
)
_AUTHORITY = text(
    """SELECT p.path FROM students s JOIN school_stages t ON t.school_id = s.school_id AND t.until IS NULL
       JOIN place_cards p ON p.id = t.authority_id
       WHERE s.id = :student
         AND t.stage = CASE WHEN s.grade <= 6 THEN 'PRIMARY' WHEN s.grade <= 9 THEN 'JUNIOR' ELSE 'SENIOR' END
       ORDER BY t.since DESC LIMIT 1"""
)
_STANDING = select(ProblemRecord.state, ProblemRecord.version).where(ProblemRecord.id == bindparam("id"))
_CLOSE = text(
    """UPDATE problem_records SET state = 'CLOSED', resolution = :resolution, closed_at = now(), version = version + 1
       WHERE id = :id"""
)
_SETTLED = text("UPDATE problem_records SET resolution = :resolution WHERE id = :id AND state = 'CLOSED' RETURNING id")
_CURRENT = select(Student.__table__).where(Student.id == bindparam("id"))


async def resolve(
    database: Database,
    policy: Policy,
    caller: Caller,
    request: gate.Once,
    *,
    record_id: int,
    version: int | None,
    how: Resolution,
    change: Mapping[str, Any],
    files: Sequence[int],
    note: str | None,
) -> int:
    """Ask that a problem record be resolved: opens a case that the status authority's leader decides. The case's id.

    A CHANGE names the new key data, checked here as an import checks them; EVIDENCE brings at least one file; DELETE
    says why in its note; CAUSE_GONE is the register's own word. Raises NotFound, Forbidden; Conflict STALE,
    RECORD_CLOSED, CASE_OPEN, NO_AUTHORITY; BadInput RESOLUTION_NOT_ASKED, EVIDENCE_REQUIRED, CHANGE_REQUIRED,
    CHANGE_NOT_WANTED, NOTE_REQUIRED, NOTE_TOO_LONG and the faults of the values.
    """
    query = select(ProblemRecord.path).where(ProblemRecord.id == record_id)

    async def find(connection: AsyncConnection) -> str | None:
        path: str | None = (await connection.execute(query)).scalar_one_or_none()
        return path

    async with gate.writing(database, policy, caller, "problemRecord", Action.RESOLVE, find) as connection:

        async def deed() -> list[int]:
            record = await _open(connection, record_id, version)
            details: dict[str, Any] = {"how": how, "record": record.id, "version": record.version}
            if how is Resolution.CHANGE:
                new = await _judged(connection, record.student_id, change)
                details |= {"change": new, "name": new.get("name"), "number": new.get("id_number")}
            _complete(how, change, files, note)
            authority = (await connection.execute(_AUTHORITY, {"student": record.student_id})).scalar()
            if authority is None:
                raise Conflict("NO_AUTHORITY")
            opened = await cases.open_case(
                connection,
                caller,
                CaseKind.PROBLEM_RESOLUTION,
                path=record.school_path,
                other_path=None,
                subjects=[record.student_id],
                details=details,
                files=files,
                offices={Side.AUTHORITY: authority},
                note=(note or "").strip() or None,
            )
            return [opened]

        [found] = await gate.once(connection, caller, request, deed)
    return int(found)


async def effect(connection: AsyncConnection, caller: Caller, case: OpenCase, subjects: list[int]) -> None:
    """What an approved resolution does, if the problem still stands as it was when asked about.

    Raises Conflict RECORD_CLOSED, PUPIL_CHANGED; CHANGE_DOES_NOT_HELP if the problem would still stand afterwards.
    """
    how, record = Resolution(case.details["how"]), case.details["record"]
    await problems.alone(connection)
    standing = (await connection.execute(_STANDING, {"id": record})).one_or_none()
    if standing is not None and standing.state == ProblemState.CLOSED:
        raise Conflict("RECORD_CLOSED")
    if standing is None or standing.version != case.details["version"]:
        raise Conflict("PUPIL_CHANGED")
    if how is Resolution.EVIDENCE:
        await connection.execute(_CLOSE, {"id": record, "resolution": how})
        return
    if how is Resolution.CHANGE:
        await _change(connection, caller, subjects[0], case.details["change"])
    else:
        await placements.leave(connection, subjects, EnrolmentState.DELETED, CaseKind.PROBLEM_RESOLUTION)
    await problems.detect(connection, subjects)
    settled = await connection.execute(_SETTLED, {"id": record, "resolution": how})
    if settled.first() is None:
        raise Conflict("CHANGE_DOES_NOT_HELP")


cases.KINDS[CaseKind.PROBLEM_RESOLUTION] = cases.Kind(Slot.PROBLEM, effect, ("problemRecord", Action.RESOLVE))


async def _open(connection: AsyncConnection, record_id: int, version: int | None) -> Any:
    record = (await connection.execute(_RECORD.with_for_update(of=ProblemRecord), {"id": record_id})).one()
    if version is not None and version != record.version:
        changed = ["state", "resolution", "kind"]
        raise Conflict(
            "STALE",
            fields="、".join(changed),
            version=record.version,
            details={"changed": changed, "version": record.version},
        )
    if record.state != ProblemState.OPEN:
        raise Conflict("RECORD_CLOSED")
    return record


def _complete(how: Resolution, change: Mapping[str, Any], files: Sequence[int], note: str | None) -> None:
    if how is Resolution.CAUSE_GONE:
        raise BadInput("RESOLUTION_NOT_ASKED", field="resolution")
    if how is Resolution.CHANGE and not change:
        raise BadInput("CHANGE_REQUIRED", field="change")
    if how is not Resolution.CHANGE and change:
        raise BadInput("CHANGE_NOT_WANTED", field="change")
    if how is Resolution.EVIDENCE and not files:
        raise BadInput("EVIDENCE_REQUIRED", field="fileIds")
    if how is Resolution.DELETE and not (note or "").strip():
        raise BadInput("NOTE_REQUIRED", field="note")
    if note is not None and len(note) > cases.LONGEST_NOTE:
        raise BadInput("NOTE_TOO_LONG", field="note", limit=cases.LONGEST_NOTE)


async def _judged(connection: AsyncConnection, student_id: int, change: Mapping[str, Any]) -> dict[str, Any]:
    """The new key data as the register keeps them, if with the others they make a sound identity. Raises BadInput."""
    row = (await connection.execute(_CURRENT, {"id": student_id})).one()
    new = {KEYS[name]: _plain(name, value) for name, value in change.items()}
    whole = {column: new.get(column, getattr(row, column)) for column in KEYS.values()}
    if whole["birth_date"] > clock.today():
        raise BadInput("BIRTH_DATE_IN_FUTURE", field="change.birthDate")
    if whole["id_type"] == problems.RESIDENT_ID and whole["id_number"] is None:
        raise BadInput("NUMBER_REQUIRED", field="change.idNumber")
    if whole["id_type"] == problems.RESIDENT_ID:
        wrong = identity.verdict(
            whole["id_number"], sex=whole["sex"], birth_date=whole["birth_date"], today=clock.today()
        )
        if wrong:
            raise BadInput("NUMBER_UNSOUND", field="change.idNumber", details={"faults": wrong})
    return new


def _plain(name: str, value: Any) -> Any:
    """A value as an import would take it from a cell. Raises BadInput naming the field."""
    if value is None or isinstance(value, date) or name == "sex":
        if value is None and name != "idNumber":
            raise BadInput("VALUE_UNSOUND", field=f"change.{name}", name=name)
        return value
    if name == "idType":
        found = value if codes.lists()["ID_TYPE"].by_code(value) else None
    else:
        found = values.parse(BY_SLOT[KEYS[name]], value, values.School("", ()), clock.today())
    if found is None or isinstance(found, values.Wrong):
        raise BadInput("VALUE_UNSOUND", field=f"change.{name}", name=name)
    return found


async def _change(connection: AsyncConnection, caller: Caller, student_id: int, change: dict[str, Any]) -> None:
    row = (await connection.execute(_CURRENT, {"id": student_id})).one()
    new: dict[str, Any] = {
        key: date.fromisoformat(value) if key == "birth_date" else value for key, value in change.items()
    }
    if "name" in new:
        new |= {"name_key": names.name_key(new["name"]), "name_terms": names.name_terms(new["name"])}
    sets = ", ".join(f"{column} = :{column}" for column in new)
    await connection.execute(
        text(f"UPDATE students SET {sets}, version = version + 1, updated_at = now() WHERE id = :id"),  # noqa: S608 -- columns of this module
        new | {"id": student_id},
    )
    await placements.renew(connection, [student_id])
    fields = [name for name, column in KEYS.items() if column in change]
    await gate.record(
        connection,
        caller,
        "student:update",
        about=f"student:{student_id}",
        path=row.path,
        facts={"version": row.version + 1, "fields": fields},
        before={key: getattr(row, key) for key in change},
        after=change,
        event="KEY_DATA_CHANGED",
    )
