"""Cases: what needs somebody else's approval, its pupils, its steps, what was decided."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import KEEP, Base, Key, Moment, Ordered, Since, Small, Version, lasting, one_of, path_shaped, wipe
from hub.terms import CaseKind, CaseState, RefusalReason, Side, Slot, StepState, Verdict


class Chain(Base):
    """The steps of a kind of case while a rule is in force (办理流程): a new Measure is a new row, not new code."""

    __tablename__ = "chains"
    __trial__ = KEEP
    __table_args__ = (one_of("kind", CaseKind), lasting(), UniqueConstraint("kind", "since"))

    id: Mapped[Key]
    kind: Mapped[str]
    source: Mapped[str]
    since: Mapped[Since]
    until: Mapped[date | None]
    evidence: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether a case may only be started with at least one file."""


class ChainStep(Base):
    """A step of a chain: who decides, within how many working days."""

    __tablename__ = "chain_steps"
    __trial__ = KEEP
    __table_args__ = (one_of("side", Side), CheckConstraint("days > 0", name="days"))

    chain_id: Mapped[int] = mapped_column(ForeignKey("chains.id"), primary_key=True)
    ordinal: Mapped[Small] = mapped_column(primary_key=True)
    side: Mapped[str]
    days: Mapped[Small]


class Case(Base):
    """A piece of business (业务): who asked, for what, whose turn it is.

    `path` is the school that asked, `other_path` the school on the other side, if there is one: both and everybody
    above them see the case. `waiting_path` is the office whose turn it is. `details` hold what the kind needs; what
    they say of a pupil is only what the asking side typed itself.
    """

    __tablename__ = "cases"
    __trial__ = wipe("业务", "cases")
    __table_args__ = (
        path_shaped(),
        one_of("kind", CaseKind),
        one_of("state", CaseState),
        CheckConstraint("(state = 'OPEN') = (waiting_path IS NOT NULL)", name="waiting"),
        CheckConstraint("(state = 'OPEN') = (closed_at IS NULL)", name="closed"),
        Index("ix_cases_path", "path", "id"),
        Index("ix_cases_other_path", "other_path", "id"),
        Index("ix_cases_waiting_path", "waiting_path", "due", postgresql_where=text("waiting_path IS NOT NULL")),
    )

    id: Mapped[Key]
    kind: Mapped[str]
    chain_id: Mapped[int] = mapped_column(ForeignKey("chains.id"))
    state: Mapped[str] = mapped_column(server_default=CaseState.OPEN)
    path: Mapped[Ordered]
    other_path: Mapped[Ordered | None]
    waiting_path: Mapped[Ordered | None]
    due: Mapped[date | None]
    opened_by: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    opened_at: Mapped[Moment]
    closed_at: Mapped[datetime | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    version: Mapped[Version]


class CaseSubject(Base):
    """A pupil a case is about. At most one open case per pupil and slot."""

    __tablename__ = "case_subjects"
    __trial__ = wipe("业务涉及学生", "pupils of cases")
    __table_args__ = (
        one_of("slot", Slot),
        Index(
            "uq_case_subjects_open",
            "student_id",
            "slot",
            unique=True,
            postgresql_where=text("open AND slot <> 'WATCH'"),
        ),
        Index("ix_case_subjects_student_id", "student_id"),
    )

    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"), primary_key=True)
    slot: Mapped[str]
    open: Mapped[bool] = mapped_column(server_default=text("true"))


class CaseStep(Base):
    """A step of a case: which office, by when, how it was decided."""

    __tablename__ = "case_steps"
    __trial__ = wipe("业务步骤", "steps of cases")
    __table_args__ = (
        one_of("side", Side),
        one_of("state", StepState),
        CheckConstraint("(state IN ('APPROVED', 'REFUSED')) = (decided_at IS NOT NULL)", name="decided"),
    )

    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    ordinal: Mapped[Small] = mapped_column(primary_key=True)
    side: Mapped[str]
    office: Mapped[Ordered]
    state: Mapped[str]
    due: Mapped[date | None]
    decided_at: Mapped[datetime | None]


class CaseDecision(Base):
    """What somebody did to a case, in order; never changed. Nobody decides twice, nor what they asked for."""

    __tablename__ = "case_decisions"
    __trial__ = wipe("办理意见", "decisions of cases")
    __table_args__ = (
        one_of("verdict", Verdict),
        one_of("reason", RefusalReason),
        CheckConstraint("(verdict = 'REFUSE') = (reason IS NOT NULL)", name="reasoned"),
        Index("ix_case_decisions_case_id", "case_id", "id"),
        Index(
            "uq_case_decisions_person",
            "case_id",
            "account_id",
            unique=True,
            postgresql_where=text("verdict <> 'WITHDRAW'"),
        ),
    )

    id: Mapped[Key]
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    ordinal: Mapped[Small]
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    role: Mapped[str]
    verdict: Mapped[str]
    reason: Mapped[str | None]
    note: Mapped[str | None]
    at: Mapped[Moment]


class CaseFile(Base):
    """A file that proves something in a case (佐证材料)."""

    __tablename__ = "case_files"
    __trial__ = wipe("佐证材料", "evidence of cases")

    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("files.id"), primary_key=True)
