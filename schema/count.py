"""Headcounts: how many students there are at a place, or in all one may see."""

from typing import Any

import strawberry

from hub import gate
from hub.errors import Forbidden
from hub.terms import EnrolmentState, ProblemKind, Sex
from loaders import headcount, problem_counts, read
from loaders.compiler import Compiler
from loaders.declare import argument, counted
from loaders.plan import Plan
from loaders.selection import Selected
from policies import Action
from schema.common import CountBy, CountDimension
from schema.context import HubInfo, found
from schema.operators import IntFilter, make_input, of_enum


@strawberry.type(description="How many students share these dimensions (人数).")
class Headcount:
    """One row of a count."""

    school_year: int | None = strawberry.field(description="School year, if counted by it (学年).")
    grade: int | None = strawberry.field(description="Grade, if counted by it (年级).")
    sex: Sex | None = strawberry.field(description="Sex, if counted by it (性别).")
    state: EnrolmentState | None = strawberry.field(description="Enrolment state, if counted by it (学籍状态).")
    students: int = strawberry.field(description="How many students (学生人数).")
    boarding: int = strawberry.field(description="How many of them board (住校生人数).")
    migrant: int = strawberry.field(description="How many are children of migrant workers (随迁子女人数).")
    left_behind: int = strawberry.field(description="How many were left behind by their parents (留守儿童人数).")
    without_id: int = strawberry.field(description="How many have no identity number (无身份证件号人数).")
    photo_missing: int = strawberry.field(description="How many have no approved photo (缺照片人数).")
    open_problems: int = strawberry.field(
        description="Open problem records of theirs, of all kinds (待处理问题学籍数)."
    )


HeadcountFilter = make_input(
    "HeadcountFilter",
    {
        "grade": (IntFilter, "Grade (年级)."),
        "sex": (of_enum(Sex), "Sex (性别)."),
        "schoolYear": (IntFilter, "School year, named by its autumn (学年)."),
    },
    "Which students are counted (人数统计条件). All that is given must hold.",
)

_HOW = [
    argument("by", CountBy, "By managing place or by territory (统计口径).", CountBy.MANAGEMENT),
    argument(
        "group_by",
        list[CountDimension],
        "Dimensions; none gives one total (统计维度).",
        [CountDimension.GRADE, CountDimension.SEX],
    ),
    argument(
        "states", list[EnrolmentState], "Which enrolment states count (计入的学籍状态).", [EnrolmentState.IN_SCHOOL]
    ),
    argument("where", HeadcountFilter | None, "Which students count (统计条件)."),
]


def headcounts() -> list[Headcount] | None:
    """The field `headcounts` of every place, school and class."""
    made: list[Headcount] | None = counted(
        "headcount",
        headcount.compile_counts,
        "Students at this place by the dimensions asked for (学生人数统计); exact at the moment of the answer.",
        _HOW,
    )
    return made


async def count(info: HubInfo, within: str | None = None, **_: Any) -> list[Headcount] | None:
    """Counts over all the caller's roots, or at one place in reach. Raises Forbidden, NotFound.

    What else is given the compiler reads from the document.
    """
    reading = info.context.reads()
    if not reading.reader.policy.decide(reading.caller.role, "headcount", Action.COUNT).on_path:
        refusal = Forbidden("FORBIDDEN", action="headcount:count")
        await gate.refuse(info.context.database, reading.caller, "headcount:count", None, refusal)
        raise refusal
    if within is not None and not (within.isascii() and within.isdigit() and reading.caller.reaches(within)):
        return await found(info, "headcount:count", None)
    levels = reading.caller.shape[1]

    def compile_root(compiler: Compiler, field: Selected) -> Plan:
        return headcount.compile_root(compiler, field, levels, within=within is not None)

    return await read.run(reading, info, compile_root, shape=within is None, within=within)


def _everywhere() -> Any:
    made: Any = strawberry.field(
        resolver=count,
        description="Students in your area by the dimensions asked for (辖区内学生人数统计); exact at that moment.",
    )
    made.arguments = [argument("within", str | None, "Only at or below this division code (所在行政区划)."), *_HOW]
    return made


@strawberry.type
class CountQuery:
    """Counts from the root."""

    headcounts: list[Headcount] | None = _everywhere()


@strawberry.type(description="How many open problem records there are of a kind (问题学籍数).")
class ProblemCount:
    """One row of a count of problem records."""

    kind: ProblemKind = strawberry.field(description="Kind (问题类型).")
    open: int = strawberry.field(description="How many stand open (待处理数).")


def problem_counts_field() -> list[ProblemCount] | None:
    """The field `problemCounts` of every place, school and class."""
    made: list[ProblemCount] | None = counted(
        "problemRecord",
        problem_counts.compile_counts,
        "Open problem records at this place, by kind (待处理问题学籍统计); exact at the moment of the answer.",
    )
    return made
