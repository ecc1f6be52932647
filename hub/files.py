"""The file store: uploaded bytes in a folder, their facts in the register."""

import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile

import obstore
from obstore.store import LocalStore
from sqlalchemy import insert, select

from hub import gate
from hub.caller import Caller
from hub.db import Database
from hub.errors import NotFound, TooLarge
from hub.models import File

_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored file, as its uploader hears of it."""

    id: int
    name: str
    size: int
    sha256: str


class Files:
    """The bytes of uploaded files (obstore: a folder here)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._store = LocalStore(folder)

    async def put(self, key: str, data: bytes) -> None:
        """Keep bytes under a key; a half-written file is never seen."""
        await obstore.put_async(self._store, key, data)

    async def get(self, key: str) -> bytes:
        """The bytes of a key. Raises NotFound when the folder has lost them: the file must be uploaded again."""
        try:
            answer = await obstore.get_async(self._store, key)
        except FileNotFoundError:
            raise NotFound from None
        return bytes(await answer.bytes_async())

    async def parts(self, key: str) -> AsyncIterator[bytes]:
        """The bytes of a key, a part at a time. Raises NotFound as `get`."""
        try:
            answer = await obstore.get_async(self._store, key)
        except FileNotFoundError:
            raise NotFound from None
        async for part in answer.stream():
            yield bytes(part)

    async def remove(self, keys: Sequence[str]) -> None:
        """Let go of the bytes of keys; one that is gone already is no fault."""
        for key in keys:
            with contextlib.suppress(FileNotFoundError):
                await obstore.delete_async(self._store, key)


async def store(database: Database, files: Files, caller: Caller, name: str, parts: AsyncIterator[bytes]) -> Stored:
    """Keep an upload: the bytes in the store, its facts under its uploader's name. Raises TooLarge past the limit."""
    limit, digest, size = database.settings.upload_limit, hashlib.sha256(), 0
    with SpooledTemporaryFile(max_size=limit) as kept:
        async for part in parts:
            size += len(part)
            if size > limit:
                raise TooLarge("BODY_TOO_LARGE", limit=limit)
            digest.update(part)
            kept.write(part)
        kept.seek(0)
        key = f"uploads/{secrets.token_hex(16)}"
        await files.put(key, kept.read())
    plain, sha256 = name[-_NAME_LENGTH:].replace("\x00", ""), digest.hexdigest()
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        query = insert(File).values(account_id=caller.account.id, key=key, name=plain, size=size, sha256=sha256)
        found = (await connection.execute(query.returning(File.id))).scalar_one()
    return Stored(found, plain, size, sha256)


async def find(database: Database, caller: Caller, file_id: int) -> tuple[str, str]:
    """The key and name of one's own upload. Raises NotFound for anybody else's."""
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        row = (await connection.execute(select(File.key, File.name).where(File.id == file_id))).one_or_none()
    if row is None:
        raise NotFound
    return row.key, row.name
