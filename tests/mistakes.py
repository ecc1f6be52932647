"""Mistakes as clerks make them: for every rule of a sheet, how a sound row breaks it, and where that shows.

Each is written by hand from the rule's words, apart from the code that finds it.
"""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from tests.spoiling import (
    PLANTERS,
    TODAY,
    Findings,
    Planter,
    Row,
    Sheet,
    alone,
    apart,
    both,
    broken_by,
    changed,
    grown,
    number,
    reborn,
    without_papers,
)

NOT_OF_A_SHEET = {
    "BAD_CLASS_NUMBER": "stands on the sheet of classes",
    "BAD_GRADES": "stands on the sheet of classes",
    "BAD_SCHOOL_YEAR": "stands on the sheet of classes",
    "ID_WRONG_ON_RECORD": "is a matter of who is on record, see by_the_truth and test_last_year",
    "SEVERAL_ON_RECORD": "is a matter of who is on record, see test_imports",
    "ALLOWANCE_OF_DAY_PUPIL": "is law until August 2019 only",
}
"""The rules that no row of pupils can break today, each with its reason."""

OPTIONAL_TEXTS = ("strengths", "home_page", "guardian1.employer", "guardian1.post")
ADDRESSES = ("present_address", "mail_address", "home_address", "guardian1.address")
PHONES = ("phone", "guardian1.phone")
OPTIONS = ("ethnic_group", "admission_type", "attendance_type", "travel_mode", "blood_type", "guardian1.ethnic_group")
YES_OR_NO = ("preschool", "needs_aid", "martyr_child", "bought_place")
REQUIRED = (
    *("ancestral_place", "ethnic_group", "residence_nature", "admission_type", "attendance_type", "post_code"),
    *("preschool", "needs_aid", "martyr_child", "travel_mode", "needs_school_bus", "birthplace_code", "entry_month"),
    *(*ADDRESSES, *PHONES, "guardian1.name", "guardian1.residence_code", "name", "class_number", "sex"),
)

IN_A_CELL: dict[str, Sequence[tuple[Sequence[str], Any]]] = {
    "REQUIRED": [(REQUIRED, "")],
    "UNKNOWN_OPTION": [((*OPTIONS, *YES_OR_NO, "sex"), "不清楚")],
    "WRONG_TYPE": [(YES_OR_NO, True), (("name", "guardian1.name"), 123), (OPTIONAL_TEXTS, date(2013, 1, 1))],
    "FORMULA_NOT_ALLOWED": [((*OPTIONAL_TEXTS, "phone", "mail_address"), "=1+1")],
    "ERROR_CELL": [((*OPTIONAL_TEXTS, "post_code"), "#N/A")],
    "CELL_TOO_LONG": [(OPTIONAL_TEXTS, "长" * 2_001)],
    "TOO_LONG": [(ADDRESSES, "路" * 101), (("name", "guardian1.name"), "王" * 51), (("strengths",), "唱" * 101)],
    "CONTROL_CHARACTERS": [((*ADDRESSES, "name"), "王路\x7f十号")],
    "NUMBER_LOST_DIGITS": [(PHONES, "1.39E+10"), (("birthplace_code", "guardian1.residence_code"), "1.40105E+11")],
    "NUMBER_NOT_TEXT": [(("id_number",), 140105060102001)],
    "BAD_NAME": [(("name", "guardian1.name"), "王3"), (("name", "former_name"), "王?")],
    "BAD_DATE": [(("birth_date",), "20160231"), (("birth_date",), "生日")],
    "BAD_MONTH": [(("entry_month",), "201313"), (("entry_month",), "九月")],
    "AMBIGUOUS_DATE": [(("birth_date",), "16-01-02"), (("entry_month",), "9/2023")],
    "BAD_PERIOD": [(("id_valid_period",), "2010.01.02"), (("id_valid_period",), "2015.01.02-2010.01.02")],
    "BAD_DISTANCE": [(("distance_km",), "很远"), (("distance_km",), "-1")],
    "BAD_DIVISION": [(("birthplace_code", "residence_code", "guardian1.residence_code"), "140105")],
    "UNKNOWN_DIVISION": [(("birthplace_code", "residence_code", "guardian1.residence_code"), "149999000000")],
    "BAD_PHONE": [(PHONES, "1390000000")],
    "BAD_POST_CODE": [(("post_code",), "30032")],
    "BAD_EMAIL": [(("email",), "王小明")],
    "ROW_NOT_YOUR_SCHOOL": [(("school_code",), "9999999999")],
    "UNKNOWN_CLASS": [(("class_number",), "2999999")],
    "NAME_TOO_SHORT": [(("name",), "王")],
    "ADDRESS_TOO_SHORT": [(ADDRESSES, "村里")],
    "MENDED_FULL_WIDTH": [(("post_code",), "０３００３２")],
    "MENDED_DOT": [(("name", "guardian1.name"), "阿不都•热合曼")],
    "MENDED_PHONE": [(PHONES, "139-0000-0001")],
    "MENDED_UNIT": [(("distance_km",), "2公里")],
    "MENDED_OPTION_CODE": [(("residence_nature",), "1"), (("residence_nature",), "2")],
    "MENDED_OPTION_SHORT": [(("ethnic_group", "guardian1.ethnic_group"), "汉")],
    "MENDED_YES_NO": [(YES_OR_NO[:3], "0"), (YES_OR_NO[:3], "√")],
}
"""By code, the cells that may break the rule by themselves, and what stands there then."""
TYPED = ("WRONG_TYPE", "FORMULA_NOT_ALLOWED", "ERROR_CELL", "NUMBER_NOT_TEXT", "MENDED_DATE_SERIAL", "MENDED_ZEROS")
"""What only a workbook can say: a text has neither formulas nor numbers."""


