"""What is told of the rows that a document reaches: values, edges, counts, pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hub.fuzz import conditions, counts
from hub.fuzz.answer import Answer, Cursor, Path, bound_to
from hub.fuzz.asked import Asked, Document
from hub.fuzz.ground import TYPES, Coded, Count, Down, Leaf, Looked, Type, Up
from hub.fuzz.rights import Access
from hub.fuzz.rows import Row, Rows
from hub.fuzz.scope import Scope, shows

_CHINA = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class Seen:
    """A row being told: whole, or (if it was reached upwards) its card, and the rest if it is reached."""

    type: Type
    name: str
    row: Row | None
    card: Row | None = None
    pupil: int | None = None
    """Whose lease may open it."""

    @property
    def near(self) -> Row:
        """What is always known of it: where it lies and its id."""
        found = self.row if self.card is None else self.card
        assert found is not None  # noqa: S101 -- one of the two is there
        return found


@dataclass
class Telling:
    """One document of one caller, told: rows that are told or kept hidden are counted in the answer."""

    document: Document
    scope: Scope
    cursors: Mapping[str, Cursor]
    today: date
    found: Answer
    shut: dict[Path, None] = field(default_factory=dict)
    """Where the statement being answered told nothing because only a lease would open it, and none does."""

    @property
    def rows(self) -> Rows:
        """The register."""
        return self.scope.rows

    def tell(self, seen: Seen, below: list[Any], path: Path) -> dict[str, Any]:
        """What is selected of a row."""
        return {
            asked.key: self._value(seen, asked, (*path, asked.key)) for asked in self.document.fields(seen.name, below)
        }

    def _value(self, seen: Seen, asked: Asked, path: Path) -> Any:
        if asked.name == "__typename":
            return seen.name
        found = seen.type.fields[asked.name]
        if isinstance(found, Leaf):
            return self._leaf(seen, asked.name, found, path)
        if isinstance(found, Coded):
            shown = self._access(seen, asked.name, found, path) == "read"
            return self._code(asked, found, seen.row[found.column]) if shown and seen.row is not None else None
        if isinstance(found, Up):
            return self._up(seen, asked, found, path)
        if isinstance(found, Down):
            return self._down(seen, asked, found, path)
        if isinstance(found, Looked):
            return [self.plain(asked, "Candidate", one) for one in counts.candidates(self.scope, seen.near)]
        return self._count(seen, asked, found)

    def _leaf(self, seen: Seen, name: str, found: Leaf, path: Path) -> Any:
        if seen.card is not None and name in seen.type.card:
            return _json(found.value(seen.card, self.rows, self.scope.reaches))
        access = self._access(seen, name, found, path)
        if seen.row is None or not shows(found, access):
            return None
        value = found.value(seen.row, self.rows, self.scope.reaches)
        if access == "mask" and value is not None:
            assert found.mask is not None  # noqa: S101 -- it shows
            value = found.mask(value)
        return _json(value)

    def _access(self, seen: Seen, name: str, found: Leaf | Coded, path: Path) -> Access:
        access = self.scope.access(seen.type.noun, name)
        if access == "read" or seen.pupil is None:
            return access
        opened = self.scope.access(seen.type.noun, name, leased=True)
        if seen.pupil in self.scope.leased:
            return opened if shows(found, opened) else access
        if shows(found, opened) and not shows(found, access):
            self.shut[path] = None
        return access

    def _code(self, asked: Asked, found: Coded, code: str | None) -> Any:
        entries = [one for one in self.rows.where("codes", "code", code) if one["list"] == found.list]
        if not entries:
            return None
        newest = max(entries, key=lambda one: one["since"])
        return self.plain(asked, "Code", {"code": newest["code"], "name": newest["name"]})

    def plain(self, asked: Asked, kind: str, values: dict[str, Any]) -> dict[str, Any]:
        """An object without a table: what is selected of its values."""
        return {part.key: self._part(part, kind, values) for part in self.document.fields(kind, asked.below)}

    def _part(self, part: Asked, kind: str, values: dict[str, Any]) -> Any:
        if part.name == "__typename":
            return kind
        value = values[part.name]
        return [self.plain(part, "Agreement", one) for one in value] if part.name == "agreement" else _json(value)

    def _up(self, seen: Seen, asked: Asked, edge: Up, path: Path) -> Any:
        if seen.row is None:
            return None
        far = TYPES[edge.far]
        row = self.rows.one(far.table, "id", edge.key(seen.row, self.rows, self.scope.reaches))
        if row is None:
            return None
        pupil = int(row["id"]) if edge.leased else None
        reached = self.scope.may(far.noun) and (self.scope.holds(far, row) or pupil in self.scope.leased)
        self.found.hidden += not reached
        if edge.leased and not reached and pupil not in self.scope.glimpsed:
            return None
        return self.tell(Seen(far, edge.far, row if reached else None, card=row, pupil=pupil), asked.below, path)

    def _down(self, seen: Seen, asked: Asked, edge: Down, path: Path) -> Any:
        far = TYPES[edge.far]
        by_place = self.scope.may(far.noun)
        owned = edge.kind == "owned"
        if not by_place and not (owned and seen.pupil is not None and self.scope.may_leased(far.noun)):
            return None
        if not by_place and seen.pupil not in self.scope.leased:
            self.shut[path] = None
            return None
        rows = list(edge.rows(seen.near, self.rows))
        if owned and not self._owner_reached(seen):
            self.found.hidden += len(rows)
            rows = []
        pupil = seen.pupil if owned else None
        if edge.whole:
            ordered = conditions.sort(rows, [(column, False) for column in edge.order])
            self.found.rows += len(ordered)
            return [self.tell(Seen(far, edge.far, row, pupil=pupil), asked.below, path) for row in ordered]
        return self.page(asked, edge.far, edge.order, rows, path, owned=owned, pupil=pupil)

    def _owner_reached(self, seen: Seen) -> bool:
        """Whether what a row owns is seen: as the row is."""
        leased = seen.pupil is not None and seen.pupil in self.scope.leased
        return seen.card is None or leased or self.scope.holds(seen.type, seen.near)

    def _count(self, seen: Seen, asked: Asked, found: Count) -> Any:
        path = seen.near["path"]
        if not self.scope.may(found.noun, "count"):
            return None
        if seen.card is not None and not self.scope.reaches(path):
            self.found.hidden += 1
            return None
        if found.what == "headcounts":
            made = counts.headcounts(self.rows, [path], asked.given, territorial=seen.name == "Region")
            return [self.plain(asked, "Headcount", one) for one in made]
        if found.what == "problemCounts":
            return [self.plain(asked, "ProblemCount", one) for one in counts.problem_counts(self.rows, path)]
        since, until = counts.period(asked.given, self.today)
        return self.plain(asked, "AttendanceCount", counts.attendance(self.rows, path, since, until))

    # Lists

    def page(
        self,
        asked: Asked,
        name: str,
        order: Iterable[str],
        rows: list[Row],
        path: Path,
        *,
        owned: bool = False,
        pupil: int | None = None,
    ) -> dict[str, Any]:
        """A page of the rows that lie in the area (what is owned was judged with its owner) and satisfy the filter."""
        kind, given = TYPES[name], asked.given
        matching = [row for row in rows if conditions.keeps(self.scope, kind, row, given.get("where"))]
        whole = matching if owned else [row for row in matching if self.scope.holds(kind, row)]
        self.found.hidden += len(matching) - len(whole)
        keys = conditions.order_of(self.scope, kind, order, given.get("orderBy"))
        backward = given.get("last") is not None
        size = given["last"] if backward else 50 if given.get("first") is None else given["first"]
        edge = given.get("before" if backward else "after")
        rest = conditions.sort(whole, keys)
        if edge is not None:
            at = dict(self.cursors[edge].keys)
            rest = [row for row in rest if (conditions.before(keys, row, at) < 0 if backward else _past(keys, row, at))]
        shown = rest[max(0, len(rest) - size) :] if backward else rest[:size]
        more, resumed = len(rest) > size, edge is not None
        self.found.rows += len(shown)
        good_for = bound_to(self.scope, asked, keys)
        cursors = [Cursor(good_for, tuple((column, row[column]) for column, _ in keys)) for row in shown]
        info = {
            "hasNextPage": resumed if backward else more,
            "hasPreviousPage": more if backward else resumed,
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        }
        seen = [Seen(kind, name, row, pupil=pupil) for row in shown]
        return {
            part.key: self._part_of_page(part, name, seen, cursors, info, len(whole), (*path, part.key))
            for part in self.document.fields(f"{name}Connection", asked.below)
        }

    def _part_of_page(
        self,
        part: Asked,
        name: str,
        seen: list[Seen],
        cursors: list[Cursor],
        info: dict[str, Any],
        total: int,
        path: Path,
    ) -> Any:
        match part.name:
            case "nodes":
                return [self.tell(one, part.below, path) for one in seen]
            case "edges":
                return [self._edge(part, name, *one, path) for one in zip(seen, cursors, strict=True)]
            case "pageInfo":
                return self.plain(part, "PageInfo", info)
            case "totalCount":
                return total
        return f"{name}Connection"

    def _edge(self, part: Asked, name: str, seen: Seen, cursor: Cursor, path: Path) -> dict[str, Any]:
        return {
            one.key: self.tell(seen, one.below, (*path, one.key))
            if one.name == "node"
            else cursor
            if one.name == "cursor"
            else f"{name}Edge"
            for one in self.document.fields(f"{name}Edge", part.below)
        }


def _past(keys: list[conditions.Key], row: Row, at: dict[str, Any]) -> bool:
    return conditions.before(keys, row, at) > 0


def _json(value: Any) -> Any:
    """A value as JSON writes it: days and moments in ISO 8601, moments at +08:00, decimals as text."""
    if isinstance(value, datetime):
        local = value.astimezone(_CHINA)
        fraction = f".{local.microsecond:06d}".rstrip("0") if local.microsecond else ""
        return f"{local:%Y-%m-%dT%H:%M:%S}{fraction}+08:00"
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
