"""The trial (试运行): what it holds, asking for its end, ending it. Everything in it is erased; it happens once.

The province administrator asks, the province leader ends it, never the same person. What is erased and what stays is
said by each table (`__trial__` in `hub/models/`); the SQL functions and the locks are in
`migrations/versions/2026_11_26_0009_end_trial.py`, with the reasons. Files are erased after the commit: `hub.erasing`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, gate
from hub.caller import Caller
from hub.db import Database
from hub.errors import BadInput, Conflict, Forbidden, Language
from hub.files import Files
from hub.models import Base, Place
from hub.models.base import Trial
from hub.terms import PlaceLevel, RegisterState
from policies import Action, Policy

REQUEST_HOURS = 24
"""Hours in which a request to end the trial has to be confirmed."""

STANDING = """SELECT state, began_at, requested_by, requested_at, ended_at, files_until, files_erased_at
              FROM register"""
CONTENTS = "SELECT name, rows, bytes FROM trial_contents()"
_UNHURRIED = text("SET LOCAL statement_timeout = '60s'")
_REQUEST = text("UPDATE register SET requested_by = :account, requested_at = now()")
_END = text("SELECT end_trial(:account, :files_until)")
_NAME_OF = "SELECT name FROM accounts WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the register stands between trial and force."""

    state: RegisterState
    began_at: datetime
    requested_by: int | None
    requested_at: datetime | None
    ended_at: datetime | None
    files_until: datetime | None
    files_erased_at: datetime | None

    @classmethod
    def of(cls, row: Any) -> "Standing":
        """The standing that a row of `STANDING` tells."""
        values = dict(row)
        return cls(**values | {"state": RegisterState(values["state"])})

    @property
    def request_until(self) -> datetime | None:
        """Until when the request to end the trial may be confirmed; None where there is none to confirm."""
        until = None if self.requested_at is None else self.requested_at + timedelta(hours=REQUEST_HOURS)
        open_ = until is not None and self.state is RegisterState.TRIAL and clock.now() < until
        return until if open_ else None

    @property
    def files_wait(self) -> bool:
        """Whether files of the trial are still to be erased."""
        return self.files_until is not None and self.files_erased_at is None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record of the trial: its table, what its rows are, how many there are."""

    table: str
    trial: Trial
    rows: int

    def title(self, language: Language) -> str:
        """What the rows are."""
        return (self.trial.chinese if language == "zh" else self.trial.english) or self.table


@dataclass(frozen=True, slots=True)
class Contents:
    """What would be erased: kinds of records, bytes of files; what to type to confirm it; who asked, until when."""

    kinds: Sequence[Kind]
    file_bytes: int
    confirm: str
    requested_by: str | None
    standing: Standing


def marks() -> dict[str, Trial | None]:
    """What each table says becomes of it when the trial ends; None if it says nothing."""
    found = ((mapper.local_table, getattr(mapper.class_, "__trial__", None)) for mapper in Base.registry.mappers)
    return {str(table): mark for table, mark in found}


def kinds(rows: Sequence[Any]) -> list[Kind]:
    """The rows of `CONTENTS` as kinds of records, the most numerous first."""
    said = marks()
    found = [Kind(row["name"], said[row["name"]] or Trial(), row["rows"]) for row in rows]
    return sorted(found, key=lambda kind: (-kind.rows, kind.table))


async def standing(database: Database) -> Standing:
    """Where the register stands, for anybody."""
    async with database.reading() as connection:
        return Standing.of(await connection.fetchrow(STANDING))


async def contents(database: Database, policy: Policy, caller: Caller) -> Contents:
    """What the trial holds, counted now. For the province's roles. Raises NotFound, Forbidden."""
    async with gate.writing(database, policy, caller, "register", Action.COUNT, _province) as connection:
        await connection.execute(_UNHURRIED)
        rows = [row._mapping for row in await connection.execute(text(CONTENTS))]
        stands, name = await _standing(connection), await _confirmation(connection)
    asked_by = None
    if stands.request_until is not None:
        async with database.reading() as reading:
            asked_by = await reading.fetchval(_NAME_OF, stands.requested_by)
    return Contents(kinds(rows), sum(row["bytes"] or 0 for row in rows), name, asked_by, stands)


