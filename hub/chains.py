"""The shipped chains of cases (办理流程): for each kind and the day it came into force, who decides by when."""

from dataclasses import dataclass
from datetime import date

from hub import codes


@dataclass(frozen=True, slots=True)
class Step:
    """A step: the side that decides, its working days; of the whole chain its last day, source, need of evidence."""

    side: str
    days: int
    until: date | None
    source: str
    evidence: bool


def shipped() -> dict[tuple[str, date], list[Step]]:
    """The steps of every chain, by kind and first day, in order."""
    found: dict[tuple[str, date], list[Step]] = {}
    for row in sorted(codes.rows("chains.csv"), key=lambda row: int(row["ordinal"])):
        until = date.fromisoformat(row["until"]) if row["until"] else None
        step = Step(row["side"], int(row["days"]), until, row["source"], row["evidence"] == "true")
        found.setdefault((row["kind"], date.fromisoformat(row["since"])), []).append(step)
    return found
