"""Candidates: who else in the register a problem record's pupil could be, looked up for many records at once."""

import asyncio
from collections.abc import Sequence
from itertools import chain
from typing import Any

from aiodataloader import DataLoader
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal_column,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from hub.models import Guardian, Place, School, Student
from hub.terms import EnrolmentState
from loaders import mask
from loaders.compiler import Compiler
from loaders.plan import Call, Plan
from loaders.seam import Shape
from policies import Access, Action

NAME = "candidates"
MOST = 20
"""Candidates told of one record; more than these share a name only on paper."""

_MASKS = {"idNumber": mask.tail("id_number", 6), "studentNumber": mask.tail("student_number", 7)}
_COLUMNS = {
    "name": "name",
    "sex": "sex",
    "birthDate": "birth_date",
    "grade": "grade",
    "state": "state",
    "idNumber": "id_number",
    "studentNumber": "student_number",
}
_SCHOOL = {"schoolName": "name", "schoolCode": "code"}
_OFFICE = {"office": "office", "officePhone": "office_phone"}


Found = dict[int, list[str]]
"""Of each pupil the candidates as JSON, in each of the shapes that are wanted."""


class CandidateLoader(DataLoader[tuple[int, ...], Found]):
    """The candidates of problem records' pupils, asked for list by list, a key being the pupils' ids of one list.

    One for each request, never longer.
    """

    def __init__(self, reading: Any, most: int, shapes: tuple[Shape, ...]) -> None:
        super().__init__()
        self._reading, self._most, self._shapes = reading, most, shapes

    async def batch_load_fn(self, keys: list[tuple[int, ...]]) -> list[Found]:
        """The candidates of each pupil, nearest first, in one statement for all lists. Raises Unavailable."""
        reading, task = self._reading, asyncio.current_task()
        reading.looking_up.add(task)
        try:
            ids = list(dict.fromkeys(chain.from_iterable(keys)))
            found: Found = dict.fromkeys(ids, ["[]"] * len(self._shapes))
            for at in range(0, len(ids), self._most):
                found |= await self._look_up(reading, ids[at : at + self._most])
            return [found] * len(keys)
        finally:
            reading.looking_up.discard(task)

    async def _look_up(self, reading: Any, ids: list[int]) -> Found:
        plan = _plan(reading, self._shapes)
        values = plan.values(Call(reading.caller, reading.variables, reading.reader.settings, {"keys": ids}))
        reading.statements += 1
        async with reading.turn(), reading.reader.database.reading() as connection:
            answer = await connection.fetch(plan.sql, *values)
        return {key: [plan.rename(one) for one in shaped] if plan.renames else shaped for key, *shaped in answer}


def _plan(reading: Any, shapes: tuple[Shape, ...]) -> Plan:
    reader, caller = reading.reader, reading.caller
    key = (NAME, reader.policy.version, caller.shape, shapes)
    plan: Plan | None = reader.plans.get(key)
    if plan is None:
        nothing: Any = None  # the shapes say it all: no document is read
        plan = compile_candidates(Compiler(nothing, reader.policy, caller.role, caller.shape[1]), shapes)
        reader.plans.put(key, plan, 4 * len(plan.sql) + 4096)
    return plan


