"""Templates: the workbooks that a school is handed to fill in."""

import asyncio
import re

from sqlalchemy import select

from hub import clock, gate, last_year
from hub.caller import Caller
from hub.db import Database
from hub.downloads import SPREADSHEET, Download
from hub.errors import BadInput, Forbidden, NotFound
from hub.files import Files
from hub.intake import press, template
from hub.intake.class_sheet import CLASSES
from hub.intake.sheet import PUPILS, Form
from hub.models import Campus, Grade, School, SchoolClass
from policies import Action, Policy

KIND = "template"
_FORMS = {
    PUPILS.name: (PUPILS, "student", Action.IMPORT),
    CLASSES.name: (CLASSES, "schoolClass", Action.CREATE),
}


def key(code: str, kind: str, *, last_year: bool) -> str:
    """What a link to a template names."""
    return f"{code}:{kind}:{int(last_year)}"


async def show(database: Database, policy: Policy, _files: Files, caller: Caller, key: str) -> Download:
    """The template that a link leads to. Raises as `give`."""
    code, kind, last = key.split(":")
    return await give(database, policy, caller, code, kind, last_year=last == "1")


async def give(
    database: Database, policy: Policy, caller: Caller, code: str, kind: str, *, last_year: bool = False
) -> Download:
    """A school's template, with last year's pupils in it if asked for. Raises as `judge`, and Forbidden without the
    right to all of those pupils' data.
    """
    sheet, form = await judge(database, policy, caller, code, kind)
    rows = await _last_year(database, policy, caller, code) if last_year and form is PUPILS else []
    name = sheet.code if form is PUPILS else f"{sheet.code}-{form.name}"
    return Download(await asyncio.to_thread(press.template, sheet, rows, form), SPREADSHEET, f"{name}.xlsx")


async def judge(
    database: Database, policy: Policy, caller: Caller, code: str, kind: str
) -> tuple[template.SchoolSheet, Form]:
    """What a school's template of a kind offers, for who may do what it is for.

    Raises NotFound out of reach, BadInput UNKNOWN_TEMPLATE, Forbidden (audited).
    """
    sheet = await school_sheet(database, caller, code)
    if sheet is None:
        unknown = NotFound()
        await gate.refuse(database, caller, f"{KIND}:read", None, unknown)
        raise unknown
    if kind not in _FORMS:
        raise BadInput("UNKNOWN_TEMPLATE", kind=kind[:20], kinds="、".join(_FORMS))
    form, noun, action = _FORMS[kind]
    if not policy.decide(caller.role, noun, action).on_path:
        refusal = Forbidden("FORBIDDEN", action=f"{noun}:{action}")
        await gate.refuse(database, caller, f"{noun}:{action}", None, refusal)
        raise refusal
    return sheet, form


async def _last_year(database: Database, policy: Policy, caller: Caller, code: str) -> list[bytes]:
    return await last_year.rows(database, policy, caller, code)


async def school_sheet(database: Database, caller: Caller, code: str) -> template.SchoolSheet | None:
    """What a school's templates offer: its classes, grades and campuses. None if it is out of the caller's reach."""
    if not re.fullmatch(r"\d{10}", code, re.ASCII):
        return None
    async with database.app.begin() as connection:
        await gate.scope(connection, caller)
        school = (await connection.execute(select(School.id, School.name).where(School.code == code))).one_or_none()
        if school is None:
            return None
        query = select(SchoolClass.official_number, SchoolClass.name).where(
            SchoolClass.school_id == school.id, SchoolClass.closed.is_(None)
        )
        classes = (await connection.execute(query.order_by(SchoolClass.grade, SchoolClass.number))).all()
        this = clock.school_year(clock.today())
        opened = select(Grade.name).where(Grade.school_id == school.id, Grade.school_year >= this)
        grades = (await connection.execute(opened.group_by(Grade.number, Grade.name).order_by(Grade.number))).scalars()
        standing = select(Campus.name).where(Campus.school_id == school.id, Campus.closed.is_(None))
        campuses = (await connection.execute(standing.order_by(Campus.id))).scalars()
        return template.SchoolSheet(
            code, school.name, [(row.official_number, row.name) for row in classes], [*grades], [*campuses]
        )
