"""What every graph type stands on, written down by hand a second time: the oracle's own view of the graph.

A test fails when a type or a field of the graph is missing here, so that nothing new stays unfuzzed in silence.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import orjson

from hub import names
from hub.fuzz.rows import Row, Rows

TEXT, INT, BOOL, DATE, TIME = "text", "int", "bool", "date", "time"
DECIMAL, WORD, ID, LIST, NAME = "decimal", "word", "id", "list", "name"
Reaches = Callable[[str | None], bool]
Value = Callable[[Row, Rows, Reaches], Any]
"""A value of a row, which may say more to who reaches a place."""
Near = Callable[[Row, Rows], Iterable[Row]]


@dataclass(frozen=True)
class Leaf:
    """A value of a row, and what a role sees that may only see it masked."""

    value: Value
    kind: str = TEXT
    mask: Callable[[str], str] | None = None


@dataclass(frozen=True)
class Coded:
    """A code of a code list."""

    column: str
    list: str


@dataclass(frozen=True)
class Up:
    """The one row of another type that a key points at."""

    far: str
    key: Value
    leased: bool = False


@dataclass(frozen=True)
class Down:
    """Rows of another type: below this one's place (child), its own (owned), anywhere (cross)."""

    far: str
    kind: Literal["child", "owned", "cross"]
    rows: Near
    order: tuple[str, ...] = ("id",)
    whole: bool = False
    """A plain list of all, not a connection."""


@dataclass(frozen=True)
class Count:
    """Numbers at a row's place, for who may count this noun."""

    noun: str
    what: Literal["headcounts", "problemCounts", "attendance"]


@dataclass(frozen=True)
class Looked:
    """What is looked up for all rows at once."""


Field = Leaf | Coded | Up | Down | Count | Looked


@dataclass(frozen=True)
class Extra:
    """A filter that is no field: its predicate over a row and the value, the noun a role must be able to count, the
    field it must see.
    """

    holds: Callable[[Row, Rows, Reaches, Any], bool]
    kind: str
    counts: str | None = None
    field: str | None = None


@dataclass(frozen=True)
class Type:
    """A graph type."""

    table: str
    noun: str
    fields: Mapping[str, Field]
    prefix: str | None = None
    """What its ids begin with; a type without is no Node."""
    card: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ("path",)
    owner: str | None = None
    """The column of the pupil whose rows these are."""
    key: tuple[str, ...] = ("id",)
    order: tuple[str, ...] = ("id",)
    sorts: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    """By the words of its order: the column, and the field a role must see for it."""
    extras: Mapping[str, Extra] = field(default_factory=dict)


def _leaves(kind: str, names: str) -> dict[str, Field]:
    return {name: Leaf(_column(_snake(name)), kind) for name in names.split()}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _column(name: str) -> Value:
    return lambda row, *_: row[name]


def _ids(prefix: str) -> dict[str, Field]:
    return {"id": Leaf(lambda row, *_: f"{prefix}:{row['id']}", ID)}


def _below(table: str, column: str = "path") -> Near:
    return lambda row, rows: rows.below(table, column, row["path"])


def _of(table: str, column: str, mine: str = "id") -> Near:
    return lambda row, rows: rows.where(table, column, row[mine])


def _up(far: str, column: str, *, leased: bool = False) -> Up:
    return Up(far, _column(column), leased)


def mask_tail(kept: int) -> Callable[[str], str]:
    """Keep the beginning, strike out the rest; strike out all of what is no longer than that."""
    return lambda text: text[:kept] + "*" * (len(text) - kept) if len(text) > kept else "*" * len(text)


def mask_phone(text: str) -> str:
    """Keep three and two; of a short one three."""
    return text[:3] + "*" * max(len(text) - 5, 6) + (text[-2:] if len(text) > 8 else "")


def _named(row: Row, _: Rows, __: Reaches, typed: str) -> bool:
    """Whether a name is found by what was typed: `hub/names.py` says by which terms, and by which pattern besides."""
    *terms, pattern = names.wanted_terms(typed)
    return set(terms) <= set(row["name_terms"]) and re.search(pattern, " ".join(row["name_terms"])) is not None


NAMED = {"nameLike": Extra(_named, NAME, field="name")}
COUNTS: dict[str, Field] = {
    "headcounts": Count("headcount", "headcounts"),
    "problemCounts": Count("problemRecord", "problemCounts"),
    "attendance": Count("attendance", "attendance"),
}
_BY_PATH = ("path", "id")
_BY_CLASS = ("grade", "number", "id")


