"""Imports as jobs: queued, judged, held, applied, withdrawn, taken back; and whose turn it is."""

import io
import zipfile
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from hub import clock, imports, worker
from hub.imports import reading
from hub.settings import Settings
from hub.worker import Worker
from tests.conftest import Ask
from tests.desk import SCHOOL, Desk, code_of, dump, make_id, make_nameless, make_row, make_workbook, upload
from tests.photos.pictures import PhotoDesk
from tests.province import SCHOOLS, Province, make_caller, make_day, make_student

START = """mutation($file: ID!, $school: String!, $mode: ImportMode! = SOUND_ROWS, $whole: Boolean! = false) {
    startImport(input: {fileId: $file, schoolCode: $school, mode: $mode, whole: $whole}) { import { id state position } } }"""
JOB = """query($id: ID!) { importJob(id: $id) { id state mode total read written created updated unchanged rejected missing
    duplicates kept position waitSeconds
    rows(first: 100) { totalCount nodes { number verdict name classNumber changes undone later student { studentNumber name } } } }
    importFaults(id: $id) { nodes { row column code message } warnings { row code } mended { row } notes { code message remedy } afterRow } }"""


class Jobs:
    """A desk with a worker behind it."""

    def __init__(self, desk: Desk, ask: Ask, worker: Worker) -> None:
        self.desk, self.ask, self.worker = desk, ask, worker

    async def start(self, data: bytes, *, caller: str = "schoolA1", school: str = SCHOOL, **options: Any) -> str:
        file = await upload(self.desk.http, self.desk.province.tokens[caller], data)
        answer = await self.ask(caller, START, {"file": file, "school": school, **options})
        assert "errors" not in answer, answer
        assert answer["data"]["startImport"]["import"]["state"] == "QUEUED"
        found: str = answer["data"]["startImport"]["import"]["id"]
        return found

    async def do(self, operation: str, found: str, caller: str = "schoolA1", rest: str = "") -> Any:
        document = f"mutation($id: ID!) {{ {operation}(input: {{importId: $id{rest}}}) {{ import {{ id state }} }} }}"
        return await self.ask(caller, document, {"id": found})

    async def job(self, found: str, caller: str = "schoolA1") -> Any:
        answer = await self.ask(caller, JOB, {"id": found})
        assert "errors" not in answer, answer
        return answer["data"]["importJob"] | {"faults": answer["data"]["importFaults"]}

    async def run(self, *rows: dict[str, str], **options: Any) -> Any:
        """Start an import, let the worker work, and look at the job."""
        found = await self.start(make_workbook(*rows), **options)
        await self.worker.drain()
        return await self.job(found)


@pytest.fixture
async def jobs(desk: Desk, ask: Ask, settings: Settings, app: Any) -> AsyncIterator[Jobs]:
    async with worker.employed(settings) as employed:
        yield Jobs(desk, ask, employed)


def verdicts(job: Any) -> list[tuple[int, str]]:
    return [(row["number"], row["verdict"]) for row in job["rows"]["nodes"]]


def summary(job: Any) -> tuple[int, int, int, int, int]:
    return job["total"], job["created"], job["updated"], job["unchanged"], job["rejected"]


# from upload to register


async def test_a_queued_workbook_is_judged_and_applied_by_a_worker(jobs: Jobs, system: asyncpg.Connection) -> None:
    job = await jobs.run(make_row(1), make_nameless(2), make_row(3, sex="无"))
    assert (job["state"], summary(job), job["read"], job["written"]) == ("APPLIED", (3, 2, 0, 0, 1), 3, 2)
    assert verdicts(job) == [(2, "CREATE"), (3, "CREATE"), (4, "REFUSE")]
    assert [row["name"] for row in job["rows"]["nodes"][:2]] == [make_row(1)["name"], make_row(2)["name"]]
    assert job["rows"]["nodes"][0]["student"]["name"] == make_row(1)["name"]
    assert [(fault["row"], fault["column"], fault["code"]) for fault in job["faults"]["nodes"]] == [
        (4, "C", "UNKNOWN_OPTION")
    ]
    assert (job["position"], job["waitSeconds"]) == (None, None)
    assert await system.fetchval("SELECT count(*) FROM students WHERE present_address = '并州路1号'") == 2


