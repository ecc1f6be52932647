"""The other process in which workbooks are checked: the same answers in parts, its limits, and that it ends."""

import asyncio
import io
import sys
import time
from contextlib import suppress
from datetime import date
from itertools import accumulate
from pathlib import Path

import openpyxl
import pytest
from pupils import CLASS_NUMBERS, SCHOOL, SLOTS, TODAY, make_row, make_workbook, rebuild
from reading import GOOD, SHEET, examine, faults_of, parts_of, refusal

from hub.errors import BadInput, TooLarge
from hub.intake import beside, check, readers, sheet, workbook
from hub.intake.container import Limits


def test_the_deadline_and_the_memory_limit_end_the_process():
    rows = [make_row(place) for place in range(300)]
    data = make_workbook(*rows)
    assert refusal(data, seconds=0) == "FILE_TOO_LARGE_UNPACKED"
    assert refusal(data, memory=10_000_000) in {"FILE_TOO_LARGE_UNPACKED", "FILE_UNREADABLE"}
    assert len(workbook.read(data, Limits(seconds=30)).rows) == 300


def test_checking_in_the_other_process_answers_the_same():
    data = make_workbook(make_row(), make_row(1, sex="?"), make_row(), make_row(2, distance_km="0.25"))
    read = workbook.read(data)
    [here] = check.check(read, school_code=SCHOOL, class_numbers=CLASS_NUMBERS, today=TODAY)
    assert examine(data) == here
    assert (len(here.rows), len(here.faults)) == (2, 2)


def test_a_long_sheet_comes_in_parts_that_together_are_the_whole():
    rows = [make_row(place) for place in range(900)]
    data = make_workbook(*rows, make_row(0))
    [whole] = check.check(workbook.read(data), school_code=SCHOOL, class_numbers=CLASS_NUMBERS, today=TODAY)
    parts = parts_of(data)
    assert len(parts) > 2
    assert [row for part in parts for row in part.rows] == whole.rows
    assert [fault for part in parts for fault in part.faults] == whole.faults
    assert faults_of(whole) == [(902, "M", "id_number", "DUPLICATE_IN_FILE")]
    assert all(
        750 < done + part.coming < 1_050 for done, part in zip(accumulate(p.total for p in parts), parts, strict=True)
    )
    assert [part.coming > 0 for part in parts] == [True] * (len(parts) - 1) + [False]


def test_parts_nobody_awaits_end_the_other_process():
    async def leave():
        school = {"school_code": SCHOOL, "class_numbers": CLASS_NUMBERS, "today": TODAY}
        process = readers.take()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(readers, "take", lambda: process)
            parts = workbook.examine(make_workbook(*(make_row(place) for place in range(900))), **school)
            await anext(parts)
            await parts.aclose()
        return process

    assert asyncio.run(leave()).returncode is not None
    assert examine(GOOD).total == 2


def late(data):
    """A workbook whose last row is out of order."""

    def spoil(content):
        before, _, last = content.rpartition(b'<row r="')
        return before + b'<row r="3"' + last[last.index(b'"') + 1 :]

    return rebuild(data, {SHEET: spoil})


@pytest.mark.parametrize("abreast", [False, True])
def test_what_is_wrong_with_the_last_row_is_told_after_what_came_before(abreast):
    data, taken = late(make_workbook(*(make_row(place) for place in range(300)))), []

    async def collect():
        school = {"school_code": SCHOOL, "class_numbers": CLASS_NUMBERS, "today": TODAY, "beside": abreast}
        async for part in workbook.examine(data, **school):
            taken.append(part.total)  # noqa: PERF401 -- what came before is wanted

    with pytest.raises(BadInput, match="FILE_UNREADABLE"):
        asyncio.run(collect())
    assert 0 < sum(taken) < 300


