"""A rule of the import sheet, as a row of a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from hub.catalogue import Message


class Kind(StrEnum):
    """What a rule looks at (规则类别): one cell, several cells of a row, several rows of a sheet, or the register."""

    FIELD = "FIELD"
    CROSS_FIELD = "CROSS_FIELD"
    CROSS_ROW = "CROSS_ROW"
    CROSS_REGISTER = "CROSS_REGISTER"


class Severity(StrEnum):
    """What a broken rule does to its row (处理方式).

    REFUSE keeps the row out, WARN tells and takes it, MENDED took the cell in another form than it was written in,
    OFF is silent.
    """

    REFUSE = "REFUSE"
    WARN = "WARN"
    MENDED = "MENDED"
    OFF = "OFF"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its stable code, what it looks at, how severe it is, and its words.

    `since` is its first day and `until` its last, None without bound: where the law changed, a code has a row for each
    time. `limits` are the numbers it compares with. `switchable` says whether a province may give it another severity:
    a cell that could not be read at all leaves nothing to take, so rules of reading are not.
    """

    code: str
    kind: Kind
    severity: Severity
    message: Message
    switchable: bool = False
    since: date | None = None
    until: date | None = None
    limits: Mapping[str, int] = field(default_factory=dict)

    def in_force(self, day: date) -> bool:
        """Whether the rule holds on that day."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


def rule(
    kind: Kind,
    severity: Severity,
    code: str,
    zh: str,
    en: str,
    remedy_zh: str,
    remedy_en: str,
    *,
    switchable: bool = False,
    since: date | None = None,
    until: date | None = None,
    **limits: int,
) -> Rule:
    """A rule from its words: what happened in both languages, then what to do. Each may name {header}, the column."""
    message = Message("BAD_ROW", zh, en, remedy_zh, remedy_en)
    return Rule(code, kind, severity, message, switchable, since, until, limits)
