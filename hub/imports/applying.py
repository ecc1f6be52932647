"""Applying: proposals become students, a part a transaction; a part that was written is never written again."""

import asyncio
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, gate, placements, problems
from hub.imports.job import Job, Lost
from hub.imports.pupils import FAMILY, KEPT, MEMBER, PLAIN
from hub.models import School
from hub.terms import ImportMode, ImportState, RowVerdict

_PARTS = text(
    """SELECT min(number), max(number), count(*), count(*) FILTER (WHERE verdict = 'CREATE') FROM (
           SELECT r.number, r.verdict, (row_number() OVER (ORDER BY r.number) - 1) / :size AS part
           FROM import_rows r JOIN imports i ON i.id = r.import_id
           WHERE r.import_id = :import AND r.verdict IN ('CREATE', 'UPDATE') AND NOT r.number::integer <@ i.applied
       ) AS numbered GROUP BY part ORDER BY part"""
)
_CHUNK = """SELECT r.* FROM import_rows r
       WHERE r.import_id = :import AND r.number BETWEEN :first AND :last AND r.verdict = :verdict"""
_ROWS = text(f"SELECT number, student_id, student_version, changes, before FROM ({_CHUNK}) AS r ORDER BY number")  # noqa: S608
_PERSON = "(p.name, p.sex, p.birth_date) IN (SELECT name, sex, birth_date FROM mine"
_KNOWN = f"""coalesce(p.id_number IN (SELECT id_number FROM mine WHERE id_number IS NOT NULL),
                        p.id_number IS NULL AND {_PERSON})) OR {_PERSON} WHERE id_number IS NULL)"""  # noqa: S608 -- constants
"""Whether the school has the pupil, looked up by hash: a plan of joins rests on how many pupils it thinks there are."""
_COLUMNS = ", ".join(("name_key", "name_terms", *KEPT))
_VALUES = ", ".join(f"p.{name}" for name in ("name_key", "name_terms", *KEPT))
_CREATE = text(
    f"""WITH taught AS MATERIALIZED (
           SELECT id, official_number, path, grade, school_year FROM classes
           WHERE school_id = :school AND closed IS NULL
       ), mine AS MATERIALIZED (
           SELECT id_number, name, sex, birth_date FROM students WHERE school_id = :school AND state <> 'DELETED'
       ), numbered AS MATERIALIZED (  -- in order, and each row read once: nobody knows how many a new import has
           SELECT r.*, nextval('student_numbers') AS turn FROM ({_CHUNK} ORDER BY r.number) AS r)
       INSERT INTO students (id, student_number, school_id, class_id, path, grade, school_year, {_COLUMNS})
       SELECT r.student_id,
              student_number(CASE WHEN p.id_number IS NULL THEN 'J' ELSE 'L' END, :county, :year, r.turn),
              :school, c.id, c.path, c.grade, c.school_year, {_VALUES}
       FROM numbered r JOIN taught c ON c.official_number = r.class_number
       CROSS JOIN LATERAL json_populate_record(CAST(NULL AS students), r.pupil) AS p
       WHERE NOT ({_KNOWN}) RETURNING id, student_number"""  # noqa: S608 -- constants
)
_CREATE_FAMILY = text(
    f"""INSERT INTO guardians (student_id, position, {", ".join(MEMBER)})
       SELECT r.student_id, g.position, {", ".join(f"g.{name}" for name in MEMBER)}
       FROM ({_CHUNK}) AS r CROSS JOIN LATERAL json_populate_recordset(CAST(NULL AS guardians), r.family) AS g"""  # noqa: S608 -- constants
)
_UPDATE = text(
    f"""UPDATE students s SET {", ".join(f"{name} = p.{name}" for name in PLAIN)}, version = s.version + 1,
               updated_at = now()
       FROM ({_CHUNK}) AS r CROSS JOIN LATERAL json_populate_record(CAST(NULL AS students), r.pupil) AS p
       WHERE s.id = r.student_id AND s.version = r.student_version"""  # noqa: S608 -- constants
)
_WRITTEN = text(
    """UPDATE imports SET applied = applied + int4multirange(int4range(:first, :last, '[]')), written = written + :many,
              heartbeat_at = now(),
              state = CASE WHEN written + :many = created + updated THEN 'APPLIED' ELSE state END,
              ended_at = CASE WHEN written + :many = created + updated THEN clock_timestamp() END
       WHERE id = :id AND claim = :claim AND state = 'APPLYING' RETURNING *"""
)


