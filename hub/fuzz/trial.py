"""Trials: a document is drawn, asked and judged; what came of many is tallied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson
from graphql import parse, print_ast, validate

from hub import clock
from hub.fuzz import lifting, match
from hub.fuzz.draw import Asking, Drawer
from hub.fuzz.engine import Engine
from hub.fuzz.match import Difference
from hub.fuzz.oracle import Oracle

SHARE = 0.30
"""The least share of documents that must tell rows, and that must meet a border."""


@dataclass
class Disagreement:
    """A document answered otherwise than the oracle says, and where."""

    number: int
    asking: Asking
    how: str
    differences: list[Difference]


@dataclass
class Tally:
    """What came of the documents so far."""

    documents: int = 0
    redrawn: int = 0
    rows: int = 0
    borders: int = 0
    refused: int = 0
    walked: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    disagreements: list[Disagreement] = field(default_factory=list)

    def share(self, found: int) -> float:
        """A count as a share of the documents."""
        return found / self.documents if self.documents else 0.0

    @property
    def told_enough(self) -> bool:
        """Whether enough documents told rows and met a border for the run to mean something."""
        return self.share(self.rows) >= SHARE and self.share(self.borders) >= SHARE


@dataclass
class Trial:
    """The hub, the oracle and the drawer over one register."""

    engine: Engine
    oracle: Oracle
    drawer: Drawer
    once: bool = False
    """Whether a document is asked once only: not again from the caches, nor written otherwise, nor page by page."""
    tally: Tally = field(default_factory=Tally)

    async def run(self, documents: int, seed: int, progress: Callable[[int], None] = lambda _: None) -> Tally:
        """Draw, ask and judge so many documents; the same seed draws the same ones."""
        for number in range(documents):
            await self.one(Random(f"{seed}:{number}"), number)  # noqa: S311 -- the same seed, the same documents
            progress(number + 1)
        return self.tally

    async def one(self, chance: Random, number: int = 0) -> Disagreement | None:
        """Draw, ask and judge one document."""
        asking, first = self.drawer.draw(chance), b""
        while not first:
            first = await self.engine.ask(asking.who, asking.document, asking.variables)
            if b"BAD_DOCUMENT" in first and validate(self.engine.schema, parse(asking.document)):
                self.tally.redrawn += 1
                asking, first = self.drawer.draw(chance), b""
        self.tally.documents += 1
        self.tally.kinds.update(asking.kinds)
        found = await self.judge(asking, first, chance, number)
        if found is not None:
            self.tally.disagreements.append(found)
        return found

    async def judge(self, asking: Asking, first: bytes, chance: Random, number: int = 0) -> Disagreement | None:
        """Whether the hub answers a document as the oracle does, the first time and from its caches."""
        expected = self.oracle.answer(asking.document, asking.variables, asking.who, clock.today())
        self.tally.rows += expected.rows > 0
        self.tally.borders += expected.hidden > 0
        self.tally.refused += bool(expected.errors)
        wrong = match.differences(self.oracle, expected, first)
        if wrong:
            return Disagreement(number, asking, "the oracle", wrong)
        if self.once:
            return None
        if await self.engine.ask(asking.who, asking.document, asking.variables) != first:
            return Disagreement(number, asking, "the same document again", [])
        return await self._otherwise(asking, first, chance, number)

    async def _otherwise(self, asking: Asking, first: bytes, chance: Random, number: int) -> Disagreement | None:
        """A third of the documents are asked once more with their values in variables; a tenth, page by page."""
        roll = chance.random()
        if roll > 0.33:
            return None
        text, variables = lifting.lift(self.engine.schema, asking.document, asking.variables, chance)
        if _said(await self.engine.ask(asking.who, text, variables)) != _said(first):
            lifted = Asking(asking.who, text, variables, asking.kinds)
            return Disagreement(number, lifted, "the same document with its values in variables", [])
        return await self._walk(asking, number) if roll < 0.1 else None

    async def _walk(self, asking: Asking, number: int) -> Disagreement | None:
        """Follow the first list's cursors to its end: each page must be the oracle's."""
        made = lifting.paged(asking.document)
        if made is None:
            return None
        text, key = made
        at, pages = None, 0
        while pages < 8:
            variables = asking.variables | {"cursor": at}
            paged = Asking(asking.who, text, variables, asking.kinds)
            answer = await self.engine.ask(asking.who, text, variables)
            expected = self.oracle.answer(text, variables, asking.who, clock.today())
            wrong = match.differences(self.oracle, expected, answer)
            if wrong:
                return Disagreement(number, paged, f"the oracle, page {pages + 1}", wrong)
            page = (orjson.loads(answer).get("data") or {}).get(key)
            self.tally.walked += 1
            pages += 1
            if page is None or not page["walk"]["hasNextPage"] or page["walk"]["endCursor"] is None:
                return None
            at = page["walk"]["endCursor"]
        return None


def _said(answer: bytes) -> tuple[Any, ...]:
    """The bytes of the data, and the errors without the places in the text."""
    told = orjson.loads(answer)
    errors = [(error.get("path"), error["extensions"]["key"], error["message"]) for error in told.get("errors", [])]
    return answer.partition(b'"data":')[2], sorted(map(repr, errors))


def summary(tally: Tally) -> str:
    """What a run found, in a few lines."""
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(tally.kinds.items()))
    return (
        f"查询 documents {tally.documents}, 不一致 disagreements {len(tally.disagreements)}\n"
        f"有数据 told rows {tally.share(tally.rows):.1%}, 遇边界 met a border {tally.share(tally.borders):.1%} "
        f"(各须 each at least {SHARE:.0%})\n"
        f"有拒绝 with a refusal {tally.share(tally.refused):.1%}, 翻页 pages followed {tally.walked}\n"
        f"路径 paths: {kinds}"
    )


def describe(found: Disagreement, *, show: bool) -> str:
    """A disagreement in words; without values of the register unless they may be shown."""
    lines = [f"#{found.number}: differs from {found.how}"]
    if not show:
        places = ", ".join(place for place, _, _ in found.differences[:5])
        return (
            f"{lines[0]}\n  {found.asking.who.role}, {len(found.asking.who.roots)} roots\n  at: {places or 'its bytes'}"
        )
    lines.append(f"  caller: {found.asking.who}")
    lines.append(f"  document: {' '.join(print_ast(parse(found.asking.document)).split())}")
    lines.append(f"  variables: {found.asking.variables}")
    lines += [f"  at {place}: expected {one!r}, got {other!r}" for place, one, other in found.differences[:5]]
    return "\n".join(lines)
