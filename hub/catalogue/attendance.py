"""Messages of marking attendance."""

from hub.catalogue.message import Message

ATTENDANCE: dict[str, Message] = {}
