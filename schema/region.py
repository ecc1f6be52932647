"""Regions: the province, its cities and counties."""

from datetime import date
from typing import Annotated

import strawberry
from sqlalchemy import column as bare
from sqlalchemy import table as view

from hub import models, paths
from hub.terms import PlaceLevel
from loaders.declare import Card, Kind, column, graph, many, up
from schema.attendance import AttendanceCount, attendance_field
from schema.common import Connection, Node, typed_id
from schema.count import Headcount, ProblemCount, headcounts, problem_counts_field
from schema.problem import FILTERS, ORDERS, ProblemRecord, record_arguments
from schema.school import School
from schema.student import STATES, Student, states_argument

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
    children: Connection[LazyRegion] | None = many(
        Kind.CHILD,
        lambda place, child: child.c.parent_id == place.c.id,
        "Places below (下级行政区).",
        order=("code", "id"),
    )
    schools: Connection[School] | None = many(
        Kind.CHILD,
        lambda place, school: paths.below(school.c.path, place.c.path),
        "Schools managed here or below (所辖学校).",
        order=("path", "id"),
    )
    students: Connection[Student] | None = many(
        Kind.CHILD,
        lambda place, student: paths.below(student.c.path, place.c.path),
        "Pupils of those schools (所辖学生).",
        order=("path", "id"),
        filters={"states": STATES},
        arguments=states_argument(),
    )
    problem_records: Connection[ProblemRecord] | None = many(
        Kind.CHILD,
        lambda place, record: paths.below(record.c.path, place.c.path),
        "Problem records of its pupils (问题学籍).",
        filters=FILTERS,
        orders=ORDERS,
        arguments=record_arguments(),
    )
    headcounts: list[Headcount] | None = headcounts()
    problem_counts: list[ProblemCount] | None = problem_counts_field()
    attendance: AttendanceCount | None = attendance_field()
