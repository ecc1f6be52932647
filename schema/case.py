"""Cases: business that waits for somebody's approval, what was decided, and the transfers inside a county."""

import enum
from datetime import date, datetime
from typing import Annotated, Any

import strawberry
from sqlalchemy import Date, FromClause, Select, Text, and_, cast, func, literal_column, or_, select
from sqlalchemy import case as sqlcase
from sqlalchemy import column as bare
from sqlalchemy import table as view

from hub import cases, models, transfers
from hub.terms import CaseKind, CaseState, RefusalReason, Resolution, Sex, Side, StepState, Verdict
from loaders import mask
from loaders.declare import Expression, Extra, Held, Sided, Sort, column, graph, owned_list, up
from schema.common import Connection, Node, describe, key_of, typed_id
from schema.context import HubInfo, argument
from schema.query import by_id, listing
from schema.school import LazySchool
from schema.student import Student
from schema.write import KEY, VERSION, desk, once, written

C = models.Case
S = models.CaseStep
D = models.CaseDecision

describe(
    CaseKind,
    "What a case asks for (业务类型).",
    TRANSFER_IN_COUNTY="Transfer inside a county (县内转学).",
    PROBLEM_RESOLUTION="Resolution of a problem record (问题学籍处理).",
)
describe(
    CaseState,
    "How far a case has come (业务状态).",
    OPEN="Waiting for somebody (在办).",
    DONE="Approved by all and carried out (办结).",
    REFUSED="Refused by one (不同意).",
    WITHDRAWN="Taken back by who asked (已撤回).",
)
describe(
    Side,
    "Which office decides a step (办理单位).",
    SENDING_SCHOOL="The school the pupil leaves (转出学校).",
    RECEIVING_SCHOOL="The school the pupil comes to (转入学校).",
    AUTHORITY="The status authority (学籍主管部门).",
)
describe(
    StepState,
    "How a step stands (步骤状态).",
    WAITING="Its turn will come (待办).",
    CURRENT="It has its turn (办理中).",
    APPROVED="Approved (同意).",
    REFUSED="Refused (不同意).",
    DROPPED="Not wanted any more (不再办理).",
)
describe(
    Verdict,
    "What somebody did to a case (办理意见).",
    REQUEST="Asked for it (申请).",
    APPROVE="Approved a step (同意).",
    REFUSE="Refused a step (不同意).",
    WITHDRAW="Took it back (撤回).",
)
describe(
    RefusalReason,
    "Why a step was refused (不同意原因).",
    NOT_ENROLLED_THERE="The pupil is not enrolled there (学生不在该校就读).",
    IDENTITY_DIFFERS="Identity data differ (身份信息不符).",
    EVIDENCE_INSUFFICIENT="The evidence does not prove it (证明材料不足).",
    CONDITIONS_NOT_MET="The conditions are not met (不符合办理条件).",
    CLASS_FULL="The class is full (班级已满).",
    OTHER="Another reason, told in the note (其他，见说明).",
)


@strawberry.enum(description="How a step can be decided (核办意见).")
class StepVerdict(enum.Enum):
    """The two ways to decide."""

    APPROVE = strawberry.enum_value("APPROVE", description="Approve (同意).")
    REFUSE = strawberry.enum_value("REFUSE", description="Refuse, with a reason (不同意).")


def _school_at(name: str) -> Expression:
    """The id of the school at the path in a column."""
    schools = view("school_cards", bare("id"), bare("path"))

    def found(row: FromClause) -> Any:
        card = schools.alias()
        return select(card.c.id).where(card.c.path == row.c[name]).correlate(row).scalar_subquery()

    return found


def _office_at(name: str) -> Expression:
    """The name of the school or office at the path in a column."""
    schools = view("school_cards", bare("name"), bare("path"))
    places = view("place_cards", bare("name"), bare("office"), bare("path"))

    def found(row: FromClause) -> Any:
        school, place = schools.alias(), places.alias()
        office = func.coalesce(place.c.office, place.c.name)
        return func.coalesce(
            select(school.c.name).where(school.c.path == row.c[name]).correlate(row).scalar_subquery(),
            select(office).where(place.c.path == row.c[name]).correlate(row).scalar_subquery(),
        )

    return found


