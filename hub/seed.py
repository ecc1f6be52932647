"""What a release brings into the database: its code lists, the chains of its cases, and the shipped policy until a
province approves its own.
"""

from datetime import date, timedelta

import asyncpg

import policies
from hub import chains, codes, db
from hub.settings import Settings

ALWAYS = date(1949, 10, 1)
"""The first day of codes that have none of their own."""
_BEGUN = """
INSERT INTO register (state)
SELECT CASE WHEN EXISTS (SELECT FROM students)
             AND NOT EXISTS (SELECT FROM students WHERE substr(student_number, 12, 7) < '5000000') THEN 'LIVE'
            ELSE 'TRIAL' END
WHERE NOT EXISTS (SELECT FROM register) ON CONFLICT DO NOTHING"""
"""A register begins on trial. One that held pupils before there were trials is in force, so that nobody can wipe it by
mistake, unless it holds a sample's: those have the lower student numbers.
"""


async def seed(settings: Settings) -> None:
    """Bring code lists, chains and shipped policy up to this release; begin a register that is new.

    A province's own approved policy is left alone, and so is a chain it has of a kind and day.
    """
    connection = await db.system_door(settings).connect()
    try:
        async with connection.transaction():
            await _codes(connection)
            await _chains(connection)
            await _policy(connection)
            await connection.execute(_BEGUN)
    finally:
        await connection.close()


async def _codes(connection: asyncpg.Connection) -> None:
    rows = [
        (code_list.name, entry.code, entry.since or ALWAYS, _end(entry.until), entry.name, entry.english)
        for code_list in codes.lists().values()
        for entry in code_list.entries
    ]
    await connection.executemany(
        """INSERT INTO codes (list, code, since, until, name, english) VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (list, code, since) DO UPDATE
           SET until = excluded.until, name = excluded.name, english = excluded.english""",
        rows,
    )


async def _chains(connection: asyncpg.Connection) -> None:
    for (kind, since), steps in chains.shipped().items():
        found = await connection.fetchval(
            """INSERT INTO chains (kind, since, until, source, evidence) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (kind, since) DO NOTHING RETURNING id""",
            kind,
            since,
            _end(steps[0].until),
            steps[0].source,
            steps[0].evidence,
        )
        if found is not None:
            await connection.executemany(
                "INSERT INTO chain_steps (chain_id, ordinal, side, days) VALUES ($1, $2, $3, $4)",
                [(found, ordinal, step.side, step.days) for ordinal, step in enumerate(steps, 1)],
            )


async def _policy(connection: asyncpg.Connection) -> None:
    newest = await connection.fetchrow("SELECT approved_by, sha256 FROM policy_versions ORDER BY id DESC LIMIT 1")
    shipped = policies.load()
    if newest is None or (newest["approved_by"] is None and newest["sha256"] != shipped.version):
        await connection.execute(
            "INSERT INTO policy_versions (text, sha256, note) VALUES ($1, $2, $3) ON CONFLICT (sha256) DO NOTHING",
            policies.SHIPPED.read_text(encoding="utf-8"),
            shipped.version,
            "随系统发布 shipped with the release",
        )


def _end(last: date | None) -> date | None:
    return None if last is None else last + timedelta(days=1)
