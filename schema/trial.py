"""The trial (试运行): whether the register is tried out or in force, what a wipe would erase, and ending the trial."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self

import strawberry

from hub import clock, trial
from hub.terms import RegisterState
from hub.trial import Standing
from schema.common import describe
from schema.context import HubInfo, argument
from schema.write import KEY, desk, once

describe(
    RegisterState,
    "Whether the register is tried out or in force (学籍库状态).",
    TRIAL="Tried out: everything in it will be erased when the trial ends (试运行).",
    LIVE="In force: the records are real, and nothing wipes them (正式运行).",
)


@strawberry.type(description="The register itself: on trial or in force (学籍库).")
class Register:
    """Where the register stands."""

    state: RegisterState = strawberry.field(description="On trial or in force (状态).")
    began_at: datetime = strawberry.field(description="Since when there is this register (启用时间).")
    end_requested_at: datetime | None = strawberry.field(
        description="When its end was asked for; null unless that waits to be confirmed (申请结束试运行的时间)."
    )
    trial_ended_at: datetime | None = strawberry.field(
        description="When the trial was ended and its data were erased; null where that never was (试运行结束时间)."
    )
    files_erased_at: datetime | None = strawberry.field(
        description="When the last file of the trial was erased, soon after its end (试运行文件清除完成时间)."
    )

    @classmethod
    def of(cls, stands: Standing) -> Self:
        """The register as it stands."""
        return cls(
            state=stands.state,
            began_at=stands.began_at.astimezone(clock.SHANGHAI),
            end_requested_at=_local(stands.requested_at) if stands.request_until else None,
            trial_ended_at=_local(stands.ended_at),
            files_erased_at=_local(stands.files_erased_at),
        )


@strawberry.type(description="Records of one kind that the trial holds (试运行数据的一类).")
class TrialKind:
    """A kind of record."""

    name: str = strawberry.field(description="Stable name of the kind, such as students (名称).")
    title: str = strawberry.field(description="What they are, in the language asked for (说明).")
    rows: int = strawberry.field(description="How many there are (数量).")


@strawberry.type(description="What the end of the trial would erase, counted now (试运行数据概览).")
class TrialContents:
    """What is there to erase."""

    kinds: list[TrialKind] = strawberry.field(description="Every kind of record that is erased (各类数据).")
    file_bytes: Decimal = strawberry.field(description="Bytes of the files known to the register (文件字节数).")
    confirm: str = strawberry.field(description="What endTrial wants to be typed as confirm (确认文字).")
    requested_by: str | None = strawberry.field(
        description="Who has asked for the end of the trial; null unless it waits to be confirmed (申请人)."
    )
    request_until: datetime | None = strawberry.field(
        description="Until when the request may be confirmed (申请有效期至)."
    )


@strawberry.input(description="A request to end the trial (结束试运行申请).")
class RequestEndTrialInput:
    """A request."""

    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="The end of the trial, confirmed (确认结束试运行).")
class EndTrialInput:
    """A confirmation."""

    confirm: str = strawberry.field(
        description="The province's name exactly as trialContents tells it, such as 山西省 (确认文字)."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="The register as it now is (办理结果).")
class RegisterPayload:
    """The register after a write."""

    register: Register = strawberry.field(description="The register (学籍库).")


@strawberry.type
class TrialQuery:
    """Reads of the register's own state."""

    @strawberry.field(description="Whether the register is on trial or in force, for everybody signed in (学籍库状态).")
    async def register(self, info: HubInfo) -> Register | None:
        """The register."""
        info.context.signed_in()
        return Register.of(await trial.standing(info.context.database))

    @strawberry.field(
        description="What the end of the trial would erase, for those who ask for it and confirm it (试运行数据概览)."
    )
    async def trial_contents(self, info: HubInfo) -> TrialContents | None:
        """What is there to erase."""
        found = await trial.contents(*desk(info))
        speech = info.context.language
        return TrialContents(
            kinds=[TrialKind(name=kind.table, title=kind.title(speech), rows=kind.rows) for kind in found.kinds],
            file_bytes=Decimal(found.file_bytes),
            confirm=found.confirm,
            requested_by=found.requested_by,
            request_until=_local(found.standing.request_until),
        )


@strawberry.type
class TrialMutation:
    """Writes that end the trial."""

    @strawberry.mutation(
        description="Ask for the end of the trial; the province leader confirms it within 24 hours (申请结束试运行)."
    )
    async def request_end_trial(
        self,
        info: HubInfo,
        input: Annotated[RequestEndTrialInput, argument("The request (申请).")],  # noqa: A002 -- GraphQL's word
    ) -> RegisterPayload:
        """Ask for the end of the trial."""
        await trial.request(*desk(info), once("requestEndTrial", input))
        return RegisterPayload(register=Register.of(await trial.standing(info.context.database)))

    @strawberry.mutation(
        description="End the trial: every record and file of it is erased, accounts, places, schools and classes stay. "
        "By somebody else than who asked for it; once, and for good (结束试运行并清除数据)."
    )
    async def end_trial(
        self,
        info: HubInfo,
        input: Annotated[EndTrialInput, argument("The confirmation (确认).")],  # noqa: A002 -- GraphQL's word
    ) -> RegisterPayload:
        """End the trial."""
        context = info.context
        await trial.end(*desk(info), context.files, once("endTrial", input), input.confirm)
        context.sessions.forget_all()
        return RegisterPayload(register=Register.of(await trial.standing(context.database)))


def _local(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(clock.SHANGHAI)
