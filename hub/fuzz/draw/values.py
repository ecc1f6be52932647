"""Values to ask for: ids and words, often those of a row, at times odd ones."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from graphql import GraphQLEnumType

from hub.fuzz import ground
from hub.fuzz.draw.hand import Hand
from hub.fuzz.ground import TYPES, Coded, Leaf

ODD = ("", "%", "_", "\\", "'", '"', "'; --", "é", "中", "𠮷", "\U0010ffff", "😀", "a", "14", "1401", "~")


class Values(Hand):
    """Draws ids and values."""

    def _an_id(self, kind: str) -> str:
        prefix, rows = TYPES[kind].prefix, self.rows.all(TYPES[kind].table)
        if kind == "Student" and self.leased and self.chance.random() < 0.5:
            self.kinds.add("lease")
            return f"student:{self.chance.choice(self.leased)}"
        if TYPES[kind].owner and self.leased and self.chance.random() < 0.5:
            rows = [row for row in rows if row["student_id"] in self.leased] or rows
        if not rows or self._rarely(0.08):
            return self.chance.choice([f"{prefix}:999999999", f"{prefix}:x", "nothing:1", f"{prefix}:0", f"{prefix}"])
        return f"{prefix}:{self.chance.choice(rows)['id']}"

    def _value(self, node: str, name: str, kind: Any, *, cut: bool = False) -> str:
        """A value to compare with: half of the time one that a row has."""
        if isinstance(kind, GraphQLEnumType):
            return str(self.chance.choice(list(kind.values)))
        value = self._real(node, name) if self.chance.random() < 0.6 else None
        if kind.name == "Int":
            return str(self._near(value if isinstance(value, int) else self.chance.randrange(14)))
        if kind.name == "Boolean":
            return self.chance.choice(["true", "false"])
        if kind.name == "Decimal":
            return self._text(
                str(value if isinstance(value, Decimal) else self.chance.choice(["0", "1", "1.50", "12.5"]))
            )
        if kind.name == "Date":
            day = value if type(value) is date else date(2026, 3, 1) + timedelta(days=self.chance.randrange(9))
            return self._text(str(day))
        if kind.name == "DateTime":
            return self._moment(value)
        if kind.name == "ID":
            return self._text(self._an_id(node))
        text = value if isinstance(value, str) else self.chance.choice(ODD)
        return self._text(text[: self.chance.randrange(len(text) + 1)] if cut else text)

    def _near(self, value: int) -> int:
        return self.chance.choice([value, value, value, value + 1, value - 1, value, value, 2**31 - 1])

    def _moment(self, value: Any) -> str:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat("2026-03-02T08:00:00+08:00")
        text = moment.isoformat()
        return self._text(self.chance.choice([text, text, text[:19]]))

    def _real(self, node: str, name: str) -> Any:
        """A value that some row of a type has in a field."""
        rows = self.rows.all(TYPES[node].table) if node in TYPES else []
        found = TYPES[node].fields.get(name) if node in TYPES else None
        if not rows:
            return None
        row = self.chance.choice(rows)
        if isinstance(found, Coded):
            return row[found.column]
        if name == "waitingAt":
            return self.chance.choice(self.rows.all(self.chance.choice(["schools", "places"])))["code"]
        if name == "nameLike":
            return row["name"][self.chance.randrange(2) :] if self.chance.random() < 0.5 else row["name_key"][:3]
        if name == "unmarkedOn" and self.rows.all("class_days"):
            return self.chance.choice(self.rows.all("class_days"))["day"]
        return found.value(row, self.rows, bool) if isinstance(found, Leaf) and found.kind != ground.LIST else None
