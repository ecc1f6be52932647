"""Where a query may begin: look-ups by code or id, lists over a place."""

from collections.abc import Callable
from typing import Annotated, Any

import strawberry
from sqlalchemy import BigInteger, ColumnElement, FromClause, Text, or_, select, true

from hub import gate, models, paths
from hub.errors import BadInput, Forbidden
from loaders import declare, read
from loaders.compiler import Compiler
from loaders.declare import GRAPHS
from loaders.plan import Plan
from loaders.read import Reading
from loaders.selection import Selected
from policies import Access, Action, Reach
from schema.common import Connection, key_of, paging
from schema.context import HubInfo, argument, found
from schema.region import Region
from schema.school import School
from schema.school_class import SchoolClass
from schema.student import Student


def listing(kind: str, answer: Any, description: str) -> Any:
    """A root field that lists everything of a graph type in reach, with the arguments of every list."""

    async def resolve(info: HubInfo, within: str | None = None, **_: Any) -> Any:
        # What else is given the compiler reads from the document.
        return await listed(info, kind, within)

    resolve.__annotations__["return"] = answer | None
    made: Any = strawberry.field(resolver=resolve, description=description)
    made.arguments = [
        declare.argument("within", str | None, "Only at or below this division code (所在行政区划)."),
        *paging(kind),
    ]
    return made


async def listed(info: HubInfo, kind: str, within: str | None) -> Any:
    """A connection over everything of a type in reach, at or below a place. Raises Forbidden, NotFound."""
    reading = info.context.reads()
    await may(info, kind, listed=True)
    graph = GRAPHS[kind]
    if within is not None and not (within.isascii() and within.isdigit() and reading.caller.reaches(within)):
        return await found(info, f"{graph.noun}:read", None)
    place = within or _only(reading.caller.roots)
    area = paths.area(place) if graph.by_area else None

    def compile_list(compiler: Compiler, field: Selected) -> Plan:
        def keep(table: FromClause) -> ColumnElement[bool]:
            if area is not None:
                code = compiler.bind(lambda call: call.given["place"], Text())
                return paths.lies_in(table.c.path, area) == code
            if within is None:
                return true()
            low = compiler.bind(lambda call: call.given["within"], Text())
            high = compiler.bind(lambda call: paths.end(call.given["within"]), Text())
            return or_(*(paths.within(table.c[name], [(low, high)]) for name in graph.paths))

        return compiler.root_list(graph, field, keep, area)

    return await read.run(reading, info, compile_list, shape=(within is None, area), within=within, place=place)


def _only(roots: tuple[str, ...]) -> str:
    """The one root that there is."""
    return roots[0] if len(roots) == 1 else ""


