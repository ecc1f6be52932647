"""The policy in force: casbin as the definition of who may do what, and the same thing flattened to a table."""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

import casbin

from policies.actions import Action
from policies.lines import Line, PolicyInvalid, parse
from policies.objects import OBJECTS
from policies.reach import WIDEST_FIRST, Reach, covers, reaches
from policies.roles import Role

SHIPPED = Path(__file__).with_name("policy.csv")
_MODEL = Path(__file__).with_name("model.conf")

_Table = dict[tuple[str, str, str], Reach]


class Access(StrEnum):
    """What a role sees of a field."""

    READ = "read"
    """Its value (明文)."""
    MASK = "mask"
    """Its value with most of it struck out (脱敏); no filter, no order, no grouping."""
    DENY = "deny"
    """Nothing (不可见)."""


class Policy:
    """A whole policy, checked and unchanging. A new text is a new Policy; swapping is assigning the reference."""

    def __init__(self, text: str) -> None:
        self.lines = tuple(parse(text))
        self.version = _sha256(text)
        self._table = _flatten(self.lines)
        self._seen: dict[tuple[str, str, str, bool], Access] = {}
        self._enforcers = _enforcers(self.lines)
        self._by_rule = {line.rule: line for line in self.lines}
        self._refuse_idle_masks()

    def enforce(self, role: str, root: str, noun: str, action: str, path: str) -> bool:
        """Whether a grant (role at root) may do this with a noun (`student`, `student.phone`) that lies at the path.

        This is the definition, asked of casbin; it costs a walk over the role's lines, so never ask it per row.
        Rows opened by a lease are outside it: a path alone says no to `sides`.
        """
        return self.explain(role, root, noun, action, path)[0]

    def explain(self, role: str, root: str, noun: str, action: str, path: str) -> tuple[bool, Line | None]:
        """Whether, and the line that decided; no line means that none allows it there."""
        if role not in self._enforcers:
            return False, None
        request = (str(role), root, noun, str(action), path)
        allowed, rule = self._enforcers[Role(role)].enforce_ex(*request)
        if rule:
            return allowed, self._by_rule[tuple(rule)]
        # casbin names the line only when it stops early, which under deny-override it does for refusals alone.
        return allowed, self._nearest(*request) if allowed else None

    def decide(self, role: str, noun: str, action: str) -> Reach:
        """How far the role's right to do this reaches, by one look-up; what is unknown reaches nothing.

        The right holds for a path when the reach is `on_path` and the path is inside the grant's root; `sides`
        holds for leased rows only. A field no line names is decided as its object.
        """
        found = self._table.get((role, noun, action))
        if found is None:
            found = self._table.get((role, noun.partition(".")[0], action), Reach.NONE)
        return found

    def access(self, role: str, noun: str, field: str, *, leased: bool = False) -> Access:
        """What the role sees of a field, on every row that the object's own reach shows it.

        A field that opens by lease only is not shown on rows seen by place: ask with `leased` for rows that a
        lease opened, whose view may narrow this further.
        """
        key = (role, noun, field, leased)
        found = self._seen.get(key)
        if found is None:
            found = self._seen[key] = self._access(*key)
        return found

    def _access(self, role: str, noun: str, field: str, leased: bool) -> Access:
        whole = self.decide(role, noun, Action.READ)
        name = f"{noun}.{field}"
        for action, access in ((Action.READ, Access.READ), (Action.MASK, Access.MASK)):
            reach = self.decide(role, name, action)
            by_lease = reach is Reach.SIDES and (leased or whole is Reach.SIDES)
            if reach.on_path or by_lease:
                return access
        return Access.DENY

    def rights(self, role: str) -> list[str]:
        """What the role may do in its places, as `object:verb` in order, for `viewer.can`. Fields are not listed, nor
        what only a lease opens.
        """
        return sorted(
            f"{noun}:{action}"
            for (holder, noun, action), reach in self._table.items()
            if holder == role and noun in OBJECTS and reach.on_path
        )

    def _nearest(self, role: str, root: str, noun: str, action: str, path: str) -> Line | None:
        """The most specific of the lines that allow a request."""
        allowing = [
            line
            for line in self.lines
            if line.effect == "allow"
            and (line.role, line.action) == (role, action)
            and covers(line.object, noun)
            and reaches(line.reach, root, path)
        ]
        return max(allowing, key=lambda line: (line.object == noun, line.object != "*"), default=None)

    def _refuse_idle_masks(self) -> None:
        """A mask over a field that may be read whole is a forgotten denial: the officer thinks it is hidden."""
        for line in self.lines:
            owner, _, field = line.object.partition(".")
            if line.action is not Action.MASK or line.effect == "deny" or not line.reach.on_path:
                continue
            for name in [field] if field else _fields(owner):
                if self.access(line.role, owner, name) is Access.READ:
                    raise PolicyInvalid(line.number, f"masked, but {owner}.{name} may be read: deny that read")


def load(text: str | None = None) -> Policy:
    """Build a policy from its text, or the shipped one.

    Raises PolicyInvalid, naming line and reason, if anything in it is unknown, doubled or senseless.
    """
    return Policy(SHIPPED.read_text(encoding="utf-8") if text is None else text)


def _sha256(text: str) -> str:
    try:
        return hashlib.sha256(text.encode()).hexdigest()
    except UnicodeEncodeError as broken:
        raise PolicyInvalid(0, "not text: it cannot be written as UTF-8") from broken


def _fields(owner: str) -> Iterable[str]:
    return sorted(OBJECTS[owner].fields)


def _enforcers(lines: Iterable[Line]) -> dict[Role, casbin.Enforcer]:
    """An enforcer of each role's own lines: casbin walks every line it holds, so many short walks beat one long."""
    model = _MODEL.read_text(encoding="utf-8")
    enforcers: dict[Role, casbin.Enforcer] = {}
    for line in lines:
        if line.role not in enforcers:
            enforcer = enforcers[line.role] = casbin.Enforcer(casbin.Enforcer.new_model(text=model))
            enforcer.add_function("covers", covers)
            enforcer.add_function("reaches", reaches)
        enforcers[line.role].add_policy(*line.rule)
    return enforcers


def _flatten(lines: Iterable[Line]) -> _Table:
    """Every role's reach for every object, every field some line names, and every verb."""
    table: _Table = {}
    for role in Role:
        own = [line for line in lines if line.role is role]
        nouns = {*OBJECTS, *(line.object for line in own)} - {"*"}
        for action in Action:
            about = [line for line in own if line.action is action]
            for noun in nouns:
                table[role, noun, action] = _widest([line for line in about if covers(line.object, noun)])
    return table


def _widest(lines: Iterable[Line]) -> Reach:
    """The widest reach that is allowed and not taken away.

    A denial of any reach that goes by place takes all of those (they differ in what is shown, not where);
    leases are allowed and taken away on their own.
    """
    denied = {line.reach for line in lines if line.effect == "deny"}
    allowed = {line.reach for line in lines if line.effect == "allow"}
    no_place = any(reach.on_path for reach in denied)
    for reach in WIDEST_FIRST:
        if reach in allowed and not (no_place if reach.on_path else reach in denied):
            return reach
    return Reach.NONE
