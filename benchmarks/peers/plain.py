"""Plain Strawberry, the usual way: SQLAlchemy's async sessions, and one data loader for each edge.

No sign-in, no policy, no scope. Each request has its own loaders; documents are parsed and validated once, as
Strawberry's own extensions do it; of each table only the columns that its type shows are read. Run as
`python -m benchmarks.peers.plain PORT`, with DATABASE_URL.
"""

import os
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg
import strawberry
import uvicorn
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import aliased, load_only
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.types import Info

from hub.models import CountTotal, Guardian, Place, Placement, ProblemRecord, School, SchoolClass, Student

PLACE = load_only(Place.id, Place.code, Place.name, Place.path, Place.parent_id)
SCHOOL = load_only(School.id, School.code, School.name, School.phone, School.path)
CLASS = load_only(SchoolClass.id, SchoolClass.name, SchoolClass.teacher_name, SchoolClass.school_id)
_PUPIL = ("id", "name", "sex", "birth_date", "student_number", "grade", "state", "entry_month", "school_id", "class_id")
STUDENT = load_only(*(getattr(Student, name) for name in _PUPIL))
GUARDIAN = load_only(Guardian.position, Guardian.name, Guardian.is_guardian, Guardian.employer, Guardian.student_id)
PLACEMENT = load_only(
    *(getattr(Placement, name) for name in ("id", "since", "until", "grade", "school_id", "student_id"))
)
RECORD = load_only(*(getattr(ProblemRecord, name) for name in ("id", "kind", "state", "found_at", "student_id")))

sessions: Any = None


@strawberry.type
class HeadcountType:
    students: int
    boarding: int
    open_problems: int


@strawberry.type
class PlaceType:
    row: strawberry.Private[Any]
    code: str
    name: str

    @strawberry.field
    async def children(self, info: Info) -> list["PlaceType"]:
        return [place(row) for row in await info.context["children"].load(self.row.id)]

    @strawberry.field
    async def headcounts(self, info: Info) -> HeadcountType:
        return await info.context["headcounts"].load(self.row.path)


@strawberry.type
class ClassType:
    row: strawberry.Private[Any]
    name: str
    teacher_name: str | None

    @strawberry.field
    async def students(self, info: Info, first: int) -> list["StudentType"]:
        return [student(row) for row in (await info.context["students"].load(self.row.id))[:first]]


@strawberry.type
class SchoolType:
    row: strawberry.Private[Any]
    code: str
    name: str
    phone: str | None

    @strawberry.field
    async def classes(self, info: Info, first: int) -> list[ClassType]:
        return [school_class(row) for row in (await info.context["classes"].load(self.row.id))[:first]]

    @strawberry.field
    async def headcounts(self, info: Info) -> HeadcountType:
        return await info.context["headcounts"].load(self.row.path)


@strawberry.type
class GuardianType:
    position: int
    name: str
    is_guardian: bool
    employer: str | None


@strawberry.type
class PlacementType:
    row: strawberry.Private[Any]
    since: date
    until: date | None
    grade: int

    @strawberry.field
    async def school(self, info: Info) -> SchoolType:
        return school(await info.context["school"].load(self.row.school_id))


@strawberry.type
class CandidateType:
    student_id: strawberry.ID
    name: str
    sex: str
    birth_date: date
    grade: int
    school_name: str


@strawberry.type
class RecordType:
    row: strawberry.Private[Any]
    id: strawberry.ID
    kind: str
    state: str
    found_at: datetime

    @strawberry.field
    async def student(self, info: Info) -> "StudentType":
        return student(await info.context["student"].load(self.row.student_id))

    @strawberry.field
    async def candidates(self, info: Info) -> list[CandidateType]:
        return await info.context["candidates"].load(self.row.student_id)