def _in_a_cell(code: str) -> Planter:
    def plant(sheet: Sheet, at: int, draw: random.Random) -> tuple[int, Findings]:
        slots, cell = draw.choice(IN_A_CELL[code])
        slot = draw.choice(slots)
        sheet.rows[at][slot] = cell
        return at, [(slot, code)]

    return plant


# -- of one person


@broken_by("BIRTH_IN_FUTURE", slot="birth_date")
def _(_sheet: Sheet, row: Row) -> None:
    without_papers(row)
    row["birth_date"] = f"{TODAY.year + 1}0102"


@broken_by("BIRTH_OUT_OF_RANGE", "AGE_UNUSUAL_FOR_GRADE", slot="birth_date")
def _(_sheet: Sheet, row: Row) -> None:
    without_papers(row)
    row |= {"birth_date": f"{TODAY.year - 40}0102", "guardian1.id_number": grown(years=70)}


@broken_by("ENTRY_IN_FUTURE", "ENTRY_UNUSUAL_FOR_GRADE", slot="entry_month")
def _(_sheet: Sheet, row: Row) -> None:
    row["entry_month"] = f"{TODAY.year + 2}09"


@broken_by("ENTRY_BEFORE_BIRTH", "ENTRY_UNUSUAL_FOR_GRADE", slot="entry_month")
def _(_sheet: Sheet, row: Row) -> None:
    row["entry_month"] = row["birth_date"][:4] + "01"


@broken_by("BAD_ID_NUMBER", slot="id_number")
def _(_sheet: Sheet, row: Row) -> None:
    row |= {"id_type": "护照", "id_number": "E1*4"}


@broken_by("ID_WRONG_LENGTH", slot="id_number")
def _(_sheet: Sheet, row: Row) -> None:
    row["id_number"] = row["id_number"][:-1]


@broken_by("ID_WRONG_CHARACTERS", slot="id_number")
def _(_sheet: Sheet, row: Row) -> None:
    row["id_number"] = row["id_number"][:14] + "O" + row["id_number"][15:]