def _sides(row: Row, rows: Rows) -> list[Row]:
    found = {case["id"]: case for side in ("path", "other_path") for case in rows.below("cases", side, row["path"])}
    return list(found.values())


def _own_sides(row: Row, rows: Rows) -> list[Row]:
    found = {case["id"]: case for side in ("path", "other_path") for case in rows.where("cases", side, row["path"])}
    return list(found.values())


def _cases_of(row: Row, rows: Rows) -> list[Row]:
    subjects = rows.where("case_subjects", "student_id", row["id"])
    return [case for one in subjects for case in rows.where("cases", "id", one["case_id"])]


def _photos_of(column: str) -> Near:
    def found(row: Row, rows: Rows) -> list[Row]:
        pupils = rows.where("students", column, row["id"])
        return [photo for pupil in pupils for photo in rows.where("photos", "student_id", pupil["id"])]

    return found


def _photoless(column: str) -> Near:
    def found(row: Row, rows: Rows) -> list[Row]:
        def lacks(pupil: Row) -> bool:
            photos = rows.where("photos", "student_id", pupil["id"])
            return all(photo["state"] not in ("PENDING", "APPROVED") for photo in photos)

        pupils = rows.where("students", column, row["id"])
        return [pupil for pupil in pupils if pupil["state"] == "IN_SCHOOL" and lacks(pupil)]

    return found


def _photo_imports_here(row: Row, rows: Rows) -> list[Row]:
    return [batch for batch in rows.where("photo_imports", "school_id", row["id"]) if batch["path"] == row["path"]]


REGION = Type(
    "places",
    "region",
    {
        **_ids("region"),
        **_leaves(TEXT, "code name office officePhone"),
        **_leaves(WORD, "level"),
        **_leaves(DATE, "since until"),
        "parent": _up("Region", "parent_id"),
        "children": Down("Region", "child", _of("places", "parent_id"), ("code", "id")),
        "schools": Down("School", "child", _below("schools"), _BY_PATH),
        "locatedSchools": Down("School", "cross", _below("schools", "territory"), _BY_PATH),
        "schoolClasses": Down("SchoolClass", "child", _below("classes"), _BY_PATH),
        "students": Down("Student", "child", _below("students"), _BY_PATH),
        "problemRecords": Down("ProblemRecord", "child", _below("problem_records")),
        "cases": Down("Case", "cross", _sides, ("-id",)),
        **COUNTS,
    },
    "region",
    frozenset({"id", "code", "level", "name", "office", "officePhone"}),
    order=_BY_PATH,
    sorts={"CODE": ("code", None), "NAME": ("name_key", None)},
    extras=NAMED,
)

SCHOOL = Type(
    "schools",
    "school",
    {
        **_ids("school"),
        **_leaves(
            TEXT,
            "code name englishName affiliation address postCode phone email headName headPhone organisationCode "
            "legalPersonNumber landTitle boardingMode teachingLanguage",
        ),
        **_leaves(WORD, "founder"),
        **_leaves(BOOL, "licensed"),
        **_leaves(DATE, "since until"),
        **_leaves(INT, "version"),
        "type": Coded("type", "SCHOOL_TYPE"),
        "managedBy": _up("Region", "place_id"),
        "locatedIn": _up("Region", "located_in_id"),
        "parent": _up("School", "parent_id"),
        "teachingPoints": Down("School", "cross", _of("schools", "parent_id"), _BY_PATH),
        "stages": Down("SchoolStage", "owned", _of("school_stages", "school_id"), ("since", "id"), whole=True),
        "campuses": Down("Campus", "child", _of("campuses", "school_id")),
        "grades": Down("Grade", "child", _of("grades", "school_id"), ("school_year", "number", "id")),
        "classes": Down("SchoolClass", "child", _of("classes", "school_id"), _BY_CLASS),
        "students": Down("Student", "child", _below("students"), _BY_PATH),
        "photos": Down("Photo", "child", _photos_of("school_id")),
        "missingPhotos": Down("Student", "child", _photoless("school_id"), ("name_key", "id")),
        "photoImports": Down("PhotoImport", "child", _photo_imports_here, ("-id",)),
        "problemRecords": Down("ProblemRecord", "child", _below("problem_records")),
        "cases": Down("Case", "cross", _own_sides, ("-id",)),
        **COUNTS,
    },
    "school",
    frozenset({"id", "code", "name", "phone"}),
    order=_BY_PATH,
    sorts={"PLACE": ("path", None), "CODE": ("code", None), "NAME": ("name_key", None)},
    extras=NAMED,
)

