"""The judgement of a pupil's family members: their numbers, and how they go together with the pupil."""

from datetime import date

from hub import identity
from hub.intake.found import Found, Known
from hub.intake.pupil import RESIDENT_ID, Pupil, judge_number
from hub.intake.sheet import BY_SLOT, COLUMNS
from hub.intake.values import worded

_FATHER, _MOTHER, _SIBLING, _OTHER = "51", "52", "70", "97"
_PARENTS = (_FATHER, _MOTHER)
_SEXES: dict[str | None, identity.Sex] = {_FATHER: "MALE", _MOTHER: "FEMALE"}
_BOTH_AWAY = "2"
_ANY_AGE = (0, 120)
_SECOND = [column.slot for column in COLUMNS if column.member == 2]
_NEEDED_OF_SECOND = ("guardian2.name", "guardian2.relation")


class Member:
    """The slots of a family member."""

    def __init__(self, number: int) -> None:
        prefix = f"guardian{number}."
        self.relation, self.note = prefix + "relation", prefix + "relation_note"
        self.id_type, self.id_number = prefix + "id_type", prefix + "id_number"
        self.residence_code, self.address = prefix + "residence_code", prefix + "address"
        self.is_guardian = prefix + "is_guardian"


_FIRST_ALONE, _BOTH = (Member(1),), (Member(1), Member(2))


def judge(pupil: Pupil, found: Found, known: Known) -> None:
    """Judge the members who are named."""
    second = any(pupil[slot] is not None or slot in found for slot in _SECOND)
    members = _BOTH if second else _FIRST_ALONE
    numbers = [pupil["id_number"]]
    for member in members:
        _judge_member(member, pupil, found, known)
        number = pupil[member.id_number]
        if number is not None and number in numbers:
            found.add(member.id_number, "ID_TWICE_IN_ROW")
        numbers.append(number)
    if second:
        _judge_second(pupil, found)
    if pupil["id_number"] is None and "id_number" not in found:
        _require_guardian(pupil, found, known)


def _judge_member(member: Member, pupil: Pupil, found: Found, known: Known) -> None:
    relation, number = pupil[member.relation], pupil[member.id_number]
    near = (pupil[member.residence_code],)
    if number is not None:
        told = judge_number(member.id_number, pupil, found, known, near, ages=_ANY_AGE)
        if told and member.id_number not in found:
            _judge_birth(member, relation, int(number[6:14]), pupil, found, known)
            if relation in _PARENTS and identity.sex_of(number) != _SEXES[relation]:
                found.add(member.relation, "RELATION_SEX_DISAGREES")
    if relation == _OTHER and pupil[member.note] is None:
        found.add(member.note, "RELATION_NOTE_REQUIRED")
    elif relation == _SIBLING and pupil["only_child"]:
        found.add(member.relation, "ONLY_CHILD_WITH_SIBLING")
    elif relation in _PARENTS:
        if pupil["orphan"] and pupil[member.is_guardian]:
            found.add(member.is_guardian, "ORPHAN_WITH_PARENT")
        address = pupil[member.address]
        if pupil["left_behind"] == _BOTH_AWAY and address is not None and address == pupil["present_address"]:
            found.add(member.address, "LEFT_BEHIND_PARENT_HERE")


def _judge_birth(member: Member, relation: str | None, born: int, pupil: Pupil, found: Found, known: Known) -> None:
    """Hold the birth date of a member's number, as eight digits, against the relation and the pupil's birth."""
    child, is_guardian = pupil["birth_date"], pupil[member.is_guardian]
    if child is not None and (is_guardian or relation in known.elders):
        years = (_digits(child) - born) // 10_000
        if years < known.elders.get(relation, 0):
            found.add(member.id_number, "GUARDIAN_TOO_YOUNG", years=years)
    if is_guardian and (_digits(known.today) - born) // 10_000 < known.of_age:
        found.add(member.is_guardian, "GUARDIAN_UNDER_AGE", limit=known.of_age)


def _digits(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


def _judge_second(pupil: Pupil, found: Found) -> None:
    first, second = _BOTH
    for slot in _NEEDED_OF_SECOND:
        if pupil[slot] is None and slot not in found:
            found.add(slot, "REQUIRED")
    slot = second.residence_code
    if pupil[second.id_type] == RESIDENT_ID and pupil[slot] is None and slot not in found:
        found.add(slot, "RESIDENCE_CODE_REQUIRED")
    relation = pupil[second.relation]
    if relation in _PARENTS and relation == pupil[first.relation]:
        found.add(second.relation, "RELATION_TWICE", relation=worded(relation, BY_SLOT[second.relation]))


def _require_guardian(pupil: Pupil, found: Found, known: Known) -> None:
    """A pupil without a number is known by the guardians' numbers (rules of the national system)."""
    guardians = [member for member in _BOTH if pupil[member.is_guardian]]
    lacking = [m.id_number for m in guardians if pupil[m.id_number] is None and m.id_number not in found]
    wanted = min(known.limit("GUARDIAN_ID_REQUIRED", "guardians"), len(guardians))
    if len(guardians) - len(lacking) < wanted:
        for slot in lacking:
            found.add(slot, "GUARDIAN_ID_REQUIRED")
    slot = _BOTH[0].is_guardian
    if not guardians and slot not in found and _BOTH[1].is_guardian not in found:
        found.add(slot, "NO_GUARDIAN")