def compile_candidates(compiler: Compiler, shapes: tuple[Shape, ...]) -> Plan:
    """The statement: of each pupil in scope who has any, those with the same identity number, or name, sex and birth
    date, as a JSON list in each of the shapes.

    A candidate in the caller's reach is shown under the role's masks; of one out of reach only what agrees, and the
    office to call.
    """
    given = compiler.bind(lambda call: call.given["keys"], ARRAY(BigInteger))
    keys = func.unnest(given).table_valued("id").render_derived(name="k")
    school, county = School.__table__.alias("h"), Place.__table__.alias("p")
    pupil, other = Student.__table__.alias("s"), Student.__table__.alias("c")
    same_person = and_(
        other.c.name == pupil.c.name, other.c.sex == pupil.c.sex, other.c.birth_date == pupil.c.birth_date
    )
    near = and_(
        or_(other.c.id_number == pupil.c.id_number, same_person),
        other.c.id != pupil.c.id,
        other.c.state != literal_column(f"'{EnrolmentState.DELETED}'"),
    )
    # Only what is wanted is joined: every candidate costs a look into each of these tables.
    rows: FromClause = keys.join(pupil, pupil.c.id == keys.c.id).join(other, near)
    wanted = {part.name for shape in shapes for part in shape.parts}
    if wanted & {*_SCHOOL, *_OFFICE}:
        rows = rows.join(school, school.c.id == other.c.school_id)
    if wanted & {*_OFFICE}:
        rows = rows.join(county, county.c.id == school.c.located_in_id)
    told = _columns(compiler, other, school, county) | {"agreement": _agreement(pupil, other)}
    tables = (other, school, county, pupil)
    nearest = func.row_number().over(
        partition_by=pupil.c.id, order_by=((other.c.id_number == pupil.c.id_number).desc().nulls_last(), other.c.id)
    )
    found = (
        select(
            pupil.c.id,
            nearest.label("at"),
            *(_shaped(compiler, shape, told, tables).label(f"s{at}") for at, shape in enumerate(shapes)),
        )
        .select_from(rows)
        .where(compiler.within(pupil.c.path))
        .subquery("o")
    )
    lists = [func.json_agg(found.c[f"s{at}"]) for at in range(len(shapes))]
    query = select(found.c.id, *lists).where(found.c.at <= literal_column(str(MOST))).group_by(found.c.id)
    compiler.cost.size = lambda _: 0  # the field that was asked for has counted them
    return compiler.finish(query)


Told = dict[str, ColumnElement[Any] | list["Told"]]
"""What can be told of an object, by name: a value, or a list of objects."""


def _shaped(compiler: Compiler, shape: Shape, told: Told, rows: Sequence[FromClause]) -> ColumnElement[Any]:
    """An object as JSON: of what can be told of rows what is wanted, under the keys it is wanted under."""
    columns: list[ColumnElement[Any]] = []
    for part in shape.parts:
        value = compiler.text(shape.kind) if part.name == "__typename" else told[part.name]
        if isinstance(value, list):
            value = func.json_build_array(*(_shaped(compiler, part, one, rows) for one in value))
        columns.append(value.label(compiler.alias(part.key)))
    return compiler.as_json(select(*columns).correlate(*rows)).scalar_subquery()


def _columns(compiler: Compiler, other: FromClause, school: FromClause, county: FromClause) -> Told:
    """The candidate's own data where the caller reaches it, its office always."""
    may = compiler.may("student", Action.READ)
    inside = compiler.within(other.c.path) if may else false()
    student = literal_column("'student:'").concat(cast(other.c.id, Text))
    found: Told = {"inReach": inside, "studentId": _inside(inside, student)}
    for name, column in _COLUMNS.items():
        access = compiler.policy.access(compiler.role, "student", name)
        value = {Access.READ: other.c[column], Access.MASK: _masked(name, other), Access.DENY: null()}[access]
        found[name] = _inside(inside, value)
    found |= {name: _inside(inside, school.c[key]) for name, key in _SCHOOL.items()}
    return found | {name: county.c[key] for name, key in _OFFICE.items()}


def _masked(name: str, other: FromClause) -> ColumnElement[Any]:
    return _MASKS[name](other) if name in _MASKS else null()


def _inside(inside: ColumnElement[bool], value: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((inside, value), else_=null())


def _agreement(pupil: FromClause, other: FromClause) -> list[Told]:
    """What is compared, each true, false, or null where either side says nothing."""
    mine, theirs = Guardian.__table__.alias("g"), Guardian.__table__.alias("f")
    of_both = and_(mine.c.student_id == pupil.c.id, theirs.c.student_id == other.c.id)
    shared = select(literal_column("1")).where(of_both, mine.c.name == theirs.c.name).correlate(pupil, other).exists()
    agreeing: dict[str, ColumnElement[Any]] = {
        "ID_NUMBER": other.c.id_number == pupil.c.id_number,
        "NAME": other.c.name == pupil.c.name,
        "SEX": other.c.sex == pupil.c.sex,
        "BIRTH_DATE": other.c.birth_date == pupil.c.birth_date,
        "GUARDIAN": shared,
        "ADDRESS": other.c.present_address == pupil.c.present_address,
    }
    return [{"field": literal_column(f"'{name}'", Text), "agrees": value} for name, value in agreeing.items()]
