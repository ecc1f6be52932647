"""Cases with their steps and decisions: what is told of one depends on which side asks."""

from datetime import date
from typing import Any

import orjson

from hub.fuzz.ground.kinds import DATE, INT, TEXT, TIME, WORD, Down, Extra, Leaf, Reaches, Type, Up, Value
from hub.fuzz.ground.shorthand import ids, leaves, mask_tail, of
from hub.fuzz.rows import Row, Rows


def _details(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(row["details"])
    return found


def _typed(*keys: str) -> Value:
    def found(row: Row, *_: Any) -> Any:
        value: Any = _details(row)
        for key in keys:
            value = (value or {}).get(key)
        return value

    return found


def _birth_date(row: Row, *_: Any) -> date | None:
    typed = _typed("change", "birth_date")(row, *_)
    return None if typed is None else date.fromisoformat(typed)


def _office(path: str | None, rows: Rows) -> str | None:
    school, place = (rows.one(table, "path", path) for table in ("schools", "places"))
    if school is not None:
        return str(school["name"])
    return None if place is None else place["name"] if place["office"] is None else place["office"]


def _told(case: Row, rows: Rows, reaches: Reaches) -> bool:
    """Whether the caller is told which school a pupil would leave: who reaches it, and all once it agreed."""
    steps = rows.where("case_steps", "case_id", case["id"])
    agreed = any((step["side"], step["state"]) == ("SENDING_SCHOOL", "APPROVED") for step in steps)
    return case["kind"] != "TRANSFER_IN_COUNTY" or reaches(case["other_path"]) or agreed


def _waits_openly(case: Row, rows: Rows, reaches: Reaches) -> bool:
    return case["waiting_path"] != case["other_path"] or _told(case, rows, reaches)


def _waiting_office(case: Row, rows: Rows, reaches: Reaches) -> str | None:
    if case["waiting_path"] is None or _waits_openly(case, rows, reaches):
        return _office(case["waiting_path"], rows)
    steps = rows.where("case_steps", "case_id", case["id"])
    named = [_office(step["office"], rows) for step in steps if step["side"] == "AUTHORITY"]
    return min((name for name in named if name is not None), default=None)


def _step_office(step: Row, rows: Rows, reaches: Reaches) -> str | None:
    [case] = rows.where("cases", "id", step["case_id"])
    shown = step["side"] != "SENDING_SCHOOL" or _told(case, rows, reaches)
    return _office(step["office"], rows) if shown else None


def _school_at(path: str | None, rows: Rows) -> int | None:
    school = rows.one("schools", "path", path)
    return None if school is None else school["id"]


def _other_school(case: Row, rows: Rows, reaches: Reaches) -> int | None:
    return _school_at(case["other_path"], rows) if _told(case, rows, reaches) else None


def _subject(row: Row, rows: Rows, *_: Any) -> int | None:
    return min((one["student_id"] for one in rows.where("case_subjects", "case_id", row["id"])), default=None)


def _waiting_at(row: Row, rows: Rows, reaches: Reaches, code: str) -> bool:
    school = rows.one("schools", "code", code)
    there = row["waiting_path"] in (code, None if school is None else school["path"])
    return row["waiting_path"] is not None and there and _waits_openly(row, rows, reaches)


CASE_STEP = Type(
    "case_steps",
    "case",
    {
        **leaves(INT, "ordinal"),
        **leaves(WORD, "side state"),
        **leaves(DATE, "due"),
        **leaves(TIME, "decidedAt"),
        "office": Leaf(_step_office),
    },
)
CASE_DECISION = Type(
    "case_decisions",
    "case",
    {**leaves(WORD, "verdict reason"), **leaves(TEXT, "note role"), **leaves(TIME, "at")},
)
CASE = Type(
    "cases",
    "case",
    {
        **ids("case"),
        **leaves(WORD, "kind state"),
        **leaves(DATE, "due"),
        **leaves(TIME, "openedAt closedAt"),
        **leaves(INT, "version"),
        "school": Up("School", lambda row, rows, _: _school_at(row["path"], rows)),
        "otherSchool": Up("School", _other_school),
        "waitingOffice": Leaf(_waiting_office),
        "pupilName": Leaf(_typed("name")),
        "typedNumber": Leaf(_typed("number"), TEXT, mask_tail(6)),
        "resolution": Leaf(_typed("how"), WORD),
        "typedSex": Leaf(_typed("change", "sex"), WORD),
        "typedBirthDate": Leaf(_birth_date, DATE),
        "typedIdType": Leaf(_typed("change", "id_type")),
        "evidence": Leaf(lambda row, rows, _: len(rows.where("case_files", "case_id", row["id"])), INT),
        "student": Up("Student", _subject, leased=True),
        "steps": Down("CaseStep", "owned", of("case_steps", "case_id"), ("ordinal",), whole=True),
        "decisions": Down("CaseDecision", "owned", of("case_decisions", "case_id"), ("id",), whole=True),
    },
    "case",
    paths=("path", "other_path"),
    order=("-id",),
    sorts={"OPENED_AT": ("opened_at", None)},
    extras={"waitingAt": Extra(_waiting_at, TEXT)},
)