@broken_by("ID_CHECK_DIGIT", slot="id_number")
def _(_sheet: Sheet, row: Row) -> None:
    row["id_number"] = row["id_number"][:-1] + ("1" if row["id_number"][-1] != "1" else "2")


@broken_by("ID_UNKNOWN_DIVISION", slot="id_number")
def _(_sheet: Sheet, row: Row) -> None:
    row["id_number"] = number(row["birth_date"], row["sex"], 40, "149999")


@broken_by("ID_IMPOSSIBLE_DATE", slot="id_number")
def _(_sheet: Sheet, row: Row) -> None:
    row["id_number"] = number(row["birth_date"][:4] + "0231", row["sex"], 40)


broken_by("ID_INSANE_AGE", slot="id_number", birth_date="AGE_UNUSUAL_FOR_GRADE")(
    lambda _sheet, row: reborn(row, "19500102")
)


@broken_by("ID_BIRTH_DATE_DISAGREES", slot="id_number")
def _(_sheet: Sheet, row: Row) -> None:
    row["birth_date"] = row["birth_date"][:6] + ("16" if row["birth_date"][6:] != "16" else "17")


@broken_by("ID_SEX_DISAGREES", slot="id_number")
def _(_sheet: Sheet, row: Row) -> None:
    row["sex"] = {"男": "女", "女": "男"}[row["sex"]]


@broken_by("AGE_UNUSUAL_FOR_GRADE", slot="birth_date")
def _(sheet: Sheet, row: Row) -> bool | None:
    if sheet.grade(row) > 6:
        return False
    return reborn(row, f"{int(row['birth_date'][:4]) - 6}{row['birth_date'][4:6]}15")


@broken_by("ENTRY_UNUSUAL_FOR_GRADE", slot="entry_month")
def _(_sheet: Sheet, row: Row) -> None:
    row["entry_month"] = f"{int(row['entry_month'][:4]) - 3}09"


@broken_by("POLITICAL_STATUS_EARLY", slot="political_status")
def _(sheet: Sheet, row: Row) -> bool | None:
    return row.update(political_status="共青团员") if sheet.grade(row) <= 5 else False


@broken_by("MIGRANT_BEYOND_COMPULSORY", slot="migrant_child")
def _(sheet: Sheet, row: Row) -> bool | None:
    return row.update(migrant_child="是") if sheet.grade(row) >= 10 else False


@broken_by("BOUGHT_PLACE_AT_PUBLIC_SCHOOL", slot="bought_place")
def _(sheet: Sheet, row: Row) -> bool | None:
    return row.update(bought_place="是") if sheet.founder == "EDUCATION_DEPARTMENT" else False


@broken_by("INCLUSION_DISAGREES", slot="inclusion")
def _(sheet: Sheet, row: Row) -> bool | None:
    return row.update(disability="视力残疾", inclusion="听力残疾随班就读") if sheet.code[:2] != "51" else False


@broken_by("LEFT_BEHIND_MIGRANT", slot="left_behind")
def _(sheet: Sheet, row: Row) -> bool | None:
    return row.update(left_behind="单亲留守儿童", migrant_child="是") if sheet.grade(row) <= 9 else False


changed("HEALTH_DISAGREES", "health", health="残疾", disability="无残疾", inclusion="非随班就读")
changed("DISTANCE_TOO_FAR", "distance_km", attendance_type="走读", distance_km="60")
changed("SCHOOL_BUS_DISAGREES", "needs_school_bus", travel_mode="校车", needs_school_bus="否")
changed("NATIONALITY_DISAGREES", "nationality", nationality="美国")
changed("ID_TYPE_DOUBTFUL", "id_number", id_type="其他")


# -- of the family


@broken_by("GUARDIAN_ID_REQUIRED", slot="guardian1.id_number")
def _(_sheet: Sheet, row: Row) -> None:
    without_papers(row)
    row["guardian1.id_number"] = ""


