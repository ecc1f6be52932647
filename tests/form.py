"""A clerk at the form of one pupil: a row as a form sends it, entries, edits, and what was wrong with each field."""

from datetime import date
from typing import Any

import asyncpg

from hub import clock, codes
from hub.intake import values
from hub.intake.field import camel
from hub.intake.sheet import BY_SLOT
from hub.models import Base
from tests.desk import BORN, code_of, make_id
from tests.province import Province, make_student
from tests.slate import KEPT

CREATE = """mutation($input: CreateStudentInput!) { createStudent(input: $input) {
    student { id name studentNumber version schoolClass { id } } warnings { field code message remedy } } }"""
UPDATE = """mutation($input: UpdateStudentInput!) { updateStudent(input: $input) {
    student { id version phone email strengths distanceKm attendanceType { code }
              guardians { position name relation { code } phone } } } }"""
TABLES = tuple(table.name for table in Base.metadata.sorted_tables if table.name not in KEPT | {"audit", "sessions"})
MOTHER = {"name": "李梅", "relation": "52", "address": "府东街9号", "phone": "13900000009", "isGuardian": False}
FATHER = {
    "name": "王建国",
    "relation": "51",
    "address": "并州路1号",
    "residenceCode": "140105000000",
    "phone": "13800000002",
    "isGuardian": True,
}
SCHOOL_YEAR = clock.school_year(clock.today())
SOUND: dict[str, Any] = {
    "name": "王小明",
    "birth_date": date(BORN, 3, 15),
    "id_number": make_id(30),
    "residence_code": "140105000000",
    "entry_month": date(SCHOOL_YEAR, 9, 1),
    "email": "a@example.cn",
    "strengths": "书法",
}


def typed(row: dict[str, str]) -> dict[str, Any]:
    """A clerk's row as a form sends it: codes for names, booleans, days; texts stay as they were typed."""
    fields: dict[str, Any] = {}
    members: dict[int, dict[str, Any]] = {1: {}, 2: {}}
    for slot, cell in row.items():
        column = BY_SLOT[slot]
        if slot not in ("school_code", "class_number"):
            into = members[column.member] if column.member else fields
            into[camel(column.key)] = form_value(column, cell)
    return fields | {"guardians": [members[1], *filter(None, [members[2]])]}


def form_value(column: Any, cell: str) -> Any:
    if not cell.strip():
        return None
    if column.kind == "code":
        found = codes.lists()[column.codes].find(cell)
        return found.code if found else cell
    if column.kind == "yes_no":
        return {"是": True, "否": False}[cell]
    if column.kind == "sex":
        return {"男": "MALE", "女": "FEMALE"}[cell]
    if column.kind in ("date", "month"):
        read = values.parse(column, cell, values.School("", ()), clock.today())
        assert isinstance(read, date), cell
        return read.isoformat()
    return cell


class Form:
    """A clerk at the form of one pupil."""

    def __init__(self, ask: Any, province: Province) -> None:
        self.ask, self.province = ask, province

    def pupil(self, row: dict[str, str], school_class: str = "A1-1", **more: Any) -> dict[str, Any]:
        return typed(row) | {"classId": f"class:{self.province.ids[school_class]}"} | more

    async def create(self, given: dict[str, Any], caller: str | None = "schoolA1", **headers: str) -> Any:
        return await self.ask(caller, CREATE, {"input": given}, **headers)

    async def made(self, row: dict[str, str], **more: Any) -> Any:
        """The payload of an entry that was taken."""
        answer = await self.create(self.pupil(row, **more))
        assert "errors" not in answer, answer
        return answer["data"]["createStudent"]

    async def update(self, short: str, caller: str | None = "schoolA1", **given: Any) -> Any:
        return await self.ask(caller, UPDATE, {"input": {"id": f"student:{self.province.ids[short]}", **given}})


async def make_sound(system: asyncpg.Connection, province: Province) -> str:
    """A sound pupil of A1 with a version of what is counted, as everybody real has."""
    await make_student(system, province, "sound", "A1-1", **SOUND)
    await system.execute("DELETE FROM guardians WHERE student_id = $1", province.ids["sound"])
    await system.execute(
        """INSERT INTO guardians (student_id, position, name, relation, address, residence_code, phone, is_guardian)
           VALUES ($1, 1, '王建国', '51', '并州路1号', '140105000000', '13800000002', true)""",
        province.ids["sound"],
    )
    await system.execute(
        """INSERT INTO student_versions (student_id, effective, path, school_year, grade, sex, state, boarding, migrant,
               left_behind, without_id)
           SELECT id, '2024-09-01', path, school_year, grade, sex, state, false, false, false, false
           FROM students WHERE id = $1""",
        province.ids["sound"],
    )
    return "sound"


def faults_of(answer: Any) -> list[tuple[str, str]]:
    """What was wrong with each field of an entry that was refused."""
    assert code_of(answer) == ("BAD_INPUT", "ENTRY_REFUSED")
    findings = answer["errors"][0]["extensions"]["findings"]
    assert all(each["message"] and each["remedy"] for each in findings)
    return [(each["field"], each["code"]) for each in findings]
