"""Students, their family members and their placements."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from sqlalchemy import ColumnElement, FromClause, Select, func, literal_column, select
from sqlalchemy import column as bare
from sqlalchemy import table as view

from hub import models
from hub.terms import EnrolmentState, Sex
from loaders import mask
from loaders.declare import Card, Kind, Sort, coded, column, graph, owned_list, up
from schema.attendance import Absence
from schema.common import NAMED, Code, Connection, Node, connection, typed_id
from schema.photo import Photo
from schema.problem import ProblemRecord

if TYPE_CHECKING:
    from schema.case import Case
    from schema.school import School
    from schema.school_class import SchoolClass

LazyCase = Annotated["Case", strawberry.lazy("schema.case")]
LazyStudent = Annotated["Student", strawberry.lazy("schema.student")]
LazySchool = Annotated["School", strawberry.lazy("schema.school")]
LazyClass = Annotated["SchoolClass", strawberry.lazy("schema.school_class")]

S = models.Student
G = models.Guardian
P = models.Placement
V = models.StudentVersion


def _school_of_version(row: FromClause) -> Any:
    """The id of the school at the path of that time: the path's first two steps."""
    schools = view("school_cards", bare("id"), bare("path")).alias()
    place = func.substring(row.c.path, literal_column("'^[0-9]+[.][0-9]+'"))
    return select(schools.c.id).where(schools.c.path == place).correlate(row).scalar_subquery()


def _in_case(student: FromClause, case: FromClause) -> ColumnElement[bool]:
    subjects = models.CaseSubject.__table__.alias()
    found: Select[Any] = select(literal_column("1")).where(subjects.c.case_id == case.c.id)
    return found.where(subjects.c.student_id == student.c.id).correlate(student, case).exists()


@graph(models.Guardian, "guardian", owner=G.student_id, key=("student_id", "position"))
@strawberry.type(description="A family member of a pupil (家庭成员).")
class Guardian:
    """A family member."""

    position: int = column(G.position, "1 or 2, as on the sheet (成员序号).")
    name: str | None = column(G.name, "Name (姓名).")
    relation: Code | None = coded(G.relation, "RELATION", "Relation to the pupil (关系).")
    relation_note: str | None = column(G.relation_note, "What the relation is, if 'other' (关系说明).")
    address: str | None = column(G.address, "Present address (现住址).")
    residence_code: str | None = column(G.residence_code, "Division of residence (户口所在地行政区划).")
    phone: str | None = column(G.phone, "Phone (联系电话).", masked=mask.phone("phone"))
    is_guardian: bool | None = column(G.is_guardian, "Whether this member is a legal guardian (是否监护人).")
    id_type: Code | None = coded(G.id_type, "ID_TYPE", "Type of identity document (身份证件类型).")
    id_number: str | None = column(
        G.id_number, "Identity number (身份证件号).", masked=mask.tail("id_number", 6), exact=True
    )
    ethnic_group: Code | None = coded(G.ethnic_group, "ETHNIC_GROUP", "Ethnic group (民族).")
    employer: str | None = column(G.employer, "Employer (工作单位).")
    post: str | None = column(G.post, "Post (职务).")
    student: LazyStudent | None = up(G.student_id, "The pupil (学生).")


@graph(
    models.Placement,
    "placement",
    owner=P.student_id,
    sorts={"SINCE": Sort("since", "First day (开始日期).")},
)
@strawberry.type(description="Where a pupil was from one day to another (就读经历).")
class Placement(Node):
    """A placement."""

    id: strawberry.ID = column(typed_id("placement"), "Opaque id (标识).")
    school: LazySchool | None = up(P.school_id, "The school; outside your area only its card (学校).")
    school_class: LazyClass | None = up(P.class_id, "The class; outside your area only its card (班级).")
    grade: int | None = column(P.grade, "Grade (年级).")
    school_year: int | None = column(P.school_year, "School year, named by its autumn (学年).")
    since: date | None = column(P.since, "First day (开始日期).")
    until: date | None = column(P.until, "The day after the last; none while it lasts (结束日期).")
    began_by: str | None = column(P.began_by, "What began it (起因).")
    ended_by: str | None = column(P.ended_by, "What ended it (终因).")
    student: LazyStudent | None = up(P.student_id, "The pupil (学生).")


