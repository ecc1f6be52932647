"""A plan: one compiled read, the values it wants, what it may cost; and the cache that keeps plans."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from graphql.execution.values import VariableValues

from hub.caller import Caller
from hub.errors import TooLarge
from hub.settings import Settings
from loaders import selection
from loaders.seam import Place
from loaders.selection import Selected

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class Call:
    """One execution of a plan: who asks, with which variables."""

    caller: Caller
    variables: VariableValues
    settings: Settings
    given: dict[str, Any] = field(default_factory=dict)
    spent: int = 0
    """Rows that this and the request's earlier calls may touch."""
    cost: int = 0
    """What this and the request's earlier calls cost."""
    coerced: dict[Any, dict[str, Any]] = field(default_factory=dict)
    """The arguments of the request's fields that were coerced before."""

    def arguments(self, selected: Selected) -> dict[str, Any]:
        """The coerced arguments of a selected field."""
        known = self.coerced.get(selected.place)
        if known is None:
            known = self.coerced[selected.place] = selection.arguments(selected, self.variables)
        return known


Bind = Callable[[Call], Any]


@dataclass(slots=True)
class Cost:
    """How many rows a part of a query may touch: its page size, times one and all that hangs on each row.

    What it costs counts, beside each row, every field of it that tells about a person: disclosure is a cost, too.
    """

    size: Bind
    parts: list["Cost"] = field(default_factory=list)
    personal: int = 0
    """Fields of each row that tell about a person."""
    steady: bool = True
    """Whether the size is the same in every call."""
    _known: tuple[int, int] | None = field(default=None, repr=False)

    def measure(self, call: Call) -> tuple[int, int]:
        """Rows for this call, and what they cost."""
        if self._known is not None:
            return self._known
        size: int = self.size(call)
        rows, points = 1, 1 + self.personal
        steady = self.steady
        for part in self.parts:
            more, dearer = part.measure(call)
            rows += more
            points += dearer
            steady = steady and part._known is not None
        found = size * rows, size * points
        if steady:
            self._known = found
        return found


@dataclass(frozen=True, slots=True)
class Denial:
    """A field the role may not read: where in the answer, and its name in the policy."""

    path: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One statement and what running it needs: binds in parameter order, denials, long keys, cost, loaded places."""

    sql: str
    binds: tuple[Bind, ...]
    denials: tuple[Denial, ...]
    renames: tuple[tuple[str, str], ...]
    cost: Cost
    places: tuple[Place, ...] = ()
    marks: tuple[tuple[str, Denial], ...] = ()
    """Of each value that only a lease opens: what stands there while none does, and what that denies."""

    def values(self, call: Call) -> list[Any]:
        """The statement's parameters. Raises TooLarge before any SQL when the request costs too much."""
        rows, points = self.cost.measure(call)
        call.cost += points
        if call.cost > call.settings.cost_limit:
            raise TooLarge("TOO_COMPLEX", what=f"查询成本 cost {call.cost}", limit=call.settings.cost_limit)
        call.spent += rows
        if call.spent > call.settings.row_budget:
            raise TooLarge("TOO_COMPLEX", what=f"行数 rows {call.spent}", limit=call.settings.row_budget)
        return [bind(call) for bind in self.binds]

    def shut(self, answer: str) -> list[Denial]:
        """What an answer denies because no lease opened it."""
        return [denial for mark, denial in self.marks if mark in answer]

    def rename(self, answer: str) -> str:
        """Put null where something was denied, and response keys longer than PostgreSQL's 63 bytes in place of their
        aliases.

        A JSON string value cannot hold the pattern of a key: its quotes would be escaped.
        """
        for mark, _ in self.marks:
            answer = answer.replace(f'"{mark}"', "null")
        for alias, key in self.renames:
            answer = answer.replace(f'"{alias}":', f'"{key}":')
        return answer


class Cache(Generic[K, V]):
    """A least-recently-used cache bounded by bytes; the size of an entry is what its maker says."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The entry, now the most recently used."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keep an entry, dropping the least recently used ones beyond the limit."""
        if size > self.limit:
            return
        old = self._entries.pop(key, None)
        self.bytes += size - (old[1] if old else 0)
        self._entries[key] = (value, size)
        while self.bytes > self.limit:
            _, (_, freed) = self._entries.popitem(last=False)
            self.bytes -= freed
