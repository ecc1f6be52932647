"""Who is asking: an account, the grants it holds now, and the one role it acts under."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from hub import paths
from hub.errors import Forbidden

_NEVER, _ALWAYS = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Held:
    """A grant as held: the role, its root, what stands there, and for how long."""

    role: str
    root: str
    code: str
    title: str
    since: datetime
    until: datetime | None

    def live(self, moment: datetime) -> bool:
        """Whether the grant holds at a moment."""
        return self.since <= moment and (self.until is None or moment < self.until)


@dataclass(frozen=True, slots=True)
class Account:
    """A signed-in account with all its grants, as the session look-up found it."""

    id: int
    session_id: int
    username: str
    name: str
    must_change_password: bool
    expires_at: datetime
    grants: tuple[Held, ...]
    register: str | None = None
    """The state of the register as the session knew it: what is written is written into that register or not at all."""
    acting: dict[str | None, "_Acting"] = field(default_factory=dict, compare=False, repr=False)
    """The callers it was last, by the role that was asked for."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An account acting under one role, with that role's live roots, outermost only, in order."""

    account: Account
    role: str
    roots: tuple[str, ...]
    held: tuple[Held, ...]
    shape: tuple[str, tuple[int, ...]] = field(init=False)
    """What of a caller changes a plan: the role, and how many roots at which levels."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", (self.role, tuple(paths.level(root) for root in self.roots)))

    def reaches(self, path: str) -> bool:
        """Whether a path lies inside one of the roots."""
        return any(paths.inside(path, root) for root in self.roots)


@dataclass(frozen=True, slots=True)
class _Acting:
    """A caller, and from when until when the account is that one: no grant begins or ends between."""

    caller: Caller
    since: datetime
    until: datetime


def act(account: Account, role: str | None, moment: datetime) -> Caller:
    """The caller that an account is under the role it asks for, or under its first live grant's role.

    Raises Forbidden if the account does not hold the role now.
    """
    known = account.acting.get(role)
    if known is not None and known.since <= moment < known.until:
        return known.caller
    live = tuple(held for held in account.grants if held.live(moment))
    chosen = role or (live[0].role if live else "")
    mine = [held.root for held in live if held.role == chosen]
    if role and not mine:
        raise Forbidden("ROLE_NOT_HELD", role=role[:40])
    found = Caller(account, chosen, _outermost(mine), live)
    changes = [at for held in account.grants for at in (held.since, held.until) if at is not None]
    since = max((at for at in changes if at <= moment), default=_NEVER)
    until = min((at for at in changes if at > moment), default=_ALWAYS)
    account.acting[role] = _Acting(found, since, until)
    return found


def _outermost(roots: list[str]) -> tuple[str, ...]:
    kept: list[str] = []
    for root in sorted(set(roots)):
        if not kept or not paths.inside(root, kept[-1]):
            kept.append(root)
    return tuple(kept)
