"""Reading: find or compile the plan of a root field, run it, hand its bytes to the answer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from time import perf_counter
from typing import Any

from aiodataloader import DataLoader
from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_enum_type,
)
from graphql.execution.values import VariableValues

from hub.caller import Caller
from hub.db import Database
from hub.errors import Forbidden
from hub.links import Links
from hub.settings import Settings
from hub.turns import Turn, Turns
from loaders import candidates, photo_links
from loaders.compiler import Compiler
from loaders.fragment import Fragment
from loaders.plan import Cache, Call, Denial, Plan
from loaders.seam import Place, Shape
from loaders.selection import NO_VARIABLES, Document, Selected
from policies import Policy

Compile = Callable[[Compiler, Selected], Plan]
_ABSENT, _GIVEN = "absent", "given"
LOADERS: dict[str, Callable[..., DataLoader[Any, Any]]] = {
    candidates.NAME: candidates.CandidateLoader,
    photo_links.NAME: photo_links.PhotoLinkLoader,
}
"""What makes the loader of each kind of loaded field."""


@dataclass(slots=True)
class Reader:
    """What one process needs to read: the database, the policy in force, the plans it has made."""

    database: Database
    settings: Settings
    policy: Policy
    links: Links = field(init=False)
    plans: Cache[Any, Plan] = field(init=False)
    turns: Turns[int] = field(init=False)
    inputs: Cache[Any, list[tuple[str, bool]]] = field(init=False)
    """Of each root field the variables that change a plan, and whether by value."""

    def __post_init__(self) -> None:
        self.links = Links(self.database)
        self.plans = Cache(self.settings.plan_cache)
        self.turns = Turns(self.settings.account_reads)
        self.inputs = Cache(self.settings.plan_cache // 4)


@dataclass(slots=True)
class Reading:
    """One request's reads: who asks, in which document, and what was denied on the way."""

    reader: Reader
    caller: Caller
    document: str
    variables: VariableValues = NO_VARIABLES
    denials: list[Denial] = field(default_factory=list)
    statements: int = 0
    rows: int = 0
    coerced: dict[Any, dict[str, Any]] = field(default_factory=dict)
    """The arguments of its fields that were coerced before, see `Call`."""
    compiled: float = 0.0
    """Seconds that were spent on plans nobody had asked for yet."""
    cost: int = 0
    """What the request's reads cost so far: rows they may touch, and fields of those that tell about a person."""
    paid: int = 0
    """What of that belongs to statements that were not refused for it."""
    places: dict[int, Place] = field(default_factory=dict)
    """The loaded fields of the plans run so far."""
    looking_up: set[asyncio.Task[Any]] = field(default_factory=set)
    """The loaders' own tasks, which run apart from the request's."""
    _loaders: dict[Any, DataLoader[Any, Any]] = field(default_factory=dict)

    def turn(self) -> Turn[int]:
        """The account's turn for one statement: one client's many wait for each other."""
        return self.reader.turns.of(self.caller.account.id)

    def close(self) -> None:
        """End the look-ups that nobody waits for any more."""
        for task in self.looking_up:
            task.cancel()

    def loader(self, name: str, shapes: tuple[Shape, ...]) -> DataLoader[Any, Any]:
        """The request's own data loader of a kind, for what is wanted in these shapes; no other request's."""
        if (name, shapes) not in self._loaders:
            self._loaders[name, shapes] = LOADERS[name](self, self.reader.settings.batch_limit, shapes)
        return self._loaders[name, shapes]


async def run(reading: Reading, info: Any, compiling: Compile, *, shape: Any = None, **given: Any) -> Any:
    """Answer a root field: a Fragment of finished JSON, or None if there is nothing.

    `shape` is whatever else changes the statement besides the selection; `given` are values its binds may ask for.
    Raises Forbidden, TooLarge, BadInput before any SQL; Unavailable when the database cannot answer.
    """
    answer, plan = await _fetch(reading, info, compiling, shape, given)
    if answer is None:
        return None
    reading.denials += plan.shut(answer)
    return Fragment(plan.rename(answer))


async def several(reading: Reading, info: Any, compiling: Compile, *, shape: Any, keys: list[int]) -> list[str | None]:
    """The finished JSON of objects by their ids, in their order; None for what is not visible. Raises as `run`."""
    answer, plan = await _fetch(reading, info, compiling, shape, {"keys": keys})
    reading.denials += plan.shut("".join(filter(None, answer)))
    return [None if one is None else plan.rename(one) for one in answer]


async def _fetch(
    reading: Reading, info: Any, compiling: Compile, shape: Any, given: dict[str, Any]
) -> tuple[Any, Plan]:
    raw = getattr(info, "_raw_info", info)
    plan = _plan(reading, raw, compiling, shape)
    call = Call(
        reading.caller, reading.variables, reading.reader.settings, given, reading.rows, reading.cost, reading.coerced
    )
    try:
        values = plan.values(call)
    finally:
        before, reading.rows, reading.cost = reading.cost, call.spent, call.cost
    reading.paid += reading.cost - before
    reading.denials += plan.denials
    reading.statements += 1
    async with reading.turn(), reading.reader.database.reading() as connection:
        answer = await connection.fetchval(plan.sql, *values)
    reading.places.update({place.number: place for place in plan.places})
    return answer, plan


