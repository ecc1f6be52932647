"""The same document written otherwise: its values in variables; its first list page by page."""

from __future__ import annotations

from random import Random
from typing import Any

from graphql import (
    ArgumentNode,
    DirectiveNode,
    EnumValueNode,
    FieldNode,
    GraphQLSchema,
    ListValueNode,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    ValueNode,
    VariableNode,
    Visitor,
    is_non_null_type,
    parse,
    print_ast,
    visit,
)
from graphql.utilities import value_from_ast_untyped

from hub.fuzz.ground import LISTS


def lift(schema: GraphQLSchema, text: str, variables: dict[str, Any], chance: Random) -> tuple[str, dict[str, Any]]:
    """A document whose arguments, or parts of them, have become variables."""
    found: dict[str, Any] = dict(variables)
    declared: list[str] = []
    info = TypeInfo(schema)

    class _Lift(Visitor):
        def enter_directive(self, *_: Any) -> Any:
            return False

        def enter_argument(self, node: ArgumentNode, *_: Any) -> Any:
            return self._lifted(node, 0.5)

        def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> Any:
            return self._lifted(node, 0.4)

        def _lifted(self, node: Any, often: float) -> Any:
            kind = info.get_input_type()
            if kind is None or _holds_variable(node.value) or chance.random() > often:
                return None
            # A null given to what has a default, or must not be null, means something else through a variable.
            if isinstance(node.value, NullValueNode) and is_non_null_type(kind):
                return None
            name = f"w{len(declared) + 1}"
            declared.append(f"${name}: {kind}")
            found[name] = _plain(node.value)
            return type(node)(name=node.name, value=_variable(name))

    tree = parse(text)
    changed = visit(tree, TypeInfoVisitor(info, _Lift()))
    if not declared:
        return text, variables
    operation = next(part for part in changed.definitions if isinstance(part, OperationDefinitionNode))
    already = [print_ast(one) for one in operation.variable_definitions or ()]
    body = print_ast(operation.selection_set)
    rest = [print_ast(part) for part in changed.definitions if part is not operation]
    return f"query ({', '.join([*already, *declared])}) {body} {' '.join(rest)}", found


def _variable(name: str) -> ValueNode:
    document = parse(f"{{ a(b: ${name}) }}")
    field: Any = document.definitions[0].selection_set.selections[0]  # type: ignore[attr-defined]
    value: ValueNode = field.arguments[0].value
    return value


def _holds_variable(node: ValueNode) -> bool:
    if isinstance(node, VariableNode):
        return True
    if isinstance(node, ListValueNode):
        return any(map(_holds_variable, node.values))
    return isinstance(node, ObjectValueNode) and any(_holds_variable(one.value) for one in node.fields)


def _plain(node: ValueNode) -> Any:
    if isinstance(node, EnumValueNode):
        return node.value
    if isinstance(node, ListValueNode):
        return [_plain(one) for one in node.values]
    if isinstance(node, ObjectValueNode):
        return {one.name.value: _plain(one.value) for one in node.fields}
    return value_from_ast_untyped(node)


def paged(text: str) -> tuple[str, str] | None:
    """The document with its first root list asked from a cursor on, and that list's key; nothing if it has no list
    that runs forward.
    """
    tree = parse(text)
    operation: Any = next(part for part in tree.definitions if isinstance(part, OperationDefinitionNode))
    for field in operation.selection_set.selections:
        if (
            not isinstance(field, FieldNode)
            or field.selection_set is None
            or field.name.value not in LISTS
            or _conditional(field)
        ):
            continue
        names = {one.name.value for one in field.arguments or ()}
        if names & {"last", "before", "after"}:
            continue
        given = [print_ast(one) for one in field.arguments or ()] + ["after: $cursor"]
        alias = f"{field.alias.value}: " if field.alias else ""
        below = print_ast(field.selection_set).strip()[:-1]
        page = f"{alias}{field.name.value}({', '.join(given)}) {below} walk: pageInfo {{ hasNextPage endCursor }} }}"
        others = [print_ast(one) for one in operation.selection_set.selections if one is not field]
        declared = [print_ast(one) for one in operation.variable_definitions or ()] + ["$cursor: String"]
        fragments = [print_ast(part) for part in tree.definitions if part is not operation]
        made = f"query ({', '.join(declared)}) {{ {page} {' '.join(others)} }} {' '.join(fragments)}"
        return made, (field.alias or field.name).value
    return None


def _conditional(field: FieldNode) -> bool:
    return any(isinstance(one, DirectiveNode) for one in field.directives or ())