@graph(
    models.StudentVersion,
    "studentVersion",
    owner=V.student_id,
    sorts={"RECORDED_FROM": Sort("recorded_from", "Since when it was on record (记录时间).")},
)
@strawberry.type(description="What was counted of a pupil while it was on record (学籍信息变更记录).")
class StudentVersion(Node):
    """A version of what is counted."""

    id: strawberry.ID = column(typed_id("studentVersion"), "Opaque id (标识).")
    recorded_from: datetime | None = column(V.recorded_from, "Since when it was on record (记录时间).")
    recorded_until: datetime | None = column(V.recorded_until, "Until when; none while it is (记录截止时间).")
    effective: date | None = column(V.effective, "The day it is true from in law (生效日期).")
    school: LazySchool | None = up(_school_of_version, "The school then; outside your area only its card (学校).")
    school_year: int | None = column(V.school_year, "School year, named by its autumn (学年).")
    grade: int | None = column(V.grade, "Grade (年级).")
    sex: Sex | None = column(V.sex, "Sex (性别).")
    state: EnrolmentState | None = column(V.state, "Enrolment state (学籍状态).")
    boarding: bool | None = column(V.boarding, "Whether a boarder (是否住校).")
    migrant: bool | None = column(V.migrant, "Whether a migrant worker's child (是否随迁子女).")
    left_behind: bool | None = column(V.left_behind, "Whether a left-behind child (是否留守儿童).")
    without_id: bool | None = column(V.without_id, "Whether without an identity number (是否无身份证件号).")
    student: LazyStudent | None = up(V.student_id, "The pupil (学生).")


