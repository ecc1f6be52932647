"""The register itself: whether it is tried out or in force."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import KEEP, Base, Moment, one_of
from hub.terms import RegisterState


class Register(Base):
    """The one row that says what the register is (学籍库): on trial, who asked for the trial to end and who ended it.

    What lies in the file store since `files_until` or longer, by the store's own clock, is the trial's, and is erased
    until `files_erased_at`. Once in force (正式运行) nothing but that last column changes: a trigger holds it.
    """

    __tablename__ = "register"
    __trial__ = KEEP
    __table_args__ = (
        CheckConstraint("id = 1", name="one"),
        one_of("state", RegisterState),
        CheckConstraint("(requested_by IS NULL) = (requested_at IS NULL)", name="requested"),
        CheckConstraint(
            "ended_by IS NULL OR (requested_by IS NOT NULL AND requested_by <> ended_by)", name="two_people"
        ),
        CheckConstraint(
            "(ended_by IS NULL) = (ended_at IS NULL) AND (ended_at IS NULL) = (files_until IS NULL)", name="ended"
        ),
        CheckConstraint("ended_at IS NULL OR state = 'LIVE'", name="live"),
        CheckConstraint("files_erased_at IS NULL OR files_until IS NOT NULL", name="erased"),
    )

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, server_default="1")
    state: Mapped[str]
    began_at: Mapped[Moment]
    requested_by: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    requested_at: Mapped[datetime | None]
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    ended_at: Mapped[datetime | None]
    files_until: Mapped[datetime | None]
    files_erased_at: Mapped[datetime | None]
