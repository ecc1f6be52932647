"""The hand that draws: one chance, what the document has used so far, and the smallest draws."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from graphql import GraphQLSchema

from hub.fuzz.rows import Rows


class Hand:
    """One document being drawn."""

    def __init__(self, schema: GraphQLSchema, rows: Rows, chance: Random, *, plain: bool) -> None:
        self.schema = schema
        self.rows = rows
        self.plain = plain
        self.chance = chance
        self.kinds: set[str] = set()
        self.variables: dict[str, Any] = {}
        self.declared: list[str] = []
        self.fragments: list[str] = []
        self.aliases = 0
        self.leased: list[int] = []
        """The pupils of the caller's leases, in force or not."""

    def _rarely(self, share: float) -> bool:
        """Whether something out of the ordinary is drawn: the smallest draw is the plainest."""
        return self.chance.random() >= 1 - share

    def _few(self, *values: int) -> int:
        return self.chance.choice(values)

    def _text(self, value: str) -> str:
        return json.dumps(value, ensure_ascii=False)

    def _variable(self, kind: str, value: Any) -> str:
        name = f"v{len(self.declared) + 1}"
        self.declared.append(f"${name}: {kind}")
        self.variables[name] = value
        return f"${name}"