class Changed(Exception):
    """The register says otherwise than when the rows were judged: they must be judged anew."""


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one transaction: the first and the last number, how many there are to write, how many are new."""

    first: int
    last: int
    many: int
    new: int


async def apply(job: Job) -> None:
    """Write what is not written yet, `job.abreast` parts at a time. Raises Changed when rows must be judged anew.

    Whoever asked for all or nothing gets one transaction.
    """
    size = 2**31 if job.row.mode == ImportMode.ALL_OR_NOTHING else job.database.settings.import_part
    async with job.writing() as connection:
        planned = await connection.execute(_PARTS, {"import": job.id, "size": size})
        parts = [Part(*row) for row in planned]
        if not parts:
            await _end(connection, job)
            return
    turn = asyncio.Semaphore(job.abreast)

    async def one(part: Part) -> None:
        async with turn:
            if not failed:
                await _write(job, part)

    failed: list[BaseException] = []
    for each in asyncio.as_completed([one(part) for part in parts]):
        try:
            await each
        except (Exception, asyncio.CancelledError) as error:
            failed.append(error)
    if failed:
        raise failed[0]


async def _write(job: Job, part: Part) -> None:
    """Write one part. Nobody may form or close classes of the school, or add pupils to it one by one, meanwhile."""
    async with job.writing() as connection:
        await connection.execute(select(School.id).where(School.id == job.school.id).with_for_update(read=True))
        created = await _create(connection, job, part) if part.new else {}
        before, after = await _update(connection, job, part) if part.new < part.many else ({}, {})
        if created:
            await problems.detect(connection, list(created), sound=True)
        many = {"first": part.first, "last": part.last, "many": part.many}
        row = (await connection.execute(_WRITTEN, {"id": job.id, "claim": job.claim, **many})).one_or_none()
        if row is None:
            raise Lost
        await _record(connection, job, row, part, before, {"created": list(created.values()), "updated": after})
    job.state = row.state
    job.progress(row.written, row.created + row.updated)


async def _create(connection: AsyncConnection, job: Job, part: Part) -> dict[int, str]:
    """Insert the part's new students with their family, first placement and first version: their numbers by id."""
    chunk = _chunk(job, part, RowVerdict.CREATE)
    given = {"school": job.school.id, "county": job.school.territory, "year": clock.today().year}
    created = {row.id: row.student_number for row in await connection.execute(_CREATE, chunk | given)}
    if len(created) != part.new:  # a class was closed since, or somebody else has entered a pupil of these
        raise Changed
    await connection.execute(_CREATE_FAMILY, chunk)
    await placements.begin(connection, list(created), "ENROLMENT")
    return created


async def _update(connection: AsyncConnection, job: Job, part: Part) -> tuple[dict[str, Any], dict[str, Any]]:
    """Bring known students' plain data and family up to their rows: what was, and what is now, by student."""
    chunk = _chunk(job, part, RowVerdict.UPDATE)
    rows = (await connection.execute(_ROWS, chunk)).all()
    ids = [row.student_id for row in rows]
    if (await connection.execute(_UPDATE, chunk)).rowcount != len(ids):
        raise Changed
    families = [row.student_id for row in rows if FAMILY in row.changes]
    if families:
        await connection.execute(text("DELETE FROM guardians WHERE student_id = ANY (:ids)"), {"ids": families})
        family = text(f"{_CREATE_FAMILY.text} WHERE r.student_id = ANY (:ids)")
        await connection.execute(family, chunk | {"ids": families})
    await placements.renew(connection, ids)
    pupils = text(f"SELECT student_id, pupil FROM ({_CHUNK}) AS r")  # noqa: S608 -- a constant
    says = {row.student_id: row.pupil for row in await connection.execute(pupils, chunk)}
    before = {str(row.student_id): {key: row.before[key] for key in row.changes if key != FAMILY} for row in rows}
    after = {found: {key: says[int(found)][key] for key in was} for found, was in before.items()}
    return before, after


async def _end(connection: AsyncConnection, job: Job) -> None:
    """End an import of which nothing is left to write."""
    row = await job.mark(connection)
    state = ImportState.REFUSED if row.rejected and row.rejected == row.total else ImportState.APPLIED
    row = await job.mark(connection, state=state, ended_at=clock.now())
    if not row.written:
        await _record(connection, job, row, None, {}, {"created": [], "updated": {}})


async def _record(
    connection: AsyncConnection, job: Job, row: Any, part: Part | None, before: dict[str, Any], after: dict[str, Any]
) -> None:
    facts = {name: getattr(row, name) for name in ("total", "created", "updated", "unchanged", "rejected")}
    if part is not None and part.many < row.created + row.updated:
        facts["rows"] = [part.first, part.last]
    await gate.record(
        connection,
        job.caller,
        "student:import",
        about=f"import:{job.id}",
        path=job.school.path,
        facts=facts,
        before=before,
        after=after,
        event="STUDENTS_IMPORTED",
    )


def _chunk(job: Job, part: Part, verdict: RowVerdict) -> dict[str, Any]:
    return {"import": job.id, "first": part.first, "last": part.last, "verdict": verdict}
