"""Finished JSON inside a GraphQL answer: the hook that lets a root field's bytes through untouched."""

from typing import Any

import orjson
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext


class Fragment:
    """A root field's answer as PostgreSQL wrote it; the seam may still fill in what is loaded.

    No dataclass: orjson would write out its fields.
    """

    __slots__ = ("json",)

    def __init__(self, json: str) -> None:
        self.json = json


def default(value: Any) -> Any:
    """How orjson writes what it does not know: a fragment as it is, anything else as text."""
    return orjson.Fragment(value.json) if isinstance(value, Fragment) else str(value)


class FragmentExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, except that a `Fragment` is complete as it is: SQL has already selected."""

    def complete_value(self, return_type: Any, *rest: Any, **named: Any) -> Any:
        """Complete a value; a Fragment is complete already."""
        result = named["result"] if "result" in named else rest[3]
        if isinstance(result, Fragment):
            return result
        return super().complete_value(return_type, *rest, **named)

    def build_resolve_info(self, *parts: Any, **named: Any) -> Any:
        """The resolver's info; the context learns the variables with their sources, which plans need."""
        if self.context_value is not None:
            self.context_value.variables = self.variable_values
        return super().build_resolve_info(*parts, **named)
