"""Photos of pupils, the archives they came in, and what became of each file in those."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import Base, Key, Moment, Ordered, Small, one_of, path_shaped, wipe
from hub.terms import PhotoImportState, PhotoOutcome, PhotoState


class PhotoImport(Base):
    """An archive of photos brought into a school (照片导入): a job like an `Import`, and what became of its files.

    `weight` are its files: an estimate until the archive was opened. The texts tell why it failed, if it did.
    """

    __tablename__ = "photo_imports"
    __trial__ = wipe("照片批次", "photo imports")
    __table_args__ = (
        path_shaped(),
        one_of("state", PhotoImportState),
        Index("ix_photo_imports_path", "path", "id"),
        Index("ix_photo_imports_school_id", "school_id"),
        Index("ix_photo_imports_file_id", "file_id"),
        Index("ix_photo_imports_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
        Index("ix_photo_imports_waiting", "queue", "id", postgresql_where=text("state IN ('QUEUED', 'RUNNING')")),
    )

    id: Mapped[Key]
    file_id: Mapped[int] = mapped_column(ForeignKey("files.id"))
    school_id: Mapped[int] = mapped_column(ForeignKey("schools.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    role: Mapped[str] = mapped_column(server_default="school_administrator")
    path: Mapped[Ordered]
    queue: Mapped[Ordered]
    state: Mapped[str] = mapped_column(server_default=PhotoImportState.QUEUED)
    weight: Mapped[int]
    total: Mapped[int] = mapped_column(server_default="0")
    taken: Mapped[int] = mapped_column(server_default="0")
    unchanged: Mapped[int] = mapped_column(server_default="0")
    refused: Mapped[int] = mapped_column(server_default="0")
    ignored: Mapped[int] = mapped_column(server_default="0")
    code: Mapped[str | None]
    message: Mapped[str | None]
    remedy: Mapped[str | None]
    message_en: Mapped[str | None]
    remedy_en: Mapped[str | None]
    claim: Mapped[str | None]
    attempts: Mapped[Small] = mapped_column(server_default="0")
    heartbeat_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    created_at: Mapped[Moment]


class Photo(Base):
    """A photo of a pupil (学生照片). It is seen by whoever sees the pupil, and waits until a leader approves it.

    `file_id` is what is kept of it, nothing once it is refused or replaced. `source_sha256` tells the picture as it was
    sent, so that the same one is known again.
    """

    __tablename__ = "photos"
    __trial__ = wipe("照片", "photos")
    __table_args__ = (
        one_of("state", PhotoState),
        CheckConstraint("file_id IS NOT NULL OR state IN ('REFUSED', 'REPLACED')", name="kept"),
        CheckConstraint("(state = 'REFUSED') = (reason IS NOT NULL)", name="reason"),
        Index("uq_photos_pending", "student_id", unique=True, postgresql_where=text("state = 'PENDING'")),
        Index("uq_photos_approved", "student_id", unique=True, postgresql_where=text("state = 'APPROVED'")),
        Index("ix_photos_student_id", "student_id", "id"),
        Index("ix_photos_file_id", "file_id"),
        Index("ix_photos_import_id", "import_id"),
    )

    id: Mapped[Key]
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"))
    import_id: Mapped[int] = mapped_column(ForeignKey("photo_imports.id"))
    state: Mapped[str] = mapped_column(server_default=PhotoState.PENDING)
    file_id: Mapped[int | None] = mapped_column(ForeignKey("files.id"))
    source_sha256: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    uploaded_by: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    uploaded_at: Mapped[Moment]
    reviewed_by: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    reviewed_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class PhotoEntry(Base):
    """What became of one file of an archive of photos (照片文件处理结果), as its uploader was told."""

    __tablename__ = "photo_entries"
    __trial__ = wipe("照片批次明细", "files of photo imports")
    __table_args__ = (
        path_shaped(),
        one_of("outcome", PhotoOutcome),
        Index("ix_photo_entries_student_id", "student_id"),
    )

    import_id: Mapped[int] = mapped_column(ForeignKey("photo_imports.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[Ordered]
    name: Mapped[str]
    outcome: Mapped[str]
    student_id: Mapped[int | None] = mapped_column(ForeignKey("students.id"))
    code: Mapped[str | None]
    message: Mapped[str | None]
    remedy: Mapped[str | None]
    message_en: Mapped[str | None]
    remedy_en: Mapped[str | None]
