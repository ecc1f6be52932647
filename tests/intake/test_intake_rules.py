"""Every rule of a row, each reached by at least one cell: what is told, where, in both languages."""

import random
import string
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pupils import SCHOOL, TODAY, make_id, make_row, make_sheet
from test_intake_check import GUARDIAN, NO_PAPERS, PLANTED

from hub import identity
from hub.intake import check, class_sheet, listing, rules, sheet, wire
from hub.intake.grid import Sheet
from hub.intake.rules import Kind
from hub.sample import problems

GRADES = {"2013001": [1], "2013002": [1, 2], "0013003": [10]}
MOTHER = make_id(date(1977, 5, 6), "002")
ORPHAN = {"orphan": "是", "guardian1.relation": "祖父母或外祖父母"}
SENIOR = {"class_number": "0013003", "birth_date": "19980102", "id_number": make_id(date(1998, 1, 2))}

REFUSED = [
    ({"id_number": make_id()[:6] + "20060231" + "001" + "0"}, "id_number", "ID_IMPOSSIBLE_DATE"),
    (SENIOR | {"migrant_child": "是"}, "migrant_child", "MIGRANT_BEYOND_COMPULSORY"),
    ({"bought_place": "是"}, "bought_place", "BOUGHT_PLACE_AT_PUBLIC_SCHOOL"),
    (
        {"guardian2.name": "李梅", "guardian2.relation": "母亲", "guardian2.id_type": "居民身份证"},
        "guardian2.residence_code",
        "RESIDENCE_CODE_REQUIRED",
    ),
    ({"overseas_status": "侨眷", "residence_code": None}, "residence_code", "RESIDENCE_CODE_REQUIRED"),
    ({"birth_date": "20110102", "id_number": make_id(date(2011, 1, 2))}, "id_number", "ID_INSANE_AGE"),
    ({"birth_date": "19730102", "id_number": make_id(date(1973, 1, 2))}, "id_number", "ID_INSANE_AGE"),
    ({"birth_date": "20070229"}, "birth_date", "BAD_DATE"),
]
WARNED = [
    ({"name": "王"}, "name", "NAME_TOO_SHORT"),
    ({"present_address": "路1号"}, "present_address", "ADDRESS_TOO_SHORT"),
    ({"guardian1.address": "村里"}, "guardian1.address", "ADDRESS_TOO_SHORT"),
    ({"birth_date": "20090601", "id_number": make_id(date(2009, 6, 1))}, "birth_date", "AGE_UNUSUAL_FOR_GRADE"),
    ({"birth_date": "20030831", "id_number": make_id(date(2003, 8, 31))}, "birth_date", "AGE_UNUSUAL_FOR_GRADE"),
    ({"birth_date": "19900102", "id_number": make_id(date(1990, 1, 2))}, "birth_date", "AGE_UNUSUAL_FOR_GRADE"),
    ({"entry_month": "201209"}, "entry_month", "ENTRY_UNUSUAL_FOR_GRADE"),
    (SENIOR | {"entry_month": "201009"}, "entry_month", "ENTRY_UNUSUAL_FOR_GRADE"),
    ({"political_status": "共青团员"}, "political_status", "POLITICAL_STATUS_EARLY"),
    (SENIOR | {"political_status": "中共预备党员"}, "political_status", "POLITICAL_STATUS_EARLY"),
    (ORPHAN | {"left_behind": "单亲留守儿童"}, "left_behind", "LEFT_BEHIND_ORPHAN"),
    ({"left_behind": "单亲留守儿童", "migrant_child": "是"}, "left_behind", "LEFT_BEHIND_MIGRANT"),
    ({"left_behind": "双亲留守儿童"}, "guardian1.address", "LEFT_BEHIND_PARENT_HERE"),
    ({"orphan": "是"}, "guardian1.is_guardian", "ORPHAN_WITH_PARENT"),
    (
        {"guardian2.name": "王大力", "guardian2.relation": "兄弟姐妹"},
        "guardian2.relation",
        "ONLY_CHILD_WITH_SIBLING",
    ),
    ({"health": "残疾"}, "health", "HEALTH_DISAGREES"),
    ({"distance_km": "60"}, "distance_km", "DISTANCE_TOO_FAR"),
    ({"travel_mode": "校车"}, "needs_school_bus", "SCHOOL_BUS_DISAGREES"),
    ({"living_allowance": "是"}, "living_allowance", "ALLOWANCE_OF_DAY_PUPIL"),
    ({"nationality": "美国"}, "nationality", "NATIONALITY_DISAGREES"),
    ({"overseas_status": "外国人"}, "nationality", "NATIONALITY_DISAGREES"),
    ({"id_type": "其他"}, "id_number", "ID_TYPE_DOUBTFUL"),
    ({"guardian1.id_number": make_id(date(1995, 1, 2))}, "guardian1.id_number", "GUARDIAN_TOO_YOUNG"),
    (ORPHAN | {"guardian1.id_number": GUARDIAN}, None, None),
    (
        ORPHAN | {"guardian1.id_number": make_id(date(1980, 1, 2))},
        "guardian1.id_number",
        "GUARDIAN_TOO_YOUNG",
    ),
    (
        {
            "guardian1.relation": "其他",
            "guardian1.relation_note": "堂弟",
            "guardian1.is_guardian": "否",
            "guardian1.id_number": make_id(date(2009, 1, 2)),
        },
        None,
        None,
    ),
    ({"guardian1.id_number": MOTHER}, "guardian1.relation", "RELATION_SEX_DISAGREES"),
    (
        {"guardian2.name": "王大力", "guardian2.relation": "父亲"},
        "guardian2.relation",
        "RELATION_TWICE",
    ),
    (
        {
            "guardian1.relation": "其他",
            "guardian1.relation_note": "姐姐",
            "guardian1.id_number": make_id(date(1996, 1, 2), "002"),
        },
        "guardian1.is_guardian",
        "GUARDIAN_UNDER_AGE",
    ),
]
MENDED = [
    ("post_code", "０３００３２", "030032", ["MENDED_FULL_WIDTH"]),
    ("post_code", 30032, "030032", ["MENDED_ZEROS"]),
    ("name", "Ｔom", "Tom", ["MENDED_FULL_WIDTH"]),
    ("id_number", "140105 20060102 0010", "140105200601020010", ["MENDED_BLANKS"]),
    ("id_number", "140105-20060102-0010", "140105200601020010", ["MENDED_BLANKS"]),
    ("id_number", "１40105200601020010\u200b", "140105200601020010", ["MENDED_FULL_WIDTH", "MENDED_BLANKS"]),
    ("id_number", "'140105200601020010", "140105200601020010", ["MENDED_APOSTROPHE"]),
    ("name", "王 小明", "王小明", ["MENDED_BLANKS"]),
    ("name", "阿不都•热合曼", "阿不都·热合曼", ["MENDED_DOT"]),
    ("name", "Mary Ann", "Mary Ann", []),
    ("present_address", "平阳路\n1号楼", "平阳路 1号楼", ["MENDED_BLANKS"]),
    ("present_address", " 平阳路1号楼 ", "平阳路1号楼", []),
    ("birth_date", "2006年1月2日", date(2006, 1, 2), ["MENDED_DATE_FORM"]),
    ("birth_date", "2006-1-2", date(2006, 1, 2), ["MENDED_DATE_FORM"]),
    ("birth_date", date(2006, 1, 2), date(2006, 1, 2), ["MENDED_DATE_FORM"]),
    ("birth_date", 38719, date(2006, 1, 2), ["MENDED_DATE_SERIAL"]),
    ("birth_date", 20060102, date(2006, 1, 2), []),
    ("birth_date", "２００６０１０２", date(2006, 1, 2), ["MENDED_FULL_WIDTH"]),
    ("entry_month", "2013年9月", date(2013, 9, 1), ["MENDED_DATE_FORM"]),
    ("entry_month", "20130901", date(2013, 9, 1), ["MENDED_DATE_FORM"]),
    ("entry_month", 20130901, date(2013, 9, 1), ["MENDED_DATE_FORM"]),
    ("entry_month", 41518, date(2013, 9, 1), ["MENDED_DATE_SERIAL"]),
    ("entry_month", 201309, date(2013, 9, 1), []),
    ("id_valid_period", "20100102-长期", "2010.01.02-长期", ["MENDED_DATE_FORM"]),
    ("phone", "+86 13900000001", "13900000001", ["MENDED_BLANKS", "MENDED_PHONE"]),
    ("phone", "（0351）7654321", "0351-7654321", ["MENDED_FULL_WIDTH", "MENDED_PHONE"]),
    ("phone", "139-0000-0001", "13900000001", ["MENDED_PHONE"]),
    ("phone", "0351-7654321", "0351-7654321", []),
    ("phone", 13900000001, "13900000001", []),
    ("class_number", 13003, "0013003", ["MENDED_ZEROS"]),
    ("class_number", 2013001, "2013001", []),
    ("distance_km", "2公里", 2, ["MENDED_UNIT"]),
    ("distance_km", 2.5, 2.5, []),
    ("sex", "1", "MALE", ["MENDED_OPTION_CODE"]),
    ("sex", "男性", "MALE", []),
    ("ethnic_group", "01", "01", ["MENDED_OPTION_CODE"]),
    ("ethnic_group", "汉", "01", ["MENDED_OPTION_SHORT"]),
    ("ethnic_group", "汉 族", "01", ["MENDED_BLANKS"]),
    ("residence_nature", "1", "1", ["MENDED_OPTION_CODE"]),
    ("residence_nature", 2, "2", ["MENDED_OPTION_CODE"]),
    ("residence_nature", "农业", "1", []),
    ("residence_nature", "1-农业户口", "1", []),
    ("left_behind", "０", "0", ["MENDED_FULL_WIDTH", "MENDED_OPTION_CODE"]),
    ("id_type", "身份证", "1", []),
    ("only_child", "1", True, ["MENDED_YES_NO"]),
    ("only_child", 0, False, ["MENDED_YES_NO"]),
    ("only_child", 1, True, ["MENDED_YES_NO"]),
    ("only_child", "√", True, ["MENDED_YES_NO"]),
    ("only_child", "ｎ", False, ["MENDED_FULL_WIDTH", "MENDED_YES_NO"]),
    ("email", "a＠example.cn", "a@example.cn", ["MENDED_FULL_WIDTH"]),
    ("guardian1.id_number", make_id(date(1975, 3, 4), "003").lower(), None, ["MENDED_CASE"]),
]
assert make_id(date(1975, 3, 4), "003")[-1] == "X"


