"""Schools set themselves up: their data, the length of schooling of their stages, campuses, grades."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, gate, grades
from hub.caller import Caller
from hub.db import Database
from hub.errors import BadInput, Conflict, Forbidden, NotFound
from hub.intake.field import camel, typed
from hub.intake.sheet import Column, Line
from hub.models import Campus, Grade, School, SchoolStage
from hub.terms import Stage
from policies import Action, Policy

_LINES: tuple[Line, ...] = (
    ("english_name", "英文名称", "English name", False, "text", None, 200, ""),
    ("address", "学校地址", "Address", False, "text", None, 100, ""),
    ("post_code", "邮政编码", "Post code", False, "post_code", None, 6, ""),
    ("phone", "学校电话", "Phone", False, "phone", None, 30, ""),
    ("email", "电子信箱", "E-mail", False, "email", None, 100, ""),
    ("head_name", "校长姓名", "Head", False, "name", None, 50, ""),
    ("head_phone", "校长电话", "The head's phone", False, "phone", None, 30, ""),
    ("organisation_code", "组织机构代码", "Organisation code", False, "text", None, 30, ""),
    ("legal_person_number", "法人证书号", "Legal-person number", False, "text", None, 30, ""),
    ("land_title", "土地证号", "Land title", False, "text", None, 50, ""),
    ("boarding_mode", "寄宿方式", "Boarding mode", False, "text", None, 30, ""),
    ("teaching_language", "教学语言", "Teaching language", False, "text", None, 30, ""),
)
FORM = {line[0]: Column(number, *line) for number, line in enumerate(_LINES, 1)}
"""What a school may say of itself. Name, code, type, founder and place are the school list's: changed by approval."""
_CAMPUS_LINES: tuple[Line, ...] = (
    ("name", "校区名称", "Name", True, "text", None, 50, ""),
    ("address", "校区地址", "Address", False, "text", None, 100, ""),
    ("phone", "校区电话", "Phone", False, "phone", None, 30, ""),
)
_CAMPUS = [Column(number, *line) for number, line in enumerate(_CAMPUS_LINES, 1)]
_LONGEST_STAGE = 9
_LARGEST_AREA = Decimal(100_000_000)


async def find(database: Database, caller: Caller, right: str, school_id: int) -> Any:
    """A school's id, code and path, as the caller sees it. Raises NotFound, audited as a refusal of the right."""
    query = select(School.id, School.code, School.path).where(School.id == school_id)
    return await visible(database, caller, right, query)


async def visible(database: Database, caller: Caller, right: str, query: Select[*tuple[Any, ...]]) -> Any:
    """The one row of a query that the caller sees. Raises NotFound, audited as a refusal of the right."""
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        refusal = NotFound()
        await gate.refuse(database, caller, right, None, refusal)
        raise refusal
    return row


async def lock(connection: AsyncConnection, school_id: int) -> Any:
    """Lock a school's row, before anything that is to hang on it. Raises Conflict SCHOOL_CLOSED."""
    query = select(School.id, School.path, School.until).where(School.id == school_id).with_for_update()
    school = (await connection.execute(query)).one()
    if school.until is not None and school.until <= clock.today():
        raise Conflict("SCHOOL_CLOSED", day=school.until)
    return school


async def stages(connection: AsyncConnection, school_id: int) -> dict[Stage, Any]:
    """The stages a school teaches today, with their lengths."""
    today, held = clock.today(), SchoolStage
    query = select(held.id, held.stage, held.length, held.authority_id, held.since).where(
        held.school_id == school_id, held.since <= today, or_(held.until.is_(None), held.until > today)
    )
    return {Stage(row.stage): row for row in await connection.execute(query)}


