"""The code lists (代码表): closed lists that change by decree, versioned by date."""

import csv
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

_IGNORED = re.compile("[\\s\u200b-\u200f\u2060\ufeff]+")


def fold(word: str) -> str:
    """The word with full-width forms narrowed and blanks, zero-width characters and upper case removed."""
    return _IGNORED.sub("", unicodedata.normalize("NFKC", word)).casefold()


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of a list. `since` is its first day and `until` its last; None means no bound."""

    code: str
    name: str
    english: str
    aliases: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None

    def in_force(self, day: date) -> bool:
        """Whether the entry may be used on that day."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class CodeList:
    """One list: its stable name, titles, the standard it follows, and all its entries of all times.

    `source` is `confirmed` when independent sources agree on it, `reasoned` when digits were put together by analogy.
    """

    name: str
    title: str
    english: str
    standard: str
    source: str
    entries: tuple[Code, ...]
    codes: Mapping[str, Code]
    _spellings: Mapping[str, tuple[Code, ...]]

    def in_force(self, day: date) -> list[Code]:
        """The entries that may be used on that day, in order."""
        return [entry for entry in self.entries if entry.in_force(day)]

    def by_code(self, code: str) -> Code | None:
        """The entry of a code, whether still in force or not."""
        return self.codes.get(code)

    def find(self, word: str, *, day: date | None = None, among: Collection[str] | None = None) -> Code | None:
        """The entry a person meant by its name, a documented synonym, or the printed form "Z-其他".

        Blanks and full-width forms do not matter; a bare code or part of a name does not count.
        Where two entries share a name, `among` gives the codes to prefer.
        """
        found = self._spellings.get(word) or self._spellings.get(fold(word)) or ()
        if day is not None:
            found = tuple(entry for entry in found if entry.in_force(day))
        if among is not None:
            found = tuple(entry for entry in found if entry.code in among) or found
        return found[0] if found else None

    def near(self, word: str, limit: int = 12) -> list[str]:
        """Names to offer for a word that was not found: those that contain it, else the first of the list."""
        wanted = fold(word)
        close = [name for name, folded in _folded(self.name) if wanted in folded] if wanted else []
        return close[:limit] or [entry.name for entry in self.entries[:limit]]


@cache
def _folded(name: str) -> list[tuple[str, str]]:
    """The names of a list's entries, each with its folded form."""
    return [(entry.name, fold(entry.name)) for entry in lists()[name].entries]


@cache
def lists() -> Mapping[str, CodeList]:
    """Every code list by its name, such as `ETHNIC_GROUP`."""
    entries: dict[str, list[Code]] = {}
    for row in rows("lists.csv"):
        aliases = tuple(filter(None, row["aliases"].split("|")))
        code = Code(row["code"], row["name"], row["english"], aliases, _day(row["since"]), _day(row["until"]))
        entries.setdefault(row["list"], []).append(code)
    return {row["list"]: _code_list(row, entries[row["list"]]) for row in rows("titles.csv")}


def rows(file: str) -> Iterator[dict[str, str]]:
    """The rows of one of this folder's tables."""
    yield from csv.DictReader(text(file).splitlines())


def text(file: str) -> str:
    """The text of one of this folder's tables."""
    return Path(__file__).with_name(file).read_text(encoding="utf-8")


def _code_list(titles: dict[str, str], entries: list[Code]) -> CodeList:
    spellings: dict[str, tuple[Code, ...]] = {}
    for entry in entries:
        words = {entry.name, *entry.aliases}
        words |= {f"{entry.code}-{word}" for word in words}
        for word in words | {fold(word) for word in words}:
            spellings[word] = (*spellings.get(word, ()), entry)
    name, title, english, standard, source = titles.values()
    codes = {entry.code: entry for entry in entries}
    return CodeList(name, title, english, standard, source, tuple(entries), codes, spellings)


def _day(iso: str) -> date | None:
    return date.fromisoformat(iso) if iso else None
