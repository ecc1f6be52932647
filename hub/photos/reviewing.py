"""Photos are reviewed: a leader of the school approves or refuses what waits, many at once, each for itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import gate
from hub.caller import Caller
from hub.db import Database
from hub.errors import BadInput, Conflict, Forbidden, HubError, NotFound, TooLarge
from hub.files import Files
from hub.models import Audit, SchoolClass
from hub.photos import discards
from hub.terms import Outcome, PhotoState
from policies import Action, Policy

MOST = 200
LONGEST_REASON = 200
_WAITING = text(
    """SELECT p.id FROM photos p JOIN students s ON s.id = p.student_id
       WHERE s.class_id = :class AND p.state = 'PENDING' ORDER BY p.id LIMIT :most"""
)
_PUPILS = text(
    """SELECT id FROM students WHERE id IN (SELECT student_id FROM photos WHERE id = ANY (:ids))
       ORDER BY id FOR NO KEY UPDATE"""
)
_FIND = text(
    """SELECT p.id, p.student_id, p.state, p.uploaded_by, s.path FROM photos p JOIN students s ON s.id = p.student_id
       WHERE p.id = ANY (:ids) ORDER BY p.id FOR UPDATE OF p"""
)
_REPLACE = text(
    """UPDATE photos SET state = 'REPLACED' WHERE student_id = ANY (:pupils) AND state = 'APPROVED' RETURNING id"""
)
_APPROVE = text(
    "UPDATE photos SET state = 'APPROVED', reviewed_by = :account, reviewed_at = now() WHERE id = ANY (:ids)"
)
_SHOW = text(
    """UPDATE students s SET photo_file_id = p.file_id, updated_at = now() FROM photos p
       WHERE p.id = ANY (:ids) AND s.id = p.student_id"""
)
_REFUSE = text(
    """UPDATE photos p SET state = 'REFUSED', reason = g.reason, reviewed_by = :account, reviewed_at = now()
       FROM json_to_recordset(CAST(:rows AS json)) AS g(id bigint, reason text) WHERE p.id = g.id"""
)
_RELEASE = text("SELECT release_photos(:ids)")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a leader says of a photo: approved, or refused for a reason."""

    photo_id: int
    approve: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What became of a photo: its state, or why it could not be reviewed."""

    photo_id: int
    outcome: PhotoState | HubError


async def review(
    database: Database,
    policy: Policy,
    store: Files,
    caller: Caller,
    request: gate.Once,
    decisions: Sequence[Decision],
    *,
    class_id: int | None = None,
) -> list[Reviewed]:
    """Decide on photos that wait, in one transaction, each for itself; and approve every one that waits in a class.

    Nobody reviews photos of their own uploading; of a whole class those are left out. An approved photo becomes the
    pupil's, and the one before it goes; so does a refused one, of which the reason is kept.
    Raises Forbidden, NotFound for a class out of reach, TooLarge, BadInput for a request that names nothing.
    """

    async def place(connection: AsyncConnection) -> str | None:
        if class_id is None:
            return caller.roots[0]
        return (await connection.execute(select(SchoolClass.path).where(SchoolClass.id == class_id))).scalar()

    removed: list[str] = []
    async with gate.writing(database, policy, caller, "photo", Action.APPROVE, place) as connection:
        if len(decisions) > MOST:
            raise TooLarge("TOO_MANY_PHOTOS", field="decisions", limit=MOST)
        if not decisions and class_id is None:
            raise BadInput("NOTHING_TO_REVIEW")

        async def deed() -> list[Any]:
            named = [*decisions, *await _of_class(connection, class_id, decisions)]
            work = _Reviewing(connection, caller)
            reviewed = await work.run(named, skip_own=len(decisions))
            removed.extend(work.removed)
            return [_kept(one) for one in reviewed]

        answer = await gate.once(connection, caller, request, deed)
    await discards.carry_out(database, store, caller, removed)
    return [_reviewed(kept) for kept in answer]


async def _of_class(connection: AsyncConnection, class_id: int | None, named: Sequence[Decision]) -> list[Decision]:
    """The approval of everything that waits in a class and was not named."""
    if class_id is None:
        return []
    known = {one.photo_id for one in named}
    found = (await connection.execute(_WAITING, {"class": class_id, "most": MOST})).scalars()
    return [Decision(photo, approve=True) for photo in found if photo not in known]


class _Reviewing:
    """One review: what it decides, and the keys of bytes that nobody needs after it."""

    def __init__(self, connection: AsyncConnection, caller: Caller) -> None:
        self.connection, self.caller = connection, caller
        self.removed: list[str] = []

    async def run(self, decisions: Sequence[Decision], skip_own: int) -> list[Reviewed]:
        """Decide. Beyond the first so many, which were named, photos of the reviewer's own are passed over."""
        ids = {"ids": [one.photo_id for one in decisions]}
        await self.connection.execute(_PUPILS, ids)
        known = {row.id: row for row in await self.connection.execute(_FIND, ids)}
        outcomes: list[Reviewed] = []
        sound: dict[int, Decision] = {}
        for at, one in enumerate(decisions):
            row = known.get(one.photo_id)
            if at >= skip_own and row is not None and row.uploaded_by == self.caller.account.id:
                continue
            refusal = Conflict("PHOTO_DECIDED") if one.photo_id in sound else self._refusal(one, row)
            if refusal is None:
                sound[one.photo_id] = one
            state = PhotoState.APPROVED if one.approve else PhotoState.REFUSED
            outcomes.append(Reviewed(one.photo_id, refusal or state))
        await self._write([*sound.values()], known)
        await self._note([one.outcome for one in outcomes if isinstance(one.outcome, HubError)])
        return outcomes

    def _refusal(self, one: Decision, row: Any) -> HubError | None:
        """Why a photo cannot be reviewed so."""
        if row is None or not self.caller.reaches(row.path):
            return NotFound()
        if not one.approve and not (one.reason or "").strip():
            return BadInput("FIELD_REQUIRED", field="reason", header="不同意原因 reason")
        if one.reason is not None and len(one.reason) > LONGEST_REASON:
            return BadInput("FIELD_TOO_LONG", field="reason", header="不同意原因 reason", limit=LONGEST_REASON)
        if row.state != PhotoState.PENDING:
            return Conflict("PHOTO_DECIDED")
        if row.uploaded_by == self.caller.account.id:
            return Forbidden("OWN_PHOTO")
        return None

    async def _write(self, decisions: Sequence[Decision], known: dict[int, Any]) -> None:
        account = self.caller.account.id
        approved = [one.photo_id for one in decisions if one.approve]
        refused = [{"id": one.photo_id, "reason": (one.reason or "").strip()} for one in decisions if not one.approve]
        released = [row["id"] for row in refused]
        if approved:
            pupils = [known[photo].student_id for photo in approved]
            released += (await self.connection.execute(_REPLACE, {"pupils": pupils})).scalars()
            await self.connection.execute(_APPROVE, {"ids": approved, "account": account})
            await self.connection.execute(_SHOW, {"ids": approved})
        if refused:
            await self.connection.execute(_REFUSE, {"rows": orjson.dumps(refused).decode(), "account": account})
        if released:
            self.removed += (await self.connection.execute(_RELEASE, {"ids": released})).scalars()
        for one in decisions:
            row = known[one.photo_id]
            verdict = "APPROVED" if one.approve else "REFUSED"
            await gate.record(
                self.connection,
                self.caller,
                "photo:approve",
                about=f"photo:{one.photo_id}",
                path=row.path,
                facts={"student": f"student:{row.student_id}", "state": verdict},
                after=None if one.approve else {"reason": one.reason},
                event=f"PHOTO_{verdict}",
            )

    async def _note(self, refusals: Sequence[HubError]) -> None:
        """Audit the refusals among several decisions."""
        if refusals:
            told = {"account_id": self.caller.account.id, "role": self.caller.role, "action": "photo:approve"}
            told |= {"outcome": Outcome.REFUSED, "path": self.caller.roots[0]}
            entries = [told | {"code": refusal.code, "facts": {"key": refusal.key}} for refusal in refusals]
            await self.connection.execute(insert(Audit).inline(), entries)


def _kept(one: Reviewed) -> dict[str, Any]:
    """An outcome as a retry answers it again."""
    if not isinstance(one.outcome, HubError):
        return {"photo": one.photo_id, "state": one.outcome}
    refusal = one.outcome
    return {"photo": one.photo_id, "refusal": {"key": refusal.key, "field": refusal.field, **refusal.values}}


def _reviewed(kept: dict[str, Any]) -> Reviewed:
    refusal = kept.get("refusal")
    return Reviewed(kept["photo"], HubError(**refusal) if refusal else PhotoState(kept["state"]))
