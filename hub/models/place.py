"""Places: province, cities and counties, as they are and as they were."""

from datetime import date

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import (
    KEEP,
    Base,
    Key,
    Ordered,
    Since,
    Terms,
    Version,
    apart,
    found_by_name,
    lasting,
    one_of,
    path_shaped,
    shaped,
)
from hub.terms import PlaceLevel


class Place(Base):
    """An administrative division (行政区划, GB/T 2260): its code without trailing zeros is its path."""

    __tablename__ = "places"
    __trial__ = KEEP
    __table_args__ = (
        one_of("level", PlaceLevel),
        path_shaped(),
        shaped("code", r"^\d{2}(\d{2}){0,2}$"),
        lasting(),
        UniqueConstraint("code"),
        Index("ix_places_parent_id", "parent_id", "code"),
        Index("ix_places_path", "path"),
        found_by_name("places"),
    )

    id: Mapped[Key]
    code: Mapped[Ordered]
    level: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("places.id"))
    path: Mapped[Ordered]
    name: Mapped[str]
    name_key: Mapped[Ordered]
    name_terms: Mapped[Terms]
    office: Mapped[str | None]
    office_phone: Mapped[str | None]
    since: Mapped[Since]
    until: Mapped[date | None]
    version: Mapped[Version]


class PlaceVersion(Base):
    """A place's name and parent while they held; the row without an end is today's."""

    __tablename__ = "place_versions"
    __trial__ = KEEP
    __table_args__ = (
        lasting(),
        path_shaped(),
        apart("place_versions", "place_id"),
    )

    id: Mapped[Key]
    place_id: Mapped[int] = mapped_column(ForeignKey("places.id"))
    name: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("places.id"))
    path: Mapped[Ordered]
    since: Mapped[Since]
    until: Mapped[date | None]
