"""Regions: the province, its cities and counties."""

from datetime import date
from typing import Annotated

import strawberry
from sqlalchemy import column as bare
from sqlalchemy import or_
from sqlalchemy import table as view

from hub import models, paths
from hub.terms import PlaceLevel
from loaders.declare import Card, Kind, Sort, column, graph, up
from schema.attendance import AttendanceCount, attendance_field
from schema.common import NAMED, Connection, Node, connection, typed_id
from schema.count import Headcount, ProblemCount, headcounts, problem_counts_field
from schema.problem import ProblemRecord
from schema.school import LazyCase, School
from schema.school_class import SchoolClass
from schema.student import Student

LazyRegion = Annotated["Region", strawberry.lazy("schema.region")]

P = models.Place


@graph(
    models.Place,
    "region",
    card=Card(
        view("place_cards", *(bare(n) for n in ("id", "code", "level", "name", "path", "office", "office_phone"))),
        frozenset({"id", "code", "level", "name", "office", "officePhone"}),
    ),
    order=("path", "id"),
    sorts={
        "CODE": Sort("code", "Division code (行政区划代码)."),
        "NAME": Sort("name_key", "By the name's pinyin (按名称拼音)."),
    },
    extras=NAMED,
)
@strawberry.type(description="A place of the administrative tree (行政区划, GB/T 2260).")
class Region(Node):
    """A province, city or county."""

    id: strawberry.ID = column(typed_id("region"), "Opaque id (标识).")
    code: str = column(P.code, "Division code without trailing zeros: 14, 1401, 140105 (行政区划代码).")
    level: PlaceLevel = column(P.level, "Level (行政级别).")
    name: str = column(P.name, "Name (名称).")
    office: str | None = column(P.office, "Its status office (学籍管理部门).")
    office_phone: str | None = column(P.office_phone, "Phone of the office (联系电话).")
    since: date | None = column(P.since, "First day (设立日期).")
    until: date | None = column(P.until, "The day after the last (撤销日期).")
    parent: LazyRegion | None = up(P.parent_id, "The place above; its card if above your area (上级行政区).")
    children: Connection[LazyRegion] | None = connection(
        "Region",
        Kind.CHILD,
        lambda place, child: child.c.parent_id == place.c.id,
        "Places below (下级行政区).",
        order=("code", "id"),
    )
    schools: Connection[School] | None = connection(
        "School",
        Kind.CHILD,
        lambda place, school: paths.below(school.c.path, place.c.path),
        "Schools managed here or below (所辖学校).",
        order=("path", "id"),
    )
    located_schools: Connection[School] | None = connection(
        "School",
        Kind.CROSS,
        lambda place, school: paths.below(school.c.territory, place.c.path),
        "Schools standing on its ground, whoever manages them, within your reach (属地学校).",
        order=("path", "id"),
    )
    school_classes: Connection[SchoolClass] | None = connection(
        "SchoolClass",
        Kind.CHILD,
        lambda place, school_class: paths.below(school_class.c.path, place.c.path),
        "Classes of those schools (所辖班级).",
        order=("path", "id"),
    )
    students: Connection[Student] | None = connection(
        "Student",
        Kind.CHILD,
        lambda place, student: paths.below(student.c.path, place.c.path),
        "Pupils of those schools (所辖学生).",
        order=("path", "id"),
    )
    problem_records: Connection[ProblemRecord] | None = connection(
        "ProblemRecord",
        Kind.CHILD,
        lambda place, record: paths.below(record.c.path, place.c.path),
        "Problem records of its pupils (问题学籍).",
    )
    cases: Connection[LazyCase] | None = connection(
        "Case",
        Kind.CROSS,
        lambda place, case: or_(paths.below(case.c.path, place.c.path), paths.below(case.c.other_path, place.c.path)),
        "Business with a side here or below, latest first (业务).",
        order=("-id",),
    )
    headcounts: list[Headcount] | None = headcounts()
    problem_counts: list[ProblemCount] | None = problem_counts_field()
    attendance: AttendanceCount | None = attendance_field()