async def request(database: Database, policy: Policy, caller: Caller, asked: gate.Once) -> None:
    """Ask for the end of the trial, for the leader to confirm within `REQUEST_HOURS`; a later request replaces it.

    Raises Conflict TRIAL_OVER, NotFound and Forbidden.
    """
    async with gate.writing(database, policy, caller, "register", Action.CREATE, _province) as connection:

        async def deed() -> list[Any]:
            _refuse_over(await _standing(connection, locked=True))
            await connection.execute(_REQUEST, {"account": caller.account.id})
            await _record(connection, caller, "register:requestEnd", {}, "TRIAL_END_REQUESTED")
            return []

        await gate.once(connection, caller, asked, deed)


async def end(database: Database, policy: Policy, caller: Caller, files: Files, asked: gate.Once, confirm: str) -> None:
    """End the trial: erase every record of it, in one transaction, and put the register in force. For good.

    It waits for writes that are under way, and others wait for it. Raises NotFound and Forbidden, SELF_APPROVAL for who
    asked for it, Conflict TRIAL_OVER and END_NOT_REQUESTED, BadInput where `confirm` is not the province's name,
    Unavailable when others write for longer than it waits.
    """
    gated = (database, policy, caller, "register", Action.APPROVE, _province)
    async with gate.writing(*gated) as connection:
        stands = await _standing(connection)
        on_trial = stands.state is RegisterState.TRIAL
        if on_trial:
            await _refuse_unready(connection, caller, stands, confirm)
    async with gate.writing(*gated, alone=on_trial) as connection:

        async def deed() -> list[Any]:
            stands = await _standing(connection)
            _refuse_over(stands)
            await _refuse_unready(connection, caller, stands, confirm)
            until = await files.moment()
            ending = {"account": caller.account.id, "files_until": until}
            erased = (await connection.execute(_END, ending)).scalar_one()
            await gate.claim(connection, caller, asked)  # the key went with all others
            facts = {"requestedBy": stands.requested_by, "erased": erased}
            await _record(connection, caller, "register:endTrial", facts, "TRIAL_ENDED")
            return []

        await gate.once(connection, caller, asked, deed)


async def _province(connection: AsyncConnection) -> str | None:
    query = select(Place.path).where(Place.level == PlaceLevel.PROVINCE)
    return (await connection.execute(query.order_by(Place.code))).scalars().first()


async def _confirmation(connection: AsyncConnection) -> str:
    query = select(Place.name).where(Place.level == PlaceLevel.PROVINCE)
    return (await connection.execute(query.order_by(Place.code))).scalars().first() or ""


async def _standing(connection: AsyncConnection, *, locked: bool = False) -> Standing:
    query = STANDING + " FOR UPDATE" if locked else STANDING
    return Standing.of((await connection.execute(text(query))).one()._mapping)


def _refuse_over(stands: Standing) -> None:
    if stands.state is not RegisterState.TRIAL:
        raise Conflict("TRIAL_OVER")


async def _refuse_unready(connection: AsyncConnection, caller: Caller, stands: Standing, confirm: str) -> None:
    """Raise what stands against ending the trial now."""
    if stands.request_until is None:
        raise Conflict("END_NOT_REQUESTED", hours=REQUEST_HOURS)
    if stands.requested_by == caller.account.id:
        raise Forbidden("SELF_APPROVAL")
    wanted = await _confirmation(connection)
    if confirm.strip() != wanted:
        raise BadInput("WRONG_CONFIRMATION", field="confirm", wanted=wanted)


async def _record(connection: AsyncConnection, caller: Caller, action: str, facts: dict[str, Any], event: str) -> None:
    path = await _province(connection) or ""
    await gate.record(connection, caller, action, about="register:1", path=path, facts=facts, event=event)
