"""A pupil entered singly: typed values are read and judged as the cells of a row, and all faults are told at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from hub import catalogue, codes
from hub.errors import Language
from hub.intake import check, messages, values
from hub.intake.check import Row
from hub.intake.field import camel
from hub.intake.found import Found, Known
from hub.intake.sheet import BY_SLOT, COLUMNS, Column
from hub.intake.values import School, Wrong

MEMBERS = 2
"""Family members that a pupil's sheet has room for."""
_OFFERED = 12

Values = dict[str, Any]
"""Of one pupil by slot: what was typed, or what `values.parse` makes of it. What is not there is blank."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a value, or odd about it: its slot, the rule's key, what the rule's text names."""

    slot: str
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def field(self) -> str:
        """The input's name of the slot: `guardians[0].idNumber` of `guardian1.id_number`."""
        column = BY_SLOT[self.slot]
        name = camel(column.key)
        return f"guardians[{column.member - 1}].{name}" if column.member else name

    def text(self, language: Language) -> str:
        """What is wrong, for a person at a form; where a rule's words speak of cells, it has others for forms."""
        return self._message.text(language).format_map(self._named)

    def remedy(self, language: Language) -> str:
        """What to write instead."""
        return self._message.remedy(language).format_map(self._named)

    def told(self, language: Language) -> dict[str, str]:
        """The whole finding, for a person."""
        words = {"message": self.text(language), "remedy": self.remedy(language)}
        return {"field": self.field, "code": self.key, **words}

    @property
    def _message(self) -> catalogue.Message:
        return catalogue.MESSAGES.get(f"FIELD_{self.key}") or messages.MESSAGES[self.key]

    @property
    def _named(self) -> dict[str, Any]:
        return {"header": BY_SLOT[self.slot].header, **self.values}


def examine(typed: Values, held: Known, *, known: Values | None = None) -> tuple[Row, list[Finding], list[Finding]]:
    """The row of a pupil, all that is wrong with it, and what is odd about it.

    `typed` are a form's values: entries of code lists by code, days and months as dates, yes and no as bool. `held` is
    what rows are judged by, `known` what the register says of the pupil where nothing was typed. What was wrong on
    record already, and was not touched, is not held against an edit of something else.
    """
    taken: Values = dict.fromkeys(BY_SLOT) | (known or {})
    before = dict(taken)
    wrong: dict[str, list[Wrong]] = {}
    for slot, value in typed.items():
        read = _read(BY_SLOT[slot], value, held.school, held.today)
        if isinstance(read, Wrong):
            wrong[slot] = [read]
        taken[slot] = None if slot in wrong else read
    found, odd = _judge(taken, wrong, held)
    if found and known is not None:
        old = {(each.slot, each.key) for each in _judge(before, {}, held)[0]}
        touched = {slot for slot in typed if slot in wrong or taken[slot] != before[slot]}
        found = [each for each in found if each.slot in touched or (each.slot, each.key) not in old]
    return check.row(0, [taken[column.slot] for column in COLUMNS]), found, odd


def _judge(taken: Values, wrong: dict[str, list[Wrong]], held: Known) -> tuple[list[Finding], list[Finding]]:
    found = Found(held.severities, wrong, {})
    check.judge(taken, found, held)
    return _listed(found.wrong), _listed(found.warned)


def _listed(found: Mapping[str, Sequence[Wrong]]) -> list[Finding]:
    return [Finding(column.slot, each.key, each.values) for column in COLUMNS for each in found.get(column.slot, ())]


def _read(column: Column, value: Any, school: School, today: date) -> Any:
    """What a typed value means, None if it is blank, or what is wrong with it."""
    if isinstance(value, StrEnum):
        return value.value
    if value is None or isinstance(value, bool):
        return value
    if column.kind == "code":
        return _code(column, value.strip(), today)
    return values.parse(column, value if isinstance(value, date) else str(value), school, today)


def _code(column: Column, code: str, today: date) -> Any:
    """A code of the column's list; the same entry that a sheet names."""
    listed = codes.lists()[column.codes or ""]
    found = listed.by_code(code)
    if not code or (found is not None and found.in_force(today)):
        return code or None
    return Wrong("UNKNOWN_OPTION", {"options": _options(listed.in_force(today))})


def _options(entries: Collection[codes.Code]) -> str:
    shown = [f"{entry.code} {entry.name}" for entry in entries][:_OFFERED]
    return "、".join(shown) + ("……" if len(entries) > _OFFERED else "")
