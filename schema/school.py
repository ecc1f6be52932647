"""Schools, campuses, grades."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from sqlalchemy import ColumnElement, FromClause, Select, and_, literal_column, or_, select
from sqlalchemy import column as bare
from sqlalchemy import table as view

from hub import models, paths
from hub.terms import Founder, Stage
from loaders.declare import Card, Kind, Sort, coded, column, graph, owned_list, up
from schema.attendance import AttendanceCount, attendance_field
from schema.common import NAMED, Code, Connection, Node, connection, typed_id
from schema.count import Headcount, ProblemCount, headcounts, problem_counts_field
from schema.photo import Photo, PhotoImport, missing_photos_field, photos_field
from schema.problem import ProblemRecord
from schema.school_class import SchoolClass
from schema.student import Student

if TYPE_CHECKING:
    from schema.case import Case
    from schema.region import Region

LazyCase = Annotated["Case", strawberry.lazy("schema.case")]
LazyRegion = Annotated["Region", strawberry.lazy("schema.region")]
LazySchool = Annotated["School", strawberry.lazy("schema.school")]

S = models.School


@graph(
    models.Campus,
    "campus",
    card=Card(view("campus_cards", *(bare(name) for name in ("id", "name", "path"))), frozenset({"id", "name"})),
    sorts={"NAME": Sort("name", "Name (校区名称).")},
)
@strawberry.type(description="A campus of a school (校区).")
class Campus(Node):
    """A campus."""

    id: strawberry.ID = column(typed_id("campus"), "Opaque id (标识).")
    name: str | None = column(models.Campus.name, "Name (校区名称).")
    address: str | None = column(models.Campus.address, "Address (地址).")
    phone: str | None = column(models.Campus.phone, "Phone (电话).")
    area: Decimal | None = column(models.Campus.area, "Area in square metres (占地面积).")
    school: LazySchool | None = up(models.Campus.school_id, "The school (学校).")
    classes: Connection[SchoolClass] | None = connection(
        "SchoolClass",
        Kind.CHILD,
        lambda campus, school_class: school_class.c.campus_id == campus.c.id,
        "Its classes, lowest grade first (班级).",
        order=("grade", "number", "id"),
    )


def _of_grade(grade: FromClause, school_class: FromClause) -> ColumnElement[bool]:
    taught = models.ClassGrade.__table__.alias()
    found: Select[Any] = select(literal_column("1")).where(
        taught.c.class_id == school_class.c.id,
        taught.c.school_year == grade.c.school_year,
        taught.c.grade == grade.c.number,
    )
    return and_(school_class.c.school_id == grade.c.school_id, found.correlate(grade, school_class).exists())


@graph(
    models.Grade,
    "grade",
    order=("school_year", "number", "id"),
    sorts={
        "SCHOOL_YEAR": Sort("school_year", "School year (学年)."),
        "NUMBER": Sort("number", "1 to 12 through all stages (年级序号)."),
    },
)
@strawberry.type(description="A grade a school runs in a school year (年级).")
class Grade(Node):
    """A grade."""

    id: strawberry.ID = column(typed_id("grade"), "Opaque id (标识).")
    number: int | None = column(models.Grade.number, "1 to 12 through all stages (年级序号).")
    name: str | None = column(models.Grade.name, "Name (年级名称).")
    stage: Stage | None = column(models.Grade.stage, "Stage of schooling (学段).")
    school_year: int | None = column(models.Grade.school_year, "School year, named by its autumn (学年).")
    school: LazySchool | None = up(models.Grade.school_id, "The school (学校).")
    classes: Connection[SchoolClass] | None = connection(
        "SchoolClass",
        Kind.CHILD,
        _of_grade,
        "The classes it is taught in that year, combined ones too (班级).",
        order=("number", "id"),
    )
    students: Connection[Student] | None = connection(
        "Student",
        Kind.CHILD,
        lambda grade, student: and_(
            student.c.school_id == grade.c.school_id,
            student.c.grade == grade.c.number,
            student.c.school_year == grade.c.school_year,
        ),
        "The pupils in it (学生).",
        order=("path", "id"),
    )


@graph(models.SchoolStage, "school")
@strawberry.type(description="A stage a school teaches, and who decides for it (办学学段).")
class SchoolStage:
    """A stage of a school."""

    stage: Stage | None = column(models.SchoolStage.stage, "Stage of schooling (学段).")
    length: int | None = column(models.SchoolStage.length, "Length of schooling in years (学制).")
    authority: LazyRegion | None = up(models.SchoolStage.authority_id, "The status authority (学籍主管部门).")
    since: date | None = column(models.SchoolStage.since, "First day (开始日期).")
    until: date | None = column(models.SchoolStage.until, "The day after the last (结束日期).")


@graph(
    models.School,
    "school",
    card=Card(
        view("school_cards", *(bare(name) for name in ("id", "code", "name", "type", "path", "phone"))),
        frozenset({"id", "code", "name", "phone"}),
    ),
    order=("path", "id"),
    sorts={
        "PLACE": Sort("path", "County by county (按单位)."),
        "CODE": Sort("code", "School code (学校标识码)."),
        "NAME": Sort("name_key", "By the name's pinyin (按名称拼音)."),
    },
    extras=NAMED,
)
@strawberry.type(description="A school or teaching point (学校、教学点).")
class School(Node):
    """A school."""

    id: strawberry.ID = column(typed_id("school"), "Opaque id (标识).")
    code: str = column(S.code, "10-digit school code (学校标识码).")
    name: str = column(S.name, "Name as on the seal (学校名称).")
    english_name: str | None = column(S.english_name, "English name (英文名称).")
    type: Code | None = coded(S.type, "SCHOOL_TYPE", "Type, GB/T 33782 (办学类型).")
    founder: Founder | None = column(S.founder, "Who runs it (举办者).")
    affiliation: str | None = column(S.affiliation, "What it belongs to (隶属关系).")
    licensed: bool | None = column(S.licensed, "Whether it holds a licence (是否取得办学许可).")
    managed_by: LazyRegion | None = up(S.place_id, "The place that manages it (主管行政区).")
    located_in: LazyRegion | None = up(S.located_in_id, "The county it stands in (属地).")
    parent: LazySchool | None = up(S.parent_id, "Of a teaching point, the school it belongs to (所属中心校).")
    teaching_points: Connection[LazySchool] | None = connection(
        "School",
        Kind.CROSS,
        lambda school, point: point.c.parent_id == school.c.id,
        "Its teaching points within your reach (所辖教学点).",
        order=("path", "id"),
    )
    address: str | None = column(S.address, "Address (地址).")
    post_code: str | None = column(S.post_code, "Post code (邮政编码).")
    phone: str | None = column(S.phone, "Phone of the office (电话).")
    email: str | None = column(S.email, "E-mail (电子信箱).")
    head_name: str | None = column(S.head_name, "Head (校长).")
    head_phone: str | None = column(S.head_phone, "The head's phone (校长电话).")
    organisation_code: str | None = column(S.organisation_code, "Organisation code (组织机构代码).")
    legal_person_number: str | None = column(S.legal_person_number, "Legal-person number (法人证书号).")
    land_title: str | None = column(S.land_title, "Land title (土地证号).")
    boarding_mode: str | None = column(S.boarding_mode, "Boarding mode (寄宿方式).")
    teaching_language: str | None = column(S.teaching_language, "Teaching language (教学语言).")
    since: date | None = column(S.since, "First day (设立日期).")
    until: date | None = column(S.until, "The day after the last (撤销日期).")
    version: int | None = column(S.version, "Counts its edits; send it along with the next one (版本号).")
    stages: list[SchoolStage] | None = owned_list(
        lambda school, stage: stage.c.school_id == school.c.id, "Stages it teaches (办学学段).", order=("since", "id")
    )
    campuses: Connection[Campus] | None = connection(
        "Campus", Kind.CHILD, lambda school, campus: campus.c.school_id == school.c.id, "Campuses (校区)."
    )
    grades: Connection[Grade] | None = connection(
        "Grade",
        Kind.CHILD,
        lambda school, grade: grade.c.school_id == school.c.id,
        "Grades, by school year and number (年级).",
        order=("school_year", "number", "id"),
    )
    classes: Connection[SchoolClass] | None = connection(
        "SchoolClass",
        Kind.CHILD,
        lambda school, school_class: school_class.c.school_id == school.c.id,
        "Classes, lowest grade first (班级).",
        order=("grade", "number", "id"),
    )
    students: Connection[Student] | None = connection(
        "Student",
        Kind.CHILD,
        lambda school, student: paths.below(student.c.path, school.c.path),
        "Every pupil on its books, class by class (在册学生).",
        order=("path", "id"),
    )
    photos: Connection[Photo] | None = photos_field("school_id")
    missing_photos: Connection[Student] | None = missing_photos_field("school_id")
    photo_imports: Connection[PhotoImport] | None = connection(
        "PhotoImport",
        Kind.CHILD,
        lambda school, batch: and_(batch.c.school_id == school.c.id, batch.c.path == school.c.path),
        "What was sent as photos of its pupils, latest first (照片导入批次).",
        order=("-id",),
    )
    problem_records: Connection[ProblemRecord] | None = connection(
        "ProblemRecord",
        Kind.CHILD,
        lambda school, record: paths.below(record.c.path, school.c.path),
        "Problem records of its pupils (问题学籍).",
    )
    cases: Connection[LazyCase] | None = connection(
        "Case",
        Kind.CROSS,
        lambda school, case: or_(case.c.path == school.c.path, case.c.other_path == school.c.path),
        "Business it asked for or is asked about, latest first (业务).",
        order=("-id",),
    )
    headcounts: list[Headcount] | None = headcounts()
    problem_counts: list[ProblemCount] | None = problem_counts_field()
    attendance: AttendanceCount | None = attendance_field()
