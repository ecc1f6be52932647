"""Pupils with their families and their past, the mornings of their classes, their problem records."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hub import names
from hub.fuzz.register.bed import NAMES, YEAR, Bed

_STATES = ("IN_SCHOOL", "IN_SCHOOL", "IN_SCHOOL", "SUSPENDED", "TRANSFERRED_OUT", "GRADUATED", "DELETED")
_SWITCHES = (
    "only_child",
    "preschool",
    "needs_aid",
    "living_allowance",
    "orphan",
    "martyr_child",
    "needs_school_bus",
)
_MONDAY = date(2026, 3, 2)


async def plant(bed: Bed, pupils: int) -> None:
    """Plant so many pupils, and what is marked and found of them."""
    for _ in range(pupils):
        await _pupil(bed)
    for school_class in bed.classes:
        await _mornings(bed, school_class)
    await _problems(bed)


async def _pupil(bed: Bed) -> None:
    chance, at = bed.chance, len(bed.students)
    school_class = chance.choice(bed.classes)
    school, within = school_class["school"], chance.random() < 0.9
    made: dict[str, Any] = {
        "school": school["id"],
        "class": school_class["id"] if within else None,
        "path": school_class["path"] if within else school["path"],
        "state": chance.choice(_STATES),
        "sex": chance.choice(["MALE", "FEMALE"]),
        "grade": school_class["grade"],
    }
    family = chance.choice(NAMES)
    name = chance.choice([f"名{at}", "同名", "张小明", "单于John", family or "空"])
    identity = chance.choice([None, f"14010520150315{at % 40:03d}X", f"14010620140302{at:03d}1", "短", ""])
    text = "actual_place residence_code political_status former_name id_valid_period blood_type strengths "
    text += "auxiliary_number number_in_class student_source email home_page disability inclusion"
    made["id"] = await bed.put(
        "students",
        student_number=f"{chance.choice('LJG')}140105{YEAR}{at:07d}{chance.choice('0X')}",
        school_id=school["id"],
        class_id=made["class"],
        path=made["path"],
        state=made["state"],
        grade=made["grade"],
        school_year=YEAR - (chance.random() < 0.2),
        actual_school_id=chance.choice([None, None, None, chance.choice(bed.schools)["id"]]),
        name=name,
        name_key=family,
        name_terms=names.name_terms(name),
        sex=made["sex"],
        birth_date=date(2015, 3, chance.choice([1, 15, 15])),
        birthplace_code="140105000000",
        ancestral_place=f"籍贯{at}",
        ethnic_group=chance.choice(["01", "02", "no"]),
        nationality="CHN",
        id_type="1",
        overseas_status="00",
        health=chance.choice(["10", "20"]),
        id_number=identity,
        residence_nature=chance.choice("12"),
        entry_month=date(2021, 9, 1),
        admission_type="11",
        attendance_type=chance.choice("12"),
        present_address=chance.choice(["同址", f"住址{at}"]),
        mail_address=f"通信{at}",
        home_address=f"家庭{at}",
        phone=chance.choice(["13800138000", "12345678", "1", "", "035112345678"]),
        post_code="030000",
        left_behind=chance.choice("01"),
        distance_km=chance.choice([0, 1, 1.5, 12.25, 100]),
        travel_mode="1",
        **{name: bed.word() for name in text.split()},
        **{name: chance.random() < 0.5 for name in _SWITCHES},
        **{name: chance.choice([None, True, False]) for name in ("bought_place", "migrant_child")},
    )
    bed.students.append(made)
    await _family(bed, made)
    await _history(bed, made)


async def _family(bed: Bed, pupil: dict[str, Any]) -> None:
    for position in range(1, bed.chance.choice([1, 2, 3])):
        await bed.put(
            "guardians",
            "student_id",
            student_id=pupil["id"],
            position=position,
            name=bed.chance.choice(NAMES),
            relation=bed.chance.choice(["51", "52", "no"]),
            address=f"址{pupil['id']}",
            phone=bed.chance.choice(["13900139000", "12"]),
            is_guardian=bed.chance.random() < 0.5,
            id_type=bed.chance.choice([None, "1"]),
            id_number=bed.chance.choice([None, "14010519800101123X", "12"]),
            ethnic_group=bed.chance.choice([None, "01"]),
            **{name: bed.word() for name in ("relation_note", "residence_code", "employer", "post")},
        )


async def _history(bed: Bed, pupil: dict[str, Any]) -> None:
    moved = bed.chance.random() < 0.4
    now = {"class_id": pupil["class"], "path": pupil["path"], "school_id": pupil["school"]}
    old = bed.chance.choice(bed.classes)
    then = {"class_id": old["id"], "path": old["path"], "school_id": old["school"]["id"]}
    about = {"student_id": pupil["id"], "grade": pupil["grade"], "school_year": YEAR}
    if moved:
        ends = {"since": date(2024, 9, 1), "until": date(2025, 9, 1), "ended_by": "TRANSFER"}
        await bed.put("placements", **about, **then, **ends, began_by="ENROLMENT")
    await bed.put("placements", **about, **now, since=date(2025, 9, 1), began_by="ENROLMENT")
    counted: dict[str, Any] = {"sex": pupil["sex"], "state": pupil["state"], "effective": date(2025, 9, 1)}
    counted |= {name: bed.chance.random() < 0.5 for name in ("boarding", "migrant", "left_behind", "without_id")}
    turn = bed.moment()
    if moved:
        past = {"recorded_from": turn - timedelta(days=9), "recorded_until": turn, "path": old["path"]}
        await bed.put("student_versions", **about, **counted, **past)
    await bed.put("student_versions", **about, **counted, recorded_from=turn, path=pupil["path"])


async def _mornings(bed: Bed, school_class: dict[str, Any]) -> None:
    chance = bed.chance
    roster = [one for one in bed.students if one["class"] == school_class["id"]]
    for at in range(5):
        if chance.random() < 0.4:
            continue
        # Where the class was before it moved, or here.
        path = chance.choice([school_class["path"], school_class["path"], chance.choice(bed.classes)["path"]])
        away = {one["id"]: chance.choice(["ABSENT", "LATE", "SICK_LEAVE"]) for one in roster if chance.random() < 0.3}
        kinds = list(away.values())
        day = _MONDAY + timedelta(days=at)
        made = await bed.put(
            "class_days",
            class_id=school_class["id"],
            day=day,
            path=path,
            grade=school_class["grade"],
            expected=len(away) + chance.choice([0, 0, 7, 40]),
            absent=kinds.count("ABSENT"),
            late=kinds.count("LATE"),
            on_leave=kinds.count("SICK_LEAVE"),
            marked_by=bed.accounts[0],
            marked_at=bed.moment(),
        )
        for pupil, kind in away.items():
            about = {"class_day_id": made, "student_id": pupil, "day": day, "path": path}
            await bed.put("absences", "student_id", **about, kind=kind, note=bed.word())


async def _problems(bed: Bed) -> None:
    for pupil in bed.chance.sample(bed.students, len(bed.students) // 3):
        for kind in bed.chance.sample(["ID_INVALID", "ID_DUPLICATED", "NAME_SEX_BIRTH"], bed.chance.choice([1, 2])):
            shut = bed.chance.random() < 0.4
            await bed.put(
                "problem_records",
                student_id=pupil["id"],
                kind=kind,
                path=pupil["path"],
                state="CLOSED" if shut else "OPEN",
                resolution=bed.chance.choice(["CHANGE", "EVIDENCE"]) if shut else None,
                closed_at=bed.moment() if shut else None,
                found_at=bed.moment(),
                cause=b"x",
            )