def _agreed(case: FromClause) -> Any:
    """Whether the sending school has agreed."""
    steps = models.CaseStep.__table__.alias()
    found: Select[Any] = select(literal_column("1")).where(steps.c.case_id == case.c.id)
    found = found.where(steps.c.side == literal_column(f"'{Side.SENDING_SCHOOL}'"))
    return found.where(steps.c.state == literal_column(f"'{StepState.APPROVED}'")).correlate(case).exists()


def _told(held: Held, case: FromClause) -> Any:
    """Whether the caller is told which school a pupil would leave: its own side, who decides, and all once it agreed.

    Until then a school that knows a child's name and number must not learn where the child is.
    """
    transfer = case.c.kind == literal_column(f"'{CaseKind.TRANSFER_IN_COUNTY}'")
    return or_(~transfer, held(case.c.other_path), _agreed(case))


def _other_school(held: Held, case: FromClause) -> Any:
    return sqlcase((_told(held, case), _school_at("other_path")(case)))


def _waiting_office(held: Held, case: FromClause) -> Any:
    """Whose turn it is; to who may not know that school, the authority, which can be called."""
    steps = models.CaseStep.__table__.alias()
    authority = select(func.min(_office_at("office")(steps))).where(steps.c.case_id == case.c.id)
    authority = authority.where(steps.c.side == literal_column(f"'{Side.AUTHORITY}'")).correlate(case)
    open_to = or_(case.c.waiting_path != case.c.other_path, _told(held, case))
    waiting = case.c.waiting_path.is_not(None)
    return sqlcase((and_(waiting, open_to), _office_at("waiting_path")(case)), (waiting, authority.scalar_subquery()))


def _step_office(held: Held, step: FromClause) -> Any:
    owner = models.Case.__table__.alias()
    told = select(literal_column("1")).where(owner.c.id == step.c.case_id, _told(held, owner)).correlate(step).exists()
    sending = step.c.side == literal_column(f"'{Side.SENDING_SCHOOL}'")
    return sqlcase((or_(~sending, told), _office_at("office")(step)))


def _waiting_at(row: FromClause, code: Any) -> Sided:
    schools = view("school_cards", bare("code"), bare("path")).alias()
    at_school = select(schools.c.path).where(schools.c.code == code).scalar_subquery()
    at = or_(row.c.waiting_path == code, row.c.waiting_path == at_school)
    return Sided(lambda held, case: and_(at, or_(case.c.waiting_path != case.c.other_path, _told(held, case))))


def _subject(row: FromClause) -> Any:
    subjects = models.CaseSubject.__table__.alias()
    first = select(func.min(subjects.c.student_id)).where(subjects.c.case_id == row.c.id)
    return first.correlate(row).scalar_subquery()


def _typed(*keys: str) -> Expression:
    def found(row: FromClause) -> Any:
        value: Any = row.c.details
        for key in keys:
            value = value[key]
        return value.astext

    return found


def _birth_date(row: FromClause) -> Any:
    return cast(_typed("change", "birth_date")(row), Date)


def _evidence(row: FromClause) -> Any:
    files = models.CaseFile.__table__.alias()
    return select(func.count()).where(files.c.case_id == row.c.id).correlate(row).scalar_subquery()


@graph(models.CaseStep, "case")
@strawberry.type(description="A step of a case (办理步骤).")
class CaseStep:
    """A step."""

    ordinal: int = column(S.ordinal, "Its place in the chain, from 1 (步骤序号).")
    office: str | None = column(
        Sided(_step_office), "The office that decides it; the school a pupil would leave, once it agreed (承办单位)."
    )
    side: Side = column(S.side, "Which side of the case that is (办理单位).")
    state: StepState = column(S.state, "How it stands (步骤状态).")
    due: date | None = column(S.due, "The last day to decide it, once it has its turn (办理期限).")
    decided_at: datetime | None = column(S.decided_at, "When it was decided (办理时间).")


