"""Where everything lies: regions, schools with their stages, campuses."""

from hub.fuzz.ground.intake import photo_imports_here, photoless, photos_of
from hub.fuzz.ground.kinds import BOOL, DATE, DECIMAL, INT, TEXT, WORD, Coded, Down, Type
from hub.fuzz.ground.shorthand import BY_PATH, COUNTS, NAMED, below, ids, leaves, of, up
from hub.fuzz.rows import Row, Rows

_BY_CLASS = ("grade", "number", "id")


def _sides(row: Row, rows: Rows) -> list[Row]:
    found = {case["id"]: case for side in ("path", "other_path") for case in rows.below("cases", side, row["path"])}
    return list(found.values())


def _own_sides(row: Row, rows: Rows) -> list[Row]:
    found = {case["id"]: case for side in ("path", "other_path") for case in rows.where("cases", side, row["path"])}
    return list(found.values())


REGION = Type(
    "places",
    "region",
    {
        **ids("region"),
        **leaves(TEXT, "code name office officePhone"),
        **leaves(WORD, "level"),
        **leaves(DATE, "since until"),
        "parent": up("Region", "parent_id"),
        "children": Down("Region", "child", of("places", "parent_id"), ("code", "id")),
        "schools": Down("School", "child", below("schools"), BY_PATH),
        "locatedSchools": Down("School", "cross", below("schools", "territory"), BY_PATH),
        "schoolClasses": Down("SchoolClass", "child", below("classes"), BY_PATH),
        "students": Down("Student", "child", below("students"), BY_PATH),
        "problemRecords": Down("ProblemRecord", "child", below("problem_records")),
        "cases": Down("Case", "cross", _sides, ("-id",)),
        **COUNTS,
    },
    "region",
    frozenset({"id", "code", "level", "name", "office", "officePhone"}),
    unique="code",
    order=BY_PATH,
    sorts={"CODE": ("code", None), "NAME": ("name_key", None)},
    extras=NAMED,
)

SCHOOL = Type(
    "schools",
    "school",
    {
        **ids("school"),
        **leaves(
            TEXT,
            "code name englishName affiliation address postCode phone email headName headPhone organisationCode "
            "legalPersonNumber landTitle boardingMode teachingLanguage",
        ),
        **leaves(WORD, "founder"),
        **leaves(BOOL, "licensed"),
        **leaves(DATE, "since until"),
        **leaves(INT, "version"),
        "type": Coded("type", "SCHOOL_TYPE"),
        "managedBy": up("Region", "place_id"),
        "locatedIn": up("Region", "located_in_id"),
        "parent": up("School", "parent_id"),
        "teachingPoints": Down("School", "cross", of("schools", "parent_id"), BY_PATH),
        "stages": Down("SchoolStage", "owned", of("school_stages", "school_id"), ("since", "id"), whole=True),
        "campuses": Down("Campus", "child", of("campuses", "school_id")),
        "grades": Down("Grade", "child", of("grades", "school_id"), ("school_year", "number", "id")),
        "classes": Down("SchoolClass", "child", of("classes", "school_id"), _BY_CLASS),
        "students": Down("Student", "child", below("students"), BY_PATH),
        "photos": Down("Photo", "child", photos_of("school_id")),
        "missingPhotos": Down("Student", "child", photoless("school_id"), ("name_key", "id")),
        "photoImports": Down("PhotoImport", "child", photo_imports_here, ("-id",)),
        "problemRecords": Down("ProblemRecord", "child", below("problem_records")),
        "cases": Down("Case", "cross", _own_sides, ("-id",)),
        **COUNTS,
    },
    "school",
    frozenset({"id", "code", "name", "phone"}),
    unique="code",
    order=BY_PATH,
    sorts={"PLACE": ("path", None), "CODE": ("code", None), "NAME": ("name_key", None)},
    extras=NAMED,
)

SCHOOL_STAGE = Type(
    "school_stages",
    "school",
    {
        **leaves(WORD, "stage"),
        **leaves(INT, "length"),
        **leaves(DATE, "since until"),
        "authority": up("Region", "authority_id"),
    },
)

CAMPUS = Type(
    "campuses",
    "campus",
    {
        **ids("campus"),
        **leaves(TEXT, "name address phone"),
        **leaves(DECIMAL, "area"),
        "school": up("School", "school_id"),
        "classes": Down("SchoolClass", "child", of("classes", "campus_id"), _BY_CLASS),
    },
    "campus",
    frozenset({"id", "name"}),
    sorts={"NAME": ("name", None)},
)
