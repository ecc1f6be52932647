import re
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pupils import CLASS_NUMBERS, SCHOOL, SLOTS, TODAY, make_id, make_row, make_sheet

from hub.intake import check, sheet, values

NO_PAPERS = {
    "id_type": "其他",
    "id_number": None,
    "guardian1.id_type": "居民身份证",
    "guardian1.id_number": make_id(date(1975, 3, 4)),
}
GUARDIAN = make_id(date(1975, 3, 4))


def examine(*rows, school=SCHOOL, today=TODAY):
    return whole(make_sheet(*rows), school, CLASS_NUMBERS, today)


def whole(read, school, numbers, today):
    [checked] = check.check(read, school_code=school, class_numbers=numbers, today=today)
    return checked


def faults_of(checked):
    return [(fault.row, fault.slot, fault.key) for fault in checked.faults]


def test_a_sound_row_becomes_values():
    checked = examine(make_row())
    assert (checked.total, checked.faults) == (1, [])
    row = checked.rows[0]
    assert row.number == 2
    assert row.values["sex"] == "MALE"
    assert row.values["birth_date"] == date(2006, 1, 2)
    assert row.values["entry_month"] == date(2013, 9, 1)
    assert row.values["distance_km"] == Decimal("1.5")
    assert row.values["only_child"] is True
    assert row.values["orphan"] is False
    assert [row.values[key] for key in ("ethnic_group", "nationality", "id_type")] == ["01", "CHN", "1"]
    assert row.values["former_name"] is None
    assert len(row.values) == 47
    assert [(g["position"], g["name"], g["relation"], len(g)) for g in row.family] == [(1, "王大明", "51", 13)]


