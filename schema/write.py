"""What every mutation shares: the input's idempotency key, and the payload read after the commit."""

from typing import Any

import strawberry

from hub.caller import Caller
from hub.db import Database
from hub.errors import HubError
from hub.gate import Once
from loaders import read
from policies import Policy
from schema.context import HubInfo
from schema.query import lookup

KEY = "Sent again with the same key, the write is not done twice (幂等键); 8 to 100 characters."
VERSION = "The version you edited; a newer one in the register refuses the edit (版本号)."


def desk(info: HubInfo) -> tuple[Database, Policy, Caller]:
    """What every deed begins with: the pools, the policy in force, the caller under a role."""
    context = info.context
    return context.database, context.policy, context.caller()


def once(operation: str, given: Any) -> Once:
    """The request as a deed takes it: its key, its name, and all it asks for."""
    return Once(given.idempotency_key, operation, strawberry.asdict(given))


async def written(info: HubInfo, kind: str, key: int, idempotency_key: str | None = None) -> Any:
    """One object as it is after the commit, by the payload's selection.

    Raises COMMITTED_UNREADABLE with the idempotency key when it cannot be read: the write stands, whatever happens.
    """
    unreadable = HubError("COMMITTED_UNREADABLE", object=f"{kind}:{key}", details={"idempotencyKey": idempotency_key})
    info.context.committed = unreadable
    try:
        return await read.run(info.context.reads(), info, lookup(kind, "id"), key=key)
    except HubError as error:
        raise unreadable from error
