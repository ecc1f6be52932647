"""Headcounts: how many students there are at a place."""

import strawberry

from hub.terms import EnrolmentState, ProblemKind, Sex
from loaders import headcount, problem_counts
from loaders.declare import argument, counted
from schema.common import CountBy, CountDimension


@strawberry.type(description="How many students share these dimensions (人数).")
class Headcount:
    """One row of a count."""

    grade: int | None = strawberry.field(description="Grade, if counted by it (年级).")
    sex: Sex | None = strawberry.field(description="Sex, if counted by it (性别).")
    state: EnrolmentState | None = strawberry.field(description="Enrolment state, if counted by it (学籍状态).")
    students: int = strawberry.field(description="How many students (学生人数).")


def headcounts() -> list[Headcount] | None:
    """The field `headcounts` of every place, school and class."""
    made: list[Headcount] | None = counted(
        "headcount",
        headcount.compile_counts,
        "Students at this place by the dimensions asked for (学生人数统计); exact at the moment of the answer.",
        [
            argument("by", CountBy, "By managing place or by territory (统计口径).", CountBy.MANAGEMENT),
            argument(
                "group_by",
                list[CountDimension],
                "Dimensions; none gives one total (统计维度).",
                [CountDimension.GRADE, CountDimension.SEX],
            ),
            argument(
                "states",
                list[EnrolmentState],
                "Which enrolment states count (计入的学籍状态).",
                [EnrolmentState.IN_SCHOOL],
            ),
        ],
    )
    return made


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
