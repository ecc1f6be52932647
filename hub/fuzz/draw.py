"""Random documents for random callers, drawn from the graph itself: a new field is asked for without a line here.

Everything comes from one `random.Random`. The command seeds it; in tests hypothesis stands behind it, which can make
what it has drawn smaller.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from hub.fuzz import ground
from hub.fuzz.ground import LISTS, LOOK_UPS, TYPES, Coded, Leaf
from hub.fuzz.oracle import Who
from hub.fuzz.rows import Rows, places_above
from policies import Role

UNREAD = frozenset({"importFaults", "importReturn", "template", "register", "trialContents", "viewer"})
"""Root fields that are not compiled: of the caller's own account, and texts in the caller's language."""
SIGNED = frozenset({"link"})
"""Fields whose answer is never the same twice: no oracle can say it."""
ODD = ("", "%", "_", "\\", "'", '"', "'; --", "é", "中", "𠮷", "\U0010ffff", "😀", "a", "14", "1401", "~")
_LONG = "a_key_that_is_longer_than_the_sixty_three_bytes_an_identifier_may_have_"
_KEYS = (
    "a",
    "id",
    "name",
    "nodes",
    "node",
    "path",
    "cursor",
    "at",
    "o1",
    "t1",
    "b1",
    "j1",
    "key",
    "hubkey",
    "_",
    "total",
)
_MOST_ROWS = 240


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


class _Drawing:
    def __init__(self, drawer: Drawer, chance: Random) -> None:
        self.drawer = drawer
        self.schema = drawer.schema
        self.rows = drawer.rows
        self.chance = chance
        self.kinds: set[str] = set()
        self.variables: dict[str, Any] = {}
        self.declared: list[str] = []
        self.fragments: list[str] = []
        self.aliases = 0

    def asking(self) -> Asking:
        who = self._who()
        self.leased = self._leased(who)
        assert self.schema.query_type is not None  # noqa: S101 -- the hub has one
        roots = self.schema.query_type
        parts = [self._root(roots)]
        if not self.drawer.plain:
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

    # Callers

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

    # Root fields

    def _root(self, roots: GraphQLObjectType) -> str:
        names = [name for name in roots.fields if name not in UNREAD]
        lists = [name for name in names if name in LISTS]
        one = ["node", "nodes"]
        kinds = [lists, ["region", "school"]] if self.drawer.plain else [lists, lists, names, one]
        name = self.chance.choice(self.chance.choice(kinds))
        wanted = roots.fields[name]
        if name in ("node", "nodes"):
            return self._by_id(name)
        if name in LISTS:
            self.kinds.add("list")
            within = [f"within: {self._within()}"] if not self.drawer.plain and self._rarely(0.3) else []
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

    # Selections

    def _selection(self, kind: str, depth: int, rows: int) -> str:
        """What is selected on an object type."""
        type_: Any = self.schema.get_type(kind)
        fields: Mapping[str, Any] = type_.fields
        leaves = [name for name, one in fields.items() if is_leaf_type(get_named_type(one.type))]
        edges = [name for name, one in fields.items() if not is_leaf_type(get_named_type(one.type))]
        edges = [name for name in edges if name not in SIGNED]
        if self.drawer.plain:
            edges = [name for name in edges if name not in ("headcounts", "problemCounts", "attendance", "candidates")]
        codes = [name for name in edges if get_named_type(fields[name].type).name == "Code"]
        edges = [name for name in edges if name not in codes]
        chosen = [self.chance.choice([*leaves, *codes]) for _ in range(self._few(1, 2, 3, 4))]
        if edges and depth < 6 and rows <= _MOST_ROWS:
            chosen += [self.chance.choice(edges) for _ in range(self._few(*((0, 1, 1, 2) if depth < 2 else (0, 0, 1))))]
        parts: list[str] = []
        keys: set[str] = set()
        for name in chosen:
            key = self._response_key(name, keys)
            keys.add(key)
            alias = "" if key == name else f"{key}: "
            parts.append(self._maybe(f"{alias}{self._field(name, fields[name], depth, rows)}"))
        if self._rarely(0.08):
            parts.append("__typename")
        return f"{{ {' '.join(self._in_fragments(kind, parts))} }}"

    def _response_key(self, name: str, taken: set[str]) -> str:
        """The field's own name, if it is free; at times an alias that is long, or means something elsewhere."""
        if name not in taken and self.chance.random() < 0.85:
            return name
        self.aliases += 1
        odd = self.chance.choice([*_KEYS, f"{_LONG}{self.aliases}", f"k{self.aliases}"])
        return odd if odd not in taken else f"k{self.aliases}"

    def _maybe(self, part: str) -> str:
        """At times a part is asked for under a condition."""
        if not self._rarely(0.06):
            return part
        directive = self.chance.choice(["include", "skip"])
        held = self.chance.random() < 0.5
        written = self.chance.random() < 0.5
        condition = str(held).lower() if written else self._variable("Boolean!", held)
        # A directive stands before the selection set.
        at = _selection_at(part)
        return f"{part[:at].rstrip()} @{directive}(if: {condition}) {part[at:]}".strip()

    def _in_fragments(self, kind: str, parts: list[str]) -> list[str]:
        if not self._rarely(0.16) or self.drawer.plain:
            return parts
        roll = 0.16 * self.chance.random()
        at = self.chance.randrange(len(parts))
        inner = " ".join(parts[at:])
        if roll < 0.06:
            return [*parts[:at], f"... on {kind} {{ {inner} }}"]
        if roll < 0.09:
            return [*parts[:at], f"... {{ {inner} }}"]
        if roll < 0.12 and TYPES[kind].prefix is not None:
            return [*parts, "... on Node { id }"]
        name = f"F{len(self.fragments) + 1}"
        self.fragments.append(f"fragment {name} on {kind} {{ {inner} }}")
        # Asked for twice it is the same: its fields merge.
        return [*parts[:at], f"...{name}", *([f"...{name}"] if self._rarely(0.3) else [])]

    def _field(self, name: str, wanted: Any, depth: int, rows: int, given: list[str] | None = None) -> str:
        far = get_named_type(wanted.type)
        given = list(given or [])
        if is_leaf_type(far):
            return name
        if depth:
            self.kinds.add("nested")
        if "nodes" in getattr(far, "fields", {}):
            return self._list(name, wanted, far, depth, rows, given)
        if far.name in TYPES:
            below = self._selection(far.name, depth + 1, rows * (3 if is_list_type(_bare(wanted.type)) else 1))
        else:
            if far.name in ("Headcount", "ProblemCount", "AttendanceCount"):
                self.kinds.add("count")
            given += self._count_arguments(wanted)
            below = self._plain_selection(far)
        arguments = f"({', '.join(given)})" if given else ""
        return f"{name}{arguments} {below}"

    def _plain_selection(self, far: Any) -> str:
        names = list(far.fields)
        chosen = dict.fromkeys(self.chance.choice(names) for _ in range(self._few(1, 2, 4)))
        parts = []
        for name in chosen:
            kind = get_named_type(far.fields[name].type)
            parts.append(name if is_leaf_type(kind) else f"{name} {self._plain_selection(kind)}")
        if self._rarely(0.05):
            parts.append("__typename")
        return f"{{ {' '.join(parts)} }}"

    def _list(self, name: str, wanted: Any, far: Any, depth: int, rows: int, given: list[str]) -> str:
        node = get_named_type(far.fields["nodes"].type).name
        size = self._few(2, 3, 1, 5, 0, 9) if depth < 3 else self._few(1, 2)
        if depth == 0 and self._rarely(0.3):
            size = self._few(50, 20, 200)
        given += self._arguments(node, wanted, size)
        rows *= max(size, 1)
        wanted_parts = dict.fromkeys(self.chance.choice(_PARTS) for _ in range(self._few(1, 1, 2, 3)))
        parts = [self._maybe(self._part(part, node, depth, rows)) for part in wanted_parts]
        if self._rarely(0.03):
            parts.append("__typename")
        arguments = f"({', '.join(given)})" if given else ""
        return f"{name}{arguments} {{ {' '.join(parts)} }}"

    def _part(self, part: str, node: str, depth: int, rows: int) -> str:
        if part == "nodes":
            return f"nodes {self._selection(node, depth + 1, rows)}"
        if part == "edges":
            inner = f"node {self._selection(node, depth + 1, rows)}"
            return (
                f"edges {{ {self.chance.choice([inner, f'cursor {inner}', 'cursor', f'{inner} cursor __typename'])} }}"
            )
        if part == "pageInfo":
            self.kinds.add("paging")
            return "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
        self.kinds.add("count")
        return part

    # Arguments

    def _arguments(self, node: str, wanted: Any, size: int) -> list[str]:
        chance, given = self.chance, []
        roll = chance.random()
        if roll < 0.6:
            given.append(f"first: {self._number(size)}")
        elif roll < 0.8:
            self.kinds.add("paging")
            given.append(f"last: {self._number(size)}")
        elif roll < 0.815:
            self.kinds.add("paging")
            given.append(chance.choice(["first: -1", "first: 100000", "first: 1, last: 1", 'last: 2, before: "AAAA"']))
            given = [*given, 'after: "AAAA"'] if given == ["first: 1"] else given
        else:
            given.append(f"first: {self._number(size)}")
            if self._rarely(0.2):
                self.kinds.add("paging")
                given.append(chance.choice(['after: "AAAA"', "after: null", "last: null"]))
        if "where" in wanted.args and self._rarely(0.33):
            self.kinds.add("filter")
            given.append(f"where: {self._where(node, 0)}")
        if "orderBy" in wanted.args and self._rarely(0.3):
            self.kinds.add("sort")
            given.append(f"orderBy: {self._order(node)}")
        return given

    def _number(self, value: int) -> str:
        return self._variable("Int", value) if self._rarely(0.2) else str(value)

    def _order(self, node: str) -> str:
        words: Any = self.schema.get_type(f"{node}Sort")
        keys = []
        for _ in range(self._few(1, 1, 2, 3, 0)):
            direction = self.chance.choice(["", ", direction: DESC", ", direction: ASC"])
            keys.append(f"{{by: {self.chance.choice(list(words.values))}{direction}}}")
        return f"[{', '.join(keys)}]" if len(keys) != 1 or self.chance.random() < 0.8 else keys[0]

    def _where(self, node: str, depth: int) -> str:
        kind: Any = self.schema.get_type(f"{node}Filter")
        fields: Mapping[str, Any] = kind.fields
        deep = {"and", "or", "not"}
        shallow = [name for name in fields if name not in deep and "Filter" in str(fields[name].type)]
        shallow += [name for name in fields if name not in deep and name not in shallow]
        simple = [name for name in shallow if not _graph_filter(fields[name].type)]
        found: dict[str, str] = {}
        for _ in range(self._few(1, 1, 2, 3, 0)):
            if depth < 3 and self._rarely(0.2):
                name = self.chance.choice(sorted(deep))
                inner = [self._where(node, depth + 1) for _ in range(self._few(1, 2, 2, 0))]
                found[name] = self._where(node, depth + 1) if name == "not" else f"[{', '.join(inner)}]"
                continue
            name = self.chance.choice(shallow if self._rarely(0.35) else simple or shallow)
            found[name] = self._condition(node, name, fields[name].type, depth)
        return f"{{{', '.join(f'{name}: {text}' for name, text in found.items())}}}"

    def _condition(self, node: str, name: str, type_: Any, depth: int) -> str:
        if self._rarely(0.01):
            return "null"
        kind = get_named_type(type_)
        if not isinstance(kind, GraphQLInputObjectType):
            return self._value(node, name, kind)
        if kind.name.endswith("ListFilter"):
            far = kind.name.removesuffix("ListFilter")
            how = self.chance.choice(["some", "none"])
            return f"{{{how}: {self._where(far, depth + 1)}}}" if depth < 3 else f"{{{how}: {{}}}}"
        if f"{kind.name}".removesuffix("Filter") in TYPES:
            return self._where(kind.name.removesuffix("Filter"), depth + 1) if depth < 3 else "{}"
        operators = list(kind.fields)
        found: dict[str, str] = {}
        for _ in range(self._few(1, 1, 1, 2, 0)):
            operator = self.chance.choice(operators)
            if operator == "isNull":
                found[operator] = self.chance.choice(["true", "false"])
            elif operator == "in":
                values = [
                    self._value(node, name, get_named_type(kind.fields["eq"].type))
                    for _ in range(self._few(2, 1, 3, 0))
                ]
                found[operator] = f"[{', '.join(values)}]"
            else:
                found[operator] = self._value(
                    node, name, get_named_type(kind.fields[operator].type), cut=operator == "prefix"
                )
        return f"{{{', '.join(f'{one}: {text}' for one, text in found.items())}}}"

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

    def _count_arguments(self, wanted: Any) -> list[str]:
        given = []
        for name, argument in wanted.args.items():
            if name == "within" or not self._rarely(0.5):
                continue
            kind = get_named_type(argument.type)
            if isinstance(kind, GraphQLInputObjectType):
                field = self.chance.choice(list(kind.fields))
                given.append(f"{name}: {{{field}: {self._condition('Student', field, kind.fields[field].type, 3)}}}")
            if isinstance(kind, GraphQLEnumType):
                words = [self.chance.choice(list(kind.values)) for _ in range(self._few(1, 2, 0))]
                several = is_list_type(_bare(argument.type))
                given.append(
                    f"{name}: [{', '.join(words)}]" if several else f"{name}: {(words or list(kind.values))[0]}"
                )
            elif kind.name == "Date":
                day = date(2026, 3, 1) + timedelta(days=self.chance.randrange(12))
                given.append(f"{name}: {self._text(str(day))}")
        return given

    # Small things

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


_PARTS = ("nodes", "nodes", "edges", "totalCount", "pageInfo")


def _level(path: str) -> int:
    place, *below = path.split(".")
    return 3 + len(below) if below else len(place) // 2


def _bare(kind: Any) -> Any:
    return kind.of_type if is_non_null_type(kind) else kind


def _graph_filter(kind: Any) -> bool:
    name = get_named_type(kind).name
    return name.endswith("ListFilter") or name.removesuffix("Filter") in TYPES


def _selection_at(part: str) -> int:
    """Where the selection set of a field begins, behind its arguments; its end, if it has none."""
    deep, quoted, escaped = 0, False, False
    for at, letter in enumerate(part):
        if quoted:
            quoted, escaped = escaped or letter != '"', letter == "\\" and not escaped
        elif letter == '"':
            quoted = True
        elif letter in "([":
            deep += 1
        elif letter in ")]":
            deep -= 1
        elif letter == "{" and not deep:
            return at
    return len(part)