@pytest.mark.skipif(not beside.POSSIBLE, reason="this system knows no forks")
def test_reading_beside_checking_answers_the_same():
    rows = [make_row(place, **({"sex": "?"} if place % 7 == 0 else {})) for place in range(400)]
    book = openpyxl.load_workbook(io.BytesIO(make_workbook(*rows, make_row(0))))
    page = book[sheet.TITLE]
    page.cell(5, SLOTS.index("birth_date") + 1).value = date(2006, 1, 2)
    page.cell(9, SLOTS.index("strengths") + 1).value = "=1+1"
    target = io.BytesIO()
    book.save(target)
    alone, both = parts_of(target.getvalue()), parts_of(target.getvalue(), abreast=True)
    assert [part.total for part in both] == [part.total for part in alone]
    for name in ("rows", "faults", "warnings", "mended", "refused", "letters", "unknown", "tokens"):
        assert [getattr(part, name) for part in both] == [getattr(part, name) for part in alone], name
    assert [part.coming > 0 for part in both] == [True] * (len(both) - 1) + [False]


@pytest.mark.skipif(not beside.POSSIBLE, reason="this system knows no forks")
@pytest.mark.parametrize("limits", [{"seconds": 0}, {"memory": 10_000_000}, {"rows": 100}])
def test_the_limits_hold_for_both_processes(limits):
    data = make_workbook(*(make_row(place) for place in range(300)))
    with pytest.raises((BadInput, TooLarge)):
        parts_of(data, abreast=True, **limits)


@pytest.mark.skipif(sys.platform != "linux", reason="told by /proc")
def test_who_leaves_ends_both_processes():
    def of_group(group):
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[2]) == group and fields[0] != "Z":
                    found.append(stat.parent.name)
        return found

    async def leave():
        process = readers.take()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(readers, "take", lambda: process)
            rows = (make_row(place) for place in range(3_000))
            school = {"school_code": SCHOOL, "class_numbers": CLASS_NUMBERS, "today": TODAY, "beside": True}
            parts = workbook.examine(make_workbook(*rows), **school)
            await anext(parts)
            during = len(of_group(process.pid))
            await parts.aclose()
        return process.pid, during

    group, during = asyncio.run(leave())
    assert during == 2
    for _ in range(100):
        if not of_group(group):
            break
        time.sleep(0.05)
    assert of_group(group) == []


def test_a_waiting_process_that_died_is_replaced():
    readers.prepare()
    waiting = readers.take()
    readers.end(waiting)
    readers._ready.append(waiting)
    assert examine(GOOD).total == 2


def test_grades_founder_and_switches_reach_the_other_process():
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in "030032")
    rows = [make_row(), make_row(1, post_code=wide, entry_month="201209"), make_row(2, bought_place="是")]
    rows += [make_row(3, travel_mode="校车")]
    asked = {
        "school_code": SCHOOL,
        "class_numbers": {number: [1] for number in CLASS_NUMBERS},
        "today": TODAY,
        "founder": "EDUCATION_DEPARTMENT",
        "first_grades": (1, 6, 10),
        "rules": {"SCHOOL_BUS_DISAGREES": "REFUSE"},
    }

    async def collect():
        return [part async for part in workbook.examine(make_workbook(*rows), **asked)]

    [there] = asyncio.run(collect())
    [here] = check.check(workbook.read(make_workbook(*rows)), **asked)
    assert there == here
    assert [(fault.row, fault.key) for fault in there.faults] == [
        (4, "BOUGHT_PLACE_AT_PUBLIC_SCHOOL"),
        (5, "SCHOOL_BUS_DISAGREES"),
    ]
    assert [(warning.row, warning.key) for warning in there.warnings] == [(3, "ENTRY_UNUSUAL_FOR_GRADE")]
    assert [(mend.row, mend.code, mend.written) for mend in there.mended] == [(3, "MENDED_FULL_WIDTH", wide)]
    assert [len(row.mended) for row in there.rows] == [0, 1]


def test_switches_that_are_none_are_refused_before_a_file_is_read():
    async def collect():
        parts = workbook.examine(b"", school_code=SCHOOL, class_numbers=[], today=TODAY, rules={"REQUIRED": "OFF"})
        return [part async for part in parts]

    with pytest.raises(ValueError, match="REQUIRED"):
        asyncio.run(collect())
