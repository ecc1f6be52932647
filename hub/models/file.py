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