@graph(
    models.Student,
    "student",
    card=Card(view("student_cards", *(bare(name) for name in ("id", "name", "path"))), frozenset({"id", "name"})),
    order=("path", "id"),
    sorts={
        "PLACE": Sort("path", "County by county, class by class (按单位)."),
        "NAME": Sort("name_key", "By the name's pinyin (按姓名拼音).", "name"),
        "GRADE": Sort("grade", "Grade (年级).", "grade"),
        "BIRTH_DATE": Sort("birth_date", "Birth date (出生日期).", "birthDate"),
        "STUDENT_NUMBER": Sort("student_number", "Student number (学籍号).", "studentNumber"),
    },
    extras=NAMED,
)
@strawberry.type(description="A pupil's status record (学籍), with the columns of the 71-column sheet.")
class Student(Node):
    """A pupil."""

    id: strawberry.ID = column(typed_id("student"), "Opaque id (标识).")
    student_number: str | None = column(
        S.student_number,
        "Student number: L, J or G and 18 characters (学籍号).",
        masked=mask.tail("student_number", 7),
        exact=True,
    )
    state: EnrolmentState | None = column(S.state, "Enrolment state (学籍状态).")
    grade: int | None = column(S.grade, "Grade, 1 to 12 (年级).")
    school_year: int | None = column(S.school_year, "School year, named by its autumn (学年).")
    school: LazySchool | None = up(S.school_id, "The school that holds the record (学籍所在学校).")
    school_class: LazyClass | None = up(S.class_id, "The class (班级).")
    actual_school: LazySchool | None = up(S.actual_school_id, "Where the pupil really reads, if hosted (实际就读学校).")
    actual_place: str | None = column(S.actual_place, "The same, if it is in no list (实际就读地点).")
    guardians: list[Guardian] | None = owned_list(
        lambda student, guardian: guardian.c.student_id == student.c.id,
        "Family members (家庭成员).",
        order=("position",),
    )
    placements: Connection[Placement] | None = connection(
        "Placement",
        Kind.OWNED,
        lambda student, placement: placement.c.student_id == student.c.id,
        "Where the pupil has been, oldest first (就读经历).",
    )
    versions: Connection[StudentVersion] | None = connection(
        "StudentVersion",
        Kind.OWNED,
        lambda student, version: version.c.student_id == student.c.id,
        "What was counted of the pupil at which time, oldest first (学籍信息变更记录).",
    )
    absences: Connection[Absence] | None = connection(
        "Absence",
        Kind.OWNED,
        lambda student, absence: absence.c.student_id == student.c.id,
        "Days on which the pupil was not simply present, earliest first (缺勤、迟到、请假记录).",
        order=("day", "class_day_id"),
    )
    photos: Connection[Photo] | None = connection(
        "Photo",
        Kind.OWNED,
        lambda student, photo: photo.c.student_id == student.c.id,
        "Photos of the pupil, earliest first (学生照片).",
    )
    problem_records: Connection[ProblemRecord] | None = connection(
        "ProblemRecord",
        Kind.CHILD,
        lambda student, record: record.c.student_id == student.c.id,
        "What is wrong with the identity, now or before (问题学籍).",
    )
    cases: Connection[LazyCase] | None = connection(
        "Case",
        Kind.CROSS,
        _in_case,
        "Business about the pupil with a side in your area, latest first (相关业务).",
        order=("-id",),
    )

    name: str | None = column(S.name, "Name as in the household book (姓名).")
    sex: Sex | None = column(S.sex, "Sex (性别).")
    birth_date: date | None = column(S.birth_date, "Birth date (出生日期).")
    birthplace_code: str | None = column(S.birthplace_code, "Birthplace, 12-digit division (出生地行政区划代码).")
    ancestral_place: str | None = column(S.ancestral_place, "Ancestral place (籍贯).")
    ethnic_group: Code | None = coded(S.ethnic_group, "ETHNIC_GROUP", "Ethnic group, GB/T 3304 (民族).")
    nationality: Code | None = coded(S.nationality, "NATIONALITY", "Nationality or region, GB/T 2659 (国籍/地区).")
    id_type: Code | None = coded(S.id_type, "ID_TYPE", "Type of identity document (身份证件类型).")
    overseas_status: Code | None = coded(
        S.overseas_status, "OVERSEAS_STATUS", "Hong Kong, Macao, Taiwan, overseas, foreign (港澳台侨外)."
    )
    health: Code | None = coded(S.health, "HEALTH", "Health (健康状况).")
    political_status: Code | None = coded(S.political_status, "POLITICAL_STATUS", "Political status (政治面貌).")
    id_number: str | None = column(
        S.id_number, "Identity number, GB 11643 (身份证件号).", masked=mask.tail("id_number", 6), exact=True
    )
    residence_nature: Code | None = coded(S.residence_nature, "RESIDENCE_NATURE", "Residence nature (户口性质).")
    residence_code: str | None = column(S.residence_code, "Residence, 12-digit division (户口所在地行政区划).")
    entry_month: date | None = column(S.entry_month, "Month of entry into the present stage, its first day (入学年月).")
    admission_type: Code | None = coded(S.admission_type, "ADMISSION_TYPE", "Admission type (入学方式).")
    attendance_type: Code | None = coded(S.attendance_type, "ATTENDANCE_TYPE", "Day pupil or boarder (就读方式).")
    present_address: str | None = column(S.present_address, "Present address (现住址).")
    mail_address: str | None = column(S.mail_address, "Mail address (通信地址).")
    home_address: str | None = column(S.home_address, "Home address (家庭地址).")
    phone: str | None = column(S.phone, "Phone (联系电话).", masked=mask.phone("phone"))
    post_code: str | None = column(S.post_code, "Post code (邮政编码).")
    only_child: bool | None = column(S.only_child, "Only child (是否独生子女).")
    preschool: bool | None = column(S.preschool, "Went to pre-school (是否受过学前教育).")
    left_behind: Code | None = coded(S.left_behind, "LEFT_BEHIND", "Left-behind child (是否留守儿童).")
    needs_aid: bool | None = column(S.needs_aid, "Needs aid (是否需要申请资助).")
    living_allowance: bool | None = column(S.living_allowance, "Gets living allowance (是否享受一补).")
    orphan: bool | None = column(S.orphan, "Orphan (是否孤儿).")
    martyr_child: bool | None = column(S.martyr_child, "Child of a martyr or preferential family (是否烈士或优抚子女).")
    distance_km: Decimal | None = column(
        lambda row: func.trim_scale(row.c.distance_km), "Way to school in kilometres (上下学距离)."
    )
    travel_mode: Code | None = coded(S.travel_mode, "TRAVEL_MODE", "Way of travel (上下学方式).")
    needs_school_bus: bool | None = column(S.needs_school_bus, "Needs the school bus (是否需要乘坐校车).")
    former_name: str | None = column(S.former_name, "Former name (曾用名).")
    id_valid_period: str | None = column(S.id_valid_period, "Validity of the document (身份证件有效期).")
    blood_type: Code | None = coded(S.blood_type, "BLOOD_TYPE", "Blood type (血型).")
    strengths: str | None = column(S.strengths, "Strengths (特长).")
    auxiliary_number: str | None = column(S.auxiliary_number, "The province's own number (学籍辅号).")
    number_in_class: str | None = column(S.number_in_class, "Number in class (班内学号).")
    student_source: Code | None = coded(S.student_source, "STUDENT_SOURCE", "Source of the pupil (学生来源).")
    email: str | None = column(S.email, "E-mail (电子信箱).")
    home_page: str | None = column(S.home_page, "Home page (主页地址).")
    disability: Code | None = coded(S.disability, "DISABILITY", "Disability (残疾类型).")
    bought_place: bool | None = column(S.bought_place, "Place bought by government (是否由政府购买学位).")
    inclusion: Code | None = coded(S.inclusion, "INCLUSION", "Inclusion in an ordinary class (随班就读).")
    migrant_child: bool | None = column(S.migrant_child, "Migrant worker's child (是否进城务工人员随迁子女).")
    version: int | None = column(S.version, "Counts its edits; send it along with the next one (版本号).")
