"""Setting a school up: its data, campuses, grades, classes."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from hub import class_sheet, classes, files, schools
from hub.forming import Wanted
from hub.gate import Once
from hub.terms import RowOutcome, Stage
from schema.common import describe, key_of
from schema.context import HubInfo, argument
from schema.school import Campus, Grade, School
from schema.school_class import SchoolClass
from schema.write import KEY, VERSION, desk, once, written

describe(
    RowOutcome,
    "What became of a row of a sheet (行结果).",
    CREATED="It is in the register now (新增).",
    UNCHANGED="It says what the register says (未变).",
    REFUSED="It has faults and was not taken (未通过).",
)
_SCHOOL = "Opaque id of the school (学校标识)."
_EMPTIES = "null or blank empties it, left out it stays."
_YEAR = "School year, named by its autumn; the present one unless told (学年)."
_NUMBER = "Class number, 7 digits, unique in the school; issued by the hub unless told (班号)."
_NAME = "Name; the next of the usual kind, such as 三年级2班, unless told (班级名称)."
_CAMPUS = "Opaque id of its campus, where the school has several (校区)."
_TYPE = "Code of the class type; ordinary or combined unless told (班级类型)."
_FORMED = "A day of the month in which it was formed (建班年月)."
_TEACHER = "Class teacher (班主任)."
_MONITOR = "Monitor (班长)."


@strawberry.input(description="A stage's length of schooling (学段的学制).")
class StageLengthInput:
    """A stage and its length."""

    stage: Stage = strawberry.field(description="A stage the school teaches (学段).")
    length: int = strawberry.field(description="Length of schooling in years (学制).")


@strawberry.input(
    description="What a school says of itself (学校基本信息修改). Name, code, type, founder and place are the school "
    "list's and change by approval only."
)
class UpdateSchoolInput:
    """Changes of a school."""

    id: strawberry.ID = strawberry.field(description=_SCHOOL)
    version: int | None = strawberry.field(default=None, description=VERSION)
    english_name: str | None = strawberry.field(default=UNSET, description=f"English name (英文名称); {_EMPTIES}")
    address: str | None = strawberry.field(default=UNSET, description=f"Address (学校地址); {_EMPTIES}")
    post_code: str | None = strawberry.field(default=UNSET, description=f"Post code (邮政编码); {_EMPTIES}")
    phone: str | None = strawberry.field(default=UNSET, description=f"Phone of the office (学校电话); {_EMPTIES}")
    email: str | None = strawberry.field(default=UNSET, description=f"E-mail (电子信箱); {_EMPTIES}")
    head_name: str | None = strawberry.field(default=UNSET, description=f"Head (校长姓名); {_EMPTIES}")
    head_phone: str | None = strawberry.field(default=UNSET, description=f"The head's phone (校长电话); {_EMPTIES}")
    organisation_code: str | None = strawberry.field(
        default=UNSET, description=f"Organisation code (组织机构代码); {_EMPTIES}"
    )
    legal_person_number: str | None = strawberry.field(
        default=UNSET, description=f"Legal-person number (法人证书号); {_EMPTIES}"
    )
    land_title: str | None = strawberry.field(default=UNSET, description=f"Land title (土地证号); {_EMPTIES}")
    boarding_mode: str | None = strawberry.field(default=UNSET, description=f"Boarding mode (寄宿方式); {_EMPTIES}")
    teaching_language: str | None = strawberry.field(
        default=UNSET, description=f"Teaching language (教学语言); {_EMPTIES}"
    )
    stages: list[StageLengthInput] | None = strawberry.field(
        default=None,
        description="Lengths of schooling from today on; only a status authority changes them (学制，由主管部门修改).",
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A new campus (新建校区).")
class CreateCampusInput:
    """A campus to be."""

    school_id: strawberry.ID = strawberry.field(description=_SCHOOL)
    name: str = strawberry.field(description="Name, unique in the school (校区名称).")
    address: str | None = strawberry.field(default=None, description="Address (校区地址).")
    phone: str | None = strawberry.field(default=None, description="Phone (校区电话).")
    area: Decimal | None = strawberry.field(default=None, description="Area in square metres (占地面积).")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A grade to open (设置年级).")
class OpenGradeInput:
    """A grade to be."""

    school_id: strawberry.ID = strawberry.field(description=_SCHOOL)
    number: int = strawberry.field(description="1 to 12 through all stages; 10 is 高一 (年级序号).")
    school_year: int | None = strawberry.field(default=None, description=_YEAR)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A new class of one grade (新建班级).")
class CreateClassInput:
    """A class to be."""

    school_id: strawberry.ID = strawberry.field(description=_SCHOOL)
    grade: int = strawberry.field(description="Its grade, open in the school year (年级).")
    school_year: int | None = strawberry.field(default=None, description=_YEAR)
    official_number: str | None = strawberry.field(default=None, description=_NUMBER)
    name: str | None = strawberry.field(default=None, description=_NAME)
    campus_id: strawberry.ID | None = strawberry.field(default=None, description=_CAMPUS)
    type: str | None = strawberry.field(default=None, description=_TYPE)
    formed: date | None = strawberry.field(default=None, description=_FORMED)
    teacher_name: str | None = strawberry.field(default=None, description=_TEACHER)
    monitor_name: str | None = strawberry.field(default=None, description=_MONITOR)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A new class of several grades in one room (新建复式班).")
class CreateCombinedClassInput:
    """A combined class to be."""

    school_id: strawberry.ID = strawberry.field(description=_SCHOOL)
    grades: list[int] = strawberry.field(description="Two or more grades, all open in the school year (年级).")
    school_year: int | None = strawberry.field(default=None, description=_YEAR)
    official_number: str | None = strawberry.field(default=None, description=_NUMBER)
    name: str | None = strawberry.field(default=None, description=_NAME)
    campus_id: strawberry.ID | None = strawberry.field(default=None, description=_CAMPUS)
    type: str | None = strawberry.field(default=None, description=_TYPE)
    formed: date | None = strawberry.field(default=None, description=_FORMED)
    teacher_name: str | None = strawberry.field(default=None, description=_TEACHER)
    monitor_name: str | None = strawberry.field(default=None, description=_MONITOR)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="Classes to merge into another (并班).")
class MergeClassesInput:
    """Which classes, into which."""

    from_: list[strawberry.ID] = strawberry.field(
        name="from", description="The classes that give their pupils and are closed (被并班级)."
    )
    into: strawberry.ID = strawberry.field(description="The class that takes them (并入班级).")
    version: int | None = strawberry.field(default=None, description=f"Of the class that takes them. {VERSION}")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A class to close (撤销班级).")
class CloseClassInput:
    """Which class."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the class (班级标识).")
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="An uploaded class sheet and the school it is for (班级表导入).")
class CreateClassesInput:
    """Which file, which school."""

    school_id: strawberry.ID = strawberry.field(description=_SCHOOL)
    file_id: strawberry.ID = strawberry.field(description="The id that POST /files answered (文件标识).")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="The school as it is now (学校).")
