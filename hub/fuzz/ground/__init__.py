"""What every graph type stands on, written down by hand a second time: the oracle's own view of the graph.

`places`, `classes`, `pupils`, `cases` and `intake` say it type by type, in the words of `kinds`, written short by
`shorthand`. A test fails when a type or a field of the graph is missing, so that nothing new stays unfuzzed in silence.
"""

from hub.fuzz.ground.cases import CASE, CASE_DECISION, CASE_STEP
from hub.fuzz.ground.classes import ABSENCE, CLASS_DAY, GRADE, SCHOOL_CLASS, unmarked
from hub.fuzz.ground.intake import IMPORT, IMPORT_ROW, PHOTO, PHOTO_ENTRY, PHOTO_IMPORT
from hub.fuzz.ground.kinds import (
    DATE,
    DECIMAL,
    ID,
    INT,
    LIST,
    NAME,
    TEXT,
    TIME,
    Coded,
    Count,
    Down,
    Extra,
    Leaf,
    Looked,
    Type,
    Up,
)
from hub.fuzz.ground.places import CAMPUS, REGION, SCHOOL, SCHOOL_STAGE
from hub.fuzz.ground.pupils import GUARDIAN, PLACEMENT, PROBLEM_RECORD, STUDENT, STUDENT_VERSION
from hub.fuzz.ground.shorthand import mask_tail

__all__ = [
    "DATE",
    "DECIMAL",
    "ID",
    "INT",
    "LIST",
    "LISTS",
    "LOOK_UPS",
    "NAME",
    "TEXT",
    "TIME",
    "TYPES",
    "Coded",
    "Count",
    "Down",
    "Extra",
    "Leaf",
    "Looked",
    "Type",
    "Up",
    "mask_tail",
    "unmarked",
]

TYPES: dict[str, Type] = {
    "Absence": ABSENCE,
    "Campus": CAMPUS,
    "Case": CASE,
    "CaseDecision": CASE_DECISION,
    "CaseStep": CASE_STEP,
    "ClassDay": CLASS_DAY,
    "Grade": GRADE,
    "Guardian": GUARDIAN,
    "Import": IMPORT,
    "ImportRow": IMPORT_ROW,
    "Photo": PHOTO,
    "PhotoEntry": PHOTO_ENTRY,
    "PhotoImport": PHOTO_IMPORT,
    "Placement": PLACEMENT,
    "ProblemRecord": PROBLEM_RECORD,
    "Region": REGION,
    "School": SCHOOL,
    "SchoolClass": SCHOOL_CLASS,
    "SchoolStage": SCHOOL_STAGE,
    "Student": STUDENT,
    "StudentVersion": STUDENT_VERSION,
}
"""Every graph type by its name."""

LISTS = {
    "regions": "Region",
    "schools": "School",
    "schoolClasses": "SchoolClass",
    "students": "Student",
    "problemRecords": "ProblemRecord",
    "cases": "Case",
    "importJobs": "Import",
}
"""The root fields that list."""

LOOK_UPS: dict[str, tuple[str, dict[str, str]]] = {
    "region": ("Region", {"code": "code", "id": "id"}),
    "school": ("School", {"code": "code", "id": "id"}),
    "schoolClass": ("SchoolClass", {"id": "id", "schoolCode": "", "officialNumber": "official_number"}),
    "student": ("Student", {"id": "id", "studentNumber": "student_number"}),
    "problemRecord": ("ProblemRecord", {"id": "id"}),
    "case": ("Case", {"id": "id"}),
    "importJob": ("Import", {"id": "id"}),
    "photoImport": ("PhotoImport", {"id": "id"}),
}
"""The root fields that look one thing up: its type, and the column of each argument."""
