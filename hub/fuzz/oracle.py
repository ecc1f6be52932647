"""The oracle: what a document must answer a caller, found by looking at every row.

It knows the rules, not the compiler: nothing here, nor what it stands on, imports `loaders/` or `schema/`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hub.fuzz import conditions, counts, ground
from hub.fuzz.asked import Asked, Document, listed
from hub.fuzz.conditions import Faults, number_of
from hub.fuzz.ground import LISTS, LOOK_UPS, TYPES, Coded, Count, Down, Leaf, Looked, Type, Up
from hub.fuzz.rights import Access, Rights
from hub.fuzz.rows import Row, Rows, inside
from hub.fuzz.scope import Scope, Who
from policies import Policy

_CHINA = timezone(timedelta(hours=8))
Path = tuple[str, ...]


@dataclass(frozen=True)
class Cursor:
    """A cursor as the oracle knows it: for whom and which list it is good, and where in it it stands."""

    good_for: tuple[Any, ...]
    keys: tuple[tuple[str, Any], ...]


@dataclass
class Answer:
    """What must be answered."""

    data: dict[str, Any]
    errors: list[tuple[Path, frozenset[str]]]
    """Of each error its path and the keys it may have."""
    rows: int = 0
    """Rows of the caller's area, or leased ones, that are told."""
    hidden: int = 0
    """Rows the area's border kept out, and rows of which only a card was told."""


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
class Refused(Exception):
    """A root field answers nothing but an error."""

    keys: set[str]


