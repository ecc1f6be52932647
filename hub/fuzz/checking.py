"""What is refused before anything is read: the whole of a root field, or the fields that a role sees on no row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from hub.fuzz import conditions, counts
from hub.fuzz.answer import Answer, Cursor, Path, Refused, bound_to
from hub.fuzz.asked import Asked, Document
from hub.fuzz.conditions import Faults
from hub.fuzz.ground import TYPES, Coded, Count, Down, Leaf, Type, Up
from hub.fuzz.scope import Scope, shows


@dataclass
class Checking:
    """One document of one caller, checked: what is denied goes into the answer's errors."""

    document: Document
    scope: Scope
    cursors: Mapping[str, Cursor]
    page_limit: int
    filter_limit: int
    today: date
    found: Answer

    def accept(self, asked: Asked, name: str) -> None:
        """Refuse a list, or note what of it is denied."""
        faults, denied = Faults(), list[Path]()
        self._check_list(asked, name, TYPES[name].order, (asked.key,), faults, denied, pupil=False)
        self._conclude(faults, denied)

    def accept_object(self, asked: Asked, name: str) -> None:
        """Refuse one object, or note what of it is denied."""
        faults, denied = Faults(), list[Path]()
        kind = TYPES[name]
        leasable = kind.noun == "student" or kind.owner is not None
        self._check(name, asked.below, (asked.key,), faults, denied, far=False, pupil=leasable)
        self._conclude(faults, denied)

    def _conclude(self, faults: Faults, denied: list[Path]) -> None:
        if faults.first:
            raise Refused(faults.first)
        self.found.errors += [(path, frozenset({"FORBIDDEN_FIELD"})) for path in denied]

    def _check(
        self, name: str, below: list[Any], path: Path, faults: Faults, denied: list[Path], *, far: bool, pupil: bool
    ) -> None:
        kind = TYPES[name]
        for asked in self.document.fields(name, below):
            here = (*path, asked.key)
            if asked.name == "__typename":
                continue
            found = kind.fields[asked.name]
            if isinstance(found, Leaf | Coded):
                if not self._ever(kind, asked.name, found, far=far, pupil=pupil):
                    denied.append(here)
            elif isinstance(found, Up):
                self._check(found.far, asked.below, here, faults, denied, far=True, pupil=found.leased)
            elif isinstance(found, Down):
                self._check_down(asked, found, here, faults, denied, pupil=pupil)
            elif isinstance(found, Count):
                if not self.scope.may(found.noun, "count"):
                    denied.append(here)
                elif found.what == "headcounts":
                    counts.check(asked.given, faults, self.filter_limit)
                elif found.what == "attendance":
                    since, until = counts.period(asked.given, self.today)
                    if since > until:
                        faults.binding.add("BAD_PERIOD")

    def _check_down(
        self, asked: Asked, edge: Down, path: Path, faults: Faults, denied: list[Path], *, pupil: bool
    ) -> None:
        noun = TYPES[edge.far].noun
        owned = edge.kind == "owned" and pupil
        if not self.scope.may(noun) and not (owned and self.scope.may_leased(noun)):
            denied.append(path)
        elif edge.whole:
            self._check(edge.far, asked.below, path, faults, denied, far=False, pupil=pupil)
        else:
            self._check_list(asked, edge.far, edge.order, path, faults, denied, pupil=owned)

    def _check_list(
        self,
        asked: Asked,
        name: str,
        order: Iterable[str],
        path: Path,
        faults: Faults,
        denied: list[Path],
        *,
        pupil: bool,
    ) -> None:
        kind, given = TYPES[name], asked.given
        conditions.check(self.scope, kind, given.get("where"), faults, self.filter_limit)
        keys = conditions.order_of(self.scope, kind, order, given.get("orderBy"), faults)
        self._check_page(asked, keys, faults)
        for part in self.document.fields(f"{name}Connection", asked.below):
            here = (*path, part.key)
            if part.name == "nodes":
                self._check(name, part.below, here, faults, denied, far=False, pupil=pupil)
            elif part.name == "edges":
                for one in self.document.fields(f"{name}Edge", part.below):
                    if one.name == "node":
                        self._check(name, one.below, (*here, one.key), faults, denied, far=False, pupil=pupil)

    def _check_page(self, asked: Asked, keys: list[conditions.Key], faults: Faults) -> None:
        first, after, last, before = (asked.given.get(name) for name in ("first", "after", "last", "before"))
        if (first is not None or after is not None) and (last is not None or before is not None):
            faults.binding.add("BAD_PAGE_ARGUMENTS")
        if before is not None and last is None:
            faults.binding.add("BAD_PAGE_ARGUMENTS")
        size = last if last is not None else first
        if size is not None and not 0 <= size <= self.page_limit:
            faults.binding.add("BAD_PAGE_SIZE")
        edge = after if last is None else before
        if edge is not None:
            known = self.cursors.get(edge)
            if known is None or known.good_for != bound_to(self.scope, asked, keys):
                faults.binding.add("BAD_CURSOR")

    def _ever(self, kind: Type, name: str, found: Leaf | Coded, *, far: bool, pupil: bool) -> bool:
        """Whether a role sees anything of a field on any row."""
        if far and name in kind.card and isinstance(found, Leaf):
            return True
        if shows(found, self.scope.access(kind.noun, name)):
            return True
        return pupil and shows(found, self.scope.access(kind.noun, name, leased=True))
