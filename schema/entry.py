"""Pupils entered one by one: the columns of the sheet as fields of a form."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from hub import entries
from hub.intake.sheet import BY_SLOT, Kind
from hub.terms import Sex
from schema.common import key_of
from schema.context import HubInfo, argument
from schema.student import Student
from schema.write import KEY, VERSION, desk, once, written

_WRITTEN: dict[Kind, str] = {
    "code": "its code in the list {list}",
    "month": "any day of it",
    "division": "12 digits",
    "distance": "at most two decimals",
    "period": "2010.01.02-2015.01.02 or 2010.01.02-长期",
}
"""How a value of a kind is written, where its type does not say."""


def _typed(slot: str) -> Any:
    """A field of a form for a column of the sheet; the rules say what is required, and of whom."""
    column = BY_SLOT[slot]
    english, chinese = column.english.removeprefix("Member 1: "), column.header.removeprefix("成员1")
    how = _WRITTEN.get(column.kind, "").format(list=column.codes)
    required = "required as on the sheet" if column.required else ""
    about = "; ".join(filter(None, [english[0].upper() + english[1:], how, required]))
    return strawberry.field(default=UNSET, description=f"{about} ({chinese}).")


@strawberry.input(description="A family member, as the sheet has it (家庭成员).")
class GuardianInput:
    """A family member."""

    name: str | None = _typed("guardian1.name")
    relation: str | None = _typed("guardian1.relation")
    relation_note: str | None = _typed("guardian1.relation_note")
    address: str | None = _typed("guardian1.address")
    residence_code: str | None = _typed("guardian1.residence_code")
    phone: str | None = _typed("guardian1.phone")
    is_guardian: bool | None = _typed("guardian1.is_guardian")
    id_type: str | None = _typed("guardian1.id_type")
    id_number: str | None = _typed("guardian1.id_number")
    ethnic_group: str | None = _typed("guardian1.ethnic_group")
    employer: str | None = _typed("guardian1.employer")
    post: str | None = _typed("guardian1.post")


@strawberry.input(description="What may be edited of a pupil without approval (非关键信息).")
class PlainInput:
    """What is not key data."""

    birthplace_code: str | None = _typed("birthplace_code")
    ancestral_place: str | None = _typed("ancestral_place")
    ethnic_group: str | None = _typed("ethnic_group")
    nationality: str | None = _typed("nationality")
    overseas_status: str | None = _typed("overseas_status")
    health: str | None = _typed("health")
    political_status: str | None = _typed("political_status")
    residence_nature: str | None = _typed("residence_nature")
    residence_code: str | None = _typed("residence_code")
    entry_month: date | None = _typed("entry_month")
    admission_type: str | None = _typed("admission_type")
    attendance_type: str | None = _typed("attendance_type")
    present_address: str | None = _typed("present_address")
    mail_address: str | None = _typed("mail_address")
    home_address: str | None = _typed("home_address")
    phone: str | None = _typed("phone")
    post_code: str | None = _typed("post_code")
    only_child: bool | None = _typed("only_child")
    preschool: bool | None = _typed("preschool")
    left_behind: str | None = _typed("left_behind")
    needs_aid: bool | None = _typed("needs_aid")
    living_allowance: bool | None = _typed("living_allowance")
    orphan: bool | None = _typed("orphan")
    martyr_child: bool | None = _typed("martyr_child")
    distance_km: Decimal | None = _typed("distance_km")
    travel_mode: str | None = _typed("travel_mode")
    needs_school_bus: bool | None = _typed("needs_school_bus")
    former_name: str | None = _typed("former_name")
    id_valid_period: str | None = _typed("id_valid_period")
    blood_type: str | None = _typed("blood_type")
    strengths: str | None = _typed("strengths")
    auxiliary_number: str | None = _typed("auxiliary_number")
    number_in_class: str | None = _typed("number_in_class")
    student_source: str | None = _typed("student_source")
    email: str | None = _typed("email")
    home_page: str | None = _typed("home_page")
    disability: str | None = _typed("disability")
    bought_place: bool | None = _typed("bought_place")
    inclusion: str | None = _typed("inclusion")
    migrant_child: bool | None = _typed("migrant_child")
    guardians: list[GuardianInput] | None = strawberry.field(
        default=UNSET, description="One or two family members; they replace those on record (家庭成员)."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A new pupil of a class (新建学籍). School, grade and student number follow from it.")
class CreateStudentInput(PlainInput):
    """A pupil to be."""

    class_id: strawberry.ID = strawberry.field(description="The class (班级标识).")
    name: str | None = _typed("name")
    sex: Sex | None = _typed("sex")
    birth_date: date | None = _typed("birth_date")
    id_type: str | None = _typed("id_type")
    id_number: str | None = _typed("id_number")


@strawberry.input(
    description="Edits of a pupil (修改学籍非关键信息). What is left out stays, null or blank empties it. Key data "
    "change by approval only."
)
class UpdateStudentInput(PlainInput):
    """Edits of a pupil."""

    id: strawberry.ID = strawberry.field(description="The pupil (学生标识).")
    version: int | None = strawberry.field(default=None, description=VERSION)


@strawberry.type(description="Something odd about what was entered (录入提示).")
class EntryFinding:
    """A finding."""

    field: str = strawberry.field(description="The input field, such as guardians[0].idNumber (字段).")
    code: str = strawberry.field(description="Stable code of the rule (规则代码).")
    message: str = strawberry.field(description="What is odd (提示内容).")
    remedy: str = strawberry.field(description="What to do about it (处理建议).")


@strawberry.type(description="The pupil as it is now (学生).")
class StudentPayload:
    """A new or edited pupil."""

    key: strawberry.Private[int]
    idempotency_key: strawberry.Private[str | None]

    @strawberry.field(description="The pupil, read after the commit (学生).")
    async def student(self, info: HubInfo) -> Student | None:
        """The pupil."""
        return await written(info, "Student", self.key, self.idempotency_key)


@strawberry.type(description="The new pupil, and what is odd about it (新建学籍结果).")
class CreateStudentPayload(StudentPayload):
    """A new pupil."""

    warnings: list[EntryFinding] = strawberry.field(
        description="What the province's register says of the like; never where or who (提示)."
    )


@strawberry.type
class EntryMutation:
    """Writes of one pupil."""

    @strawberry.mutation(
        description="Enter a pupil into a class by the rules of an import; all that is wrong is told at once in "
        "extensions.findings (新建学籍)."
    )
    async def create_student(
        self,
        info: HubInfo,
        input: Annotated[CreateStudentInput, argument("The pupil (学生).")],  # noqa: A002 -- GraphQL's word
    ) -> CreateStudentPayload:
        """Enter a pupil."""
        typed, family = _given(input)
        done = await entries.create(
            *desk(info),
            once("createStudent", input),
            class_id=key_of("class", input.class_id),
            typed=typed,
            family=family or (),
        )
        warnings = [EntryFinding(**each.told(info.context.language)) for each in done.warnings]
        return CreateStudentPayload(key=done.id, idempotency_key=input.idempotency_key, warnings=warnings)

    @strawberry.mutation(
        description="Edit what is not key data of a pupil by the rules of an import (修改学籍非关键信息)."
    )
    async def update_student(
        self,
        info: HubInfo,
        input: Annotated[UpdateStudentInput, argument("What to change (修改内容).")],  # noqa: A002 -- GraphQL's word
    ) -> StudentPayload:
        """Edit a pupil."""
        typed, family = _given(input)
        found = await entries.revise(
            *desk(info),
            once("updateStudent", input),
            student_id=key_of("student", input.id),
            typed=typed,
            family=family,
            version=input.version,
        )
        return StudentPayload(key=found, idempotency_key=input.idempotency_key)


def _given(given: CreateStudentInput | UpdateStudentInput) -> tuple[dict[str, Any], list[dict[str, Any]] | None]:
    """What was typed of the pupil, by column, and the family: None if nothing was said of it."""
    told: dict[str, Any] = {**strawberry.asdict(given)}
    typed = {key: value for key, value in told.items() if key in BY_SLOT}
    return typed, (told["guardians"] or []) if "guardians" in told else None
