"""Signing in and out, and knowing who asks."""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import asyncpg
import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, passwords, system
from hub.caller import Account, Held
from hub.db import Database
from hub.errors import BadInput, Unauthenticated
from hub.terms import Outcome

SESSION = """
SELECT s.token_hash, s.id AS session_id, s.expires_at, a.id, a.username, a.name, a.must_change_password,
       (SELECT max(id) FROM policy_versions) AS policy, (SELECT state FROM register) AS register,
       (SELECT coalesce(json_agg(json_build_object(
               'role', g.role, 'root', g.path, 'code', coalesce(p.code, h.code, c.number),
               'title', coalesce(p.name, h.name, c.name), 'since', g.since, 'until', g.until) ORDER BY g.id), '[]')
        FROM grants g LEFT JOIN places p ON p.id = g.place_id LEFT JOIN schools h ON h.id = g.school_id
        LEFT JOIN classes c ON c.id = g.class_id
        WHERE g.account_id = a.id AND (g.until IS NULL OR g.until > now()))::text AS grants
FROM sessions s JOIN accounts a ON a.id = s.account_id
WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.expires_at > now() AND a.disabled_at IS NULL
"""
_SESSIONS = SESSION.replace("= $1", "= ANY($1)")
"""The same of many."""
_MOST_SESSIONS = 20_000


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session: its bearer token, seen only here, and when it ends."""

    token: str
    expires_at: datetime


class Sessions:
    """The process's memory of sessions, at most `session_cache` seconds old; expiry is compared on every use."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.policy: int | None = None
        self._seen: OrderedDict[bytes, tuple[float, Account]] = OrderedDict()

    async def find(self, token: str) -> Account:
        """Who a bearer token belongs to. Raises Unauthenticated for one that is unknown, ended or expired."""
        key = token_hash(token)
        seen = self._seen.get(key)
        account = seen[1] if seen and monotonic() - seen[0] < self.database.settings.session_cache else None
        if account is None:
            account = await self._look_up(key)
        if account.expires_at <= clock.now():
            raise Unauthenticated("UNAUTHENTICATED")
        return account

    async def find_all(self, tokens: Collection[str]) -> dict[str, Account]:
        """Whose bearer tokens these are, all looked up anew in one statement. One that is unknown, ended or expired is
        not in the answer, and forgotten.
        """
        keys = {token_hash(token): token for token in tokens}
        started = monotonic()
        async with self.database.reading() as connection:
            rows = await connection.fetch(_SESSIONS, list(keys))
        found = {keys[row["token_hash"]]: self._keep(row, started) for row in rows}
        for token in tokens:
            if token not in found:
                self.forget(token)
        return found

    def remembered(self, token: str) -> int | None:
        """The account whose session a token is that was seen before, ended since or not; None if it was not."""
        seen = self._seen.get(token_hash(token))
        return seen[1].id if seen else None

    def forget(self, token: str) -> None:
        """Drop a session from memory: it was ended here."""
        self._seen.pop(token_hash(token), None)

    def forget_all(self) -> None:
        """Look every session up anew: what they all know has changed."""
        self._seen.clear()

    async def _look_up(self, key: bytes) -> Account:
        started = monotonic()
        async with self.database.reading() as connection:
            row = await connection.fetchrow(SESSION, key)
        if row is None:
            self._seen.pop(key, None)
            raise Unauthenticated("UNAUTHENTICATED")
        return self._keep(row, started)

    def _keep(self, row: asyncpg.Record, started: float) -> Account:
        key, account = row["token_hash"], _account(row)
        self.policy = row["policy"]
        self._seen[key] = (started, account)
        self._seen.move_to_end(key)
        if len(self._seen) > _MOST_SESSIONS:
            self._seen.popitem(last=False)
        return account