class SchoolPayload:
    """A changed school."""

    key: strawberry.Private[int]
    idempotency_key: strawberry.Private[str | None]

    @strawberry.field(description="The school, read after the commit (学校).")
    async def school(self, info: HubInfo) -> School | None:
        """The school."""
        return await written(info, "School", self.key, self.idempotency_key)


@strawberry.type(description="The new campus (校区).")
class CampusPayload:
    """A new campus."""

    key: strawberry.Private[int]
    idempotency_key: strawberry.Private[str | None]

    @strawberry.field(description="The campus, read after the commit (校区).")
    async def campus(self, info: HubInfo) -> Campus | None:
        """The campus."""
        return await written(info, "Campus", self.key, self.idempotency_key)


@strawberry.type(description="The opened grade (年级).")
class GradePayload:
    """A new grade."""

    key: strawberry.Private[int]
    idempotency_key: strawberry.Private[str | None]

    @strawberry.field(description="The grade, read after the commit (年级).")
    async def grade(self, info: HubInfo) -> Grade | None:
        """The grade."""
        return await written(info, "Grade", self.key, self.idempotency_key)


@strawberry.type(description="The class as it is now (班级).")
class ClassPayload:
    """A new or changed class."""

    key: strawberry.Private[int]
    idempotency_key: strawberry.Private[str | None]

    @strawberry.field(description="The class, read after the commit (班级).")
    async def school_class(self, info: HubInfo) -> SchoolClass | None:
        """The class."""
        return await written(info, "SchoolClass", self.key, self.idempotency_key)


