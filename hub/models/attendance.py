"""Attendance: a class's morning as its teacher marked it."""

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import Base, Key, Moment, Ordered, Small, Version, one_of, path_shaped, wipe
from hub.terms import AbsenceKind


class ClassDay(Base):
    """A class on a day (班级日考勤), with the path of that day, never rewritten: how many should be there, how many
    were absent, late or on leave; the others were present.
    """

    __tablename__ = "class_days"
    __trial__ = wipe("班级日考勤", "class days")
    __table_args__ = (
        path_shaped(),
        CheckConstraint("absent + late + on_leave <= expected", name="expected"),
        UniqueConstraint("class_id", "day"),
        Index("ix_class_days_path", "path", "day"),
        Index("ix_class_days_day", "day", "path"),
    )

    id: Mapped[Key]
    class_id: Mapped[int] = mapped_column(ForeignKey("classes.id"))
    day: Mapped[date]
    path: Mapped[Ordered]
    grade: Mapped[Small]
    expected: Mapped[Small]
    absent: Mapped[Small]
    late: Mapped[Small]
    on_leave: Mapped[Small]
    marked_by: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    marked_at: Mapped[Moment]
    version: Mapped[Version]


class Absence(Base):
    """A pupil who was not simply present on a day (缺勤、迟到、请假): seen from the class of that day, and wherever the
    pupil is seen.
    """

    __tablename__ = "absences"
    __trial__ = wipe("缺勤记录", "absences")
    __table_args__ = (
        one_of("kind", AbsenceKind),
        path_shaped(),
        Index("ix_absences_student_id", "student_id", "day"),
    )

    class_day_id: Mapped[int] = mapped_column(ForeignKey("class_days.id"), primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"), primary_key=True)
    day: Mapped[date]
    path: Mapped[Ordered]
    kind: Mapped[str]
    note: Mapped[str | None]
