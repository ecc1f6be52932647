"""The gate of every write: who may, where; one transaction under row security, committed at its edge."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
from sqlalchemy import Select, TextClause, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import paths
from hub.caller import Caller
from hub.db import EXPIRED, LOST, Database
from hub.errors import BadInput, Conflict, Forbidden, HubError, NotFound, Unauthenticated, Unavailable
from hub.models import Audit
from hub.terms import Outcome
from policies import Action, Policy

_ENTER = text("SELECT enter(:low, :high, :roots, :account)")
_STILL_HELD = text("SELECT root, state FROM still_held(:low, :high, :roots, :account, :session, :role)")
_STILL_GRANTED = text(
    """SELECT g.path AS root, register_state() AS state FROM grants g JOIN accounts a ON a.id = g.account_id
       WHERE g.account_id = :account AND g.role = :role AND g.since <= now() AND (g.until IS NULL OR now() < g.until)
         AND a.disabled_at IS NULL FOR SHARE OF g"""
)
_ALONE = (
    text("SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', :patience, true)"),
    text("SELECT pg_advisory_xact_lock(4711201330)"),  # `enter` holds it shared
)
PATIENCE = "60s"
"""How long a write that wants to be alone waits for the others; who comes meanwhile waits for it."""
_RECORD = text(
    """WITH entry AS (
           INSERT INTO audit (account_id, role, action, object, path, outcome, facts, values_hash)
           VALUES (:account, :role, :action, :about, :path, 'ACCEPTED', CAST(:facts AS jsonb), :hash) RETURNING id
       ), kept AS (
           INSERT INTO audit_values (audit_id, before, after)
           SELECT id, CAST(:before AS jsonb), CAST(:after AS jsonb) FROM entry WHERE :valued)
       INSERT INTO outbox (kind, object, path, payload) VALUES (:event, :about, :path, CAST(:facts AS jsonb))"""
)
_CLAIM = text(
    """INSERT INTO requests (account_id, key, operation, payload_hash) VALUES (:account, :key, :operation, :hash)
       ON CONFLICT (account_id, key) DO NOTHING RETURNING 1"""
)
_CLAIMED = text("SELECT operation, payload_hash, answer FROM requests WHERE account_id = :account AND key = :key")
_ANSWERED = text("UPDATE requests SET answer = CAST(:answer AS jsonb) WHERE account_id = :account AND key = :key")
_CHANGED = text("SELECT changed_since(:about, :known)")


Find = Callable[[AsyncConnection], Awaitable[str | None]]
"""Finds, inside the caller's transaction, the path of what is written; None if the caller sees nothing there."""


def found_by(query: Select[str]) -> Find:
    """Find a path by a query of it."""

    async def find(connection: AsyncConnection) -> str | None:
        path: str | None = (await connection.execute(query)).scalar_one_or_none()
        return path

    return find


@asynccontextmanager
async def writing(
    database: Database,
    policy: Policy,
    caller: Caller,
    noun: str,
    action: Action,
    path: str | Find,
    *,
    alone: bool = False,
) -> AsyncIterator[AsyncConnection]:
    """Open the caller's transaction for an action at a path; commit it when the deed returns.

    Session and grant are read again and share-locked: a revocation waits for this write, or this write sees it.
    Refusals are audited in a transaction of their own. `alone` waits until nobody else writes and lets nobody begin
    before the commit; ask for it only where the caller has been found to be allowed to.
    Raises NotFound outside the caller's reach (before Forbidden: what cannot be reached does not exist), Forbidden when
    the role may not, Conflict where the trial has ended since the caller signed in or was looked up, Unavailable
    without a database or when it is busy for too long.
    """
    place = path if isinstance(path, str) else None
    try:
        async with database.app.begin() as connection:
            if alone:
                await _be_alone(connection)
            await _again(connection, caller, fenced=not alone)
            if not isinstance(path, str):
                place = await path(connection)
            if place is None or not caller.reaches(place):
                raise NotFound
            if not policy.decide(caller.role, noun, action).on_path:
                raise Forbidden("FORBIDDEN", action=f"{noun}:{action}")
            yield connection
    except HubError as refusal:
        await refuse(database, caller, f"{noun}:{action}", place, refusal)
        raise
    except (*LOST, PoolTimeout) as error:
        raise Unavailable from error
    except DBAPIError as error:
        if alone and isinstance(_cause(error), asyncpg.LockNotAvailableError):
            raise Unavailable("REGISTER_BUSY") from error
        if isinstance(_cause(error), EXPIRED):
            raise Unavailable("TIMEOUT") from error
        if isinstance(_cause(error), asyncpg.PostgresConnectionError) or error.connection_invalidated:
            raise Unavailable from error
        raise


async def scope(connection: AsyncConnection, caller: Caller) -> None:
    """Tell row security who acts where, for this transaction only. The trial does not end before this transaction.

    Raises Conflict TRIAL_ENDED if it has ended since the caller was looked up, Unavailable while it is being ended.
    """
    _fence(caller, (await _entering(connection, _ENTER, _scope_of(caller))).scalar_one())


def _scope_of(caller: Caller) -> dict[str, str]:
    roots = caller.roots
    return {
        "low": min(roots, default=""),
        "high": max(map(paths.end, roots), default=""),
        "roots": "{" + ",".join(roots) + "}",
        "account": str(caller.account.id),
    }


