"""What a role may see, asked of casbin, the policy's definition; the flat table that the hub reads is under test."""

from typing import Literal

from policies import Policy

Access = Literal["read", "mask", "deny"]
_ANYWHERE = "14"


class Rights:
    """The rights of every role under one policy, each asked once."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._by_place: dict[tuple[str, str, str], bool] = {}
        self._by_lease: dict[tuple[str, str, str], bool] = {}

    def by_place(self, role: str, noun: str, action: str) -> bool:
        """Whether the role may do this with what lies in its places."""
        key = (role, noun, action)
        if key not in self._by_place:
            self._by_place[key] = self._policy.enforce(role, _ANYWHERE, noun, action, _ANYWHERE)
        return self._by_place[key]

    def by_lease(self, role: str, noun: str, action: str) -> bool:
        """Whether the role may do this with what a lease opens, by lines of reach `sides`: casbin knows no lease."""
        key = (role, noun, action)
        if key not in self._by_lease:
            names = {"*", noun, noun.partition(".")[0]}
            effects = {
                line.effect
                for line in self._policy.lines
                if (line.role, line.action, line.reach) == (role, action, "sides") and line.object in names
            }
            self._by_lease[key] = effects == {"allow"}
        return self._by_lease[key]

    def access(self, role: str, noun: str, field: str, *, leased: bool = False) -> Access:
        """How the role sees a field: of rows in its places, or of rows that a lease has opened."""
        if field == "id":
            return "read"
        only_leased = not self.by_place(role, noun, "read") and self.by_lease(role, noun, "read")
        name = f"{noun}.{field}"
        for action in ("read", "mask"):
            if self.by_place(role, name, action) or ((leased or only_leased) and self.by_lease(role, name, action)):
                return "read" if action == "read" else "mask"
        return "deny"
