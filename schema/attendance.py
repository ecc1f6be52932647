"""Attendance: the days of a class, who was not simply present, the counts of a place."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry
from sqlalchemy import Date

from hub import models
from hub.terms import AbsenceKind
from loaders import attendance_counts
from loaders.declare import Extra, Sort, argument, column, counted, graph, owned_list, up
from schema.common import Node, typed_id

if TYPE_CHECKING:
    from schema.school_class import SchoolClass
    from schema.student import Student

LazyClass = Annotated["SchoolClass", strawberry.lazy("schema.school_class")]
LazyStudent = Annotated["Student", strawberry.lazy("schema.student")]

D = models.ClassDay
A = models.Absence


@graph(
    models.Absence,
    "attendance",
    order=("day", "class_day_id"),
    key=("class_day_id", "student_id"),
    sorts={"DAY": Sort("day", "The day (日期).")},
)
@strawberry.type(description="A pupil who was not simply present on a day (缺勤、迟到、请假).")
class Absence:
    """An absence."""

    day: date | None = column(A.day, "The day (日期).")
    student: LazyStudent | None = up(A.student_id, "The pupil (学生).")
    kind: AbsenceKind | None = column(A.kind, "What the pupil was (出勤情况).")
    note: str | None = column(A.note, "What the teacher noted (备注).")


@graph(models.ClassDay, "attendance", order=("day", "id"), sorts={"DAY": Sort("day", "The day (日期).")})
@strawberry.type(description="A class on a day, as it was marked (班级日考勤).")
class ClassDay(Node):
    """A class's day."""

    id: strawberry.ID = column(typed_id("classDay"), "Opaque id (标识).")
    day: date | None = column(D.day, "The day (日期).")
    school_class: LazyClass | None = up(D.class_id, "The class (班级).")
    grade: int | None = column(D.grade, "The class's grade on that day (当日年级).")
    expected: int | None = column(D.expected, "Pupils of the class on that day (应到人数).")
    present: int | None = column(
        lambda row: row.c.expected - row.c.absent - row.c.on_leave, "Those who came, late or not (实到人数)."
    )
    absent: int | None = column(D.absent, "Absent without leave (缺勤人数).")
    late: int | None = column(D.late, "Late (迟到人数).")
    on_leave: int | None = column(D.on_leave, "On sick or personal leave (请假人数).")
    marked_at: datetime | None = column(D.marked_at, "When it was last marked (登记时间).")
    version: int | None = column(D.version, "Counts its markings; send it along to mark the day anew (版本号).")
    absences: list[Absence] | None = owned_list(
        lambda day, absence: absence.c.class_day_id == day.c.id,
        "Who was not simply present (缺勤、迟到、请假名单).",
        order=("student_id",),
    )


@strawberry.type(description="The attendance of a place from one day to another, summed over class-days (考勤统计).")
class AttendanceCount:
    """A count of attendance."""

    class_days: int = strawberry.field(description="Days of classes that were marked (已登记班级日数).")
    expected: int = strawberry.field(description="Pupils expected (应到人次).")
    present: int = strawberry.field(description="Those who came, late or not (实到人次).")
    absent: int = strawberry.field(description="Absent without leave (缺勤人次).")
    late: int = strawberry.field(description="Late (迟到人次).")
    on_leave: int = strawberry.field(description="On sick or personal leave (请假人次).")
    rate: Decimal | None = strawberry.field(
        description="Present of expected, four places; null if nobody was expected (出勤率)."
    )
    unmarked_classes: int = strawberry.field(
        description="Open classes not marked on the last of the days (末日未登记班级数)."
    )


def attendance_field() -> AttendanceCount | None:
    """The field `attendance` of every place, school and class."""
    made: AttendanceCount | None = counted(
        "attendance",
        attendance_counts.compile_counts,
        "Attendance of the classes managed from here (考勤统计); exact at the moment of the answer.",
        [
            argument("since", date | None, "First day; the last one unless told (开始日期)."),
            argument("until", date | None, "Last day; today unless told (结束日期)."),
        ],
    )
    return made


UNMARKED = {
    "unmarkedOn": Extra(
        attendance_counts.unmarked,
        Date(),
        date,
        "Only open classes not marked on this day (该日未登记考勤的班级).",
        counts="attendance",
    )
}
"""The filter of classes beside those of their fields."""
