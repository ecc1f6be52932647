"""What is brought in: imports of workbooks with their rows, photos and their imports."""

import re

from hub.fuzz.ground.kinds import BOOL, INT, LIST, TEXT, TIME, WORD, Down, Leaf, Looked, Near, Type
from hub.fuzz.ground.shorthand import ids, leaves, of, stored, up
from hub.fuzz.rows import Row, Rows


def photos_of(column: str) -> Near:
    """The photos of the pupils whose column names a row."""

    def found(row: Row, rows: Rows) -> list[Row]:
        pupils = rows.where("students", column, row["id"])
        return [photo for pupil in pupils for photo in rows.where("photos", "student_id", pupil["id"])]

    return found


def photoless(column: str) -> Near:
    """The pupils in school whose column names a row, and who have no photo, not even one that waits for its review."""

    def found(row: Row, rows: Rows) -> list[Row]:
        def lacks(pupil: Row) -> bool:
            photos = rows.where("photos", "student_id", pupil["id"])
            return all(photo["state"] not in ("PENDING", "APPROVED") for photo in photos)

        pupils = rows.where("students", column, row["id"])
        return [pupil for pupil in pupils if pupil["state"] == "IN_SCHOOL" and lacks(pupil)]

    return found


def photo_imports_here(row: Row, rows: Rows) -> list[Row]:
    """The photo imports a school had where it lies now, not where it lay before."""
    return [batch for batch in rows.where("photo_imports", "school_id", row["id"]) if batch["path"] == row["path"]]


def _fields_of_pupil(columns: list[str]) -> list[str]:
    spoken = [re.sub(r"_(.)", lambda found: found[1].upper(), name) for name in columns]
    return ["guardians" if name == "family" else name for name in spoken]


IMPORT_ROW = Type(
    "import_rows",
    "import",
    {
        **leaves(INT, "number"),
        **leaves(WORD, "verdict undone"),
        **leaves(TEXT, "name classNumber"),
        "changes": Leaf(lambda row, *_: _fields_of_pupil(row["changes"]), LIST),
        "later": Leaf(lambda row, *_: _fields_of_pupil(row["later"]), LIST),
        "student": up("Student", "student_id"),
    },
    key=("import_id", "number"),
    order=("number",),
    sorts={"NUMBER": ("number", None), "VERDICT": ("verdict", None)},
)
IMPORT = Type(
    "imports",
    "import",
    {
        **ids("import"),
        **leaves(WORD, "state mode"),
        **leaves(BOOL, "whole"),
        **leaves(INT, "total read written created updated unchanged rejected missing duplicates kept"),
        **leaves(TIME, "heartbeatAt createdAt endedAt"),
        "position": Leaf(lambda *_: None, INT),  # what is planted is at its end, and waits for nothing
        "waitSeconds": Leaf(lambda *_: None, INT),
        "school": up("School", "school_id"),
        "rows": Down("ImportRow", "owned", of("import_rows", "import_id"), ("number",)),
    },
    "import",
    sorts={"CREATED_AT": ("created_at", None), "STATE": ("state", None)},
)

PHOTO = Type(
    "photos",
    "photo",
    {
        **ids("photo"),
        **leaves(WORD, "state"),
        **leaves(INT, "width height size"),
        **leaves(TIME, "uploadedAt reviewedAt"),
        **leaves(TEXT, "reason"),
        "student": up("Student", "student_id"),
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
        **ids("photoImport"),
        **leaves(WORD, "state"),
        **leaves(INT, "total taken unchanged refused ignored"),
        **leaves(TEXT, "code message remedy messageEn remedyEn"),
        **leaves(TIME, "heartbeatAt createdAt endedAt"),
        "position": Leaf(lambda *_: None, INT),  # likewise
        "waitSeconds": Leaf(lambda *_: None, INT),
        "school": up("School", "school_id"),
        "entries": Down("PhotoEntry", "child", of("photo_entries", "import_id"), ("ordinal",)),
    },
    "photoImport",
    sorts={"CREATED_AT": ("created_at", None)},
)

PHOTO_ENTRY = Type(
    "photo_entries",
    "photo",
    {
        **leaves(WORD, "outcome"),
        **leaves(TEXT, "name code message remedy messageEn remedyEn"),
        "number": Leaf(stored("ordinal"), INT),
        "student": up("Student", "student_id"),
    },
    key=("import_id", "ordinal"),
    order=("import_id", "ordinal"),
    sorts={"NUMBER": ("ordinal", None)},
)