def examine(*rows, read=None, today=TODAY, founder="EDUCATION_DEPARTMENT", **options):
    read = read or make_sheet(*rows)
    options = {"class_numbers": GRADES, "founder": founder, **options}
    [checked] = check.check(read, school_code=SCHOOL, today=today, **options)
    assert wire.unpack(wire.pack(checked)) == checked
    return checked


def told(findings):
    return [(finding.row, finding.slot, finding.key) for finding in findings]


def twins():
    other = make_id(sequence="003")
    return examine(make_row(number_in_class="7"), make_row(1, number_in_class="7"), make_row(id_number=other))


def oddities():
    read = make_sheet(make_row(name=None), make_row(1, sex=None), make_row(2, strengths=None))
    slots = [column.slot for column in sheet.COLUMNS]
    read.oddities[2, slots.index("name")] = "FORMULA_NOT_ALLOWED"
    read.oddities[3, slots.index("sex")] = "ERROR_CELL"
    read.oddities[4, slots.index("strengths")] = "CELL_TOO_LONG"
    return examine(read=read)


def classes():
    columns = class_sheet.CLASSES.columns
    letters = {column.slot: column.letter for column in columns}
    row = dict.fromkeys(letters) | {
        "school_code": SCHOOL,
        "official_number": "1",
        "grades": "?",
        "school_year": "?",
    }
    [checked] = class_sheet.check(Sheet(1, letters, [(2, list(row.values()))]), school_code=SCHOOL, today=TODAY)
    return checked.faults


