"""The words of the rules of a row, by code."""

from hub.catalogue import Message
from hub.intake.rules import RULES

MESSAGES: dict[str, Message] = {rule.code: rule.message for rule in RULES}
"""In Chinese and English; rows of one code for different times have the same words."""
