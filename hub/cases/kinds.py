"""What a kind of case declares, and every kind there is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.caller import Caller
from hub.terms import CaseKind, Slot
from policies import Action


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A case being decided, as it stood when its row was locked."""

    id: int
    kind: CaseKind
    path: str
    other_path: str | None
    opened_by: int
    details: dict[str, Any]
    version: int

    @property
    def label(self) -> str:
        """Its typed id, as `label` gives it."""
        return label(self.id)


Effect = Callable[[AsyncConnection, Caller, OpenCase, list[int]], Awaitable[None]]


async def nothing(_connection: AsyncConnection, _caller: Caller, _case: OpenCase, _subjects: list[int]) -> None:
    """What a kind does at its end that has nothing to do there."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of case.

    `slot` is what it takes of a pupil; `effect`, what its approval does; `prepare` locks before an effect what must
    be locked before the pupils are; `ended` is what any end of it does. `right` is the action that asking for one
    takes, and so taking it back.
    """

    slot: Slot
    effect: Effect
    right: tuple[str, Action] = ("case", Action.CREATE)
    prepare: Effect = nothing
    ended: Effect = nothing


KINDS: dict[CaseKind, Kind] = {}
"""Every kind the hub can run; the file of a kind registers it."""


def label(case_id: int) -> str:
    """The typed id of a case: what its audit entries are about, and why a lease opened for it is there."""
    return f"case:{case_id}"