async def revise(
    database: Database,
    policy: Policy,
    caller: Caller,
    request: gate.Once,
    *,
    school_id: int,
    changes: Mapping[str, str | None],
    lengths: Sequence[tuple[Stage, int]],
    version: int | None,
) -> int:
    """Change a school's contact and descriptive data, and, with authority, the length of schooling of its stages.

    `changes` are columns of `FORM`; None or blank empties one. A changed length holds from today: the stage's row ends
    and a new one begins, or a row that began today is corrected; classes keep the length they were formed with. What
    is the same already is no change, and without one nothing is written.
    Raises NotFound, Forbidden (LENGTH_NEEDS_AUTHORITY for a length sent by the school), Conflict STALE, BadInput.
    """
    path = (await find(database, caller, "school:update", school_id)).path
    may = policy.decide(caller.role, "schoolStage", Action.UPDATE).on_path
    noun = "schoolStage" if lengths and not changes and may else "school"
    async with gate.writing(database, policy, caller, noun, Action.UPDATE, path) as connection:
        if lengths and not may:
            raise Forbidden("LENGTH_NEEDS_AUTHORITY", field="stages")

        async def deed() -> list[int]:
            columns = (getattr(School, key) for key in FORM)
            query = select(School.id, School.version, *columns).where(School.id == school_id).with_for_update()
            school = (await connection.execute(query)).one()
            await gate.fresh(connection, f"school:{school_id}", school.version, version)
            new = {key: typed(FORM[key], given) for key, given in changes.items()}
            new = {key: value for key, value in new.items() if value != getattr(school, key)}
            before: dict[str, Any] = {key: getattr(school, key) for key in new}
            after: dict[str, Any] = dict(new)
            changed = await _stretch(connection, school_id, lengths)
            if changed:
                before["stages"] = {stage.value: old for stage, (old, _) in changed.items()}
                after["stages"] = {stage.value: length for stage, (_, length) in changed.items()}
            if after:
                await connection.execute(
                    update(School).where(School.id == school_id).values(**new, version=School.version + 1)
                )
                await gate.record(
                    connection,
                    caller,
                    "school:update",
                    about=f"school:{school_id}",
                    path=path,
                    facts={"version": school.version + 1, "fields": sorted(map(camel, after))},
                    before=before,
                    after=after,
                    event="SCHOOL_UPDATED",
                )
            return [school_id]

        [found] = await gate.once(connection, caller, request, deed)
    return int(found)


async def _stretch(
    connection: AsyncConnection, school_id: int, lengths: Sequence[tuple[Stage, int]]
) -> dict[Stage, tuple[int, int]]:
    """Give stages other lengths from today on; the stages that changed, with their old and new length."""
    if not lengths:
        return {}
    taught = await stages(connection, school_id)
    _judge(taught, lengths)
    wanted = {stage: row.length for stage, row in taught.items()} | dict(lengths)
    changed = {stage: (row.length, wanted[stage]) for stage, row in taught.items() if row.length != wanted[stage]}
    for stage, (_, length) in changed.items():
        await _begin(connection, school_id, taught[stage], stage, length)
    return changed


def _judge(taught: Mapping[Stage, Any], lengths: Sequence[tuple[Stage, int]]) -> None:
    """Refuse lengths of stages the school has not, of a stage twice, or that no school can have."""
    wanted = grades.layout({stage: row.length for stage, row in taught.items()} | dict(lengths))
    for place, (stage, length) in enumerate(lengths):
        spoken = grades.STAGES[stage]
        if stage not in taught:
            held = "、".join(grades.STAGES[other] for other in taught) or "—"
            raise BadInput("STAGE_NOT_TAUGHT", field="stages", stage=spoken, stages=held)
        if stage in dict(lengths[:place]):
            raise BadInput("STAGE_TWICE", field="stages", stage=spoken)
        beyond = any(held.stop > grades.LAST + 1 for held in wanted.values())
        if beyond or not 1 <= length <= _LONGEST_STAGE:
            raise BadInput("BAD_LENGTH", field="stages", stage=spoken, length=length)


async def _begin(connection: AsyncConnection, school_id: int, row: Any, stage: Stage, length: int) -> None:
    today = clock.today()
    this = update(SchoolStage).where(SchoolStage.id == row.id)
    if row.since == today:
        await connection.execute(this.values(length=length))
        return
    await connection.execute(this.values(until=today))
    await connection.execute(
        insert(SchoolStage).values(
            school_id=school_id, stage=stage, length=length, authority_id=row.authority_id, since=today
        )
    )


