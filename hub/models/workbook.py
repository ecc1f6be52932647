"""Imports of workbooks, and the rows they propose."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, JSON, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE, JSONB, TIMESTAMP, Range
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import Base, Key, Moment, Ordered, Small, one_of, path_shaped, wipe
from hub.terms import ImportMode, ImportState, RowVerdict, Undoing

OPEN = "state IN ('QUEUED', 'READING', 'HELD', 'APPLYING')"
"""Where an import still has to go on: of one school and one file there is at most one."""


class Import(Base):
    """One workbook on its way into the register (导入): a job, and what became of its rows.

    `account_id` asked for it. It acts for `acting_id` under `role`, whose grant is looked up again whenever it writes:
    for who asked for it, or for its being undone. `queue` is the county (or
    city) whose jobs it waits among, `weight` its rows as far as known, `whole` whether the workbook says it lists all
    pupils of its classes. A process that works on it holds `claim` and tells so by `heartbeat_at`; a claim whose heart
    has stopped is taken over. `applied` are the Excel rows that are in the register, a range for each transaction.
    `folded` counts findings that are too many to be listed. The counts are of verdicts: what applying did, or would do.
    """

    __tablename__ = "imports"
    __trial__ = wipe("导入批次", "imports")
    __table_args__ = (
        path_shaped(),
        one_of("state", ImportState),
        one_of("mode", ImportMode),
        Index("ix_imports_path", "path", "id"),
        Index("ix_imports_school_id", "school_id"),
        Index("ix_imports_file_id", "file_id"),
        Index("ix_imports_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
        Index("uq_imports_open", "school_id", "sha256", "mode", unique=True, postgresql_where=text(OPEN)),
        Index(
            "ix_imports_waiting",
            "queue",
            "id",
            postgresql_where=text("state IN ('QUEUED', 'READING', 'APPLYING', 'UNDOING')"),
        ),
    )

    id: Mapped[Key]
    file_id: Mapped[int] = mapped_column(ForeignKey("files.id"))
    school_id: Mapped[int] = mapped_column(ForeignKey("schools.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    acting_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    role: Mapped[str] = mapped_column(server_default="school_administrator")
    path: Mapped[Ordered]
    queue: Mapped[Ordered]
    sha256: Mapped[str]
    mode: Mapped[str] = mapped_column(server_default=ImportMode.SOUND_ROWS)
    whole: Mapped[bool] = mapped_column(server_default=text("false"))
    state: Mapped[str]
    weight: Mapped[int]
    total: Mapped[int] = mapped_column(server_default="0")
    read: Mapped[int] = mapped_column(server_default="0")
    created: Mapped[int] = mapped_column(server_default="0")
    updated: Mapped[int] = mapped_column(server_default="0")
    unchanged: Mapped[int] = mapped_column(server_default="0")
    rejected: Mapped[int] = mapped_column(server_default="0")
    missing: Mapped[int] = mapped_column(server_default="0")
    duplicates: Mapped[int] = mapped_column(server_default="0")
    written: Mapped[int] = mapped_column(server_default="0")
    kept: Mapped[int] = mapped_column(server_default="0")
    applied: Mapped[list[Range[int]]] = mapped_column(INT4MULTIRANGE, server_default=text("'{}'"))
    held_for: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    folded: Mapped[list[Any]] = mapped_column(JSON, server_default=text("'[]'"))
    confirmed_by: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    undone_by: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    claim: Mapped[str | None]
    attempts: Mapped[Small] = mapped_column(server_default="0")
    heartbeat_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    started_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    created_at: Mapped[Moment]


class ImportRow(Base):
    """A row of a workbook as a proposal (导入行): what it says, what is wrong with it, what applying it would do.

    `number` is Excel's; pupils on record whom a whole workbook leaves out have negative ones. `pupil` are the pupil's
    attributes by name of column, `family` the members; neither is kept of a row that is refused. `student_id` is the
    pupil it means, or the id its new pupil will have; `student_version` and `before` are what the register said of a
    pupil to update: its version, and the values that the row replaces.
    """

    __tablename__ = "import_rows"
    __trial__ = wipe("导入行", "rows of imports")
    __table_args__ = (
        one_of("verdict", RowVerdict),
        one_of("undone", Undoing),
        Index("ix_import_rows_verdict", "import_id", "verdict", "number"),
    )

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    verdict: Mapped[str]
    name: Mapped[str | None]
    class_number: Mapped[str | None]
    pupil: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    family: Mapped[list[Any] | None] = mapped_column(JSON)
    faults: Mapped[list[Any]] = mapped_column(JSON, server_default=text("'[]'"))
    warnings: Mapped[list[Any]] = mapped_column(JSON, server_default=text("'[]'"))
    mended: Mapped[list[Any]] = mapped_column(JSON, server_default=text("'[]'"))
    changes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    student_id: Mapped[int | None]
    student_version: Mapped[int | None]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    undone: Mapped[str | None]
    later: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