@graph(models.CaseDecision, "case")
@strawberry.type(description="What somebody did to a case (办理记录).")
class CaseDecision:
    """A decision. It tells the role, not the person."""

    verdict: Verdict = column(D.verdict, "What was done (办理意见).")
    reason: RefusalReason | None = column(D.reason, "Why it was refused (不同意原因).")
    note: str | None = column(D.note, "What was said for it (说明).")
    role: str = column(D.role, "The role that did it (办理角色).")
    at: datetime = column(D.at, "When (办理时间).")


@graph(
    models.Case,
    "case",
    order=("-id",),
    paths=("path", "other_path"),
    sorts={"OPENED_AT": Sort("opened_at", "When it was asked for (申请时间).")},
    extras={
        "waitingAt": Extra(
            _waiting_at, Text(), str, "Where it is the turn of this division or school code (当前承办单位代码)."
        )
    },
)
@strawberry.type(description="A piece of business that needs approval (业务).")
class Case(Node):
    """A case, seen from either side of it."""

    id: strawberry.ID = column(typed_id("case"), "Opaque id (标识).")
    kind: CaseKind = column(C.kind, "What it asks for (业务类型).")
    state: CaseState = column(C.state, "How far it has come (业务状态).")
    school: LazySchool | None = up(_school_at("path"), "The school that asked (申请学校).")
    other_school: LazySchool | None = up(
        Sided(_other_school),
        "The school on the other side; the one a pupil would leave is told once it agreed (另一方学校).",
    )
    waiting_office: str | None = column(
        Sided(_waiting_office),
        "Whose turn it is; to who may not know that school, the authority (当前承办单位).",
    )
    due: date | None = column(C.due, "The last day of the present step (办理期限).")
    opened_at: datetime = column(C.opened_at, "When it was asked for (申请时间).")
    closed_at: datetime | None = column(C.closed_at, "When it was closed (办结时间).")
    pupil_name: str | None = column(
        _typed("name"), "The name the asking side typed; of a change, the new one (申请方填写的姓名)."
    )
    typed_number: str | None = column(
        _typed("number"),
        "The number the asking side typed; of a change, the new identity number (申请方填写的号码).",
        masked=mask.tail(_typed("number"), 6),
        exact=True,
    )
    resolution: Resolution | None = column(
        _typed("how"), "Of a problem record's resolution: what is asked for (申请的处理方式)."
    )
    typed_sex: Sex | None = column(_typed("change", "sex"), "The sex a change would write (拟更正的性别).")
    typed_birth_date: date | None = column(_birth_date, "The birth date a change would write (拟更正的出生日期).")
    typed_id_type: str | None = column(
        _typed("change", "id_type"),
        "The code of the identity document a change would write (拟更正的身份证件类型代码).",
    )
    evidence: int = column(_evidence, "How many files prove it (佐证材料份数).")
    student: Student | None = up(
        _subject, "The pupil, in your area or opened to you for this case (学生).", leased=True
    )
    steps: list[CaseStep] = owned_list(
        lambda case, step: step.c.case_id == case.c.id, "Its steps, in order (办理步骤).", order=("ordinal",)
    )
    decisions: list[CaseDecision] = owned_list(
        lambda case, decision: decision.c.case_id == case.c.id, "What was done to it so far (办理记录).", order=("id",)
    )
    version: int = column(C.version, "Counts the changes (版本号).")


@strawberry.type
class CaseQuery:
    """Reads of cases."""

    @strawberry.field(description="A case by id (查业务).")
    async def case(
        self,
        info: HubInfo,
        id: Annotated[strawberry.ID, argument("Opaque id (标识).")],  # noqa: A002 -- GraphQL's word
    ) -> Case | None:
        """A case."""
        return await by_id(info, "Case", "case", id)

    cases: Connection[Case] | None = listing("Case", Connection[Case], "Cases with a side in your area (辖区内业务).")


