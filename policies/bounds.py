"""What no policy may give a role, whatever its lines say: the separation of duties that makes the role what it is.

Graded protection (等保) keeps the people who make accounts, the people who read the log and the people who work on
records apart (三员分立). A policy that is approved by mistake must not undo that.
"""

from policies.actions import Action
from policies.roles import Role

_PLACES = frozenset({"code", "campus", "grade", "region", "school"})


def breach(role: Role, owner: str, action: Action) -> str | None:
    """Why the role may never be allowed this action on this object; nothing if a policy is free to decide."""
    if role is Role.AUDITOR and owner != "audit":
        return "an auditor is given the log and nothing else"
    if role is Role.DASHBOARD and action is not Action.COUNT and not _reads(owner, action, _PLACES):
        return "a dashboard is given counts and the names of places, never a person"
    own = owner in ("account", "grant")
    if role is Role.ACCOUNT_ADMINISTRATOR and not own and not _reads(owner, action, _PLACES | {"schoolClass"}):
        return "an account administrator is given accounts, grants and the names of places, never records or the log"
    return None


def _reads(owner: str, action: Action, owners: frozenset[str]) -> bool:
    return action is Action.READ and owner in owners