@strawberry.type(description="What a merger did (并班结果).")
class MergeClassesPayload(ClassPayload):
    """A class with the pupils of others."""

    moved: int = strawberry.field(description="How many pupils moved (并入人数).")
    closed: list[strawberry.ID] = strawberry.field(description="The classes that are closed now (已撤销的班级).")


@strawberry.type(description="What is wrong with a row, all its faults together (行错误).")
class RowError:
    """A refused row."""

    code: str = strawberry.field(description="The class of error of the first fault (错误类别).")
    key: str = strawberry.field(description="The first fault's key (错误代码).")
    message: str = strawberry.field(description="What is wrong (错误说明).")
    remedy: str = strawberry.field(description="What to do about it (修改建议).")


@strawberry.type(description="What became of a row of the class sheet (班级表行结果).")
class ClassRowResult:
    """A row of a class sheet."""

    index: int = strawberry.field(description="Row as Excel counts (行号).")
    official_number: str | None = strawberry.field(description="Class number; null if it cannot be read (班号).")
    outcome: RowOutcome = strawberry.field(description="What became of it (行结果).")
    id: strawberry.ID | None = strawberry.field(description="The class, new or as it was (班级标识).")
    error: RowError | None = strawberry.field(description="What is wrong, if it was refused (行错误).")


@strawberry.type(description="What became of a class sheet, row by row (班级表导入结果).")
class CreateClassesPayload:
    """The result of a class sheet."""

    created: int = strawberry.field(description="Rows that became classes (新增).")
    unchanged: int = strawberry.field(description="Rows whose class was there already (未变).")
    refused: int = strawberry.field(description="Rows with faults, not taken (未通过).")
    results: list[ClassRowResult] = strawberry.field(description="Every row, in the sheet's order (逐行结果).")