@strawberry.input(description="Which pupil is to come to which class (转学申请).")
class RequestTransferInput:
    """A transfer as the receiving school asks for it."""

    school_id: strawberry.ID = strawberry.field(description="The receiving school (转入学校).")
    class_id: strawberry.ID = strawberry.field(description="The class the pupil is to come to (转入班级).")
    name: str = strawberry.field(description="The pupil's name, exactly (姓名).")
    student_number: str | None = strawberry.field(
        default=None, description="Student number; this or idNumber (学籍号)."
    )
    id_number: str | None = strawberry.field(
        default=None, description="Identity number; this or studentNumber (身份证件号)."
    )
    reason: str = strawberry.field(description="Why the pupil changes school (转学原因).")
    file_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Your uploads that prove it (证明材料)."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="How a case's present step is decided (核办).")
class DecideCaseInput:
    """A decision."""

    id: strawberry.ID = strawberry.field(description="The case (业务标识).")
    version: int | None = strawberry.field(default=None, description=VERSION)
    verdict: StepVerdict = strawberry.field(description="Approve or refuse (核办意见).")
    reason: RefusalReason | None = strawberry.field(default=None, description="Why not, if refused (不同意原因).")
    note: str | None = strawberry.field(default=None, description="A remark, read by both sides (说明).")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="Which case is taken back (撤回).")
class WithdrawCaseInput:
    """A withdrawal."""

    id: strawberry.ID = strawberry.field(description="The case (业务标识).")
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="A case after what was done to it (办理结果).")
class CasePayload:
    """The case, read after the commit."""

    key: strawberry.Private[int]
    idempotency_key: strawberry.Private[str | None] = None

    @strawberry.field(description="The case as it stands now (业务).")
    async def case(self, info: HubInfo) -> Case | None:
        """The case."""
        return await written(info, "Case", self.key, self.idempotency_key)


@strawberry.type
class CaseMutation:
    """Writes of cases."""

    @strawberry.mutation(description="Ask for a pupil of the county to be transferred to your school (申请县内转学).")
    async def request_transfer(
        self,
        info: HubInfo,
        input: Annotated[RequestTransferInput, argument("Which pupil, to which class (转学申请).")],  # noqa: A002 -- GraphQL's word
    ) -> CasePayload:
        """Ask for a transfer."""
        found = await transfers.request(
            *desk(info),
            once("requestTransfer", input),
            school_id=key_of("school", input.school_id),
            class_id=key_of("class", input.class_id),
            pupil=transfers.typed(input.name, input.student_number, input.id_number),
            why=input.reason,
            files=[key_of("file", one) for one in input.file_ids],
        )
        return CasePayload(key=found, idempotency_key=input.idempotency_key)

    @strawberry.mutation(description="Approve or refuse the step of a case that waits for your office (核办业务).")
    async def decide_case(
        self,
        info: HubInfo,
        input: Annotated[DecideCaseInput, argument("Which case, and how (核办意见).")],  # noqa: A002 -- GraphQL's word
    ) -> CasePayload:
        """Decide a step."""
        found = await cases.decide(
            *desk(info),
            once("decideCase", input),
            case_id=key_of("case", input.id),
            version=input.version,
            verdict=Verdict[input.verdict.name],
            reason=input.reason,
            note=input.note,
        )
        return CasePayload(key=found, idempotency_key=input.idempotency_key)

    @strawberry.mutation(description="Take back a case your office asked for, while it is open (撤回业务).")
    async def withdraw_case(
        self,
        info: HubInfo,
        input: Annotated[WithdrawCaseInput, argument("Which case (业务).")],  # noqa: A002 -- GraphQL's word
    ) -> CasePayload:
        """Withdraw a case."""
        found = await cases.withdraw(
            *desk(info), once("withdrawCase", input), case_id=key_of("case", input.id), version=input.version
        )
        return CasePayload(key=found, idempotency_key=input.idempotency_key)
