"""Documents: parsed and validated once, kept by their text, within limits on tokens and depth."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    Node,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    parse,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from hub.errors import BadInput, HubError, TooLarge
from hub.settings import Settings
from loaders.plan import Cache
from schema.prepared import Operation, prepare

_NUL = re.compile(r"\\u(0000|\{0+\})")


@dataclass(frozen=True, slots=True)
class Known:
    """A document as it was found to be: its tree, or what is wrong with it."""

    tree: DocumentNode | None
    faults: tuple[GraphQLError, ...]
    operations: int = 0
    prepared: dict[str | None, Operation | None] = field(default_factory=dict)
    """By the name that was asked for: what runs without the executor."""


class Documents:
    """The documents of one process, least recently used ones dropped."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.kept: Cache[str, Known] = Cache(settings.plan_cache)

    def operation(self, schema: GraphQLSchema, text: str, name: str | None) -> Operation | None:
        """The operation of a document that the executor has taken before, if it now needs none."""
        known = self.kept.get(text)
        if known is None or known.tree is None or known.faults or (known.operations > 1 and name is None):
            return None
        if name not in known.prepared:
            if len(known.prepared) > known.operations:
                return None
            known.prepared[name] = prepare(schema, known.tree, name)
        return known.prepared[name]


class DocumentCache(SchemaExtension):
    """Takes a known document from the cache; parses, measures and validates a new one."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents

    def on_parse(self) -> Iterator[None]:
        """Parse and validate, or remember."""
        context = self.execution_context
        text = context.query or ""
        known = self.documents.kept.get(text)
        if known is None:
            known = self._judge(text)
            self.documents.kept.put(text, known, 40 * len(text) + 2048)
        context.graphql_document = known.tree
        context.pre_execution_errors = list(known.faults)
        if known.tree is None:
            raise known.faults[0]
        if known.operations > 1 and context.context.operation is None:
            raise _as_error(BadInput("BAD_DOCUMENT", detail="several operations, but no operationName"))
        yield

    def _judge(self, text: str) -> Known:
        tree, faults = self._read(text)
        if tree is None or faults:
            return Known(None, tuple(faults))
        rules = self.execution_context.validation_rules
        if not self.documents.settings.introspection:
            rules = (*rules, NoSchemaIntrospectionCustomRule)
        found = validate_document(self.execution_context.schema._schema, tree, rules)
        operations = sum(isinstance(part, OperationDefinitionNode) for part in tree.definitions)
        return Known(tree, tuple(found), operations)

    def _read(self, text: str) -> tuple[DocumentNode | None, list[GraphQLError]]:
        if _NUL.search(text):
            return None, [_as_error(BadInput("BAD_TEXT"))]
        try:
            document = parse(text, max_tokens=self.documents.settings.token_limit)
        except GraphQLSyntaxError as error:
            if "tokens. Parsing aborted" in error.message:
                limit = self.documents.settings.token_limit
                return None, [_as_error(TooLarge("TOO_COMPLEX", what="词元数 tokens", limit=limit))]
            return None, [error]
        except RecursionError:
            return None, [_as_error(BadInput("BAD_DOCUMENT", detail="nested too deeply"))]
        limit = self.documents.settings.depth_limit
        if _depth(document, limit) > limit:
            return None, [_as_error(TooLarge("TOO_COMPLEX", what="层数 depth", limit=limit))]
        return document, _too_wide(document, self.documents.settings)


def _too_wide(document: DocumentNode, settings: Settings) -> list[GraphQLError]:
    """What makes a document too wide: every root field is a statement, every selection a part of one to compile."""
    operations = [part for part in document.definitions if isinstance(part, OperationDefinitionNode)]
    roots = max((len(operation.selection_set.selections) for operation in operations), default=0)
    if roots > settings.root_limit:
        return [_as_error(TooLarge("TOO_COMPLEX", what="根字段 root fields", limit=settings.root_limit))]
    objects, waiting = 0, [part.selection_set for part in document.definitions if hasattr(part, "selection_set")]
    while waiting:
        for selection in waiting.pop().selections:
            below = getattr(selection, "selection_set", None)
            if below is not None:
                objects += 1
                waiting.append(below)
    if objects > settings.object_limit:
        return [_as_error(TooLarge("TOO_COMPLEX", what="对象字段 object fields", limit=settings.object_limit))]
    return []


def _as_error(error: HubError) -> GraphQLError:
    return GraphQLError(error.key, original_error=error)


def _depth(document: DocumentNode, limit: int) -> int:
    """How deep fields nest, through fragments; stops looking one past the limit."""
    fragments = {part.name.value: part for part in document.definitions if isinstance(part, FragmentDefinitionNode)}

    def deepest(node: Node, depth: int, inside: frozenset[str]) -> int:
        if depth > limit:
            return depth
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            known = name in fragments and name not in inside
            return deepest(fragments[name], depth, inside | {name}) if known else depth
        below = getattr(node, "selection_set", None)
        here = depth + isinstance(node, FieldNode)
        return max((deepest(part, here, inside) for part in below.selections), default=here) if below else here

    return max(deepest(part, 0, frozenset()) for part in document.definitions)
