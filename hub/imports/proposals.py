"""Proposals: the rows of a workbook as they are kept between being judged and being applied."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.imports.pupils import Pupil
from hub.intake.check import Fault, Mend, Row
from hub.intake.sheet import BY_SLOT, KEY_DATA
from hub.terms import RowVerdict

_JOINED = {
    "number": "bigint[]",
    "verdict": "text[]",
    "pupil": "text[]",
    "family": "text[]",
    "faults": "text[]",
    "warnings": "text[]",
    "mended": "text[]",
    "changes": "text[]",
    "student_id": "bigint[]",
    "student_version": "bigint[]",
    "before": "text[]",
}
"""What is sent as one text a column and taken apart by PostgreSQL: neither numbers nor JSON hold control characters."""
_BETWEEN, _NOTHING = "\x1e", "\x1d"
_SPLIT = ", ".join(f"CAST(string_to_array(:{name}, chr(30), chr(29)) AS {kind})" for name, kind in _JOINED.items())
_KEPT = text(
    f"""INSERT INTO import_rows (import_id, number, verdict, name, class_number, pupil, family, faults, warnings,
                                mended, changes, student_id, student_version, before)
       SELECT :import, number, verdict, name, class_number, pupil::json, family::json, faults::json, warnings::json,
              mended::json, coalesce(string_to_array(changes, ','), '{{}}'),
              CASE WHEN verdict = 'CREATE' THEN nextval('students_id_seq') ELSE student_id END, student_version,
              before::json
       FROM unnest(CAST(:name AS text[]), CAST(:class_number AS text[]), {_SPLIT})
         AS r (name, class_number, {", ".join(_JOINED)})
       ON CONFLICT (import_id, number) DO UPDATE SET verdict = excluded.verdict, faults = excluded.faults,
           changes = excluded.changes, student_id = excluded.student_id, student_version = excluded.student_version,
           before = excluded.before"""  # noqa: S608 -- constants
)
_TOKEN = re.compile(r"([0-9]{1,18})-([0-9]{1,9})")
_MEANT = text(
    """SELECT t.row, r.student_id
       FROM unnest(CAST(:row AS bigint[]), CAST(:import AS bigint[]), CAST(:number AS bigint[]))
         AS t (row, import, number)
       JOIN imports i ON i.id = t.import AND i.school_id = :school
       JOIN import_rows r ON r.import_id = t.import AND r.number = t.number
       WHERE r.student_id IS NOT NULL
         AND NOT EXISTS (SELECT FROM students s WHERE s.id = r.student_id AND s.state = 'DELETED')"""
)
_COUNTED = {
    RowVerdict.CREATE: "created",
    RowVerdict.UPDATE: "updated",
    RowVerdict.UNCHANGED: "unchanged",
    RowVerdict.REFUSE: "rejected",
    RowVerdict.MISSING: "missing",
}


@dataclass(slots=True)
class Proposal:
    """A row of a workbook and what applying it would do; see `hub.models.ImportRow`."""

    number: int
    verdict: RowVerdict
    name: str | None = None
    class_number: str | None = None
    pupil: str | None = None
    family: str | None = None
    faults: list[Fault] = field(default_factory=list)
    warnings: Sequence[Fault] = ()
    mended: Sequence[Mend] = ()
    changes: Sequence[str] = ()
    student_id: int | None = None
    student_version: int | None = None
    before: Pupil | None = None


async def keep(connection: AsyncConnection, import_id: int, proposals: Sequence[Proposal]) -> None:
    """Write proposals, new pupils with the ids they will have; a row that was judged before is judged anew."""
    if not proposals:
        return
    columns = {
        "number": _joined(str(each.number) for each in proposals),
        "verdict": _joined(each.verdict for each in proposals),
        "name": [each.name for each in proposals],
        "class_number": [each.class_number for each in proposals],
        "pupil": _joined(each.pupil for each in proposals),
        "family": _joined(each.family for each in proposals),
        "faults": _joined(_packed(each.faults) for each in proposals),
        "warnings": _joined(_packed(each.warnings) for each in proposals),
        "mended": _joined(_packed_mends(each.mended) for each in proposals),
        "changes": _joined(",".join(each.changes) or None for each in proposals),
        "student_id": _joined(_numeral(each.student_id) for each in proposals),
        "student_version": _joined(_numeral(each.student_version) for each in proposals),
        "before": _joined(_json(each.before) for each in proposals),
    }
    await connection.execute(_KEPT, {"import": import_id, **columns})


def _joined(values: Iterable[str | None]) -> str:
    return _BETWEEN.join(_NOTHING if value is None else value for value in values)


def _numeral(number: int | None) -> str | None:
    return None if number is None else str(number)


async def take(connection: AsyncConnection, import_id: int, after: int, many: int) -> list[Row]:
    """The next rows after a number that could be judged and are not applied, for being judged anew."""
    found = await connection.execute(
        text(
            """SELECT r.number, r.pupil::text AS pupil, r.family::text AS members
               FROM import_rows r JOIN imports i ON i.id = r.import_id
               WHERE r.import_id = :import AND r.number > :after AND r.pupil IS NOT NULL
                 AND NOT r.number::integer <@ i.applied
               ORDER BY r.number LIMIT :many"""
        ),
        {"import": import_id, "after": after, "many": many},
    )
    return [_taken(*row) for row in found]


async def written(connection: AsyncConnection, import_id: int) -> dict[int, int]:
    """The pupils whom an import has written, each with the row."""
    found = await connection.execute(
        text(
            """SELECT r.student_id, r.number FROM import_rows r JOIN imports i ON i.id = r.import_id
               WHERE r.import_id = :import AND r.verdict IN ('CREATE', 'UPDATE') AND r.number::integer <@ i.applied"""
        ),
        {"import": import_id},
    )
    return {row.student_id: row.number for row in found}


async def meant(connection: AsyncConnection, school_id: int, tokens: Mapping[int, str]) -> dict[int, int]:
    """The pupils that the rows of a return meant when they were judged, by row; of another school's import none."""
    earlier = {row: found.groups() for row, token in tokens.items() if (found := _TOKEN.fullmatch(token))}
    if not earlier:
        return {}
    asked = {
        "row": [*earlier],
        "import": [int(found) for found, _ in earlier.values()],
        "number": [int(number) for _, number in earlier.values()],
    }
    rows = await connection.execute(_MEANT, {"school": school_id, **asked})
    return {row.row: row.student_id for row in rows}


