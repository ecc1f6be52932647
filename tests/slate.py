"""The tests' database between tests: wiped, or with the small province in it, put back as it was made the first time.

Making the province takes a hundred and fifty statements, putting its rows back a dozen. Where no transaction has
written since, nothing is done at all.
"""

import secrets
from copy import deepcopy
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Self

import asyncpg

from hub import db
from hub.models import Base
from hub.settings import Settings
from tests.province import Province, make_province

COUNTS = ("count_deltas", "problem_deltas", "problem_tallies", "count_cells", "count_totals")
KEPT = {"chains", "chain_steps", "codes", "link_secrets", "policy_versions", "alembic_version", "register"}
TABLES = [table.name for table in reversed(Base.metadata.sorted_tables) if table.name not in KEPT] + list(COUNTS)
WIPE = ";".join(
    ["UPDATE register SET requested_by = NULL, requested_at = NULL", *(f"DELETE FROM {name}" for name in TABLES)]
)
WRITTEN = "SELECT pg_snapshot_xmin(now.s)::text, pg_snapshot_xmax(now.s)::text FROM pg_current_snapshot() AS now (s)"


async def empty(connection: asyncpg.Connection) -> None:
    """Leave a database empty, but for what a release brings."""
    await connection.execute(WIPE)


@dataclass
class Slate:
    """What a database is known to hold, and by which transaction."""

    settings: Settings
    owner: asyncpg.Connection
    """A superuser, for whom no trigger fires: rows are put back, not written."""
    made: Province = field(default_factory=Province)
    rows: dict[str, bytes] = field(default_factory=dict)
    """The province's rows by table, once it was made."""
    held: tuple[bool, str] | None = None
    """Whether it holds the province, and the next transaction when that was so."""

    @classmethod
    async def of(cls, settings: Settings) -> Self:
        """The slate of a migrated, empty database."""
        quiet = {"session_replication_role": "replica"}
        return cls(settings, await asyncpg.connect(settings.database_url, server_settings=quiet))

    async def wipe(self) -> None:
        """Leave the database empty."""
        if await self._differs(filled=False):
            await empty(self.owner)
            self.held = (False, await self._next())

    async def province(self) -> Province:
        """Leave the database with the small province in it and nothing else."""
        if not self.rows:
            await self.wipe()
            await self._make()
        elif await self._differs(filled=True):
            async with self.owner.transaction():
                await empty(self.owner)
                for table, rows in self.rows.items():
                    await self.owner.copy_to_table(table, source=BytesIO(rows), format="binary")
                await self._sign_in()
            self.held = (True, await self._next())
        return deepcopy(self.made)

    async def _make(self) -> None:
        connection = await db.system_door(self.settings).connect()
        self.made = await make_province(connection)
        await connection.close()
        for table in reversed(TABLES):
            if await self.owner.fetchval(f"SELECT EXISTS (SELECT FROM {table})"):
                into: Any = BytesIO()
                await self.owner.copy_from_table(table, output=into, format="binary")
                self.rows[table] = into.getvalue()
        self.held = (True, await self._next())

    async def _sign_in(self) -> None:
        """Give everybody a new token: what a hub remembers of the old ones may be older than the rows."""
        self.made.tokens = {caller: secrets.token_urlsafe(32) for caller in self.made.tokens}
        await self.owner.execute(
            """UPDATE sessions AS s SET token_hash = sha256(made.token::bytea), expires_at = now() + interval '1 hour'
               FROM unnest($1::bigint[], $2::text[]) AS made (account, token) WHERE s.account_id = made.account""",
            [self.made.accounts[caller] for caller in self.made.tokens],
            list(self.made.tokens.values()),
        )

    async def _differs(self, *, filled: bool) -> bool:
        return self.held is None or self.held != (filled, await self._next())

    async def _next(self) -> str:
        """The transaction that will be the next to write; while another is at it, nothing equals what is answered."""
        first_open, following = await self.owner.fetchrow(WRITTEN)
        return following if first_open == following else f"{first_open} is open before {following}"
