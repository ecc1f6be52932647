"""The catalogue of messages: every refusal's code, and its words in Chinese and English, a file a part of the hub.

`docs/errors.md` is generated from here and a test holds the two together.
"""

from hub.catalogue.attendance import ATTENDANCE
from hub.catalogue.cases import CASES
from hub.catalogue.entries import ENTRIES
from hub.catalogue.general import GENERAL
from hub.catalogue.imports import IMPORTS
from hub.catalogue.message import Message
from hub.catalogue.photos import PHOTOS
from hub.catalogue.problems import PROBLEMS
from hub.catalogue.setup import SETUP
from hub.catalogue.trial import TRIAL

__all__ = ["MESSAGES", "PARTS", "Message"]

PARTS = (GENERAL, SETUP, CASES, PROBLEMS, ATTENDANCE, IMPORTS, ENTRIES, PHOTOS, TRIAL)
MESSAGES: dict[str, Message] = {key: message for part in PARTS for key, message in part.items()}
"""Every message by its key; a key belongs to one part."""
