"""Judging: each row of a workbook against the whole register, and what applying it would do."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.imports import pupils, school
from hub.imports.proposals import Proposal
from hub.imports.pupils import Pupil, Pupils
from hub.intake.check import Fault, Row
from hub.intake.sheet import BY_SLOT, KEY_DATA
from hub.intake.values import worded
from hub.terms import EnrolmentState, ProblemKind, RowVerdict

_FORESEE = text(
    """SELECT place, kind FROM foresee(CAST(:number AS text[]), CAST(:name AS text[]), CAST(:sex AS text[]),
                                       CAST(:born AS date[])) ORDER BY place, kind"""
)
_WARNINGS = {
    ProblemKind.ID_DUPLICATED: ("ID_ALREADY_REGISTERED_USE_TRANSFER", "id_number"),
    ProblemKind.NAME_SEX_BIRTH: ("SAME_NAME_SEX_BIRTH", "name"),
}


async def foresee(connection: AsyncConnection, new: Sequence[Pupil]) -> list[tuple[int, str, str]]:
    """Whom of new pupils the province's register seems to know already: their places, the rule's key, the slot."""
    asked = {
        "number": [pupil["id_number"] for pupil in new],
        "name": [pupil["name"] for pupil in new],
        "sex": [pupil["sex"] for pupil in new],
        "born": [pupil["birth_date"] for pupil in new],
    }
    found = await connection.execute(_FORESEE, asked)
    return [(place - 1, *_WARNINGS[ProblemKind(kind)]) for place, kind in found]


class Bench:
    """Where the rows of one workbook are judged: what the register says of the school, what the file said before.

    `seen` are the pupils whom a row may mean, `taken` those whom one was found to mean, with the row; `unread` the
    names and class numbers of rows with faults. `duplicates` counts new pupils of whom the province's register knows
    another of the same number or person.
    """

    def __init__(self) -> None:
        self.classes: Mapping[str, Any] = {}
        self.known = Pupils()
        self.numbers: dict[int, str] = {}
        self.letters: dict[str, str] = {}
        self.new = Pupils()
        self.seen: set[int] = set()
        self.taken: dict[int, int] = {}
        self.named: set[str] = set()
        self.unread: set[tuple[str | None, str | None]] = set()
        self.duplicates = 0

    async def learn(self, connection: AsyncConnection, school_id: int) -> None:
        """Get to know the school's classes and pupils."""
        self.classes = await school.classes(connection, school_id)
        self.known = await pupils.of_school(connection, school_id)
        self.numbers = {row.id: number for number, row in self.classes.items()}

    async def judge(
        self, connection: AsyncConnection, rows: Sequence[Row], tokens: Mapping[int, int] | None = None
    ) -> list[Proposal]:
        """The proposals of sound rows, in their order. `tokens` are the pupils that rows of a return meant before."""
        before = tokens or {}
        meant = [self._meant(row, before.get(row.number)) for row in rows]
        records = await pupils.records(connection, [ids[0] for ids in meant if len(ids) == 1])
        judged = []
        for row, ids in zip(rows, meant, strict=True):
            self.named.add(row.key["class_number"])
            if len(ids) > 1:
                self.seen.update(ids)
                judged.append(self._refused(row, [self._fault(row, "name", "SEVERAL_ON_RECORD", many=len(ids))]))
                continue
            old = records.get(ids[0]) if ids else None  # none, too, where the pupil has left meanwhile
            judged.append(self._new(row) if old is None else self._compare(row, old))
        created = [place for place, each in enumerate(judged) if each.verdict is RowVerdict.CREATE]
        await self._foresee(connection, [judged[place] for place in created], [rows[place] for place in created])
        return judged

    def missing(self, state: str = EnrolmentState.IN_SCHOOL) -> list[Proposal]:
        """The pupils on record of the classes named whom no row meant or may mean, each as a proposal of its own."""
        left_out = [
            pupil
            for pupil in sorted(self.known, key=itemgetter("id"))
            if pupil["id"] not in self.seen
            and pupil["state"] == state
            and (number := self.numbers.get(pupil["class_id"])) in self.named
            and (pupil["name"], number) not in self.unread
        ]
        return [
            Proposal(-place, RowVerdict.MISSING, pupil["name"], self.numbers[pupil["class_id"]], student_id=pupil["id"])
            for place, pupil in enumerate(left_out, 1)
        ]

    def _meant(self, row: Row, earlier: int | None) -> list[int]:
        """The pupils on record whom a row may mean, none of them likelier than another; the one it meant `earlier`.

        Of several alike they are those of its class, with a number if it has one, of its number in the class.
        """
        found = self.known.find(row.key)
        if len(found) > 1:
            number = row.values["number_in_class"]
            for same in (
                lambda pupil: self.numbers.get(pupil["class_id"]) == row.key["class_number"],
                lambda pupil: bool(pupil["id_number"]) == bool(row.key["id_number"]),
                lambda pupil: number is not None and pupil["number_in_class"] == number,
            ):
                found = [pupil for pupil in found if same(pupil)] or found
        ids = [pupil["id"] for pupil in found]
        return [earlier] if earlier is not None and (not ids or earlier in ids) else ids

    def _new(self, row: Row) -> Proposal:
        """The pupil to create from a row of nobody known; refused if the file had the same one before."""
        twins = self.new.find(row.key)
        if twins:
            return self._refused(row, [self._fault(row, "name", "DUPLICATE_IN_FILE", first=twins[0]["row"])])
        if row.key["class_number"] not in self.classes:  # closed since the row was checked
            named = "、".join(sorted(self.classes)[:10]) or "—"
            return self._refused(row, [self._fault(row, "class_number", "UNKNOWN_CLASS", classes=named)])
        self.new.add({"row": row.number, **row.key})
        return self._proposal(row, RowVerdict.CREATE)

    def _compare(self, row: Row, old: Pupil) -> Proposal:
        self.seen.add(old["id"])
        old["class_number"] = self.numbers.get(old["class_id"])
        wrong = [key for key in KEY_DATA if old[key] != row.key[key]]
        if wrong:
            return self._refused(row, [self._fault(row, key, "KEY_DATA_DIFFERS") for key in wrong])
        first = self.taken.setdefault(old["id"], row.number)
        if first != row.number:
            return self._refused(row, [self._fault(row, "name", "DUPLICATE_IN_FILE", first=first)])
        before = pupils.changed(old, row.values, row.family)
        proposal = self._proposal(row, RowVerdict.UPDATE if before else RowVerdict.UNCHANGED)
        proposal.student_id, proposal.student_version = old["id"], old["version"]
        if before:
            proposal.changes, proposal.before = [*before], before
        return proposal

    async def _foresee(self, connection: AsyncConnection, created: Sequence[Proposal], rows: Sequence[Row]) -> None:
        """Warn of new pupils whom the province's register knows already."""
        if not created:
            return
        warned = await foresee(connection, [row.key for row in rows])
        for place, key, slot in warned:
            proposal = created[place]
            proposal.warnings = [*proposal.warnings, self._fault(rows[place], slot, key)]
        self.duplicates += len({place for place, _, _ in warned})

    def _refused(self, row: Row, faults: list[Fault]) -> Proposal:
        refused = self._proposal(row, RowVerdict.REFUSE)
        refused.faults = faults
        return refused

    def _proposal(self, row: Row, verdict: RowVerdict) -> Proposal:
        key = row.key
        proposal = Proposal(row.number, verdict, key["name"], key["class_number"], row.pupil, row.members)
        proposal.warnings, proposal.mended = row.warnings, row.mended
        return proposal

    def _fault(self, row: Row, slot: str, key: str, **named: Any) -> Fault:
        column = BY_SLOT[slot]
        value = worded(row.key[slot], column)
        return Fault(row.number, self.letters.get(slot, column.letter), column.header, slot, key, value, named)