@pytest.mark.parametrize(("changes", "slot", "code"), REFUSED)
def test_a_mistake_keeps_its_row_out(changes, slot, code):
    checked = examine(make_row(1), make_row(**changes))
    assert (3, slot, code) in told(checked.faults)
    assert [row.number for row in checked.rows] == [2]


@pytest.mark.parametrize(("changes", "slot", "code"), WARNED)
def test_what_is_unlikely_is_told_and_taken(changes, slot, code):
    checked = examine(make_row(1), make_row(**changes))
    assert checked.faults == []
    assert told(checked.warnings) == ([(3, slot, code)] if code else [])
    assert [list(row.warnings) for row in checked.rows] == [[], checked.warnings]


@pytest.mark.parametrize(("slot", "cell", "value", "codes"), MENDED)
def test_what_was_mended_is_told_with_what_was_written_and_taken(slot, cell, value, codes):
    checked = examine(make_row(1), make_row(**{slot: cell}))
    assert checked.faults == []
    row = checked.rows[1]
    assert [(mend.row, mend.slot, mend.code) for mend in checked.mended] == [(3, slot, code) for code in codes]
    assert row.mended == tuple(checked.mended)
    assert checked.rows[0].mended == ()
    if value is not None:
        assert row.values[slot] == value
    for mend in checked.mended:
        assert mend.column == sheet.BY_SLOT[slot].letter
        assert mend.written != mend.taken
        assert sheet.BY_SLOT[slot].header in mend.text()
        assert mend.remedy("en")


