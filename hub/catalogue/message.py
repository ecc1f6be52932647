"""A message of the catalogue."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its code, what happened and what to do, in both languages. Braces name values."""

    code: str
    zh: str
    en: str
    remedy_zh: str
    remedy_en: str

    def text(self, language: Literal["zh", "en"]) -> str:
        """What happened."""
        return self.zh if language == "zh" else self.en

    def remedy(self, language: Literal["zh", "en"]) -> str:
        """What to do about it."""
        return self.remedy_zh if language == "zh" else self.remedy_en
