"""Administrative divisions (行政区划): the historic codes of GB/T 2260, and the province's own as of 2013."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from hub import codes


@dataclass(frozen=True, slots=True)
class Span:
    """A name a code has had, with the first and last year where they are known."""

    name: str
    since: int | None
    until: int | None


@dataclass(frozen=True, slots=True)
class Region:
    """A place of the province: 14 is the province, 1401 a city, 140105 a county-level unit."""

    code: str
    parent_code: str | None
    level: Literal["province", "city", "county"]
    name: str


def known(code6: str) -> bool:
    """Whether the code stood in any revision of GB/T 2260 since 1980.

    Abolished codes count: an identity number keeps the division of the day it was issued (GB 11643).
    """
    return code6 in _lines()


def name(code6: str) -> str | None:
    """The latest name of a code, None if it never existed."""
    spans = history(code6)
    return spans[-1].name if spans else None


def history(code6: str) -> list[Span]:
    """The names of a code, oldest first; empty if it never existed."""
    spans = []
    for line in _lines().get(code6, ()):
        title, since, until = line.split(",")
        spans.append(Span(title, int(since) if since else None, int(until) if until else None))
    return spans


@cache
def shanxi() -> list[Region]:
    """Province 14 as of 2013: 1 province, 11 cities, 119 county-level units, parents first."""
    return [_region(row) for row in codes.rows("shanxi_regions_2013.csv")]


def _region(row: dict[str, str]) -> Region:
    levels: dict[str, Literal["province", "city", "county"]] = {
        "province": "province",
        "city": "city",
        "county": "county",
    }
    return Region(row["code"], row["parent_code"] or None, levels[row["level"]], row["name"])


@cache
def _lines() -> Mapping[str, list[str]]:
    table: dict[str, list[str]] = {}
    for line in codes.text("divisions.csv").splitlines()[1:]:
        table.setdefault(line[:6], []).append(line[7:])
    return table
