"""The rules of a pupil's row as data: one table of codes, with what each looks at, how severe it is and its words.

`docs/rules.md` is generated from here. What can be wrong with a whole file stands in `hub.catalogue`.
"""

from collections.abc import Mapping
from datetime import date

from hub.intake.rules import crossing, fields, mending, rows
from hub.intake.rules.rule import Kind, Rule, Severity

__all__ = ["RULES", "Kind", "Rule", "Severity", "in_force", "severities", "switched"]

RULES: tuple[Rule, ...] = (*fields.RULES, *crossing.RULES, *rows.RULES, *mending.RULES)
"""Every rule of all times; of a code, at most one is in force on a day."""


def in_force(day: date) -> dict[str, Rule]:
    """The rules of a day, by code."""
    return {rule.code: rule for rule in RULES if rule.in_force(day)}


def switched(switches: Mapping[str, str]) -> dict[str, Severity]:
    """A province's switches, code to severity, as a check takes them.

    Raises ValueError for a code that is no rule, a rule that is not to be switched, or a word other than REFUSE, WARN
    and OFF.
    """
    return {code: _switch(code, wanted) for code, wanted in switches.items()}


def severities(day: date, switches: Mapping[str, str]) -> dict[str, Severity]:
    """How severe every rule of a day is under a province's switches; a rule that is not in force is off."""
    wanted = switched(switches)
    held = in_force(day)
    return {
        rule.code: wanted.get(rule.code, held[rule.code].severity) if rule.code in held else Severity.OFF
        for rule in RULES
    }


def _switch(code: str, wanted: str) -> Severity:
    if not any(rule.code == code and rule.switchable for rule in RULES):
        raise ValueError(f"{code} is no rule that can be switched")
    severity = Severity(wanted)
    if severity is Severity.MENDED:
        raise ValueError(f"{code} cannot be mended")
    return severity
