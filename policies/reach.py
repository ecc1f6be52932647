"""How far a right reaches, and what a policy line covers: the functions the casbin matcher calls."""

from enum import StrEnum

from policies.objects import OBJECTS


class Reach(StrEnum):
    """Which rows a right holds for, seen from the grant's root."""

    SUBTREE = "subtree"
    """Everything at or below the root (本级及下级)."""
    OWN_CLASS = "own_class"
    """The class the grant stands on (本班): its root is the class, so this is a subtree of one class."""
    AGGREGATES = "aggregates"
    """Counts inside the subtree, never a row (仅汇总). Only `count` reaches so far."""
    SIDES = "sides"
    """Only rows a live lease opens: a case taken, a preview, a dated tail (涉事方). The place alone opens nothing."""
    NONE = "none"
    """Nothing at all (无). The answer where no line allows; never written in a line."""

    @property
    def on_path(self) -> bool:
        """Whether the place decides: the right holds exactly for the paths inside the root."""
        return self in _ON_PATH


WIDEST_FIRST = (Reach.SUBTREE, Reach.OWN_CLASS, Reach.AGGREGATES, Reach.SIDES)
_ON_PATH = frozenset({Reach.SUBTREE, Reach.OWN_CLASS, Reach.AGGREGATES})


def inside(path: str, root: str) -> bool:
    """Whether the path is the root itself or lies below it.

    Steps of a path have fixed widths, so "starts with" is "inside", and it is a range: `~` sorts after every child.
    casbin's own `keyMatch` must not stand here: it lets `/c10` through for `/c1*`. An empty root holds nothing.
    """
    return root != "" and root <= path < root + "~"


def covers(line: str, asked: str) -> bool:
    """Whether a line about an object speaks of what is asked: `*` of every object, `student` of itself and its
    fields, `student.phone` of that field alone. An object the register does not know is covered by nothing.
    """
    owner = asked.partition(".")[0]
    return owner in OBJECTS and line in ("*", owner, asked)


def reaches(reach: str, root: str, path: str) -> bool:
    """Whether a line of that reach holds for the path under the grant's root."""
    return Reach(reach).on_path and inside(path, root)
