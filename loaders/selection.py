"""What a document asks of one object: its fields by response key, fragments and directives resolved."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SchemaMetaFieldDef,
    SelectionSetNode,
    TypeMetaFieldDef,
    TypeNameMetaFieldDef,
    VariableNode,
    get_argument_values,
    get_directive_values,
    is_abstract_type,
)
from graphql.execution.values import VariableValues

NO_VARIABLES = VariableValues({}, {})


@dataclass(frozen=True, slots=True)
class _Taken:
    """Some of a field's arguments, as `get_argument_values` asks a field for them."""

    args: dict[str, GraphQLArgument]


@dataclass(frozen=True, slots=True)
class _Arguments:
    """A field's arguments: those that no variable changes, coerced, and those that one may."""

    constant: dict[str, Any]
    varying: _Taken
    named: dict[str, str] | None
    """By argument the variable that is its value, if every one that varies is just a variable."""


@dataclass(frozen=True, slots=True)
class Selected:
    """One field of the answer: its response key, its definition, and every node that asked for it."""

    key: str
    name: str
    definition: GraphQLField
    nodes: tuple[FieldNode, ...]
    _arguments: list[_Arguments] = field(default_factory=list, compare=False, repr=False)
    """Its arguments, once they have been asked for."""

    @property
    def place(self) -> tuple[int, int]:
        """What no other field of the document has: its first node, and its definition."""
        return id(self.nodes[0]), id(self.definition)

    @property
    def steady(self) -> bool:
        """Whether its arguments are known to be the same whatever the variables are."""
        return bool(self._arguments) and not self._arguments[0].varying.args


@dataclass(frozen=True, slots=True)
class Document:
    """The parts of a parsed document a compilation needs."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues

    def fields(self, kind: GraphQLObjectType, nodes: tuple[FieldNode, ...]) -> list[Selected]:
        """The fields selected under these nodes on an object type, in the order of the answer."""
        found: dict[str, list[FieldNode]] = {}
        for node in nodes:
            for part in self._walk(kind, node.selection_set):
                found.setdefault(part.alias.value if part.alias else part.name.value, []).append(part)
        return [Selected(key, at[0].name.value, _definition(kind, at[0]), tuple(at)) for key, at in found.items()]

    def arguments(self, field: Selected) -> dict[str, Any]:
        """The coerced arguments of a field."""
        return arguments(field, self.variables)

    def _walk(self, kind: GraphQLObjectType, selections: SelectionSetNode | None) -> Iterator[FieldNode]:
        for selection in selections.selections if selections else ():
            if not self._included(selection):
                continue
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                if condition is None or self._applies(kind, condition.name.value):
                    yield from self._walk(kind, selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self.fragments[selection.name.value]
                if self._applies(kind, fragment.type_condition.name.value):
                    yield from self._walk(kind, fragment.selection_set)

    def _included(self, node: Any) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
        if skip and skip["if"]:
            return False
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
        return not include or bool(include["if"])

    def _applies(self, kind: GraphQLObjectType, condition: str) -> bool:
        if kind.name == condition:
            return True
        abstract = self.schema.get_type(condition)
        return is_abstract_type(abstract) and self.schema.is_sub_type(abstract, kind)


def arguments(selected: Selected, variables: VariableValues) -> dict[str, Any]:
    """The coerced arguments of a field under these variables. Nobody changes them: constant ones are coerced once."""
    if not selected._arguments:
        selected._arguments.append(_split(selected, variables))
    known = selected._arguments[0]
    if not known.varying.args:
        return known.constant
    if known.named is not None:
        given = {name: variables.coerced.get(variable) for name, variable in known.named.items()}
        if None not in given.values():  # coerced as it was declared: there is nothing left to find wrong
            return known.constant | given
    return known.constant | _coerced(known.varying, selected, variables)


def _split(selected: Selected, variables: VariableValues) -> _Arguments:
    named = {each.name.value for each in selected.nodes[0].arguments or () if _varies(each.value)}
    taken = selected.definition.args
    constant = _Taken({name: one for name, one in taken.items() if name not in named})
    varying = {name: one for name, one in taken.items() if name in named}
    return _Arguments(_coerced(constant, selected, variables), _Taken(varying), _variables(varying, selected))


def _variables(varying: Mapping[str, GraphQLArgument], selected: Selected) -> dict[str, str] | None:
    values = {each.name.value: each.value for each in selected.nodes[0].arguments or ()}
    found: dict[str, str] = {}
    for name, taken in varying.items():
        value = values[name]
        if not isinstance(value, VariableNode):
            return None
        found[taken.out_name or name] = value.name.value
    return found


def _coerced(taken: _Taken, selected: Selected, variables: VariableValues) -> dict[str, Any]:
    return get_argument_values(taken, selected.nodes[0], variables)  # type: ignore[arg-type]  # it has arguments, as a field has


def _varies(value: Any) -> bool:
    """Whether a value written in a document names a variable."""
    parts = [*(getattr(value, "values", None) or ()), *(part.value for part in getattr(value, "fields", None) or ())]
    return isinstance(value, VariableNode) or any(map(_varies, parts))


def _definition(kind: GraphQLObjectType, node: FieldNode) -> GraphQLField:
    return _META.get(node.name.value) or kind.fields[node.name.value]


_META = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef, "__typename": TypeNameMetaFieldDef}
