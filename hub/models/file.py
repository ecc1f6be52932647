"""Uploaded files."""

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import Base, Key, Moment, wipe


class File(Base):
    """A file somebody uploaded (文件); its bytes are in the file store under `key`."""

    __tablename__ = "files"
    __trial__ = wipe("文件", "files")
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
    __trial__ = wipe("待清除文件", "bytes to be removed")
    __table_args__ = (Index("ix_discards_at", "at"),)

    key: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    at: Mapped[Moment]
