"""Sound rows for the import sheet, all 71 columns filled."""

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from hub import clock, identity

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧"
_GIVEN = "子涵雨桐浩然诗琪梓萱宇轩欣怡俊杰思远佳宁明哲若曦博文一诺嘉怡天佑可馨"
_STREETS = ("平阳路", "学府街", "并州路", "建设路", "迎泽大街", "新建路", "滨河路", "解放路")
_DIVISION = "140105"


def rows(school: str, classes: Sequence[str], many: int, seed: int = 1, first: int = 0) -> Iterator[dict[str, str]]:
    """Pupils of the second grade over its classes, each with two family members; all identity numbers differ.

    So do those of pupils from the place `first` on and of those before.
    """
    chance = random.Random(seed)
    year = clock.school_year(clock.today())
    for place in range(first, first + many):
        born = date(year - 8, 1, 1) + timedelta(days=place % 700)
        yield _pupil(chance, school, classes[place % len(classes)], born, place)


def _pupil(chance: random.Random, school: str, class_number: str, born: date, place: int) -> dict[str, str]:
    surname = chance.choice(_SURNAMES)
    boy = place % 2
    address = (
        f"{chance.choice(_STREETS)}{chance.randint(1, 400)}号{chance.randint(1, 30)}号楼{chance.randint(101, 2602)}室"
    )
    division = f"{_DIVISION}{chance.randint(1, 20):03d}{chance.randint(1, 40):03d}"
    return {
        "school_code": school,
        "name": surname + "".join(chance.choices(_GIVEN, k=2)),
        "sex": "男" if boy else "女",
        "birth_date": f"{born:%Y%m%d}",
        "birthplace_code": division,
        "ancestral_place": "山西省太原市",
        "ethnic_group": chance.choice(("汉族", "汉族", "汉族", "回族", "满族")),
        "nationality": "中国",
        "id_type": "居民身份证",
        "overseas_status": "否",
        "health": "健康或良好",
        "political_status": "群众",
        "id_number": _number(born, 900 + place // 700 * 2 + boy),
        "residence_nature": chance.choice(("农业户口", "非农业户口")),
        "residence_code": division,
        "class_number": class_number,
        "entry_month": f"{clock.school_year(clock.today()) - 1}09",
        "admission_type": "就近入学",
        "attendance_type": chance.choice(("走读", "住校")),
        "present_address": address,
        "mail_address": address,
        "home_address": address,
        "phone": _phone(chance),
        "post_code": f"0300{chance.randint(0, 99):02d}",
        "only_child": chance.choice(("是", "否")),
        "preschool": "是",
        "left_behind": "非留守儿童",
        "needs_aid": chance.choice(("是", "否")),
        "living_allowance": "否",
        "orphan": "否",
        "martyr_child": "否",
        "distance_km": f"{chance.randint(1, 90) / 10}",
        "travel_mode": "步行",
        "needs_school_bus": "否",
        "former_name": surname + "".join(chance.choices(_GIVEN, k=1)),
        "id_valid_period": f"{born.year + 1}.01.02-{born.year + 6}.01.02",
        "blood_type": chance.choice(("A血型", "B血型", "O血型", "AB血型")),
        "strengths": chance.choice(("书法", "绘画", "足球", "钢琴", "二胡", "乒乓球")),
        "auxiliary_number": f"{school}{place:06d}",
        "number_in_class": f"{place:04d}",
        "student_source": "正常入学",
        "email": f"pupil{place}@example.cn",
        "home_page": f"https://example.cn/{place}",
        "disability": "无残疾",
        "bought_place": "否",
        "inclusion": "非随班就读",
        "migrant_child": chance.choice(("是", "否")),
        **_member(chance, 1, surname, "父亲", place, address, division),
        **_member(chance, 2, chance.choice(_SURNAMES), "母亲", place, address, division),
    }


def _member(
    chance: random.Random, member: int, surname: str, relation: str, place: int, address: str, division: str
) -> dict[str, str]:
    born = date(1984, 1, 1) + timedelta(days=chance.randint(0, 3000))
    attributes = {
        "name": surname + "".join(chance.choices(_GIVEN, k=2)),
        "relation": relation,
        "relation_note": "亲生",
        "address": address,
        "residence_code": division,
        "phone": _phone(chance),
        "is_guardian": "是",
        "id_type": "居民身份证",
        "id_number": _number(born, 2 * (place % 450) + member % 2),
        "ethnic_group": "汉族",
        "employer": f"第{chance.randint(1, 300)}机械厂",
        "post": chance.choice(("工人", "教师", "医生", "司机", "会计")),
    }
    return {f"guardian{member}.{key}": value for key, value in attributes.items()}


def _number(born: date, sequence: int) -> str:
    first17 = f"{_DIVISION}{born:%Y%m%d}{sequence:03d}"
    return first17 + identity.check_character(first17)


def _phone(chance: random.Random) -> str:
    return f"13{chance.randint(0, 999_999_999):09d}"
