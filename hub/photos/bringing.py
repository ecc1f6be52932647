"""Photos come in: matched with the pupils of a school file by file, and what is fit waits for approval."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import gate
from hub.caller import Caller
from hub.catalogue import MESSAGES
from hub.darkroom.archive import Entry
from hub.darkroom.room import Darkroom, Developed, Spoilt
from hub.db import Database
from hub.errors import BadInput
from hub.files import Files
from hub.line import Lost
from hub.models import School
from hub.photos import discards, roster
from hub.photos.roster import Matched
from hub.terms import PhotoOutcome
from policies import Action, Policy

BATCH = 100
"""Photos that one transaction takes."""
_REPORTED = 1_000
"""Files without a photo that one transaction reports."""
_PUTS = 8
"""Photos stored at the same time."""

Progress = Callable[[int, int], None]

_BEGUN = text(
    """UPDATE photo_imports SET state = 'RUNNING', total = :total, weight = :total WHERE id = :id AND claim = :claim
       RETURNING id"""
)
_TOLD = text("SELECT ARRAY(SELECT ordinal FROM photo_entries WHERE import_id = :id)")
_STANDING = """
    SELECT DISTINCT ON (student_id, state) student_id, id, state, source_sha256, reason FROM photos
    WHERE student_id = ANY (:pupils) AND state <> 'REPLACED' ORDER BY student_id, state, id DESC"""
# Pupils first, then their photos: who reviews locks in the same order.
_HELD = text(
    """SELECT id FROM students WHERE id = ANY (:pupils) AND school_id = :school AND state IN ('IN_SCHOOL', 'SUSPENDED')
       ORDER BY id FOR SHARE"""
)
_LOCK = text("SELECT id FROM photos WHERE student_id = ANY (:pupils) AND state = 'PENDING' ORDER BY id FOR UPDATE")
_REPLACE = text(
    """WITH replaced AS (
           UPDATE photos SET state = 'REPLACED' WHERE student_id = ANY (:pupils) AND state = 'PENDING' RETURNING id)
       SELECT coalesce(array_agg(id), '{}') FROM replaced"""
)
_RELEASE = text("SELECT release_photos(:ids)")
_ADD = text(
    """WITH given AS (
           SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS g(student bigint, key text, name text, size bigint,
               sha256 text, source text, width bigint, height bigint)
       ), stored AS (
           INSERT INTO files (account_id, name, size, sha256, key)
           SELECT :account, name, size, sha256, key FROM given RETURNING id, key)
       INSERT INTO photos (student_id, import_id, file_id, source_sha256, width, height, size, uploaded_by)
       SELECT g.student, :import, f.id, g.source, g.width, g.height, g.size, :account
       FROM given g JOIN stored f USING (key)"""
)
_TELL = text(
    """INSERT INTO photo_entries
           (import_id, ordinal, path, name, outcome, student_id, code, message, remedy, message_en, remedy_en)
       SELECT :import, ordinal, :path, name, outcome, student, code, message, remedy, message_en, remedy_en
       FROM json_to_recordset(CAST(:rows AS json)) AS g(ordinal bigint, name text, outcome text, student bigint,
           code text, message text, remedy text, message_en text, remedy_en text)"""
)
_COUNT = text(
    """UPDATE photo_imports SET taken = taken + :taken, unchanged = unchanged + :unchanged,
           refused = refused + :refused, ignored = ignored + :ignored, heartbeat_at = now()
       WHERE id = :id AND claim = :claim RETURNING id"""
)
_DONE = text("UPDATE photo_imports SET state = 'DONE', ended_at = clock_timestamp() WHERE id = :id AND claim = :claim")


def unseen(_done: int, _of: int) -> None:
    """No progress is shown."""


async def work(desk: "Desk", import_id: int, claim: str, darkroom: Darkroom, progress: Progress = unseen) -> None:
    """See to every file of an opened archive that is not reported yet, and conclude.

    A photo is its pupil's by the file's name, and waits until a leader of the school approves it; the one that waited
    before it is replaced. The very picture that waits or is approved already changes nothing, one that was refused is
    refused again. Photos are taken a hundred to a transaction, each with its report. `progress` is told how many files
    are done and there. Raises BadInput for an archive of nothing; Lost when somebody else works on it now.
    """
    entries = {entry.ordinal: entry for entry in darkroom.entries}
    if not entries:
        raise BadInput("NO_PHOTOS")
    async with desk.writing() as connection:
        held = {"id": import_id, "claim": claim, "total": len(entries)}
        if (await connection.execute(_BEGUN, held)).first() is None:
            raise Lost
        told = set((await connection.execute(_TOLD, {"id": import_id})).scalar_one())
        matched = roster.match(await roster.load(connection, desk.school), darkroom.entries)
    await _Bringing(desk, import_id, claim, entries, matched, told, progress).run(darkroom)


@dataclass(frozen=True, slots=True)
class Desk:
    """Who brings photos into which school, and by which means."""

    database: Database
    policy: Policy
    store: Files
    caller: Caller
    school: Any

    def writing(self) -> Any:
        """A transaction of the caller's in the school, if they may still bring photos there."""
        return gate.writing(self.database, self.policy, self.caller, "photo", Action.CREATE, self.school.path)


