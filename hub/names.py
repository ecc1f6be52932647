"""Names: the keys that sort them by pinyin, the terms they are found by, the same on every machine."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, pairwise, takewhile
from operator import itemgetter

from hub.errors import BadInput

# Surnames that are read otherwise than the same character elsewhere.
_SURNAMES = {
    "万俟": "mo qi",
    "单于": "chan yu",
    "尉迟": "yu chi",
    "澹台": "tan tai",
    "长孙": "zhang sun",
    "万": "wan",
    "乐": "yue",
    "乜": "nie",
    "仇": "qiu",
    "任": "ren",
    "传": "fu",
    "冼": "xian",
    "区": "ou",
    "华": "hua",
    "单": "shan",
    "员": "yun",
    "哈": "ha",
    "尹": "yin",
    "曲": "qu",
    "曾": "zeng",
    "朴": "piao",
    "查": "zha",
    "盖": "ge",
    "盛": "sheng",
    "秘": "bi",
    "种": "chong",
    "繁": "po",
    "纪": "ji",
    "缪": "miao",
    "翟": "zhai",
    "覃": "qin",
    "解": "xie",
    "贾": "jia",
    "逄": "pang",
    "郇": "xun",
    "郗": "xi",
    "郄": "qie",
    "都": "du",
    "隗": "wei",
    "黑": "he",
    "黄": "huang",
}
# Characters of given names whose commonest reading in names is not the commonest elsewhere.
_GIVEN = {
    "乐": "le",
    "会": "hui",
    "朝": "zhao",
    "行": "xing",
    "重": "chong",
    "长": "chang",
    "晟": "sheng",
    "茜": "qian",
}
_PLACES = {"长治": "chang zhi", "繁峙": "fan shi", "洪洞": "hong tong", "解州": "hai zhou"}
_PLACE = re.compile(f"({'|'.join(_PLACES)})")
# Other readings that somebody may type.
_ALSO = {
    "六": "lu",
    "厦": "xia",
    "召": "shao",
    "娜": "nuo",
    "柏": "bo",
    "茜": "xi",
    "莘": "shen",
    "蔚": "yu",
    "车": "ju",
}

LONGEST_TYPED = 50
"""Characters of a name that somebody may type to find it by."""
NAMELESS = "/"
"""The one term of a name without a letter or digit: no terms at all mean that they have not been made yet."""

_PARTS = re.compile(r"[a-z]+|[^\W_]")
_TOKENS = re.compile(r"[a-z0-9]+|[^\W_]")
_HAN = re.compile(r"[\u4e00-\u9fff]*")
_STEPS = (1, 2, 3, 4, 6, 8)
"""How many letters the letter terms have; more letters than the longest are looked up by their beginning."""
_CUTS = [[step for step in _STEPS if step <= length] for length in range(_STEPS[-1] + 1)]
_MOST_SPELLINGS = 32
_LONGEST_WORD = 60

_first = itemgetter(0)

Readings = tuple[str, ...]
Unit = tuple[str, Readings]
"""A character with its readings; or a Latin word or a digit, which reads as itself: ("", (word,))."""


@lru_cache(maxsize=100_000)
def name_key(name: str) -> str:
    """The key that sorts people as a Chinese roster does: by pinyin without tones, then by the name itself.

    `张伟` gives `zhang wei 张伟`. Each character is read by itself, only surnames have readings of their own, so the
    key of a name is the key of its surname followed by its given name's. Latin letters count as themselves, a dot
    between the parts of a minority name divides words, and a character without a known reading sorts last.
    """
    surname = _surname(name)
    return " ".join(filter(None, [surname_key(surname), given_key(name[len(surname) :]), name]))


def title_key(title: str) -> str:
    """The key that sorts places and schools by pinyin, then by the title itself."""
    readings = (_PLACES.get(part) or _phrase(part) for part in _PLACE.split(title))
    return " ".join(filter(None, [*readings, title]))


@lru_cache(maxsize=100_000)
def given_key(given: str) -> str:
    """The pinyin of a name without its surname: one syllable per character, divided by blanks."""
    syllables, word = [], ""
    for character in _plain(given):
        if character.isascii() and character.isalnum():
            word += character
            continue
        syllables.append(word)
        word = ""
        if character.isalnum():
            syllables.append(_reading(character))
    return " ".join(filter(None, [*syllables, word]))


def surname_key(surname: str) -> str:
    """The pinyin of a surname."""
    return _SURNAMES.get(surname) or given_key(surname)


def name_terms(name: str) -> list[str]:
    """What a name is found by: the terms of `name_terms`, of people, schools and places alike.

    First its units in order, each with all its readings (`张/zhang`, `单/chan/dan/shan`; a Latin word is `/john`), then
    pairs of neighbouring characters, then what may be typed in letters from each unit on, cut at 1, 2, 3, 4, 6 and 8:
    the pinyin in full (`zh`, `zhan`, `zhangx`) and the initials (`zxm`). Of a name of more than a few characters with
    several readings each, 32 spellings from each unit on are kept.
    """
    parts = units(name)
    pairs = [one + other for (one, _), (other, _) in pairwise(parts) if one and other]
    readings = tuple([each for _, each in parts])
    letters = [_begun(readings[at : at + _STEPS[-1]]) for at in range(len(parts))]
    return [*map(_term, parts), *dict.fromkeys(chain(pairs, *letters))] or [NAMELESS]


def wanted_terms(typed: str) -> list[str]:
    """What a name must have among its terms to be found by what was typed; last, the pattern it must match besides.

    What was typed is cut into characters and runs of letters and digits; blanks, dots and other signs only divide. A
    name is found if these match units of the name that follow one another: a character its own; a run the readings of
    one or several units in full, or the first letters of one or several. Only the last run may leave its last reading
    unfinished. Case, width and accents do not matter; ü is v. The pattern is for the terms joined by blanks; it is
    empty where the terms say it all. Raises BadInput for nothing to look for and for more than 50 characters.
    """
    tokens = _TOKENS.findall(_folded(typed)) if len(typed) <= LONGEST_TYPED else []
    if len(typed) > LONGEST_TYPED or sum(map(len, tokens)) > LONGEST_TYPED:
        raise BadInput("NAME_TYPED_TOO_LONG", limit=LONGEST_TYPED)
    if not tokens:
        raise BadInput("NAME_TYPED_EMPTY")
    runs = [token for token in tokens if token.isascii()]
    terms = {run[: max(step for step in _STEPS if step <= len(run))] for run in runs}
    for before, token, after in zip(["a", *tokens], tokens, [*tokens[1:], "a"], strict=False):
        if not token.isascii():
            terms |= {before + token} if not before.isascii() else set()
            terms |= {_term(_unit(token))} if before.isascii() and after.isascii() else set()
    said = (len(tokens) == 1 and (not runs or len(runs[0]) in _STEPS)) or (len(tokens) == 2 and not runs)
    return [*sorted(terms), "" if said else _pattern(tokens)]


def units(name: str) -> list[Unit]:
    """The characters and words of a name, each with its readings."""
    return list(map(_unit, _PARTS.findall(_folded(name))))


@lru_cache(maxsize=30_000)
def _unit(part: str) -> Unit:
    return ("", (part[:_LONGEST_WORD],)) if part.isascii() else (part, _readings(part))


@lru_cache(maxsize=30_000)
def _term(unit: Unit) -> str:
    return f"{unit[0]}/{'/'.join(unit[1])}"


@lru_cache(maxsize=30_000)
def _begun(parts: tuple[Readings, ...]) -> list[str]:
    """What these readings, and their first letters, begin with when written without blanks, at each step."""
    initials = [tuple(dict.fromkeys(map(_first, part))) for part in parts]
    found: list[str] = []
    for spelt in (*_spellings(parts), *_spellings(initials)):
        found += [spelt[:step] for step in _CUTS[min(len(spelt), _STEPS[-1])]]
    return found


def _spellings(parts: Sequence[Readings]) -> list[str]:
    """These parts without blanks, one choice of each, up to one that has none; only the beginnings matter.

    What too many of them leave out is how they go on, never how they begin.
    """
    if all(len(part) == 1 for part in parts):
        return ["".join([part[0] for part in parts])]
    spelt = [""]
    for part in takewhile(bool, parts):
        spelt = [begun + more for more in part for begun in spelt][:_MOST_SPELLINGS]
    return spelt


_SKIPPED = "[^ /]*/(?:[^ /]+/)*"  # a unit's character, and readings that are not meant
_NEXT = f"(?:/[^ ]*)? {_SKIPPED}"


def _pattern(tokens: Sequence[str]) -> str:
    """The regular expression of a name's units that what was typed matches."""
    *whole, last = tokens
    return "(?:^| )" + " ".join([*(_matched(token, "(?:/[^ ]*)?") for token in whole), _matched(last, "")])


