"""Problem records: what the register finds wrong with a pupil's identity."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import Base, Key, Moment, Ordered, Version, one_of, path_shaped, wipe
from hub.terms import ProblemKind, ProblemState, Resolution


class ProblemRecord(Base):
    """A problem record (问题学籍) of one pupil and kind; raised and closed by `detect_problems` alone.

    `cause` is a hash of what is wrong: pupils with the same identity number, or the same name, sex and birth date,
    share it. A record closed by evidence is not raised again while its cause is the same. `path` is the pupil's.
    """

    __tablename__ = "problem_records"
    __trial__ = wipe("问题学籍", "problem records")
    __table_args__ = (
        path_shaped(),
        one_of("kind", ProblemKind),
        one_of("state", ProblemState),
        one_of("resolution", Resolution),
        CheckConstraint("(state = 'CLOSED') = (closed_at IS NOT NULL AND resolution IS NOT NULL)", name="closed"),
        Index("uq_problem_records_open", "student_id", "kind", unique=True, postgresql_where=text("state = 'OPEN'")),
        Index("ix_problem_records_path", "path", "id"),
        Index("ix_problem_records_found_at", "found_at", "id"),
        Index("ix_problem_records_city", "state", text("left(path, 4)"), "found_at", "id"),
        Index("ix_problem_records_county", "state", text("left(path, 6)"), "found_at", "id"),
        Index("ix_problem_records_cause", "cause"),
        Index("ix_problem_records_student_id", "student_id"),
    )

    id: Mapped[Key]
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"))
    kind: Mapped[str]
    path: Mapped[Ordered]
    state: Mapped[str] = mapped_column(server_default=ProblemState.OPEN)
    resolution: Mapped[str | None]
    cause: Mapped[bytes] = mapped_column(LargeBinary)
    found_at: Mapped[Moment]
    closed_at: Mapped[datetime | None]
    version: Mapped[Version]
