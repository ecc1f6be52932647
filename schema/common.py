"""What every noun shares: ids, connections, codes."""

import enum
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from sqlalchemy import ARRAY, Text
from strawberry.types.arguments import StrawberryArgument

from hub import names
from hub.terms import (
    AbsenceKind,
    EnrolmentState,
    Founder,
    ImportMode,
    ImportState,
    PhotoImportState,
    PhotoOutcome,
    PhotoState,
    PlaceLevel,
    ProblemKind,
    ProblemState,
    Resolution,
    RowVerdict,
    Sex,
    Stage,
    Undoing,
)
from loaders import name_search
from loaders.declare import Extra, Join, Kind, TypedId, argument, many

T = TypeVar("T")


def describe(words: type[StrEnum], description: str, **values: str) -> None:
    """Give a closed list of the register, and each of its words, a description in the schema."""
    strawberry.enum(words, description=description)
    definition: Any = words.__dict__["__strawberry_definition__"]
    for value in definition.values:
        value.description = values[value.name]


describe(
    PlaceLevel,
    "Level of a place (行政级别).",
    PROVINCE="Province (省级).",
    CITY="City (地市级).",
    COUNTY="County, district or county-level city (区县级).",
)
describe(
    Stage,
    "Stage of schooling (学段).",
    PRIMARY="Primary (小学).",
    JUNIOR="Junior high (初中).",
    SENIOR="Senior high (普通高中).",
)
describe(
    Founder,
    "Who runs a school (举办者).",
    EDUCATION_DEPARTMENT="An education department (教育部门).",
    OTHER_DEPARTMENT="Another department or an enterprise (其他部门).",
    PRIVATE="A private body (民办).",
    UNCLEAR="Not yet clear (隶属关系不明).",
)
describe(Sex, "Sex as registered (性别, GB/T 2261.1).", MALE="Male (男).", FEMALE="Female (女).")
describe(
    EnrolmentState,
    "Where a pupil stands (学籍状态).",
    IN_SCHOOL="In school (在读).",
    SUSPENDED="Suspended for a time (休学).",
    TRANSFERRED_OUT="Transferred out of the register (转出).",
    GRADUATED="Graduated (毕业).",
    WITHDRAWN="Withdrawn, senior high only (退学).",
    DROPPED_OUT="Dropped out; the record is kept (辍学).",
    ABROAD="Abroad (出国).",
    MISSING="Missing (失踪).",
    OTHER_LEAVE="Left otherwise (其他离校).",
    EXPELLED="Expelled, senior high only (开除).",
    DEAD="Dead (死亡).",
    DELETED="Deleted as a false or second record; kept for the log only (已删除的虚假或重复学籍).",
)
describe(
    ProblemKind,
    "Kind of problem record (问题学籍类型).",
    ID_INVALID="The identity number breaks the rules of GB 11643 (身份证号错误).",
    ID_DUPLICATED="Another pupil bears the same identity number (身份证号重复).",
    NAME_SEX_BIRTH="Another shares name, sex and birth date, and one of them has no number (姓名性别出生日期重复).",
)
describe(
    ProblemState,
    "Whether a problem record wants somebody (问题学籍状态).",
    OPEN="It stands (待处理).",
    CLOSED="It is settled (已处理).",
)
describe(
    Resolution,
    "How a problem record was closed (处理结果).",
    CAUSE_GONE="What was wrong is no longer so (原因已消除).",
    CHANGE="Key data were changed (变更).",
    EVIDENCE="Evidence shows that it is right as it is (佐证).",
    DELETE="The record was a false or second one (删除).",
)
describe(
    AbsenceKind,
    "What a pupil who was not simply present was (出勤情况).",
    ABSENT="Absent without leave (缺勤).",
    LATE="Late, and so present (迟到).",
    SICK_LEAVE="On sick leave (病假).",
    PERSONAL_LEAVE="On personal leave (事假).",
)
describe(
    ImportState,
    "How far an import has come (导入状态).",
    QUEUED="It waits its turn (排队中).",
    READING="Its rows are read and judged (校验中).",
    JUDGED="Its rows are judged, and nothing was to be applied yet (已校验，未导入).",
    HELD="It exceeds a threshold: a leader must confirm it (待领导确认).",
    APPLYING="Its rows are being written (导入中).",
    APPLIED="Its sound rows are in the register (已导入).",
    REFUSED="Nothing was written: no row was sound, or not all were, as asked for (未导入).",
    FAILED="The file could not be read, the right was lost, or it broke off; what it wrote can be undone (导入失败).",
    CANCELLED="It was withdrawn before anything was written (已取消).",
    UNDOING="What it wrote is being taken back (撤销中).",
    UNDONE="What it wrote was taken back, but for later edits (已撤销).",
)
describe(
    ImportMode,
    "What is done with a workbook once its rows are judged (导入方式).",
    JUDGE_ONLY="Nothing: the verdicts are all that is asked for (仅校验).",
    SOUND_ROWS="Sound rows are taken, faulty ones are told (导入合格行).",
    ALL_OR_NOTHING="All rows are taken in one transaction, or none (全部合格才导入).",
)
describe(
    RowVerdict,
    "What applying a row of a workbook does (行判定).",
    CREATE="A new student (新增).",
    UPDATE="Other data of a known student (更新).",
    UNCHANGED="Nothing: the register says the same (未变).",
    REFUSE="Nothing: something is wrong with it (未通过).",
    MISSING="A student on record whom a whole workbook leaves out; nothing is done (表中缺少).",
)
describe(
    Undoing,
    "What undoing an import did to one of its rows (撤销结果).",
    UNDONE="Taken back (已撤销).",
    KEPT="Kept, whole or in part: it was edited later (保留后续修改).",
)
describe(
    PhotoState,
    "How far a pupil's photo has come (照片状态).",
    PENDING="It waits for a leader of the school (待审核).",
    APPROVED="It is the pupil's photo (审核通过).",
    REFUSED="It was refused, for a reason; its bytes are gone (审核不通过).",
    REPLACED="A newer one took its place; its bytes are gone (已被替换).",
)
describe(
    PhotoImportState,
    "How far an import of photos has come (照片导入状态).",
    QUEUED="Its turn has not come yet (排队中).",
    RUNNING="Not all files have been seen to (处理中).",
    DONE="Every file has been seen to (已完成).",
    FAILED="It could not be gone on with; what it had taken is kept (导入失败).",
)
describe(
    PhotoOutcome,
    "What became of a file among the photos (照片文件处理结果).",
    TAKEN="It is a pupil's photo and waits for approval (已接收).",
    UNCHANGED="The pupil has this very photo already (未变).",
    REFUSED="It was not taken; the report says why (未通过).",
    IGNORED="It is no photo (已忽略).",
)


