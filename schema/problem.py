"""Problem records, and who else their pupils could be."""

import enum
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from hub import models
from hub.terms import EnrolmentState, ProblemKind, ProblemState, Resolution, Sex
from loaders import candidates
from loaders.declare import Sort, column, graph, loaded, up
from schema.common import Node, typed_id

if TYPE_CHECKING:
    from schema.student import Student

LazyStudent = Annotated["Student", strawberry.lazy("schema.student")]

R = models.ProblemRecord


@strawberry.enum(description="What of two pupils is compared (比对项目).")
class MatchField(enum.Enum):
    """A field of the comparison."""

    ID_NUMBER = strawberry.enum_value("ID_NUMBER", description="Identity number (身份证件号).")
    NAME = strawberry.enum_value("NAME", description="Name (姓名).")
    SEX = strawberry.enum_value("SEX", description="Sex (性别).")
    BIRTH_DATE = strawberry.enum_value("BIRTH_DATE", description="Birth date (出生日期).")
    GUARDIAN = strawberry.enum_value("GUARDIAN", description="A family member of the same name (家庭成员姓名).")
    ADDRESS = strawberry.enum_value("ADDRESS", description="Present address (现住址).")


@strawberry.type(description="Whether two pupils agree in one field (比对结果).")
class Agreement:
    """One line of the comparison."""

    field: MatchField = strawberry.field(description="What is compared (比对项目).")
    agrees: bool | None = strawberry.field(description="Whether it is the same; null where one is blank (是否一致).")


@strawberry.type(description="Somebody else in the register whom a problem record may mean (疑似重复学生).")
class Candidate:
    """A candidate. Out of the caller's reach only what agrees and the office to call are told."""

    in_reach: bool = strawberry.field(description="Whether the candidate is in your area (是否在本辖区).")
    agreement: list[Agreement] = strawberry.field(description="What agrees and what does not (比对结果).")
    office: str | None = strawberry.field(description="The status office to call (应联系的学籍管理部门).")
    office_phone: str | None = strawberry.field(description="Its phone (联系电话).")
    student_id: strawberry.ID | None = strawberry.field(description="The student, if in reach (学生标识).")
    student_number: str | None = strawberry.field(description="Student number, if in reach (学籍号).")
    id_number: str | None = strawberry.field(description="Identity number, if in reach (身份证件号).")
    name: str | None = strawberry.field(description="Name, if in reach (姓名).")
    sex: Sex | None = strawberry.field(description="Sex, if in reach (性别).")
    birth_date: date | None = strawberry.field(description="Birth date, if in reach (出生日期).")
    grade: int | None = strawberry.field(description="Grade, if in reach (年级).")
    state: EnrolmentState | None = strawberry.field(description="Enrolment state, if in reach (学籍状态).")
    school_name: str | None = strawberry.field(description="School, if in reach (学校名称).")
    school_code: str | None = strawberry.field(description="School code, if in reach (学校标识码).")


@graph(
    models.ProblemRecord,
    "problemRecord",
    sorts={
        "FOUND_AT": Sort("found_at", "When it was found (发现时间)."),
        "KIND": Sort("kind", "Kind (问题类型)."),
        "PLACE": Sort("path", "County by county, class by class (按单位)."),
    },
    by_area=True,
)
@strawberry.type(description="What the register finds wrong with a pupil's identity (问题学籍).")
class ProblemRecord(Node):
    """A problem record."""

    id: strawberry.ID = column(typed_id("problem"), "Opaque id (标识).")
    kind: ProblemKind | None = column(R.kind, "Kind (问题类型).")
    state: ProblemState | None = column(R.state, "Whether it still stands (状态).")
    resolution: Resolution | None = column(R.resolution, "How it was closed (处理结果).")
    found_at: datetime | None = column(R.found_at, "When it was found (发现时间).")
    closed_at: datetime | None = column(R.closed_at, "When it was closed (处理时间).")
    version: int | None = column(R.version, "Counts the edits (版本号).")
    student: LazyStudent | None = up(R.student_id, "The pupil (学生).", leased=True)
    candidates: list[Candidate] | None = loaded(
        candidates.NAME,
        R.student_id,
        "Others with the same number, or the same name, sex and birth date; nobody once the pupil has left your area"
        " (疑似重复学生).",
        most=candidates.MOST,
        noun="student",
    )
