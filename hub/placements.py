"""Placements and versions of pupils: where a pupil is, and what is counted of them, both kept as history."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock

_COUNTED = """s.path, s.school_year, s.grade, s.sex, s.state, s.attendance_type = '2', coalesce(s.migrant_child, false),
              s.left_behind <> '0', s.id_number IS NULL"""
_VERSION_COLUMNS = "path, school_year, grade, sex, state, boarding, migrant, left_behind, without_id"
_BEGUN = """INSERT INTO placements (student_id, school_id, class_id, path, grade, school_year, since, began_by)
       SELECT id, school_id, class_id, path, grade, school_year, :day, :cause FROM students WHERE id = ANY (:ids)"""
_BEGIN = text(_BEGUN)
_ENDED = """UPDATE placements SET ended_by = :cause,
           until = CASE WHEN since < :day THEN CAST(:day AS date) END,
           voided_at = CASE WHEN since < :day THEN NULL ELSE now() END
       WHERE student_id = ANY (:ids) AND until IS NULL AND voided_at IS NULL"""
_END = text(_ENDED)
_FIRST = text(
    f"""WITH begun AS ({_BEGUN}) INSERT INTO student_versions (student_id, effective, {_VERSION_COLUMNS})
        SELECT s.id, :day, {_COUNTED} FROM students s WHERE s.id = ANY (:ids)"""  # noqa: S608 -- constants
)
_RENEW = text(
    f"""WITH ended AS (
            UPDATE student_versions v SET recorded_until = greatest(now(), v.recorded_from + interval '1 microsecond')
            FROM students s WHERE s.id = v.student_id AND s.id = ANY (:ids) AND v.recorded_until IS NULL
              AND (v.{_VERSION_COLUMNS.replace(", ", ", v.")}) IS DISTINCT FROM ({_COUNTED}) RETURNING s.id)
        INSERT INTO student_versions (student_id, effective, {_VERSION_COLUMNS})
        SELECT s.id, :day, {_COUNTED} FROM students s JOIN ended ON ended.id = s.id"""  # noqa: S608 -- constants
)
_MOVE = text(
    f"""WITH ended AS ({_ENDED}), carried AS (
            UPDATE problem_records SET path = :path WHERE student_id = ANY (:ids) AND state = 'OPEN')
        UPDATE students SET school_id = :school, class_id = :class, path = :path, grade = coalesce(:grade, grade),
            school_year = :year, version = version + 1, updated_at = now()
        WHERE id = ANY (:ids)"""  # noqa: S608 -- a constant
)


async def begin(connection: AsyncConnection, ids: Sequence[int], cause: str) -> None:
    """Write the first placement and the first version of new pupils, from where their records stand."""
    await connection.execute(_FIRST, {"ids": list(ids), "day": clock.today(), "cause": cause})


async def move(connection: AsyncConnection, ids: Sequence[int], to: Any, cause: str, *, grade: int | None) -> None:
    """Move pupils to a class (a row of `classes`): the old placement ends, a new one begins, versions follow.

    A placement that began today is voided, not zero-lengthed. Open problem records go along. `grade` None keeps each
    pupil's own grade, as within a combined class.
    """
    ids = list(ids)
    day: date = clock.today()
    moved = {"ids": ids, "day": day, "cause": cause}
    place = {"school": to.school_id, "class": to.id, "path": to.path, "grade": grade, "year": to.school_year}
    await connection.execute(_MOVE, moved | place)
    await connection.execute(_BEGIN, moved)
    await renew(connection, ids)


async def leave(connection: AsyncConnection, ids: Sequence[int], state: str, cause: str) -> None:
    """End pupils' placements without a new one, leaving the record where it is in another enrolment state."""
    ids = list(ids)
    await connection.execute(_END, {"ids": ids, "day": clock.today(), "cause": cause})
    await connection.execute(
        text("UPDATE students SET state = :state, version = version + 1, updated_at = now() WHERE id = ANY (:ids)"),
        {"ids": ids, "state": state},
    )
    await renew(connection, ids)


async def renew(connection: AsyncConnection, ids: Sequence[int]) -> None:
    """Write a new version of every pupil of whom something counted has changed."""
    await connection.execute(_RENEW, {"ids": list(ids), "day": clock.today()})
