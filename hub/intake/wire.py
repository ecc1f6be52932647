"""What passes between the hub and the process that opens workbooks: JSON both ways, an answer a line."""

from collections.abc import Iterable
from datetime import date
from typing import Any, BinaryIO

import orjson

from hub import errors
from hub.errors import BadInput, HubError
from hub.intake import sheet
from hub.intake.check import Checked, Fault, Folded, Mend, Row
from hub.intake.container import Limits
from hub.intake.grid import Sheet

_REFUSALS: dict[str, type[HubError]] = {"BadInput": errors.BadInput, "TooLarge": errors.TooLarge}
_PLACES = {column.slot: place for place, column in enumerate(sheet.COLUMNS)}


def send(answers: Iterable[Sheet | Checked], out: BinaryIO, limits: Limits) -> None:
    """Write answers as they come, each a line; the last may be a refusal: what a hostile file does to its reader."""
    try:
        written = 0
        for answer in answers:
            line = pack(answer)
            written += len(line)
            if written > limits.unpacked:
                raise limits.too_large_unpacked()
            _write(line, out)
    except MemoryError:
        _write(pack_refusal(limits.too_large_unpacked()), out)
    except HubError as refusal:
        _write(pack_refusal(refusal), out)
    except Exception:
        _write(pack_refusal(BadInput("FILE_UNREADABLE")), out)


def _write(line: bytes, out: BinaryIO) -> None:
    out.write(line + b"\n")
    out.flush()


def pack(answer: Sheet | Checked) -> bytes:
    """A sheet or a checked sheet as JSON."""
    return orjson.dumps(_sheet(answer) if isinstance(answer, Sheet) else _checked(answer), default=str)


def pack_refusal(refusal: HubError) -> bytes:
    """A refusal of the whole file as JSON."""
    return orjson.dumps({"refusal": [type(refusal).__name__, refusal.key, refusal.values]}, default=str)


def unpack(answer: bytes) -> Sheet | Checked:
    """What was packed. Raises the refusal if it was one, ValueError if it is no answer at all."""
    fields: dict[str, Any] = orjson.loads(answer)
    if "refusal" in fields:
        name, key, values = fields["refusal"]
        raise _REFUSALS[name](key, **values)
    return _unpack_checked(fields) if "faults" in fields else _unpack_sheet(fields)


def _sheet(read: Sheet) -> dict[str, Any]:
    days = [
        (place, position)
        for place, (_, cells) in enumerate(read.rows)
        if date in set(map(type, cells))
        for position, value in enumerate(cells)
        if isinstance(value, date)
    ]
    oddities = [(row, position, key) for (row, position), key in read.oddities.items()]
    return {
        "header_row": read.header_row,
        "letters": read.letters,
        "rows": read.rows,
        "days": days,
        "oddities": oddities,
        "unknown": read.unknown,
        "version": read.version,
        "school_code": read.school_code,
        "tokens": list(read.tokens.items()),
        "import_id": read.import_id,
        "expected": read.expected,
    }


def _unpack_sheet(fields: dict[str, Any]) -> Sheet:
    for place, position in fields.pop("days"):
        cells = fields["rows"][place][1]
        cells[position] = date.fromisoformat(cells[position])
    fields["rows"] = [(number, cells) for number, cells in fields["rows"]]
    fields["oddities"] = {(row, position): key for row, position, key in fields["oddities"]}
    fields["tokens"] = dict(fields["tokens"])
    return Sheet(**fields)


def _checked(checked: Checked) -> dict[str, Any]:
    return {
        "rows": [(row.number, row.key, row.pupil, row.members) for row in checked.rows],
        "faults": [_told(fault) for fault in checked.faults],
        "warnings": [_told(warning) for warning in checked.warnings],
        "mended": [(m.row, _PLACES[m.slot], m.code, m.written, m.taken) for m in checked.mended],
        "folded": [(_PLACES[f.slot], f.code, f.count) for f in checked.folded],
        "total": checked.total,
        "coming": checked.coming,
        "letters": checked.letters,
        "unknown": checked.unknown,
        "refused": list(checked.refused.items()),
        "tokens": list(checked.tokens.items()),
    }


def _told(fault: Fault) -> tuple[Any, ...]:
    return fault.row, _PLACES[fault.slot], fault.key, fault.value, fault.values, fault.suggestions


def _unpack_checked(fields: dict[str, Any]) -> Checked:
    letters = fields["letters"]
    named = [(letters.get(column.slot, column.letter), column.header, column.slot) for column in sheet.COLUMNS]
    faults = [_unpack_fault(named, *told) for told in fields["faults"]]
    warnings = [_unpack_fault(named, *told) for told in fields["warnings"]]
    mended = [Mend(row, *named[place], *told) for row, place, *told in fields["mended"]]
    folded = [Folded(*named[place], *told) for place, *told in fields["folded"]]
    rows = [_unpack_row(*row) for row in fields["rows"]]
    _join(rows, warnings, mended)
    return Checked(
        rows,
        faults,
        fields["total"],
        fields["coming"],
        letters,
        fields["unknown"],
        warnings,
        mended,
        folded,
        {number: (name, class_number) for number, (name, class_number) in fields["refused"]},
        dict(fields["tokens"]),
    )


def _unpack_fault(
    named: list[tuple[str, str, str]],
    row: int,
    place: int,
    key: str,
    value: str | None,
    values: dict[str, Any],
    meant: list[str],
) -> Fault:
    return Fault(row, *named[place], key, value, values, tuple(meant))


def _unpack_row(number: int, key: dict[str, Any], pupil: str, members: str) -> Row:
    key["birth_date"] = date.fromisoformat(key["birth_date"])
    return Row(number, key, pupil, members)


def _join(rows: list[Row], warnings: list[Fault], mended: list[Mend]) -> None:
    """Give sound rows what is told of them."""
    if warnings or mended:
        held = {row.number: row for row in rows}
        for warning in warnings:
            if (row := held.get(warning.row)) is not None:
                row.warnings = (*row.warnings, warning)
        for mend in mended:
            if (row := held.get(mend.row)) is not None:
                row.mended = (*row.mended, mend)
