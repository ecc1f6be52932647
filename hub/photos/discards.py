"""Bytes of the file store that are to go: written down before they are stored, taken back when a row names them.

Whatever crashes in between, bytes that no row names are known by their key, and removed by the next who comes along.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, gate, system
from hub.caller import Caller
from hub.db import Database
from hub.files import Files

_ABANDONED = timedelta(hours=1)
"""After this long nobody is still about to name a key."""
_FORESEE = text("INSERT INTO discards (key, account_id) SELECT key, :account FROM unnest(CAST(:keys AS text[])) AS key")
_TAKE_BACK = text("DELETE FROM discards WHERE key = ANY (:keys)")


async def foresee(connection: AsyncConnection, caller: Caller, keys: Sequence[str]) -> None:
    """Write down keys whose bytes are about to be stored."""
    await connection.execute(_FORESEE, {"account": caller.account.id, "keys": list(keys)})


async def take_back(connection: AsyncConnection, keys: Sequence[str]) -> None:
    """Keep the bytes of keys that a row of this transaction names."""
    await connection.execute(_TAKE_BACK, {"keys": list(keys)})


async def carry_out(database: Database, store: Files, caller: Caller, keys: Sequence[str]) -> None:
    """Remove the bytes of the caller's own discards, then the notes of them."""
    if keys:
        await store.erase(keys)
        async with database.app.begin() as connection:
            await gate.scope(connection, caller)
            await take_back(connection, keys)


async def sweep(database: Database, store: Files) -> None:
    """Remove what somebody was about to store or remove an hour ago and never did."""
    async with database.system.begin() as connection:
        keys = await system.abandoned_discards(connection, clock.now() - _ABANDONED)
        await store.erase(keys)
        await system.forget_discards(connection, keys)
