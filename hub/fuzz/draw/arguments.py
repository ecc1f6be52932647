"""Arguments of lists and counts: pages, orders, filters, groups."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from graphql import GraphQLEnumType, GraphQLInputObjectType, get_named_type, is_list_type, is_non_null_type

from hub.fuzz.draw.values import Values
from hub.fuzz.ground import TYPES


class Arguments(Values):
    """Draws what is given in brackets."""

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
                several = is_list_type(bare(argument.type))
                given.append(
                    f"{name}: [{', '.join(words)}]" if several else f"{name}: {(words or list(kind.values))[0]}"
                )
            elif kind.name == "Date":
                day = date(2026, 3, 1) + timedelta(days=self.chance.randrange(12))
                given.append(f"{name}: {self._text(str(day))}")
        return given


def bare(kind: Any) -> Any:
    """A type without its non-null mark."""
    return kind.of_type if is_non_null_type(kind) else kind


def _graph_filter(kind: Any) -> bool:
    name = get_named_type(kind).name
    return name.endswith("ListFilter") or name.removesuffix("Filter") in TYPES