PLANTED = [
    ({"school_code": "2114000124"}, "school_code", "ROW_NOT_YOUR_SCHOOL"),
    ({"school_code": "9999999999"}, "school_code", "ROW_NOT_YOUR_SCHOOL"),
    ({"name": "王3"}, "name", "BAD_NAME"),
    ({"name": "王?"}, "name", "BAD_NAME"),
    ({"name": "王\x00"}, "name", "CONTROL_CHARACTERS"),
    ({"name": "王" * 51}, "name", "TOO_LONG"),
    ({"name": 123}, "name", "WRONG_TYPE"),
    ({"name": True}, "name", "WRONG_TYPE"),
    ({"sex": "9"}, "sex", "UNKNOWN_OPTION"),
    ({"sex": "女"}, "id_number", "ID_SEX_DISAGREES"),
    ({"birth_date": "20060103"}, "id_number", "ID_BIRTH_DATE_DISAGREES"),
    ({"birth_date": "20060231"}, "birth_date", "BAD_DATE"),
    ({"birth_date": "2006-13-01"}, "birth_date", "BAD_DATE"),
    ({"birth_date": "生日"}, "birth_date", "BAD_DATE"),
    ({"birth_date": "1/2/2006"}, "birth_date", "AMBIGUOUS_DATE"),
    ({"birth_date": "06-01-02"}, "birth_date", "AMBIGUOUS_DATE"),
    ({"birth_date": "2006.1"}, "birth_date", "AMBIGUOUS_DATE"),
    ({"birth_date": "38719"}, "birth_date", "BAD_DATE"),
    ({"birth_date": 20060102.5}, "birth_date", "BAD_DATE"),
    ({"birthplace_code": "140105"}, "birthplace_code", "BAD_DIVISION"),
    ({"birthplace_code": "149999000000"}, "birthplace_code", "UNKNOWN_DIVISION"),
    ({"birthplace_code": "1.40105E+11"}, "birthplace_code", "NUMBER_LOST_DIGITS"),
    ({"ethnic_group": "汉人"}, "ethnic_group", "UNKNOWN_OPTION"),
    ({"ethnic_group": "1"}, "ethnic_group", "UNKNOWN_OPTION"),
    ({"ethnic_group": 1}, "ethnic_group", "WRONG_TYPE"),
    ({"nationality": "火星"}, "nationality", "UNKNOWN_OPTION"),
    ({"id_type": "户口"}, "id_type", "UNKNOWN_OPTION"),
    ({"id_number": None}, "id_number", "REQUIRED"),
    ({"id_number": make_id()[:-1] + ("1" if make_id()[-1] != "1" else "2")}, "id_number", "ID_CHECK_DIGIT"),
    ({"id_number": make_id(division="149999")}, "id_number", "ID_UNKNOWN_DIVISION"),
    ({"id_number": "140105060102001"}, "id_number", "ID_WRONG_LENGTH"),
    ({"id_number": "14010520060102O015"}, "id_number", "ID_WRONG_CHARACTERS"),
    ({"id_number": 1.4010520060102e17}, "id_number", "NUMBER_LOST_DIGITS"),
    ({"id_number": "1.40105E+17"}, "id_number", "NUMBER_LOST_DIGITS"),
    ({"id_number": 140105060102001}, "id_number", "NUMBER_NOT_TEXT"),
    ({"id_type": "护照", "id_number": "E1*4"}, "id_number", "BAD_ID_NUMBER"),
    (
        {"birth_date": "19500102", "id_number": make_id(date(1950, 1, 2))},
        "id_number",
        "ID_INSANE_AGE",
    ),
    (NO_PAPERS | {"birth_date": "20120102"}, "birth_date", "BIRTH_OUT_OF_RANGE"),
    (NO_PAPERS | {"birth_date": "20140102"}, "birth_date", "BIRTH_IN_FUTURE"),
    (NO_PAPERS | {"guardian1.id_number": None}, "guardian1.id_number", "GUARDIAN_ID_REQUIRED"),
    (NO_PAPERS | {"guardian1.is_guardian": "否"}, "guardian1.is_guardian", "NO_GUARDIAN"),
    ({"residence_code": None}, "residence_code", "REQUIRED"),
    ({"class_number": "2013009"}, "class_number", "UNKNOWN_CLASS"),
    ({"entry_month": "201313"}, "entry_month", "BAD_MONTH"),
    ({"entry_month": "九月"}, "entry_month", "BAD_MONTH"),
    ({"entry_month": 2013.1}, "entry_month", "AMBIGUOUS_DATE"),
    ({"entry_month": "9/2013"}, "entry_month", "AMBIGUOUS_DATE"),
    ({"entry_month": "201401"}, "entry_month", "ENTRY_IN_FUTURE"),
    ({"entry_month": "200601"}, "entry_month", "ENTRY_BEFORE_BIRTH"),
    ({"admission_type": "开后门"}, "admission_type", "UNKNOWN_OPTION"),
    ({"phone": "1390000000"}, "phone", "BAD_PHONE"),
    ({"phone": 3517654321}, "phone", "BAD_PHONE"),
    ({"phone": 1.39e15}, "phone", "NUMBER_LOST_DIGITS"),
    ({"post_code": "30032"}, "post_code", "BAD_POST_CODE"),
    ({"post_code": 3003}, "post_code", "BAD_POST_CODE"),
    ({"only_child": "有"}, "only_child", "UNKNOWN_OPTION"),
    ({"left_behind": "1"}, "left_behind", "UNKNOWN_OPTION"),
    ({"blood_type": "0"}, "blood_type", "UNKNOWN_OPTION"),
    ({"only_child": True}, "only_child", "WRONG_TYPE"),
    ({"distance_km": "很远"}, "distance_km", "BAD_DISTANCE"),
    ({"distance_km": "-1"}, "distance_km", "BAD_DISTANCE"),
    ({"distance_km": 1000}, "distance_km", "BAD_DISTANCE"),
    ({"present_address": "路" * 101}, "present_address", "TOO_LONG"),
    ({"present_address": date(2013, 1, 1)}, "present_address", "WRONG_TYPE"),
    ({"auxiliary_number": 1234567890123456}, "auxiliary_number", "NUMBER_LOST_DIGITS"),
    ({"email": "王小明"}, "email", "BAD_EMAIL"),
    ({"id_valid_period": "2010.01.02"}, "id_valid_period", "BAD_PERIOD"),
    ({"id_valid_period": "2015.01.02-2010.01.02"}, "id_valid_period", "BAD_PERIOD"),
    ({"disability": "视力残疾"}, "inclusion", "INCLUSION_DISAGREES"),
    ({"disability": "视力残疾", "inclusion": "听力残疾随班就读"}, "inclusion", "INCLUSION_DISAGREES"),
    ({"inclusion": "其他残疾随班就读"}, "inclusion", "INCLUSION_DISAGREES"),
    ({"guardian1.relation": "其他"}, "guardian1.relation_note", "RELATION_NOTE_REQUIRED"),
    ({"guardian1.id_number": "H1", "guardian1.id_type": "护照"}, "guardian1.id_number", "BAD_ID_NUMBER"),
    ({"guardian1.id_number": GUARDIAN[:-1]}, "guardian1.id_number", "ID_WRONG_LENGTH"),
    ({"guardian1.id_number": make_id()}, "guardian1.id_number", "ID_TWICE_IN_ROW"),
    ({"guardian2.name": "李梅"}, "guardian2.relation", "REQUIRED"),
    ({"guardian2.phone": "13800000000", "guardian2.relation": "母亲"}, "guardian2.name", "REQUIRED"),
]


