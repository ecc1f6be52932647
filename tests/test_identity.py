from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hub import divisions, identity

TODAY = date(2013, 9, 16)
SAMPLE = "11010519491231002X"


def make_number(division="140105", born=date(2006, 1, 2), sequence="001"):
    first17 = f"{division}{born:%Y%m%d}{sequence}"
    return first17 + identity.check_character(first17)


numbers = st.builds(
    make_number,
    division=st.sampled_from(["140105", "140421", "110105", "810000"]),
    born=st.dates(date(1990, 1, 1), date(2010, 12, 31)),
    sequence=st.from_regex(r"[0-9]{3}", fullmatch=True),
)


def test_the_sample_of_the_standard_is_sound():
    assert identity.verdict(SAMPLE, sex="FEMALE", birth_date=date(1949, 12, 31), today=TODAY, ages=(0, 120)) == []


@given(numbers)
def test_a_generated_number_is_sound_and_tells_its_parts(number):
    born, sex = identity.born_on(number), identity.sex_of(number)
    assert identity.verdict(number, sex=sex, birth_date=born, today=TODAY, ages=(0, 120)) == []
    assert make_number(number[:6], born, number[14:17]) == number


@given(numbers, st.integers(0, 17), st.sampled_from("0123456789X"))
def test_a_change_of_one_character_never_passes_unseen(number, place, character):
    assume(number[place] != character)
    changed = number[:place] + character + number[place + 1 :]
    faults = identity.verdict(changed, today=TODAY, ages=(0, 200))
    assert set(faults) & {"ID_CHECK_DIGIT", "ID_WRONG_CHARACTERS"}


@given(numbers, st.integers(0, 16))
def test_two_neighbours_swapped_never_pass_unseen(number, place):
    assume(number[place] != number[place + 1])
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    faults = identity.verdict(swapped, today=TODAY, ages=(0, 200))
    assert set(faults) & {"ID_CHECK_DIGIT", "ID_WRONG_CHARACTERS"}


@given(st.from_regex(r"[0-9]{17}", fullmatch=True))
def test_the_check_character_makes_the_remainder_one(first17):
    weights = [2**place % 11 for place in range(17, 0, -1)]
    check = identity.check_character(first17)
    value = 10 if check == "X" else int(check)
    assert (sum(int(d) * w for d, w in zip(first17, weights, strict=True)) + value) % 11 == 1


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("", ["ID_WRONG_LENGTH"]),
        ("140105060102001", ["ID_WRONG_LENGTH"]),
        ("14010520060102001A", ["ID_WRONG_CHARACTERS"]),
        ("1401052006010200X1", ["ID_WRONG_CHARACTERS"]),
        ("１40105200601020012", ["ID_WRONG_CHARACTERS"]),
        (make_number(division="199999"), ["ID_UNKNOWN_DIVISION"]),
        (make_number(born=date(2010, 9, 17)), ["ID_INSANE_AGE"]),
        (make_number(born=date(1982, 9, 16)), ["ID_INSANE_AGE"]),
        (make_number(born=date(2014, 1, 1)), ["ID_INSANE_AGE"]),
        (make_number(born=date(2010, 9, 16)), []),
        (make_number(born=date(1982, 9, 17)), []),
        (make_number(born=date(2008, 2, 29)), []),
        (make_number(division="140421"), []),
        (make_number(division="830000"), []),
    ],
)
def test_a_verdict_names_each_fault(number, expected):
    assert identity.verdict(number, today=TODAY) == expected


def test_an_impossible_date_is_named():
    first17 = "14010520070229001"
    number = first17 + identity.check_character(first17)
    assert identity.verdict(number, birth_date=date(2007, 2, 28), today=TODAY) == ["ID_IMPOSSIBLE_DATE"]


def test_every_fault_is_reported_at_once():
    number = make_number(division="199999", born=date(1950, 1, 1), sequence="001")
    number = number[:17] + ("1" if number[17] != "1" else "2")
    faults = identity.verdict(number, sex="FEMALE", birth_date=date(2006, 1, 2), today=TODAY)
    assert faults == [
        "ID_CHECK_DIGIT",
        "ID_UNKNOWN_DIVISION",
        "ID_INSANE_AGE",
        "ID_BIRTH_DATE_DISAGREES",
        "ID_SEX_DISAGREES",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "11010519491231002x",
        " 110105 19491231 002X ",
        "１１０１０５１９４９１２３１００２Ｘ",
        "110105-19491231-002X\u200b\ufeff",
        "110105—19491231–002ｘ",
    ],
)
def test_a_number_is_read_however_it_is_typed(text):
    assert identity.normalise(text) == SAMPLE


def test_a_15_digit_number_is_upgraded():
    assert identity.upgrade("110105491231002") == SAMPLE
    with pytest.raises(ValueError, match="15-digit"):
        identity.upgrade("11010549123100X")


def test_a_mask_hides_the_birth_date():
    assert identity.mask(SAMPLE) == "110105********002X"
    assert identity.mask("H1234567") == "****4567"
    assert identity.mask("1234") == "****"


@given(st.text(max_size=40))
def test_no_text_upsets_the_rules(text):
    number = identity.normalise(text)
    assert isinstance(identity.verdict(number, today=TODAY), list)
    assert len(identity.mask(number)) == len(number)


@given(st.dates(date(1950, 1, 1), date(2013, 1, 1)), st.integers(0, 25_000))
def test_age_is_the_number_of_birthdays_passed(born, days):
    today = born + timedelta(days)
    birthdays = sum(
        (year, born.month, born.day) <= (today.year, today.month, today.day)
        for year in range(born.year + 1, today.year + 1)
    )
    assert identity.age(born, today) == birthdays


@pytest.mark.parametrize(
    ("prefix", "body", "right"),
    [
        ("L", SAMPLE, True),
        ("G", SAMPLE, True),
        ("J", SAMPLE, True),
        ("A", SAMPLE, False),
        ("L", SAMPLE[1:], False),
        ("", SAMPLE, False),
        ("L", "11010519491231X02X", False),
    ],
)
def test_a_student_number_is_a_letter_and_18_characters(prefix, body, right):
    if right:
        assert identity.student_number(prefix, body) == prefix + body
    else:
        with pytest.raises(ValueError, match="student number"):
            identity.student_number(prefix, body)


def test_abolished_divisions_keep_their_names():
    assert divisions.name("140421") == "长治县"
    assert [span.name for span in divisions.history("120110")] == ["东郊区", "东丽区"]
    assert divisions.history("120110")[0].until == 1991
    assert divisions.name("999999") is None
    assert not divisions.known("14010")


def test_the_province_of_2013_has_119_county_level_units():
    levels = [region.level for region in divisions.shanxi()]
    assert {level: levels.count(level) for level in levels} == {"province": 1, "city": 11, "county": 119}
    codes = {region.code for region in divisions.shanxi()}
    assert all(region.parent_code in codes for region in divisions.shanxi() if region.level != "province")
    assert all(divisions.known(region.code.ljust(6, "0")) for region in divisions.shanxi())
