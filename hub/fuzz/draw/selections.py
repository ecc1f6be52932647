"""Selections: fields under odd names, in fragments, under conditions, as deep and as wide as can be answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import get_named_type, is_leaf_type, is_list_type

from hub.fuzz.draw.arguments import Arguments, bare
from hub.fuzz.ground import TYPES

SIGNED = frozenset({"link"})
"""Fields whose answer is never the same twice: no oracle can say it."""
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
_PARTS = ("nodes", "nodes", "edges", "totalCount", "pageInfo")


class Selections(Arguments):
    """Draws what is selected."""

    def _selection(self, kind: str, depth: int, rows: int) -> str:
        """What is selected on an object type."""
        type_: Any = self.schema.get_type(kind)
        fields: Mapping[str, Any] = type_.fields
        leaves = [name for name, one in fields.items() if is_leaf_type(get_named_type(one.type))]
        edges = [name for name, one in fields.items() if not is_leaf_type(get_named_type(one.type))]
        edges = [name for name in edges if name not in SIGNED]
        if self.plain:
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
        if not self._rarely(0.16) or self.plain:
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
            below = self._selection(far.name, depth + 1, rows * (3 if is_list_type(bare(wanted.type)) else 1))
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
