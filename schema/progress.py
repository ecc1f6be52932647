"""Following an import: the first thing that can be subscribed to."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from hub.errors import BadInput
from schema.common import key_of
from schema.context import HubInfo, argument
from schema.query import one
from schema.workbook import Import


@strawberry.type
class ProgressSubscription:
    """What tells how far something has come."""

    @strawberry.subscription(
        description="An import, at once and whenever it has changed, until it is finished; every few seconds it is told"
        " again as it was (导入进度)."
    )
    async def import_job(
        self,
        info: HubInfo,
        id: Annotated[strawberry.ID, argument("Opaque id (标识).")],  # noqa: A002 -- GraphQL's word
    ) -> AsyncGenerator[Import | None, None]:
        """The import, read anew each time by the payload's selection with what the caller may do by then."""
        if info.context.changes is None:
            raise BadInput("SUBSCRIBE_BY_SOCKET")
        key = key_of("import", id)
        async with aclosing(info.context.changes(key)) as changes:
            async for _ in changes:
                yield await one(info, "Import", "id", key)