async def test_judging_only_writes_nothing_until_it_is_applied(jobs: Jobs, system: asyncpg.Connection) -> None:
    before = await dump(system)
    job = await jobs.run(make_row(1), make_row(2), mode="JUDGE_ONLY")
    assert (job["state"], summary(job), job["written"]) == ("JUDGED", (2, 2, 0, 0, 0), 0)
    assert await dump(system) == before
    assert (await jobs.do("applyImport", job["id"]))["data"]["applyImport"]["import"]["state"] == "READING"
    await jobs.worker.drain()
    job = await jobs.job(job["id"])
    assert (job["state"], summary(job), job["written"]) == ("APPLIED", (2, 2, 0, 0, 0), 2)


async def test_all_or_nothing_takes_nothing_of_a_workbook_with_a_fault(jobs: Jobs, system: asyncpg.Connection) -> None:
    before = await dump(system)
    job = await jobs.run(make_row(1), make_row(2, sex="无"), mode="ALL_OR_NOTHING")
    assert (job["state"], summary(job), job["written"]) == ("REFUSED", (2, 1, 0, 0, 1), 0)
    assert await dump(system) == before
    job = await jobs.run(make_row(1), make_row(2), mode="ALL_OR_NOTHING")
    assert (job["state"], summary(job)) == ("APPLIED", (2, 2, 0, 0, 0))


async def test_only_what_differs_is_applied_the_second_time(jobs: Jobs, system: asyncpg.Connection) -> None:
    await jobs.run(make_row(1), make_row(2), make_row(3, sex="无"))
    job = await jobs.run(make_row(1), make_row(2, phone="13700000000"), make_row(3))
    assert summary(job) == (3, 1, 1, 1, 0)
    assert verdicts(job) == [(2, "UNCHANGED"), (3, "UPDATE"), (4, "CREATE")]
    before = await dump(system)
    job = await jobs.run(make_row(1), make_row(2, phone="13700000000"), make_row(3), make_row(9, sex="无"))
    assert summary(job) == (4, 0, 0, 3, 1)
    assert await dump(system) == before


async def test_a_file_that_is_no_workbook_fails_with_its_reason_in_both_languages(jobs: Jobs) -> None:
    found = await jobs.start(b"PK\x03\x04 no workbook")
    await jobs.worker.drain()
    job = await jobs.job(found)
    (note,) = job["faults"]["notes"]
    assert (job["state"], note["code"]) == ("FAILED", "FILE_UNREADABLE")
    answer = await jobs.ask("schoolA1", JOB, {"id": found}, accept_language="en")
    (english,) = answer["data"]["importFaults"]["notes"]
    assert english["message"] != note["message"]
    assert english["remedy"]


async def test_nothing_is_kept_of_a_file_that_turns_out_unreadable(jobs: Jobs, system: asyncpg.Connection) -> None:
    sound = zipfile.ZipFile(io.BytesIO(make_workbook(*(make_row(place) for place in range(1, 200)))))
    target = io.BytesIO()
    with sound, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as broken:
        for name in sound.namelist():
            content = sound.read(name)
            broken.writestr(name, content.replace(b'<row r="200"', b'<row r="3"') if "sheet1" in name else content)
    before = await dump(system)
    found = await jobs.start(target.getvalue())
    await jobs.worker.drain()
    job = await jobs.job(found)
    assert (job["state"], job["read"], job["total"]) == ("FAILED", 0, 0)
    assert [note["code"] for note in job["faults"]["notes"]] == ["FILE_UNREADABLE"]
    assert await system.fetchval("SELECT count(*) FROM import_rows") == 0
    assert await dump(system) == before


async def test_the_same_file_under_way_is_the_same_import(jobs: Jobs) -> None:
    data = make_workbook(make_row(1))
    first, second = await jobs.start(data), await jobs.start(data)
    assert first == second
    assert await jobs.start(data, mode="JUDGE_ONLY") != first
    await jobs.worker.drain()
    assert await jobs.start(data) != first


