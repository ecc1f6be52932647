"""The closed lists of the register: words that only a release changes.

Lists that change by decree (ethnic groups, ID types, nationalities) are versioned code lists instead: `hub/codes/`.
"""

from enum import StrEnum


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


class LeaseView(StrEnum):
    """How much of a pupil a lease opens: a preview before a transfer, or the whole record."""

    PREVIEW = "PREVIEW"
    RECORD = "RECORD"


class ImportState(StrEnum):
    """How far an import has come (导入状态)."""

    APPLIED = "APPLIED"
    REFUSED = "REFUSED"


class Outcome(StrEnum):
    """How an audited action ended."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
