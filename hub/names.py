"""Sort keys of names: pinyin order, the same on every machine."""

import re
import unicodedata
from functools import lru_cache

import pypinyin

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


def _surname(name: str) -> str:
    if not name.isalnum() or _plain(name[:1]).isascii():
        return ""
    return name[:2] if name[:2] in _SURNAMES and len(name) > 2 else name[:1]


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


@lru_cache(maxsize=30_000)
def _reading(character: str) -> str:
    return _GIVEN.get(character) or str(pypinyin.lazy_pinyin(character)[0])


def _phrase(text: str) -> str:
    return " ".join(pypinyin.lazy_pinyin(_plain(text)))