@broken_by("NO_GUARDIAN", slot="guardian1.is_guardian")
def _(_sheet: Sheet, row: Row) -> None:
    without_papers(row)
    row["guardian1.is_guardian"] = "否"


@broken_by("ID_TWICE_IN_ROW", slot="guardian1.id_number")
def _(_sheet: Sheet, row: Row) -> None:
    alone(row, "其他", relation_note="姑母", is_guardian="否", id_type="居民身份证", id_number=row["id_number"])


broken_by("RELATION_NOTE_REQUIRED", slot="guardian1.relation_note")(lambda _sheet, row: alone(row, "其他"))


@broken_by("RESIDENCE_CODE_REQUIRED", slot="guardian2.residence_code")
def _(_sheet: Sheet, row: Row) -> None:
    both(row, "其他", "姑母")
    row["guardian2.id_type"] = "居民身份证"


@broken_by("LEFT_BEHIND_ORPHAN", slot="left_behind")
def _(_sheet: Sheet, row: Row) -> None:
    alone(row, "祖父母或外祖父母")
    row |= {"orphan": "是", "left_behind": "单亲留守儿童", "migrant_child": "否"}


@broken_by("LEFT_BEHIND_PARENT_HERE", slot="guardian1.address")
def _(_sheet: Sheet, row: Row) -> None:
    alone(row, address=row["present_address"])
    row |= {"left_behind": "双亲留守儿童", "migrant_child": "否"}


@broken_by("ORPHAN_WITH_PARENT", slot="guardian1.is_guardian")
def _(_sheet: Sheet, row: Row) -> None:
    alone(row)
    row["orphan"] = "是"


@broken_by("ONLY_CHILD_WITH_SIBLING", slot="guardian2.relation")
def _(_sheet: Sheet, row: Row) -> None:
    both(row, "兄弟姐妹")
    row["only_child"] = "是"


@broken_by("GUARDIAN_TOO_YOUNG", slot="guardian1.id_number")
def _(_sheet: Sheet, row: Row) -> None:
    years = TODAY.year - int(row["birth_date"][:4]) + 10
    alone(row, is_guardian="否", id_type="居民身份证", id_number=grown(years=years))


@broken_by("GUARDIAN_UNDER_AGE", slot="guardian1.is_guardian")
def _(sheet: Sheet, row: Row) -> bool | None:
    if sheet.grade(row) > 6:
        return False
    return alone(row, "其他", relation_note="哥哥", id_type="居民身份证", id_number=grown(years=17))


@broken_by("RELATION_SEX_DISAGREES", slot="guardian1.relation")
def _(_sheet: Sheet, row: Row) -> None:
    alone(row, "父亲", id_type="居民身份证", id_number=grown("母亲"))


broken_by("RELATION_TWICE", slot="guardian2.relation")(lambda _sheet, row: both(row, "父亲"))


# -- of two rows, and of the register


def _another(sheet: Sheet, at: int, draw: random.Random) -> int | None:
    """Another free row, which is taken."""
    found = [one for one in sheet.free if one != at]
    if not found:
        return None
    other = draw.choice(found)
    sheet.free.remove(other)
    return other


@apart
def _duplicate_in_file(sheet: Sheet, at: int, _draw: random.Random) -> tuple[int, Findings]:
    return sheet.add(sheet.rows[at]), [("id_number", "DUPLICATE_IN_FILE")]


@apart
def _namesake_in_file(sheet: Sheet, at: int, _draw: random.Random) -> tuple[int, Findings]:
    row = sheet.rows[at]
    other = number(row["birth_date"], row["sex"], 41, row["id_number"][:6])
    return sheet.add({**row, "id_number": other}), [("name", "NAMESAKE_IN_FILE")]


