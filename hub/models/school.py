"""Schools: who manages them, where they stand, who decides for them; campuses and grades."""

from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import (
    KEEP,
    Base,
    Key,
    Ordered,
    Since,
    Small,
    Terms,
    Version,
    apart,
    found_by_name,
    lasting,
    one_of,
    path_shaped,
    shaped,
)
from hub.terms import Founder, Stage


class School(Base):
    """A school or teaching point (学校、教学点).

    `code` is the 10-digit 学校(机构)标识码, AABBCCCCCC: kind, province, sequence; it is never reused.
    `path` hangs on the place that manages it (scope); `territory` is the path of the county it stands in (属地);
    who decides is kept per stage in `school_stages`.
    """

    __tablename__ = "schools"
    __trial__ = KEEP
    __table_args__ = (
        path_shaped(),
        shaped("code", r"^(1[1]|2[12]|3[1-7]|4[12]|51|9[1-3])\d{8}$"),
        one_of("founder", Founder),
        lasting(),
        UniqueConstraint("code"),
        Index("ix_schools_path", "path", "id"),
        Index("ix_schools_territory", "territory"),
        Index("ix_schools_place_id", "place_id"),
        Index("ix_schools_located_in_id", "located_in_id"),
        Index("ix_schools_parent_id", "parent_id"),
        found_by_name("schools"),
    )

    id: Mapped[Key]
    code: Mapped[Ordered]
    name: Mapped[str]
    name_key: Mapped[Ordered]
    name_terms: Mapped[Terms]
    english_name: Mapped[str | None]
    type: Mapped[str]
    founder: Mapped[str]
    affiliation: Mapped[str | None]
    licensed: Mapped[bool] = mapped_column(server_default=text("true"))
    place_id: Mapped[int] = mapped_column(ForeignKey("places.id"))
    path: Mapped[Ordered]
    located_in_id: Mapped[int] = mapped_column(ForeignKey("places.id"))
    territory: Mapped[Ordered]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("schools.id"))
    address: Mapped[str | None]
    location_code: Mapped[str | None]
    urban_rural: Mapped[str | None]
    post_code: Mapped[str | None]
    phone: Mapped[str | None]
    email: Mapped[str | None]
    head_name: Mapped[str | None]
    head_phone: Mapped[str | None]
    organisation_code: Mapped[str | None]
    legal_person_number: Mapped[str | None]
    land_title: Mapped[str | None]
    boarding_mode: Mapped[str | None]
    teaching_language: Mapped[str | None]
    last_class_number: Mapped[int] = mapped_column(server_default="0")
    since: Mapped[Since]
    until: Mapped[date | None]
    version: Mapped[Version]


class SchoolVersion(Base):
    """A school's name, manager, territory and standing while they held."""

    __tablename__ = "school_versions"
    __trial__ = KEEP
    __table_args__ = (
        lasting(),
        path_shaped(),
        one_of("founder", Founder),
        apart("school_versions", "school_id"),
    )

    id: Mapped[Key]
    school_id: Mapped[int] = mapped_column(ForeignKey("schools.id"))
    name: Mapped[str]
    type: Mapped[str]
    founder: Mapped[str]
    affiliation: Mapped[str | None]
    licensed: Mapped[bool]
    place_id: Mapped[int] = mapped_column(ForeignKey("places.id"))
    path: Mapped[Ordered]
    located_in_id: Mapped[int] = mapped_column(ForeignKey("places.id"))
    territory: Mapped[Ordered]
    since: Mapped[Since]
    until: Mapped[date | None]


class SchoolStage(Base):
    """A stage a school teaches: its length of schooling in years (学制) and the place that is its status authority
    (学籍主管部门): the county for compulsory stages, the city for senior high. A combined school has two authorities.
    """

    __tablename__ = "school_stages"
    __trial__ = KEEP
    __table_args__ = (
        one_of("stage", Stage),
        CheckConstraint("length BETWEEN 1 AND 9", name="length"),
        lasting(),
        apart("school_stages", "school_id", "stage"),
    )

    id: Mapped[Key]
    school_id: Mapped[int] = mapped_column(ForeignKey("schools.id"))
    stage: Mapped[str]
    length: Mapped[Small]
    authority_id: Mapped[int] = mapped_column(ForeignKey("places.id"))
    since: Mapped[Since]
    until: Mapped[date | None]


class Campus(Base):
    """A campus of a school (校区)."""

    __tablename__ = "campuses"
    __trial__ = KEEP
    __table_args__ = (path_shaped(), UniqueConstraint("school_id", "name"), Index("ix_campuses_path", "path"))

    id: Mapped[Key]
    school_id: Mapped[int] = mapped_column(ForeignKey("schools.id"))
    path: Mapped[Ordered]
    name: Mapped[str]
    address: Mapped[str | None]
    phone: Mapped[str | None]
    area: Mapped[Decimal | None] = mapped_column(Numeric(10, 1))
    closed: Mapped[date | None]
    version: Mapped[Version]


class Grade(Base):
    """A grade a school runs in a school year (年级): numbers 1 to 12 through primary, junior and senior."""

    __tablename__ = "grades"
    __trial__ = KEEP
    __table_args__ = (
        path_shaped(),
        one_of("stage", Stage),
        CheckConstraint("number BETWEEN 1 AND 13", name="number"),
        UniqueConstraint("school_id", "school_year", "number"),
        Index("ix_grades_path", "path"),
    )

    id: Mapped[Key]
    school_id: Mapped[int] = mapped_column(ForeignKey("schools.id"))
    path: Mapped[Ordered]
    stage: Mapped[str]
    number: Mapped[Small]
    school_year: Mapped[Small]
    name: Mapped[str]
    version: Mapped[Version]
