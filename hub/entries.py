"""Entries: a pupil is entered or edited one at a time, by the rules that hold for the rows of an import."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, gate, names, placements, problems
from hub.caller import Caller
from hub.db import Database
from hub.errors import BadInput, Conflict, Forbidden, Language, NotFound
from hub.imports import pupils, school
from hub.imports.judging import foresee
from hub.imports.pupils import FAMILY, KEPT, MEMBER
from hub.intake import entry
from hub.intake.entry import MEMBERS, Finding, Values
from hub.intake.field import camel
from hub.intake.found import Known
from hub.intake.sheet import BY_SLOT
from hub.intake.values import School as OfRow
from hub.models import Guardian, School, SchoolClass, Student
from hub.models.student import STUDENT_NUMBERS
from hub.terms import EnrolmentState
from policies import Access, Action, Policy

_WITH_NUMBER, _WITHOUT = "L", "J"
"""What a student number begins with: temporary, or of a pupil without an identity number."""
_IMPORTED = text(
    """SELECT DISTINCT unnest(r.changes) FROM imports i JOIN import_rows r ON r.import_id = i.id
       WHERE i.school_id = :school AND r.student_id = :student AND r.verdict = 'UPDATE'
         AND r.student_version >= :known AND r.number::integer <@ i.applied"""
)

Family = Sequence[Mapping[str, Any]]
"""Family members as typed, each by key, in their order."""


class Refused(BadInput):
    """An entry with something wrong in it; all findings are told together."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = findings
        super().__init__("ENTRY_REFUSED", field=findings[0].field, count=len(findings))

    def extensions(self, language: Language = "zh") -> dict[str, Any]:
        """The `extensions` of the GraphQL error, with the findings in the caller's language."""
        return super().extensions(language) | {"findings": [each.told(language) for each in self.findings]}


@dataclass(frozen=True, slots=True)
class Entered:
    """A new pupil: its id, and what is odd about it."""

    id: int
    warnings: list[Finding]


async def create(
    database: Database,
    policy: Policy,
    caller: Caller,
    request: gate.Once,
    *,
    class_id: int,
    typed: Mapping[str, Any],
    family: Family,
) -> Entered:
    """Enter a new pupil into a class (新建学籍), as a row of an import would.

    The school's row is locked, so that neither an import nor another entry makes the same pupil meanwhile. Whoever
    seems to be registered elsewhere in the province is entered all the same, warned of, and a problem record: nothing
    can be asked here without leaving a record. Raises NotFound, Forbidden; `Refused` with every finding; Conflict
    SCHOOL_CLOSED, CLASS_CLOSED or PUPIL_ON_RECORD.
    """
    path = select(SchoolClass.path).where(SchoolClass.id == class_id)
    async with gate.writing(database, policy, caller, "student", Action.CREATE, gate.found_by(path)) as connection:
        _refuse_fields(policy, caller.role, Action.CREATE, typed, family)

        async def deed() -> list[Any]:
            place = await _place(connection, class_id)
            held = await _held(connection, database, place, place.grade)
            values, members, odd = _new(place, held, {**typed, **_members(family)})
            known = (await pupils.like(connection, place.school_id, values)).find(values)
            if known:
                raise Conflict("PUPIL_ON_RECORD", details={"student": f"student:{known[0]['id']}"})
            warned = await foresee(connection, [values])
            row = await _insert(connection, place, values, members)
            await gate.record(
                connection,
                caller,
                "student:create",
                about=f"student:{row.id}",
                path=place.path,
                facts={"version": 1, "fields": [], "studentNumber": row.student_number},
                after={**values, FAMILY: members},
                event="STUDENT_CREATED",
            )
            told = [*odd, *(Finding(slot, key) for _, key, slot in warned)]
            return [{"id": row.id, "warnings": [[each.slot, each.key, dict(each.values)] for each in told]}]

        [done] = await gate.once(connection, caller, request, deed)
    return Entered(done["id"], [Finding(*warning) for warning in done["warnings"]])