def _matched(token: str, end: str) -> str:
    if not token.isascii():
        return f"{token}/[^ ]*"
    in_full = _SKIPPED + f"(?:{_NEXT})?".join(token) + end
    initials = " ".join(f"{_SKIPPED}{letter}[^ ]*" for letter in token)
    return f"(?:{in_full}|{initials})"


def load() -> None:
    """Load the dictionaries of readings now, so that nobody who is served waits for them."""
    _spoken("一")


def _spoken(text: str) -> list[str]:
    """How text is read, without tones. The first call loads the dictionaries: few commands have to wait for them."""
    from pypinyin import lazy_pinyin

    return [str(syllable) for syllable in lazy_pinyin(text)]


def _surname(name: str) -> str:
    if not name.isalnum() or _plain(name[:1]).isascii():
        return ""
    return name[:2] if name[:2] in _SURNAMES and len(name) > 2 else name[:1]


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


@lru_cache(maxsize=30_000)
def _reading(character: str) -> str:
    return _GIVEN.get(character) or _spoken(character)[0]


def _readings(character: str) -> Readings:
    """Every reading of a character that anybody may type, whatever stands beside it."""
    tables = (_SURNAMES, _GIVEN, _PLACES, _ALSO)
    told = {
        reading
        for table in tables
        for word, spelt in table.items()
        for own, reading in zip(word, spelt.split(), strict=False)
        if own == character
    }
    common = _spoken(character)[0]
    return tuple(sorted(reading for reading in told | {common} if reading.isascii() and reading.isalnum()))


def _folded(text: str) -> str:
    """Text without the differences of case, width and accents; ü is v, as pinyin is typed."""
    if text.isascii() or _HAN.fullmatch(text):
        return text.lower()
    return "".join(map(_base, unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())))


@lru_cache(maxsize=30_000)
def _base(character: str) -> str:
    first, *marks = list(unicodedata.normalize("NFD", character))
    if not (first.isascii() and marks):
        return character
    return "v" if first == "u" and "\u0308" in marks else first


def _phrase(text: str) -> str:
    return " ".join(_spoken(_plain(text)))
