"""What passes between the hub and the process that opens workbooks: JSON both ways, an answer a line."""

from datetime import date
from decimal import Decimal
from typing import Any

import orjson

from hub import errors
from hub.errors import HubError
from hub.intake import check, sheet
from hub.intake.check import Checked, Fault
from hub.intake.grid import Sheet

_REFUSALS: dict[str, type[HubError]] = {"BadInput": errors.BadInput, "TooLarge": errors.TooLarge}
_DAYS = [place for place, column in enumerate(sheet.COLUMNS) if column.kind in ("date", "month")]
_DISTANCES = [place for place, column in enumerate(sheet.COLUMNS) if column.kind == "distance"]


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
    faults = [(f.row, f.column, f.header, f.slot, f.key, f.value, f.values) for f in checked.faults]
    rows = [(row.number, row.flat()) for row in checked.rows]
    return {
        "rows": rows,
        "faults": faults,
        "total": checked.total,
        "coming": checked.coming,
        "letters": checked.letters,
        "unknown": checked.unknown,
    }


def _unpack_checked(fields: dict[str, Any]) -> Checked:
    rows = []
    for number, flat in fields["rows"]:
        for position in _DAYS:
            flat[position] = date.fromisoformat(flat[position]) if flat[position] else None
        for position in _DISTANCES:
            flat[position] = Decimal(flat[position]) if flat[position] else None
        rows.append(check.row(number, flat))
    faults = [Fault(*fault) for fault in fields["faults"]]
    return Checked(rows, faults, fields["total"], fields["coming"], fields["letters"], fields["unknown"])