def test_a_mended_identity_number_is_shown_without_its_birth_date():
    [mend] = examine(make_row(id_number="140105 20060102 0010")).mended
    assert (mend.written, mend.taken) == ("140105 ******** 0010", "140105********0010")


def test_rows_are_held_against_each_other():
    checked = twins()
    assert told(checked.warnings) == [
        (3, "number_in_class", "NUMBER_IN_CLASS_TWICE"),
        (4, "name", "NAMESAKE_IN_FILE"),
    ]
    assert [warning.values["first"] for warning in checked.warnings] == [2, 2]
    assert len(checked.rows) == 3


def test_every_rule_is_reached_and_worded_in_both_languages():
    findings = [
        finding
        for changes, _, _ in [*PLANTED, *REFUSED, *WARNED]
        for checked in [examine(make_row(**changes))]
        for finding in (*checked.faults, *checked.warnings)
    ]
    findings += examine(make_row(), make_row()).faults + twins().warnings + oddities().faults + classes()
    findings += examine(make_row(name=None)).faults
    mends = [mend for slot, cell, _, _ in MENDED for mend in examine(make_row(**{slot: cell})).mended]
    for finding in (*findings, *mends):
        for text in (finding.text(), finding.text("en"), finding.remedy(), finding.remedy("en")):
            assert text
            assert "{" not in text
    reached = {finding.key for finding in findings} | {mend.code for mend in mends}
    elsewhere = {rule.code for rule in rules.RULES if rule.kind is Kind.CROSS_REGISTER}
    assert reached | elsewhere == {rule.code for rule in rules.RULES}
    # Those of the register are reached by the tests of the import.
    known = {"ID_ALREADY_REGISTERED_USE_TRANSFER", "SAME_NAME_SEX_BIRTH"}
    assert elsewhere == {"ID_WRONG_ON_RECORD", "KEY_DATA_DIFFERS", "SEVERAL_ON_RECORD", *known}


def test_rows_of_one_code_have_the_same_words_and_never_hold_on_the_same_day():
    for code in {rule.code for rule in rules.RULES}:
        rows = [rule for rule in rules.RULES if rule.code == code]
        assert len({rule.message for rule in rows}) == 1
        days = [day for rule in rows for day in (rule.since, rule.until) if day] + [TODAY]
        assert all(sum(rule.in_force(day) for rule in rows) == 1 for day in days)