async def revise(
    database: Database,
    policy: Policy,
    caller: Caller,
    request: gate.Once,
    *,
    student_id: int,
    typed: Mapping[str, Any],
    family: Family | None,
    version: int | None,
) -> int:
    """Edit what is not key data of a pupil (修改学籍非关键信息), and the family as a whole if one is given.

    What is not typed stays, None empties it; what says the same is no change, and without one nothing is written.
    Key data change by approval only. Nobody writes a field that they may not read in whole. Raises NotFound,
    Forbidden; Conflict STALE or PUPIL_DELETED; `Refused` with every finding.
    """
    path = select(Student.path).where(Student.id == student_id)
    async with gate.writing(database, policy, caller, "student", Action.UPDATE, gate.found_by(path)) as connection:
        _refuse_fields(policy, caller.role, Action.UPDATE, typed, family)

        async def deed() -> list[int]:
            place = await _stand(connection, student_id, version)
            old = (await pupils.records(connection, [student_id]))[student_id]
            given = {**typed, **({} if family is None else _members(family))}
            held = await _held(connection, database, place, place.grade)
            row, findings, _ = entry.examine(given, held, known=_known(old, place))
            if findings:
                raise Refused(findings)
            values, members = row.values, old[FAMILY] if family is None else row.family
            before = pupils.changed(old, old | {key: values[key] for key in typed}, members)
            if before:
                after = {key: values[key] for key in before if key != FAMILY}
                await _write(connection, student_id, after, members if FAMILY in before else None)
                await gate.record(
                    connection,
                    caller,
                    "student:update",
                    about=f"student:{student_id}",
                    path=place.path,
                    facts={"version": place.version + 1, "fields": _spoken(before)},
                    before=before,
                    after=after | ({FAMILY: members} if FAMILY in before else {}),
                    event="STUDENT_UPDATED",
                )
            return [student_id]

        [found] = await gate.once(connection, caller, request, deed)
    return int(found)


def _members(family: Family) -> Values:
    """The family by slot; blank where there is nobody. Raises BadInput TOO_MANY_GUARDIANS."""
    if len(family) > MEMBERS:
        raise BadInput("TOO_MANY_GUARDIANS", field="guardians", limit=MEMBERS)
    members = [*family, *({} for _ in range(MEMBERS - len(family)))]
    return {f"guardian{number}.{key}": member.get(key) for number, member in enumerate(members, 1) for key in MEMBER}


async def _place(connection: AsyncConnection, class_id: int) -> Any:
    """The class, with its school's code and territory, under the school's lock: nobody closes it meanwhile.

    Raises NotFound, Conflict SCHOOL_CLOSED or CLASS_CLOSED.
    """
    of_class = select(SchoolClass.school_id).where(SchoolClass.id == class_id).scalar_subquery()
    locked = select(School.until).where(School.id == of_class).with_for_update()
    standing = (await connection.execute(locked)).one_or_none()
    if standing is None:
        raise NotFound
    if standing.until is not None and standing.until <= clock.today():
        raise Conflict("SCHOOL_CLOSED", day=standing.until)
    held = SchoolClass
    columns = (held.id, held.school_id, held.path, held.grade, held.school_year, held.closed)
    named = (held.official_number, School.code, School.territory, School.founder)
    query = select(*columns, *named).join(School, School.id == held.school_id).where(held.id == class_id)
    place = (await connection.execute(query)).one()
    if place.closed is not None:
        raise Conflict("CLASS_CLOSED")
    return place


async def _held(connection: AsyncConnection, database: Database, place: Any, grade: int) -> Known:
    """What a pupil of this grade and class is judged by."""
    number = place.official_number
    stages = await school.first_grades(connection, place.school_id)
    of_row = OfRow(place.code, frozenset({number}), {number: [grade]}, stages, place.founder)
    return Known(of_row, clock.today(), database.settings.switches())


def _new(place: Any, held: Known, typed: Values) -> tuple[dict[str, Any], list[dict[str, Any]], list[Finding]]:
    """A new pupil's values by column, the family, and what is odd. Raises Refused."""
    standing = {"school_code": place.code, "class_number": place.official_number}
    row, findings, odd = entry.examine(typed | standing, held)
    if findings:
        raise Refused(findings)
    values = row.values
    return {key: values[key] for key in KEPT}, row.family, odd


