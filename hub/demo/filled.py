"""The workbook of the demonstration: sound new pupils, and rows with the mistakes clerks make."""

from io import BytesIO
from typing import Any

from hub import clock, db, identity
from hub.errors import NotFound
from hub.intake import template
from hub.settings import Settings


async def workbook(settings: Settings, code: str) -> bytes:
    """A filled workbook of a school: four sound new pupils and three rows with mistakes clerks make."""
    connection = await db.system_door(settings).connect()
    try:
        row = await connection.fetchrow(
            """SELECT s.name, s.territory, c.official_number, c.name AS class, c.grade
               FROM schools s JOIN classes c ON c.school_id = s.id
               WHERE s.code = $1 AND c.closed IS NULL ORDER BY c.grade, c.number""",
            code,
        )
    finally:
        await connection.close()
    if row is None:
        raise NotFound
    born = clock.today().year - 6 - row["grade"]
    sound = [
        _pupil(code, row, name, sex, f"{born}0{month}15", month)
        for month, (name, sex) in enumerate([("郭子涵", "男"), ("任雨桐", "女"), ("薛浩然", "男"), ("樊诗琪", "女")], 3)
    ]
    digit, date, group = (
        _pupil(code, row, name, "男", f"{born}0715", at) for at, name in enumerate(("卫明", "解宇", "成刚"), 7)
    )
    digit["id_number"] = digit["id_number"][:-1] + ("0" if digit["id_number"][-1] != "0" else "1")
    date["birth_date"] = f"{born}年13月1日"
    group["ethnic_group"] = "汉人"
    content = BytesIO()
    sheet = template.SchoolSheet(code, row["name"], [(row["official_number"], row["class"])])
    template.fill(sheet, [*sound, digit, date, group], content)
    return content.getvalue()


def _pupil(code: str, school: Any, name: str, sex: str, born: str, sequence: int) -> dict[str, str]:
    division = school["territory"]
    odd = 2 * sequence + (701 if sex == "男" else 700)
    body = f"{division}{born}{odd}"
    place = f"{division}000000"
    return {
        "school_code": code,
        "name": name,
        "sex": sex,
        "birth_date": born,
        "birthplace_code": place,
        "ancestral_place": "山西",
        "ethnic_group": "汉族",
        "nationality": "中国",
        "id_type": "居民身份证",
        "overseas_status": "否",
        "health": "健康或良好",
        "political_status": "群众",
        "id_number": body + identity.check_character(body),
        "residence_nature": "农业户口",
        "residence_code": place,
        "class_number": school["official_number"],
        "entry_month": f"{clock.school_year(clock.today()) - school['grade'] + 1}09",
        "admission_type": "就近入学",
        "attendance_type": "走读",
        "present_address": "村委会路12号",
        "mail_address": "村委会路12号",
        "home_address": "村委会路12号",
        "phone": "13800000001",
        "post_code": "030000",
        "only_child": "否",
        "preschool": "是",
        "left_behind": "非留守儿童",
        "needs_aid": "否",
        "living_allowance": "否",
        "orphan": "否",
        "martyr_child": "否",
        "distance_km": "1",
        "travel_mode": "步行",
        "needs_school_bus": "否",
        "guardian1.name": f"{name[0]}建国",
        "guardian1.relation": "父亲",
        "guardian1.address": "村委会路12号",
        "guardian1.residence_code": place,
        "guardian1.phone": "13800000002",
        "guardian1.is_guardian": "是",
    }
