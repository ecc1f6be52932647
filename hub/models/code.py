"""Code lists as the database knows them: the register of `hub/codes/`, by date."""

from datetime import date

from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import KEEP, Base, Ordered, lasting


class Code(Base):
    """One option of a code list (代码), from the day it came into force."""

    __tablename__ = "codes"
    __trial__ = KEEP
    __table_args__ = (lasting(),)

    list: Mapped[Ordered] = mapped_column(primary_key=True)
    code: Mapped[Ordered] = mapped_column(primary_key=True)
    since: Mapped[date] = mapped_column(primary_key=True)
    until: Mapped[date | None]
    name: Mapped[str]
    english: Mapped[str | None]
