"""Photos of pupils, the archives they came in, and what became of each file in those."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from sqlalchemy import ColumnElement, FromClause, func, literal_column, select

from hub import models
from hub.terms import EnrolmentState, PhotoImportState, PhotoOutcome, PhotoState
from loaders import photo_links
from loaders.declare import Kind, Sort, column, graph, loaded, up
from schema.common import Connection, Node, connection, typed_id

if TYPE_CHECKING:
    from schema.school import School
    from schema.student import Student

LazySchool = Annotated["School", strawberry.lazy("schema.school")]
LazyStudent = Annotated["Student", strawberry.lazy("schema.student")]

P = models.Photo
I = models.PhotoImport  # noqa: E741 -- the table of this file
E = models.PhotoEntry


@strawberry.type(description="Where a photo can be fetched for a short time, by this session only (照片下载链接).")
class PhotoLink:
    """A signed link."""

    url: str = strawberry.field(description="Address on this hub; GET it with the same Authorization (链接地址).")
    expires_at: datetime = strawberry.field(description="Until when it leads anywhere (失效时间).")


@graph(
    models.Photo,
    "photo",
    owner=P.student_id,
    sorts={"UPLOADED_AT": Sort("uploaded_at", "When it was uploaded (上传时间).")},
)
@strawberry.type(description="A photo of a pupil (学生照片).")
class Photo(Node):
    """A photo."""

    id: strawberry.ID = column(typed_id("photo"), "Opaque id (标识).")
    state: PhotoState | None = column(P.state, "How far it has come (状态).")
    student: LazyStudent | None = up(P.student_id, "The pupil (学生).")
    width: int | None = column(P.width, "Width in pixels (宽).")
    height: int | None = column(P.height, "Height in pixels (高).")
    size: int | None = column(P.size, "Bytes (文件大小).")
    uploaded_at: datetime | None = column(P.uploaded_at, "When it was uploaded (上传时间).")
    reviewed_at: datetime | None = column(P.reviewed_at, "When it was reviewed (审核时间).")
    reason: str | None = column(P.reason, "Why it was refused (不同意原因).")
    link: PhotoLink | None = loaded(
        photo_links.NAME,
        P.file_id,
        "Where its bytes can be fetched; null once they are gone (照片链接).",
        most=1,
        noun="photo",
    )


@graph(
    models.PhotoEntry,
    "photo",
    key=("import_id", "ordinal"),
    order=("import_id", "ordinal"),
    sorts={"NUMBER": Sort("ordinal", "In the order of the archive (序号).")},
)
@strawberry.type(description="What became of one file of an archive of photos (照片文件处理结果).")
class PhotoEntry:
    """A line of the report."""

    number: int = column(E.ordinal, "Its place in the archive, from 0 (序号).")
    name: str | None = column(E.name, "Its name with folders (文件名).")
    outcome: PhotoOutcome | None = column(E.outcome, "What became of it (处理结果).")
    student: LazyStudent | None = up(E.student_id, "Whose photo it is, if anybody's (学生).")
    code: str | None = column(E.code, "Stable code of what is wrong (错误代码).")
    message: str | None = column(E.message, "What is wrong, in Chinese (错误说明).")
    remedy: str | None = column(E.remedy, "What to do about it, in Chinese (处理建议).")
    message_en: str | None = column(E.message_en, "What is wrong, in English (错误说明，英文).")
    remedy_en: str | None = column(E.remedy_en, "What to do about it, in English (处理建议，英文).")


@graph(
    models.PhotoImport,
    "photo",
    sorts={"CREATED_AT": Sort("created_at", "When it was sent (导入时间).")},
)
@strawberry.type(description="An archive of photos brought into a school (照片导入批次).")
class PhotoImport(Node):
    """An import of photos."""

    id: strawberry.ID = column(typed_id("photoImport"), "Opaque id (标识).")
    school: LazySchool | None = up(I.school_id, "The school (学校).")
    state: PhotoImportState | None = column(I.state, "How far it has come (状态).")
    total: int | None = column(I.total, "Files in the archive, folders not counted (文件总数).")
    taken: int | None = column(I.taken, "Photos that wait for approval now (已接收).")
    unchanged: int | None = column(I.unchanged, "Photos that the pupils have already (未变).")
    refused: int | None = column(I.refused, "Files not taken, each with its reason (未通过).")
    ignored: int | None = column(I.ignored, "Files that are no photos (已忽略).")
    position: int | None = column(
        lambda row: func.photo_place(row.c.id),
        "Its place in the queue; 0 while it is worked on, null at its end (排队位置).",
    )
    wait_seconds: int | None = column(
        lambda row: func.photo_wait(row.c.id), "Seconds until it will be done, by the pace of late (预计等待秒数)."
    )
    code: str | None = column(I.code, "Stable code of why it failed (错误代码).")
    message: str | None = column(I.message, "Why it failed, in Chinese (失败原因).")
    remedy: str | None = column(I.remedy, "What to do about it, in Chinese (处理建议).")
    message_en: str | None = column(I.message_en, "Why it failed, in English (失败原因，英文).")
    remedy_en: str | None = column(I.remedy_en, "What to do about it, in English (处理建议，英文).")
    heartbeat_at: datetime | None = column(I.heartbeat_at, "When its worker last showed that it lives (最近心跳).")
    created_at: datetime | None = column(I.created_at, "When it was asked for (提交时间).")
    ended_at: datetime | None = column(I.ended_at, "When it came to its end (结束时间).")
    entries: Connection[PhotoEntry] | None = connection(
        "PhotoEntry",
        Kind.CHILD,
        lambda batch, entry: entry.c.import_id == batch.c.id,
        "What became of each file, in the order of the archive (逐个文件的处理结果).",
        order=("ordinal",),
    )


def photos_field(of: str) -> Any:
    """The photos of the pupils whose key of this name is the row's."""
    return connection(
        "Photo",
        Kind.CHILD,
        lambda place, photo: photo.c.student_id.in_(_pupils(of, place)),
        "Photos of its pupils, earliest first (学生照片).",
    )


def missing_photos_field(of: str) -> Any:
    """The pupils in school, of those whose key of this name is the row's, who lack a photo."""
    return connection(
        "Student",
        Kind.CHILD,
        lambda place, student: (student.c[of] == place.c.id) & _lacking(student),
        "Pupils in school without a photo that is approved or waits for approval, by name (缺照片的学生).",
        order=("name_key", "id"),
    )


def _pupils(of: str, place: FromClause) -> Any:
    pupils = models.Student.__table__.alias()
    return select(pupils.c.id).where(pupils.c[of] == place.c.id).correlate(place)


def _lacking(student: FromClause) -> ColumnElement[bool]:
    photos = P.__table__.alias()
    counting: list[Any] = [literal_column(f"'{state}'") for state in (PhotoState.PENDING, PhotoState.APPROVED)]
    found: Any = select(literal_column("1")).where(photos.c.student_id == student.c.id, photos.c.state.in_(counting))
    in_school = student.c.state == literal_column(f"'{EnrolmentState.IN_SCHOOL}'")
    return in_school & ~found.correlate(student).exists()
