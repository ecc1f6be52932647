"""Classes."""

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from sqlalchemy import ColumnElement, FromClause, and_, func, select
from sqlalchemy import column as bare
from sqlalchemy import table as view
from sqlalchemy.dialects.postgresql import aggregate_order_by

from hub import models
from loaders.declare import Card, Kind, Sort, coded, column, graph, up
from schema.attendance import UNMARKED, AttendanceCount, ClassDay, attendance_field
from schema.common import Code, Connection, Node, connection, typed_id
from schema.count import Headcount, ProblemCount, headcounts, problem_counts_field
from schema.photo import Photo, missing_photos_field, photos_field
from schema.problem import ProblemRecord
from schema.student import Student

if TYPE_CHECKING:
    from schema.school import Campus, School

LazyCampus = Annotated["Campus", strawberry.lazy("schema.school")]
LazySchool = Annotated["School", strawberry.lazy("schema.school")]

C = models.SchoolClass


def _grades(row: FromClause) -> ColumnElement[Any]:
    """The grades taught in a class this school year."""
    taught = models.ClassGrade.__table__
    found = select(func.json_agg(aggregate_order_by(taught.c.grade, taught.c.grade)))
    found = found.where(taught.c.class_id == row.c.id, taught.c.school_year == row.c.school_year)
    return found.correlate(row).scalar_subquery()


@graph(
    models.SchoolClass,
    "schoolClass",
    card=Card(view("class_cards", bare("id"), bare("name"), bare("path")), frozenset({"id", "name"})),
    order=("path", "id"),
    sorts={
        "PLACE": Sort("path", "School by school (按单位)."),
        "GRADE": Sort("grade", "Grade (年级)."),
        "SCHOOL_YEAR": Sort("school_year", "School year (学年)."),
        "NUMBER": Sort("number", "The hub's number (系统班号)."),
        "OFFICIAL_NUMBER": Sort("official_number", "The school's class number (班号)."),
    },
    extras=UNMARKED,
)
@strawberry.type(description="A class (班级).")
class SchoolClass(Node):
    """A class."""

    id: strawberry.ID = column(typed_id("class"), "Opaque id (标识).")
    name: str = column(C.name, "Name, such as 三年级2班 (班级名称).")
    number: str | None = column(C.number, "The hub's 7-digit number, part of the path (系统班号).")
    official_number: str | None = column(C.official_number, "The school's class number (班号).")
    grade: int | None = column(C.grade, "Grade; of a combined class the lowest (年级).")
    school_year: int | None = column(C.school_year, "School year, named by its autumn (学年).")
    grades: list[int] | None = column(_grades, "All its grades this year, lowest first (全部年级).")
    combined: bool | None = column(C.combined, "Whether several grades share the room (是否复式班).")
    type: Code | None = coded(C.type, "CLASS_TYPE", "Class type (班级类型).")
    length: int | None = column(C.length, "Length of schooling in years (学制).")
    formed: date | None = column(C.formed, "Month it was formed, its first day (建班年月).")
    teacher_name: str | None = column(C.teacher_name, "Class teacher (班主任).")
    monitor_name: str | None = column(C.monitor_name, "Monitor (班长).")
    closed: date | None = column(C.closed, "The day it was closed, if it is (撤销日期).")
    version: int | None = column(C.version, "Counts its edits; send it along with the next one (版本号).")
    school: LazySchool | None = up(C.school_id, "The school (学校).")
    campus: LazyCampus | None = up(C.campus_id, "The campus, where a school has several (校区).")
    students: Connection[Student] | None = connection(
        "Student",
        Kind.CHILD,
        lambda school_class, student: student.c.class_id == school_class.c.id,
        "The roster, by name (花名册).",
        order=("name_key", "id"),
    )
    photos: Connection[Photo] | None = photos_field("class_id")
    missing_photos: Connection[Student] | None = missing_photos_field("class_id")
    days: Connection[ClassDay] | None = connection(
        "ClassDay",
        Kind.CHILD,
        lambda school_class, day: and_(day.c.class_id == school_class.c.id, day.c.path == school_class.c.path),
        "Its marked days, earliest first (日考勤); those before it moved lie where it was.",
        order=("day", "id"),
    )
    problem_records: Connection[ProblemRecord] | None = connection(
        "ProblemRecord",
        Kind.CHILD,
        lambda school_class, record: record.c.path == school_class.c.path,
        "Problem records of its pupils (问题学籍).",
    )
    headcounts: list[Headcount] | None = headcounts()
    problem_counts: list[ProblemCount] | None = problem_counts_field()
    attendance: AttendanceCount | None = attendance_field()