@dataclass(slots=True)
class _Batch:
    """What one transaction does: the report of its files, the keys of photos to keep, and of bytes to remove."""

    report: list[dict[str, Any]] = field(default_factory=list)
    added: list[dict[str, Any]] = field(default_factory=list)
    unwanted: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Bringing:
    """An import under way: its files, whose they are, and which of them have been reported before."""

    desk: Desk
    id: int
    claim: str
    entries: dict[int, Entry]
    matched: Matched
    told: set[int]
    progress: Progress

    async def run(self, darkroom: Darkroom) -> None:
        """Report the files that are nobody's, take the photos, and conclude."""
        spoilt = [one for one in self.matched.spoilt if one.ordinal not in self.told]
        for at in range(0, len(spoilt), _REPORTED):
            await self._take(spoilt[at : at + _REPORTED])
        wanted = sorted(self.matched.pupils.keys() - self.told)
        async for batch in _batches(darkroom.develop(wanted)):
            await self._take(batch)
        async with self.desk.writing() as connection:
            await connection.execute(_DONE, {"id": self.id, "claim": self.claim})

    async def _take(self, files: Sequence[Developed | Spoilt]) -> None:
        """Store and report one batch of files, in one transaction."""
        made = {one.ordinal: (one, f"photos/{secrets.token_hex(16)}") for one in files if isinstance(one, Developed)}
        if made:
            made = await self._stored(made)
        batch = _Batch()
        async with self.desk.writing() as connection:
            await connection.execute(select(School.id).where(School.id == self.desk.school.id).with_for_update())
            told = set((await connection.execute(_TOLD, {"id": self.id})).scalar_one())  # another may have worked on it
            fresh = [one for one in files if one.ordinal not in told]
            await self._decide(connection, batch, fresh, made)
            await self._write(connection, batch)
        self.told |= {one.ordinal for one in files}
        self.progress(len(self.told), len(self.entries))
        taken = {row["key"] for row in batch.added}
        unwanted = [*batch.unwanted, *(key for _, key in made.values() if key not in taken)]
        await discards.carry_out(self.desk.database, self.desk.store, self.desk.caller, unwanted)

    async def _stored(self, made: dict[int, tuple[Developed, str]]) -> dict[int, tuple[Developed, str]]:
        """Put the bytes of the photos that are new into the store; these photos."""
        async with self.desk.writing() as connection:
            standing = await _standing(connection, [self.matched.pupils[ordinal] for ordinal in made])
            new = {
                ordinal: (one, key)
                for ordinal, (one, key) in made.items()
                if _verdict(one, standing.get(self.matched.pupils[ordinal], {}))[0] is PhotoOutcome.TAKEN
            }
            await discards.foresee(connection, self.desk.caller, [key for _, key in new.values()])
        at_once = asyncio.Semaphore(_PUTS)

        async def put(one: Developed, key: str) -> None:
            async with at_once:
                await self.desk.store.put(key, one.data)

        await asyncio.gather(*(put(one, key) for one, key in new.values()))
        return new

    async def _decide(
        self,
        connection: AsyncConnection,
        batch: _Batch,
        files: Sequence[Developed | Spoilt],
        stored: dict[int, tuple[Developed, str]],
    ) -> None:
        """What becomes of each file, by what the register holds of its pupil now."""
        pupils = [self.matched.pupils[one.ordinal] for one in files if isinstance(one, Developed)]
        held = (await connection.execute(_HELD, {"pupils": pupils, "school": self.desk.school.id})).scalars().all()
        await connection.execute(_LOCK, {"pupils": pupils})
        standing = await _standing(connection, pupils)
        for one in files:
            if isinstance(one, Spoilt):
                batch.report.append(self._spoilt(one))
                continue
            pupil = self.matched.pupils[one.ordinal]
            outcome, key, values = _verdict(one, standing.get(pupil, {}))
            if pupil not in held:
                outcome, key, values = PhotoOutcome.REFUSED, "PHOTO_NO_PUPIL", {}
            elif outcome is PhotoOutcome.TAKEN and one.ordinal not in stored:
                outcome, key, values = PhotoOutcome.REFUSED, "PHOTO_OVERTAKEN", {}
            if outcome is PhotoOutcome.TAKEN:
                batch.added.append(_row(one, stored[one.ordinal][1], pupil))
            batch.report.append(self._entry(one.ordinal, outcome, pupil, key, values))

    def _spoilt(self, one: Spoilt) -> dict[str, Any]:
        pupil = self.matched.pupils.get(one.ordinal) or self.matched.known.get(one.ordinal)
        outcome = PhotoOutcome.IGNORED if one.key == "PHOTO_STRAY" else PhotoOutcome.REFUSED
        return self._entry(one.ordinal, outcome, pupil, one.key, one.values)

    def _entry(
        self, ordinal: int, outcome: PhotoOutcome, pupil: int | None, key: str | None, values: dict[str, Any]
    ) -> dict[str, Any]:
        """A line of the report, in both languages, as it will be read again."""
        told = {"ordinal": ordinal, "name": self.entries[ordinal].name, "outcome": outcome, "student": pupil}
        if key is None:
            return told
        message = MESSAGES[key]
        words = {
            "message": message.zh,
            "remedy": message.remedy_zh,
            "message_en": message.en,
            "remedy_en": message.remedy_en,
        }
        return told | {"code": key} | {name: text.format_map(values) for name, text in words.items()}

    async def _write(self, connection: AsyncConnection, batch: _Batch) -> None:
        if not batch.report:
            return
        caller, school = self.desk.caller, self.desk.school
        if batch.added:
            given = {"pupils": [row["student"] for row in batch.added]}
            replaced = (await connection.execute(_REPLACE, given)).scalar_one()
            batch.unwanted += (await connection.execute(_RELEASE, {"ids": replaced})).scalars()
            rows = {"rows": _json(batch.added), "account": caller.account.id, "import": self.id}
            await connection.execute(_ADD, rows)
            await discards.take_back(connection, [row["key"] for row in batch.added])
        await connection.execute(_TELL, {"rows": _json(batch.report), "import": self.id, "path": school.path})
        counts = {str(word).lower(): sum(row["outcome"] == word for row in batch.report) for word in PhotoOutcome}
        if (await connection.execute(_COUNT, counts | {"id": self.id, "claim": self.claim})).first() is None:
            raise Lost
        await gate.record(
            connection,
            caller,
            "photo:create",
            about=f"photoImport:{self.id}",
            path=school.path,
            facts=counts,
            after={"photos": {str(row["student"]): row["sha256"] for row in batch.added}},
            event="PHOTOS_IMPORTED",
        )


