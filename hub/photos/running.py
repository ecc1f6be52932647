"""Running: an archive of photos that was claimed is opened and seen to, by whichever process has claimed it."""

from typing import Any

from sqlalchemy import select

from hub import clock, gate
from hub.caller import Caller
from hub.darkroom import archive, picture
from hub.darkroom.room import Darkroom
from hub.db import Database
from hub.errors import Conflict, HubError, NotFound, Unavailable
from hub.files import Files
from hub.line import ATTEMPTS, Line, Lost
from hub.models import File, PhotoImport, School
from hub.photos import bringing, discards
from hub.photos.bringing import Desk, Progress, unseen
from hub.terms import PhotoImportState
from policies import Policy

LINE = Line("photo_imports", "photo_order", ("QUEUED", "RUNNING"), "account_id")
STEPS = (PhotoImportState.QUEUED, PhotoImportState.RUNNING)


async def run(
    database: Database,
    policy: Policy,
    files: Files,
    caller: Caller,
    import_id: int,
    claim: str,
    progress: Progress = unseen,
) -> None:
    """Work on a claimed archive until every file has been seen to.

    It may be cut off anywhere, and goes on where it was when it is claimed again. Raises the HubError that ended it:
    BadInput and TooLarge for what is no archive of photos, a right that was lost. Raises Lost when somebody else has
    taken it over.
    """
    school, upload = await _found(database, caller, import_id)
    settings = database.settings
    archived = archive.Limits(size=settings.upload_limit, entries=settings.photo_files)
    pictured = picture.Limits(bytes=settings.photo_bytes, pixels=settings.photo_pixels)
    darkroom = Darkroom(lambda: files.parts(upload.key), upload.size, upload.name, archived, pictured)
    async with LINE.beating(database, import_id, claim), darkroom:
        await bringing.work(Desk(database, policy, files, caller, school), import_id, claim, darkroom, progress)
    await LINE.release(database, import_id, claim)
    await discards.sweep(database, files)


async def _found(database: Database, caller: Caller, import_id: int) -> tuple[Any, Any]:
    """The school and the upload of an import in the caller's reach."""
    columns = (School.id, School.code, School.path, PhotoImport.file_id)
    query = select(*columns).join(PhotoImport, PhotoImport.school_id == School.id).where(PhotoImport.id == import_id)
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        school = (await connection.execute(query)).one_or_none()
        if school is None:
            raise Conflict("IMPORT_GONE")
        file = select(File.key, File.name, File.size).where(File.id == school.file_id)
        upload = (await connection.execute(file)).one_or_none()
    if upload is None:
        raise NotFound
    return school, upload


async def finish(database: Database, import_id: int, claim: str, attempts: int, error: Exception) -> None:
    """Note how an archive ended that did not end well: failed for good, or to be tried again."""
    if isinstance(error, Lost):
        return
    if isinstance(error, Unavailable) or (not isinstance(error, HubError) and attempts < ATTEMPTS):
        await LINE.release(database, import_id, claim)
        return
    known = error if isinstance(error, HubError) else HubError("IMPORT_BROKE_OFF")
    words = {
        "code": known.key,
        "message": known.text("zh"),
        "remedy": known.remedy("zh"),
        "message_en": known.text("en"),
        "remedy_en": known.remedy("en"),
    }
    await LINE.release(database, import_id, claim, state=PhotoImportState.FAILED, ended_at=clock.now(), **words)