async def test_a_class_with_pupils_the_sheet_leaves_out_tells_who_is_missing(
    jobs: Jobs, province: Province, system: asyncpg.Connection
) -> None:
    on_record = await system.fetchval("SELECT count(*) FROM students WHERE path = $1", province.paths["A1-1"])
    job = await jobs.run(make_row(1), whole=True)
    missing = [row for row in job["rows"]["nodes"] if row["verdict"] == "MISSING"]
    assert (job["state"], job["missing"], len(missing)) == ("APPLIED", on_record, on_record)
    assert all(row["number"] < 0 and row["student"]["name"] == row["name"] for row in missing)
    assert (await jobs.run(make_row(2)))["missing"] == 0
    assert await system.fetchval("SELECT count(*) FROM students WHERE state <> 'IN_SCHOOL'") == 0


# thresholds


async def hold(jobs: Jobs, *rows: dict[str, str], **options: Any) -> Any:
    object.__setattr__(jobs.worker.database.settings, "import_threshold_rows", 0)
    return await jobs.run(*rows, **options)


async def test_too_many_duplicates_wait_for_a_leader_who_did_not_ask_for_them(
    jobs: Jobs, province: Province, system: asyncpg.Connection
) -> None:
    await make_caller(system, province, "leaderA1", [("school_leader", province.paths["A1"])])
    await make_student(system, province, "b9", "B1-1", id_number=make_id(1))
    before = await dump(system)
    job = await hold(jobs, make_row(1), make_row(2))
    assert (job["state"], job["duplicates"], job["written"]) == ("HELD", 1, 0)
    assert [note["code"] for note in job["faults"]["notes"]] == ["IMPORT_HELD_DUPLICATES"]
    assert [(f["row"], f["code"]) for f in job["faults"]["warnings"]] == [(2, "ID_ALREADY_REGISTERED_USE_TRANSFER")]
    assert await dump(system) == before
    refused = await jobs.do("confirmImport", job["id"], rest=", approve: true")
    assert code_of(refused)[0] == "FORBIDDEN"
    allowed = await jobs.do("confirmImport", job["id"], "leaderA1", rest=", approve: true")
    assert allowed["data"]["confirmImport"]["import"]["state"] == "APPLYING"
    await jobs.worker.drain()
    job = await jobs.job(job["id"])
    assert (job["state"], summary(job), job["written"]) == ("APPLIED", (2, 2, 0, 0, 0), 2)
    audit = await system.fetch("SELECT role, facts FROM audit WHERE action = 'import:approve' AND outcome = 'ACCEPTED'")
    assert [(row["role"], orjson.loads(row["facts"])) for row in audit] == [("school_leader", {"approved": True})]


async def test_a_warning_tells_neither_school_nor_name(
    jobs: Jobs, province: Province, system: asyncpg.Connection
) -> None:
    await make_student(system, province, "b9", "B1-1", id_number=make_id(1), name="郑不见")
    job = await jobs.run(make_row(1))
    assert "ID_ALREADY_REGISTERED_USE_TRANSFER" in str(job["faults"])
    for told in ("郑不见", SCHOOLS["B1"][1], province.paths["B1"]):
        assert told not in str(job)


async def test_a_leader_may_refuse_a_held_batch_and_nothing_is_written(
    jobs: Jobs, province: Province, system: asyncpg.Connection
) -> None:
    await make_caller(system, province, "leaderA1", [("school_leader", province.paths["A1"])])
    before = await dump(system)
    job = await hold(jobs, make_row(1), whole=True)
    assert (job["state"], [note["code"] for note in job["faults"]["notes"]]) == ("HELD", ["IMPORT_HELD_LEAVERS"])
    answer = await jobs.do("confirmImport", job["id"], "leaderA1", rest=", approve: false")
    assert answer["data"]["confirmImport"]["import"]["state"] == "CANCELLED"
    await jobs.worker.drain()
    assert await dump(system) == before
    again = await jobs.do("confirmImport", job["id"], "leaderA1", rest=", approve: true")
    assert code_of(again) == ("CONFLICT", "IMPORT_STATE")


