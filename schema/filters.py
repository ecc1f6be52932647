"""The `where` and `orderBy` of every list, made from what its type's fields are declared to be.

A new field of a graph type can be filtered by without another line; an order is a `Sort` on the type.
"""

import enum
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import strawberry
from strawberry.types.base import StrawberryList, StrawberryOptional
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.lazy_type import LazyType
from strawberry.utils.str_converters import to_camel_case

from loaders.declare import GRAPHS, METADATA, Coded, Column, Graph, Many, Up
from schema import attendance, case, photo, problem, region, school, school_class, student, workbook
from schema.operators import SCALARS, CodeFilter, ExactFilter, Fields, make_input, of_enum

NOUNS = (attendance, case, photo, problem, region, school, school_class, student, workbook)
"""Every file that declares graph types."""

_ANY = "All that is given must hold."


@strawberry.enum(description="Which way a list runs (排序方向).")
class Direction(enum.Enum):
    """A direction."""

    ASC = strawberry.enum_value("ASC", description="Least first (升序).")
    DESC = strawberry.enum_value("DESC", description="Greatest first (降序).")


def _lazy(name: str) -> Any:
    return Annotated[name, strawberry.lazy(__name__)]


def _several(kind: Any) -> Any:
    return list[kind]


def _bare(kind: Any) -> Any:
    """The type inside an optional, and behind a lazy reference."""
    while isinstance(kind, StrawberryOptional | LazyType):
        kind = kind.of_type if isinstance(kind, StrawberryOptional) else kind.resolve_type()
    return kind


def _far(kind: Any) -> str:
    """The name of the graph type at the far end of an edge: the type, a list's, a connection's."""
    kind = _bare(kind)
    if isinstance(kind, StrawberryList):
        return _far(kind.of_type)
    if kind.__name__ in GRAPHS:
        return str(kind.__name__)
    return _far(kind.__strawberry_definition__.type_var_map["T"])


def _of_field(field: Any) -> Any:
    """The input a field of a graph type is filtered by; nothing if it cannot be."""
    kind = _bare(field.type)
    match field.metadata.get(METADATA):
        case Coded():
            return CodeFilter
        case Column(exact=True):
            return ExactFilter
        case Column():
            if isinstance(kind, StrawberryEnumDefinition):
                kind = kind.wrapped_cls
            if isinstance(kind, type) and issubclass(kind, StrEnum):
                return of_enum(kind)
            return None if isinstance(kind, StrawberryList) else SCALARS[kind]
        case Up():
            return _lazy(f"{_far(kind)}Filter")
        case Many():
            return _lazy(f"{_far(kind)}ListFilter")
    return None


def _fields(name: str, graph: Graph) -> Iterator[tuple[str, tuple[Any, str]]]:
    definition: Any = graph.type.__dict__["__strawberry_definition__"]
    for field in definition.fields:
        made = _of_field(field)
        if made is not None:
            key = field.graphql_name or to_camel_case(field.python_name)
            yield key, (made, field.description)
    for key, extra in graph.extras.items():
        yield key, (extra.annotation, extra.description)
    each = _lazy(f"{name}Filter")
    yield "and", (_several(each), "Every one of these (且).")
    yield "or", (_several(each), "At least one of these (或).")
    yield "not", (each, "Not this (非).")


def _declare(name: str, graph: Graph) -> Iterator[type]:
    definition: Any = graph.type.__dict__["__strawberry_definition__"]
    about = definition.description
    each = _lazy(f"{name}Filter")
    some: Fields = {
        "some": (each, "At least one is like this (存在)."),
        "none": (each, "None is like this (不存在)."),
    }
    yield make_input(f"{name}Filter", dict(_fields(name, graph)), f"Which of: {about} {_ANY}")
    yield make_input(f"{name}ListFilter", some, f"What there must be, or not, in your area of: {about} {_ANY}")
    if not graph.sorts:
        return
    by = enum.Enum(  # type: ignore[misc]  # its words are the type's sorts
        f"{name}Sort",
        {word: strawberry.enum_value(word, description=sort.description) for word, sort in graph.sorts.items()},
    )
    strawberry.enum(by, description=f"What to sort by: {about}")
    order = type(
        f"{name}Order",
        (),
        {
            "__annotations__": {"by": by, "direction": Direction},
            "__module__": __name__,
            "by": strawberry.field(description="What to sort by (排序项)."),
            "direction": strawberry.field(default=Direction.ASC, description="Which way (排序方向)."),
        },
    )
    yield strawberry.input(order, description=f"How to sort: {about}")


for _name, _graph in list(GRAPHS.items()):
    for _made in _declare(_name, _graph):
        globals()[_made.__name__] = _made
