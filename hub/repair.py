"""Which identity number was meant (身份证号码修复): the sound numbers one slip of the hand away from a failing one.

A slip is one character written wrong, left out or written too much, or two neighbours swapped; letters that look like
digits are read as such, a birth date may be that of the record, and an old number of 15 digits gets its new form.
"""

from collections.abc import Collection, Iterator
from datetime import date
from operator import mul

from hub import divisions, identity
from hub.identity import Sex

LIMIT = 5
"""Numbers that are suggested at most."""

_WEIGHTS = tuple(2**place % 11 for place in range(17, -1, -1))
_INVERSES = tuple(pow(weight, -1, 11) for weight in _WEIGHTS)
_CHARACTERS = "0123456789X"
_LOOK_ALIKE = str.maketrans("OQDILZSBG", "000112586")
_NEAR = {
    pair
    for both in (
        *("12", "23", "34", "45", "56", "67", "78", "89", "90"),  # the row of digits
        *("14", "47", "25", "58", "36", "69", "01", "02"),  # the block of digits
        *("08", "06", "17", "38", "68"),  # look alike
    )
    for pair in (both, both[::-1])
}
_STRONG, _TYPICAL, _OTHER = range(3)

Slip = tuple[str, int, int]
"""A number that may have been meant, how typical the slip is, and its place."""


def suggest(
    number: str,
    *,
    sex: Sex | None = None,
    birth_date: date | None = None,
    today: date,
    ages: tuple[int, int] = identity.PUPIL_AGES,
    near: Collection[str] = (),
) -> list[str]:
    """The numbers a failing one most likely stands for, best first, at most `LIMIT`; see `candidates`."""
    return candidates(number, sex=sex, birth_date=birth_date, today=today, ages=ages, near=near)[:LIMIT]


def candidates(
    number: str,
    *,
    sex: Sex | None = None,
    birth_date: date | None = None,
    today: date,
    ages: tuple[int, int] = identity.PUPIL_AGES,
    near: Collection[str] = (),
) -> list[str]:
    """Every sound number one slip away from a normalised one, best first; `identity.verdict` finds nothing in any.

    Each has the sex and birth date given, where they are. First come two neighbours swapped, look-alike letters and the
    birth date of the record, then other slips usual on a keyboard; among equals those whose first six digits are one of
    `near`, the divisions the record names; then by place, the check character before all. What would lead away from
    such a division comes last.
    """
    ranked: dict[str, tuple[int, bool, int]] = {}
    born = None if birth_date is None else f"{birth_date:%Y%m%d}"
    for meant, strength, place in _slips(number, born):
        if meant != number and (born is None or meant[6:14] == born) and divisions.known(meant[:6]):
            away = meant[:6] not in near
            rank = (_OTHER if away and number[:6] in near else strength, away, place)
            if rank < ranked.get(meant, (_OTHER + 1, True, 0)):
                ranked[meant] = rank
    sound = (meant for meant in ranked if _sound(meant, sex, birth_date, today, ages))
    return sorted(sound, key=lambda meant: (ranked[meant], meant))


def _sound(number: str, sex: Sex | None, birth_date: date | None, today: date, ages: tuple[int, int]) -> bool:
    return not identity.verdict(number, sex=sex, birth_date=birth_date, today=today, ages=ages)


def _slips(number: str, born: str | None) -> Iterator[Slip]:
    """Texts that may have been meant, not all of them sound, some more than once."""
    plain = number[:-1].translate(_LOOK_ALIKE) + number[-1:].translate(_LOOK_ALIKE)
    if len(plain) == 18:
        yield plain, _STRONG, 0
        yield from _wrong_or_swapped(number, plain)
        if born is not None:
            yield plain[:6] + born + plain[14:], _STRONG, 6
    elif len(plain) == 17:
        yield from _missing(plain)
    elif len(plain) == 19:
        yield from _too_many(plain)
    elif len(plain) == 15 and plain.isdecimal():
        yield identity.upgrade(plain), _STRONG, 0


def _wrong_or_swapped(number: str, plain: str) -> Iterator[Slip]:
    """One character replaced, the check equation leaving one choice for each place; or two neighbours swapped."""
    read = [_CHARACTERS.find(character) for character in plain]
    unreadable = [place for place, value in enumerate(read) if value < 0 or (value == 10 and place < 17)]
    if len(unreadable) < 2:
        values = [0 if place in unreadable else value for place, value in enumerate(read)]
        lacking = _lacking(values)
        for place in unreadable or range(18):
            meant = _CHARACTERS[(values[place] + lacking * _INVERSES[place]) % 11]
            usual = place in unreadable or number[place] != plain[place] or plain[place] + meant in _NEAR
            replaced = plain[:place] + meant + plain[place + 1 :]
            # Nothing else in the number contradicts another check character, so it is never crowded out.
            yield replaced, _TYPICAL if usual or place == 17 else _OTHER, -1 if place == 17 else place
    lacking = _lacking(read)  # an X among the digits is read as such here: it may be the check character, swapped
    for place in range(17):
        left, right = read[place], read[place + 1]
        if (right - left) * _WEIGHTS[place + 1] % 11 == lacking:  # the left of two neighbours weighs twice the right
            yield plain[:place] + plain[place + 1] + plain[place] + plain[place + 2 :], _STRONG, place


def _missing(plain: str) -> Iterator[Slip]:
    """One character put in anywhere, again the only one that fits; a digit typed twice is often left out once."""
    values = [_CHARACTERS.find(character) for character in plain]
    if -1 in values:
        return
    for place in range(18):
        lacking = _lacking([*values[:place], 0, *values[place:]])
        meant = _CHARACTERS[lacking * _INVERSES[place] % 11]
        usual = meant in plain[max(place - 1, 0) : place + 1]
        yield plain[:place] + meant + plain[place:], _TYPICAL if usual else _OTHER, place


def _too_many(plain: str) -> Iterator[Slip]:
    for place in range(19):
        usual = plain[place] in (plain[max(place - 1, 0) : place], plain[place + 1 : place + 2])
        yield plain[:place] + plain[place + 1 :], _TYPICAL if usual else _OTHER, place


def _lacking(values: list[int]) -> int:
    """What the weighted sum lacks to leave remainder 1, by ISO 7064 MOD 11-2."""
    weighed: int = sum(map(mul, values, _WEIGHTS))
    return (1 - weighed) % 11
