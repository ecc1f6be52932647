"""The class sheet (班级信息表): its columns, and the checks of its rows that need no register."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from hub.intake import values
from hub.intake.check import Fault
from hub.intake.grid import Sheet
from hub.intake.sheet import Column, Form, Line
from hub.intake.values import School, Wrong

_LINES: tuple[Line, ...] = (
    ("school_code", "学校标识码", "School code", True, "school", None, 10, "10 位数字，必须是本校标识码。"),
    (
        "official_number",
        "班号",
        "Class number",
        True,
        "official_number",
        None,
        7,
        "7 位数字，校内不得重复。",
    ),
    ("grades", "年级", "Grade", True, "grades", None, 40, "如 三年级；复式班填全部年级，如 一、二年级。"),
    ("name", "班级名称", "Name", False, "text", None, 30, "如 三年级2班；不填的由系统按年级编排。"),
    ("school_year", "学年", "School year", False, "school_year", None, 20, "如 2013；不填的为本学年。"),
    ("campus", "校区", "Campus", False, "text", "CAMPUS", 50, "有多个校区的填写，须先建校区。"),
    ("type", "班级类型", "Class type", False, "code", "CLASS_TYPE", 30, "不填的为普通班或复式班。"),
    ("formed", "建班年月", "Month formed", False, "month", None, 30, "6 位数字，如 201309。"),
    ("teacher_name", "班主任", "Class teacher", False, "name", None, 50, "班主任姓名。"),
    ("monitor_name", "班长", "Monitor", False, "name", None, 50, "班长姓名。"),
)

CLASSES = Form("classes", "班级信息", "2013.1", tuple(Column(number, *line) for number, line in enumerate(_LINES, 1)))
"""The class sheet: one row per class. The class number is required, so that the same sheet again is known again."""

FIELDS = {column.key: column for column in CLASSES.columns}
"""Its columns by key, which are also the fields of the mutations that create one class."""


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One row of a class sheet: its Excel number, its values by key, and what is wrong with its cells."""

    number: int
    values: dict[str, Any]
    faults: list[Fault]


def check(read: Sheet, *, school_code: str, today: date) -> list[ClassRow]:
    """Check the cells of every row that holds anything. All faults of a row are told; another school's row has one."""
    school = School(school_code, ())
    rows = []
    for number, cells in read.rows:
        parsed = [_parse(read, number, place, cell, school, today) for place, cell in enumerate(cells)]
        if all(value is None for value in parsed):
            continue
        parsed = [_required(column, value) for column, value in zip(CLASSES.columns, parsed, strict=True)]
        faults = [
            _fault(read, number, column, cell, value)
            for column, cell, value in zip(CLASSES.columns, cells, parsed, strict=True)
            if isinstance(value, Wrong)
        ]
        foreign = [fault for fault in faults if fault.key == "ROW_NOT_YOUR_SCHOOL"]
        sound = (None if isinstance(value, Wrong) else value for value in parsed)
        rows.append(ClassRow(number, dict(zip(FIELDS, sound, strict=True)), foreign or faults))
    return rows


def _parse(read: Sheet, number: int, place: int, cell: Any, school: School, today: date) -> Any:
    odd = read.oddities.get((number, place))
    return Wrong(odd) if odd else values.parse(CLASSES.columns[place], cell, school, today)


def _required(column: Column, value: Any) -> Any:
    return Wrong("REQUIRED") if value is None and column.required else value


def _fault(read: Sheet, number: int, column: Column, cell: Any, wrong: Wrong) -> Fault:
    letter = read.letters.get(column.slot, column.letter)
    return Fault(number, letter, column.header, column.slot, wrong.key, values.shown(cell, column), wrong.values)