SCHOOL_STAGE = Type(
    "school_stages",
    "school",
    {
        **_leaves(WORD, "stage"),
        **_leaves(INT, "length"),
        **_leaves(DATE, "since until"),
        "authority": _up("Region", "authority_id"),
    },
)

CAMPUS = Type(
    "campuses",
    "campus",
    {
        **_ids("campus"),
        **_leaves(TEXT, "name address phone"),
        **_leaves(DECIMAL, "area"),
        "school": _up("School", "school_id"),
        "classes": Down("SchoolClass", "child", _of("classes", "campus_id"), _BY_CLASS),
    },
    "campus",
    frozenset({"id", "name"}),
    sorts={"NAME": ("name", None)},
)


def _classes_of_grade(grade: Row, rows: Rows) -> list[Row]:
    def taught(school_class: Row) -> bool:
        return any(
            (one["school_year"], one["grade"]) == (grade["school_year"], grade["number"])
            for one in rows.where("class_grades", "class_id", school_class["id"])
        )

    return [one for one in rows.where("classes", "school_id", grade["school_id"]) if taught(one)]


def _pupils_of_grade(grade: Row, rows: Rows) -> list[Row]:
    wanted = (grade["number"], grade["school_year"])
    pupils = rows.where("students", "school_id", grade["school_id"])
    return [one for one in pupils if (one["grade"], one["school_year"]) == wanted]


GRADE = Type(
    "grades",
    "grade",
    {
        **_ids("grade"),
        **_leaves(INT, "number schoolYear"),
        **_leaves(TEXT, "name"),
        **_leaves(WORD, "stage"),
        "school": _up("School", "school_id"),
        "classes": Down("SchoolClass", "child", _classes_of_grade, ("number", "id")),
        "students": Down("Student", "child", _pupils_of_grade, _BY_PATH),
    },
    "grade",
    order=("school_year", "number", "id"),
    sorts={"SCHOOL_YEAR": ("school_year", None), "NUMBER": ("number", None)},
)


def _grades(row: Row, rows: Rows, *_: Any) -> list[int] | None:
    taught = rows.where("class_grades", "class_id", row["id"])
    return sorted(one["grade"] for one in taught if one["school_year"] == row["school_year"]) or None


def unmarked(row: Row, rows: Rows, _: Any, day: date) -> bool:
    """Whether a class is open and nobody has marked it on a day."""
    return row["closed"] is None and all(one["day"] != day for one in rows.where("class_days", "class_id", row["id"]))


def _days_here(row: Row, rows: Rows) -> list[Row]:
    return [day for day in rows.where("class_days", "class_id", row["id"]) if day["path"] == row["path"]]


SCHOOL_CLASS = Type(
    "classes",
    "schoolClass",
    {
        **_ids("class"),
        **_leaves(TEXT, "name number officialNumber teacherName monitorName"),
        **_leaves(INT, "grade schoolYear length version"),
        **_leaves(BOOL, "combined"),
        **_leaves(DATE, "formed closed"),
        "grades": Leaf(_grades, LIST),
        "type": Coded("type", "CLASS_TYPE"),
        "school": _up("School", "school_id"),
        "campus": _up("Campus", "campus_id"),
        "students": Down("Student", "child", _of("students", "class_id"), ("name_key", "id")),
        "photos": Down("Photo", "child", _photos_of("class_id")),
        "missingPhotos": Down("Student", "child", _photoless("class_id"), ("name_key", "id")),
        "days": Down("ClassDay", "child", _days_here, ("day", "id")),
        "problemRecords": Down("ProblemRecord", "child", _of("problem_records", "path", "path")),
        **COUNTS,
    },
    "class",
    frozenset({"id", "name"}),
    order=_BY_PATH,
    sorts={
        "PLACE": ("path", None),
        "GRADE": ("grade", None),
        "SCHOOL_YEAR": ("school_year", None),
        "NUMBER": ("number", None),
        "OFFICIAL_NUMBER": ("official_number", None),
    },
    extras={"unmarkedOn": Extra(unmarked, DATE, "attendance")},
)

