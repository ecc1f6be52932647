"""Any object by its id alone, and many at once."""

from dataclasses import replace
from typing import Annotated, Any

import strawberry
from graphql import GraphQLField

from hub import gate
from hub.errors import BadInput, NotFound, TooLarge
from loaders import read
from loaders.compiler import Compiler
from loaders.declare import GRAPHS
from loaders.fragment import Fragment
from loaders.plan import Plan
from loaders.selection import Selected
from schema.common import Node, key_of
from schema.context import HubInfo, argument, found
from schema.query import lookup, may

KINDS = {
    "region": "Region",
    "school": "School",
    "campus": "Campus",
    "grade": "Grade",
    "class": "SchoolClass",
    "student": "Student",
    "placement": "Placement",
    "studentVersion": "StudentVersion",
    "classDay": "ClassDay",
    "problem": "ProblemRecord",
    "case": "Case",
    "import": "Import",
    "photo": "Photo",
    "photoImport": "PhotoImport",
}
"""The type of each kind of id."""


@strawberry.type
class NodeQuery:
    """Look-ups by id, whatever stands behind it."""

    @strawberry.field(description="Whatever has this id (按标识查对象).")
    async def node(
        self,
        info: HubInfo,
        id: Annotated[strawberry.ID, argument("Opaque id (标识).")],  # noqa: A002 -- GraphQL's word
    ) -> Node | None:
        """One object."""
        kind, key = _read(id)
        await may(info, kind)

        def compile_one(compiler: Compiler, field: Selected) -> Plan:
            return lookup(kind, "id")(compiler, _as(compiler, field, kind))

        answer = await read.run(info.context.reads(), info, compile_one, shape=kind, key=key)
        return await found(info, f"{GRAPHS[kind].noun}:read", answer)

    @strawberry.field(
        description="Whatever has these ids, in their order; null where there is nothing in reach (按标识批量查对象)."
    )
    async def nodes(
        self, info: HubInfo, ids: Annotated[list[strawberry.ID], argument("Opaque ids (标识列表).")]
    ) -> list[Node | None] | None:
        """Several objects: one statement for each type among them."""
        reading = info.context.reads()
        limit = reading.reader.settings.page_limit
        if len(ids) > limit:
            raise TooLarge("TOO_MANY_IDS", limit=limit)
        wanted: dict[str, list[tuple[int, int]]] = {}
        for at, given in enumerate(ids):
            kind, key = _read(given)
            wanted.setdefault(kind, []).append((at, key))
        parts: list[str] = ["null"] * len(ids)
        for kind, places in wanted.items():
            await may(info, kind)

            def compile_several(compiler: Compiler, field: Selected, kind: str = kind) -> Plan:
                return compiler.several(GRAPHS[kind], _as(compiler, field, kind))

            answers = await read.several(reading, info, compile_several, shape=kind, keys=[key for _, key in places])
            for (at, _), text in zip(places, answers, strict=True):
                parts[at] = text or "null"
        if "null" in parts:
            await gate.refuse(info.context.database, reading.caller, "nodes:read", None, NotFound())
        answer: Any = Fragment(f"[{','.join(parts)}]")
        return answer


def _read(given: str) -> tuple[str, int]:
    """The type and number in an id. Raises BadInput BAD_ID."""
    prefix = str(given).partition(":")[0]
    if prefix not in KINDS:
        raise BadInput("BAD_ID", value=str(given)[:40], example="student:123")
    return KINDS[prefix], key_of(prefix, given)


def _as(compiler: Compiler, field: Selected, kind: str) -> Selected:
    """The field as if it answered with the concrete type: what is selected on others falls away."""
    concrete: Any = compiler.document.schema.get_type(kind)
    return replace(field, definition=GraphQLField(concrete, field.definition.args))
