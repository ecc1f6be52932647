"""A seat: somebody signed in from the command line, with the means that a request would have."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import policies
from hub import accounts, caller, clock
from hub.caller import Caller
from hub.db import Database
from hub.files import Files
from hub.settings import Settings
from policies import Policy, Role


@dataclass(frozen=True, slots=True)
class Seat:
    """The pools, the policy in force, the file store, and who acts."""

    database: Database
    policy: Policy
    files: Files
    caller: Caller


@asynccontextmanager
async def taken(settings: Settings, username: str, password: str, role: Role | None = None) -> AsyncIterator[Seat]:
    """Sign in for a block, under a role or the first, and out again. Raises Unauthenticated, Forbidden."""
    async with Database(settings) as database:
        signed_in = await accounts.sign_in(database, username, password)
        account = await accounts.Sessions(database).find(signed_in.token)
        policy = policies.load(await _policy(database))
        try:
            yield Seat(database, policy, Files(settings.home / "files"), caller.act(account, role, clock.now()))
        finally:
            await accounts.sign_out(database, account)


async def _policy(database: Database) -> str | None:
    async with database.reading() as connection:
        text: str | None = await connection.fetchval("SELECT text FROM policy_versions ORDER BY id DESC LIMIT 1")
    return text