@strawberry.enum(description="What a count means by 'at this place' (统计口径).")
class CountBy(enum.Enum):
    """Managed from the place, or standing on its ground."""

    MANAGEMENT = strawberry.enum_value("MANAGEMENT", description="Schools managed by the place (按管理).")
    TERRITORY = strawberry.enum_value("TERRITORY", description="Schools standing in the place (属地).")


@strawberry.enum(description="A dimension to count by (统计维度).")
class CountDimension(enum.Enum):
    """What the rows of a count are told apart by."""

    GRADE = strawberry.enum_value("GRADE", description="Grade 1 to 12 (年级).")
    SEX = strawberry.enum_value("SEX", description="Sex (性别).")
    STATE = strawberry.enum_value("STATE", description="Enrolment state (学籍状态).")
    SCHOOL_YEAR = strawberry.enum_value("SCHOOL_YEAR", description="School year (学年).")


@strawberry.interface(description="Whatever can be looked up by its id alone (对象).")
class Node:
    """An object with an id of its own."""

    id: strawberry.ID = strawberry.field(description="Opaque id (标识).")


@strawberry.type(description="One option of a versioned code list (代码): the code and its present name.")
class Code:
    """A code with its name."""

    code: str = strawberry.field(description="The code, as the standard writes it (代码).")
    name: str = strawberry.field(description="Its Chinese name (名称).")


@strawberry.type(description="Where a page stands in its connection (分页信息).")
class PageInfo:
    """Relay page info."""

    has_next_page: bool = strawberry.field(description="Whether more follow (是否有下一页).")
    has_previous_page: bool = strawberry.field(description="Whether some come before (是否有上一页).")
    start_cursor: str | None = strawberry.field(description="Cursor of the first node (首个游标).")
    end_cursor: str | None = strawberry.field(description="Cursor of the last node (末个游标).")


@strawberry.type(description="A node with its cursor (连接中的一项).")
class Edge(Generic[T]):
    """Relay edge."""

    cursor: str = strawberry.field(description="Opaque; good for this caller and this query only (游标).")
    node: T = strawberry.field(description="The node (节点).")


@strawberry.type(description="A page of nodes (分页列表).")
class Connection(Generic[T]):
    """Relay connection."""

    nodes: list[T] = strawberry.field(description="The nodes of this page (本页各项).")
    edges: list[Edge[T]] = strawberry.field(description="The nodes with their cursors (带游标的各项).")
    page_info: PageInfo = strawberry.field(description="Where this page stands (分页信息).")
    total_count: int = strawberry.field(description="How many there are in scope, over all pages (总数).")


NAMED = {
    "nameLike": Extra(
        name_search.found,
        ARRAY(Text),
        str,
        "Part of the name: characters, pinyin or its initials, such as 小明, xiaoming, xm or 王xm (姓名包含).",
        field="name",
        value=names.wanted_terms,
        area=name_search.area,
    )
}
"""The filter of what has a name, beside those of its fields."""


def typed_id(kind: str) -> TypedId:
    """The id of a row as a typed opaque string: `student:123`."""
    return TypedId(kind)


def key_of(kind: str, given: Any) -> int:
    """The number in a typed id. Raises BadInput if it is not an id of this kind."""
    return TypedId(kind).read(given)


def paging(of: str) -> list[StrawberryArgument]:
    """The arguments of every list of a graph type."""
    where = Annotated[f"{of}Filter", strawberry.lazy("schema.filters")]  # type: ignore[valid-type]  # made there, by name
    order = Annotated[f"{of}Order", strawberry.lazy("schema.filters")]  # type: ignore[valid-type]  # made there, by name
    return [
        argument("where", where | None, "Which of them (筛选条件)."),
        argument("order_by", list[order] | None, "In which order (排序)."),  # type: ignore[valid-type]  # as above
        argument("first", int | None, "How many from the front (每页数量); 50 unless told."),
        argument("after", str | None, "Continue after this cursor (从此游标之后)."),
        argument("last", int | None, "How many from the back (倒数数量)."),
        argument("before", str | None, "Continue before this cursor (从此游标之前)."),
    ]


def connection(of: str, kind: Kind, join: Join, description: str, *, order: Sequence[str] = ("id",)) -> Any:
    """A field that is a connection of a graph type, with the arguments of every connection."""
    return many(kind, join, description, order=order, arguments=paging(of))
