"""Accounts: who may sign in, what they were granted, and for how long."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hub import paths
from hub.models.base import KEEP, Base, Key, Moment, Ordered, Version, lasting, one_of, shaped, wipe
from hub.terms import LeaseView


class Account(Base):
    """A person, or a machine, that may sign in (账号)."""

    __tablename__ = "accounts"
    __trial__ = KEEP
    __table_args__ = (UniqueConstraint("username"),)

    id: Mapped[Key]
    username: Mapped[Ordered]
    name: Mapped[str]
    phone: Mapped[str | None]
    password_hash: Mapped[str | None]
    password_changed_at: Mapped[datetime | None]
    must_change_password: Mapped[bool] = mapped_column(server_default=text("false"))
    failed_attempts: Mapped[int] = mapped_column(server_default="0")
    locked_until: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[Moment]
    version: Mapped[Version]


class Spending(Base):
    """When what an account's reads have cost will be paid off, see `hub/spending.py`."""

    __tablename__ = "spendings"
    __trial__ = KEEP
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True, autoincrement=False)
    until: Mapped[datetime]


class Grant(Base):
    """A role held over a place, a school or a class, for a period (授权). `path` is the root; exactly one of the three
    keys says what stands there.
    """

    __tablename__ = "grants"
    __trial__ = KEEP
    __table_args__ = (
        lasting(),
        shaped("path", paths.PATTERN),
        CheckConstraint("num_nonnulls(place_id, school_id, class_id) = 1", name="one_root"),
        Index("ix_grants_account_id", "account_id"),
        Index("ix_grants_place_id", "place_id"),
        Index("ix_grants_school_id", "school_id"),
        Index("ix_grants_class_id", "class_id"),
    )

    id: Mapped[Key]
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    role: Mapped[str]
    place_id: Mapped[int | None] = mapped_column(ForeignKey("places.id"))
    school_id: Mapped[int | None] = mapped_column(ForeignKey("schools.id"))
    class_id: Mapped[int | None] = mapped_column(ForeignKey("classes.id"))
    path: Mapped[Ordered]
    since: Mapped[Moment]
    until: Mapped[datetime | None]
    granted_by: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))


class Session(Base):
    """A sign-in (会话). Only the token's SHA-256 is kept: the database never holds a usable token."""

    __tablename__ = "sessions"
    __trial__ = KEEP
    __table_args__ = (UniqueConstraint("token_hash"), Index("ix_sessions_account_id", "account_id"))

    id: Mapped[Key]
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[Moment]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Lease(Base):
    """One pupil opened to one account or one office for a time: a case taken for review, a receiver's preview,
    a sender's dated tail, break-glass. Leased rows are reached by id or through their case, never in lists or counts.
    """

    __tablename__ = "leases"
    __trial__ = wipe("临时授权", "leases")
    __table_args__ = (
        lasting(),
        one_of("view", LeaseView),
        CheckConstraint("num_nonnulls(account_id, office) = 1", name="one_holder"),
        Index("ix_leases_student_id", "student_id"),
        Index("ix_leases_account_id", "account_id"),
        Index("ix_leases_office", "office"),
    )

    id: Mapped[Key]
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    office: Mapped[Ordered | None]
    view: Mapped[str]
    reason: Mapped[str]
    since: Mapped[Moment]
    until: Mapped[datetime]


class PolicyVersion(Base):
    """A policy that was approved; the one in force is the newest (策略版本)."""

    __tablename__ = "policy_versions"
    __trial__ = KEEP
    __table_args__ = (UniqueConstraint("sha256"),)

    id: Mapped[Key]
    text: Mapped[str]
    sha256: Mapped[str]
    note: Mapped[str]
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    approved_at: Mapped[Moment]