async def sign_in(database: Database, username: str, password: str) -> SignedIn:
    """Begin a session for a user name and a password.

    Whoever fails hears the same, after the same work: unknown name, wrong password, locked or disabled account.
    After `password_attempts` failures in a row the account is locked for `lock_minutes`. Raises Unauthenticated.
    """
    settings, now = database.settings, clock.now()
    async with database.system.connect() as connection:
        row = await system.find_account(connection, username)
        kept = row.password_hash if row else None
        await connection.commit()
    right = await passwords.fits(password, kept)
    async with database.system.begin() as connection:
        row = await system.find_account(connection, username)
        open_ = row is not None and row.disabled_at is None and not (row.locked_until and row.locked_until > now)
        if row is not None and right and open_ and row.password_hash == kept:
            token = secrets.token_urlsafe(32)
            expires_at = now + timedelta(hours=settings.session_hours)
            await system.note_attempt(connection, row.id, 0, None)
            await system.open_session(connection, row.id, token_hash(token), expires_at)
            await system.audit(connection, account_id=row.id, action="account:signIn", outcome=Outcome.ACCEPTED)
            return SignedIn(token, expires_at)
        await _note_failure(database, connection, row, "account:signIn", now, guessed=open_ and not right)
    raise Unauthenticated("WRONG_PASSWORD")


async def sign_out(database: Database, account: Account) -> None:
    """End the session of this request."""
    async with database.system.begin() as connection:
        await system.end_sessions(connection, account.id, account.session_id, clock.now())
        await system.audit(connection, account_id=account.id, action="account:signOut", outcome=Outcome.ACCEPTED)


async def change_password(database: Database, account: Account, old: str, new: str) -> None:
    """Replace one's own password; every session of the account ends, this one too.

    A wrong old password counts as a failed sign-in does: a session left open is no place to guess.
    Raises Unauthenticated if the old password is wrong, BadInput if the new one is weak.
    """
    passwords.check(new, account.username, database.settings.password_length)
    if new == old:
        raise BadInput("SAME_PASSWORD", field="newPassword")
    async with database.system.connect() as connection:
        row = await system.find_account(connection, account.username)
        kept = row.password_hash if row else None
        await connection.commit()
    right = await passwords.fits(old, kept)
    hashed, now = await passwords.make(new), clock.now()
    async with database.system.begin() as connection:
        row = await system.find_account(connection, account.username)
        open_ = row is not None and row.disabled_at is None and not (row.locked_until and row.locked_until > now)
        if right and open_ and row.password_hash == kept:
            await system.set_password(connection, account.id, hashed, now)
            await system.end_sessions(connection, account.id, None, now)
            action = "account:changePassword"
            await system.audit(connection, account_id=account.id, action=action, outcome=Outcome.ACCEPTED)
            return
        await _note_failure(database, connection, row, "account:changePassword", now, guessed=open_ and not right)
    raise Unauthenticated("WRONG_PASSWORD", field="oldPassword")


async def _note_failure(
    database: Database, connection: AsyncConnection, row: Any, action: str, now: datetime, *, guessed: bool
) -> None:
    """Audit a refusal; a wrong password for an open account counts towards its lock."""
    settings = database.settings
    if guessed:
        failed = row.failed_attempts + 1
        lock = now + timedelta(minutes=settings.lock_minutes) if failed >= settings.password_attempts else None
        await system.note_attempt(connection, row.id, 0 if lock else failed, lock)
    account_id = row.id if row else None
    await system.audit(
        connection, account_id=account_id, action=action, outcome=Outcome.REFUSED, code="UNAUTHENTICATED"
    )


def token_hash(token: str) -> bytes:
    """What the database keeps of a token. It has 256 random bits, so a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode()).digest()


def _account(row: asyncpg.Record) -> Account:
    held = tuple(
        Held(grant["role"], grant["root"], grant["code"], grant["title"], _moment(grant["since"]), _end(grant["until"]))
        for grant in orjson.loads(row["grants"])
    )
    return Account(
        row["id"],
        row["session_id"],
        row["username"],
        row["name"],
        row["must_change_password"],
        row["expires_at"],
        held,
        row["register"],
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _end(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
