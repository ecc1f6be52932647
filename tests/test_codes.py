from datetime import date

import pytest

from hub import codes

LISTS = codes.lists()


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("ETHNIC_GROUP", 58),
        ("NATIONALITY", 249),
        ("ID_TYPE", 7),
        ("OVERSEAS_STATUS", 16),
        ("SCHOOL_TYPE", 15),
        ("RELATION", 5),
    ],
)
def test_a_list_is_whole(name, size):
    assert len(LISTS[name].entries) == size


def test_codes_are_unique_within_each_list():
    for code_list in LISTS.values():
        assert len(code_list.codes) == len(code_list.entries), code_list.name
        assert code_list.source in {"confirmed", "reasoned"}
        assert code_list.title
        assert code_list.english
        assert code_list.standard


def test_every_entry_is_found_by_its_own_name_and_code():
    for code_list in LISTS.values():
        for entry in code_list.entries:
            assert code_list.find(entry.name, among={entry.code}) == entry
            assert code_list.find(f"{entry.code}-{entry.name}") == entry
            assert code_list.by_code(entry.code) == entry


def test_a_spelling_belongs_to_one_entry_save_the_two_other_admissions():
    shared = {(c.name, e.name) for c in LISTS.values() for e in c.entries if c.find(e.name) != e}
    assert shared == {("ADMISSION_TYPE", "其他")}


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("ETHNIC_GROUP", "汉族", "01"),
        ("ETHNIC_GROUP", " 汉　族\u200b", "01"),
        ("ETHNIC_GROUP", "汉", None),
        ("ETHNIC_GROUP", "01", None),
        ("ETHNIC_GROUP", "", None),
        ("ETHNIC_GROUP", "基诺族", "56"),
        ("OVERSEAS_STATUS", "非港澳台侨", "00"),
        ("OVERSEAS_STATUS", "否", "00"),
        ("NATIONALITY", "CHN", "CHN"),
        ("NATIONALITY", "ｃｈｎ", "CHN"),
        ("NATIONALITY", "香港", "HKG"),
        ("ID_TYPE", "Z-其他", "Z"),
        ("ID_TYPE", "1-其他", None),
        ("TRAVEL_MODE", "自行车（含摩托车、电动自行车）", "2"),
        ("POLITICAL_STATUS", "群众", "13"),
    ],
)
def test_a_name_is_found_as_people_type_it(name, text, code):
    found = LISTS[name].find(text)
    assert (found.code if found else None) == code


def test_of_two_entries_with_one_name_the_preferred_is_taken():
    admission = LISTS["ADMISSION_TYPE"]
    assert admission.find("其他").code == "12"
    assert admission.find("其他", among={"21", "99"}).code == "99"
    assert admission.find("其他", among={"21"}).code == "12"


def test_names_to_offer_contain_what_was_typed():
    assert LISTS["ETHNIC_GROUP"].near("汉") == ["汉族"]
    assert LISTS["ATTENDANCE_TYPE"].near("坐车") == ["走读", "住校"]
    assert len(LISTS["NATIONALITY"].near("", limit=5)) == 5


def test_an_entry_counts_only_between_its_days():
    entry = codes.Code("1", "甲", "A", since=date(2013, 9, 1), until=date(2014, 8, 31))
    days = [date(2013, 8, 31), date(2013, 9, 1), date(2014, 8, 31), date(2014, 9, 1)]
    assert [entry.in_force(day) for day in days] == [False, True, True, False]
    assert LISTS["SEX"].in_force(date(2013, 9, 1)) == list(LISTS["SEX"].entries)
