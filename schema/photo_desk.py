"""The photo desk: the school brings photos in, its leader reviews them."""

from typing import Annotated

import strawberry

from hub import photos
from hub.errors import HubError, Language
from hub.photos import Decision, Reviewed
from hub.terms import PhotoState
from schema.common import key_of
from schema.context import HubInfo, argument
from schema.photo import PhotoImport
from schema.query import by_id
from schema.write import KEY, desk, once, written


@strawberry.type
class PhotoQuery:
    """Reads of what was sent as photos."""

    @strawberry.field(description="An import of photos by id, with what became of each file (查照片导入批次).")
    async def photo_import(
        self,
        info: HubInfo,
        id: Annotated[strawberry.ID, argument("Opaque id (标识).")],  # noqa: A002 -- GraphQL's word
    ) -> PhotoImport | None:
        """An import of photos."""
        return await by_id(info, "PhotoImport", "photoImport", id)


@strawberry.input(description="An uploaded zip of photos, or one JPEG, and the school they are for (照片导入请求).")
class ImportPhotosInput:
    """What to import."""

    file_id: strawberry.ID = strawberry.field(description="The id that POST /files answered (文件标识).")
    school_code: str = strawberry.field(description="10-digit school code (学校标识码).")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="An uploaded zip of photos, or one JPEG, and the school they are for (照片提交请求).")
class StartPhotosInput(ImportPhotosInput):
    """What to queue."""


@strawberry.type(description="The import of photos, queued or done (照片导入结果).")
class ImportPhotosPayload:
    """The import of photos."""

    key: strawberry.Private[int]
    idempotency_key: strawberry.Private[str | None]

    @strawberry.field(description="The import with its report so far, read after the commit (照片导入批次).")
    async def photo_import(self, info: HubInfo) -> PhotoImport | None:
        """The import."""
        return await written(info, "PhotoImport", self.key, self.idempotency_key)


@strawberry.input(description="What a leader says of one photo (单张照片审核意见).")
class PhotoDecision:
    """A decision."""

    photo_id: strawberry.ID = strawberry.field(description="The photo (照片标识).")
    approve: bool = strawberry.field(description="Whether it becomes the pupil's photo (是否同意).")
    reason: str | None = strawberry.field(
        default=None, description="Why not; a refusal needs it, at most 200 characters (不同意原因)."
    )


@strawberry.input(description="Which photos to review: some one by one, the rest of a class at once (照片审核请求).")
class ReviewPhotosInput:
    """What to decide."""

    decisions: list[PhotoDecision] = strawberry.field(
        default_factory=list, description="At most 200 decisions (审核意见)."
    )
    class_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Approve all, at most 200, that wait in this class and were not uploaded by you (班级标识).",
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="Why one photo of several was not reviewed (未审核原因).")
class ReviewRefusal:
    """A refusal."""

    code: str = strawberry.field(description="Class of error (错误代码).")
    key: str = strawberry.field(description="Which error (错误名称).")
    field: str | None = strawberry.field(description="The input field at fault (出错字段).")
    message: str = strawberry.field(description="What is wrong (错误说明).")
    remedy: str = strawberry.field(description="What to do about it (处理建议).")


@strawberry.type(description="What became of one photo (单张照片审核结果).")
class ReviewedPhoto:
    """The outcome of one decision."""

    photo_id: strawberry.ID = strawberry.field(description="The photo (照片标识).")
    state: PhotoState | None = strawberry.field(description="How it now stands, if it was reviewed (状态).")
    error: ReviewRefusal | None = strawberry.field(description="Why it was not (未审核原因).")


@strawberry.type(description="What became of each photo (照片审核结果).")
class ReviewPhotosPayload:
    """The outcomes: of the decisions in their order, then of the class."""

    results: list[ReviewedPhoto] = strawberry.field(description="One for each photo (各项结果).")


@strawberry.type
class PhotoMutation:
    """Writes of photos."""

    @strawberry.mutation(
        description="Queue photos for a school, matched to pupils by file name; they wait for its leader (提交照片)."
    )
    async def start_photos(
        self,
        info: HubInfo,
        input: Annotated[StartPhotosInput, argument("Which file, which school (文件与学校).")],  # noqa: A002 -- GraphQL's word
    ) -> ImportPhotosPayload:
        """Queue photos."""
        request, file_id = once("startPhotos", input), key_of("file", input.file_id)
        found = await photos.start(*desk(info), request, file_id=file_id, school_code=input.school_code)
        return ImportPhotosPayload(key=found, idempotency_key=input.idempotency_key)

    @strawberry.mutation(
        description="Bring photos into a school as startPhotos does, and wait half a minute for that (导入照片)."
    )
    async def import_photos(
        self,
        info: HubInfo,
        input: Annotated[ImportPhotosInput, argument("Which file, which school (文件与学校).")],  # noqa: A002 -- GraphQL's word
    ) -> ImportPhotosPayload:
        """Import photos."""
        database, policy, caller = desk(info)
        found = await photos.bring(
            database,
            policy,
            info.context.files,
            caller,
            once("importPhotos", input),
            file_id=key_of("file", input.file_id),
            school_code=input.school_code,
        )
        return ImportPhotosPayload(key=found, idempotency_key=input.idempotency_key)

    @strawberry.mutation(
        description="Approve or refuse photos that wait, each for itself: one refused hinders no other (审核照片)."
    )
    async def review_photos(
        self,
        info: HubInfo,
        input: Annotated[ReviewPhotosInput, argument("Which photos, how (审核意见).")],  # noqa: A002 -- GraphQL's word
    ) -> ReviewPhotosPayload:
        """Review photos."""
        database, policy, caller = desk(info)
        decisions = [Decision(key_of("photo", one.photo_id), one.approve, one.reason) for one in input.decisions]
        class_id = None if input.class_id is None else key_of("class", input.class_id)
        request = once("reviewPhotos", input)
        reviewed = await photos.review(
            database, policy, info.context.files, caller, request, decisions, class_id=class_id
        )
        return ReviewPhotosPayload(results=[_told(one, info.context.language) for one in reviewed])


def _told(one: Reviewed, language: Language) -> ReviewedPhoto:
    photo = strawberry.ID(f"photo:{one.photo_id}")
    if not isinstance(one.outcome, HubError):
        return ReviewedPhoto(photo_id=photo, state=one.outcome, error=None)
    refusal = ReviewRefusal(
        code=one.outcome.code,
        key=one.outcome.key,
        field=one.outcome.field,
        message=one.outcome.text(language),
        remedy=one.outcome.remedy(language),
    )
    return ReviewedPhoto(photo_id=photo, state=None, error=refusal)
