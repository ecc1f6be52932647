"""A workbook comes in: its sound rows become students of the school, its faulty rows are answered one by one."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import orjson
from sqlalchemy import and_, func, insert, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import clock, gate, grades, identity, names, placements, problems
from hub.caller import Caller
from hub.db import Database
from hub.errors import BadInput, NotFound
from hub.intake import workbook
from hub.intake.check import Checked, Fault, Row
from hub.intake.sheet import BY_SLOT, COLUMNS
from hub.intake.values import FIRST_GRADES, worded
from hub.models import ClassGrade, Import, School, SchoolClass, SchoolStage
from hub.terms import ImportState, Stage
from policies import Action, Policy

KEY_DATA = ("name", "sex", "birth_date", "id_type", "id_number", "class_number")
"""What an import never changes on a record that exists: key data need proof and an approval (关键数据变更)."""
PLAIN = tuple(column.key for column in COLUMNS if not column.member and column.key not in (*KEY_DATA, "school_code"))
"""What an import may change: every column of the sheet that is not key data."""
_GUARDIAN = tuple(column.key for column in COLUMNS if column.member == 1)
_KEYS = KEY_DATA[:-1]
_NEW = [
    "id",
    "student_number",
    "school_id",
    "class_id",
    "path",
    "grade",
    "school_year",
    "name_key",
    "name_terms",
    *_KEYS,
    *PLAIN,
]


Progress = Callable[[int, int], None]


def unseen(_done: int, _of: int) -> None:
    """No progress is shown."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a workbook: the import's id, and the faults of the rows that were not taken."""

    id: int
    total: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    faults: list[Fault]


@dataclass(slots=True)
class _Taken:
    """What one import has done so far."""

    total: int = 0
    unchanged: int = 0
    created: list[str] = field(default_factory=list)
    updated: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


async def apply(
    database: Database,
    policy: Policy,
    caller: Caller,
    *,
    school_code: str,
    file_id: int,
    data: bytes,
    progress: Progress = unseen,
) -> Done:
    """Read a workbook of one school and put its sound rows into the register, in one transaction.

    A pupil is known again by identity number, or where row or record lack one by name, sex and birth date, inside the
    school. Known pupils are updated where plain data differ; differing key data are a fault of the row. So the same
    file again changes nothing. The school's row is locked first: of two imports at once the second waits. The
    transaction begins when the file has been read; its first rows are applied while others are checked.
    `progress` is told how many rows are done and how many there are.
    Raises NotFound for a school out of reach, Forbidden, BadInput and TooLarge for what is wrong with the file.
    """
    school = await _school(database, policy, caller, school_code)
    async with aclosing(await _examine(database, caller, school, data)) as parts:
        first = await anext(parts)
        if first.total == 0 and not first.coming:
            raise BadInput("NO_ROWS")
        async with gate.writing(database, policy, caller, "student", Action.IMPORT, school.path) as connection:
            await connection.execute(select(School.id).where(School.id == school.id).with_for_update())
            classes = await _classes(connection, school.id)
            intake = _Intake(connection, school, classes, await _register(connection, school.id))
            await intake.take(first)
            progress(intake.done.total, intake.done.total + first.coming)
            async for part in parts:
                await intake.take(part)
                progress(intake.done.total, intake.done.total + part.coming)
            if intake.written:
                await problems.detect(connection, intake.written, sound=True)
            return await _conclude(connection, caller, school, file_id, intake.done)


async def _school(database: Database, policy: Policy, caller: Caller, code: str) -> Any:
    query = select(School.id, School.code, School.path, School.territory, School.founder).where(School.code == code)
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        school = (await connection.execute(query)).one_or_none()
    if school is None:
        refusal = NotFound()
        await gate.refuse(database, caller, "student:import", None, refusal)
        raise refusal
    async with gate.writing(database, policy, caller, "student", Action.IMPORT, school.path):
        return school


