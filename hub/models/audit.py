"""What happened: the audit, the values it saw, and the outbox that tells others."""

from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from hub.models.base import KEEP, Base, Key, Moment, Ordered, one_of, wipe
from hub.terms import Outcome


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in DDL."""
        return "xid8"


class Audit(Base):
    """One accepted action or refusal (审计): facts and a hash of the values, never the values themselves."""

    __tablename__ = "audit"
    __trial__ = KEEP
    __table_args__ = (
        one_of("outcome", Outcome),
        Index("ix_audit_at", "at"),
        Index("ix_audit_path", "path", "at"),
        Index("ix_audit_object", "object", "id"),
        Index("ix_audit_refused", "account_id", "at", postgresql_where=text("outcome = 'REFUSED'")),
    )

    id: Mapped[Key]
    at: Mapped[Moment]
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    role: Mapped[str | None]
    action: Mapped[str]
    object: Mapped[str | None]
    path: Mapped[Ordered | None]
    outcome: Mapped[str]
    code: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    values_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    request: Mapped[str | None]


class Request(Base):
    """A write that carried an idempotency key: whose, of what, and the ids it answered, never what it said."""

    __tablename__ = "requests"
    __trial__ = wipe("幂等请求", "idempotency keys")

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    operation: Mapped[str]
    payload_hash: Mapped[bytes] = mapped_column(LargeBinary)
    answer: Mapped[list[Any] | None] = mapped_column(JSONB)
    at: Mapped[Moment]


class AuditValue(Base):
    """The values an audited action saw, before and after; erasable without breaking the audit."""

    __tablename__ = "audit_values"
    __trial__ = wipe("审计数值", "audited values")

    audit_id: Mapped[int] = mapped_column(ForeignKey("audit.id"), primary_key=True)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class Outbox(Base):
    """An event for those who follow the register. Readers take rows below `pg_snapshot_xmin`, so none is skipped."""

    __tablename__ = "outbox"
    __trial__ = wipe("事件", "events")
    __table_args__ = (Index("ix_outbox_xid", "xid", "id"),)

    id: Mapped[Key]
    xid: Mapped[int] = mapped_column(Xid8, server_default=text("pg_current_xact_id()"))
    at: Mapped[Moment]
    kind: Mapped[str]
    object: Mapped[str | None]
    path: Mapped[Ordered | None]
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
