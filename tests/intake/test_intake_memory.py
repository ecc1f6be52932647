"""What reading and annotating a long sheet costs in memory: a fifth of the longest here, all of it with `make soak`."""

import asyncio
import io
import os
import re
import subprocess
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from pupils import CLASSES, SCHOOL, make_row

from hub.intake import readers, template, workbook

FACTOR = int(os.environ.get("SOAK", "1"))
ROWS = 5_000 * FACTOR
MEGABYTES = 90 if FACTOR < 10 else 300
"""Of a whole process that reads; checking, writing and comments included."""

READING = r"""
import gc, re, sys
from datetime import date
from pathlib import Path
from hub.intake import check, grid
from hub.intake.container import Limits
gc.disable()
read = grid.read(Path(sys.argv[1]).read_bytes(), Limits())
parts = check.check(read, school_code="2114000123", class_numbers=["2013001"], today=date(2013, 9, 16))
print(sum(part.total for part in parts), int(re.search('VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) // 1024)
"""
WRITING = r"""
import gc, io, re, sys
from pathlib import Path
from hub.intake import annotated
from hub.intake.annotated import RowNote
from hub.intake.check import Fault
gc.disable()
rows, target = int(sys.argv[2]), io.BytesIO()
wrong = Fault(0, "C", "性别", "sex", "UNKNOWN_OPTION", None, {"options": "男、女"})
notes = (RowNote(number, "REFUSE", f"t{number}", [wrong, wrong]) for number in range(2, rows + 2))
annotated.write(Path(sys.argv[1]).read_bytes(), notes, target)
print(rows, int(re.search('VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) // 1024)
"""


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sheet whose every row is different in its names, numbers and addresses."""
    path = tmp_path_factory.mktemp("long") / "long.xlsx"
    rows = (
        make_row(
            place % 20_000,
            id_number=f"14010520060102{place:04d}",
            present_address=f"小店区平阳路{place}号",
            mail_address=f"平阳路{place}号",
            phone=f"139{place:08d}",
            strengths=f"长跑 {place} 米",
            **{
                f"guardian2.{key}": f"{value}{place}"
                for key, value in (("name", "王"), ("address", "路"), ("post", "p"))
            },
        )
        for place in range(ROWS)
    )
    target = io.BytesIO()
    template.fill(template.SchoolSheet(SCHOOL, "平阳路小学", CLASSES), rows, target)
    path.write_bytes(target.getvalue())
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process alone is told by Linux only")
@pytest.mark.parametrize("program", [READING, WRITING], ids=["reading", "writing"])
def test_the_memory_of_a_long_sheet_is_bounded(long: Path, program: str) -> None:
    asked = [sys.executable, "-c", program, str(long), str(ROWS)]
    said = subprocess.run(
        asked, capture_output=True, text=True, check=True, env={"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    rows, megabytes = map(int, said.stdout.split())
    assert rows == ROWS
    assert megabytes <= MEGABYTES


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process alone is told by Linux only")
@pytest.mark.parametrize("abreast", [False, True])
def test_the_processes_that_read_and_check_as_imports_do_stay_small(long: Path, abreast: bool) -> None:
    peaks: dict[str, int] = {}

    async def collect() -> int:
        process, total = readers.take(), 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(readers, "take", lambda: process)
            asked = {"school_code": SCHOOL, "class_numbers": ["2013001"], "today": date(2013, 9, 16), "beside": abreast}
            async for part in workbook.examine(long, **asked):
                total += part.total
                peaks.update(_peaks(process.pid))
        return total

    assert asyncio.run(collect()) == ROWS
    assert len(peaks) == 1 + abreast
    assert max(peaks.values()) < MEGABYTES


def _peaks(group: int) -> dict[str, int]:
    """The peaks of the processes of a group so far, in megabytes."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[2]) == group:
                peak = re.search(r"VmHWM:\s+(\d+)", (folder / "status").read_text())
                if peak is not None:
                    found[folder.name] = int(peak[1]) // 1024
    return found