def token(import_id: int, number: int) -> str:
    """What a row of a return is known by again."""
    return f"{import_id}-{number}"


async def tally(connection: AsyncConnection, import_id: int) -> dict[str, int]:
    """How many rows have each verdict, by the name of the import's count."""
    found = await connection.execute(
        text("SELECT verdict, count(*) FROM import_rows WHERE import_id = :import GROUP BY verdict"),
        {"import": import_id},
    )
    return dict.fromkeys(_COUNTED.values(), 0) | {_COUNTED[RowVerdict(verdict)]: many for verdict, many in found}


async def findings(
    connection: AsyncConnection, import_id: int, after: int = 0, many: int | None = None
) -> list[tuple[int, list[Fault], list[Fault], list[Mend]]]:
    """What was found in the rows after a number: of each row its faults, warnings and mendings."""
    found = await connection.execute(
        text(
            """SELECT number, faults, warnings, mended FROM import_rows
               WHERE import_id = :import AND number > :after
                 AND (faults::text <> '[]' OR warnings::text <> '[]' OR mended::text <> '[]')
               ORDER BY number LIMIT :many"""
        ),
        {"import": import_id, "after": after, "many": many},
    )
    return [
        (
            number,
            [_fault(number, each) for each in faults],
            [_fault(number, each) for each in warnings],
            [_mend(number, each) for each in mended],
        )
        for number, faults, warnings, mended in found
    ]


def _packed(faults: Sequence[Fault]) -> str:
    """What a row keeps of faults: letter, slot, rule, what the cell says, what the text names, what may be meant."""
    if not faults:
        return "[]"
    packed = [[f.column, f.slot, f.key, f.value, dict(f.values), list(f.suggestions)] for f in faults]
    return orjson.dumps(packed, default=str).decode()


def _packed_mends(mended: Sequence[Mend]) -> str:
    return (
        "[]" if not mended else orjson.dumps([[m.column, m.slot, m.code, m.written, m.taken] for m in mended]).decode()
    )


def _fault(row: int, packed: Sequence[Any]) -> Fault:
    column, slot, key, value, named, meant = packed
    return Fault(row, column, BY_SLOT[slot].header, slot, key, value, named, tuple(meant))


def _mend(row: int, packed: Sequence[Any]) -> Mend:
    column, slot, code, written, taken = packed
    return Mend(row, column, BY_SLOT[slot].header, slot, code, written, taken)


def _taken(number: int, pupil: str, members: str) -> Row:
    row = Row(number, {}, pupil, members)
    values = row.values
    row.key = {key: values[key] for key in KEY_DATA}
    return row


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value, default=str).decode()