@apart
def _number_in_class_twice(sheet: Sheet, at: int, draw: random.Random) -> tuple[int, Findings] | None:
    other = _another(sheet, at, draw)
    if other is None:
        return None
    first, second = sheet.rows[at], sheet.rows[other]
    if first["class_number"] != second["class_number"]:
        sheet.free.append(other)
        return None
    first["number_in_class"] = second["number_in_class"] = f"甲{at}"
    return max(at, other), [("number_in_class", "NUMBER_IN_CLASS_TWICE")]


@apart
def _key_data_differs(sheet: Sheet, _at: int, draw: random.Random) -> tuple[int, Findings] | None:
    if not sheet.known:
        return None
    place = draw.choice(sorted(sheet.known))
    sheet.known.remove(place)
    sheet.rows[place]["name"] += "某"
    return place, [("name", "KEY_DATA_DIFFERS")]


def _of_another_school(sheet: Sheet, draw: random.Random) -> Row | None:
    """A pupil whom the register knows at another school, as if new to this one, in a class of the same grade."""
    grades = {grade: name for name, grade in sheet.classes.items()}
    found = [row for row in sheet.others if row["grade"] in grades]
    if not found:
        return None
    taken = draw.choice(found)
    sheet.others.remove(taken)
    row = {slot: cell for slot, cell in taken.items() if slot != "grade"}
    return row | {"school_code": sheet.code, "class_number": grades[taken["grade"]]}


@apart
def _id_already_registered_use_transfer(sheet: Sheet, _at: int, draw: random.Random) -> tuple[int, Findings] | None:
    row = _of_another_school(sheet, draw)
    return None if row is None else (sheet.add(row), [("id_number", "ID_ALREADY_REGISTERED_USE_TRANSFER")])


@apart
def _same_name_sex_birth(sheet: Sheet, _at: int, draw: random.Random) -> tuple[int, Findings] | None:
    row = _of_another_school(sheet, draw)
    if row is None:
        return None
    without_papers(row)
    return sheet.add(row), [("name", "SAME_NAME_SEX_BIRTH")]


# -- what is mended


@broken_by("MENDED_BLANKS", slot="id_number")
def _(_sheet: Sheet, row: Row) -> None:
    found = row["id_number"]
    row["id_number"] = f"{found[:6]} {found[6:14]} {found[14:]}"


@broken_by("MENDED_APOSTROPHE", slot="id_number")
def _(_sheet: Sheet, row: Row) -> None:
    row["id_number"] = f"'{row['id_number']}"


@broken_by("MENDED_CASE", slot="guardian1.id_number")
def _(_sheet: Sheet, row: Row) -> None:
    alone(row, id_type="居民身份证", id_number=grown(end="X").lower())


@broken_by("MENDED_DATE_FORM", slot="birth_date")
def _(_sheet: Sheet, row: Row) -> None:
    born = row["birth_date"]
    row["birth_date"] = f"{born[:4]}年{int(born[4:6])}月{int(born[6:])}日"


@broken_by("MENDED_DATE_SERIAL", slot="birth_date")
def _(_sheet: Sheet, row: Row) -> None:
    born = row["birth_date"]
    row["birth_date"] = (date(int(born[:4]), int(born[4:6]), int(born[6:])) - date(1899, 12, 30)) // timedelta(days=1)


@broken_by("MENDED_ZEROS", slot="class_number")
def _(_sheet: Sheet, row: Row) -> bool | None:
    found = row["class_number"]
    return row.update(class_number=int(found)) if found.startswith("0") else False


PLANTERS |= {code: _in_a_cell(code) for code in IN_A_CELL}


def plant(sheet: Sheet, code: str, draw: random.Random) -> tuple[int, Findings] | None:
    """Plant a mistake in a free row of a sheet; which row, and what is to be told of it. None if no row allows it."""
    if code in TYPED and not sheet.typed:
        return None
    for at in draw.sample(sheet.free, len(sheet.free)):
        done = PLANTERS[code](sheet, at, draw)
        if done is not None:
            sheet.free.remove(at)
            return done
    return None