@strawberry.type
class SetupMutation:
    """Writes that set a school up."""

    @strawberry.mutation(description="Change what a school says of itself (修改学校基本信息).")
    async def update_school(
        self,
        info: HubInfo,
        input: Annotated[UpdateSchoolInput, argument("What to change (修改内容).")],  # noqa: A002 -- GraphQL's word
    ) -> SchoolPayload:
        """Update a school."""
        given: dict[str, Any] = {name: value for name, value in strawberry.asdict(input).items() if value is not UNSET}
        found = await schools.revise(
            *desk(info),
            Once(input.idempotency_key, "updateSchool", given),
            school_id=key_of("school", input.id),
            changes={key: value for key, value in given.items() if key in schools.FORM},
            lengths=[(stage.stage, stage.length) for stage in input.stages or ()],
            version=input.version,
        )
        return SchoolPayload(key=found, idempotency_key=input.idempotency_key)

    @strawberry.mutation(description="Add a campus to a school (新建校区).")
    async def create_campus(
        self,
        info: HubInfo,
        input: Annotated[CreateCampusInput, argument("The campus (校区).")],  # noqa: A002 -- GraphQL's word
    ) -> CampusPayload:
        """Create a campus."""
        found = await schools.add_campus(
            *desk(info),
            once("createCampus", input),
            school_id=key_of("school", input.school_id),
            texts={"name": input.name, "address": input.address, "phone": input.phone},
            area=input.area,
        )
        return CampusPayload(key=found, idempotency_key=input.idempotency_key)

    @strawberry.mutation(description="Open a grade of a school for a school year (设置年级).")
    async def open_grade(
        self,
        info: HubInfo,
        input: Annotated[OpenGradeInput, argument("The grade (年级).")],  # noqa: A002 -- GraphQL's word
    ) -> GradePayload:
        """Open a grade."""
        found = await schools.open_grade(
            *desk(info),
            once("openGrade", input),
            school_id=key_of("school", input.school_id),
            number=input.number,
            school_year=input.school_year,
        )
        return GradePayload(key=found, idempotency_key=input.idempotency_key)

    @strawberry.mutation(description="Form a class of an open grade (新建班级).")
    async def create_class(
        self,
        info: HubInfo,
        input: Annotated[CreateClassInput, argument("The class (班级).")],  # noqa: A002 -- GraphQL's word
    ) -> ClassPayload:
        """Create a class."""
        found = await classes.create(
            *desk(info),
            once("createClass", input),
            school_id=key_of("school", input.school_id),
            wanted=_wanted(input, [input.grade]),
        )
        return ClassPayload(key=found, idempotency_key=input.idempotency_key)

    @strawberry.mutation(description="Form a combined class of several open grades (新建复式班).")
    async def create_combined_class(
        self,
        info: HubInfo,
        input: Annotated[CreateCombinedClassInput, argument("The combined class (复式班).")],  # noqa: A002 -- as above
    ) -> ClassPayload:
        """Create a combined class."""
        found = await classes.create(
            *desk(info),
            once("createCombinedClass", input),
            school_id=key_of("school", input.school_id),
            wanted=_wanted(input, input.grades),
            combined=True,
        )
        return ClassPayload(key=found, idempotency_key=input.idempotency_key)

    @strawberry.mutation(description="Move all pupils of classes into another and close the emptied ones (并班).")
    async def merge_classes(
        self,
        info: HubInfo,
        input: Annotated[MergeClassesInput, argument("Which classes, into which (并班请求).")],  # noqa: A002 -- as above
    ) -> MergeClassesPayload:
        """Merge classes."""
        done = await classes.merge(
            *desk(info),
            once("mergeClasses", input),
            from_ids=[key_of("class", found) for found in input.from_],
            into_id=key_of("class", input.into),
            version=input.version,
        )
        closed = [strawberry.ID(f"class:{found}") for found in done["closed"]]
        return MergeClassesPayload(
            key=done["into"], idempotency_key=input.idempotency_key, moved=done["moved"], closed=closed
        )

    @strawberry.mutation(description="Close a class that has no pupils on its books (撤销班级).")
    async def close_class(
        self,
        info: HubInfo,
        input: Annotated[CloseClassInput, argument("Which class (班级).")],  # noqa: A002 -- GraphQL's word
    ) -> ClassPayload:
        """Close a class."""
        found = await classes.close(
            *desk(info), once("closeClass", input), class_id=key_of("class", input.id), version=input.version
        )
        return ClassPayload(key=found, idempotency_key=input.idempotency_key)

    @strawberry.mutation(
        description="Form the classes of a class sheet: sound rows are taken, the others told (按班级表批量建班)."
    )
    async def create_classes(
        self,
        info: HubInfo,
        input: Annotated[CreateClassesInput, argument("Which file, which school (文件与学校).")],  # noqa: A002 -- as above
    ) -> CreateClassesPayload:
        """Create classes from a sheet."""
        context = info.context
        key, _ = await files.find(context.database, context.caller(), key_of("file", input.file_id))
        told = await class_sheet.apply(
            *desk(info),
            once("createClasses", input),
            school_id=key_of("school", input.school_id),
            data=await context.files.get(key),
        )
        outcomes = [row.outcome for row in told]
        return CreateClassesPayload(
            created=outcomes.count(RowOutcome.CREATED),
            unchanged=outcomes.count(RowOutcome.UNCHANGED),
            refused=outcomes.count(RowOutcome.REFUSED),
            results=[_result(info, row) for row in told],
        )


def _wanted(given: CreateClassInput | CreateCombinedClassInput, grades: list[int]) -> Wanted:
    return Wanted(
        grades=grades,
        school_year=given.school_year,
        official_number=given.official_number,
        name=given.name,
        campus_id=None if given.campus_id is None else key_of("campus", given.campus_id),
        type=given.type,
        formed=given.formed,
        teacher_name=given.teacher_name,
        monitor_name=given.monitor_name,
    )


def _result(info: HubInfo, row: class_sheet.Told) -> ClassRowResult:
    texts: list[Any] = row.texts(info.context.language)
    error = None
    if texts:
        code, key, _, _ = texts[0]
        messages, remedies = (dict.fromkeys(text[place] for text in texts) for place in (2, 3))
        error = RowError(code=code, key=key, message="".join(messages), remedy="".join(remedies))
    return ClassRowResult(
        index=row.row,
        official_number=row.number,
        outcome=row.outcome,
        id=None if row.class_id is None else strawberry.ID(f"class:{row.class_id}"),
        error=error,
    )
