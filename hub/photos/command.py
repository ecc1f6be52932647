"""`hub photos`: what a clerk does in the browser, from the command line, with the report file by file."""

import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import files, gate
from hub.errors import Language, NotFound
from hub.gate import Once
from hub.models import PhotoEntry, PhotoImport, School, SchoolClass
from hub.photos.asking import bring
from hub.photos.reviewing import review
from hub.seat import Seat, taken
from hub.settings import Settings
from hub.terms import PhotoOutcome, PhotoState

_PART = 1 << 20

Follow = Callable[[str, int, int], None]
"""Told which archive is being brought in, how many of its files are done, and how many there are; of one that waits,
its place in the queue and how many seconds it will take.
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one archive: its counts, what is wrong with the whole of it, and with the files not taken."""

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
    settings: Settings, paths: Sequence[Path], school: str, username: str, password: str, follow: Follow, wait: Follow
) -> list[Report]:
    """Sign in, store and bring in each archive in its turn, sign out. Raises as `photos.bring`."""
    async with taken(settings, username, password) as seat:
        return [await _bring(seat, path, school, follow, wait) for path in paths]


async def approve(settings: Settings, school: str, username: str, password: str) -> int:
    """A leader approves every photo that waits in a school's classes; how many. Raises as `photos.review`."""
    async with taken(settings, username, password) as seat:
        query = select(SchoolClass.id).join(School, School.id == SchoolClass.school_id).where(School.code == school)
        async with seat.database.app.begin() as connection:
            await gate.scope(connection, seat.caller)
            classes = (await connection.execute(query.order_by(SchoolClass.id))).scalars().all()
        if not classes:
            raise NotFound
        done = 0
        for found in classes:
            request = Once(None, "reviewPhotos", None)
            reviewed = await review(seat.database, seat.policy, seat.files, seat.caller, request, [], class_id=found)
            done += sum(one.outcome == PhotoState.APPROVED for one in reviewed)
        return done


async def _bring(seat: Seat, path: Path, school: str, follow: Follow, wait: Follow) -> Report:
    stored = await files.store(seat.database, seat.files, seat.caller, path.name, _parts(path))
    found = await bring(
        seat.database,
        seat.policy,
        seat.files,
        seat.caller,
        Once(None, "importPhotos", None),
        file_id=stored.id,
        school_code=school,
        progress=lambda done, of: follow(path.name, done, of),
        waiting=lambda place, seconds: wait(path.name, place, seconds),
        patience=math.inf,
    )
    async with seat.database.app.begin() as connection:
        await gate.scope(connection, seat.caller)
        return await _report(connection, path.name, found)


async def _report(connection: AsyncConnection, name: str, found: int) -> Report:
    counts = await connection.execute(select(PhotoImport.__table__).where(PhotoImport.id == found))
    # Strays are counted; a name for each would hide what matters.
    lines = select(*_told_of(PhotoEntry, PhotoEntry.name)).where(
        PhotoEntry.import_id == found, PhotoEntry.code.is_not(None), PhotoEntry.outcome != PhotoOutcome.IGNORED
    )
    whole = select(*_told_of(PhotoImport, literal(name).label("name"))).where(
        PhotoImport.id == found, PhotoImport.code.is_not(None)
    )
    told = [*await connection.execute(whole), *await connection.execute(lines.order_by(PhotoEntry.ordinal))]
    return Report(name, counts.one(), told)


def _told_of(table: Any, name: Any) -> list[Any]:
    return [name, table.code, table.message, table.remedy, table.message_en, table.remedy_en]


async def _parts(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(_PART):
            yield part