async def add_campus(
    database: Database,
    policy: Policy,
    caller: Caller,
    request: gate.Once,
    *,
    school_id: int,
    texts: Mapping[str, str | None],
    area: Decimal | None,
) -> int:
    """Add a campus (校区) to a school: its name, address and phone, its area in square metres.

    Raises NotFound, Forbidden, BadInput, Conflict CAMPUS_EXISTS for a name the school has already.
    """
    path = (await find(database, caller, "campus:create", school_id)).path
    async with gate.writing(database, policy, caller, "campus", Action.CREATE, path) as connection:

        async def deed() -> list[int]:
            await lock(connection, school_id)
            values = {column.key: typed(column, texts.get(column.key)) for column in _CAMPUS}
            if area is not None and not _is_area(area):
                raise BadInput("BAD_AREA", field="area")
            query = insert_or_not(Campus).values(**values, school_id=school_id, path=path, area=area)
            query = query.on_conflict_do_nothing(index_elements=["school_id", "name"])
            found = (await connection.execute(query.returning(Campus.id))).scalar()
            if found is None:
                raise Conflict("CAMPUS_EXISTS", field="name", name=values["name"])
            await gate.record(
                connection,
                caller,
                "campus:create",
                about=f"campus:{found}",
                path=path,
                facts={"version": 1, "fields": []},
                after=values | {"area": area},
                event="CAMPUS_CREATED",
            )
            return [found]

        [found] = await gate.once(connection, caller, request, deed)
    return int(found)


def _is_area(area: Decimal) -> bool:
    return area.is_finite() and 0 < area < _LARGEST_AREA and area == round(area, 1)


async def open_grade(
    database: Database,
    policy: Policy,
    caller: Caller,
    request: gate.Once,
    *,
    school_id: int,
    number: int,
    school_year: int | None,
) -> int:
    """Open a grade (年级) of a school for a school year: last, this (unless told) or next.

    Its stage follows from the lengths of schooling that hold today. Raises NotFound, Forbidden, BadInput
    GRADE_NOT_TAUGHT or BAD_SCHOOL_YEAR, Conflict GRADE_EXISTS.
    """
    path = (await find(database, caller, "grade:create", school_id)).path
    async with gate.writing(database, policy, caller, "grade", Action.CREATE, path) as connection:

        async def deed() -> list[int]:
            await lock(connection, school_id)
            year = _school_year(school_year, clock.today())
            stage = await _stage(connection, school_id, number)
            values = {"stage": stage, "number": number, "school_year": year, "name": grades.name(number)}
            query = insert_or_not(Grade).values(**values, school_id=school_id, path=path)
            query = query.on_conflict_do_nothing(index_elements=["school_id", "school_year", "number"])
            found = (await connection.execute(query.returning(Grade.id))).scalar()
            if found is None:
                raise Conflict("GRADE_EXISTS", year=year, grade=grades.name(number))
            await gate.record(
                connection,
                caller,
                "grade:create",
                about=f"grade:{found}",
                path=path,
                facts={"version": 1, "fields": [], "number": number, "schoolYear": year},
                after=values,
                event="GRADE_OPENED",
            )
            return [found]

        [found] = await gate.once(connection, caller, request, deed)
    return int(found)


def _school_year(given: int | None, today: date) -> int:
    this = clock.school_year(today)
    year = this if given is None else given
    if abs(year - this) > 1:
        raise BadInput("BAD_SCHOOL_YEAR", field="schoolYear", year=year, first=this - 1, last=this + 1)
    return year


async def _stage(connection: AsyncConnection, school_id: int, number: int) -> Stage:
    """The stage a grade belongs to in this school."""
    taught = await stages(connection, school_id)
    held = grades.layout({stage: row.length for stage, row in taught.items()})
    for stage, numbers in held.items():
        if number in numbers and number <= grades.LAST:
            return stage
    raise BadInput("GRADE_NOT_TAUGHT", field="number", number=number, stages=grades.spoken(held))
