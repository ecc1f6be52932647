"""The reviewer's desk: problem records to read and to resolve."""

from typing import Annotated

import strawberry

from schema.common import Connection
from schema.context import HubInfo, argument
from schema.problem import FILTERS, ORDERS, ProblemRecord, ProblemRecordFilter, ProblemRecordOrder
from schema.query import After, Before, First, Last, Within, by_id, listed


@strawberry.type
class ReviewQuery:
    """Reads of problem records."""

    @strawberry.field(description="A problem record by id (查问题学籍).")
    async def problem_record(
        self,
        info: HubInfo,
        id: Annotated[strawberry.ID, argument("Opaque id (标识).")],  # noqa: A002 -- GraphQL's word
    ) -> ProblemRecord | None:
        """A problem record."""
        return await by_id(info, "ProblemRecord", "problem", id)

    @strawberry.field(description="Problem records in your area (辖区内问题学籍).")
    async def problem_records(
        self,
        info: HubInfo,
        within: Within = None,
        where: Annotated[ProblemRecordFilter | None, argument("Which of them (筛选条件).")] = None,
        order_by: Annotated[ProblemRecordOrder, argument("In which order (排序).")] = ProblemRecordOrder.OLDEST,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ProblemRecord] | None:
        """Problem records."""
        return await listed(info, "ProblemRecord", within, FILTERS, ORDERS)
