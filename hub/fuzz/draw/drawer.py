"""Who asks, and for which root fields: the whole of a document."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema

from hub.fuzz.draw.selections import Selections
from hub.fuzz.draw.values import ODD
from hub.fuzz.ground import LISTS, LOOK_UPS, TYPES
from hub.fuzz.oracle import Who
from hub.fuzz.rows import Rows, places_above
from policies import Role

UNREAD = frozenset({"importFaults", "importReturn", "template", "register", "trialContents", "viewer"})
"""Root fields that are not compiled: of the caller's own account, and texts in the caller's language."""


@dataclass(frozen=True)
class Asking:
    """A document as drawn: the text, its variables, who asks, and the kinds of path it takes."""

    who: Who
    document: str
    variables: dict[str, Any]
    kinds: frozenset[str]


@dataclass
class Drawer:
    """Draws documents over a graph, with values from a register's rows."""

    schema: GraphQLSchema
    rows: Rows
    page_limit: int = 200
    plain: bool = False
    """One root field without counts or places to search within: what row security alone can answer too."""
    roots: list[str] = field(init=False)
    accounts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.roots = [row["path"] for table in ("places", "schools", "classes") for row in self.rows.all(table)]
        held = {row["account_id"] for row in self.rows.all("leases") if row["account_id"] is not None}
        self.accounts = [999_999_999, *sorted(held)]
        self.offices = sorted({row["office"] for row in self.rows.all("leases") if row["office"]})

    def draw(self, chance: Random) -> Asking:
        """One document for one caller."""
        return _Drawing(self, chance).asking()


class _Drawing(Selections):
    def __init__(self, drawer: Drawer, chance: Random) -> None:
        super().__init__(drawer.schema, drawer.rows, chance, plain=drawer.plain)
        self.drawer = drawer

    def asking(self) -> Asking:
        who = self._who()
        self.leased = self._leased(who)
        assert self.schema.query_type is not None  # noqa: S101 -- the hub has one
        roots = self.schema.query_type
        parts = [self._root(roots)]
        if not self.plain:
            parts += [f"r{at}: {self._root(roots)}" for at in range(self._few(0, 0, 0, 1, 2))]
        return Asking(who, self._whole(" ".join(parts)), self.variables, frozenset(self.kinds))

    def _whole(self, selected: str) -> str:
        """The document, with the fragments and variables that it still uses: some fell away with what used them."""
        used, text = [], selected
        for name, fragment in reversed(list(enumerate(self.fragments, 1))):
            if f"...F{name} " in f"{text} ":
                used.append(fragment)
                text += f" {fragment}"
        kept = [one for one in self.declared if re.search(rf"{re.escape(one.partition(':')[0])}\b", text)]
        self.variables = {one[1:].partition(":")[0]: self.variables[one[1:].partition(":")[0]] for one in kept}
        head = f"query ({', '.join(kept)})" if kept else "query"
        return f"{head} {{ {selected} }} {' '.join(used)}".strip()

    def _who(self) -> Who:
        chance = self.chance
        role = chance.choice([*list(Role)[:10] * 4, *Role])
        roots = {self._a_root(role) for _ in range(self._few(1, 1, 1, 2, 3))}
        if self.drawer.offices and self._rarely(0.15):
            roots = {chance.choice(self.drawer.offices)}
        account = chance.choice(self.drawer.accounts) if self._rarely(0.5) else 999_999_999
        return Who(account, role.value, tuple(sorted(roots)))

    def _a_root(self, role: Role) -> str:
        """Mostly a place of a pupil's at which the role is at home, at times anywhere."""
        if self.chance.random() < 0.75:
            pupil = self.chance.choice(self.rows.all("students"))
            home = [path for path in places_above(pupil["path"]) if _level(path) in role.levels]
            if home:
                return self.chance.choice(home)
        return str(self.chance.choice(self.drawer.roots))

    def _leased(self, who: Who) -> list[int]:
        return [
            row["student_id"]
            for row in self.rows.all("leases")
            if row["account_id"] == who.account or row["office"] in who.offices
        ]

    def _root(self, roots: GraphQLObjectType) -> str:
        names = [name for name in roots.fields if name not in UNREAD]
        lists = [name for name in names if name in LISTS]
        one = ["node", "nodes"]
        kinds = [lists, ["region", "school"]] if self.plain else [lists, lists, names, one]
        name = self.chance.choice(self.chance.choice(kinds))
        wanted = roots.fields[name]
        if name in ("node", "nodes"):
            return self._by_id(name)
        if name in LISTS:
            self.kinds.add("list")
            within = [f"within: {self._within()}"] if not self.plain and self._rarely(0.3) else []
            return self._field(name, wanted, depth=0, rows=1, given=within)
        if name == "headcounts":
            within = [f"within: {self._within()}"] if self._rarely(0.4) else []
            return self._field(name, wanted, depth=0, rows=1, given=within)
        self.kinds.add("node")
        return self._field(name, wanted, depth=0, rows=1, given=self._key(name))

    def _within(self) -> str:
        if self._rarely(0.1):
            return self._text(self.chance.choice(ODD))
        if self._rarely(0.5):
            return self._text(str(self.chance.choice(self.rows.all("places"))["path"]))
        pupil = self.chance.choice(self.rows.all("students"))
        return self._text(self.chance.choice([path for path in places_above(pupil["path"]) if _level(path) <= 3]))

    def _key(self, name: str) -> list[str]:
        if name not in LOOK_UPS:
            return []
        kind, ways = LOOK_UPS[name]
        way = self.chance.choice(sorted(ways))
        if way == "id":
            return [f"id: {self._text(self._an_id(kind))}"]
        if name == "schoolClass":
            return self._of_school()
        if self._rarely(0.1):
            return [f"{way}: {self._text(self.chance.choice(ODD))}"]
        row = self.chance.choice(self.rows.all(TYPES[kind].table))
        return [f"{way}: {self._text(row[ways[way]])}"]

    def _of_school(self) -> list[str]:
        """A class by its school's code and its own number."""
        school_class = self.chance.choice(self.rows.all("classes"))
        school: Any = self.rows.one("schools", "id", school_class["school_id"])
        code, number = self._text(school["code"]), self._text(school_class["official_number"])
        given = [f"schoolCode: {code}", f"officialNumber: {number}"]
        return given[:1] if self._rarely(0.1) else given

    def _by_id(self, name: str) -> str:
        self.kinds.add("node")
        kinds = [kind for kind, type_ in TYPES.items() if type_.prefix is not None]
        several = [self.chance.choice([*kinds, "Student", "School"]) for _ in range(self._few(1, 2, 3, 5))]
        ids = [self._an_id(kind) for kind in several][: 1 if name == "node" else None]
        given = f"id: {self._text(ids[0])}" if name == "node" else f"ids: [{', '.join(map(self._text, ids))}]"
        parts = ["__typename"] if self._rarely(0.5) else ["id"]
        wanted = [kind for kind in dict.fromkeys(several) if self.chance.random() < 0.9]
        parts += [f"... on {kind} {self._selection(kind, depth=1, rows=len(ids))}" for kind in wanted]
        return f"{name}({given}) {{ {' '.join(parts)} }}"


def _level(path: str) -> int:
    place, *below = path.split(".")
    return 3 + len(below) if below else len(place) // 2
