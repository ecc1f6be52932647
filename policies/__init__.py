"""Who may do what: the casbin model, the shipped policy, its roles, actions and reaches. No database, no hub.

`load(text)` builds a `Policy`; casbin is its definition (`enforce`, `explain`), a flat table its compiled form
(`decide`, `access`, `rights`). Which policy is in force is the hub's business.
"""

from policies.actions import Action
from policies.lines import Line, PolicyInvalid
from policies.objects import OBJECTS, PERSONS, Noun, is_named
from policies.policy import SHIPPED, Access, Policy, load
from policies.reach import Reach, covers, inside, reaches
from policies.roles import Level, Role

__all__ = [
    "OBJECTS",
    "PERSONS",
    "SHIPPED",
    "Access",
    "Action",
    "Level",
    "Line",
    "Noun",
    "Policy",
    "PolicyInvalid",
    "Reach",
    "Role",
    "covers",
    "inside",
    "is_named",
    "load",
    "reaches",
]
