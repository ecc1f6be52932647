"""Messages of cases and problem records."""

from hub.catalogue.message import Message

CASES: dict[str, Message] = {}
