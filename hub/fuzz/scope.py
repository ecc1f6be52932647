"""Who asks, and what of the register lies in their reach: by place, by lease, by right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub.fuzz.ground import Coded, Leaf, Type
from hub.fuzz.rights import Access, Rights
from hub.fuzz.rows import Row, Rows, inside


@dataclass(frozen=True)
class Who:
    """A caller: an account under one role, with the roots it holds that role at."""

    account: int
    role: str
    roots: tuple[str, ...]

    @property
    def offices(self) -> frozenset[str]:
        """The roots that do not lie inside another."""
        return frozenset(
            root for root in self.roots if not any(other != root and inside(root, other) for other in self.roots)
        )


class Scope:
    """What one caller reaches at one moment."""

    def __init__(self, rows: Rows, rights: Rights, who: Who, now: datetime) -> None:
        self.rows = rows
        self.rights = rights
        self.who = who
        mine = [
            lease
            for lease in rows.all("leases")
            if (lease["account_id"] == who.account or lease["office"] in who.offices)
            and lease["since"] <= now < lease["until"]
        ]
        self.leased = frozenset(lease["student_id"] for lease in mine if lease["view"] == "RECORD")
        """Pupils whose whole record is open."""
        self.glimpsed = frozenset(lease["student_id"] for lease in mine)
        """Pupils opened in any way."""

    def reaches(self, path: str | None) -> bool:
        """Whether a path lies in the caller's area."""
        return any(inside(path, root) for root in self.who.roots)

    def holds(self, kind: Type, row: Row) -> bool:
        """Whether a row lies in the caller's area: itself, or the pupil whose it is."""
        if kind.owner is not None:
            pupil = self.rows.one("students", "id", row[kind.owner])
            return pupil is not None and self.reaches(pupil["path"])
        return any(self.reaches(row[column]) for column in kind.paths)

    def may(self, noun: str, action: str = "read") -> bool:
        """Whether the role may do this with what lies in its places."""
        return self.rights.by_place(self.who.role, noun, action)

    def may_leased(self, noun: str) -> bool:
        """Whether the role may read of this what a lease opens."""
        return self.rights.by_lease(self.who.role, noun, "read")

    def access(self, noun: str, field: str, *, leased: bool = False) -> Access:
        """How the role sees a field."""
        return self.rights.access(self.who.role, noun, field, leased=leased)


def shows(found: Leaf | Coded, access: Access) -> bool:
    """Whether a role with this access sees anything of a field."""
    return access == "read" or (access == "mask" and isinstance(found, Leaf) and found.mask is not None)
