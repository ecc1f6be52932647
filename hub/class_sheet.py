"""A class sheet comes in: its sound rows become classes of the school, the others are answered row by row."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from hub import catalogue, clock, forming, gate, schools
from hub.caller import Caller
from hub.db import Database
from hub.errors import BadInput, Conflict, HubError, Language
from hub.forming import Held, Known, Wanted
from hub.intake import class_sheet, messages, workbook
from hub.intake.class_sheet import FIELDS, ClassRow
from hub.terms import RowOutcome
from policies import Action, Policy

MOST_ROWS = 1_000
"""Rows a class sheet may have: several times the classes of the largest school."""


Fault = tuple[str, Mapping[str, Any]]
"""A key of the catalogues, and the values its text names."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one row: its Excel number and class number, the class, or what is wrong with it."""

    row: int
    number: str | None
    outcome: RowOutcome
    class_id: int | None
    faults: Sequence[Fault] = ()

    def texts(self, language: Language) -> list[tuple[str, str, str, str]]:
        """Every fault as (code, key, message, remedy)."""
        found = []
        for key, values in self.faults:
            message = catalogue.MESSAGES.get(key) or messages.MESSAGES[key]
            said, remedy = message.text(language), message.remedy(language)
            found.append((message.code, key, said.format_map(values), remedy.format_map(values)))
        return found

    def packed(self) -> list[Any]:
        """What an idempotency key keeps of it."""
        return [self.row, self.number, self.outcome, self.class_id, [[key, dict(named)] for key, named in self.faults]]


def unpack(row: int, number: str | None, outcome: str, class_id: int | None, faults: list[Any]) -> Told:
    """What was packed."""
    return Told(row, number, RowOutcome(outcome), class_id, [(key, named) for key, named in faults])


async def apply(
    database: Database, policy: Policy, caller: Caller, request: gate.Once, *, school_id: int, data: bytes
) -> list[Told]:
    """Read a class sheet of one school and form the classes of its sound rows, in one transaction.

    A class is known again by its class number (班号): a row that says what the register says is unchanged, one that
    says otherwise is refused and changes nothing, so the same sheet again creates nothing. Blank cells say nothing of
    a known class. Every rule is checked under the school's lock before the one insert, so no row can undo another.
    Raises NotFound, Forbidden, BadInput and TooLarge for what is wrong with the file.
    """
    school = await schools.find(database, caller, "schoolClass:create", school_id)
    async with gate.writing(database, policy, caller, "schoolClass", Action.CREATE, school.path):
        pass  # who may not is told before the file is opened
    limits = workbook.Limits(size=database.settings.upload_limit, rows=MOST_ROWS)
    read = await asyncio.to_thread(workbook.read, data, limits, class_sheet.CLASSES)
    rows = class_sheet.check(read, school_code=school.code, today=clock.today())
    if not rows:
        raise BadInput("NO_CLASS_ROWS")
    async with gate.writing(database, policy, caller, "schoolClass", Action.CREATE, school.path) as connection:

        async def deed() -> list[list[Any]]:
            return [told.packed() for told in await _take(connection, caller, school, rows)]

        done = await gate.once(connection, caller, request, deed)
    return [unpack(*packed) for packed in done]


async def _take(connection: AsyncConnection, caller: Caller, school: Any, rows: Sequence[ClassRow]) -> list[Told]:
    held = await forming.survey(connection, school.id)
    known = dict(held.classes)
    seen: dict[str, int] = {}
    planned: list[dict[str, Any]] = []
    told = [_sort(held, known, row, seen, planned) for row in rows]
    if not planned:
        return told
    ids = await forming.insert(connection, held, planned)
    issued = dict(zip((row["official_number"] for row in planned), ids, strict=True))
    told = [replace(row, class_id=issued[row.number]) if row.outcome is RowOutcome.CREATED else row for row in told]
    outcomes = Counter(row.outcome for row in told)
    await gate.record(
        connection,
        caller,
        "schoolClass:create",
        about=f"school:{school.id}",
        path=school.path,
        facts={outcome.lower(): outcomes[outcome] for outcome in RowOutcome} | {"classes": ids},
        after={str(found): row for found, row in zip(ids, planned, strict=True)},
        event="CLASSES_CREATED",
    )
    return told


def _sort(
    held: Held, known: Mapping[str, Known], row: ClassRow, seen: dict[str, int], planned: list[dict[str, Any]]
) -> Told:
    """Tell a new class, which is planned, from a known one and from a row at fault."""
    number = row.values["official_number"]
    faults: list[Fault] = [(fault.key, {"header": fault.header, **fault.values}) for fault in row.faults]
    first = seen.setdefault(number, row.number) if number else row.number
    if first != row.number:
        faults.append(("CLASS_TWICE_IN_SHEET", {"first": first}))
    if faults:
        return Told(row.number, number, RowOutcome.REFUSED, None, faults)
    try:
        wanted = _wanted(held, row.values)
        if number in known:
            _compare(known[number], wanted)
            return Told(row.number, number, RowOutcome.UNCHANGED, known[number].id)
        planned.append(forming.plan(held, wanted))
    except HubError as refusal:
        return Told(row.number, number, RowOutcome.REFUSED, None, [(refusal.key, refusal.values)])
    return Told(row.number, number, RowOutcome.CREATED, None)


def _wanted(held: Held, values: Mapping[str, Any]) -> Wanted:
    """The class a row asks for. Raises BadInput UNKNOWN_CAMPUS."""
    campuses = {name: found for found, name in held.campuses.items()}
    if values["campus"] and values["campus"] not in campuses:
        raise BadInput("UNKNOWN_CAMPUS", campuses="、".join(campuses) or "—")
    told = {key: value for key, value in values.items() if key not in ("school_code", "campus")}
    return Wanted(**told, campus_id=campuses.get(values["campus"]))


def _compare(known: Known, wanted: Wanted) -> None:
    """Refuse a row that says otherwise of a class than the register; what it leaves blank, it does not say."""
    if known.closed is not None:
        raise Conflict("CLASS_NUMBER_TAKEN", number=known.official_number, name=known.name)
    wrong = [FIELDS["grades"].header] if set(wanted.grades) != set(known.grades) else []
    for key in ("name", "school_year", "campus_id", "type", "formed", "teacher_name", "monitor_name"):
        said = getattr(wanted, key)
        if said is not None and said != getattr(known, key):
            wrong.append(FIELDS[key.removesuffix("_id")].header)
    if wrong:
        raise Conflict("CLASS_DIFFERS", number=known.official_number, name=known.name, fields="、".join(wrong))