async def _examine(database: Database, caller: Caller, school: Any, data: bytes) -> AsyncGenerator[Checked]:
    """Have the file read and checked in another process."""
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        taught = await _taught(connection, school.id)
        first_grades = await _first_grades(connection, school.id)
    limits = workbook.Limits(size=database.settings.upload_limit, rows=database.settings.row_limit)
    return workbook.examine(
        data,
        limits,
        school_code=school.code,
        class_numbers=taught,
        first_grades=first_grades,
        founder=school.founder,
        today=clock.today(),
        ready=_derive,
    )


async def _taught(connection: AsyncConnection, school_id: int) -> dict[str, list[int]]:
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


async def _first_grades(connection: AsyncConnection, school_id: int) -> list[int]:
    """The first grade of every stage, by the lengths of schooling (学制) of the school."""
    today = clock.today()
    lasting = and_(SchoolStage.since <= today, or_(SchoolStage.until.is_(None), SchoolStage.until > today))
    query = select(SchoolStage.stage, SchoolStage.length).where(SchoolStage.school_id == school_id, lasting)
    lengths = {Stage(stage): length for stage, length in await connection.execute(query)}
    usual = dict(zip(Stage, FIRST_GRADES, strict=True))
    return sorted({**usual, **{stage: held[0] for stage, held in grades.layout(lengths).items()}}.values())


def _derive(part: Checked) -> None:
    """Give the rows what the register keeps besides: by what a name is sorted and found."""
    for row in part.rows:
        name = row.values["name"]
        row.values |= {"name_key": names.name_key(name), "name_terms": names.name_terms(name)}


async def _classes(connection: AsyncConnection, school_id: int) -> dict[str, Any]:
    query = select(
        SchoolClass.id, SchoolClass.official_number, SchoolClass.path, SchoolClass.grade, SchoolClass.school_year
    ).where(SchoolClass.school_id == school_id, SchoolClass.closed.is_(None))
    return {row.official_number: row for row in await connection.execute(query)}


_Pupils = dict[Any, dict[str, Any]]
"""Pupils by identity number, and by name, sex and birth date."""


class _Intake:
    """One import under way: what the file said before, what was done."""

    def __init__(self, connection: AsyncConnection, school: Any, classes: dict[str, Any], register: _Pupils) -> None:
        self.connection, self.school, self.classes, self.register = connection, school, classes, register
        self.numbers = {row.id: number for number, row in classes.items()}
        self.new: _Pupils = {}
        self.done = _Taken()
        self.written: list[int] = []

    async def take(self, part: Checked) -> None:
        """Apply the sound rows of a part; keep the faults of the others."""
        created: list[dict[str, Any]] = []
        updated: list[dict[str, Any]] = []
        self.done.total += part.total
        self.done.faults += part.faults
        meant = {row.number: _recognise(self.register, row.values) for row in part.rows}
        records = await _records(self.connection, [known["id"] for known in meant.values() if known])
        for row in part.rows:
            known = meant[row.number]
            old = records.get(known["id"]) if known else None  # none, too, where the pupil has left meanwhile
            if old is not None:
                self._compare(part, row, old, updated)
            elif pupil := self._new(part, row):
                created.append(pupil)
        if created:
            await _create(self.connection, self.school, self.classes, created)
            self.done.created += [pupil["student_number"] for pupil in created]
        if updated:
            await _update(self.connection, updated)
            self.done.updated += updated
        self.written += [pupil["id"] for pupil in (*created, *updated)]

    def _new(self, part: Checked, row: Row) -> dict[str, Any] | None:
        """The pupil to create from a row of nobody known; None, and a fault, if the file had the same one before."""
        twin = _recognise(self.new, row.values)
        if twin is not None:
            self.done.faults.append(_fault(part, row, "name", "DUPLICATE_IN_FILE", first=twin["row"].number))
        elif row.values["class_number"] not in self.classes:  # closed since the row was checked
            self.done.faults.append(_fault(part, row, "class_number", "UNKNOWN_CLASS", classes=self._open()))
        else:
            pupil = {"row": row, **row.values}
            _remember(self.new, pupil)
            return pupil
        return None

    def _open(self) -> str:
        return "、".join(sorted(self.classes)[:10]) or "—"

    def _compare(self, part: Checked, row: Row, old: dict[str, Any], updated: list[dict[str, Any]]) -> None:
        old["class_number"] = self.numbers.get(old["class_id"])
        wrong = [key for key in KEY_DATA if old[key] != row.values[key]]
        if wrong:
            self.done.faults += [_fault(part, row, key, "KEY_DATA_DIFFERS") for key in wrong]
            return
        plain = {key: row.values[key] for key in PLAIN if not _same(old[key], row.values[key])}
        if plain or _family(row) != old["family"]:
            updated.append({"id": old["id"], "plain": plain, "row": row, "before": old})
        else:
            self.done.unchanged += 1