def denied(reading: Reading) -> list[GraphQLError]:
    """One error for every field the role may not read, at its path in the answer."""
    return [
        GraphQLError("", path=list(denial.path), original_error=Forbidden("FORBIDDEN_FIELD", name=denial.name))
        for denial in reading.denials
    ]


def spot(raw: Any) -> tuple[Any, ...]:
    """Where in its document a field stands, by what is told of it to its resolver: operation, path and nodes.

    Where the nodes stand matters: @skip at the root may leave some of them out.
    """
    operation = raw.operation.name.value if raw.operation.name else None
    return operation, tuple(raw.path.as_list()), tuple(node.loc.start for node in raw.field_nodes)


def _plan(reading: Reading, raw: Any, compiling: Compile, shape: Any) -> Plan:
    reader, caller = reading.reader, reading.caller
    role, levels = held = caller.shape
    place = (reading.document, getattr(raw, "spot", None) or spot(raw))
    key = (place, reader.policy.version, held, shape, _shapes(reading, raw, place))
    plan = reader.plans.get(key)
    if plan is None:
        begun = perf_counter()
        node = raw.field_nodes[0]
        definition = raw.parent_type.fields[node.name.value]
        field = Selected(str(raw.path.key), node.name.value, definition, tuple(raw.field_nodes))
        document = Document(raw.schema, raw.fragments, reading.variables)
        plan = compiling(Compiler(document, reader.policy, role, levels), field)
        # The levels make the text, and so PostgreSQL's prepared plan, one of its own: a province is not a school.
        plan = replace(plan, sql=f"/* {levels} */ {plan.sql}")
        reader.plans.put(key, plan, 4 * len(plan.sql) + 512 * len(plan.binds) + 2048)
        reading.compiled += perf_counter() - begun
    return plan


def _shapes(reading: Reading, raw: Any, place: Any) -> tuple[Any, ...]:
    """Everything of the variables that may change the text of a statement, over the whole selection.

    Directives by value; enum arguments by value; every other argument by whether it is given.
    """
    variables = reading.variables.coerced
    if not variables:
        return ()
    names = reading.reader.inputs.get(place)
    if names is None:
        names = _sensitive(raw.schema, raw.fragments, tuple(raw.field_nodes))
        reading.reader.inputs.put(place, names, 256 + 128 * len(names))
    found = [(variables.get(name, _ABSENT), by_value) for name, by_value in names]
    return tuple(repr(value) if by_value else _shape(value) for value, by_value in found)


def _shape(value: Any) -> Any:
    """All that a variable says of a statement's text: which parts of it are given or null, its words and switches by
    value (what to sort by, whether null), of lists of inputs each, of a list of plain values only that it is one.
    """
    if isinstance(value, dict):
        return tuple(sorted((name, _shape(part)) for name, part in value.items()))
    if isinstance(value, list):
        return tuple(map(_shape, value)) if any(isinstance(part, dict | list) for part in value) else _GIVEN
    return repr(value) if value is None or isinstance(value, Enum | bool) or value is _ABSENT else _GIVEN


def _sensitive(schema: GraphQLSchema, fragments: Any, nodes: tuple[FieldNode, ...]) -> list[tuple[str, bool]]:
    found: dict[str, bool] = {}
    seen: set[str] = set()

    def visit(node: Node) -> None:
        for directive in getattr(node, "directives", None) or ():
            for argument in directive.arguments or ():
                note(argument.value, by_value=True)
        for argument in getattr(node, "arguments", None) or ():
            note(argument.value, by_value=_by_value(schema, argument.name.value))
        if isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
            seen.add(node.name.value)
            walk(fragments[node.name.value].selection_set)
        if isinstance(node, FieldNode | InlineFragmentNode):
            walk(node.selection_set)

    def walk(selections: SelectionSetNode | None) -> None:
        for selection in selections.selections if selections else ():
            visit(selection)

    def note(value: Any, *, by_value: bool) -> None:
        if isinstance(value, VariableNode):
            found[value.name.value] = found.get(value.name.value, False) or by_value
        for part in getattr(value, "values", None) or ():
            note(part, by_value=by_value)
        for part in getattr(value, "fields", None) or ():
            note(part.value, by_value=by_value)

    for node in nodes:
        visit(node)
    return sorted(found.items())


def _by_value(schema: GraphQLSchema, argument: str) -> bool:
    """Whether an argument of this name, on whatever field, takes an enum."""
    cache = schema.extensions.setdefault("enum arguments", {})
    if not cache:
        for kind in schema.type_map.values():
            for definition in getattr(kind, "fields", {}).values():
                for name, taken in getattr(definition, "args", {}).items():
                    cache[name] = cache.get(name, False) or is_enum_type(get_named_type(taken.type))
    return bool(cache.get(argument, False))
