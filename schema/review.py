"""The reviewer's desk: problem records to read and to resolve."""

from datetime import date
from typing import Annotated, Any

import strawberry

from hub import resolutions
from hub.errors import TooLarge
from hub.terms import Resolution, Sex
from schema.case import Case
from schema.common import Connection, key_of
from schema.context import HubInfo, argument
from schema.problem import ProblemRecord
from schema.query import by_id, listing
from schema.write import KEY, VERSION, desk, once, written

_MOST_FILES = 20


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

    problem_records: Connection[ProblemRecord] | None = listing(
        "ProblemRecord", Connection[ProblemRecord], "Problem records in your area (辖区内问题学籍)."
    )


@strawberry.input(description="New key data of a pupil (拟更正的关键信息); what is left out stays.")
class KeyDataInput:
    """What a change would write."""

    name: str | None = strawberry.field(default=strawberry.UNSET, description="Name (姓名).")
    sex: Sex | None = strawberry.field(default=strawberry.UNSET, description="Sex (性别).")
    birth_date: date | None = strawberry.field(default=strawberry.UNSET, description="Birth date (出生日期).")
    id_type: str | None = strawberry.field(
        default=strawberry.UNSET, description="Code of the type of identity document (身份证件类型代码)."
    )
    id_number: str | None = strawberry.field(
        default=strawberry.UNSET, description="Identity number; null takes it away (身份证件号)."
    )


@strawberry.input(description="How a problem record should be resolved (问题学籍处理申请).")
class ResolveProblemInput:
    """What is asked of the status authority."""

    id: strawberry.ID = strawberry.field(description="The problem record (问题学籍标识).")
    resolution: Resolution = strawberry.field(description="CHANGE, EVIDENCE or DELETE (处理方式).")
    change: KeyDataInput | None = strawberry.field(default=None, description="For CHANGE: the new values (更正内容).")
    file_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Uploaded evidence; EVIDENCE needs at least one (佐证材料)."
    )
    note: str | None = strawberry.field(default=None, description="Why; DELETE needs it (说明).")
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="The case that was opened (处理申请结果).")
class ResolveProblemPayload:
    """What resolving gives: a case for the authority's leader to decide."""

    key: strawberry.Private[int]
    record: strawberry.Private[int]
    idempotency_key: strawberry.Private[str | None]

    @strawberry.field(name="case", description="The case, as it waits for the authority (业务).")
    async def opened(self, info: HubInfo) -> Case | None:
        """The case, read after the commit."""
        return await written(info, "Case", self.key, self.idempotency_key)

    @strawberry.field(description="The problem record (问题学籍).")
    async def problem_record(self, info: HubInfo) -> ProblemRecord | None:
        """The record, read after the commit."""
        return await written(info, "ProblemRecord", self.record, self.idempotency_key)


@strawberry.type
class ReviewMutation:
    """Writes about problem records."""

    @strawberry.mutation(
        description="Ask that a problem record be resolved; the status authority's leader decides (处理问题学籍)."
    )
    async def resolve_problem(
        self,
        info: HubInfo,
        input: Annotated[ResolveProblemInput, argument("Which record, how (处理申请).")],  # noqa: A002 -- GraphQL's word
    ) -> ResolveProblemPayload:
        """Ask for a resolution."""
        if len(input.file_ids) > _MOST_FILES:
            raise TooLarge("TOO_MANY_FILES", limit=_MOST_FILES)
        record = key_of("problem", input.id)
        found = await resolutions.resolve(
            *desk(info),
            once("resolveProblem", input),
            record_id=record,
            version=input.version,
            how=input.resolution,
            change=_given(input.change),
            files=[key_of("file", file) for file in input.file_ids],
            note=input.note,
        )
        return ResolveProblemPayload(key=found, record=record, idempotency_key=input.idempotency_key)


def _given(change: KeyDataInput | None) -> dict[str, Any]:
    """The values that were given, by their GraphQL names; null is a value, absence is not."""
    if change is None:
        return {}
    given = {
        "name": change.name,
        "sex": change.sex,
        "birthDate": change.birth_date,
        "idType": change.id_type,
        "idNumber": change.id_number,
    }
    return {name: value for name, value in given.items() if value is not strawberry.UNSET}
