"""The judgement of a pupil's own cells against each other, the class named and the day."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from hub import grades, identity
from hub.intake import values
from hub.intake.found import Found, Known
from hub.terms import Founder

RESIDENT_ID, NO_ID = "1", "Z"
PERMITS = ("810000", "820000", "830000")
"""Divisions of residence permits for people from Hong Kong, Macao and Taiwan."""

_CHINA, _FOREIGNER = "CHN", "51"
_SPECIAL_SCHOOL = "51"
_NO_DISABILITY, _DISABLED = "0", "50"
_DISABILITIES = {None: {"0"}, "00": {"0"}, "11": {"1"}, "12": {"2"}, "13": {"5"}, "19": {"3", "4", "6", "7", "8"}}
_MEMBER, _LEAGUE, _NO_PARTY = ("01", "02"), "03", "13"
_DAY_PUPIL, _BY_SCHOOL_BUS = "1", "5"
_LAST_COMPULSORY = 9
_PUBLIC = {Founder.EDUCATION_DEPARTMENT, Founder.OTHER_DEPARTMENT}
_ADDRESSES = ("present_address", "mail_address", "home_address", "guardian1.address", "guardian2.address")

Pupil = Mapping[str, Any]
"""The parsed values of a row by slot; None is blank or at fault."""


def judge(pupil: Pupil, found: Found, known: Known) -> None:
    """Judge everything but the family."""
    _judge_identity(pupil, found, known)
    _judge_entry(pupil, found, known)
    _judge_disability(pupil, found, known)
    _judge_living(pupil, found, known)
    if pupil["bought_place"] and known.school.founder in _PUBLIC:
        found.add("bought_place", "BOUGHT_PLACE_AT_PUBLIC_SCHOOL")
    taught = known.school.grades.get(pupil["class_number"])
    if taught:
        _judge_grade(pupil, taught, found, known)
    status = pupil["political_status"]
    if status not in (None, _NO_PARTY):
        _judge_politics(status, pupil, taught, found, known)


def judge_number(
    slot: str, pupil: Pupil, found: Found, known: Known, near: Sequence[str | None], **expected: Any
) -> bool:
    """Judge an identity number by its type; True if it told a birth date that could be compared.

    A number that fails gets the ones that may have been meant, of divisions `near` first.
    """
    number, kind = pupil[slot], pupil[slot.replace("id_number", "id_type")]
    if number is None:
        return False
    if (
        kind == RESIDENT_ID
        or (number[:6] in PERMITS and len(number) == 18)
        or (kind is None and number[:14].isdecimal())
    ):
        faults = identity.verdict(number, today=known.today, **expected)
        if faults:
            meant = known.repair(number, near=[code[:6] for code in near if code], **expected)
            for place, key in enumerate(faults):
                found.put(slot, values.Wrong(key, {}, () if place else meant))
        return len(number) == 18
    if kind is None:
        return False
    if not values.other_id(number):
        found.add(slot, "BAD_ID_NUMBER")
    elif len(number) == 18 and not identity.verdict(number, today=known.today, ages=(0, 120)):
        found.add(slot, "ID_TYPE_DOUBTFUL")
    return False


def _judge_identity(pupil: Pupil, found: Found, known: Known) -> None:
    born, sex, name = pupil["birth_date"], pupil["sex"], pupil["name"]
    near = (pupil["residence_code"], pupil["birthplace_code"])
    expected = {"sex": sex, "birth_date": born, "ages": identity.PUPIL_AGES}
    recorded = None not in (name, sex, born) and (name, sex, str(born), pupil["id_number"]) in known.recorded
    of_number = Found(found.severities, {}, {}) if recorded else found
    if not judge_number("id_number", pupil, of_number, known, near, **expected) and born is not None:
        _judge_age(born, found, known.today)
    if recorded and "id_number" in of_number:
        found.add("id_number", "ID_WRONG_ON_RECORD")
    if name is not None and len(name) == 1:
        found.add("name", "NAME_TOO_SHORT")
    resident = pupil["id_type"] == RESIDENT_ID and (pupil["id_number"] or "")[:6] not in PERMITS
    if resident and pupil["residence_code"] is None and "residence_code" not in found:
        found.add("residence_code", "RESIDENCE_CODE_REQUIRED")
    foreign = pupil["nationality"] not in (None, _CHINA)
    if (foreign and resident) or (not foreign and pupil["overseas_status"] == _FOREIGNER):
        found.add("nationality", "NATIONALITY_DISAGREES")


def _judge_age(born: date, found: Found, today: date) -> None:
    if born > today:
        found.add("birth_date", "BIRTH_IN_FUTURE")
    elif not identity.PUPIL_AGES[0] <= identity.age(born, today) <= identity.PUPIL_AGES[1]:
        found.add("birth_date", "BIRTH_OUT_OF_RANGE")


def _judge_entry(pupil: Pupil, found: Found, known: Known) -> None:
    entry, born, today = pupil["entry_month"], pupil["birth_date"], known.today
    if entry is None:
        return
    if _months(today, entry) > known.limit("ENTRY_IN_FUTURE", "months"):
        found.add("entry_month", "ENTRY_IN_FUTURE")
    elif born is not None and entry <= born <= today:
        found.add("entry_month", "ENTRY_BEFORE_BIRTH")


def _months(since: date, until: date) -> int:
    return (until.year - since.year) * 12 + until.month - since.month


def _judge_disability(pupil: Pupil, found: Found, known: Known) -> None:
    inclusion, disability = pupil["inclusion"], pupil["disability"] or _NO_DISABILITY
    if pupil["health"] == _DISABLED and disability == _NO_DISABILITY and "disability" not in found:
        found.add("health", "HEALTH_DISAGREES")
    if "inclusion" in found or "disability" in found:
        return
    at_special_school = known.school.kind == _SPECIAL_SCHOOL and inclusion in (None, "00")
    if disability not in _DISABILITIES[inclusion] and not at_special_school:
        found.add("inclusion", "INCLUSION_DISAGREES")


def _judge_living(pupil: Pupil, found: Found, known: Known) -> None:
    for slot in _ADDRESSES:
        address = pupil[slot]
        if address is not None and len(address) < known.shortest_address:
            found.add(slot, "ADDRESS_TOO_SHORT")
    if pupil["travel_mode"] == _BY_SCHOOL_BUS and pupil["needs_school_bus"] is False:
        found.add("needs_school_bus", "SCHOOL_BUS_DISAGREES")
    if pupil["attendance_type"] == _DAY_PUPIL:
        distance = pupil["distance_km"]
        if distance is not None and distance > known.farthest:
            found.add("distance_km", "DISTANCE_TOO_FAR", limit=known.farthest)
        if pupil["living_allowance"]:
            found.add("living_allowance", "ALLOWANCE_OF_DAY_PUPIL")
    if pupil["left_behind"] not in (None, "0"):
        if pupil["orphan"]:
            found.add("left_behind", "LEFT_BEHIND_ORPHAN")
        if pupil["migrant_child"]:
            found.add("left_behind", "LEFT_BEHIND_MIGRANT")


def _judge_grade(pupil: Pupil, taught: Sequence[int], found: Found, known: Known) -> None:
    """Hold age and entry month against the grades of the class; of a combined class any may be the pupil's."""
    born, entry, lowest, highest = pupil["birth_date"], pupil["entry_month"], taught[0], taught[-1]
    if pupil["migrant_child"] and lowest > _LAST_COMPULSORY:
        found.add("migrant_child", "MIGRANT_BEYOND_COMPULSORY")
    if born is not None:
        age = known.school_year - born.year - ((born.month, born.day) > (8, 31))
        if not lowest + known.youngest <= age <= highest + known.oldest and age >= 0:
            found.add("birth_date", "AGE_UNUSUAL_FOR_GRADE", age=age, grade=_spoken(taught))
    if entry is not None:
        expected = [known.entry(grade) for grade in taught]
        if all(abs(_months(month, entry)) > known.entry_months for month in expected):
            named = {"grade": _spoken(taught), "expected": f"{expected[0]:%Y%m}"}
            found.add("entry_month", "ENTRY_UNUSUAL_FOR_GRADE", **named)


def _spoken(taught: Sequence[int]) -> str:
    return "、".join(map(grades.name, taught))


def _judge_politics(status: str, pupil: Pupil, taught: Sequence[int] | None, found: Found, known: Known) -> None:
    code = "POLITICAL_STATUS_EARLY"
    needed = known.limit(code, "party" if status in _MEMBER else "league")
    born = pupil["birth_date"]
    young = born is not None and identity.age(born, known.today) < needed
    if young or (taught and taught[-1] < known.school.first_grades[1]):
        found.add("political_status", code)