@strawberry.type
class StudentType:
    row: strawberry.Private[Any]
    id: strawberry.ID
    name: str
    sex: str
    birth_date: date
    student_number: str
    grade: int
    state: str
    entry_month: date

    @strawberry.field
    async def school(self, info: Info) -> SchoolType:
        return school(await info.context["school"].load(self.row.school_id))

    @strawberry.field
    async def school_class(self, info: Info) -> ClassType | None:
        if self.row.class_id is None:
            return None
        return school_class(await info.context["class"].load(self.row.class_id))

    @strawberry.field
    async def guardians(self, info: Info) -> list[GuardianType]:
        found = await info.context["guardians"].load(self.row.id)
        return [
            GuardianType(position=row.position, name=row.name, is_guardian=row.is_guardian, employer=row.employer)
            for row in found
        ]

    @strawberry.field
    async def placements(self, info: Info, first: int) -> list[PlacementType]:
        found = (await info.context["placements"].load(self.row.id))[:first]
        return [PlacementType(row=row, since=row.since, until=row.until, grade=row.grade) for row in found]

    @strawberry.field
    async def problem_records(self, info: Info, first: int) -> list[RecordType]:
        return [record(row) for row in (await info.context["records"].load(self.row.id))[:first]]


@strawberry.type
class Query:
    @strawberry.field
    async def region(self, code: str) -> PlaceType | None:
        found = await rows(select(Place).options(PLACE).where(Place.code == code))
        return place(found[0]) if found else None

    @strawberry.field
    async def school(self, code: str) -> SchoolType | None:
        found = await rows(select(School).options(SCHOOL).where(School.code == code))
        return school(found[0]) if found else None

    @strawberry.field
    async def schools(self, within: str, first: int) -> list[SchoolType]:
        inside = and_(School.path >= within, School.path < f"{within}~")
        found = await rows(select(School).options(SCHOOL).where(inside).order_by(School.code).limit(first))
        return [school(row) for row in found]

    @strawberry.field
    async def student(self, student_number: str) -> StudentType | None:
        found = await rows(select(Student).options(STUDENT).where(Student.student_number == student_number))
        return student(found[0]) if found else None

    @strawberry.field
    async def students(self, beginning: str, grade: int, first: int) -> list[StudentType]:
        query = select(Student).options(STUDENT).where(Student.grade == grade, Student.name.startswith(beginning))
        return [student(row) for row in await rows(query.order_by(Student.name_key, Student.id).limit(first))]

    @strawberry.field
    async def problem_records(self, within: str, first: int) -> list[RecordType]:
        inside = and_(ProblemRecord.path >= within, ProblemRecord.path < f"{within}~", ProblemRecord.state == "OPEN")
        query = select(ProblemRecord).options(RECORD).where(inside)
        found = await rows(query.order_by(ProblemRecord.found_at, ProblemRecord.id).limit(first))
        return [record(row) for row in found]


def place(row: Any) -> PlaceType:
    return PlaceType(row=row, code=row.code, name=row.name)


def school(row: Any) -> SchoolType:
    return SchoolType(row=row, code=row.code, name=row.name, phone=row.phone)


def school_class(row: Any) -> ClassType:
    return ClassType(row=row, name=row.name, teacher_name=row.teacher_name)


def student(row: Any) -> StudentType:
    return StudentType(
        row=row,
        id=row.id,
        name=row.name,
        sex=row.sex,
        birth_date=row.birth_date,
        student_number=row.student_number,
        grade=row.grade,
        state=row.state,
        entry_month=row.entry_month,
    )


def record(row: Any) -> RecordType:
    return RecordType(row=row, id=row.id, kind=row.kind, state=row.state, found_at=row.found_at)


def headcount(students: int, boarding: int, open_problems: int) -> HeadcountType:
    return HeadcountType(students=students, boarding=boarding, open_problems=open_problems)


def candidate(row: Any) -> CandidateType:
    return CandidateType(
        student_id=row.id,
        name=row.name,
        sex=row.sex,
        birth_date=row.birth_date,
        grade=row.grade,
        school_name=row.school_name,
    )