async def test_what_is_not_begun_can_be_withdrawn_and_what_is_written_cannot(
    jobs: Jobs, system: asyncpg.Connection
) -> None:
    before = await dump(system)
    found = await jobs.start(make_workbook(make_row(1)))
    assert (await jobs.do("cancelImport", found))["data"]["cancelImport"]["import"]["state"] == "CANCELLED"
    assert await jobs.worker.drain() == 0
    assert await dump(system) == before
    job = await jobs.run(make_row(1))
    assert code_of(await jobs.do("cancelImport", job["id"])) == ("CONFLICT", "IMPORT_STATE")


async def test_an_import_whose_clerk_lost_the_right_fails_and_writes_nothing(
    jobs: Jobs, province: Province, system: asyncpg.Connection
) -> None:
    found = await jobs.start(make_workbook(make_row(1)))
    before = await dump(system)
    await system.execute("UPDATE grants SET until = now() WHERE account_id = $1", province.accounts["schoolA1"])
    await jobs.worker.drain()
    assert await dump(system) == before
    assert await system.fetchval("SELECT state FROM imports WHERE id = $1", int(found.split(":")[1])) == "FAILED"


async def test_who_waits_for_an_import_whose_turn_does_not_come_leaves_it_in_the_queue(
    jobs: Jobs, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "PATIENCE", 0.1)
    await jobs.start(make_workbook(make_row(1)))
    payload = await desk.bring(make_row(2))
    assert (payload["import"]["state"], payload["faults"]) == ("QUEUED", [])
    assert await jobs.worker.drain() == 2
    assert (await jobs.job(payload["import"]["id"]))["state"] == "APPLIED"


async def test_an_import_goes_on_after_its_clerk_has_signed_out(
    jobs: Jobs, province: Province, system: asyncpg.Connection
) -> None:
    found = await jobs.start(make_workbook(make_row(1)))
    await system.execute("UPDATE sessions SET ended_at = now() WHERE account_id = $1", province.accounts["schoolA1"])
    await jobs.worker.drain()
    assert (await jobs.job(found, "countyA"))["state"] == "APPLIED"


# taken back


STUDENTS = "SELECT (to_jsonb(s) - 'version' - 'updated_at')::text FROM students s ORDER BY id"


async def test_applied_then_undone_is_as_before(jobs: Jobs, system: asyncpg.Connection) -> None:
    await jobs.run(make_row(1), make_row(2, guardian2__name="李梅", **MOTHER))
    before, students = await dump(system, ("guardians", "placements")), await system.fetch(STUDENTS)
    problems = await system.fetchval("SELECT count(*) FROM problem_records WHERE state = 'OPEN'")
    job = await jobs.run(
        make_row(1, phone="13700000000", attendance_type="住校", distance_km="7.5"),
        make_row(2, guardian1__name="王建军"),
        make_row(3),
        make_row(4, name=make_row(1)["name"], id_type="其他", id_number="", **FATHER),
    )
    assert (job["state"], summary(job)) == ("APPLIED", (4, 1, 2, 0, 1))
    assert (await jobs.do("undoImport", job["id"]))["data"]["undoImport"]["import"]["state"] == "UNDOING"
    await jobs.worker.drain()
    job = await jobs.job(job["id"])
    assert (job["state"], job["kept"]) == ("UNDONE", 0)
    assert [row["undone"] for row in job["rows"]["nodes"]] == ["UNDONE", "UNDONE", "UNDONE", None]
    assert await system.fetch(STUDENTS) == students
    assert await dump(system, ("guardians", "placements")) == before
    assert await system.fetchval("SELECT count(*) FROM problem_records WHERE state = 'OPEN'") == problems
    assert await system.fetch("SELECT * FROM differing_counts()") == []


FATHER = {"guardian1__id_type": "居民身份证", "guardian1__id_number": make_id(9, born="19850101")}
MOTHER = {
    "guardian2__relation": "母亲",
    "guardian2__address": "府东街9号",
    "guardian2__residence_code": "140106000000",
    "guardian2__phone": "13900000009",
    "guardian2__is_guardian": "否",
}


