"""The repair of identity numbers, held against an oracle that tries everything."""

from datetime import date

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from hub import identity, repair
from tests.test_identity import make_number

TODAY = date(2013, 9, 16)
BORN = date(2006, 1, 2)
SOUND = make_number(born=BORN, sequence="123")
LETTERS = {"O": "0", "Q": "0", "D": "0", "I": "1", "L": "1", "Z": "2", "S": "5", "B": "8", "G": "6"}

numbers = st.builds(
    make_number,
    division=st.sampled_from(["140105", "140421", "110105", "810000"]),
    born=st.dates(date(1990, 1, 1), date(2009, 12, 31)),
    sequence=st.from_regex(r"[0-9]{3}", fullmatch=True),
)


def replaced(number: str, place: int, character: str) -> str:
    return number[:place] + character + number[place + 1 :]


def swapped(number: str, place: int) -> str:
    return number[:place] + number[place + 1] + number[place] + number[place + 2 :]


def one_slip_away(number: str) -> set[str]:
    """Every text one slip away, tried one by one."""
    places = range(len(number))
    return {
        *(replaced(number, place, character) for place in places for character in "0123456789X"),
        *(swapped(number, place) for place in range(len(number) - 1)),
        *(number[:place] + number[place + 1 :] for place in places),
        *(number[:place] + c + number[place:] for place in range(len(number) + 1) for c in "0123456789X"),
    }


def oracle(number: str, born: date | None, **record: object) -> set[str]:
    """Every sound number that may have been meant, slowly."""
    plain = "".join(LETTERS.get(character, character) for character in number)
    tried = {plain} | one_slip_away(plain)
    if born is not None and len(plain) == 18:
        tried.add(plain[:6] + f"{born:%Y%m%d}" + plain[14:])
    if len(plain) == 15 and plain.isdecimal():
        tried.add(identity.upgrade(plain))
    tried.discard(number)
    return {text for text in tried if not identity.verdict(text, birth_date=born, today=TODAY, **record)}  # type: ignore[arg-type]


@st.composite
def slips(draw: st.DrawFn) -> tuple[str, str]:
    """A sound number, and the same with one slip of a kind."""
    number = draw(numbers)
    place = draw(st.integers(0, 17))
    kind = draw(st.sampled_from(["wrong", "missing", "extra", "swapped", "letter"]))
    if kind == "wrong":
        return number, replaced(number, place, draw(st.sampled_from("0123456789X")))
    if kind == "missing":
        return number, number[:place] + number[place + 1 :]
    if kind == "extra":
        return number, number[:place] + draw(st.sampled_from("0123456789X")) + number[place:]
    if kind == "swapped":
        return number, swapped(number, min(place, 16))
    alike = [letter for letter, digit in LETTERS.items() if digit == number[place]]
    assume(alike)
    return number, replaced(number, place, draw(st.sampled_from(alike)))


@given(slips(), st.booleans())
@example(slip=("14042120050401503X", "1404212005040150X3"), told=False)
def test_what_one_slip_spoilt_is_found_and_all_that_is_found_is_sound(slip, told):
    number, spoilt = slip
    assume(spoilt != number)
    record = {"sex": identity.sex_of(number), "birth_date": identity.born_on(number) if told else None}
    found = repair.candidates(spoilt, today=TODAY, **record)
    assert number in found
    assert len(found) == len(set(found))
    for one in found:
        assert identity.verdict(one, today=TODAY, **record) == []


@given(slips(), st.booleans(), st.booleans())
def test_an_oracle_that_tries_everything_finds_the_same(slip, told, sexed):
    number, spoilt = slip
    born = identity.born_on(number) if told else None
    sex = identity.sex_of(number) if sexed else None
    assert set(repair.candidates(spoilt, birth_date=born, sex=sex, today=TODAY)) == oracle(spoilt, born, sex=sex)


@given(st.text("0123456789XOILZSBAé一", max_size=21), st.sampled_from([None, BORN]))
def test_an_oracle_finds_the_same_for_whatever_was_written(text, born):
    assert set(repair.candidates(text, birth_date=born, today=TODAY)) == oracle(text, born)


@given(numbers, st.integers(0, 5), st.integers(6, 13))
def test_two_slips_find_only_sound_numbers(number, first, second):
    spoilt = replaced(replaced(number, first, "9"), second, "3")
    for one in repair.candidates(spoilt, today=TODAY):
        assert identity.verdict(one, today=TODAY) == []


@pytest.mark.parametrize(
    ("spoilt", "record", "first"),
    [
        (swapped(SOUND, 14), {}, SOUND),
        (replaced(SOUND, 17, "9" if SOUND[17] != "9" else "8"), {"birth_date": BORN, "sex": "MALE"}, None),
        (SOUND.replace("0", "O"), {}, SOUND),
        (SOUND.replace("1", "L"), {"birth_date": BORN}, SOUND),
        (make_number(born=date(2006, 2, 1), sequence="123")[:17] + SOUND[17], {"birth_date": BORN}, SOUND),
        ("140105800102123", {"ages": (0, 120)}, identity.upgrade("140105800102123")),
    ],
)
def test_the_likeliest_number_comes_first(spoilt, record, first):
    found = repair.suggest(spoilt, today=TODAY, **record)
    assert len(found) <= repair.LIMIT
    assert found[0] == first if first else SOUND in found


def test_a_number_of_the_records_own_division_comes_before_others():
    spoilt = replaced(SOUND, 3, "9")
    found = repair.candidates(spoilt, birth_date=BORN, today=TODAY)
    for near in {number[:6] for number in found}:
        ranked = repair.candidates(spoilt, birth_date=BORN, today=TODAY, near={near})
        assert set(ranked) == set(found)
        usual = [number for number in ranked if number[:6] == near]
        assert ranked.index(usual[0]) <= found.index(usual[0])
    assert repair.candidates(spoilt, birth_date=BORN, today=TODAY, near={"140105"})[0] == SOUND


def test_a_sound_number_that_only_disagrees_with_the_record_has_no_likelier_one():
    assert repair.suggest(SOUND, birth_date=date(2009, 5, 5), today=TODAY) == []


def test_five_numbers_are_suggested_at_most():
    spoilt = replaced(SOUND, 17, "9" if SOUND[17] != "9" else "8")
    assert len(repair.candidates(spoilt, today=TODAY)) > repair.LIMIT
    assert len(repair.suggest(spoilt, today=TODAY)) == repair.LIMIT
