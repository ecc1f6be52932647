"""Messages of setting a school up."""

from hub.catalogue.message import Message

SETUP: dict[str, Message] = {}
