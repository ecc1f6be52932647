"""Classes: the group of pupils a class teacher marks each morning."""

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import KEEP, Base, Key, Ordered, Small, Version, path_shaped, shaped


class SchoolClass(Base):
    """A class (班级). The hub issues `number`, the path's last step; the official class number (班号) is the
    school's own and unique inside it; neither changes on promotion.

    `grade` and `school_year` are today's; of a combined class (复式班) `grade` is the lowest and
    `class_grades` holds all.
    """

    __tablename__ = "classes"
    __trial__ = KEEP
    __table_args__ = (
        path_shaped(),
        shaped("number", r"^\d{7}$"),
        CheckConstraint("grade BETWEEN 1 AND 13", name="grade"),
        UniqueConstraint("school_id", "number"),
        UniqueConstraint("school_id", "official_number"),
        Index("ix_classes_path", "path", "id"),
        Index("ix_classes_school_id", "school_id", "grade", "number", "id"),
        Index("ix_classes_campus_id", "campus_id"),
    )

    id: Mapped[Key]
    school_id: Mapped[int] = mapped_column(ForeignKey("schools.id"))
    campus_id: Mapped[int | None] = mapped_column(ForeignKey("campuses.id"))
    path: Mapped[Ordered]
    number: Mapped[Ordered]
    official_number: Mapped[str]
    name: Mapped[str]
    grade: Mapped[Small]
    school_year: Mapped[Small]
    combined: Mapped[bool] = mapped_column(server_default=text("false"))
    type: Mapped[str | None]
    length: Mapped[Small | None]
    formed: Mapped[date | None]
    teacher_name: Mapped[str | None]
    monitor_name: Mapped[str | None]
    arts_science: Mapped[str | None]
    bilingual_mode: Mapped[str | None]
    honour: Mapped[str | None]
    closed: Mapped[date | None]
    version: Mapped[Version]


class ClassGrade(Base):
    """A grade taught in a class in a school year: one row for an ordinary class, several for a combined one."""

    __tablename__ = "class_grades"
    __trial__ = KEEP
    __table_args__ = (CheckConstraint("grade BETWEEN 1 AND 13", name="grade"),)

    class_id: Mapped[int] = mapped_column(ForeignKey("classes.id"), primary_key=True)
    school_year: Mapped[Small] = mapped_column(primary_key=True)
    grade: Mapped[Small] = mapped_column(primary_key=True)