def test_limits_are_named_by_the_rules_that_need_them():
    for rule in rules.RULES:
        braces = {name for _, name, _, _ in string.Formatter().parse(rule.message.zh) if name}
        assert braces <= {
            "header",
            "limit",
            "classes",
            "options",
            "first",
            "age",
            "grade",
            "expected",
            "years",
            "relation",
            "many",
        }


@pytest.mark.parametrize(("changes", "slot", "code"), [line for line in WARNED if line[2]])
def test_a_province_makes_a_warning_a_refusal_or_silences_it(changes, slot, code):
    row = make_row(**changes)
    refused, silent = examine(row, rules={code: "REFUSE"}), examine(row, rules={code: "OFF"})
    assert (told(refused.faults), refused.warnings, refused.rows) == ([(2, slot, code)], [], [])
    assert (silent.faults, silent.warnings, len(silent.rows)) == ([], [], 1)


@pytest.mark.parametrize(
    ("changes", "slot", "code"),
    [line for line in [*PLANTED, *REFUSED] if any(r.code == line[2] and r.switchable for r in rules.RULES)],
)
def test_a_province_makes_a_refusal_a_warning(changes, slot, code):
    row = make_row(**changes)
    others = told(examine(row).faults)
    checked = examine(row, rules={code: "WARN"})
    assert (2, slot, code) in told(checked.warnings)
    assert told(checked.faults) == [one for one in others if one[2] != code]
    assert bool(checked.rows) == (not checked.faults)


@pytest.mark.parametrize(
    "switches",
    [
        {"REQUIRED": "WARN"},
        {"BAD_PHONE": "OFF"},
        {"MENDED_CASE": "OFF"},
        {"NO_SUCH_RULE": "WARN"},
        {"ID_CHECK_DIGIT": "MENDED"},
        {"ID_CHECK_DIGIT": "LOUD"},
    ],
)
def test_what_cannot_be_switched_is_refused(switches):
    with pytest.raises(
        ValueError, match=next(iter(switches.values())) if "LOUD" in str(switches) else next(iter(switches))
    ):
        examine(make_row(), rules=switches)


def test_the_law_of_the_day_decides_whose_number_a_pupil_without_papers_needs():
    row = NO_PAPERS | {"guardian2.name": "李梅", "guardian2.relation": "母亲", "guardian2.is_guardian": "是"}
    then = examine(make_row(**row, birth_date="20060102"))
    assert told(then.faults) == [(2, "guardian2.id_number", "GUARDIAN_ID_REQUIRED")]
    now = examine(make_row(**row, birth_date="20110102"), today=date(2018, 3, 1))
    assert told(now.faults) == []
    nobody = row | {"guardian1.id_number": None}
    assert len(examine(make_row(**nobody), today=date(2018, 3, 1)).faults) == 2


def test_a_day_pupil_may_get_the_allowance_since_2019():
    row = make_row(living_allowance="是")
    warned = [told(examine(row, today=day).warnings) for day in (date(2019, 8, 31), date(2019, 9, 1))]
    assert [any(line[2] == "ALLOWANCE_OF_DAY_PUPIL" for line in lines) for lines in warned] == [True, False]


def test_a_class_of_unknown_grade_or_of_several_says_nothing_of_age():
    row = make_row(class_number="2013002", entry_month="201209", birth_date="20050601")
    row["id_number"] = make_id(date(2005, 6, 1))
    assert examine(row).warnings == []
    assert examine(row, class_numbers=list(GRADES)).warnings == []
    late = make_row(birth_date="19990601", id_number=make_id(date(1999, 6, 1)), class_number="2013002")
    assert told(examine(late).warnings) == [(2, "birth_date", "AGE_UNUSUAL_FOR_GRADE")]


def test_stages_may_begin_elsewhere():
    row = make_row(class_number="6", birth_date="20020102", id_number=make_id(date(2002, 1, 2)), entry_month="201309")
    assert examine(row, class_numbers={"6": [6]}, first_grades=(1, 6, 10)).warnings == []
    assert told(examine(row, class_numbers={"6": [6]}).warnings) == [(2, "entry_month", "ENTRY_UNUSUAL_FOR_GRADE")]


