"""The file store: uploaded bytes in a folder, their facts in the register."""

import asyncio
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import obstore
from obstore.exceptions import GenericError
from obstore.store import LocalStore
from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import gate
from hub.caller import Caller
from hub.db import Database
from hub.errors import NotFound, TooLarge, Unavailable
from hub.models import File

_NAME_LENGTH = 200
_PAGE = 1_000
_CLOCK = "clock"
_HALF = re.compile(r"#\d+$")


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
        self._folder = folder
        self._store = LocalStore(folder)

    async def put(self, key: str, data: bytes | IO[bytes]) -> None:
        """Keep bytes, or what a file holds, under a key; a half-written file is never seen. Raises Unavailable."""
        try:
            await obstore.put_async(self._store, key, data)
        except (OSError, GenericError) as error:  # no room left, or a folder that cannot be written
            raise Unavailable("STORE_FULL") from error

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

    async def erase(self, keys: Sequence[str]) -> None:
        """Erase what lies under these keys; what is gone already is no fault."""
        try:
            await obstore.delete_async(self._store, keys)
        except FileNotFoundError:
            for key in keys:
                with suppress(FileNotFoundError):
                    await obstore.delete_async(self._store, key)

    async def moment(self) -> datetime:
        """A moment by the store's own clock: all that lies in it is as old or older, all that comes later is younger,
        however coarsely it tells time.
        """
        first = await self._tick()
        while await self._tick() == first:  # noqa: ASYNC110 -- a store tells nobody that its clock has moved
            await asyncio.sleep(0.01)
        await self.erase([_CLOCK])
        return first

    async def older(self, moment: datetime) -> AsyncIterator[list[str]]:
        """The keys of what lies in the store since a moment or longer, page by page; they may be erased meanwhile."""
        async for page in obstore.list(self._store, chunk_size=_PAGE):
            yield [found["path"] for found in page if found["last_modified"] <= moment]

    async def erase_halves(self, moment: datetime) -> None:
        """Erase what a process that was killed has left half written; the store itself no longer lists that."""
        await asyncio.to_thread(self._erase_halves, moment)

    def _erase_halves(self, moment: datetime) -> None:
        for path in self._folder.rglob("*#*"):
            with suppress(FileNotFoundError):
                if _HALF.search(path.name) and datetime.fromtimestamp(path.stat().st_mtime, UTC) <= moment:
                    path.unlink()

    async def _tick(self) -> datetime:
        await obstore.put_async(self._store, _CLOCK, b"")
        return (await obstore.head_async(self._store, _CLOCK))["last_modified"]


async def store(database: Database, files: Files, caller: Caller, name: str, parts: AsyncIterator[bytes]) -> Stored:
    """Keep an upload: the bytes in the store, its facts under its uploader's name.

    It never lies in memory whole. The bytes are put while the transaction holds the register's state (`gate.scope`), so
    that those of a trial lie there before it ends or never. Raises TooLarge past the limit or the account's quota of a
    day, Conflict if the trial ended during the upload, Unavailable when the store is full.
    """
    limit, digest, size = database.settings.upload_limit, hashlib.sha256(), 0
    with TemporaryFile() as kept:
        async for part in parts:
            size += len(part)
            if size > limit:
                raise TooLarge("BODY_TOO_LARGE", limit=limit)
            digest.update(part)
            kept.write(part)
        kept.seek(0)
        key, plain = f"uploads/{secrets.token_hex(16)}", _plain(name)
        sha256 = digest.hexdigest()
        query = insert(File).values(account_id=caller.account.id, key=key, name=plain, size=size, sha256=sha256)
        async with database.app.begin() as connection:
            await gate.scope(connection, caller)
            await _within_quota(connection, caller, size, database.settings.upload_quota)
            found = (await connection.execute(query.returning(File.id))).scalar_one()
            await files.put(key, kept)  # last: what fails before it leaves no bytes behind
    return Stored(found, plain, size, sha256)


def _plain(name: str) -> str:
    """A file's name as text that PostgreSQL takes: a form may tell of a charset in which half a character is one."""
    return name[-_NAME_LENGTH:].replace("\x00", "").encode(errors="replace").decode()


async def _within_quota(connection: AsyncConnection, caller: Caller, size: int, quota: int) -> None:
    """Refuse an upload that brings an account's last 24 hours over its quota. Raises TooLarge UPLOAD_QUOTA."""
    mine = select(func.coalesce(func.sum(File.size), 0)).where(
        File.account_id == caller.account.id, File.created_at > func.now() - text("interval '24 hours'")
    )
    if (await connection.execute(mine)).scalar_one() + size > quota:
        raise TooLarge("UPLOAD_QUOTA", limit=quota // 1_000_000)


async def find(database: Database, caller: Caller, file_id: int) -> tuple[str, str]:
    """The key and name of one's own upload. Raises NotFound for anybody else's."""
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        row = (await connection.execute(select(File.key, File.name).where(File.id == file_id))).one_or_none()
    if row is None:
        raise NotFound
    return row.key, row.name
