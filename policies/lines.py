"""Lines of a policy: text in, checked lines out, or the number of the line at fault."""

from dataclasses import dataclass
from typing import Literal

from policies.actions import Action
from policies.bounds import breach
from policies.objects import OBJECTS, is_named
from policies.reach import Reach
from policies.roles import Level, Role

_COLUMNS = 6


class PolicyInvalid(Exception):
    """The text is no policy. `line` is the number of the line at fault (0: the text as a whole), `reason` says why."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(f"line {line}: {reason}")


@dataclass(frozen=True)
class Line:
    """One line of a policy: this role may, or may not, do this with that object as far as the reach goes.

    `number` counts from 1 in the text it came from, comments included.
    """

    number: int
    role: Role
    object: str
    action: Action
    reach: Reach
    effect: Literal["allow", "deny"]

    @property
    def rule(self) -> tuple[str, str, str, str, str]:
        """The line as casbin stores it, in the order of `model.conf`."""
        return (self.role.value, self.object, self.action.value, self.reach.value, self.effect)

    @property
    def text(self) -> str:
        """The line as an officer writes it."""
        return ", ".join(("p", *self.rule))


def parse(text: str) -> list[Line]:
    """Read the lines of a policy.

    A line is `p, role, object, action, reach, effect`; a line that starts with `#` is a comment, a blank one is
    nothing. Read here, not by casbin's adapters: those drop a line whose first word they do not know.
    Raises PolicyInvalid at the first fault: a policy is taken whole or not at all.
    """
    lines: dict[tuple[str, ...], Line] = {}
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        written = raw.removesuffix("\r")
        if len(written.splitlines()) > 1:
            raise PolicyInvalid(number, "a hidden line break: what a reader sees is not what is read")
        if not written.strip() or written.lstrip().startswith("#"):
            continue
        line = _line(number, [part.strip() for part in written.split(",")])
        earlier = lines.setdefault(line.rule[:4], line)
        if earlier is not line:
            raise PolicyInvalid(number, f"line {earlier.number} already decides this")
    if not lines:
        raise PolicyInvalid(0, "a policy without a line")
    return list(lines.values())


def _line(number: int, parts: list[str]) -> Line:
    if len(parts) != _COLUMNS or parts[0] != "p":
        raise PolicyInvalid(number, "a line is: p, role, object, action, reach, effect")
    _, role, subject, action, reach, effect = parts
    if role not in set(Role):
        raise PolicyInvalid(number, f"unknown role {role!r}")
    if not is_named(subject):
        raise PolicyInvalid(number, f"unknown object or field {subject!r}")
    if action not in set(Action):
        raise PolicyInvalid(number, f"unknown action {action!r}")
    if reach not in set(Reach):
        raise PolicyInvalid(number, f"unknown reach {reach!r}")
    if effect not in ("allow", "deny"):
        raise PolicyInvalid(number, f"unknown effect {effect!r}")
    line = Line(number, Role(role), subject, Action(action), Reach(reach), "allow" if effect == "allow" else "deny")
    fault = _senseless(line)
    if fault:
        raise PolicyInvalid(number, fault)
    return line


def _senseless(line: Line) -> str | None:
    """Why a line of known words still means nothing, or more than its writer can have meant."""
    owner = line.object.partition(".")[0]
    if owner != "*" and line.action not in OBJECTS[owner].actions:
        return f"{owner} has no action {line.action.value!r}"
    if owner == "*" and line.action is Action.MASK:
        return "a mask names an object or a field"
    if line.reach is Reach.NONE:
        return "a line must reach something: write no line, or deny the reach that is taken away"
    if line.reach is Reach.AGGREGATES and line.action is not Action.COUNT:
        return "aggregates are counts: only 'count' reaches so far"
    if line.reach is Reach.SIDES and line.action is Action.COUNT:
        return "leased rows are never counted"
    if line.reach is Reach.OWN_CLASS and line.role.levels != {Level.CLASS}:
        return f"{line.role.value} is not granted at a class"
    return breach(line.role, owner, line.action) if line.effect == "allow" else None