async def test_later_edits_are_kept_and_told(jobs: Jobs, system: asyncpg.Connection) -> None:
    await jobs.run(make_row(1))
    first = await jobs.run(make_row(1, phone="13700000000", post_code="030001"), make_row(2), make_row(3))
    await jobs.run(make_row(1, phone="13600000000", post_code="030001"), make_row(2, phone="13600000000"))
    await jobs.do("undoImport", first["id"])
    await jobs.worker.drain()
    job = await jobs.job(first["id"])
    assert (job["state"], job["kept"]) == ("UNDONE", 2)
    assert [(row["number"], row["undone"]) for row in job["rows"]["nodes"]] == [(2, "KEPT"), (3, "KEPT"), (4, "UNDONE")]
    assert [row["changes"] for row in job["rows"]["nodes"]] == [["phone", "postCode"], [], []]
    assert [row["later"] for row in job["rows"]["nodes"]] == [["phone"], ["phone"], []]
    found = await system.fetch(
        "SELECT name, phone, post_code FROM students WHERE present_address = '并州路1号' ORDER BY id"
    )
    assert [tuple(row) for row in found] == [
        (make_row(1)["name"], "13600000000", "030000"),
        (make_row(2)["name"], "13600000000", "030000"),
    ]
    assert code_of(await jobs.do("undoImport", first["id"])) == ("CONFLICT", "IMPORT_STATE")


async def test_a_pupil_with_attendance_is_not_taken_back(
    jobs: Jobs, province: Province, system: asyncpg.Connection
) -> None:
    job = await jobs.run(make_row(1), make_row(2))
    pupil = await system.fetchrow("SELECT id, class_id FROM students WHERE name = $1", make_row(1)["name"])
    province.ids["王"] = pupil["id"]
    await make_day(system, province, "A1-1", clock.today(), 王="ABSENT")
    await jobs.do("undoImport", job["id"])
    await jobs.worker.drain()
    job = await jobs.job(job["id"])
    assert [(row["number"], row["undone"]) for row in job["rows"]["nodes"]] == [(2, "KEPT"), (3, "UNDONE")]
    assert await system.fetchval("SELECT count(*) FROM students WHERE id = $1", pupil["id"]) == 1


