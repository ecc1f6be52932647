"""The schema: every noun's queries and mutations in one graph, executed with the Fragment hook."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import strawberry
from graphql import ExecutionResult as Prepared
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.types.base_scalars import DateDefinition, DateTimeDefinition, DecimalDefinition
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.scalar import ScalarDefinition

from hub.settings import Settings
from loaders.fragment import FragmentExecutor
from schema import (
    account,
    case,
    count,
    entry,
    marking,
    node,
    photo_desk,
    progress,
    query,
    review,
    setup,
    trial,
    workbook,
)
from schema.context import Context
from schema.documents import DocumentCache, Documents, Known
from schema.trusted import Trusted

SDL = Path(__file__).with_name("schema.graphql")
"""The schema as checked in; a test holds it to the code."""


@strawberry.type(description="Where a query may begin (查询入口).")
class Query(
    account.AccountQuery,
    query.Query,
    review.ReviewQuery,
    case.CaseQuery,
    photo_desk.PhotoQuery,
    count.CountQuery,
    trial.TrialQuery,
    node.NodeQuery,
    workbook.WorkbookQuery,
):
    """Every read."""


@strawberry.type(description="What may be changed (变更入口).")
class Mutation(
    account.AccountMutation,
    workbook.WorkbookMutation,
    review.ReviewMutation,
    case.CaseMutation,
    setup.SetupMutation,
    entry.EntryMutation,
    marking.AttendanceMutation,
    trial.TrialMutation,
    photo_desk.PhotoMutation,
):
    """Every write."""


@strawberry.type(description="What can be followed, by WebSocket (订阅入口).")
class Subscription(progress.ProgressSubscription):
    """Everything that tells of changes."""


SCALARS: dict[object, ScalarDefinition] = {
    date: replace(DateDefinition, description="A day, ISO 8601: 2013-09-16 (日期)."),
    datetime: replace(DateTimeDefinition, description="A moment, ISO 8601 with +08:00 (时间)."),
    Decimal: replace(DecimalDefinition, description="A decimal number, written as a string (小数)."),
}
"""The scalars beside GraphQL's own, described in the hub's words."""


class HubSchema(strawberry.Schema):
    """Strawberry's schema with the process's documents, and without its error log, which would write what callers
    typed; `hub.answers` logs instead.
    """

    documents: Documents
    trusted: Trusted

    async def answer(
        self, known: Known, query: str, variables: dict[str, Any] | None, context: Context
    ) -> ExecutionResult | Prepared:
        """The result of a request: what is wrong with its document, or else by the prepared operation if there is one,
        or else by the executor. `known` is what the document `query` was found to be.
        """
        if known.faults:
            return Prepared(None, known.refusals())
        prepared = known.operation(self._schema, context.operation)
        result = await prepared.execute(context, variables) if prepared else None
        return result or await self.execute(query, variables, context, operation_name=context.operation)

    async def follow(
        self, query: str, variables: dict[str, Any] | None, context: Context, operation: str | None
    ) -> AsyncGenerator[ExecutionResult | Prepared, None]:
        """The results of a subscription, one by one."""
        known = self.documents.know(query)
        if known.faults:
            yield Prepared(None, known.refusals())
            return
        async with aclosing(await self.subscribe(query, variables, context, operation_name=operation)) as results:
            async for result in results:
                yield result

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing here."""


def build(settings: Settings) -> HubSchema:
    """The schema of one process, with its cache of parsed and validated documents, and the documents it trusts.

    Raises ValueError when a trusted document is not valid.
    """
    documents = Documents(settings)
    schema = HubSchema(
        Query,
        Mutation,
        Subscription,
        config=StrawberryConfig(disable_field_suggestions=not settings.introspection, scalar_map=SCALARS),
        execution_context_class=FragmentExecutor,
        extensions=[lambda: DocumentCache(documents)],
    )
    documents.schema = schema._schema
    schema.documents = documents
    schema.trusted = Trusted(settings, documents)
    return schema
