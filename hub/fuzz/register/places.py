"""Places of every level, and schools with their campuses, grades and classes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from hub import names
from hub.fuzz.register.bed import NAMES, YEAR, Bed

_PLACES = (
    ("14", None, "PROVINCE", "山西省"),
    ("1401", "14", "CITY", "太原市"),
    ("1402", "14", "CITY", "大同市"),
    ("140105", "1401", "COUNTY", "小店区"),
    ("140106", "1401", "COUNTY", "迎泽区"),
    ("140202", "1402", "COUNTY", "城区"),
)
# Who manages a school, where it stands, the centre of a teaching point.
_SCHOOLS = (
    ("2114000001", "140105", "140105", None),
    ("2114000002", "140105", "140106", None),
    ("2114000003", "140106", "140106", None),
    ("3414000007", "1401", "140105", None),
    ("3114000008", "14", "140202", None),
    ("2114000009", "140202", "140202", None),
    ("2114000011", "140105", "140105", "2114000001"),
    ("2114000012", "140106", "140106", "2114000001"),
)


async def plant(bed: Bed) -> None:
    """Plant every place and every school."""
    for place in _PLACES:
        await _place(bed, *place)
    for school in _SCHOOLS:
        await _school(bed, *school)


async def _place(bed: Bed, code: str, parent: str | None, level: str, name: str) -> None:
    office = bed.chance.choice([None, f"{name}教育局"])
    bed.places[code] = await bed.put(
        "places",
        code=code,
        level=level,
        parent_id=bed.places.get(parent or ""),
        path=code,
        name=name,
        name_key=bed.chance.choice(NAMES),
        name_terms=names.name_terms(name),
        office=office,
        office_phone=bed.chance.choice([None, "0351-1234567"]),
        since=date(1949, 10, 1),
        until=bed.chance.choice([None, date(2026, 1, 1)]),
    )


async def _school(bed: Bed, code: str, managed: str, located: str, parent: str | None) -> None:
    chance = bed.chance
    made: dict[str, Any] = {"code": code, "path": f"{managed}.{code}", "managed": managed, "located": located}
    optional = (
        "english_name affiliation address post_code phone email head_name head_phone organisation_code "
        "legal_person_number land_title boarding_mode teaching_language"
    )
    made["id"] = await bed.put(
        "schools",
        code=code,
        name=f"{code[-2:]}小学",
        name_key=chance.choice(NAMES),
        name_terms=names.name_terms(f"{code[-2:]}小学"),
        type=chance.choice(["211", "218", "999"]),
        founder=chance.choice(["EDUCATION_DEPARTMENT", "PRIVATE", "UNCLEAR"]),
        licensed=chance.random() < 0.5,
        place_id=bed.places[managed],
        path=made["path"],
        located_in_id=bed.places[located],
        territory=located,
        parent_id=next((one["id"] for one in bed.schools if one["code"] == parent), None),
        since=date(2000, 9, 1),
        until=chance.choice([None, date(2027, 1, 1)]),
        **{name: bed.word() for name in optional.split()},
    )
    bed.schools.append(made)
    for stage, authority in (("PRIMARY", located), ("JUNIOR", "1401")):
        since = chance.choice([date(2000, 9, 1), date(2010, 9, 1)])
        await bed.put(
            "school_stages",
            school_id=made["id"],
            stage=stage,
            length=chance.choice([3, 5, 6]),
            authority_id=bed.places[authority],
            since=since,
        )
    campuses = [await _campus(bed, made, name) for name in chance.sample(NAMES[1:], 2)]
    for number in (1, 2, 3):
        await bed.put(
            "grades",
            school_id=made["id"],
            path=made["path"],
            stage="PRIMARY",
            number=number,
            school_year=YEAR - chance.randrange(2),
            name=f"{number}年级",
        )
    for number in range(1, chance.choice([2, 3, 4])):
        await _school_class(bed, made, number, [None, *campuses])


async def _campus(bed: Bed, school: dict[str, Any], name: str) -> int:
    area = bed.chance.choice([None, 12, 0.5, 1000])
    found: int = await bed.put(
        "campuses",
        school_id=school["id"],
        path=school["path"],
        name=name,
        address=bed.word(),
        phone=bed.word(),
        area=area,
    )
    return found


async def _school_class(bed: Bed, school: dict[str, Any], number: int, campuses: Sequence[int | None]) -> None:
    chance = bed.chance
    made: dict[str, Any] = {
        "path": f"{school['path']}.{number:07d}",
        "school": school,
        "grade": chance.choice([1, 2]),
    }
    combined = chance.random() < 0.3
    made["id"] = await bed.put(
        "classes",
        school_id=school["id"],
        campus_id=chance.choice(campuses),
        path=made["path"],
        number=f"{number:07d}",
        official_number=f"{chance.choice('ABZ')}{number}",
        name=f"{number}班",
        grade=made["grade"],
        school_year=YEAR,
        combined=combined,
        type=chance.choice([None, "1", "9"]),
        length=chance.choice([None, 6]),
        formed=chance.choice([None, date(2025, 9, 1)]),
        teacher_name=bed.word(),
        monitor_name=bed.word(),
        closed=chance.choice([None, None, None, date(2026, 2, 1)]),
    )
    for grade in (made["grade"], made["grade"] + 1) if combined else (made["grade"],):
        for year in (YEAR, YEAR - 1):
            await bed.put("class_grades", "class_id", class_id=made["id"], school_year=year, grade=grade)
    await bed.connection.execute("UPDATE schools SET last_class_number = $2 WHERE id = $1", school["id"], number)
    bed.classes.append(made)
