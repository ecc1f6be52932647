from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import divisions, identity
from hub.sample import chance, classes, numbers, places, problems, pupils, schools
from hub.terms import Stage


@pytest.mark.parametrize("students", [1000, 1500, 45_000])
def test_schools_and_classes_seat_every_pupil_once(students: int) -> None:
    for seed in range(10):
        laid = schools.lay(students, seed, places.counties(students))
        rooms = classes.form(laid, seed, 2013)
        assert sum(room.size for room in rooms) == students
        assert len({school.code for school in laid}) == len(laid)
        assert len({room.path for room in rooms}) == len(rooms)
        assert len({(room.school.code, room.official_number) for room in rooms}) == len(rooms)
        assert any(not school.licensed for school in laid)


def test_sizes_of_schools_are_skewed_and_of_classes_are_not() -> None:
    laid = schools.lay(450_000, 1, places.counties(450_000))
    sizes = sorted(school.pupils for school in laid)
    assert sizes[0] <= 10
    assert sizes[len(sizes) // 2] < 300
    assert sizes[-1] > 2000
    rooms = classes.form(laid, 1, 2013)
    for stage, low, high in ((Stage.PRIMARY, 30, 40), (Stage.JUNIOR, 48, 54), (Stage.SENIOR, 50, 58)):
        seated = [room.size for room in rooms if room.stage == stage]
        assert low < sum(seated) / len(seated) < high


def test_a_hundredth_of_the_province_is_ten_counties_and_the_whole_is_all() -> None:
    assert len(places.counties(45_000)) == 10
    assert len({county.city for county in places.counties(45_000)}) == 2
    every = {region.code for region in divisions.shanxi() if region.level == "county"}
    assert {county.code for county in places.counties(4_500_000)} == every


def test_only_pupils_without_a_number_and_planted_namesakes_bear_names_set_apart() -> None:
    counties = places.counties(5000)
    rooms = classes.form(schools.lay(5000, 1, counties), 1, 2013)
    plan = problems.Planner(rooms, 1, 2013).make(5000)
    today = date(2013, 10, 20)
    chunks = list(pupils.lines(counties, rooms, plan, seed=1, today=today, year=2013, size=1000))
    assert len(chunks) > 3
    assert sum(held for _, held in chunks) == 5000
    namesakes = {number for truth in plan.truth() if truth.kind == "NAME_SEX_BIRTH" for number in truth.student_numbers}
    for line in b"".join(text for text, _ in chunks).decode().splitlines():
        pupil = dict(zip(pupils.COLUMNS, line.split("\t"), strict=True))
        born = date.fromisoformat(pupil["birth_date"]).toordinal()
        apart = pupil["id_number"] == "\\N" or pupil["student_number"] in namesakes
        assert problems.set_apart(pupil["name"], born) == apart


@given(st.integers(0, 10_000), st.lists(st.floats(0.01, 1000), min_size=1, max_size=30))
def test_spreading_loses_nothing(total: int, weights: list[float]) -> None:
    parts = chance.spread(total, weights)
    assert sum(parts) == total
    assert min(parts) >= 0
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - total * weight / sum(weights)) <= 1.001


@given(st.dates(date(1950, 1, 1), date(2013, 1, 1)), st.integers(1, 999), st.sampled_from(numbers.elsewhere()))
def test_check_characters_summed_from_parts_are_those_of_the_standard(born: date, turn: int, division: str) -> None:
    number = numbers.identity_number(division, born.toordinal(), turn)
    assert number[17] == identity.check_character(number[:17])
    assert identity.born_on(number) == born
    assert divisions.known(division)


@given(st.integers(1, 9_999_999))
def test_student_numbers_are_well_formed(sequence: int) -> None:
    number = numbers.student_number("L", "140105", 2013, sequence)
    assert number[1:18] == f"1401052013{sequence:07d}"
    assert number[18] == identity.check_character(number[1:18])


@pytest.mark.parametrize("how", ["wrong digit", "digits swapped", "four wrong digits", "impossible date", "digit lost"])
def test_spoilt_numbers_are_always_wrong(how: str) -> None:
    draw, spoilt = chance.stream(1), set[str]()
    for turn in range(1, 200):
        number = numbers.identity_number("140105", date(2005, 1, 31).toordinal(), turn)
        wrong = problems.spoil(draw, number, how, date(2013, 10, 20), spoilt)
        assert identity.verdict(wrong, today=date(2013, 10, 20))
    assert len(spoilt) == 199