@strawberry.type(description="Where a query may begin (查询入口).")
class Query:
    """The read roots."""

    @strawberry.field(description="A place by its division code or by id, exactly one of them (查行政区划).")
    async def region(
        self,
        info: HubInfo,
        code: Annotated[str | None, argument("14, 1401 or 140105 (行政区划代码).")] = None,
        id: Annotated[strawberry.ID | None, argument("Opaque id (标识).")] = None,  # noqa: A002 -- GraphQL's word
    ) -> Region | None:
        """A place."""
        if (code is None) == (id is None):
            raise BadInput("BAD_ONE_OF", fields="code, id")
        return await (one(info, "Region", "code", code) if id is None else by_id(info, "Region", "region", id))

    @strawberry.field(description="A school by code or by id, exactly one of them (查学校).")
    async def school(
        self,
        info: HubInfo,
        code: Annotated[str | None, argument("10-digit school code (学校标识码).")] = None,
        id: Annotated[strawberry.ID | None, argument("Opaque id (标识).")] = None,  # noqa: A002 -- GraphQL's word
    ) -> School | None:
        """A school."""
        if (code is None) == (id is None):
            raise BadInput("BAD_ONE_OF", fields="code, id")
        return await (one(info, "School", "code", code) if id is None else by_id(info, "School", "school", id))

    @strawberry.field(description="A class by id, or by its school's code and its own class number (查班级).")
    async def school_class(
        self,
        info: HubInfo,
        id: Annotated[strawberry.ID | None, argument("Opaque id (标识).")] = None,  # noqa: A002 -- GraphQL's word
        school_code: Annotated[str | None, argument("10-digit school code (学校标识码).")] = None,
        official_number: Annotated[str | None, argument("The school's class number (班号).")] = None,
    ) -> SchoolClass | None:
        """A class."""
        coded = school_code is not None and official_number is not None
        if (id is None) != coded or (school_code is None) != (official_number is None):
            raise BadInput("BAD_ONE_OF", fields="id, schoolCode + officialNumber")
        if id is not None:
            return await by_id(info, "SchoolClass", "class", id)
        await may(info, "SchoolClass")
        graph, reading = GRAPHS["SchoolClass"], info.context.reads()

        def compile_one(compiler: Compiler, field: Selected) -> Plan:
            code = compiler.bind(lambda call: call.given["code"], Text())
            number = compiler.bind(lambda call: call.given["number"], Text())
            schools = models.School.__table__
            of_school = select(schools.c.id).where(schools.c.code == code).scalar_subquery()
            return compiler.one(
                graph, field, lambda row: (row.c.school_id == of_school) & (row.c.official_number == number)
            )

        answer = await read.run(reading, info, compile_one, shape="number", code=school_code, number=official_number)
        return await found(info, f"{graph.noun}:read", answer)

    @strawberry.field(description="A student by id or student number, exactly one of them (查学生).")
    async def student(
        self,
        info: HubInfo,
        id: Annotated[strawberry.ID | None, argument("Opaque id (标识).")] = None,  # noqa: A002 -- GraphQL's word
        student_number: Annotated[str | None, argument("Student number (学籍号).")] = None,
    ) -> Student | None:
        """A student."""
        if (id is None) == (student_number is None):
            raise BadInput("BAD_ONE_OF", fields="id, studentNumber")
        if id is not None:
            return await by_id(info, "Student", "student", id)
        reading = info.context.reads()
        await may(info, "Student")
        if reading.reader.policy.access(reading.caller.role, "student", "studentNumber") is not Access.READ:
            raise Forbidden("FORBIDDEN_FIELD", name="student.studentNumber")
        return await _one(info, reading, "Student", "student_number", student_number)

    regions: Connection[Region] | None = listing("Region", Connection[Region], "Places in your area (辖区内行政区划).")
    schools: Connection[School] | None = listing("School", Connection[School], "Schools in your area (辖区内学校).")
    school_classes: Connection[SchoolClass] | None = listing(
        "SchoolClass", Connection[SchoolClass], "Classes in your area (辖区内班级)."
    )
    students: Connection[Student] | None = listing(
        "Student", Connection[Student], "Students in your area (辖区内学生)."
    )


def lookup(kind: str, column: str) -> Callable[[Compiler, Selected], Plan]:
    """How to compile one object of a type, found by the value `key` of one column."""
    graph = GRAPHS[kind]

    def compile_one(compiler: Compiler, field: Selected) -> Plan:
        sql = BigInteger() if column == "id" else Text()
        key = compiler.bind(lambda call: call.given["key"], sql)
        return compiler.one(graph, field, lambda table: table.c[column] == key)

    return compile_one


async def one(info: HubInfo, kind: str, column: str, key: Any) -> Any:
    """One object by the value of a column. Raises Forbidden, NotFound for what is absent or out of reach."""
    reading = info.context.reads()
    await may(info, kind)
    return await _one(info, reading, kind, column, key)


async def _one(info: HubInfo, reading: Reading, kind: str, column: str, key: Any) -> Any:
    answer = await read.run(reading, info, lookup(kind, column), shape=column, key=key)
    return await found(info, f"{GRAPHS[kind].noun}:read", answer)


async def by_id(info: HubInfo, kind: str, prefix: str, given: str) -> Any:
    """One object by its typed id. Raises BadInput for what is no such id, and as `one`."""
    return await one(info, kind, "id", key_of(prefix, given))


async def may(info: HubInfo, kind: str, *, listed: bool = False) -> None:
    """Refuse, and audit, a role that may read nothing of this type, or nothing but what a lease opens, which is in no
    list. Raises Forbidden.
    """
    noun = GRAPHS[kind].noun
    reading = info.context.reads()
    reach = reading.reader.policy.decide(reading.caller.role, noun, Action.READ)
    if reach is Reach.NONE or (listed and not reach.on_path):
        refusal = Forbidden("FORBIDDEN", action=f"{noun}:read")
        await gate.refuse(info.context.database, reading.caller, f"{noun}:read", None, refusal)
        raise refusal
