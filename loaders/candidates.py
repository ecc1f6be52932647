"""Candidates: who else in the register a problem record's pupil could be, looked up for many records at once."""

import asyncio
from typing import Any

import orjson
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

from hub.models import Guardian, Place, ProblemRecord, School, Student
from hub.terms import EnrolmentState
from loaders import mask
from loaders.compiler import Compiler
from loaders.plan import Call, Plan
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


class CandidateLoader(DataLoader[int, list[dict[str, Any]]]):
    """The candidates of problem records by the records' ids; one for each request, never longer."""

    def __init__(self, reading: Any, most: int) -> None:
        super().__init__(max_batch_size=most)
        self._reading = reading

    async def batch_load_fn(self, keys: list[int]) -> list[list[dict[str, Any]]]:
        """The candidates of each record, nearest first, in one statement. Raises Unavailable."""
        reading, task = self._reading, asyncio.current_task()
        reading.looking_up.add(task)
        try:
            return await self._look_up(reading, keys)
        finally:
            reading.looking_up.discard(task)

    async def _look_up(self, reading: Any, keys: list[int]) -> list[list[dict[str, Any]]]:
        plan = _plan(reading)
        call = Call(reading.caller, reading.variables, reading.reader.settings, {"keys": keys}, reading.rows)
        values, reading.rows = plan.values(call), call.spent
        reading.statements += 1
        async with reading.connection() as connection:
            answer = await connection.fetch(plan.sql, *values)
        found = {row["id"]: orjson.loads(row["candidates"]) for row in answer}
        return [found.get(key, []) for key in keys]


def _plan(reading: Any) -> Plan:
    reader, caller = reading.reader, reading.caller
    key = (NAME, reader.policy.version, caller.shape)
    plan: Plan | None = reader.plans.get(key)
    if plan is None:
        nothing: Any = None  # the shape is fixed: no document is read
        plan = compile_candidates(Compiler(nothing, reader.policy, caller.role, caller.shape[1]))
        reader.plans.put(key, plan, 4 * len(plan.sql) + 4096)
    return plan


def compile_candidates(compiler: Compiler) -> Plan:
    """The statement: of each record in scope, those with the same identity number or name, sex and birth date.

    A candidate in the caller's reach is shown under the role's masks; of one out of reach only what agrees, and the
    office to call.
    """
    given = compiler.bind(lambda call: call.given["keys"], ARRAY(BigInteger))
    keys = func.unnest(given).table_valued("id").render_derived(name="k")
    record, school, county = (
        model.__table__.alias(name) for model, name in ((ProblemRecord, "r"), (School, "h"), (Place, "p"))
    )
    pupil, other = Student.__table__.alias("s"), Student.__table__.alias("c")
    same_person = and_(
        other.c.name == pupil.c.name, other.c.sex == pupil.c.sex, other.c.birth_date == pupil.c.birth_date
    )
    agreeing = _agreement(pupil, other)
    near = (
        select(*_columns(compiler, other, school, county), _listed(agreeing).label("agreement"))
        .select_from(other)
        .join(school, school.c.id == other.c.school_id)
        .join(county, county.c.id == school.c.located_in_id)
        .where(
            other.c.id != pupil.c.id,
            other.c.state != literal_column(f"'{EnrolmentState.DELETED}'"),
            or_(other.c.id_number == pupil.c.id_number, same_person),
        )
        .order_by((other.c.id_number == pupil.c.id_number).desc().nulls_last(), other.c.id)
        .limit(literal_column(str(MOST)))
        .correlate(pupil)
        .subquery("o")
    )
    gathered = select(
        func.coalesce(func.json_agg(func.row_to_json(literal_column("o.*"))), literal_column("'[]'::json"))
    )
    query = (
        select(record.c.id, gathered.select_from(near).correlate(pupil).scalar_subquery().label("candidates"))
        .select_from(keys)
        .join(record, record.c.id == keys.c.id)
        .join(pupil, pupil.c.id == record.c.student_id)
        .where(compiler.within(record.c.path))
    )
    compiler.cost.size = lambda call: MOST * len(call.given["keys"])
    return compiler.finish(query)


def _columns(compiler: Compiler, other: FromClause, school: FromClause, county: FromClause) -> list[ColumnElement[Any]]:
    """The candidate's own data where the caller reaches it, its office always."""
    may = compiler.may("student", Action.READ)
    inside = compiler.within(other.c.path) if may else false()
    found: list[ColumnElement[Any]] = [inside.label("inReach")]
    student = literal_column("'student:'").concat(cast(other.c.id, Text))
    found.append(_inside(inside, student).label("studentId"))
    for name, column in _COLUMNS.items():
        access = compiler.policy.access(compiler.role, "student", name)
        value = {Access.READ: other.c[column], Access.MASK: _masked(name, other), Access.DENY: null()}[access]
        found.append(_inside(inside, value).label(name))
    found += [_inside(inside, school.c[key]).label(name) for name, key in _SCHOOL.items()]
    return [*found, county.c.office.label("office"), county.c.office_phone.label("officePhone")]


def _masked(name: str, other: FromClause) -> ColumnElement[Any]:
    return _MASKS[name](other) if name in _MASKS else null()


def _inside(inside: ColumnElement[bool], value: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((inside, value), else_=null())


def _agreement(pupil: FromClause, other: FromClause) -> dict[str, ColumnElement[Any]]:
    """What is compared, each true, false, or null where either side says nothing."""
    mine, theirs = Guardian.__table__.alias("g"), Guardian.__table__.alias("f")
    of_both = and_(mine.c.student_id == pupil.c.id, theirs.c.student_id == other.c.id)
    shared = select(literal_column("1")).where(of_both, mine.c.name == theirs.c.name).correlate(pupil, other).exists()
    return {
        "ID_NUMBER": other.c.id_number == pupil.c.id_number,
        "NAME": other.c.name == pupil.c.name,
        "SEX": other.c.sex == pupil.c.sex,
        "BIRTH_DATE": other.c.birth_date == pupil.c.birth_date,
        "GUARDIAN": shared,
        "ADDRESS": other.c.present_address == pupil.c.present_address,
    }


def _listed(agreeing: dict[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    parts = [
        func.json_build_object(
            literal_column("'field'"), literal_column(f"'{name}'"), literal_column("'agrees'"), value
        )
        for name, value in agreeing.items()
    ]
    return func.json_build_array(*parts)
