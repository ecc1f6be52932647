"""Which documents concern people (涉及个人信息): they are never asked for by an address, which logs and histories keep.

A document concerns no person when every field it selects is of a place, of a count or of a code list, is none that the
policy may keep back (`policies/objects.py` names those: the head's name, a school's telephone), and when no argument
can hold a filter over people. Whatever is not known to be so concerns people: a new type does until it is named here.
"""

from typing import Any

from graphql import (
    BREAK,
    DocumentNode,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_input_object_type,
    visit,
)

from loaders.declare import GRAPHS
from policies import OBJECTS

_PLACES = frozenset({"campus", "grade", "region", "school", "schoolClass"})
_BARE = frozenset({"AttendanceCount", "Code", "Headcount", "PageInfo", "ProblemCount", "Query"})


def concerned(schema: GraphQLSchema, document: DocumentNode) -> bool:
    """Whether a valid document concerns people; a mutation does."""
    types = TypeInfo(schema)
    looking = _Looking(types)
    visit(document, TypeInfoVisitor(types, looking))
    return looking.found


class _Looking(Visitor):
    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self.types = types
        self.found = False

    def enter_field(self, node: Any, *_: Any) -> Any:
        parent = self.types.get_parent_type()
        return self._note(parent is None or not _impersonal(parent.name, node.name.value))

    def enter_argument(self, *_: Any) -> Any:
        argument = self.types.get_argument()
        return self._note(argument is not None and _filters_people(get_named_type(argument.type), set()))

    def _note(self, found: bool) -> Any:
        self.found = self.found or found
        return BREAK if found else None


def _impersonal(owner: str, name: str) -> bool:
    if owner in _BARE or owner.startswith("__"):
        return True
    plain = owner.removesuffix("Connection").removesuffix("Edge")
    graph = GRAPHS.get(plain)
    if graph is None or graph.noun not in _PLACES:
        return False
    return plain != owner or name not in OBJECTS[graph.noun].fields


def _filters_people(kind: GraphQLNamedType, seen: set[str]) -> bool:
    """Whether an input leads to a filter over the rows of anything but places."""
    if not is_input_object_type(kind) or kind.name in seen:
        return False
    seen.add(kind.name)
    graph = GRAPHS.get(kind.name.removesuffix("Filter").removesuffix("List"))
    if graph is not None and graph.noun not in _PLACES:
        return True
    fields = kind.fields.values() if isinstance(kind, GraphQLInputObjectType) else ()
    return any(_filters_people(get_named_type(part.type), seen) for part in fields)