@pytest.mark.parametrize(("changes", "slot", "key"), PLANTED)
def test_a_planted_mistake_is_found_and_nothing_else(changes, slot, key):
    checked = examine(make_row(1), make_row(**changes))
    assert faults_of(checked) == [(3, slot, key)]
    assert [row.number for row in checked.rows] == [2]
    assert checked.total == 2


@pytest.mark.parametrize("slot", [column.slot for column in sheet.COLUMNS if column.required])
def test_each_required_column_is_missed(slot):
    checked = examine(make_row(**{slot: "  \u3000"}))
    assert faults_of(checked) == [(2, slot, "REQUIRED")]
    assert checked.faults[0].column == sheet.BY_SLOT[slot].letter


@pytest.mark.parametrize(
    "changes",
    [
        NO_PAPERS,
        NO_PAPERS | {"residence_code": None, "residence_nature": None},
        {"id_type": "护照", "id_number": "E12345678", "nationality": "美国", "birthplace_code": None},
        {"id_type": "台湾居民来往大陆通行证", "id_number": "12345678", "overseas_status": "台湾同胞"},
        {"id_number": make_id(division="830000")},
        {"id_number": " " + make_id()[:6] + " " + make_id()[6:].lower()},
        {"disability": "视力残疾", "inclusion": "视力残疾随班就读"},
        {"disability": "肢体残疾", "inclusion": "其他残疾随班就读"},
        {"disability": "无残疾", "inclusion": "非随班就读"},
        {"name": "阿不都·热合曼"},
        {"name": "Mary Ann O'Neil"},
        {"guardian2.name": "李梅", "guardian2.relation": "母亲"},
        {"guardian1.relation": "其他", "guardian1.relation_note": "姑母"},
        {"strengths": "=1+1"},
        {"present_address": "平阳路\n1号"},
        {"class_number": 13003},
        {"class_number": 2013001},
        {"phone": 13900000001},
        {"phone": "+86 139-0000-0001"},
        {"phone": "（0351）7654321"},
        {"post_code": "０３００３２"},
        {"school_code": int(SCHOOL)},
        {"distance_km": 2},
        {"distance_km": "2公里"},
        {"entry_month": "201312"},
    ],
)
def test_what_is_right_passes(changes):
    assert faults_of(examine(make_row(**changes))) == []


def test_a_pupil_of_a_special_school_needs_no_inclusion():
    row = make_row(school_code="5114000001", disability="听力残疾")
    assert faults_of(examine(row, school="5114000001")) == []


@pytest.mark.parametrize(
    "cell",
    [
        *("20060102", "2006-1-2", "2006/01/02", "2006年1月2日", "2006.1.2", "２００６０１０２", " 2006 年 1 月 2 日 "),
        *(20060102, 38719, date(2006, 1, 2), "2006-01-02 00:00:00"),
    ],
)
def test_a_date_is_read_in_every_clear_form(cell):
    assert examine(make_row(birth_date=cell)).rows[0].values["birth_date"] == date(2006, 1, 2)


@pytest.mark.parametrize("cell", ["201104", "2011年4月", "2011-4", "2011.04", "20110412", 201104, date(2011, 4, 9)])
def test_a_month_is_read_in_every_clear_form(cell):
    assert examine(make_row(entry_month=cell)).rows[0].values["entry_month"] == date(2011, 4, 1)


@pytest.mark.parametrize(
    ("slot", "cell", "value"),
    [
        ("name", "王 小\u3000明\u200b", "王小明"),
        ("name", "阿不都•热合曼", "阿不都·热合曼"),
        ("post_code", "０３００３２", "030032"),
        ("phone", "（0351）7654321", "0351-7654321"),
        ("class_number", 13003, "0013003"),
        ("id_valid_period", "2010年1月2日—2015年1月2日", "2010.01.02-2015.01.02"),
        ("id_valid_period", "20100102-长期", "2010.01.02-长期"),
        ("present_address", " 平阳路\n 1号 ", "平阳路 1号"),
        ("distance_km", 0.5, Decimal("0.50")),
        ("id_number", "'" + make_id(), make_id()),
    ],
)
def test_a_cell_is_tidied(slot, cell, value):
    assert examine(make_row(**{slot: cell})).rows[0].values[slot] == value


def test_other_admission_means_that_of_the_stage():
    primary = examine(make_row(admission_type="其他")).rows[0]
    senior = examine(make_row(admission_type="其他", school_code="3414000001"), school="3414000001").rows[0]
    assert [primary.values["admission_type"], senior.values["admission_type"]] == ["12", "99"]


def test_all_faults_of_a_row_are_told_at_once():
    checked = examine(make_row(name="王3", sex="?", post_code="3", orphan=None))
    assert [fault.slot for fault in checked.faults] == ["name", "sex", "post_code", "orphan"]


