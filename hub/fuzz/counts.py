"""Numbers and candidates, counted row by row."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hub.fuzz import conditions, ground
from hub.fuzz.asked import listed
from hub.fuzz.ground import unmarked
from hub.fuzz.rows import Row, Rows
from hub.fuzz.scope import Scope

MOST_CANDIDATES = 20


DIMENSIONS = {"schoolYear": "school_year", "grade": "grade", "sex": "sex", "state": "state"}


def headcounts(rows: Rows, places: list[str], given: dict[str, Any], *, territorial: bool) -> list[dict[str, Any]]:
    """Pupils at places by the dimensions asked for, each pupil once; of regions, by territory those of every school
    standing there.
    """
    groups = listed(given.get("groupBy", ["GRADE", "SEX"]))
    states = listed(given.get("states", ["IN_SCHOOL"]))
    by_territory = territorial and given.get("by", "MANAGEMENT") == "TERRITORY"
    pupils = {one["id"]: one for place in places for one in _pupils(rows, place, territorial=by_territory)}
    names = list(dict.fromkeys(group.lower() for group in groups))
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    if not names:
        found[()] = []
    for pupil in pupils.values():
        if pupil["state"] in states and _counted(pupil, given.get("where")):
            found[tuple(pupil[name] for name in names)].append(pupil)
    return [_headcount(rows, dict(zip(names, key, strict=True)), found[key]) for key in sorted(found)]


def _pupils(rows: Rows, place: str, *, territorial: bool) -> list[Row]:
    if not territorial or "." in place:
        return rows.below("students", "path", place)
    schools = rows.below("schools", "territory", place)
    return [pupil for school in schools for pupil in rows.where("students", "school_id", school["id"])]


def _counted(pupil: Row, where: dict[str, Any] | None) -> bool:
    return all(conditions.compares(pupil[DIMENSIONS[name]], ground.INT, given) for name, given in (where or {}).items())


def _headcount(rows: Rows, group: dict[str, Any], pupils: list[Row]) -> dict[str, Any]:
    problems = [one for pupil in pupils for one in rows.where("problem_records", "student_id", pupil["id"])]
    return {field: group.get(column) for field, column in DIMENSIONS.items()} | {
        "students": len(pupils),
        "boarding": sum(one["attendance_type"] == "2" for one in pupils),
        "migrant": sum(one["migrant_child"] is True for one in pupils),
        "leftBehind": sum(one["left_behind"] != "0" for one in pupils),
        "withoutId": sum(one["id_number"] is None for one in pupils),
        "photoMissing": sum(one["photo_file_id"] is None for one in pupils),
        "openProblems": sum(one["state"] == "OPEN" for one in problems),
    }


def check(given: dict[str, Any], faults: conditions.Faults, limit: int) -> None:
    """Note why a headcount's filter would be refused."""
    for one in (given.get("where") or {}).values():
        if one is None or any(asked is None for asked in one.values()):
            faults.compiling.add("NULL_FILTER")
        elif len(listed(one.get("in", []))) > limit:
            faults.binding.add("FILTER_LIST_TOO_LONG")


def problem_counts(rows: Rows, path: str) -> list[dict[str, Any]]:
    """Open problem records at a place by kind."""
    found: dict[str, int] = defaultdict(int)
    for record in rows.below("problem_records", "path", path):
        if record["state"] == "OPEN":
            found[record["kind"]] += 1
    return [{"kind": kind, "open": found[kind]} for kind in sorted(found)]


def period(given: dict[str, Any], today: date) -> tuple[date, date]:
    """From which day to which attendance is counted."""
    until = date.fromisoformat(given["until"]) if given.get("until") else today
    return date.fromisoformat(given["since"]) if given.get("since") else until, until