CLASS_DAY = Type(
    "class_days",
    "attendance",
    {
        **_ids("classDay"),
        **_leaves(DATE, "day"),
        **_leaves(INT, "grade expected absent late onLeave version"),
        **_leaves(TIME, "markedAt"),
        "present": Leaf(lambda row, *_: row["expected"] - row["absent"] - row["on_leave"], INT),
        "schoolClass": _up("SchoolClass", "class_id"),
        "absences": Down("Absence", "owned", _of("absences", "class_day_id"), ("student_id",), whole=True),
    },
    "classDay",
    order=("day", "id"),
    sorts={"DAY": ("day", None)},
)

ABSENCE = Type(
    "absences",
    "attendance",
    {
        **_leaves(DATE, "day"),
        **_leaves(WORD, "kind"),
        **_leaves(TEXT, "note"),
        "student": _up("Student", "student_id"),
    },
    key=("class_day_id", "student_id"),
    order=("day", "class_day_id"),
    sorts={"DAY": ("day", None)},
)

GUARDIAN = Type(
    "guardians",
    "guardian",
    {
        **_leaves(INT, "position"),
        **_leaves(TEXT, "name relationNote address residenceCode employer post"),
        **_leaves(BOOL, "isGuardian"),
        "phone": Leaf(_column("phone"), TEXT, mask_phone),
        "idNumber": Leaf(_column("id_number"), TEXT, mask_tail(6)),
        "relation": Coded("relation", "RELATION"),
        "idType": Coded("id_type", "ID_TYPE"),
        "ethnicGroup": Coded("ethnic_group", "ETHNIC_GROUP"),
        "student": _up("Student", "student_id"),
    },
    owner="student_id",
    key=("student_id", "position"),
)

PLACEMENT = Type(
    "placements",
    "placement",
    {
        **_ids("placement"),
        **_leaves(INT, "grade schoolYear"),
        **_leaves(DATE, "since until"),
        **_leaves(TEXT, "beganBy endedBy"),
        "school": _up("School", "school_id"),
        "schoolClass": _up("SchoolClass", "class_id"),
        "student": _up("Student", "student_id"),
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
        **_ids("studentVersion"),
        **_leaves(TIME, "recordedFrom recordedUntil"),
        **_leaves(DATE, "effective"),
        **_leaves(INT, "schoolYear grade"),
        **_leaves(WORD, "sex state"),
        **_leaves(BOOL, "boarding migrant leftBehind withoutId"),
        "school": Up("School", _school_then),
        "student": _up("Student", "student_id"),
    },
    "studentVersion",
    owner="student_id",
    sorts={"RECORDED_FROM": ("recorded_from", None)},
)

STUDENT = Type(
    "students",
    "student",
    {
        **_ids("student"),
        **_leaves(
            TEXT,
            "name actualPlace birthplaceCode ancestralPlace residenceCode presentAddress mailAddress homeAddress "
            "postCode formerName idValidPeriod strengths auxiliaryNumber numberInClass email homePage",
        ),
        **_leaves(WORD, "state sex"),
        **_leaves(INT, "grade schoolYear version"),
        **_leaves(DATE, "birthDate entryMonth"),
        **_leaves(
            BOOL,
            "onlyChild preschool needsAid livingAllowance orphan martyrChild needsSchoolBus boughtPlace migrantChild",
        ),
        "studentNumber": Leaf(_column("student_number"), TEXT, mask_tail(7)),
        "idNumber": Leaf(_column("id_number"), TEXT, mask_tail(6)),
        "phone": Leaf(_column("phone"), TEXT, mask_phone),
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
        "school": _up("School", "school_id"),
        "schoolClass": _up("SchoolClass", "class_id"),
        "actualSchool": _up("School", "actual_school_id"),
        "guardians": Down("Guardian", "owned", _of("guardians", "student_id"), ("position",), whole=True),
        "placements": Down("Placement", "owned", _of("placements", "student_id")),
        "versions": Down("StudentVersion", "owned", _of("student_versions", "student_id")),
        "absences": Down("Absence", "owned", _of("absences", "student_id"), ("day", "class_day_id")),
        "photos": Down("Photo", "owned", _of("photos", "student_id")),
        "problemRecords": Down("ProblemRecord", "child", _of("problem_records", "student_id")),
        "cases": Down("Case", "cross", _cases_of, ("-id",)),
    },
    "student",
    frozenset({"id", "name"}),
    order=_BY_PATH,
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
        **_ids("problem"),
        **_leaves(WORD, "kind state resolution"),
        **_leaves(TIME, "foundAt closedAt"),
        **_leaves(INT, "version"),
        "student": _up("Student", "student_id", leased=True),
        "candidates": Looked(),
    },
    "problem",
    sorts={"FOUND_AT": ("found_at", None), "KIND": ("kind", None), "PLACE": ("path", None)},
)


