"""Uploaded files, and the imports that read them."""

from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import Base, Key, Moment, Ordered, one_of, path_shaped
from hub.terms import ImportState


class File(Base):
    """A file somebody uploaded (文件); its bytes are in the file store under `key`."""

    __tablename__ = "files"
    __table_args__ = (Index("ix_files_account_id", "account_id", "created_at"),)

    id: Mapped[Key]
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    key: Mapped[str]
    created_at: Mapped[Moment]


class Discard(Base):
    """Bytes of the file store that nobody needs, or that nobody needs yet: removed unless their key is taken back.

    A key is written here before its bytes are stored and taken back with the row that names it, so that no crash leaves
    bytes which nothing names.
    """

    __tablename__ = "discards"
    __table_args__ = (Index("ix_discards_at", "at"),)

    key: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    at: Mapped[Moment]


class Import(Base):
    """One workbook read into the register (导入): what became of its rows."""

    __tablename__ = "imports"
    __table_args__ = (
        path_shaped(),
        one_of("state", ImportState),
        Index("ix_imports_path", "path", "id"),
        Index("ix_imports_school_id", "school_id"),
        Index("ix_imports_file_id", "file_id"),
    )

    id: Mapped[Key]
    file_id: Mapped[int] = mapped_column(ForeignKey("files.id"))
    school_id: Mapped[int] = mapped_column(ForeignKey("schools.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    path: Mapped[Ordered]
    state: Mapped[str]
    total: Mapped[int]
    created: Mapped[int]
    updated: Mapped[int]
    unchanged: Mapped[int]
    rejected: Mapped[int]
    faults: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    created_at: Mapped[Moment]
