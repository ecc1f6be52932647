"""What a document asks, read by the oracle itself: fields merged by response key, directives and variables resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from graphql import (
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    parse,
)

from hub.fuzz.ground import TYPES

_ABSENT = object()


@dataclass
class Asked:
    """A field of an answer: its key, its name, its arguments as given, and what is selected under it."""

    key: str
    name: str
    given: dict[str, Any]
    below: list[SelectionSetNode] = field(default_factory=list)


class Document:
    """A document with the values of its variables."""

    def __init__(self, text: str, variables: Mapping[str, Any]) -> None:
        tree = parse(text)
        self._fragments = {
            part.name.value: part for part in tree.definitions if isinstance(part, FragmentDefinitionNode)
        }
        [operation] = [part for part in tree.definitions if isinstance(part, OperationDefinitionNode)]
        self._variables: dict[str, Any] = {}
        for declared in operation.variable_definitions or ():
            name = declared.variable.name.value
            if name in variables:
                self._variables[name] = variables[name]
            elif declared.default_value is not None:
                self._variables[name] = self._literal(declared.default_value)
        self.top = [operation.selection_set]

    def fields(self, kind: str, below: list[SelectionSetNode]) -> list[Asked]:
        """What is selected on a type, in the order of the answer."""
        found: dict[str, Asked] = {}
        for selections in below:
            for node in self._walk(kind, selections):
                key = node.alias.value if node.alias else node.name.value
                if key not in found:
                    given = {one.name.value: self._literal(one.value) for one in node.arguments or ()}
                    given = {name: value for name, value in given.items() if value is not _ABSENT}
                    found[key] = Asked(key, node.name.value, given)
                if node.selection_set:
                    found[key].below.append(node.selection_set)
        return list(found.values())

    def _walk(self, kind: str, selections: SelectionSetNode) -> Iterator[FieldNode]:
        for node in selections.selections:
            if not all(self._wanted(one) for one in node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or _is(kind, node.type_condition.name.value):
                    yield from self._walk(kind, node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                if _is(kind, fragment.type_condition.name.value):
                    yield from self._walk(kind, fragment.selection_set)

    def _wanted(self, directive: Any) -> bool:
        held = bool(self._literal(directive.arguments[0].value))
        return held if directive.name.value == "include" else not held

    def _literal(self, node: Any) -> Any:
        if isinstance(node, VariableNode):
            return self._variables.get(node.name.value, _ABSENT)
        if isinstance(node, NullValueNode):
            return None
        if isinstance(node, IntValueNode):
            return int(node.value)
        if isinstance(node, FloatValueNode):
            return Decimal(node.value)
        if isinstance(node, ListValueNode):
            parts = [self._literal(one) for one in node.values]
            return [None if one is _ABSENT else one for one in parts]
        if isinstance(node, ObjectValueNode):
            found = {one.name.value: self._literal(one.value) for one in node.fields}
            return {name: value for name, value in found.items() if value is not _ABSENT}
        return node.value


def _is(kind: str, condition: str) -> bool:
    return condition == kind or (condition == "Node" and kind in TYPES and TYPES[kind].prefix is not None)


def listed(value: Any) -> list[Any]:
    """A list as GraphQL takes it: one value alone is a list of one."""
    return value if isinstance(value, list) else [value]