async def _insert(connection: AsyncConnection, place: Any, values: dict[str, Any], members: Family) -> Any:
    """Write a new pupil with a student number, family, first placement and version; its id and number."""
    kind = _WITHOUT if values["id_number"] is None else _WITH_NUMBER
    number = func.student_number(kind, place.territory, clock.today().year, STUDENT_NUMBERS.next_value())
    standing = {key: getattr(place, key) for key in ("school_id", "path", "grade", "school_year")}
    found_by = {"name_key": names.name_key(values["name"]), "name_terms": names.name_terms(values["name"])}
    query = insert(Student).values(student_number=number, class_id=place.id, **standing, **found_by, **values)
    row = (await connection.execute(query.returning(Student.id, Student.student_number))).one()
    await _insert_family(connection, row.id, members)
    await placements.begin(connection, [row.id], "ENROLMENT")
    await problems.detect(connection, [row.id], sound=True)
    return row


async def _insert_family(connection: AsyncConnection, student_id: int, members: Family) -> None:
    if members:
        await connection.execute(insert(Guardian), [{"student_id": student_id, **member} for member in members])


def _refuse_fields(policy: Policy, role: str, action: Action, typed: Collection[str], family: Family | None) -> None:
    """Refuse what the role may not write, and edits of what it may not read whole. Raises Forbidden."""
    given = [("student", key, key) for key in typed]
    if family is not None:
        given += [("guardian", key, f"guardian1.{key}") for key in MEMBER]
    for noun, key, slot in given:
        name = camel(key)
        blind = action is Action.UPDATE and policy.access(role, noun, name) is not Access.READ
        if blind or not policy.decide(role, f"{noun}.{name}", action).on_path:
            field = name if noun == "student" else "guardians"
            raise Forbidden("FIELD_NOT_YOURS", field=field, header=BY_SLOT[slot].header)


async def _stand(connection: AsyncConnection, student_id: int, version: int | None) -> Any:
    """Where a pupil stands, under the record's lock. Raises NotFound, Conflict STALE or PUPIL_DELETED."""
    query = (
        select(
            Student.path,
            Student.school_id,
            Student.grade,
            Student.state,
            Student.version,
            School.code,
            School.founder,
            SchoolClass.official_number,
        )
        .outerjoin(School, School.id == Student.school_id)
        .outerjoin(SchoolClass, SchoolClass.id == Student.class_id)
        .where(Student.id == student_id)
        .with_for_update(of=Student)
    )
    place = (await connection.execute(query)).one_or_none()
    if place is None:
        raise NotFound
    if version is not None and version != place.version:
        asked = {"school": place.school_id, "student": student_id, "known": version}
        imported = (await connection.execute(_IMPORTED, asked)).scalars()
        await gate.fresh(connection, f"student:{student_id}", place.version, version, also=_spoken(imported.all()))
    if place.state == EnrolmentState.DELETED:
        raise Conflict("PUPIL_DELETED")
    return place


def _known(old: Mapping[str, Any], place: Any) -> Values:
    """What is on record of a pupil, by slot."""
    family = [member for member in old[FAMILY] if member["position"] <= MEMBERS]
    members = {f"guardian{member['position']}.{key}": member[key] for member in family for key in MEMBER}
    standing = {"school_code": place.code, "class_number": place.official_number}
    return {key: old[key] for key in KEPT} | members | standing


async def _write(
    connection: AsyncConnection, student_id: int, values: Mapping[str, Any], members: Family | None
) -> None:
    """Write what changed of a pupil; the family, if it is another one, as a whole."""
    query = update(Student).where(Student.id == student_id)
    await connection.execute(query.values(**values, version=Student.version + 1, updated_at=func.now()))
    if members is not None:
        await connection.execute(delete(Guardian).where(Guardian.student_id == student_id))
        await _insert_family(connection, student_id, members)
    await placements.renew(connection, [student_id])


def _spoken(changed: Collection[str]) -> list[str]:
    """The names of changed columns as the graph has them."""
    return sorted("guardians" if key == FAMILY else camel(key) for key in changed)
