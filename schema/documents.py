"""Documents: parsed, measured and validated once, kept by their text."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    Node,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    Token,
    TokenKind,
    parse,
    specified_rules,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from hub.errors import BadInput, HubError, TooComplex
from hub.settings import Settings
from loaders.plan import Cache
from schema import measures, people
from schema.prepared import Operation, prepare

_NUL = re.compile(r"\\u(0000|\{0+\})")


@dataclass(slots=True)
class Known:
    """A document as it was found to be: its tree, or what is wrong with it."""

    tree: DocumentNode | None
    faults: tuple[GraphQLError, ...]
    """Never raised: an exception keeps the frames of every raise. See `refusals`."""
    kinds: dict[str | None, OperationType] = field(default_factory=dict)
    """What each operation does, by its name."""
    prepared: dict[str | None, Operation | None] = field(default_factory=dict)
    """By the name that was asked for: what runs without the executor."""
    executed: bool = False
    """Whether the executor has taken it once."""

    def refusals(self) -> list[GraphQLError]:
        """What is wrong, as errors of this one request."""
        return [
            GraphQLError(
                fault.message,
                fault.nodes,
                fault.source,
                fault.positions,
                original_error=fault.original_error,
                extensions=fault.extensions,
            )
            for fault in self.faults
        ]

    @property
    def operations(self) -> int:
        """How many operations there are."""
        return len(self.kinds)

    def kind(self, operation: str | None) -> OperationType | None:
        """What the operation of that name, or the only one, does; None if there is none."""
        return self.kinds.get(operation) if operation or self.operations > 1 else next(iter(self.kinds.values()), None)

    def operation(self, schema: GraphQLSchema, name: str | None) -> Operation | None:
        """The operation of that name, or the only one, if the executor has taken the document and is needed no more."""
        if not self.executed or self.faults or (self.operations > 1 and name is None):
            return None
        if name not in self.prepared:
            if len(self.prepared) > self.operations:
                return None
            self.prepared[name] = prepare(schema, self.tree, name) if self.tree else None
        return self.prepared[name]


class Documents:
    """The documents of one process, least recently used ones dropped."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.schema: GraphQLSchema = GraphQLSchema()  # until the schema that reads them is made
        self.kept: Cache[str, Known] = Cache(settings.plan_cache)
        self._judging: dict[str, asyncio.Future[Known]] = {}
        self.rules = specified_rules
        if not settings.introspection:
            self.rules = (*specified_rules, NoSchemaIntrospectionCustomRule)

    def knows(self, text: str) -> bool:
        """Whether a document is remembered."""
        return self.kept.get(text) is not None

    def know(self, text: str) -> Known:
        """What a document is: remembered, or parsed, measured and validated now."""
        return self.kept.get(text) or self._keep(text, self._judge(text))

    async def learn(self, text: str) -> Known:
        """The same, found out in a thread, which the loop interrupts for others; once for all who ask meanwhile."""
        judging = self._judging.get(text)
        if judging is None:
            judging = asyncio.ensure_future(asyncio.to_thread(self._judge, text))
            self._judging[text] = judging
            judging.add_done_callback(lambda _: self._judging.pop(text))
        known = await asyncio.shield(judging)
        return self.kept.get(text) or self._keep(text, known)

    def _keep(self, text: str, known: Known) -> Known:
        self.kept.put(text, known, 40 * len(text) + 2048)
        return known

    def personal(self, known: Known) -> bool:
        """Whether a document concerns people, see `schema.people`."""
        return known.tree is not None and people.concerned(self.schema, known.tree)

    def _judge(self, text: str) -> Known:
        """Parse, measure and validate a document; nothing is remembered, so any thread may do it."""
        tree, fault = self._read(text)
        if tree is None or fault is not None:
            return Known(None, (fault,) if fault else ())
        found = validate_document(self.schema, tree, self.rules)
        for each in found:
            if isinstance(each.original_error, ValueError):  # Python reads no number of more than 4,300 digits
                each.original_error = None
        operations = [part for part in tree.definitions if isinstance(part, OperationDefinitionNode)]
        kinds = {part.name.value if part.name else None: part.operation for part in operations}
        return Known(tree, tuple(found), kinds)

    def _read(self, text: str) -> tuple[DocumentNode | None, GraphQLError | None]:
        if _NUL.search(text):
            return None, _as_error(BadInput("BAD_TEXT"))
        try:
            document = parse(text, max_tokens=self.settings.token_limit)
        except GraphQLSyntaxError as error:
            if "tokens. Parsing aborted" in error.message:
                limit = self.settings.token_limit
                return None, _as_error(TooComplex("TOO_COMPLEX", what="词元数 tokens", limit=limit))
            return None, error.with_traceback(None)
        except RecursionError:
            return None, _as_error(BadInput("BAD_DOCUMENT", detail="nested too deeply"))
        _forget_tokens(document)
        refusal = measures.excess(document, self.settings)
        return document, _as_error(refusal) if refusal else None


class DocumentCache(SchemaExtension):
    """Hands the executor a document as `Documents` knows it."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents

    def on_parse(self) -> Iterator[None]:
        """Parse and validate, or remember."""
        context = self.execution_context
        known = self.documents.know(context.query or "")
        context.graphql_document = known.tree
        context.pre_execution_errors = known.refusals()
        if known.tree is None:
            raise context.pre_execution_errors[0]
        known.executed = True
        if known.operations > 1 and context.context.operation is None:
            raise _as_error(BadInput("BAD_DOCUMENT", detail="several operations, but no operationName"))
        yield


def _forget_tokens(node: Node) -> None:
    """Let go of a document's tokens, which nobody asks for again: objects for each word of it, linked both ways, that a
    collection of garbage would walk through as long as the document is kept.
    """
    if node.loc is not None:
        node.loc.start_token = node.loc.end_token = _NO_TOKEN
    for key in node.keys:
        value = getattr(node, key, None)
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, Node):
                _forget_tokens(part)


_NO_TOKEN = Token(TokenKind.SOF, 0, 0, 0, 0)


def _as_error(error: HubError) -> GraphQLError:
    return GraphQLError(error.key, original_error=error)
