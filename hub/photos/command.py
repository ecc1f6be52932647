"""`hub photos`: what a clerk does in the browser, from the command line, with the report file by file."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

import policies
from hub import accounts, caller, clock, files, gate
from hub.caller import Caller
from hub.db import Database
from hub.errors import Language
from hub.files import Files
from hub.gate import Once
from hub.models import PhotoEntry, PhotoImport
from hub.photos.bringing import bring
from hub.settings import Settings
from hub.terms import PhotoOutcome
from policies import Policy

_PART = 1 << 20

Follow = Callable[[str, int, int], None]
"""Told which archive is being brought in, how many of its files are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one archive: its counts, and the lines of the files that were not simply taken."""

    name: str
    counts: Any
    lines: Sequence[Any]

    def summary(self) -> str:
        """The counts in one line."""
        done = self.counts
        return (
            f"{self.name}: 共 {done.total} 个文件 files: 已接收 taken {done.taken}, 未变 unchanged {done.unchanged}, "
            f"未通过 refused {done.refused}, 已忽略 ignored {done.ignored}"
        )

    def told(self, language: Language) -> list[str]:
        """The lines as a clerk reads them: which file, what is wrong, what to do."""
        return [
            f"{line.name} · {line.code}\n    "
            + (f"{line.message} {line.remedy}" if language == "zh" else f"{line.message_en} {line.remedy_en}")
            for line in self.lines
        ]


async def run(
    settings: Settings, paths: Sequence[Path], school: str, username: str, password: str, follow: Follow
) -> list[Report]:
    """Sign in, store and bring in each archive, sign out. Raises as `photos.bring`."""
    async with Database(settings) as database:
        signed_in = await accounts.sign_in(database, username, password)
        account = await accounts.Sessions(database).find(signed_in.token)
        acting = caller.act(account, None, clock.now())
        policy = policies.load(await _policy(database))
        store = Files(settings.home / "files")
        try:
            return [await _bring(database, policy, store, acting, path, school, follow) for path in paths]
        finally:
            await accounts.sign_out(database, account)


async def _bring(
    database: Database, policy: Policy, store: Files, acting: Caller, path: Path, school: str, follow: Follow
) -> Report:
    stored = await files.store(database, store, acting, path.name, _parts(path))
    found = await bring(
        database,
        policy,
        store,
        acting,
        Once(None, "importPhotos", None),
        file_id=stored.id,
        school_code=school,
        progress=lambda done, of: follow(path.name, done, of),
    )
    async with database.app.begin() as connection:
        await gate.scope(connection, acting)
        return await _report(connection, path.name, found)


async def _report(connection: AsyncConnection, name: str, found: int) -> Report:
    counts = await connection.execute(select(PhotoImport.__table__).where(PhotoImport.id == found))
    lines = select(PhotoEntry.__table__).where(PhotoEntry.import_id == found, PhotoEntry.code.is_not(None))
    told = (await connection.execute(lines.order_by(PhotoEntry.ordinal))).all()
    # Strays are counted; a name for each would hide what matters.
    return Report(name, counts.one(), [line for line in told if line.outcome != PhotoOutcome.IGNORED])


async def _parts(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(_PART):
            yield part


async def _policy(database: Database) -> str | None:
    async with database.reading() as connection:
        text: str | None = await connection.fetchval("SELECT text FROM policy_versions ORDER BY id DESC LIMIT 1")
    return text
