"""The cube of counts: cells kept ahead at every level, and what has happened since they were last brought up."""

from sqlalchemy import Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import Base, Key, Ordered, Small, one_of, wipe
from hub.terms import CountAxis


class _Measures:
    """What is counted: students, and how many of them are so."""

    students: Mapped[int] = mapped_column(Integer)
    boarding: Mapped[int] = mapped_column(Integer)
    migrant: Mapped[int] = mapped_column(Integer)
    left_behind: Mapped[int] = mapped_column(Integer)
    without_id: Mapped[int] = mapped_column(Integer)
    photo_missing: Mapped[int] = mapped_column(Integer)
    open_problems: Mapped[int] = mapped_column(Integer)


class CountCell(_Measures, Base):
    """A cell of the cube (统计立方体): the students of a place who share school year, grade, sex and state.

    By management there is a cell at the province, the city, the county and the school of a pupil's path; by territory
    at those of the county that the school stands in. Written by `fold_counts` alone; one without students is gone.
    """

    __tablename__ = "count_cells"
    __trial__ = wipe("统计单元", "cells of counts")
    __table_args__ = (one_of("axis", CountAxis),)

    axis: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[Ordered] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(primary_key=True)
    school_year: Mapped[Small] = mapped_column(primary_key=True)
    grade: Mapped[Small] = mapped_column(primary_key=True)
    sex: Mapped[str] = mapped_column(primary_key=True)


class CountTotal(_Measures, Base):
    """What the cells of a place and a state add up to (统计合计): all that a count wants which tells nothing apart.

    Kept by triggers of the cells alone.
    """

    __tablename__ = "count_totals"
    __trial__ = wipe("统计合计", "totals of counts")
    __table_args__ = (one_of("axis", CountAxis),)

    path: Mapped[Ordered] = mapped_column(primary_key=True)
    axis: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(primary_key=True)


class CountDelta(_Measures, Base):
    """What a statement changed of the counts of a school, signed; appended by triggers, taken up by `fold_counts`.

    `path` is the school's as its pupils' paths say it, `territory` the county's it stands in.
    """

    __tablename__ = "count_deltas"
    __trial__ = wipe("统计变动", "changes of counts")
    __table_args__ = (Index("ix_count_deltas_path", "path"), Index("ix_count_deltas_territory", "territory"))

    id: Mapped[Key]
    path: Mapped[Ordered]
    territory: Mapped[Ordered]
    state: Mapped[str]
    school_year: Mapped[Small]
    grade: Mapped[Small]
    sex: Mapped[str]


class ProblemDelta(Base):
    """Problem records of a pupil opened or closed and not counted yet. Of which grade and place they are is asked
    of the pupil's row when they are read, for only whoever holds that row knows.
    """

    __tablename__ = "problem_deltas"
    __trial__ = wipe("问题学籍变动", "changes of problem counts")
    __table_args__ = (Index("ix_problem_deltas_student_id", "student_id"),)

    id: Mapped[Key]
    student_id: Mapped[int]
    open: Mapped[int] = mapped_column(Integer)


class ProblemTally(Base):
    """How many open problem records of a pupil the cube counts: they move with the pupil."""

    __tablename__ = "problem_tallies"
    __trial__ = wipe("问题学籍计数", "tallies of problem records")

    student_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    open: Mapped[int] = mapped_column(Integer)
