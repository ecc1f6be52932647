"""Transfers inside a county, asked for and decided through the deeds, on one process with concurrent callers."""

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import asyncpg
import uvloop

import policies
from benchmarks import province
from benchmarks.driving import drive
from benchmarks.province import Province
from benchmarks.result import Result, spread
from hub import accounts, caller, cases, clock, gate, transfers
from hub.caller import Caller
from hub.db import Database
from hub.settings import Settings
from hub.terms import Verdict

CALLERS, PUPILS, ROUNDS = 16, 1_000, 3
"""How many work at once, how many pupils change school in a round."""
POLICY = policies.load()

_PUPILS = """
    SELECT s.id, s.name, s.student_number, h.path AS sender, r.path AS receiver, r.id AS school, c.id AS class,
           p.path AS county
    FROM students s JOIN schools h ON h.id = s.school_id
    JOIN school_stages t ON t.school_id = h.id AND t.stage = 'PRIMARY' AND t.until IS NULL
    JOIN places p ON p.id = t.authority_id
    JOIN LATERAL (
        SELECT r.id, r.path FROM schools r JOIN school_stages a ON a.school_id = r.id
        WHERE a.authority_id = t.authority_id AND a.stage = 'PRIMARY' AND a.until IS NULL AND r.id <> h.id
          AND EXISTS (SELECT FROM classes c WHERE c.school_id = r.id AND c.grade = s.grade AND c.closed IS NULL)
        ORDER BY hashint8(s.id + r.id) LIMIT 1) AS r ON true
    JOIN LATERAL (
        SELECT id FROM classes c
        WHERE c.school_id = r.id AND c.grade = s.grade AND c.closed IS NULL LIMIT 1) AS c ON true
    WHERE s.grade <= 6 AND s.state = 'IN_SCHOOL' AND p.level = 'COUNTY' ORDER BY hashint8(s.id) LIMIT $1"""
_PEOPLE = """
    WITH made AS (INSERT INTO accounts (username, name, must_change_password)
            SELECT role || ' ' || path, path, false FROM unnest($1::text[], $2::text[]) AS t(role, path)
            RETURNING id, username),
         granted AS (INSERT INTO grants (account_id, role, path, place_id, school_id)
            SELECT m.id, split_part(username, ' ', 1), split_part(username, ' ', 2), p.id, h.id
            FROM made m LEFT JOIN places p ON p.path = split_part(username, ' ', 2)
            LEFT JOIN schools h ON h.path = split_part(username, ' ', 2))
    INSERT INTO sessions (account_id, token_hash, expires_at)
    SELECT m.id, t.hash, now() + interval '1 day'
    FROM made m JOIN unnest($1::text[], $2::text[], $3::bytea[]) AS t(role, path, hash)
      ON t.role || ' ' || t.path = m.username"""


@dataclass
class Job:
    """A pupil to change school, the three people it takes, and the case once there is one."""

    pupil: Any
    asking: Caller
    sending: Caller
    deciding: Caller
    case: int = 0


def run() -> None:
    """Measure and publish."""
    with province.serving() as place:
        runs = uvloop.run(_measure(place))  # as `hub serve` runs
    sizes = {"students": province.STUDENTS, "pupils": PUPILS, "callers": CALLERS, "rounds": ROUNDS}
    result = Result("transfer", sizes, place.postgres, target="100 decisions/s or more on one process")
    for what, found in runs.items():
        rates = spread(one["rate"] for one in found)
        result.add(
            what=what,
            **{"1/s": rates["median"], "least": rates["least"], "most": rates["most"]},
            **{f"{name} ms": spread(one[name] for one in found)["median"] for name in ("p50", "p99", "processor")},
        )
    result.publish()


async def _measure(place: Province) -> dict[str, list[dict[str, float]]]:
    """Rounds of as many pupils, each asked for, approved by the sending school, approved by the county."""
    runs: dict[str, list[dict[str, float]]] = {}
    async with place.copied() as plain:
        settings = replace(plain, write_pool=CALLERS)
        async with Database(settings) as database:
            jobs = await _jobs(settings, database)
            warm, jobs = jobs[:100], jobs[100:]
            for deed in DEEDS.values():
                await drive(warm, CALLERS, partial(deed, database))
            for at in range(ROUNDS):
                for what, deed in DEEDS.items():
                    some = jobs[at * PUPILS : (at + 1) * PUPILS]
                    runs.setdefault(what, []).append(await drive(some, CALLERS, partial(deed, database)))
        await _check(settings, len(warm) + ROUNDS * PUPILS)
    return runs


async def _ask(database: Database, job: Job) -> None:
    typed = transfers.typed(job.pupil["name"], job.pupil["student_number"], None)
    job.case = await transfers.request(
        database,
        POLICY,
        job.asking,
        gate.Once(None, "requestTransfer", None),
        school_id=job.pupil["school"],
        class_id=job.pupil["class"],
        pupil=typed,
        why="搬家",
        files=[],
    )


async def _first(database: Database, job: Job) -> None:
    await _approve(database, job.sending, job.case)


async def _last(database: Database, job: Job) -> None:
    await _approve(database, job.deciding, job.case)


async def _approve(database: Database, who: Caller, case: int) -> None:
    once = gate.Once(None, "decideCase", None)
    await cases.decide(
        database, POLICY, who, once, case_id=case, version=None, verdict=Verdict.APPROVE, reason=None, note=None
    )


DEEDS = {"requests": _ask, "first decisions": _first, "last decisions, which move the pupil": _last}


async def _jobs(settings: Settings, database: Database) -> list[Job]:
    """Pupils drawn from the whole province, and the people of their schools and counties, signed in."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        pupils = await connection.fetch(_PUPILS, ROUNDS * PUPILS + 100)
        people = {("school_administrator", pupil["receiver"]) for pupil in pupils}
        people |= {("school_leader", pupil["sender"]) for pupil in pupils}
        people |= {("county_leader", pupil["county"]) for pupil in pupils}
        tokens = {(role, path): f"{role} {path}" for role, path in sorted(people)}
        hashes = [hashlib.sha256(token.encode()).digest() for token in tokens.values()]
        await connection.execute(_PEOPLE, [role for role, _ in tokens], [path for _, path in tokens], hashes)
        await connection.execute("ANALYZE; CHECKPOINT")
    finally:
        await connection.close()
    sessions = accounts.Sessions(database)
    callers = {who: caller.act(await sessions.find(token), None, clock.now()) for who, token in tokens.items()}
    return [
        Job(
            pupil,
            callers["school_administrator", pupil["receiver"]],
            callers["school_leader", pupil["sender"]],
            callers["county_leader", pupil["county"]],
        )
        for pupil in pupils
    ]


async def _check(settings: Settings, pupils: int) -> None:
    """See that every pupil arrived, and was told of: a faster wrong answer would measure nothing."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        for rows in (
            "cases WHERE state = 'DONE'",
            "placements WHERE began_by = 'TRANSFER_IN_COUNTY' AND until IS NULL",
            "leases WHERE view = 'RECORD' AND until > now()",
            "audit WHERE action = 'student:transfer'",
            "outbox WHERE kind = 'CASE_DONE'",
        ):
            found = await connection.fetchval(f"SELECT count(*) FROM {rows}")
            if found < pupils:
                raise RuntimeError(f"{found} {rows}, {pupils} pupils")
    finally:
        await connection.close()
