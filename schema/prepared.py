"""Prepared operations: a query whose root fields are all compiled runs without graphql-core's executor.

The executor is the first way in and the fallback: it takes every document once, and whatever is not such a query. Both
ways call the same resolvers and give the same bytes, errors included; what is saved is the machinery between.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLID,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    OperationType,
    Undefined,
    coerce_input_value,
    get_nullable_type,
    get_variable_values,
    located_error,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.pyutils import Path
from strawberry.utils.str_converters import to_camel_case

from loaders import read, selection
from loaders.selection import Document, Selected
from schema.context import Context

PLAIN = frozenset({"importFaults", "importReturn", "template", "register", "trialContents", "viewer"})
"""The root fields of a query that are no statement; an operation with one of them goes by the executor."""
_PLAIN_VALUES = (str, int, float)
_TEXTS = (GraphQLString, GraphQLID)
"""Types whose variables are what they are given as, where that is text."""


@dataclass(frozen=True, slots=True)
class Root:
    """A root field ready to run: its resolver, what it is told of the document, its arguments' names in Python."""

    selected: Selected
    resolve: Callable[..., Any]
    info: Mapping[str, Any]
    names: Mapping[str, str]

    async def run(self, context: Context, variables: VariableValues) -> Any:
        """What the resolver answers. Raises whatever the resolver or the coercion of its arguments raises."""
        given = selection.arguments(self.selected, variables)
        if context.reading is not None:
            context.reading.coerced[self.selected.place] = given
        named = {self.names[name]: value for name, value in given.items()}
        return await self.resolve(SimpleNamespace(context=context, **self.info), **named)


@dataclass(slots=True)
class Operation:
    """A query operation that needs no executor."""

    schema: GraphQLSchema
    node: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    steady: bool
    """Whether the same root fields are asked for whatever the variables are."""
    _roots: list[Root] | None = field(default=None)
    _signatures: list[GraphQLVariableSignature] | None = field(default=None)

    async def execute(self, context: Context, given: dict[str, Any] | None) -> ExecutionResult | None:
        """The answer, or nothing if the executor must say what is wrong with the variables."""
        variables = self._coerce(given or {})
        if variables is None:
            return None
        roots = self._roots if self.steady else None
        if roots is None:
            made = self._make(variables)
            if made is None:
                return None
            roots = self._roots = made
        context.variables = variables
        if len(roots) == 1:
            outcomes = [await _outcome(roots[0], context, variables)]
        else:
            outcomes = await asyncio.gather(*(_outcome(root, context, variables) for root in roots))
        return _answer(roots, outcomes)

    def _coerce(self, given: dict[str, Any]) -> VariableValues | None:
        """The variables; nothing if they are not as they were declared.

        What graphql-core would do, without reading the declarations each time, where every variable is given and plain.
        """
        if self._signatures is None:
            made = [get_variable_signature(self.schema, node) for node in self.node.variable_definitions or ()]
            self._signatures = [one for one in made if isinstance(one, GraphQLVariableSignature)]
        found = VariableValues({}, {})
        for signature in self._signatures:
            value = given.get(signature.name)
            if isinstance(value, str) and get_nullable_type(signature.type) in _TEXTS:
                coerced: Any = value
            else:
                coerced = coerce_input_value(value, signature.type) if isinstance(value, _PLAIN_VALUES) else Undefined
            if coerced is Undefined:
                whole = get_variable_values(self.schema, self.node.variable_definitions or (), given)
                return whole if isinstance(whole, VariableValues) else None
            found.sources[signature.name] = VariableValueSource(signature, value)
            found.coerced[signature.name] = coerced
        return found

    def _make(self, variables: VariableValues) -> list[Root] | None:
        """The root fields under these variables; nothing if one of them is not compiled."""
        kind = cast(GraphQLObjectType, self.schema.query_type)
        found = Document(self.schema, self.fragments, variables).fields(kind, (self.node,))  # type: ignore[arg-type]  # it has a selection, as a field has
        if not found or any(part.name in PLAIN or part.name.startswith("__") for part in found):
            return None
        return [self._root(kind, part) for part in found]

    def _root(self, kind: GraphQLObjectType, part: Selected) -> Root:
        declared = part.definition.extensions["strawberry-definition"]
        resolver = declared.base_resolver
        call = resolver.wrapped_func
        info = {
            "schema": self.schema,
            "fragments": self.fragments,
            "operation": self.node,
            "field_nodes": list(part.nodes),
            "path": Path(None, part.key, kind.name),
            "parent_type": kind,
        }
        info["spot"] = read.spot(SimpleNamespace(**info))
        names = {
            argument.graphql_name or to_camel_case(argument.python_name): argument.python_name
            for argument in declared.arguments
        }
        if resolver.self_parameter is not None:
            return Root(part, lambda told, **given: call(None, told, **given), info, names)
        return Root(part, call, info, names)


def prepare(schema: GraphQLSchema, tree: DocumentNode, name: str | None) -> Operation | None:
    """The operation of a validated document by its name, if it is a query that may need no executor."""
    operations = [part for part in tree.definitions if isinstance(part, OperationDefinitionNode)]
    chosen = [part for part in operations if name is None or (part.name and part.name.value == name)]
    if len(chosen) != 1 or chosen[0].operation is not OperationType.QUERY:
        return None
    fragments = {part.name.value: part for part in tree.definitions if isinstance(part, FragmentDefinitionNode)}
    steady = all(isinstance(part, FieldNode) and not part.directives for part in chosen[0].selection_set.selections)
    return Operation(schema, chosen[0], fragments, steady)


async def _outcome(root: Root, context: Context, variables: VariableValues) -> Any:
    try:
        return await root.run(context, variables)
    except Exception as error:
        return located_error(error, list(root.selected.nodes), [root.selected.key])


def _answer(roots: list[Root], outcomes: list[Any]) -> ExecutionResult:
    data: dict[str, Any] = {}
    errors: list[GraphQLError] = []
    for root, outcome in zip(roots, outcomes, strict=True):
        failed = isinstance(outcome, GraphQLError)
        data[root.selected.key] = None if failed else outcome
        if failed:
            errors.append(outcome)
    return ExecutionResult(data, errors or None)