async def _register(connection: AsyncConnection, school_id: int) -> _Pupils:
    """The school's pupils as far as they are recognised by it, before this import creates any."""
    keys = ("id", "name", "sex", "birth_date", "id_number")
    known: _Pupils = {}
    for values in await connection.execute(
        text(f"SELECT {', '.join(keys)} FROM students WHERE school_id = :school"),  # noqa: S608 -- column names
        {"school": school_id},
    ):
        _remember(known, dict(zip(keys, values, strict=True)))
    return known


async def _records(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What is on record of known pupils, with their families, by id."""
    if not ids:
        return {}
    columns = ", ".join(f"s.{key}" for key in [*_KEYS, *PLAIN])
    members = ", ".join(f"'{key}', g.{key}" for key in _GUARDIAN)
    found = await connection.execute(
        text(
            f"""SELECT s.id, s.class_id, {columns}, (SELECT coalesce(json_agg(json_build_object(
                    'position', g.position, {members}) ORDER BY g.position), '[]')
                  FROM guardians g WHERE g.student_id = s.id) AS family
                FROM students s WHERE s.id = ANY (:ids)"""  # noqa: S608 -- column names of this module
        ),
        {"ids": ids},
    )
    return {row.id: dict(row._mapping) for row in found}


def _remember(pupils: _Pupils, pupil: dict[str, Any]) -> None:
    """Keep a pupil by number and by person; of namesakes the one without a number is found by person."""
    if pupil["id_number"]:
        pupils[pupil["id_number"]] = pupil
        pupils.setdefault(_person(pupil), pupil)
    else:
        pupils[_person(pupil)] = pupil


def _recognise(pupils: _Pupils, values: dict[str, Any]) -> dict[str, Any] | None:
    """The pupil of a row: by number, or by person where the row or the record has no number."""
    number = values["id_number"]
    if number and number in pupils:
        return pupils[number]
    found = pupils.get(_person(values))
    return found if found is None or not (number and found["id_number"]) else None


def _person(values: dict[str, Any]) -> tuple[Any, ...]:
    return values["name"], values["sex"], values["birth_date"]


def _family(row: Row) -> list[dict[str, Any]]:
    return [{"position": guardian["number"], **{key: guardian[key] for key in _GUARDIAN}} for guardian in row.guardians]


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, Decimal) and isinstance(new, Decimal):  # the register keeps fewer decimals than a sheet may
        return old == new.quantize(old, ROUND_HALF_UP)
    return bool(old == new) or (old is not None and new is not None and str(old) == str(new))


async def _create(connection: AsyncConnection, school: Any, classes: dict[str, Any], pupils: Sequence[Any]) -> None:
    """Insert students with their numbers, family, first placement and first version: four statements, however many."""
    numbers = await connection.execute(
        text("SELECT nextval('student_numbers'), nextval('students_id_seq') FROM generate_series(1, :many)"),
        {"many": len(pupils)},
    )
    year = clock.today().year
    for pupil, (sequence, issued) in zip(pupils, numbers, strict=True):
        kind = "L" if pupil["id_number"] else "J"
        place = classes[pupil["class_number"]]
        pupil |= {
            "id": issued,
            "student_number": _student_number(kind, school.territory, year, sequence),
            "school_id": school.id,
            "class_id": place.id,
            "path": place.path,
            "grade": place.grade,
            "school_year": place.school_year,
        }
    columns = ", ".join(_NEW)
    await connection.execute(
        text(
            f"""INSERT INTO students ({columns})
                SELECT {columns} FROM json_populate_recordset(CAST(NULL AS students), CAST(:rows AS json))"""  # noqa: S608 -- column names of this module
        ),
        {"rows": _json([{key: pupil[key] for key in _NEW} for pupil in pupils])},
    )
    await _add_family(connection, [(pupil["id"], pupil["row"]) for pupil in pupils])
    await placements.begin(connection, [pupil["id"] for pupil in pupils], "ENROLMENT")


async def _add_family(connection: AsyncConnection, pupils: Sequence[tuple[int, Row]]) -> None:
    """Insert the family members of these students' rows."""
    columns = ", ".join(["student_id", "position", *_GUARDIAN])
    members = [{"student_id": student, **member} for student, row in pupils for member in _family(row)]
    await connection.execute(
        text(
            f"""INSERT INTO guardians ({columns})
                SELECT {columns} FROM json_populate_recordset(CAST(NULL AS guardians), CAST(:rows AS json))"""  # noqa: S608 -- column names of this module
        ),
        {"rows": _json(members)},
    )


async def _update(connection: AsyncConnection, changes: Sequence[dict[str, Any]]) -> None:
    """Bring known students' plain data and family up to their rows; what is counted leaves a new version."""
    ids = [change["id"] for change in changes]
    rows = [{"id": change["id"], **{key: change["row"].values[key] for key in PLAIN}} for change in changes]
    assignments = ", ".join(f"{key} = r.{key}" for key in PLAIN)
    await connection.execute(
        text(
            f"""UPDATE students s SET {assignments}, version = s.version + 1, updated_at = now()
                FROM json_populate_recordset(CAST(NULL AS students), CAST(:rows AS json)) AS r WHERE s.id = r.id"""  # noqa: S608 -- column names of this module
        ),
        {"rows": _json(rows)},
    )
    await connection.execute(text("DELETE FROM guardians WHERE student_id = ANY (:ids)"), {"ids": ids})
    await _add_family(connection, [(change["id"], change["row"]) for change in changes])
    await placements.renew(connection, ids)


async def _conclude(connection: AsyncConnection, caller: Caller, school: Any, file_id: int, done: _Taken) -> Done:
    faults = sorted(done.faults, key=lambda fault: (fault.row, fault.column))
    counts = {
        "total": done.total,
        "created": len(done.created),
        "updated": len(done.updated),
        "unchanged": done.unchanged,
        "rejected": len({fault.row for fault in faults}),
    }
    taken = counts["total"] > counts["rejected"]
    query = insert(Import).values(
        file_id=file_id,
        school_id=school.id,
        account_id=caller.account.id,
        path=school.path,
        state=ImportState.APPLIED if taken else ImportState.REFUSED,
        faults=[[fault.row, fault.column, fault.key] for fault in faults],
        **counts,
    )
    found = (await connection.execute(query.returning(Import.id))).scalar_one()
    before = {str(change["id"]): {key: change["before"][key] for key in change["plain"]} for change in done.updated}
    await gate.record(
        connection,
        caller,
        "student:import",
        about=f"import:{found}",
        path=school.path,
        facts=counts,
        before=before,
        after={
            "created": done.created,
            "updated": {str(change["id"]): change["plain"] for change in done.updated},
        },
        event="STUDENTS_IMPORTED",
    )
    return Done(found, faults=faults, **counts)


def _fault(part: Checked, row: Row, slot: str, key: str, **named: Any) -> Fault:
    column = BY_SLOT[slot]
    value = worded(row.values[slot], column)
    return Fault(row.number, part.letters.get(slot, column.letter), column.header, slot, key, value, named)


def _student_number(kind: str, county: str, year: int, sequence: int) -> str:
    digits = f"{county}{year}{sequence:07d}"
    return kind + digits + identity.check_character(digits)


def _json(rows: Any) -> str:
    return orjson.dumps(rows, default=str).decode()
