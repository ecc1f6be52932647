"""What the check of a workbook has to know of its school: the grades of its classes, where its stages begin."""

from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, grades
from hub.intake.values import FIRST_GRADES
from hub.models import ClassGrade, SchoolClass, SchoolStage
from hub.terms import Stage


async def classes(connection: AsyncConnection, school_id: int) -> dict[str, Any]:
    """A school's open classes by official number."""
    query = select(
        SchoolClass.id, SchoolClass.official_number, SchoolClass.path, SchoolClass.grade, SchoolClass.school_year
    ).where(SchoolClass.school_id == school_id, SchoolClass.closed.is_(None))
    return {row.official_number: row for row in await connection.execute(query)}


async def taught(connection: AsyncConnection, school_id: int) -> dict[str, list[int]]:
    """The grades of the school's open classes, by class number: of a class of another school year none is told."""
    query = (
        select(
            SchoolClass.official_number,
            func.coalesce(func.array_agg(ClassGrade.grade).filter(ClassGrade.grade.is_not(None)), []),
        )
        .outerjoin(
            ClassGrade,
            and_(
                ClassGrade.class_id == SchoolClass.id,
                ClassGrade.school_year == SchoolClass.school_year,
                ClassGrade.school_year == clock.school_year(clock.today()),
            ),
        )
        .where(SchoolClass.school_id == school_id, SchoolClass.closed.is_(None))
        .group_by(SchoolClass.official_number)
    )
    return {number: sorted(held) for number, held in await connection.execute(query)}


async def first_grades(connection: AsyncConnection, school_id: int) -> list[int]:
    """The first grade of every stage, by the lengths of schooling (学制) of the school."""
    today = clock.today()
    lasting = and_(SchoolStage.since <= today, or_(SchoolStage.until.is_(None), SchoolStage.until > today))
    query = select(SchoolStage.stage, SchoolStage.length).where(SchoolStage.school_id == school_id, lasting)
    lengths = {Stage(stage): length for stage, length in await connection.execute(query)}
    usual = dict(zip(Stage, FIRST_GRADES, strict=True))
    return sorted({**usual, **{stage: held[0] for stage, held in grades.layout(lengths).items()}}.values())