def _details(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(row["details"])
    return found


def _typed(*keys: str) -> Value:
    def found(row: Row, *_: Any) -> Any:
        value: Any = _details(row)
        for key in keys:
            value = (value or {}).get(key)
        return value

    return found


def _birth_date(row: Row, *_: Any) -> date | None:
    typed = _typed("change", "birth_date")(row, *_)
    return None if typed is None else date.fromisoformat(typed)


def _office(path: str | None, rows: Rows) -> str | None:
    school, place = (rows.one(table, "path", path) for table in ("schools", "places"))
    if school is not None:
        return str(school["name"])
    return None if place is None else place["name"] if place["office"] is None else place["office"]


def _told(case: Row, rows: Rows, reaches: Reaches) -> bool:
    """Whether the caller is told which school a pupil would leave: who reaches it, and all once it agreed."""
    steps = rows.where("case_steps", "case_id", case["id"])
    agreed = any((step["side"], step["state"]) == ("SENDING_SCHOOL", "APPROVED") for step in steps)
    return case["kind"] != "TRANSFER_IN_COUNTY" or reaches(case["other_path"]) or agreed


def _waits_openly(case: Row, rows: Rows, reaches: Reaches) -> bool:
    return case["waiting_path"] != case["other_path"] or _told(case, rows, reaches)


def _waiting_office(case: Row, rows: Rows, reaches: Reaches) -> str | None:
    if case["waiting_path"] is None or _waits_openly(case, rows, reaches):
        return _office(case["waiting_path"], rows)
    steps = rows.where("case_steps", "case_id", case["id"])
    named = [_office(step["office"], rows) for step in steps if step["side"] == "AUTHORITY"]
    return min((name for name in named if name is not None), default=None)


def _step_office(step: Row, rows: Rows, reaches: Reaches) -> str | None:
    [case] = rows.where("cases", "id", step["case_id"])
    shown = step["side"] != "SENDING_SCHOOL" or _told(case, rows, reaches)
    return _office(step["office"], rows) if shown else None


def _school_at(path: str | None, rows: Rows) -> int | None:
    school = rows.one("schools", "path", path)
    return None if school is None else school["id"]


def _other_school(case: Row, rows: Rows, reaches: Reaches) -> int | None:
    return _school_at(case["other_path"], rows) if _told(case, rows, reaches) else None


def _subject(row: Row, rows: Rows, *_: Any) -> int | None:
    return min((one["student_id"] for one in rows.where("case_subjects", "case_id", row["id"])), default=None)


def _waiting_at(row: Row, rows: Rows, reaches: Reaches, code: str) -> bool:
    school = rows.one("schools", "code", code)
    there = row["waiting_path"] in (code, None if school is None else school["path"])
    return row["waiting_path"] is not None and there and _waits_openly(row, rows, reaches)


CASE_STEP = Type(
    "case_steps",
    "case",
    {
        **_leaves(INT, "ordinal"),
        **_leaves(WORD, "side state"),
        **_leaves(DATE, "due"),
        **_leaves(TIME, "decidedAt"),
        "office": Leaf(_step_office),
    },
)
CASE_DECISION = Type(
    "case_decisions",
    "case",
    {**_leaves(WORD, "verdict reason"), **_leaves(TEXT, "note role"), **_leaves(TIME, "at")},
)
CASE = Type(
    "cases",
    "case",
    {
        **_ids("case"),
        **_leaves(WORD, "kind state"),
        **_leaves(DATE, "due"),
        **_leaves(TIME, "openedAt closedAt"),
        **_leaves(INT, "version"),
        "school": Up("School", lambda row, rows, _: _school_at(row["path"], rows)),
        "otherSchool": Up("School", _other_school),
        "waitingOffice": Leaf(_waiting_office),
        "pupilName": Leaf(_typed("name")),
        "typedNumber": Leaf(_typed("number"), TEXT, mask_tail(6)),
        "resolution": Leaf(_typed("how"), WORD),
        "typedSex": Leaf(_typed("change", "sex"), WORD),
        "typedBirthDate": Leaf(_birth_date, DATE),
        "typedIdType": Leaf(_typed("change", "id_type")),
        "evidence": Leaf(lambda row, rows, _: len(rows.where("case_files", "case_id", row["id"])), INT),
        "student": Up("Student", _subject, leased=True),
        "steps": Down("CaseStep", "owned", _of("case_steps", "case_id"), ("ordinal",), whole=True),
        "decisions": Down("CaseDecision", "owned", _of("case_decisions", "case_id"), ("id",), whole=True),
    },
    "case",
    paths=("path", "other_path"),
    order=("-id",),
    sorts={"OPENED_AT": ("opened_at", None)},
    extras={"waitingAt": Extra(_waiting_at, TEXT)},
)


def _fields_of_pupil(columns: list[str]) -> list[str]:
    spoken = [re.sub(r"_(.)", lambda found: found[1].upper(), name) for name in columns]
    return ["guardians" if name == "family" else name for name in spoken]


IMPORT_ROW = Type(
    "import_rows",
    "import",
    {
        **_leaves(INT, "number"),
        **_leaves(WORD, "verdict undone"),
        **_leaves(TEXT, "name classNumber"),
        "changes": Leaf(lambda row, *_: _fields_of_pupil(row["changes"]), LIST),
        "later": Leaf(lambda row, *_: _fields_of_pupil(row["later"]), LIST),
        "student": _up("Student", "student_id"),
    },
    key=("import_id", "number"),
    order=("number",),
    sorts={"NUMBER": ("number", None), "VERDICT": ("verdict", None)},
)
IMPORT = Type(
    "imports",
    "import",
    {
        **_ids("import"),
        **_leaves(WORD, "state mode"),
        **_leaves(BOOL, "whole"),
        **_leaves(INT, "total read written created updated unchanged rejected missing duplicates kept"),
        **_leaves(TIME, "heartbeatAt createdAt endedAt"),
        "position": Leaf(lambda *_: None, INT),  # what is planted is at its end, and waits for nothing
        "waitSeconds": Leaf(lambda *_: None, INT),
        "school": _up("School", "school_id"),
        "rows": Down("ImportRow", "owned", _of("import_rows", "import_id"), ("number",)),
    },
    "import",
    sorts={"CREATED_AT": ("created_at", None), "STATE": ("state", None)},
)

PHOTO = Type(
    "photos",
    "photo",
    {
        **_ids("photo"),
        **_leaves(WORD, "state"),
        **_leaves(INT, "width height size"),
        **_leaves(TIME, "uploadedAt reviewedAt"),
        **_leaves(TEXT, "reason"),
        "student": _up("Student", "student_id"),
        "link": Looked(),
    },
    "photo",
    owner="student_id",
    sorts={"UPLOADED_AT": ("uploaded_at", None)},
)

PHOTO_IMPORT = Type(
    "photo_imports",
    "photo",
    {
        **_ids("photoImport"),
        **_leaves(WORD, "state"),
        **_leaves(INT, "total taken unchanged refused ignored"),
        **_leaves(TEXT, "code message remedy messageEn remedyEn"),
        **_leaves(TIME, "heartbeatAt createdAt endedAt"),
        "position": Leaf(lambda *_: None, INT),  # likewise
        "waitSeconds": Leaf(lambda *_: None, INT),
        "school": _up("School", "school_id"),
        "entries": Down("PhotoEntry", "child", _of("photo_entries", "import_id"), ("ordinal",)),
    },
    "photoImport",
    sorts={"CREATED_AT": ("created_at", None)},
)

PHOTO_ENTRY = Type(
    "photo_entries",
    "photo",
    {
        **_leaves(WORD, "outcome"),
        **_leaves(TEXT, "name code message remedy messageEn remedyEn"),
        "number": Leaf(_column("ordinal"), INT),
        "student": _up("Student", "student_id"),
    },
    key=("import_id", "ordinal"),
    order=("import_id", "ordinal"),
    sorts={"NUMBER": ("ordinal", None)},
)

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


def _trimmed(value: Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(format(value.normalize(), "f"))
