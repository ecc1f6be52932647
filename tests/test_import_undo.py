"""Apply, then undo: whatever was on record and whatever a workbook says, the register is as it was before. And of two
workbooks of different pupils it does not matter which comes first.

Pupils on record, workbooks and later edits are drawn; what undoing must leave is said by a slow, obvious oracle that
compares four looks at the register: before, applied, edited, undone.
"""

import csv
import io
import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as tuned
from hypothesis import strategies as st
from sqlalchemy import select

from hub import accounts, caller, clock, entries, files, placements, worker
from hub.errors import Conflict
from hub.gate import Once
from hub.imports import asking, pupils
from hub.intake.sheet import COLUMNS
from hub.models import Base, SchoolClass
from hub.settings import Settings
from hub.terms import ImportMode
from hub.worker import Worker
from policies import load
from tests.desk import BORN, SCHOOL, make_nameless, make_row
from tests.province import Province, make_day, make_province, make_student
from tests.slate import COUNTS, KEPT, empty

EXAMPLES = 10 * int(os.environ.get("SOAK", "1"))
DRAWN = tuned(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # an example takes a second: looking for a smaller one would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ORDERS = tuned(DRAWN, max_examples=EXAMPLES // 2)
WHOEVER = """
    SELECT (to_jsonb(s) - '{id,school_id,class_id,student_number,created_at,updated_at}'::text[])::text AS pupil,
           (SELECT jsonb_agg(to_jsonb(g) - 'student_id' ORDER BY g.position) FROM guardians g
            WHERE g.student_id = s.id)::text AS family,
           (SELECT array_agg(p.path || p.began_by || (p.until IS NULL) ORDER BY p.path) FROM placements p
            WHERE p.student_id = s.id) AS placed,
           (SELECT array_agg(r.kind || r.state ORDER BY r.kind, r.state) FROM problem_records r
            WHERE r.student_id = s.id) AS problems
    FROM students s"""
"""Every pupil with all that is kept, but for keys, numbers and moments."""
Row = dict[str, str]
Look = dict[int, dict[str, Any]]
"""Pupils as they stand in the register, by id."""
Edits = dict[int, tuple[str, Row]]
"""What somebody does to pupils of the pool after the import: the deed, and what it writes."""

DEEDS = ("sheet", "entry", "absent", "moved")
POOL = range(8)
"""The pupils that may be on record or in a sheet; the last three have no identity number."""
WITHOUT_NUMBER = 5
HISTORY = ("audit", "audit_values", "outbox", "requests")
OF_JOBS = ("imports", "import_rows", "files")
WHOLE = sorted(
    {table.name for table in Base.metadata.sorted_tables}
    - {*HISTORY, *OF_JOBS, *COUNTS, *KEPT, "students", "student_versions", "problem_records"}
)
"""The tables that undoing leaves to the letter as they were; of the other three, see `everything`."""

MOTHER = {
    "guardian2__name": "李梅",
    "guardian2__relation": "母亲",
    "guardian2__address": "府东街9号",
    "guardian2__residence_code": "140106000000",
    "guardian2__phone": "13900000009",
    "guardian2__is_guardian": "否",
}
TOLD = {*pupils.KEPT, pupils.FAMILY}
MEET = ("created", "updated", "unchanged", "rejected", "parts", *DEEDS)
PLAIN: dict[str, tuple[str, ...]] = {
    "phone": ("13700000000", "0351-7654321"),
    "post_code": ("030001", "030009"),
    "attendance_type": ("走读", "住校"),
    "left_behind": ("非留守儿童", "单亲留守儿童"),
    "migrant_child": ("是", "否", ""),
    "distance_km": ("7.5", "12.25", "0"),
    "strengths": ("", "书法"),
    "email": ("a@example.cn", ""),
    "blood_type": ("AB型", ""),
    "present_address": ("府东街100号", "平阳路街道7号"),
}
FAMILY: tuple[Row, ...] = (
    {"guardian1__name": "王建军"},
    {"guardian1__phone": "13600000000"},
    MOTHER,
    {"guardian2__name": "李梅", "guardian2__relation": "母亲"},
)
SPOILT: tuple[Row, ...] = (
    {"sex": "无"},
    {"class_number": "2999999"},
    {"name": "赵改名"},
    {"birth_date": f"{BORN}0316"},
)

cells = [(key, value) for key, values in PLAIN.items() for value in values]
plain = st.lists(st.sampled_from(cells), min_size=1, max_size=4).map(dict)
family = st.sampled_from(FAMILY)
told = plain | family | st.builds(lambda one, other: {**one, **other}, plain, family)
unchanged: st.SearchStrategy[Row] = st.just({})
spoilt = st.sampled_from(SPOILT)
on_record = st.dictionaries(st.sampled_from(POOL), told, max_size=len(POOL))
sheets = st.dictionaries(st.sampled_from(POOL), unchanged | told | told | told | spoilt, min_size=1, max_size=len(POOL))
entered = st.fixed_dictionaries(
    {"phone": st.sampled_from(["13700000000", "13500000000"])},
    optional={"strengths": st.sampled_from(["书法", "武术"])},
)
edits = st.dictionaries(
    st.sampled_from(POOL),
    st.tuples(st.just("entry"), entered)
    | st.tuples(st.just("sheet"), told)
    | st.tuples(st.sampled_from(["absent", "moved"]), unchanged),
    min_size=1,
    max_size=5,
)
parts = st.sampled_from([1, 2, 3, 1_000])
modes = st.sampled_from([ImportMode.SOUND_ROWS, ImportMode.SOUND_ROWS, ImportMode.ALL_OR_NOTHING])


def make(pupil: int, changes: Mapping[str, str]) -> Row:
    """The row of a pupil of the pool."""
    made = make_nameless if pupil >= WITHOUT_NUMBER else make_row
    return made(pupil, **{"class_number": f"200000{1 + pupil % 2}", "present_address": "并州路1号楼", **changes})


def text(rows: Mapping[int, Row]) -> bytes:
    """A sheet as CSV."""
    written = io.StringIO()
    lines = csv.writer(written)
    lines.writerow([column.header for column in COLUMNS])
    lines.writerows([row.get(column.slot, "") for column in COLUMNS] for row in rows.values())
    return written.getvalue().encode()


@dataclass
class School:
    """A school whose clerk brings sheets to a worker."""

    worker: Worker
    system: asyncpg.Connection
    province: Province
    files: int = 0
    met: Counter[str] = field(default_factory=Counter)

    async def begin(self, record: Mapping[int, Row]) -> None:
        """An empty register with nothing but the small province and the pupils on record."""
        await empty(self.system)
        self.province.__dict__.update((await make_province(self.system, pupils=1)).__dict__)
        for short, pupil in (("b8", 1), ("b9", 6)):  # others of the province who share a number, or name and birth date
            row = make(pupil, {})
            number = {"id_number": row["id_number"] or None, "id_type": "1" if row["id_number"] else "9"}
            born = clock.today().replace(year=BORN, month=3, day=15)
            await make_student(self.system, self.province, short, "B1-1", name=row["name"], birth_date=born, **number)
        if record:
            await self.bring({pupil: make(pupil, changes) for pupil, changes in record.items()})

    async def clerk(self) -> caller.Caller:
        account = await accounts.Sessions(self.worker.database).find(self.province.tokens["schoolA1"])
        return caller.act(account, None, clock.now())

    async def bring(self, rows: Mapping[int, Row], part: int = 1_000, mode: str = ImportMode.SOUND_ROWS) -> Any:
        """The import of a sheet, as it stands when the worker has done what it can."""
        object.__setattr__(self.worker.database.settings, "import_part", part)
        clerk, self.files = await self.clerk(), self.files + 1

        async def whole() -> AsyncIterator[bytes]:
            yield text(rows)

        database = self.worker.database
        stored = await files.store(database, self.worker.files, clerk, f"{self.files}.csv", whole())
        once, mode = Once(None, "startImport", None), ImportMode(mode)
        found = await asking.start(
            database, load(), clerk, once, school_code=SCHOOL, file_id=stored.id, mode=mode, whole=self.files % 2 == 0
        )
        await self.worker.drain()
        return await self.job(found)

    async def undo(self, found: int, part: int = 1_000) -> Any:
        object.__setattr__(self.worker.database.settings, "import_part", part)
        once = Once(None, "undoImport", None)
        await asking.undo(self.worker.database, load(), await self.clerk(), once, found)
        await self.worker.drain()
        return await self.job(found)

    async def edit(self, made: Edits, rows: Mapping[int, Row]) -> None:
        """What happens to pupils between an import and its undoing, as far as they are on record."""
        query = "SELECT id, name, class_id FROM students WHERE school_id = $1"
        on_record = {row["name"]: row for row in await self.system.fetch(query, self.province.ids["A1"])}
        found = {pupil: on_record[make(pupil, {})["name"]] for pupil in made if make(pupil, {})["name"] in on_record}
        deeds = {deed: [pupil for pupil in found if made[pupil][0] == deed] for deed in DEEDS}
        database, clerk = self.worker.database, await self.clerk()
        if deeds["sheet"]:
            await self.bring({pupil: make(pupil, rows[pupil] | made[pupil][1]) for pupil in deeds["sheet"]})
        for pupil in deeds["entry"]:
            once, typed = Once(None, "updateStudent", None), made[pupil][1]
            student = found[pupil]["id"]
            await entries.revise(
                database, load(), clerk, once, student_id=student, typed=typed, family=None, version=None
            )
        for name in ("A1-1", "A1-2"):
            absent = [pupil for pupil in deeds["absent"] if found[pupil]["class_id"] == self.province.ids[name]]
            self.province.ids |= {f"p{pupil}": found[pupil]["id"] for pupil in absent}
            await make_day(self.system, self.province, name, clock.today(), **{f"p{each}": "ABSENT" for each in absent})
        async with database.system.begin() as connection:
            to = (
                await connection.execute(
                    select(SchoolClass.__table__).where(SchoolClass.id == self.province.ids["A2-1"])
                )
            ).one()
            for pupil in deeds["moved"]:
                await placements.move(connection, [found[pupil]["id"]], to, "TRANSFER_IN_COUNTY", grade=None)
        self.met.update(deed for deed, pupils_of in deeds.items() if pupils_of)

    async def job(self, found: int) -> Any:
        return await self.system.fetchrow("SELECT * FROM imports WHERE id = $1", found)

    async def look(self) -> Look:
        """Every pupil with the family, as said by the columns."""
        rows = await self.system.fetch(
            """SELECT to_jsonb(s) AS pupil, (SELECT jsonb_agg(g ORDER BY position) FROM guardians g
                      WHERE g.student_id = s.id) AS family,
                      EXISTS (SELECT FROM absences a WHERE a.student_id = s.id) AS absent FROM students s"""
        )
        found: Look = {}
        for row in rows:
            pupil = read(row["pupil"])
            found[pupil["id"]] = pupil | {pupils.FAMILY: read(row["family"]), "absent": row["absent"]}
        return found

    async def everything(self) -> dict[str, Any]:
        """The whole register: of a pupil not how often it was written, of what is counted not when it was noted.

        Of the problem records those that stand open; what an import had raised is closed again.
        """
        queries = {table: f"SELECT t::text FROM {table} AS t" for table in WHOLE} | {
            "students": "SELECT (to_jsonb(s) - 'version' - 'updated_at')::text FROM students s",
            "counted": """SELECT (to_jsonb(v) - 'id' - 'recorded_from')::text FROM student_versions v
                          WHERE recorded_until IS NULL""",
            "problems": "SELECT (to_jsonb(p) - 'version')::text FROM problem_records p WHERE state = 'OPEN'",
            "differing": "SELECT c::text FROM differing_counts() AS c",
        }
        return {name: sorted(row[0] for row in await self.system.fetch(query)) for name, query in queries.items()}

    async def history(self) -> set[str]:
        """What was counted of pupils and is no longer, and the problem records that were closed."""
        queries = (
            "SELECT v::text FROM student_versions v WHERE recorded_until IS NOT NULL",
            "SELECT p::text FROM problem_records p WHERE state = 'CLOSED'",
        )
        return {row[0] for query in queries for row in await self.system.fetch(query)}


def read(value: Any) -> Any:
    return None if value is None else orjson.loads(value)


@pytest.fixture
async def school(settings: Settings, system: asyncpg.Connection) -> AsyncIterator[School]:
    """A school; after the last example everything that can be drawn must have been."""
    async with worker.employed(settings) as employed:
        made = School(employed, system, Province())
        yield made
    assert [name for name in MEET if not made.met[name]] in ([], [*DEEDS])


def note(school: School, job: Any, part: int) -> None:
    school.met.update(name for name in ("created", "updated", "unchanged", "rejected") if job[name])
    school.met["parts"] += job["created"] + job["updated"] > part and job["mode"] == ImportMode.SOUND_ROWS


@DRAWN
@given(record=on_record, sheet=sheets, part=parts, undone_by=parts, mode=modes)
async def test_whatever_is_applied_and_then_undone_leaves_the_register_as_it_was(
    school: School, record: dict[int, Row], sheet: dict[int, Row], part: int, undone_by: int, mode: ImportMode
) -> None:
    await school.begin(record)
    rows = {pupil: make(pupil, record.get(pupil, {}) | changes) for pupil, changes in sheet.items()}
    before, past = await school.everything(), await school.history()
    job = await school.bring(rows, part, mode)
    note(school, job, part)
    applied = await school.everything()
    assert (applied != before) == bool(job["written"])
    if not job["written"]:
        with pytest.raises(Conflict):
            await school.undo(job["id"])
        return
    assert applied["differing"] == []
    job = await school.undo(job["id"], undone_by)
    assert (job["state"], job["kept"]) == ("UNDONE", 0)
    assert await school.everything() == before
    assert await school.history() >= past
    assert await school.system.fetchval("SELECT count(*) FROM import_rows WHERE undone = 'UNDONE'") == job["written"]


def wanted(before: Look, applied: Look, edited: Look, done: list[Any], inside: str) -> tuple[Look, dict[int, set[str]]]:
    """What undoing must leave of the register, and what of each row's pupil it must call edited later.

    A new pupil to whom anything happened stays, any other goes. Of a known one every field goes back that still says
    what the import wrote. Who has left the school stays as is.
    """
    found, later = {**edited}, {}
    for student, verdict in done:
        then, now = applied[student], edited[student]
        changed = {key for key in then if then[key] != now[key] and key in TOLD}
        if verdict == "CREATE":
            later[student] = (changed or {"record"}) if now != then else set()
            if now == then:
                del found[student]
        elif not now["path"].startswith(inside):
            later[student] = {"record"}
        else:
            written = {key for key in TOLD if before[student][key] != then[key]}
            later[student] = written & changed
            found[student] = now | {key: before[student][key] for key in written - changed}
    return found, later


@DRAWN
@given(record=on_record, sheet=sheets, later=edits, part=parts)
async def test_what_somebody_did_after_the_import_stays_and_is_told_and_all_else_goes_back(
    school: School, record: dict[int, Row], sheet: dict[int, Row], later: Edits, part: int
) -> None:
    await school.begin(record)
    changed = {pupil: record.get(pupil, {}) | changes for pupil, changes in sheet.items()}
    before = await school.look()
    job = await school.bring({pupil: make(pupil, changes) for pupil, changes in changed.items()}, part)
    note(school, job, part)
    if not job["written"]:
        return
    applied = await school.look()
    sound = {pupil: changes for pupil, changes in changed.items() if sheet[pupil] not in SPOILT}
    await school.edit(later, {pupil: {} for pupil in POOL} | record | sound)
    edited = await school.look()
    job = await school.undo(job["id"], part)
    rows = await school.system.fetch(
        """SELECT student_id, verdict, undone, later FROM import_rows
           WHERE import_id = $1 AND verdict IN ('CREATE', 'UPDATE')""",
        job["id"],
    )
    done = [(row["student_id"], row["verdict"]) for row in rows]
    left, kept = wanted(before, applied, edited, done, school.province.paths["A1"])
    assert {row["student_id"]: set(row["later"]) for row in rows} == kept
    assert {row["student_id"] for row in rows if row["undone"] == "KEPT"} == {one for one, what in kept.items() if what}
    assert (job["state"], job["kept"]) == ("UNDONE", sum(map(bool, kept.values())))
    assert plainly(await school.look()) == plainly(left)
    assert await school.system.fetch("SELECT * FROM differing_counts()") == []
    school.met["kept"] += job["kept"]


def plainly(look: Look) -> Look:
    return {
        found: {key: value for key, value in pupil.items() if key not in ("version", "updated_at")}
        for found, pupil in look.items()
    }


@ORDERS
@given(record=on_record, sheet=sheets, cut=st.integers(0, len(POOL)), part=parts)
async def test_the_order_of_two_sheets_of_different_pupils_does_not_matter(
    school: School, record: dict[int, Row], sheet: dict[int, Row], cut: int, part: int
) -> None:
    rows = {pupil: make(pupil, record.get(pupil, {}) | changes) for pupil, changes in sheet.items()}
    halves = [{pupil: row for pupil, row in rows.items() if (pupil < cut) is low} for low in (True, False)]
    found = []
    for order in (halves, halves[::-1]):
        await school.begin(record)
        for half in order:
            if half:
                note(school, await school.bring(half, part), part)
        found.append(sorted(await school.system.fetch(WHOEVER), key=repr))
    assert found[0] == found[1]
    school.met.update(["two sheets"] if all(halves) else [])
