"""The register's tables, one file per noun."""

from hub.models.account import Account, Grant, Lease, PolicyVersion, Session, Spending
from hub.models.attendance import Absence, ClassDay
from hub.models.audit import Audit, AuditValue, Outbox, Request
from hub.models.base import Base
from hub.models.case import Case, CaseDecision, CaseFile, CaseStep, CaseSubject, Chain, ChainStep
from hub.models.code import Code
from hub.models.count import CountCell, CountDelta, CountTotal, ProblemDelta, ProblemTally
from hub.models.file import Discard, File
from hub.models.link import LinkSecret
from hub.models.photo import Photo, PhotoEntry, PhotoImport
from hub.models.place import Place, PlaceVersion
from hub.models.problem import ProblemRecord
from hub.models.register import Register
from hub.models.school import Campus, Grade, School, SchoolStage, SchoolVersion
from hub.models.school_class import ClassGrade, SchoolClass
from hub.models.student import Guardian, Placement, Student, StudentVersion
from hub.models.workbook import Import, ImportRow

__all__ = [
    "Absence",
    "Account",
    "Audit",
    "AuditValue",
    "Base",
    "Campus",
    "Case",
    "CaseDecision",
    "CaseFile",
    "CaseStep",
    "CaseSubject",
    "Chain",
    "ChainStep",
    "ClassDay",
    "ClassGrade",
    "Code",
    "CountCell",
    "CountDelta",
    "CountTotal",
    "Discard",
    "File",
    "Grade",
    "Grant",
    "Guardian",
    "Import",
    "ImportRow",
    "Lease",
    "LinkSecret",
    "Outbox",
    "Photo",
    "PhotoEntry",
    "PhotoImport",
    "Place",
    "PlaceVersion",
    "Placement",
    "PolicyVersion",
    "ProblemDelta",
    "ProblemRecord",
    "ProblemTally",
    "Register",
    "Request",
    "School",
    "SchoolClass",
    "SchoolStage",
    "SchoolVersion",
    "Session",
    "Spending",
    "Student",
    "StudentVersion",
]