def attendance(rows: Rows, path: str, since: date, until: date) -> dict[str, Any]:
    """The class-days that lie at a place, summed."""
    days = [day for day in rows.below("class_days", "path", path) if since <= day["day"] <= until]
    expected, absent, late, leave = (
        sum(day[name] for day in days) for name in ("expected", "absent", "late", "on_leave")
    )
    present = expected - absent - leave
    rate = (Decimal(present) / expected).quantize(Decimal("0.0001"), ROUND_HALF_UP) if expected else None
    return {
        "classDays": len(days),
        "expected": expected,
        "present": present,
        "absent": absent,
        "late": late,
        "onLeave": leave,
        "rate": None if rate is None else str(rate),
        "unmarkedClasses": sum(unmarked(one, rows, None, until) for one in rows.below("classes", "path", path)),
    }


_SHOWN = {
    "name": "name",
    "sex": "sex",
    "birthDate": "birth_date",
    "grade": "grade",
    "state": "state",
    "idNumber": "id_number",
    "studentNumber": "student_number",
}
_MASKS = {"idNumber": ground.mask_tail(6), "studentNumber": ground.mask_tail(7)}


def candidates(scope: Scope, record: Row) -> list[dict[str, Any]]:
    """Who else a problem record's pupil could be; nobody for a pupil out of reach."""
    rows = scope.rows
    pupil = rows.one("students", "id", record["student_id"])
    if pupil is None or not scope.reaches(pupil["path"]):
        return []
    others = {one["id"]: one for one in rows.where("students", "id_number", pupil["id_number"])}
    others |= {one["id"]: one for one in rows.where("students", "name", pupil["name"]) if _namesake(pupil, one)}
    nearest = sorted(others.values(), key=lambda one: (_rank(pupil, one), one["id"]))
    found = [one for one in nearest if one["id"] != pupil["id"] and one["state"] != "DELETED"]
    return [_candidate(scope, pupil, one) for one in found[:MOST_CANDIDATES]]


def _rank(pupil: Row, other: Row) -> int:
    same = _same(pupil["id_number"], other["id_number"])
    return 2 if same is None else 0 if same else 1


def _namesake(pupil: Row, other: Row) -> bool:
    return all(pupil[name] == other[name] for name in ("name", "sex", "birth_date"))


def _same(mine: Any, theirs: Any) -> bool | None:
    return None if mine is None or theirs is None else mine == theirs


def _candidate(scope: Scope, pupil: Row, other: Row) -> dict[str, Any]:
    rows, shown = scope.rows, scope.may("student") and scope.reaches(other["path"])
    school = rows.one("schools", "id", other["school_id"])
    county = rows.one("places", "id", school["located_in_id"]) if school else None
    assert school is not None and county is not None  # noqa: S101, PT018 -- foreign keys
    values: dict[str, Any] = {"inReach": shown, "studentId": f"student:{other['id']}" if shown else None}
    for name, column in _SHOWN.items():
        access, value = scope.access("student", name), other[column]
        if access == "mask":
            value = _MASKS[name](value) if name in _MASKS and value is not None else None
        values[name] = value if shown and access != "deny" else None
    values |= {"schoolName": school["name"] if shown else None, "schoolCode": school["code"] if shown else None}
    values |= {"office": county["office"], "officePhone": county["office_phone"]}
    return values | {"agreement": _agreement(rows, pupil, other)}


def _agreement(rows: Rows, pupil: Row, other: Row) -> list[dict[str, Any]]:
    mine, theirs = ({one["name"] for one in rows.where("guardians", "student_id", row["id"])} for row in (pupil, other))
    found = {
        "ID_NUMBER": _same(pupil["id_number"], other["id_number"]),
        "NAME": _same(pupil["name"], other["name"]),
        "SEX": _same(pupil["sex"], other["sex"]),
        "BIRTH_DATE": _same(pupil["birth_date"], other["birth_date"]),
        "GUARDIAN": bool(mine & theirs),
        "ADDRESS": _same(pupil["present_address"], other["present_address"]),
    }
    return [{"field": name, "agrees": agrees} for name, agrees in found.items()]