async def record(
    connection: AsyncConnection,
    caller: Caller,
    action: str,
    *,
    about: str,
    path: str,
    facts: dict[str, Any],
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    event: str,
) -> None:
    """Write what an accepted action did: audit entry, its values apart, one event in the outbox."""
    values = orjson.dumps([before, after], default=str, option=orjson.OPT_SORT_KEYS)
    entry = {
        "account": caller.account.id,
        "role": caller.role,
        "action": action,
        "about": about,
        "path": path,
        "facts": orjson.dumps(facts, default=str).decode(),
        "hash": hashlib.sha256(values).digest(),
        "valued": before is not None or after is not None,
        "before": orjson.dumps(before, default=str).decode(),
        "after": orjson.dumps(after, default=str).decode(),
        "event": event,
    }
    await connection.execute(_RECORD, entry)


@dataclass(frozen=True, slots=True)
class Once:
    """A write that may be sent again: the client's idempotency key, if any, and what it asks for.

    `payload` is hashed, never kept.
    """

    key: str | None
    operation: str
    payload: Any

    @property
    def digest(self) -> bytes:
        """What tells two requests under one key apart; a field left out is not the same as an empty one."""
        return hashlib.sha256(orjson.dumps(self.payload, default=repr, option=orjson.OPT_SORT_KEYS)).digest()


async def once(
    connection: AsyncConnection, caller: Caller, request: Once, deed: Callable[[], Awaitable[list[Any]]]
) -> list[Any]:
    """Do a deed, or if the caller did it before under this key, answer what it answered then.

    A deed answers ids, so that a retry reads again under today's rights. Of two at once the second waits.
    Raises Conflict KEY_REUSED when the key came with something else, BadInput for a key that is none.
    """
    if request.key is None:
        return await deed()
    if not 8 <= len(request.key) <= 100 or not request.key.isprintable():
        raise BadInput("BAD_KEY", field="idempotencyKey")
    mine = {"account": caller.account.id, "key": request.key}
    if not await claim(connection, caller, request):
        known = (await connection.execute(_CLAIMED, mine)).one()
        if (known.operation, known.payload_hash) != (request.operation, request.digest):
            raise Conflict("KEY_REUSED", field="idempotencyKey")
        return list(known.answer)
    answer = await deed()
    await connection.execute(_ANSWERED, mine | {"answer": orjson.dumps(answer).decode()})
    return answer


async def claim(connection: AsyncConnection, caller: Caller, request: Once) -> bool:
    """Take a request's idempotency key for the caller; whether it was free. One without a key has nothing to take."""
    if request.key is None:
        return True
    mine = {"account": caller.account.id, "key": request.key, "operation": request.operation, "hash": request.digest}
    return (await connection.execute(_CLAIM, mine)).first() is not None


async def fresh(
    connection: AsyncConnection, about: str, found: int, known: int | None, *, also: Collection[str] = ()
) -> None:
    """Refuse an edit that rests on an older version of a row. Raises Conflict STALE naming the changed fields.

    `also` are fields that changed otherwise than by an edit of the row alone.
    """
    if known is None or known == found:
        return
    edited = (await connection.execute(_CHANGED, {"about": about, "known": known})).scalar_one()
    changed = sorted({*edited, *also})
    names = "、".join(changed) or "—"
    raise Conflict("STALE", fields=names, version=found, details={"changed": changed, "version": found})


async def refuse(database: Database, caller: Caller, action: str, path: str | None, refusal: HubError) -> None:
    """Audit a refusal, in a transaction of its own; a database that is gone cannot, and must not hide the refusal."""
    entry = (
        insert(Audit)
        .inline()
        .values(
            account_id=caller.account.id,
            role=caller.role,
            action=action,
            path=path,
            outcome=Outcome.REFUSED,
            code=refusal.code,
            facts={"key": refusal.key},
        )
    )
    try:
        async with database.app.begin() as connection:
            await connection.execute(entry)
    except (*LOST, PoolTimeout, DBAPIError):
        return


async def _again(connection: AsyncConnection, caller: Caller, *, fenced: bool) -> None:
    """Scope the transaction, and read session and grants again, locked against a revocation.

    Work that goes on after its person has left acts without a session: the grant is what counts.
    """
    if caller.account.session_id:
        asked = _scope_of(caller) | {"session": caller.account.session_id, "role": caller.role}
        held = (await _entering(connection, _STILL_HELD, asked)).all()
    else:
        await scope(connection, caller)
        asked = {"account": caller.account.id, "role": caller.role}
        held = (await connection.execute(_STILL_GRANTED, asked)).all()
    if not all(any(paths.inside(root, row.root) for row in held) for root in caller.roots):
        raise Unauthenticated("UNAUTHENTICATED")
    if fenced and held:
        _fence(caller, held[0].state)


def _fence(caller: Caller, state: str | None) -> None:
    """Keep a write that was begun in the trial out of the register in force."""
    if caller.account.register not in (None, state):
        raise Conflict("TRIAL_ENDED")


async def _be_alone(connection: AsyncConnection) -> None:
    settings, lock = _ALONE
    await connection.execute(settings, {"patience": PATIENCE})
    await _entering(connection, lock)


async def _entering(connection: AsyncConnection, statement: TextClause, given: dict[str, Any] | None = None) -> Any:
    """The first statement of a write, which waits while somebody else wants to be alone."""
    try:
        return await connection.execute(statement, given)
    except DBAPIError as error:
        if isinstance(_cause(error), asyncpg.LockNotAvailableError):
            raise Unavailable("REGISTER_BUSY") from error
        raise


def _cause(error: DBAPIError) -> BaseException | None:
    return error.orig.__cause__ if error.orig else None
