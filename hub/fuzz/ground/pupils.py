"""Pupils and what is theirs: guardians, placements, versions, problem records."""

from decimal import Decimal
from typing import Any

from hub.fuzz.ground.kinds import BOOL, DATE, DECIMAL, INT, TEXT, TIME, WORD, Coded, Down, Leaf, Looked, Type, Up
from hub.fuzz.ground.shorthand import BY_PATH, NAMED, ids, leaves, mask_phone, mask_tail, of, stored, up
from hub.fuzz.rows import Row, Rows

GUARDIAN = Type(
    "guardians",
    "guardian",
    {
        **leaves(INT, "position"),
        **leaves(TEXT, "name relationNote address residenceCode employer post"),
        **leaves(BOOL, "isGuardian"),
        "phone": Leaf(stored("phone"), TEXT, mask_phone),
        "idNumber": Leaf(stored("id_number"), TEXT, mask_tail(6)),
        "relation": Coded("relation", "RELATION"),
        "idType": Coded("id_type", "ID_TYPE"),
        "ethnicGroup": Coded("ethnic_group", "ETHNIC_GROUP"),
        "student": up("Student", "student_id"),
    },
    owner="student_id",
    key=("student_id", "position"),
)

PLACEMENT = Type(
    "placements",
    "placement",
    {
        **ids("placement"),
        **leaves(INT, "grade schoolYear"),
        **leaves(DATE, "since until"),
        **leaves(TEXT, "beganBy endedBy"),
        "school": up("School", "school_id"),
        "schoolClass": up("SchoolClass", "class_id"),
        "student": up("Student", "student_id"),
    },
    "placement",
    owner="student_id",
    sorts={"SINCE": ("since", None)},
)


def _school_then(row: Row, rows: Rows, *_: Any) -> int | None:
    school = rows.one("schools", "path", ".".join(row["path"].split(".")[:2]))
    return None if school is None else school["id"]


STUDENT_VERSION = Type(
    "student_versions",
    "studentVersion",
    {
        **ids("studentVersion"),
        **leaves(TIME, "recordedFrom recordedUntil"),
        **leaves(DATE, "effective"),
        **leaves(INT, "schoolYear grade"),
        **leaves(WORD, "sex state"),
        **leaves(BOOL, "boarding migrant leftBehind withoutId"),
        "school": Up("School", _school_then),
        "student": up("Student", "student_id"),
    },
    "studentVersion",
    owner="student_id",
    sorts={"RECORDED_FROM": ("recorded_from", None)},
)


def _cases_of(row: Row, rows: Rows) -> list[Row]:
    subjects = rows.where("case_subjects", "student_id", row["id"])
    return [case for one in subjects for case in rows.where("cases", "id", one["case_id"])]


def _trimmed(value: Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(format(value.normalize(), "f"))


STUDENT = Type(
    "students",
    "student",
    {
        **ids("student"),
        **leaves(
            TEXT,
            "name actualPlace birthplaceCode ancestralPlace residenceCode presentAddress mailAddress homeAddress "
            "postCode formerName idValidPeriod strengths auxiliaryNumber numberInClass email homePage",
        ),
        **leaves(WORD, "state sex"),
        **leaves(INT, "grade schoolYear version"),
        **leaves(DATE, "birthDate entryMonth"),
        **leaves(
            BOOL,
            "onlyChild preschool needsAid livingAllowance orphan martyrChild needsSchoolBus boughtPlace migrantChild",
        ),
        "studentNumber": Leaf(stored("student_number"), TEXT, mask_tail(7)),
        "idNumber": Leaf(stored("id_number"), TEXT, mask_tail(6)),
        "phone": Leaf(stored("phone"), TEXT, mask_phone),
        "distanceKm": Leaf(lambda row, *_: _trimmed(row["distance_km"]), DECIMAL),
        "ethnicGroup": Coded("ethnic_group", "ETHNIC_GROUP"),
        "nationality": Coded("nationality", "NATIONALITY"),
        "idType": Coded("id_type", "ID_TYPE"),
        "overseasStatus": Coded("overseas_status", "OVERSEAS_STATUS"),
        "health": Coded("health", "HEALTH"),
        "politicalStatus": Coded("political_status", "POLITICAL_STATUS"),
        "residenceNature": Coded("residence_nature", "RESIDENCE_NATURE"),
        "admissionType": Coded("admission_type", "ADMISSION_TYPE"),
        "attendanceType": Coded("attendance_type", "ATTENDANCE_TYPE"),
        "leftBehind": Coded("left_behind", "LEFT_BEHIND"),
        "travelMode": Coded("travel_mode", "TRAVEL_MODE"),
        "bloodType": Coded("blood_type", "BLOOD_TYPE"),
        "studentSource": Coded("student_source", "STUDENT_SOURCE"),
        "disability": Coded("disability", "DISABILITY"),
        "inclusion": Coded("inclusion", "INCLUSION"),
        "school": up("School", "school_id"),
        "schoolClass": up("SchoolClass", "class_id"),
        "actualSchool": up("School", "actual_school_id"),
        "guardians": Down("Guardian", "owned", of("guardians", "student_id"), ("position",), whole=True),
        "placements": Down("Placement", "owned", of("placements", "student_id")),
        "versions": Down("StudentVersion", "owned", of("student_versions", "student_id")),
        "absences": Down("Absence", "owned", of("absences", "student_id"), ("day", "class_day_id")),
        "photos": Down("Photo", "owned", of("photos", "student_id")),
        "problemRecords": Down("ProblemRecord", "child", of("problem_records", "student_id")),
        "cases": Down("Case", "cross", _cases_of, ("-id",)),
    },
    "student",
    frozenset({"id", "name"}),
    unique="student_number",
    order=BY_PATH,
    sorts={
        "PLACE": ("path", None),
        "NAME": ("name_key", "name"),
        "GRADE": ("grade", "grade"),
        "BIRTH_DATE": ("birth_date", "birthDate"),
        "STUDENT_NUMBER": ("student_number", "studentNumber"),
    },
    extras=NAMED,
)

PROBLEM_RECORD = Type(
    "problem_records",
    "problemRecord",
    {
        **ids("problem"),
        **leaves(WORD, "kind state resolution"),
        **leaves(TIME, "foundAt closedAt"),
        **leaves(INT, "version"),
        "student": up("Student", "student_id", leased=True),
        "candidates": Looked(),
    },
    "problem",
    sorts={"FOUND_AT": ("found_at", None), "KIND": ("kind", None), "PLACE": ("path", None)},
)