async def rows(query: Any) -> Sequence[Any]:
    async with sessions() as session:
        return (await session.scalars(query)).all()


def one(model: Any, option: Any) -> Callable[[list[int]], Awaitable[list[Any]]]:
    """Loads the row of each key."""

    async def load(keys: list[int]) -> list[Any]:
        found = {row.id: row for row in await rows(select(model).options(option).where(model.id.in_(keys)))}
        return [found.get(key) for key in keys]

    return load


def many(model: Any, option: Any, column: Any, *order: Any) -> Callable[[list[int]], Awaitable[list[list[Any]]]]:
    """Loads the rows that point at each key."""

    async def load(keys: list[int]) -> list[list[Any]]:
        found = defaultdict(list)
        for row in await rows(select(model).options(option).where(column.in_(keys)).order_by(*order)):
            found[getattr(row, column.key)].append(row)
        return [found[key] for key in keys]

    return load


async def load_headcounts(keys: list[str]) -> list[HeadcountType]:
    totals = CountTotal
    query = select(totals.path, totals.students, totals.boarding, totals.open_problems)
    query = query.where(totals.axis == "MANAGEMENT", totals.path.in_(keys), totals.state == "IN_SCHOOL")
    async with sessions() as session:
        found = {path: numbers for path, *numbers in await session.execute(query)}
    return [headcount(*found.get(key, (0, 0, 0))) for key in keys]


async def load_candidates(keys: list[int]) -> list[list[CandidateType]]:
    pupil, other = aliased(Student), aliased(Student)
    same = and_(other.name == pupil.name, other.sex == pupil.sex, other.birth_date == pupil.birth_date)
    shown = (other.id, other.name, other.sex, other.birth_date, other.grade, School.name.label("school_name"))
    query = (
        select(pupil.id.label("pupil"), *shown)
        .join(
            other, and_(other.id != pupil.id, other.state != "DELETED", or_(other.id_number == pupil.id_number, same))
        )
        .join(School, School.id == other.school_id)
        .where(pupil.id.in_(keys))
    )
    found = defaultdict(list)
    async with sessions() as session:
        for row in await session.execute(query):
            found[row.pupil].append(candidate(row))
    return [found[key][:20] for key in keys]


class Server(GraphQL):
    """Strawberry's own ASGI application, with loaders for each request."""

    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:  # noqa: ARG002  # Strawberry's words
        return {
            "children": DataLoader(many(Place, PLACE, Place.parent_id, Place.code)),
            "school": DataLoader(one(School, SCHOOL)),
            "class": DataLoader(one(SchoolClass, CLASS)),
            "classes": DataLoader(
                many(SchoolClass, CLASS, SchoolClass.school_id, SchoolClass.grade, SchoolClass.number, SchoolClass.id)
            ),
            "student": DataLoader(one(Student, STUDENT)),
            "students": DataLoader(many(Student, STUDENT, Student.class_id, Student.name_key, Student.id)),
            "guardians": DataLoader(many(Guardian, GUARDIAN, Guardian.student_id, Guardian.position)),
            "placements": DataLoader(many(Placement, PLACEMENT, Placement.student_id, Placement.id)),
            "records": DataLoader(many(ProblemRecord, RECORD, ProblemRecord.student_id, ProblemRecord.id)),
            "headcounts": DataLoader(load_headcounts),
            "candidates": DataLoader(load_candidates),
        }


def main(port: int) -> None:
    """Serve until a signal."""
    global sessions  # noqa: PLW0603  # one process, one engine
    url = os.environ["DATABASE_URL"]
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: _connect(url), pool_size=8, max_overflow=0
    )
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])
    uvicorn.run(Server(schema, graphql_ide=None), port=port, log_level="warning", access_log=False)


async def _connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url)


if __name__ == "__main__":
    main(int(sys.argv[1]))
