"""Classes: a school forms them, merges them, closes them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, forming, gate, grades, placements, schools
from hub.caller import Caller
from hub.db import Database
from hub.errors import BadInput, Conflict, NotFound
from hub.forming import Wanted
from hub.intake.class_sheet import FIELDS
from hub.intake.field import typed
from hub.models import ClassGrade, School, SchoolClass, Student
from hub.terms import EnrolmentState
from policies import Action, Policy

ON_BOOKS = (EnrolmentState.IN_SCHOOL, EnrolmentState.SUSPENDED)
"""Pupils a class has on its books (在册): those it must not be closed with, and who move when it is merged."""
MOST_MERGED = 50
_TEXTS = ("official_number", "name", "teacher_name", "monitor_name")


async def create(
    database: Database,
    policy: Policy,
    caller: Caller,
    request: gate.Once,
    *,
    school_id: int,
    wanted: Wanted,
    combined: bool = False,
) -> int:
    """Form a class (建班), or a combined class of several grades (复式班).

    Its grades are open in its school year. The hub issues its own number under the school's lock, and, unless told, the
    official class number (班号) and the name. Raises NotFound, Forbidden, BadInput, Conflict GRADE_NOT_OPEN or
    CLASS_NUMBER_TAKEN.
    """
    path = (await schools.find(database, caller, "schoolClass:create", school_id)).path
    async with gate.writing(database, policy, caller, "schoolClass", Action.CREATE, path) as connection:

        async def deed() -> list[int]:
            if combined and len(set(wanted.grades)) < 2:
                raise BadInput("GRADES_TOO_FEW", field="grades")
            tidy = {key: _tidy(key, getattr(wanted, key)) for key in _TEXTS}
            held = await forming.survey(connection, school_id)
            row = forming.plan(held, replace(wanted, **tidy))
            [found] = await forming.insert(connection, held, [row])
            await gate.record(
                connection,
                caller,
                "schoolClass:create",
                about=f"schoolClass:{found}",
                path=row["path"],
                facts={"version": 1, "fields": [], "grades": row["grades"], "schoolYear": row["school_year"]},
                after=row,
                event="CLASS_CREATED",
            )
            return [found]

        [found] = await gate.once(connection, caller, request, deed)
    return int(found)


def _tidy(key: str, given: str | None) -> Any:
    return typed(replace(FIELDS[key], required=False), given)


async def close(
    database: Database,
    policy: Policy,
    caller: Caller,
    request: gate.Once,
    *,
    class_id: int,
    version: int | None,
) -> int:
    """Close a class (撤销班级) that has no pupils on its books; its number is never used again.

    The school is locked first, so nobody comes in meanwhile. Raises NotFound, Forbidden, Conflict STALE,
    CLASS_CLOSED_ALREADY or CLASS_HAS_PUPILS with their number.
    """
    query = select(SchoolClass.path, SchoolClass.school_id).where(SchoolClass.id == class_id)
    place = await schools.visible(database, caller, "schoolClass:update", query)
    async with gate.writing(database, policy, caller, "schoolClass", Action.UPDATE, place.path) as connection:

        async def deed() -> list[int]:
            row = (await _lock(connection, place.school_id, [class_id]))[class_id]
            await gate.fresh(connection, f"schoolClass:{class_id}", row.version, version)
            _refuse_closed(row)
            count = await _count(connection, class_id)
            if count:
                raise Conflict("CLASS_HAS_PUPILS", name=row.name, count=count, details={"count": count})
            await _close(connection, caller, [row], "CLASS_CLOSED")
            return [class_id]

        [found] = await gate.once(connection, caller, request, deed)
    return int(found)


async def merge(
    database: Database,
    policy: Policy,
    caller: Caller,
    request: gate.Once,
    *,
    from_ids: Sequence[int],
    into_id: int,
    version: int | None,
) -> dict[str, Any]:
    """Merge classes into another (并班): all pupils on their books move, then the emptied classes are closed.

    Same school, same school year, and no pupil changes grade: the other class has every grade of those merged. Old
    placements end today and stay as history. `version` is that of the class that takes the pupils. Answers its id as
    `into`, how many `moved`, which classes `closed`. Raises NotFound for any class out of reach, Forbidden, BadInput,
    Conflict.
    """
    if not 1 <= len(from_ids) <= MOST_MERGED:
        raise BadInput("MERGE_NOTHING", field="from", limit=MOST_MERGED)
    places = await _find(database, caller, {*from_ids, into_id})
    into = places[into_id]
    async with gate.writing(database, policy, caller, "schoolClass", Action.UPDATE, into.path) as connection:

        async def deed() -> list[dict[str, Any]]:
            rows = await _lock(connection, into.school_id, sorted(places))
            to = rows[into_id]
            await gate.fresh(connection, f"schoolClass:{into_id}", to.version, version)
            _refuse_closed(to)
            merged = [rows[found] for found in sorted(set(from_ids))]
            _judge(merged, to, await _grades(connection, list(rows)))
            moved = await _pupils(connection, [row.id for row in merged])
            everybody = [pupil for pupils in moved.values() for pupil in pupils]
            if everybody:
                await placements.move(connection, everybody, to, "CLASS_MERGED", grade=None)
            await _conclude(connection, caller, to, moved)
            await _close(connection, caller, merged, "CLASS_CLOSED")
            return [{"into": into_id, "moved": len(everybody), "closed": [row.id for row in merged]}]

        [done] = await gate.once(connection, caller, request, deed)
    return dict(done)


async def _find(database: Database, caller: Caller, ids: set[int]) -> dict[int, Any]:
    """Classes as the caller sees them. Raises NotFound if one of them is not seen."""
    query = select(SchoolClass.id, SchoolClass.path, SchoolClass.school_id).where(SchoolClass.id.in_(ids))
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        found = {row.id: row for row in await connection.execute(query)}
    if found.keys() != ids:
        refusal = NotFound()
        await gate.refuse(database, caller, "schoolClass:update", None, refusal)
        raise refusal
    return found


async def _lock(connection: AsyncConnection, school_id: int, ids: Sequence[int]) -> dict[int, Any]:
    """Lock the school's row, then the classes' in order."""
    await connection.execute(select(School.id).where(School.id == school_id).with_for_update())
    held = SchoolClass
    query = select(
        held.id, held.school_id, held.path, held.name, held.grade, held.school_year, held.closed, held.version
    )
    rows = await connection.execute(query.where(held.id.in_(ids)).order_by(held.id).with_for_update())
    return {row.id: row for row in rows}


async def _grades(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, set[int]]:
    """The grades taught in each class this school year; a class without rows of its own has its grade."""
    taught, held = ClassGrade, SchoolClass
    query = select(held.id, func.coalesce(taught.grade, held.grade)).outerjoin(
        taught, (taught.class_id == held.id) & (taught.school_year == held.school_year)
    )
    found: dict[int, set[int]] = {}
    for class_id, grade in await connection.execute(query.where(held.id.in_(ids))):
        found.setdefault(class_id, set()).add(grade)
    return found


def _judge(merged: Sequence[Any], to: Any, taught: Mapping[int, set[int]]) -> None:
    for row in merged:
        if row.id == to.id:
            raise BadInput("MERGE_INTO_ITSELF", field="from", name=row.name)
        if row.school_id != to.school_id:
            raise Conflict("MERGE_OTHER_SCHOOL", field="from", name=row.name)
        _refuse_closed(row)
        if row.school_year != to.school_year:
            raise Conflict("MERGE_OTHER_YEAR", field="from", name=row.name, year=row.school_year)
        if not taught[row.id] <= taught[to.id]:
            named = "、".join(grades.name(grade) for grade in sorted(taught[row.id]))
            raise Conflict("MERGE_OTHER_GRADE", field="from", name=row.name, grades=named)


def _refuse_closed(row: Any) -> None:
    if row.closed is not None:
        raise Conflict("CLASS_CLOSED_ALREADY", name=row.name, day=row.closed)


async def _count(connection: AsyncConnection, class_id: int) -> int:
    query = select(func.count()).where(Student.class_id == class_id, Student.state.in_(ON_BOOKS))
    count: int = (await connection.execute(query)).scalar_one()
    return count


async def _pupils(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, list[int]]:
    """The pupils on the books of each class, locked in order."""
    query = select(Student.id, Student.class_id).where(Student.class_id.in_(ids), Student.state.in_(ON_BOOKS))
    found: dict[int, list[int]] = {class_id: [] for class_id in ids}
    for pupil in await connection.execute(query.order_by(Student.id).with_for_update()):
        found[pupil.class_id].append(pupil.id)
    return found


async def _conclude(connection: AsyncConnection, caller: Caller, to: Any, moved: Mapping[int, list[int]]) -> None:
    """Write down the merger at the class that takes the pupils."""
    await connection.execute(update(SchoolClass).where(SchoolClass.id == to.id).values(version=SchoolClass.version + 1))
    await gate.record(
        connection,
        caller,
        "schoolClass:update",
        about=f"schoolClass:{to.id}",
        path=to.path,
        facts={
            "version": to.version + 1,
            "fields": ["students"],
            "from": list(moved),
            "moved": sum(map(len, moved.values())),
        },
        before={str(class_id): pupils for class_id, pupils in moved.items()},
        event="CLASSES_MERGED",
    )


async def _close(connection: AsyncConnection, caller: Caller, rows: Sequence[Any], event: str) -> None:
    today = clock.today()
    await connection.execute(
        update(SchoolClass)
        .where(SchoolClass.id.in_([row.id for row in rows]))
        .values(closed=today, version=SchoolClass.version + 1)
    )
    for row in rows:
        await gate.record(
            connection,
            caller,
            "schoolClass:update",
            about=f"schoolClass:{row.id}",
            path=row.path,
            facts={"version": row.version + 1, "fields": ["closed"]},
            before={"closed": None},
            after={"closed": today},
            event=event,
        )
