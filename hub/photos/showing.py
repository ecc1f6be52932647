"""A photo is shown: its bytes, to who may see the pupil's photo at this moment."""

from sqlalchemy import select

from hub import gate
from hub.caller import Caller
from hub.db import Database
from hub.downloads import Download
from hub.errors import NotFound
from hub.files import Files
from hub.models import Photo, Student
from policies import Action, Policy

KIND = "photo"
"""What the links of photos begin with; after it stands the number of the file."""
_KEY = "SELECT key FROM files WHERE id = $1"


async def show(database: Database, policy: Policy, store: Files, caller: Caller, key: str) -> Download:
    """The photo of a file that waits or is approved. Raises NotFound where there is none or the right is lacking."""
    if not (key.isascii() and key.isdigit() and policy.decide(caller.role, "photo", Action.READ).on_path):
        raise NotFound
    number = int(key)
    query = select(Student.path).join(Photo, Photo.student_id == Student.id).where(Photo.file_id == number)
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        path = (await connection.execute(query)).scalar()
    if path is None or not caller.reaches(path):
        raise NotFound
    async with database.reading() as reading:
        stored = await reading.fetchval(_KEY, number)
    if stored is None:
        raise NotFound
    return Download(await store.get(stored), "image/jpeg")