def test_a_row_of_another_school_says_nothing_else():
    wrong = make_row(school_code="3114999999", class_number="7", name="?")
    assert faults_of(examine(wrong)) == [(2, "school_code", "ROW_NOT_YOUR_SCHOOL")]


@pytest.mark.parametrize(("typed", "first", "last"), [("9", "0000039", "0000030"), ("000001", "0000019", "0000010")])
def test_classes_are_named_up_to_ten_those_that_begin_likewise_first(typed: str, first: str, last: str) -> None:
    numbers = [f"{number:07}" for number in range(40)]
    read = make_sheet(make_row(class_number=typed))
    fault = whole(read, SCHOOL, numbers, TODAY).faults[0]
    assert re.search(rf"{first}、.*、{last}…… \(40\)", fault.remedy())
    assert fault.remedy().count("、") == 9


def test_the_same_pupil_twice_names_the_first_row():
    checked = examine(make_row(), make_row(1), make_row(name="王小二"))
    assert faults_of(checked) == [(4, "id_number", "DUPLICATE_IN_FILE")]
    assert "第 2 行" in checked.faults[0].text()


def test_pupils_without_papers_are_told_apart_by_name_sex_birth_and_class():
    twins = [make_row(**NO_PAPERS), make_row(**NO_PAPERS), make_row(**NO_PAPERS, class_number="2013002")]
    assert faults_of(examine(*twins)) == [(3, "name", "DUPLICATE_IN_FILE")]


def test_blank_rows_do_not_count():
    checked = examine(make_row(), {}, {"name": " \u3000\u200b"}, make_row(1))
    assert (checked.total, [row.number for row in checked.rows]) == (2, [2, 5])


def test_a_report_masks_identity_numbers():
    number = make_id()[:17] + ("1" if make_id()[17] != "1" else "2")
    fault = examine(make_row(id_number=number)).faults[0]
    assert fault.value == f"{number[:6]}********{number[-4:]}"


@pytest.mark.parametrize(
    ("slot", "value", "words"),
    [
        ("name", "王一", "王一"),
        ("sex", "FEMALE", "女"),
        ("birth_date", date(2019, 3, 5), "20190305"),
        ("id_type", "A", "护照"),
        ("id_number", None, None),
    ],
)
def test_a_value_is_told_as_a_clerk_writes_it(slot, value, words):
    column = sheet.BY_SLOT[slot]
    assert values.worded(value, column) == words
    if words is not None:
        school = values.School("2114000001", [])
        assert values.parse(column, words, school, date(2026, 9, 1)) == value


def test_oddities_of_the_file_are_faults_of_their_cells():
    read = make_sheet(make_row(name=None), make_row(1))
    read.oddities[2, SLOTS.index("name")] = "FORMULA_NOT_ALLOWED"
    checked = whole(read, SCHOOL, CLASS_NUMBERS, TODAY)
    assert faults_of(checked) == [(2, "name", "FORMULA_NOT_ALLOWED")]


any_cell = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.text(alphabet="0123456789-./年月日XE+ ", max_size=20),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(),
)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(SLOTS), any_cell, max_size=12))
def test_whatever_stands_in_a_cell_the_row_is_sound_or_faulty(changes):
    checked = examine(make_row(**changes))
    assert checked.total == 1
    assert bool(checked.rows) != bool(checked.faults)
    for fault in checked.faults:
        assert fault.text()
        assert fault.remedy("en")


@given(st.integers(0, 10**6), st.sampled_from(SLOTS))
def test_a_check_is_the_same_whatever_was_checked_before(seed, slot):
    changed = make_row(2, **{slot: str(seed)})
    alone = examine(changed)
    after = whole(make_sheet(make_row(1), changed, first=1), SCHOOL, CLASS_NUMBERS, TODAY)
    assert [(f.slot, f.key) for f in after.faults] == [(f.slot, f.key) for f in alone.faults]


PLAIN_TEXTS = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"[\u4e00-\u9fff]{1,70}", fullmatch=True),
    st.from_regex(r"[!-~\u4e00-\u9fff\u3000\u200b ]{1,40}", fullmatch=True),
    st.from_regex(r"[0-9]{5,19}[0-9Xxe+]?", fullmatch=True),
)


@given(column=st.sampled_from(sheet.COLUMNS), text=PLAIN_TEXTS)
def test_a_text_that_passes_the_quick_test_is_its_own_value(column, text):
    if values.plain(column)(text):
        assert values.parse(column, text, values.School(SCHOOL, CLASS_NUMBERS), TODAY) == text


def test_the_quick_test_knows_what_differs_from_row_to_row():
    row = make_row(id_number=GUARDIAN, phone="13800000001", post_code="030000", present_address="并州路1号")
    for slot in ("name", "id_number", "phone", "post_code", "present_address"):
        assert values.plain(sheet.BY_SLOT[slot])(row[slot]), slot
