"""Students: the record itself, the family, the placements over time, the versions of what is counted."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, Sequence, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import (
    Base,
    Key,
    Moment,
    Ordered,
    Since,
    Small,
    Terms,
    Version,
    apart,
    found_by_name,
    lasting,
    one_of,
    path_shaped,
    shaped,
    wipe,
)
from hub.terms import EnrolmentState, Sex

STUDENT_NUMBERS = Sequence(
    "student_numbers", start=5_000_000, minvalue=5_000_000, maxvalue=9_999_999, cycle=True, metadata=Base.metadata
)
"""The sequence part of newly issued student numbers; a sample's own numbers stay below it."""


class Student(Base):
    """A pupil's status record (学籍), with the columns of the 71-column import sheet.

    `path` is today's class (or school, while no class is assigned). `student_number` (学籍号: L temporary, J without
    usable ID, G formal, then 18 characters) is issued once and never re-derived from the identity number.
    `actual_school_id` or `actual_place` says where the pupil really reads when the school only hosts the record (挂靠).
    `grade` and `school_year` repeat the active placement.
    """

    __tablename__ = "students"
    __trial__ = wipe("学生学籍", "pupils")
    __table_args__ = (
        path_shaped(),
        one_of("sex", Sex),
        one_of("state", EnrolmentState),
        shaped("student_number", "^[LJG][0-9A-Z]{18}$"),
        CheckConstraint("grade BETWEEN 1 AND 13", name="grade"),
        UniqueConstraint("student_number"),
        Index("ix_students_path", "path", "id"),
        Index("ix_students_school_id", "school_id"),
        Index("ix_students_class_id", "class_id", "name_key", "id"),
        Index("ix_students_id_number", "id_number", postgresql_where=text("id_number IS NOT NULL")),
        Index("ix_students_name", "name", "birth_date", "sex"),
        found_by_name("students"),
        Index(
            "ix_students_actual_school_id", "actual_school_id", postgresql_where=text("actual_school_id IS NOT NULL")
        ),
        Index("ix_students_photo_file_id", "photo_file_id", postgresql_where=text("photo_file_id IS NOT NULL")),
    )

    id: Mapped[Key]
    student_number: Mapped[Ordered]
    school_id: Mapped[int] = mapped_column(ForeignKey("schools.id"))
    class_id: Mapped[int | None] = mapped_column(ForeignKey("classes.id"))
    path: Mapped[Ordered]
    state: Mapped[str] = mapped_column(server_default=EnrolmentState.IN_SCHOOL)
    grade: Mapped[Small]
    school_year: Mapped[Small]
    actual_school_id: Mapped[int | None] = mapped_column(ForeignKey("schools.id"))
    actual_place: Mapped[str | None]

    name: Mapped[Ordered]
    name_key: Mapped[Ordered]
    name_terms: Mapped[Terms]
    sex: Mapped[str]
    birth_date: Mapped[date]
    birthplace_code: Mapped[str | None]
    ancestral_place: Mapped[str]
    ethnic_group: Mapped[str]
    nationality: Mapped[str]
    id_type: Mapped[str]
    overseas_status: Mapped[str]
    health: Mapped[str]
    political_status: Mapped[str | None]
    id_number: Mapped[str | None]
    residence_nature: Mapped[str | None]
    residence_code: Mapped[str | None]
    entry_month: Mapped[date]
    admission_type: Mapped[str]
    attendance_type: Mapped[str]
    present_address: Mapped[str]
    mail_address: Mapped[str]
    home_address: Mapped[str]
    phone: Mapped[str]
    post_code: Mapped[str]
    only_child: Mapped[bool]
    preschool: Mapped[bool]
    left_behind: Mapped[str]
    needs_aid: Mapped[bool]
    living_allowance: Mapped[bool]
    orphan: Mapped[bool]
    martyr_child: Mapped[bool]
    distance_km: Mapped[Decimal] = mapped_column(Numeric(6, 2))
    travel_mode: Mapped[str]
    needs_school_bus: Mapped[bool]
    former_name: Mapped[str | None]
    id_valid_period: Mapped[str | None]
    blood_type: Mapped[str | None]
    strengths: Mapped[str | None]
    auxiliary_number: Mapped[str | None]
    number_in_class: Mapped[str | None]
    student_source: Mapped[str | None]
    email: Mapped[str | None]
    home_page: Mapped[str | None]
    disability: Mapped[str | None]
    bought_place: Mapped[bool | None]
    inclusion: Mapped[str | None]
    migrant_child: Mapped[bool | None]
    photo_file_id: Mapped[int | None] = mapped_column(ForeignKey("files.id"))

    version: Mapped[Version]
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]