@dataclass
class Oracle:
    """The register and the policy, and what cursors the hub has given out."""

    rows: Rows
    policy: Policy
    page_limit: int
    filter_limit: int
    now: datetime
    """When leases are looked at: the moment the rows were read."""
    cursors: dict[str, Cursor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rights = Rights(self.policy)

    def leased_to(self, who: Who) -> frozenset[int]:
        """The pupils a caller's leases open in any way."""
        return Scope(self.rows, self.rights, who, self.now).glimpsed

    def answer(self, text: str, variables: dict[str, Any], who: Who, today: date) -> Answer:
        """What a document must answer a caller."""
        return _Reading(self, Document(text, variables), who, today).answer()


class _Reading:
    """One document for one caller."""

    def __init__(self, oracle: Oracle, document: Document, who: Who, today: date) -> None:
        self.oracle = oracle
        self.document = document
        self.today = today
        self.rows = oracle.rows
        self.scope = Scope(oracle.rows, oracle.rights, who, oracle.now)
        self.found = Answer({}, [])
        self.shut: dict[Path, None] = {}
        """Where the statement being answered told nothing because only a lease would open it, and none does."""

    def answer(self) -> Answer:
        data: dict[str, Any] = {}
        for asked in self.document.fields("Query", self.document.top):
            try:
                data[asked.key] = "Query" if asked.name == "__typename" else self._root(asked)
                self._flush()
            except Refused as refusal:
                data[asked.key] = None
                self.found.errors.append(((asked.key,), frozenset(refusal.keys)))
        self.found.data = data
        return self.found

    def _flush(self) -> None:
        self.found.errors += [(path, frozenset({"FORBIDDEN_FIELD"})) for path in self.shut]
        self.shut = {}

    # Root fields

    def _root(self, asked: Asked) -> Any:
        if asked.name in LISTS:
            return self._root_list(asked, LISTS[asked.name])
        if asked.name in LOOK_UPS:
            return self._look_up(asked)
        if asked.name == "headcounts":
            return self._root_count(asked)
        if asked.name == "node":
            name, number = self._id(asked.given["id"])
            self._may(name)
            return self._told(asked, name, self.rows.one(TYPES[name].table, "id", number))
        if asked.name == "nodes":
            return self._nodes(asked)
        raise LookupError(f"the oracle does not know the root field {asked.name}")

    def _root_list(self, asked: Asked, name: str) -> Any:
        kind, within = TYPES[name], asked.given.get("within")
        if not self.scope.may(kind.noun):
            # What only a lease opens is in no list.
            raise Refused({"FORBIDDEN"})
        if within is not None and not (within.isascii() and within.isdigit() and self.scope.reaches(within)):
            self.found.hidden += self.rows.one("places", "path", within) is not None
            raise Refused({"NOT_FOUND"})
        self._accept(asked, name)
        rows = self.rows.all(kind.table)
        if within is not None:
            rows = [row for row in rows if any(inside(row[column], within) for column in kind.paths)]
        return self._page(asked, name, kind.order, rows, (asked.key,))

    def _root_count(self, asked: Asked) -> Any:
        """Students of the whole area, or at one place in it."""
        if not self.scope.may("headcount", "count"):
            raise Refused({"FORBIDDEN"})
        within = asked.given.get("within")
        if within is not None and not (within.isascii() and within.isdigit() and self.scope.reaches(within)):
            raise Refused({"NOT_FOUND"})
        faults = Faults()
        counts.check(asked.given, faults, self.oracle.filter_limit)
        if faults.first:
            raise Refused(faults.first)
        places = sorted(self.scope.who.offices) if within is None else [within]
        made = counts.headcounts(self.rows, places, asked.given, territorial=True)
        self.found.rows += any(one["students"] for one in made)
        return [self._plain(asked, "Headcount", one) for one in made]

    def _look_up(self, asked: Asked) -> Any:
        name, ways = LOOK_UPS[asked.name]
        given = {way: value for way, value in asked.given.items() if value is not None}
        if asked.name == "schoolClass" and set(given) == {"schoolCode", "officialNumber"}:
            self._may(name)
            school = self.rows.one("schools", "code", given["schoolCode"])
            classes = self.rows.where("classes", "school_id", school and school["id"])
            wanted = (one for one in classes if one["official_number"] == given["officialNumber"])
            return self._told(asked, name, next(wanted, None))
        if len(given) != 1 or not ways[next(iter(given))] or "officialNumber" in given:
            raise Refused({"BAD_ONE_OF"})
        [(way, value)] = given.items()
        if way == "id":
            found, value = self._id(value)
            if found != name:
                raise Refused({"BAD_ID"})
        self._may(name)
        if way == "studentNumber" and self.scope.access("student", way) != "read":
            raise Refused({"FORBIDDEN_FIELD"})
        return self._told(asked, name, self.rows.one(TYPES[name].table, ways[way], value))

    def _nodes(self, asked: Asked) -> Any:
        ids = listed(asked.given["ids"])
        if len(ids) > self.oracle.page_limit:
            raise Refused({"TOO_MANY_IDS"})
        wanted = [self._id(one) for one in ids]
        rows: dict[tuple[str, int], Any] = {}
        for name in dict.fromkeys(name for name, _ in wanted):
            self._may(name)
            self._accept_object(asked, name)
            for number in {number for other, number in wanted if other == name}:
                rows[name, number] = self._object_by_id(asked, name, self.rows.one(TYPES[name].table, "id", number))
            self._flush()
        return [rows[one] for one in wanted]

    def _id(self, given: str) -> tuple[str, int]:
        prefix, number = number_of(given)
        names = [name for name, kind in TYPES.items() if kind.prefix == prefix]
        if not names or number is None:
            raise Refused({"BAD_ID"})
        return names[0], number

    def _may(self, name: str) -> None:
        noun = TYPES[name].noun
        if not self.scope.may(noun) and not self.scope.may_leased(noun):
            raise Refused({"FORBIDDEN"})

    def _told(self, asked: Asked, name: str, row: Row | None) -> Any:
        self._accept_object(asked, name)
        answer = self._object_by_id(asked, name, row)
        if answer is None:
            raise Refused({"NOT_FOUND"})
        return answer

    def _object_by_id(self, asked: Asked, name: str, row: Row | None) -> Any:
        """A row found by its id, if it lies in the area or a lease has opened it."""
        if row is None:
            return None
        kind = TYPES[name]
        pupil = self._pupil(kind, row)
        leased = pupil is not None and pupil in self.scope.leased
        if not leased and not (self.scope.may(kind.noun) and self.scope.holds(kind, row)):
            self.found.hidden += 1
            return None
        self.found.rows += 1
        return self._object(Seen(kind, name, row, pupil=pupil), asked.below, (asked.key,))

    def _pupil(self, kind: Type, row: Row) -> int | None:
        if kind.noun == "student":
            return int(row["id"])
        return None if kind.owner is None else int(row[kind.owner])

    # What is refused before anything is read

    def _accept(self, asked: Asked, name: str) -> None:
        faults, denied = Faults(), list[Path]()
        self._check_list(asked, name, TYPES[name].order, (asked.key,), faults, denied, pupil=False)
        self._conclude(faults, denied)

    def _accept_object(self, asked: Asked, name: str) -> None:
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
                    counts.check(asked.given, faults, self.oracle.filter_limit)
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
        conditions.check(self.scope, kind, given.get("where"), faults, self.oracle.filter_limit)
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
        if size is not None and not 0 <= size <= self.oracle.page_limit:
            faults.binding.add("BAD_PAGE_SIZE")
        edge = after if last is None else before
        if edge is not None:
            known = self.oracle.cursors.get(edge)
            if known is None or known.good_for != self._good_for(asked, keys):
                faults.binding.add("BAD_CURSOR")

    def _good_for(self, asked: Asked, keys: list[conditions.Key]) -> tuple[Any, ...]:
        narrowed = tuple(repr(asked.given.get(name)) for name in ("where", "within"))
        return (self.scope.who.account, self.scope.who.role, asked.name, tuple(keys), *narrowed)

    # What is told

    def _object(self, seen: Seen, below: list[Any], path: Path) -> dict[str, Any]:
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
            return [self._plain(asked, "Candidate", one) for one in counts.candidates(self.scope, seen.near)]
        return self._count(seen, asked, found)

    def _leaf(self, seen: Seen, name: str, found: Leaf, path: Path) -> Any:
        if seen.card is not None and name in seen.type.card:
            return _json(found.value(seen.card, self.rows, self.scope.reaches))
        access = self._access(seen, name, found, path)
        if seen.row is None or not _shows(found, access):
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
            return opened if _shows(found, opened) else access
        if _shows(found, opened) and not _shows(found, access):
            self.shut[path] = None
        return access

    def _ever(self, kind: Type, name: str, found: Leaf | Coded, *, far: bool, pupil: bool) -> bool:
        """Whether a role sees anything of a field on any row."""
        if far and name in kind.card and isinstance(found, Leaf):
            return True
        if _shows(found, self.scope.access(kind.noun, name)):
            return True
        return pupil and _shows(found, self.scope.access(kind.noun, name, leased=True))

    def _code(self, asked: Asked, found: Coded, code: str | None) -> Any:
        entries = [one for one in self.rows.where("codes", "code", code) if one["list"] == found.list]
        if not entries:
            return None
        newest = max(entries, key=lambda one: one["since"])
        return self._plain(asked, "Code", {"code": newest["code"], "name": newest["name"]})

    def _plain(self, asked: Asked, kind: str, values: dict[str, Any]) -> dict[str, Any]:
        """An object without a table: what is selected of its values."""
        return {part.key: self._part(part, kind, values) for part in self.document.fields(kind, asked.below)}

    def _part(self, part: Asked, kind: str, values: dict[str, Any]) -> Any:
        if part.name == "__typename":
            return kind
        value = values[part.name]
        return [self._plain(part, "Agreement", one) for one in value] if part.name == "agreement" else _json(value)

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
        return self._object(Seen(far, edge.far, row if reached else None, card=row, pupil=pupil), asked.below, path)

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
            return [self._object(Seen(far, edge.far, row, pupil=pupil), asked.below, path) for row in ordered]
        return self._page(asked, edge.far, edge.order, rows, path, owned=owned, pupil=pupil)

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
            return [self._plain(asked, "Headcount", one) for one in made]
        if found.what == "problemCounts":
            return [self._plain(asked, "ProblemCount", one) for one in counts.problem_counts(self.rows, path)]
        since, until = counts.period(asked.given, self.today)
        return self._plain(asked, "AttendanceCount", counts.attendance(self.rows, path, since, until))

    # Lists

    def _page(
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
            at = dict(self.oracle.cursors[edge].keys)
            rest = [row for row in rest if (conditions.before(keys, row, at) < 0 if backward else _past(keys, row, at))]
        shown = rest[max(0, len(rest) - size) :] if backward else rest[:size]
        more, resumed = len(rest) > size, edge is not None
        self.found.rows += len(shown)
        good_for = self._good_for(asked, keys)
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
                return [self._object(one, part.below, path) for one in seen]
            case "edges":
                return [self._edge(part, name, *one, path) for one in zip(seen, cursors, strict=True)]
            case "pageInfo":
                return self._plain(part, "PageInfo", info)
            case "totalCount":
                return total
        return f"{name}Connection"

    def _edge(self, part: Asked, name: str, seen: Seen, cursor: Cursor, path: Path) -> dict[str, Any]:
        return {
            one.key: self._object(seen, one.below, (*path, one.key))
            if one.name == "node"
            else cursor
            if one.name == "cursor"
            else f"{name}Edge"
            for one in self.document.fields(f"{name}Edge", part.below)
        }


def _past(keys: list[conditions.Key], row: Row, at: dict[str, Any]) -> bool:
    return conditions.before(keys, row, at) > 0


def _shows(found: Leaf | Coded, access: Access) -> bool:
    return access == "read" or (access == "mask" and isinstance(found, Leaf) and found.mask is not None)


def _json(value: Any) -> Any:
    """A value as JSON writes it: days and moments in ISO 8601, moments at +08:00, decimals as text."""
    if isinstance(value, datetime):
        local = value.astimezone(_CHINA)
        fraction = f".{local.microsecond:06d}".rstrip("0") if local.microsecond else ""
        return f"{local:%Y-%m-%dT%H:%M:%S}{fraction}+08:00"
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


__all__ = ["Answer", "Cursor", "Oracle", "Who", "ground"]
