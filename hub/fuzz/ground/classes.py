"""What a school teaches in: grades, classes, their days and who was absent."""

from datetime import date
from typing import Any

from hub.fuzz.ground.intake import photoless, photos_of
from hub.fuzz.ground.kinds import BOOL, DATE, INT, LIST, TEXT, TIME, WORD, Coded, Down, Extra, Leaf, Type
from hub.fuzz.ground.shorthand import BY_PATH, COUNTS, ids, leaves, of, up
from hub.fuzz.rows import Row, Rows


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
        **ids("grade"),
        **leaves(INT, "number schoolYear"),
        **leaves(TEXT, "name"),
        **leaves(WORD, "stage"),
        "school": up("School", "school_id"),
        "classes": Down("SchoolClass", "child", _classes_of_grade, ("number", "id")),
        "students": Down("Student", "child", _pupils_of_grade, BY_PATH),
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
        **ids("class"),
        **leaves(TEXT, "name number officialNumber teacherName monitorName"),
        **leaves(INT, "grade schoolYear length version"),
        **leaves(BOOL, "combined"),
        **leaves(DATE, "formed closed"),
        "grades": Leaf(_grades, LIST),
        "type": Coded("type", "CLASS_TYPE"),
        "school": up("School", "school_id"),
        "campus": up("Campus", "campus_id"),
        "students": Down("Student", "child", of("students", "class_id"), ("name_key", "id")),
        "photos": Down("Photo", "child", photos_of("class_id")),
        "missingPhotos": Down("Student", "child", photoless("class_id"), ("name_key", "id")),
        "days": Down("ClassDay", "child", _days_here, ("day", "id")),
        "problemRecords": Down("ProblemRecord", "child", of("problem_records", "path", "path")),
        **COUNTS,
    },
    "class",
    frozenset({"id", "name"}),
    order=BY_PATH,
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
        **ids("classDay"),
        **leaves(DATE, "day"),
        **leaves(INT, "grade expected absent late onLeave version"),
        **leaves(TIME, "markedAt"),
        "present": Leaf(lambda row, *_: row["expected"] - row["absent"] - row["on_leave"], INT),
        "schoolClass": up("SchoolClass", "class_id"),
        "absences": Down("Absence", "owned", of("absences", "class_day_id"), ("student_id",), whole=True),
    },
    "classDay",
    order=("day", "id"),
    sorts={"DAY": ("day", None)},
)

ABSENCE = Type(
    "absences",
    "attendance",
    {
        **leaves(DATE, "day"),
        **leaves(WORD, "kind"),
        **leaves(TEXT, "note"),
        "student": up("Student", "student_id"),
    },
    key=("class_day_id", "student_id"),
    order=("day", "class_day_id"),
    sorts={"DAY": ("day", None)},
)