async def test_a_pupil_whose_photo_was_refused_is_taken_back_and_the_report_names_nobody(
    jobs: Jobs, http: httpx.AsyncClient, ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    job = await jobs.run(make_row(1))
    told = await PhotoDesk(http, ask, province).bring({f"{make_id(1)}.jpg": b"no picture"})
    (line,) = told["entries"]["nodes"]
    assert (line["outcome"], line["student"]["name"]) == ("REFUSED", make_row(1)["name"])
    await jobs.do("undoImport", job["id"])
    await jobs.worker.drain()
    job = await jobs.job(job["id"])
    assert (job["state"], job["kept"]) == ("UNDONE", 0)
    assert await system.fetchval("SELECT count(*) FROM students WHERE name = $1", make_row(1)["name"]) == 0
    assert await system.fetchval("SELECT array_agg(student_id) FROM photo_entries") == [None]


async def test_taking_pupils_back_knows_every_table_that_speaks_of_pupils(system: asyncpg.Connection) -> None:
    speaking = await system.fetch(
        "SELECT DISTINCT conrelid::regclass::text AS t FROM pg_constraint WHERE confrelid = 'students'::regclass"
    )
    source = await system.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'undo_created'")
    assert [row["t"] for row in speaking if f" {row['t']} " not in source] == []


async def test_an_undoing_that_broke_off_can_be_asked_for_again(jobs: Jobs, system: asyncpg.Connection) -> None:
    job = await jobs.run(make_row(1))
    await system.execute(
        'UPDATE imports SET state = \'FAILED\', failure = \'{"key": "IMPORT_BROKE_OFF", "values": {}}\''
    )
    await jobs.do("undoImport", job["id"])
    await jobs.worker.drain()
    job = await jobs.job(job["id"])
    assert (job["state"], job["kept"]) == ("UNDONE", 0)
    assert await system.fetchval("SELECT failure FROM imports") is None


async def test_an_import_that_wrote_nothing_has_nothing_to_take_back(jobs: Jobs, system: asyncpg.Connection) -> None:
    await jobs.run(make_row(1))
    job = await jobs.run(make_row(1), make_row(2, sex="无"))
    before = await dump(system)
    assert code_of(await jobs.do("undoImport", job["id"])) == ("CONFLICT", "IMPORT_WROTE_NOTHING")
    refused = await jobs.do("cancelImport", job["id"])
    assert "已导入" in refused["errors"][0]["message"]
    assert await dump(system) == before


async def test_who_undoes_is_who_the_undoing_acts_for(
    jobs: Jobs, province: Province, system: asyncpg.Connection
) -> None:
    job = await jobs.run(make_row(1))
    await system.execute("UPDATE grants SET until = now() WHERE account_id = $1", province.accounts["schoolA1"])
    await jobs.do("undoImport", job["id"], "countyA")
    await jobs.worker.drain()
    assert await system.fetchval("SELECT state FROM imports") == "UNDONE"
    entry = await system.fetchrow("SELECT account_id, role FROM audit WHERE action = 'import:delete'")
    assert tuple(entry) == (province.accounts["countyA"], "county_administrator")


# what changes between judging and applying


async def test_rows_are_judged_anew_when_the_register_has_changed(
    jobs: Jobs, province: Province, system: asyncpg.Connection
) -> None:
    await jobs.run(make_row(1))
    found = await jobs.start(make_workbook(make_row(1, phone="13700000000"), make_row(2)), mode="JUDGE_ONLY")
    await jobs.worker.drain()
    await jobs.run(make_row(1, phone="13600000000", post_code="030009"), make_row(2))
    await jobs.do("applyImport", found)
    await jobs.worker.drain()
    job = await jobs.job(found)
    assert (job["state"], summary(job)) == ("APPLIED", (2, 0, 1, 1, 0))
    rows = await system.fetch("SELECT phone, post_code FROM students WHERE present_address = '并州路1号' ORDER BY id")
    assert [tuple(row) for row in rows] == [("13700000000", "030000"), ("13800000001", "030000")]


async def test_a_clash_found_while_applying_sends_the_rows_back_to_be_judged(
    jobs: Jobs, province: Province, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide, met = reading.decide, []

    async def decided(connection: Any, job: Any, **found: Any) -> None:
        await decide(connection, job, **found)
        if not met:
            met.append(await make_student(system, province, "a9", "A1-1", id_number=make_id(2), name="钱抢先"))

    monkeypatch.setattr(reading, "decide", decided)
    job = await jobs.run(make_row(1), make_row(2))
    assert (job["state"], summary(job)) == ("APPLIED", (2, 1, 0, 0, 1))
    assert {fault["code"] for fault in job["faults"]["nodes"]} == {"KEY_DATA_DIFFERS"}
    assert await system.fetchval("SELECT count(*) FROM students WHERE id_number = $1", make_id(2)) == 1


@pytest.mark.parametrize(("number", "created", "rejected"), [(None, 1, 1), (make_id(77), 2, 0)])
async def test_a_namesake_found_while_applying_clashes_where_either_has_no_number(
    jobs: Jobs,
    province: Province,
    system: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    number: str | None,
    created: int,
    rejected: int,
) -> None:
    decide, met = reading.decide, []
    row = make_row(2)
    person = {"name": row["name"], "sex": "MALE", "birth_date": date.fromisoformat(row["birth_date"])}

    async def decided(connection: Any, job: Any, **found: Any) -> None:
        await decide(connection, job, **found)
        if not met:
            met.append(await make_student(system, province, "a9", "A1-1", id_number=number, **person))

    monkeypatch.setattr(reading, "decide", decided)
    job = await jobs.run(make_row(1), row)
    assert (job["state"], summary(job)) == ("APPLIED", (2, created, 0, 0, rejected))
