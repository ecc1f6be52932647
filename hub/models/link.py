"""What signed links are signed with."""

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from hub.models.base import KEEP, Base, Key, Moment


class LinkSecret(Base):
    """A secret that signed links are signed with (下载链接签名密钥); the newest signs. Only hub_system may read it."""

    __tablename__ = "link_secrets"
    __trial__ = KEEP

    id: Mapped[Key]
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[Moment]