async def _batches(files: AsyncIterator[Developed | Spoilt]) -> AsyncIterator[list[Developed | Spoilt]]:
    batch: list[Developed | Spoilt] = []
    async for one in files:
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


_Standing = dict[str, Any]
"""A pupil's photos that count, by state: the one that waits, the approved one, the last one refused."""


async def _standing(connection: AsyncConnection, pupils: Sequence[int]) -> dict[int, _Standing]:
    found: dict[int, _Standing] = {}
    for row in await connection.execute(text(_STANDING), {"pupils": list(pupils)}):
        found.setdefault(row.student_id, {})[row.state] = row
    return found


def _verdict(one: Developed, standing: _Standing) -> tuple[PhotoOutcome, str | None, dict[str, Any]]:
    """What becomes of a sound photo beside those its pupil has."""
    current = standing.get("PENDING") or standing.get("APPROVED")
    if current is not None and current.source_sha256 == one.source:
        return PhotoOutcome.UNCHANGED, None, {}
    refused = standing.get("REFUSED")
    if refused is not None and refused.source_sha256 == one.source:
        return PhotoOutcome.REFUSED, "PHOTO_REFUSED_BEFORE", {"reason": refused.reason}
    return PhotoOutcome.TAKEN, None, {}


def _row(one: Developed, key: str, pupil: int) -> dict[str, Any]:
    return {
        "student": pupil,
        "key": key,
        "name": "photo.jpg",
        "size": len(one.data),
        "sha256": hashlib.sha256(one.data).hexdigest(),
        "source": one.source,
        "width": one.width,
        "height": one.height,
    }


def _json(rows: Any) -> str:
    return orjson.dumps(rows, default=str).decode()
