"""The class teacher's desk: a morning is marked."""

from datetime import date
from typing import Annotated, Any

import strawberry

from hub import attendance
from hub.attendance import Absentee, Marking
from hub.errors import HubError
from hub.terms import AbsenceKind
from schema.attendance import ClassDay
from schema.common import key_of
from schema.context import HubInfo, argument
from schema.write import KEY, VERSION, desk, once, written


@strawberry.input(description="A pupil who was not simply present (未正常到校的学生).")
class AttendanceException:
    """An exception."""

    student_id: strawberry.ID = strawberry.field(description="The pupil (学生标识).")
    kind: AbsenceKind = strawberry.field(description="What the pupil was (出勤情况).")
    note: str | None = strawberry.field(default=None, description="At most 200 characters (备注).")


@strawberry.input(description="A class's day: everybody not named was present (班级日考勤).")
class ClassDayInput:
    """A class's day."""

    class_id: strawberry.ID = strawberry.field(description="The class (班级标识).")
    day: date = strawberry.field(name="date", description="The day, today or before (日期).")
    exceptions: list[AttendanceException] = strawberry.field(
        default_factory=list, description="Who was not simply present (未正常到校的学生)."
    )
    version: int | None = strawberry.field(default=None, description=VERSION)


@strawberry.input(description="A class's day: everybody not named was present (班级日考勤登记请求).")
class MarkAttendanceInput(ClassDayInput):
    """A class's day, marked once."""

    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="Days of several classes, such as a school's morning (多个班级日考勤登记请求).")
class MarkAttendancesInput:
    """Days of several classes."""

    days: list[ClassDayInput] = strawberry.field(description="At most 200 days of classes (班级日考勤).")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="The class's day as it now is (考勤登记结果).")
class MarkAttendancePayload:
    """A marked day."""

    key: strawberry.Private[int]
    idempotency_key: strawberry.Private[str | None]

    @strawberry.field(description="The day, read after the commit (班级日考勤).")
    async def class_day(self, info: HubInfo) -> ClassDay | None:
        """The day."""
        return await written(info, "ClassDay", self.key, self.idempotency_key)


@strawberry.type(description="Why one day of several was refused (未登记原因).")
class MarkingRefusal:
    """A refusal."""

    code: str = strawberry.field(description="Class of error (错误代码).")
    key: str = strawberry.field(description="Which error (错误名称).")
    field: str | None = strawberry.field(description="The input field at fault (出错字段).")
    message: str = strawberry.field(description="What is wrong (错误说明).")
    remedy: str = strawberry.field(description="What to do about it (处理建议).")


@strawberry.type(description="What became of one of the days (单项登记结果).")
class MarkedDay:
    """The outcome of one day."""

    index: int = strawberry.field(description="Its place in the input, from 0 (序号).")
    id: strawberry.ID | None = strawberry.field(description="The class's day, if it was marked (班级日考勤标识).")
    error: MarkingRefusal | None = strawberry.field(description="Why it was not (未登记原因).")


@strawberry.type(description="What became of each day (批量考勤登记结果).")
class MarkAttendancesPayload:
    """The outcomes, in the order of the input."""

    results: list[MarkedDay] = strawberry.field(description="One for each day, in order (各项结果).")


@strawberry.type
class AttendanceMutation:
    """Writes of attendance."""

    @strawberry.mutation(
        description="Mark a class's day by naming who was not simply present; again, with its version (登记考勤)."
    )
    async def mark_attendance(
        self,
        info: HubInfo,
        input: Annotated[MarkAttendanceInput, argument("Which class and day, and who (班级、日期与名单).")],  # noqa: A002 -- GraphQL's word
    ) -> MarkAttendancePayload:
        """Mark a day."""
        key = await attendance.mark(*desk(info), once("markAttendance", input), _marking(input))
        return MarkAttendancePayload(key=key, idempotency_key=input.idempotency_key)

    @strawberry.mutation(
        description="Mark days of several classes, each for itself: one refused hinders no other (批量登记考勤)."
    )
    async def mark_attendances(
        self,
        info: HubInfo,
        input: Annotated[MarkAttendancesInput, argument("The days (班级日考勤).")],  # noqa: A002 -- GraphQL's word
    ) -> MarkAttendancesPayload:
        """Mark several days."""
        request, markings = once("markAttendances", input), [_marking(day) for day in input.days]
        outcomes = await attendance.mark_all(*desk(info), request, markings)
        results = [_marked(at, outcome, info.context.language) for at, outcome in enumerate(outcomes)]
        return MarkAttendancesPayload(results=results)


def _marking(given: ClassDayInput) -> Marking:
    """The input as the deed takes it. Raises BadInput for what is no id."""
    absentees = [
        Absentee(key_of("student", named.student_id), named.kind, (named.note or "").strip() or None)
        for named in given.exceptions
    ]
    return Marking(key_of("class", given.class_id), given.day, absentees, given.version)


def _marked(at: int, outcome: int | HubError, language: Any) -> MarkedDay:
    if not isinstance(outcome, HubError):
        return MarkedDay(index=at, id=strawberry.ID(f"classDay:{outcome}"), error=None)
    refusal = MarkingRefusal(
        code=outcome.code,
        key=outcome.key,
        field=outcome.field,
        message=outcome.text(language),
        remedy=outcome.remedy(language),
    )
    return MarkedDay(index=at, id=None, error=refusal)
