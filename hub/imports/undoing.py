"""Undoing: what an import wrote is taken back row by row; what somebody edited later is kept and told."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, gate, placements
from hub.imports import pupils
from hub.imports.job import Job
from hub.imports.pupils import FAMILY, KEPT, MEMBER, PLAIN, Pupil
from hub.terms import ImportState, RowVerdict, Undoing
from policies import Action

_ROWS = text(
    """SELECT r.number, r.verdict, r.student_id, r.changes, r.before, r.pupil, r.family
       FROM import_rows r JOIN imports i ON i.id = r.import_id
       WHERE r.import_id = :import AND r.number::integer <@ i.applied AND r.verdict IN ('CREATE', 'UPDATE')
         AND r.undone IS NULL ORDER BY r.number LIMIT :many"""
)
_GONE = text("SELECT undo_created(:import, :ids)")
_RESTORE = text(
    f"""UPDATE students s SET {", ".join(f"{name} = p.{name}" for name in PLAIN)}, version = s.version + 1,
               updated_at = now()
       FROM json_populate_recordset(CAST(NULL AS students), CAST(:rows AS json)) AS p WHERE s.id = p.id"""  # noqa: S608 -- constants
)
_FAMILY = text(
    f"""INSERT INTO guardians (student_id, position, {", ".join(MEMBER)})
       SELECT student_id, position, {", ".join(MEMBER)}
       FROM json_populate_recordset(CAST(NULL AS guardians), CAST(:rows AS json))"""  # noqa: S608 -- constants
)
_TOLD = text(
    """UPDATE import_rows r SET undone = t.undone, later = string_to_array(t.later, ',')
       FROM unnest(CAST(:numbers AS bigint[]), CAST(:undone AS text[]), CAST(:later AS text[]))
         AS t (number, undone, later)
       WHERE r.import_id = :import AND r.number = t.number"""
)
_UNKNOWN_EDIT = "record"


async def undo(job: Job) -> None:
    """Take back everything that nobody edited since, a part a transaction; then the import is UNDONE."""
    while True:
        async with job.writing(Action.DELETE) as connection:
            rows = (
                await connection.execute(_ROWS, {"import": job.id, "many": job.database.settings.import_part})
            ).all()
            if not rows:
                await job.mark(connection, state=ImportState.UNDONE, ended_at=clock.now())
                return
            told = await _uncreate(connection, job, [row for row in rows if row.verdict == RowVerdict.CREATE])
            told |= await _restore(connection, [row for row in rows if row.verdict == RowVerdict.UPDATE])
            await _tell(connection, job, told)
            row = await job.mark(connection)
        job.progress(row.kept, row.written)


async def _uncreate(connection: AsyncConnection, job: Job, rows: Sequence[Any]) -> dict[int, list[str]]:
    """Take new students back; by row number, what of them was edited later."""
    if not rows:
        return {}
    ids = [row.student_id for row in rows]
    gone = set((await connection.execute(_GONE, {"import": job.id, "ids": ids})).scalars())
    kept = await pupils.records(connection, [found for found in ids if found not in gone])
    return {row.number: [] if row.student_id in gone else _edited(kept.get(row.student_id), row) for row in rows}


def _edited(current: Pupil | None, row: Any) -> list[str]:
    """What of a new pupil differs from its row; who differs in nothing had something else happen."""
    says = row.pupil | {FAMILY: row.family}
    fields = [key for key in (*KEPT, FAMILY) if current and not _still(key, current[key], says[key])]
    return fields or [_UNKNOWN_EDIT]


async def _restore(connection: AsyncConnection, rows: Sequence[Any]) -> dict[int, list[str]]:
    """Give known students back what a row replaced, field by field where the field still says what the row said."""
    if not rows:
        return {}
    ids = sorted(row.student_id for row in rows)
    await connection.execute(text("SELECT id FROM students WHERE id = ANY (:ids) ORDER BY id FOR UPDATE"), {"ids": ids})
    now = await pupils.records(connection, ids)
    told: dict[int, list[str]] = {}
    plain: list[Pupil] = []
    families: dict[int, list[Pupil]] = {}
    for row in rows:
        current = now.get(row.student_id)
        if current is None:  # the pupil has left for where the caller does not reach
            told[row.number] = [_UNKNOWN_EDIT]
            continue
        says = row.pupil | {FAMILY: row.family}
        told[row.number] = [key for key in row.changes if not _still(key, current[key], says[key])]
        back = {key: row.before[key] for key in row.changes if key not in told[row.number]}
        if FAMILY in back:
            families[row.student_id] = back.pop(FAMILY)
        if back or row.student_id in families:
            plain.append({"id": row.student_id, **{key: current[key] for key in PLAIN}, **back})
    if plain:
        await connection.execute(_RESTORE, {"rows": orjson.dumps(plain, default=str).decode()})
    if families:
        await connection.execute(text("DELETE FROM guardians WHERE student_id = ANY (:ids)"), {"ids": [*families]})
        members = [{"student_id": found, **member} for found, family in families.items() for member in family]
        await connection.execute(_FAMILY, {"rows": orjson.dumps(members, default=str).decode()})
    await placements.renew(connection, ids)
    return told


def _still(key: str, current: Any, said: Any) -> bool:
    """Whether a field says what the row said; a row was kept as JSON, where days and distances are text."""
    if key == FAMILY:
        return bool(current == said)
    if key == "distance_km" and current is not None and said is not None:
        return pupils.same(current, type(current)(said))
    return pupils.same(current, said)


async def _tell(connection: AsyncConnection, job: Job, told: dict[int, list[str]]) -> None:
    kept = [Undoing.KEPT if later else Undoing.UNDONE for later in told.values()]
    columns = {"numbers": [*told], "undone": kept, "later": [",".join(later) for later in told.values()]}
    await connection.execute(_TOLD, {"import": job.id, **columns})
    undone = kept.count(Undoing.UNDONE)
    await connection.execute(
        text("UPDATE imports SET kept = kept + :kept WHERE id = :id"), {"id": job.id, "kept": len(kept) - undone}
    )
    await gate.record(
        connection,
        job.caller,
        "import:delete",
        about=f"import:{job.id}",
        path=job.school.path,
        facts={"undone": undone, "kept": len(kept) - undone, "rows": [min(told), max(told)]},
        after={"later": {str(number): later for number, later in told.items() if later}},
        event="IMPORT_UNDONE",
    )