def test_a_private_school_may_have_bought_places():
    assert examine(make_row(bought_place="是"), founder="PRIVATE").faults == []
    assert examine(make_row(bought_place="是"), founder=None).faults == []


@given(st.sampled_from(sorted(problems._SPOILS)), st.integers(0, 10**6))
def test_every_way_the_sample_spoils_a_number_is_found_in_its_cell(how, seed):
    number = make_id()
    spoilt = problems.spoil(random.Random(seed), number, how, TODAY, set())
    checked = examine(make_row(id_number=spoilt))
    found = {fault.key for fault in checked.faults}
    assert {fault.slot for fault in checked.faults} == {"id_number"}
    wanted = {"impossible date": {"ID_IMPOSSIBLE_DATE"}, "unknown division": {"ID_UNKNOWN_DIVISION"}}
    # Four digits at random may say another day, or none, before the check digit is looked at.
    wanted["four wrong digits"] = {
        "ID_CHECK_DIGIT",
        "ID_IMPOSSIBLE_DATE",
        "ID_UNKNOWN_DIVISION",
        "ID_BIRTH_DATE_DISAGREES",
        "ID_INSANE_AGE",
    }
    assert found & wanted.get(how, {"ID_CHECK_DIGIT", "ID_WRONG_LENGTH"})
    suggested = checked.faults[0].suggestions
    if how in ("wrong digit", "digits swapped", "digit lost"):
        assert number in suggested
    assert all(identity.verdict(one, sex="MALE", birth_date=date(2006, 1, 2), today=TODAY) == [] for one in suggested)
    assert all(fault.suggestions == () for fault in checked.faults[1:])


def test_what_the_workbook_of_the_demonstration_gets_wrong_is_found_in_its_cells():
    number = make_id(date(2006, 1, 4))
    digit = make_row(id_number=number[:-1] + ("0" if number[-1] != "0" else "1"), birth_date="20060104")
    month, group = make_row(1, birth_date="2006年13月1日"), make_row(3, ethnic_group="汉人")
    checked = examine(digit, month, group)
    assert told(checked.faults) == [
        (2, "id_number", "ID_CHECK_DIGIT"),
        (3, "birth_date", "BAD_DATE"),
        (4, "ethnic_group", "UNKNOWN_OPTION"),
    ]
    assert number in checked.faults[0].suggestions
    assert number not in str(checked.faults[0].value)


def test_a_guardians_old_number_of_fifteen_digits_is_told_in_its_new_form():
    [fault] = examine(make_row(**{"guardian1.id_number": "140105750304001"})).faults
    assert (fault.key, fault.suggestions) == ("ID_WRONG_LENGTH", (identity.upgrade("140105750304001"),))


def test_only_so_many_findings_are_listed_and_the_others_are_counted(monkeypatch):
    monkeypatch.setattr(listing, "MOST_LISTED", 20)
    rows = [make_row(place, sex="?", name="王3", post_code="3") for place in range(30)]
    rows += [make_row(40, name="王", travel_mode="校车", phone="139-0000-0001") for _ in range(30)]
    checked = examine(*rows, make_row(99, orphan="?", sex="?"))
    listed = {fault.row for fault in checked.faults}
    refused = checked.total - len(checked.rows)
    assert len(listed) == refused
    counted = {(folded.slot, folded.code): folded.count for folded in checked.folded}
    wrong = [fault for fault in checked.faults if fault.slot == "sex"]
    assert len(wrong) + counted["sex", "UNKNOWN_OPTION"] == 31
    assert ("orphan", "UNKNOWN_OPTION") in {(fault.slot, fault.key) for fault in checked.faults}
    assert len(checked.mended) + counted["phone", "MENDED_PHONE"] == 30
    for folded in checked.folded:
        assert str(folded.count) in folded.text()
        assert "{" not in folded.text("en")