class Guardian(Base):
    """A family member of a pupil (家庭成员); the sheet holds two. Of the second it may say name and relation alone."""

    __tablename__ = "guardians"
    __trial__ = wipe("家庭成员", "family members")
    __table_args__ = (CheckConstraint("position BETWEEN 1 AND 9", name="position"),)

    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"), primary_key=True)
    position: Mapped[Small] = mapped_column(primary_key=True)
    name: Mapped[str]
    relation: Mapped[str]
    relation_note: Mapped[str | None]
    address: Mapped[str | None]
    residence_code: Mapped[str | None]
    phone: Mapped[str | None]
    is_guardian: Mapped[bool | None]
    id_type: Mapped[str | None]
    id_number: Mapped[str | None]
    ethnic_group: Mapped[str | None]
    employer: Mapped[str | None]
    post: Mapped[str | None]


class Placement(Base):
    """Where a pupil was from one day to another (学籍经历), with the path of that day, never rewritten.

    One active placement per pupil; periods never overlap; a move undone on its own day is voided, not zero-lengthed.
    """

    __tablename__ = "placements"
    __trial__ = wipe("就读经历", "placements")
    __table_args__ = (
        path_shaped(),
        lasting(),
        CheckConstraint("grade BETWEEN 1 AND 13", name="grade"),
        Index(
            "uq_placements_active",
            "student_id",
            unique=True,
            postgresql_where=text("until IS NULL AND voided_at IS NULL"),
        ),
        apart("placements", "student_id", where="voided_at IS NULL"),
        Index("ix_placements_student_id", "student_id", "id"),
        Index("ix_placements_class_id", "class_id"),
        Index("ix_placements_school_id", "school_id"),
    )

    id: Mapped[Key]
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"))
    school_id: Mapped[int] = mapped_column(ForeignKey("schools.id"))
    class_id: Mapped[int | None] = mapped_column(ForeignKey("classes.id"))
    path: Mapped[Ordered]
    grade: Mapped[Small]
    school_year: Mapped[Small]
    since: Mapped[Since]
    until: Mapped[date | None]
    began_by: Mapped[str]
    ended_by: Mapped[str | None]
    voided_at: Mapped[datetime | None]


class StudentVersion(Base):
    """What was counted of a pupil while it was on record: *as of* asks recorded time, `effective` is the day it is
    true from in law.
    """

    __tablename__ = "student_versions"
    __trial__ = wipe("学籍信息变更记录", "versions of pupils")
    __table_args__ = (
        path_shaped(),
        one_of("sex", Sex),
        one_of("state", EnrolmentState),
        CheckConstraint("recorded_until > recorded_from", name="recorded"),
        Index(
            "uq_student_versions_current", "student_id", unique=True, postgresql_where=text("recorded_until IS NULL")
        ),
        Index("ix_student_versions_student_id", "student_id", "recorded_from"),
    )

    id: Mapped[Key]
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"))
    recorded_from: Mapped[Moment]
    recorded_until: Mapped[datetime | None]
    effective: Mapped[date]
    path: Mapped[Ordered]
    school_year: Mapped[Small]
    grade: Mapped[Small]
    sex: Mapped[str]
    state: Mapped[str]
    boarding: Mapped[bool]
    migrant: Mapped[bool]
    left_behind: Mapped[bool]
    without_id: Mapped[bool]
