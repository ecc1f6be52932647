"""The closed lists of the register: words that only a release changes.

Lists that change by decree (ethnic groups, ID types, nationalities) are versioned code lists instead: `hub/codes/`.
"""

from enum import StrEnum


class RegisterState(StrEnum):
    """Whether the register is tried out or in force (学籍库状态). It goes from the one to the other, never back."""

    TRIAL = "TRIAL"
    LIVE = "LIVE"


class PlaceLevel(StrEnum):
    """The level of a place in the administrative tree (行政级别)."""

    PROVINCE = "PROVINCE"
    CITY = "CITY"
    COUNTY = "COUNTY"


class Stage(StrEnum):
    """A stage of schooling (学段); its length in years is the school's (学制)."""

    PRIMARY = "PRIMARY"
    JUNIOR = "JUNIOR"
    SENIOR = "SENIOR"


class Founder(StrEnum):
    """Who founded and runs a school (举办者); affiliation may be unclear, and then says so."""

    EDUCATION_DEPARTMENT = "EDUCATION_DEPARTMENT"
    OTHER_DEPARTMENT = "OTHER_DEPARTMENT"
    PRIVATE = "PRIVATE"
    UNCLEAR = "UNCLEAR"


class Sex(StrEnum):
    """Sex as registered (性别, GB/T 2261.1: 1 男, 2 女)."""

    MALE = "MALE"
    FEMALE = "FEMALE"


class EnrolmentState(StrEnum):
    """Where a pupil stands (学籍状态); only pupils in school are promoted or graduate."""

    IN_SCHOOL = "IN_SCHOOL"
    SUSPENDED = "SUSPENDED"
    TRANSFERRED_OUT = "TRANSFERRED_OUT"
    GRADUATED = "GRADUATED"
    WITHDRAWN = "WITHDRAWN"
    DROPPED_OUT = "DROPPED_OUT"
    ABROAD = "ABROAD"
    MISSING = "MISSING"
    OTHER_LEAVE = "OTHER_LEAVE"
    EXPELLED = "EXPELLED"
    DEAD = "DEAD"
    DELETED = "DELETED"


class LeaseView(StrEnum):
    """How much of a pupil a lease opens: a preview before a transfer, or the whole record."""

    PREVIEW = "PREVIEW"
    RECORD = "RECORD"


class ImportState(StrEnum):
    """How far an import has come (导入状态)."""

    QUEUED = "QUEUED"
    READING = "READING"
    JUDGED = "JUDGED"
    HELD = "HELD"
    APPLYING = "APPLYING"
    APPLIED = "APPLIED"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    UNDOING = "UNDOING"
    UNDONE = "UNDONE"


class ImportMode(StrEnum):
    """What is done with a workbook once its rows are judged (导入方式)."""

    JUDGE_ONLY = "JUDGE_ONLY"
    SOUND_ROWS = "SOUND_ROWS"
    ALL_OR_NOTHING = "ALL_OR_NOTHING"


class RowVerdict(StrEnum):
    """What applying a row of a workbook would do (行判定)."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    UNCHANGED = "UNCHANGED"
    REFUSE = "REFUSE"
    MISSING = "MISSING"


class Undoing(StrEnum):
    """What undoing an import did to one of its rows (撤销结果)."""

    UNDONE = "UNDONE"
    KEPT = "KEPT"


FINISHED_IMPORTS = frozenset({"JUDGED", "APPLIED", "REFUSED", "FAILED", "CANCELLED", "UNDONE"})
"""The states from which an import does not go on unless it is asked to; a held one still waits for its leader."""


class RowOutcome(StrEnum):
    """What became of a row of a sheet (行结果)."""

    CREATED = "CREATED"
    UNCHANGED = "UNCHANGED"
    REFUSED = "REFUSED"


class PhotoState(StrEnum):
    """How far a pupil's photo has come (照片状态)."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REFUSED = "REFUSED"
    REPLACED = "REPLACED"


class PhotoImportState(StrEnum):
    """How far an import of photos has come (照片导入状态)."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


class PhotoOutcome(StrEnum):
    """What became of a file among the photos (照片文件结果)."""

    TAKEN = "TAKEN"
    UNCHANGED = "UNCHANGED"
    REFUSED = "REFUSED"
    IGNORED = "IGNORED"


class Outcome(StrEnum):
    """How an audited action ended."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"


class ProblemKind(StrEnum):
    """A kind of problem record (问题学籍)."""

    ID_INVALID = "ID_INVALID"
    ID_DUPLICATED = "ID_DUPLICATED"
    NAME_SEX_BIRTH = "NAME_SEX_BIRTH"


class ProblemState(StrEnum):
    """Whether a problem record still wants somebody (问题学籍状态)."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


class Resolution(StrEnum):
    """How a problem record was closed (处理结果)."""

    CAUSE_GONE = "CAUSE_GONE"
    CHANGE = "CHANGE"
    EVIDENCE = "EVIDENCE"
    DELETE = "DELETE"


class CaseKind(StrEnum):
    """What a case asks for (业务类型). Its chain of steps is data: `chains`."""

    TRANSFER_IN_COUNTY = "TRANSFER_IN_COUNTY"
    PROBLEM_RESOLUTION = "PROBLEM_RESOLUTION"


class CaseState(StrEnum):
    """How far a case has come (业务状态)."""

    OPEN = "OPEN"
    DONE = "DONE"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"


class Slot(StrEnum):
    """What a pupil can have one open case of at a time; watches block nothing."""

    BUSINESS = "BUSINESS"
    PROBLEM = "PROBLEM"
    WATCH = "WATCH"


class Side(StrEnum):
    """Who decides a step, seen from the pupil (办理单位)."""

    SENDING_SCHOOL = "SENDING_SCHOOL"
    RECEIVING_SCHOOL = "RECEIVING_SCHOOL"
    AUTHORITY = "AUTHORITY"


class StepState(StrEnum):
    """How a step of a case stands (步骤状态)."""

    WAITING = "WAITING"
    CURRENT = "CURRENT"
    APPROVED = "APPROVED"
    REFUSED = "REFUSED"
    DROPPED = "DROPPED"


class Verdict(StrEnum):
    """What somebody did to a case (办理意见)."""

    REQUEST = "REQUEST"
    APPROVE = "APPROVE"
    REFUSE = "REFUSE"
    WITHDRAW = "WITHDRAW"


class RefusalReason(StrEnum):
    """Why a step was refused (不同意原因)."""

    NOT_ENROLLED_THERE = "NOT_ENROLLED_THERE"
    IDENTITY_DIFFERS = "IDENTITY_DIFFERS"
    EVIDENCE_INSUFFICIENT = "EVIDENCE_INSUFFICIENT"
    CONDITIONS_NOT_MET = "CONDITIONS_NOT_MET"
    CLASS_FULL = "CLASS_FULL"
    OTHER = "OTHER"


class AbsenceKind(StrEnum):
    """What a pupil who was not simply present was (出勤情况)."""

    ABSENT = "ABSENT"
    LATE = "LATE"
    SICK_LEAVE = "SICK_LEAVE"
    PERSONAL_LEAVE = "PERSONAL_LEAVE"


class CountAxis(StrEnum):
    """What "at a place" means to a count (统计口径): managed from there, or standing on its ground."""

    MANAGEMENT = "MANAGEMENT"
    TERRITORY = "TERRITORY"
