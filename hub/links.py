"""Signed links: a short-lived address of one thing, good for one session of one account under one role."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from hub import clock, system
from hub.caller import Caller
from hub.db import Database
from hub.errors import NotFound

PREFIX = "/downloads/"
_MAC = hashlib.sha256
_LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class Link:
    """An address of this hub, and until when it leads anywhere."""

    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """What a link says: of what kind the thing is, which one, and under which role it was asked for."""

    kind: str
    key: str
    role: str


class Links:
    """Makes and reads links, with the secret of the database, which the process keeps once it has seen it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._secret: bytes | None = None

    async def make(self, caller: Caller, kind: str, key: str) -> Link:
        """A link to a thing, for the caller's session; whether they may have it is asked again when it is used."""
        ends = clock.now() + timedelta(minutes=self._database.settings.link_minutes)
        account = caller.account
        said = orjson.dumps([kind, key, caller.role, account.id, account.session_id, int(ends.timestamp())])
        token = base64.urlsafe_b64encode(await self._sign(said) + said).rstrip(b"=").decode()
        return Link(PREFIX + token, datetime.fromtimestamp(int(ends.timestamp()), clock.SHANGHAI))

    async def read(self, token: str, account_id: int, session_id: int) -> Claim:
        """What a link says, to the session it was made for.

        Raises NotFound for every other token: forged, expired, another account's or another session's.
        """
        mac, said = _split(token)
        if not hmac.compare_digest(mac, await self._sign(said)):
            raise NotFound
        kind, key, role, account, session, ends = orjson.loads(said)
        if (account, session) != (account_id, session_id) or clock.now().timestamp() >= ends:
            raise NotFound
        return Claim(kind, key, role)

    async def _sign(self, said: bytes) -> bytes:
        if self._secret is None:
            async with self._database.system.begin() as connection:
                self._secret = await system.link_secret(connection)
        return hmac.digest(self._secret, said, _MAC)


def _split(token: str) -> tuple[bytes, bytes]:
    """Signature and words of a token that is written as we write it. Raises NotFound."""
    if len(token) > _LONGEST or not token.isascii():
        raise NotFound
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise NotFound from None
    size = _MAC().digest_size
    if len(raw) <= size or base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != token:
        raise NotFound
    return raw[:size], raw[size:]
