"""How much a document asks for, fragments expanded: measured before it is validated, for validating is quadratic."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    ListValueNode,
    Node,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from hub.errors import BadInput, HubError, TooComplex
from hub.settings import Settings


@dataclass(slots=True)
class Extent:
    """What a selection holds, as if every fragment were written out where it is spread."""

    depth: int = 0
    top: int = 0
    """Fields at its own level."""
    objects: int = 0
    selections: int = 0
    aliases: int = 0
    directives: int = 0

    def add(self, part: "Extent", *, below: bool = False) -> None:
        """Take in a part: of the same level, or one level below."""
        self.depth = max(self.depth, part.depth + below)
        self.top += 0 if below else part.top
        self.objects += part.objects
        self.selections += part.selections
        self.aliases += part.aliases
        self.directives += part.directives


class Measured:
    """A document's extent: each fragment is measured once, so a short document cannot make this long."""

    def __init__(self, document: DocumentNode) -> None:
        self.fragments = {
            part.name.value: part for part in document.definitions if isinstance(part, FragmentDefinitionNode)
        }
        self.operations = [part for part in document.definitions if isinstance(part, OperationDefinitionNode)]
        self.longest_list = 0
        self.circle = ""
        """A fragment that spreads itself, if there is one."""
        self._known: dict[str, Extent | None] = {}
        self.roots, self.whole = 0, Extent()
        for operation in self.operations:
            extent = self._marks(operation)
            for variable in operation.variable_definitions or ():
                extent.add(self._marks(variable))
                self._note(variable.default_value)
            extent.add(self._set(operation.selection_set))
            self.roots = max(self.roots, extent.top)
            self.whole.add(extent)
        for name in self.fragments:  # also those that no operation spreads: they are validated too
            if name not in self._known:
                self.whole.add(self._fragment(name))

    def crowd(self) -> int:
        """How often the place of the answer that is asked for most often is asked for.

        Validating compares every pair of fields of one place. Only for documents within the limits, without circles.
        """
        return max((self._crowd([operation.selection_set]) for operation in self.operations), default=0)

    def _set(self, selections: SelectionSetNode) -> Extent:
        extent = Extent()
        for node in selections.selections:
            extent.add(self._marks(node))
            extent.selections += 1
            if isinstance(node, FieldNode):
                extent.top += 1
                extent.depth = max(extent.depth, 1)
                extent.aliases += node.alias is not None
                for argument in node.arguments or ():
                    self._note(argument.value)
            if isinstance(node, FragmentSpreadNode):
                extent.add(self._fragment(node.name.value))
            elif below := getattr(node, "selection_set", None):
                extent.objects += isinstance(node, FieldNode)
                extent.add(self._set(below), below=isinstance(node, FieldNode))
        return extent

    def _fragment(self, name: str) -> Extent:
        if name not in self.fragments:
            return Extent()
        if name in self._known:
            known = self._known[name]
            if known is None:  # it is being measured: it spreads itself
                self.circle = name
            return known or Extent()
        self._known[name] = None
        fragment = self.fragments[name]
        extent = self._marks(fragment)
        extent.add(self._set(fragment.selection_set))
        self._known[name] = extent
        return extent

    def _marks(self, node: Node) -> Extent:
        """The directives on a node."""
        directives = getattr(node, "directives", None) or ()
        for directive in directives:
            for argument in directive.arguments or ():
                self._note(argument.value)
        return Extent(directives=len(directives))

    def _note(self, value: Node | None) -> None:
        waiting = [value]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ListValueNode):
                self.longest_list = max(self.longest_list, len(node.values))
                waiting += node.values
            elif isinstance(node, ObjectValueNode):
                waiting += [field.value for field in node.fields]

    def _crowd(self, sets: Iterable[SelectionSetNode]) -> int:
        places: dict[str, list[FieldNode]] = {}
        for selections in sets:
            for field in self._fields(selections):
                places.setdefault((field.alias or field.name).value, []).append(field)
        most = max(map(len, places.values()), default=0)
        for fields in places.values():
            below = [field.selection_set for field in fields if field.selection_set]
            most = max(most, self._crowd(below)) if below else most
        return most

    def _fields(self, selections: SelectionSetNode) -> Iterator[FieldNode]:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, FragmentSpreadNode):
                if node.name.value in self.fragments:
                    yield from self._fields(self.fragments[node.name.value].selection_set)
            else:
                yield from self._fields(node.selection_set)  # type: ignore[attr-defined]  # an inline fragment


def excess(document: DocumentNode, settings: Settings) -> HubError | None:
    """The first limit that a document exceeds, as a refusal; None if it keeps them all."""
    try:
        return _excess(Measured(document), settings)
    except RecursionError:
        return BadInput("BAD_DOCUMENT", detail="nested too deeply")


def _excess(found: Measured, settings: Settings) -> HubError | None:
    whole = found.whole
    measures = (
        ("片段数 fragments", len(found.fragments), settings.fragment_limit),
        ("层数 depth", whole.depth, settings.depth_limit),
        ("根字段 root fields", found.roots, settings.root_limit),
        ("别名数 aliases", whole.aliases, settings.alias_limit),
        ("指令数 directives", whole.directives, settings.directive_limit),
        ("对象字段 object fields", whole.objects, settings.object_limit),
        ("选择数 selections", whole.selections, settings.selection_limit),
        ("列表长度 length of a list", found.longest_list, settings.list_limit),
    )
    for what, size, limit in measures:
        if size > limit:
            return TooComplex("TOO_COMPLEX", what=what, limit=limit)
    if found.circle:
        return BadInput("BAD_DOCUMENT", detail=f'Cannot spread fragment "{found.circle}" within itself.')
    if found.crowd() > settings.overlap_limit:
        return TooComplex("TOO_COMPLEX", what="同一位置的重复字段 fields of one place", limit=settings.overlap_limit)
    return None
