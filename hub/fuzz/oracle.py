"""The oracle: what a document must answer a caller, found by looking at every row.

It knows the rules, not the compiler: nothing here, nor what it stands on, imports `loaders/` or `schema/`.
`checking` says what of a document is refused, `telling` what is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from hub.fuzz import counts
from hub.fuzz.answer import Answer, Cursor, Refused
from hub.fuzz.asked import Asked, Document, listed
from hub.fuzz.checking import Checking
from hub.fuzz.conditions import Faults, number_of
from hub.fuzz.ground import LISTS, LOOK_UPS, TYPES, Type
from hub.fuzz.rights import Rights
from hub.fuzz.rows import Row, Rows, inside
from hub.fuzz.scope import Scope, Who
from hub.fuzz.telling import Seen, Telling
from policies import Policy

__all__ = ["Answer", "Cursor", "Oracle", "Who"]


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
        self.rows = oracle.rows
        self.scope = Scope(oracle.rows, oracle.rights, who, oracle.now)
        self.found = Answer({}, [])
        limits = oracle.page_limit, oracle.filter_limit
        self.checking = Checking(document, self.scope, oracle.cursors, *limits, today, self.found)
        self.telling = Telling(document, self.scope, oracle.cursors, today, self.found)

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
        self.found.errors += [(path, frozenset({"FORBIDDEN_FIELD"})) for path in self.telling.shut]
        self.telling.shut = {}

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
        self.checking.accept(asked, name)
        rows = self.rows.all(kind.table)
        if within is not None:
            rows = [row for row in rows if any(inside(row[column], within) for column in kind.paths)]
        return self.telling.page(asked, name, kind.order, rows, (asked.key,))

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
        return [self.telling.plain(asked, "Headcount", one) for one in made]

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
            self.checking.accept_object(asked, name)
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
        self.checking.accept_object(asked, name)
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
        return self.telling.tell(Seen(kind, name, row, pupil=pupil), asked.below, (asked.key,))

    def _pupil(self, kind: Type, row: Row) -> int | None:
        if kind.noun == "student":
            return int(row["id"])
        return None if kind.owner is None else int(row[kind.owner])
