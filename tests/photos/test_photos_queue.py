"""Archives of photos wait in line, are worked on by whoever's turn it is, and go on where they were cut off."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from hub import worker
from hub.photos import asking, bringing
from hub.photos.running import LINE
from hub.settings import Settings
from hub.worker import Worker
from tests.desk import SCHOOL, code_of, dump, upload
from tests.photos.pictures import IMPORT, PhotoDesk, make_jpeg, make_zip
from tests.photos.test_photos_import import Numbers, many
from tests.province import SCHOOLS, Province, make_photo_import
from tests.test_cli import ROOT

START = """mutation($input: StartPhotosInput!) { startPhotos(input: $input) {
    photoImport { id state position waitSeconds } } }"""
JOB = """query($id: ID!) { photoImport(id: $id) { state total taken ignored position waitSeconds code message remedy
    messageEn endedAt heartbeatAt } }"""
KEEPS = ("photos", "photo_imports", "photo_entries", "discards", "students", "requests")


@pytest.fixture
async def employed(settings: Settings) -> AsyncIterator[Worker]:
    async with worker.employed(settings) as found:
        yield found


def at_work(settings: Settings) -> subprocess.Popen[bytes]:
    """A worker in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "hub", "worker", "--attached"],
        env=settings.environment({"PATH": "/usr/bin:/bin"}) | {"PYTHONPATH": ROOT},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def start(desk: PhotoDesk, data: bytes, school: str = "A1") -> Any:
    caller = f"school{school}"
    file = await upload(desk.http, desk.province.tokens[caller], data, "photos.zip")
    answer = await desk.ask(caller, START, {"input": {"fileId": file, "schoolCode": SCHOOLS[school][1]}})
    assert "errors" not in answer, answer
    return answer["data"]["startPhotos"]["photoImport"]


async def job(desk: PhotoDesk, found: str) -> Any:
    answer = await desk.ask("schoolA1", JOB, {"id": found})
    assert "errors" not in answer, answer
    return answer["data"]["photoImport"]


async def test_photos_wait_in_line_and_a_worker_brings_them_in(
    photo_desk: PhotoDesk, numbers: Numbers, employed: Worker, system: asyncpg.Connection
) -> None:
    first = await start(photo_desk, make_zip(many(numbers) | {"x.txt": b"x"}))
    second = await start(photo_desk, make_zip({f"{numbers['a1-1-1']}.jpg": make_jpeg(99)}))
    assert [(one["state"], one["position"]) for one in (first, second)] == [("QUEUED", 1), ("QUEUED", 2)]
    assert 1 <= first["waitSeconds"] <= second["waitSeconds"]
    assert await system.fetchval("SELECT count(*) FROM photos") == 0
    assert await employed.drain() == 2
    told = await job(photo_desk, first["id"])
    assert [told[name] for name in ("state", "total", "taken", "ignored")] == ["DONE", 7, 6, 1]
    assert (told["position"], told["waitSeconds"], told["code"]) == (None, None, None)
    assert told["endedAt"] >= told["heartbeatAt"]
    assert await system.fetchval("SELECT count(*) FROM photos WHERE state = 'PENDING'") == 6
    assert await system.fetchval("SELECT count(*) FROM photos WHERE state = 'REPLACED'") == 1
    assert await system.fetchval("SELECT count(*) FROM photo_imports WHERE claim IS NOT NULL") == 0


async def test_who_waits_for_photos_waits_for_the_turn_and_then_leaves_them_in_the_queue(
    photo_desk: PhotoDesk,
    numbers: Numbers,
    province: Province,
    employed: Worker,
    system: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.1)
    for _ in range(20):
        await make_photo_import(system, province, "QUEUED", "A2", weight=5_000)
    small = make_zip({f"{numbers['b1-1-1']}.jpg": make_jpeg(1)})
    done = await photo_desk.bring(small, caller="schoolB1", school=SCHOOLS["B1"][1])
    assert (done["state"], done["taken"]) == ("DONE", 1), "another county's is not behind twenty big ones"
    done = await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(1)})
    assert (done["state"], done["taken"]) == ("DONE", 1), "nor is a small one of the same county"
    await make_photo_import(system, province, "QUEUED", "A1")
    waits = await photo_desk.bring({f"{numbers['a1-1-2']}.jpg": make_jpeg(2)})
    assert (waits["state"], waits["total"]) == ("QUEUED", 0), "but one of a school is behind that school's first"
    assert await system.fetchval("SELECT count(*) FROM photos") == 2
    await system.execute("DELETE FROM photo_imports WHERE weight = 5000 OR id = $1 - 1", int(waits["id"].split(":")[1]))
    assert await employed.drain() == 1
    assert (await job(photo_desk, waits["id"]))["state"] == "DONE"


@pytest.mark.parametrize(
    ("data", "key"), [(b"nothing", "NOT_PHOTOS"), (make_zip({}), "NO_PHOTOS"), (b"PK\x03\x04", "PHOTOS_UNREADABLE")]
)
async def test_a_queued_upload_that_holds_no_photos_fails_with_its_reason_in_both_languages(
    photo_desk: PhotoDesk, employed: Worker, system: asyncpg.Connection, data: bytes, key: str
) -> None:
    found = await start(photo_desk, data)
    before = await dump(system, ("photos", "photo_entries", "students"))
    await employed.drain()
    told = await job(photo_desk, found["id"])
    assert (told["state"], told["code"], told["position"]) == ("FAILED", key, None)
    assert told["message"]
    assert told["remedy"]
    assert told["message"] != told["messageEn"]
    assert await dump(system, ("photos", "photo_entries", "students")) == before


async def test_an_upload_refused_under_a_key_is_refused_again_and_leaves_nothing(
    photo_desk: PhotoDesk, system: asyncpg.Connection
) -> None:
    before = await dump(system, KEEPS)
    file = await upload(photo_desk.http, photo_desk.province.tokens["schoolA1"], b"nothing", "photos.zip")
    given = {"input": {"fileId": file, "schoolCode": SCHOOL, "idempotencyKey": "photos-of-today"}}
    for _ in range(2):
        assert code_of(await photo_desk.ask("schoolA1", IMPORT, given)) == ("BAD_INPUT", "NOT_PHOTOS")
        assert await dump(system, KEEPS) == before


async def test_queued_photos_of_a_clerk_who_lost_the_right_fail_and_nothing_is_taken(
    photo_desk: PhotoDesk, numbers: Numbers, employed: Worker, province: Province, system: asyncpg.Connection
) -> None:
    found = await start(photo_desk, make_zip(many(numbers)))
    await system.execute("UPDATE grants SET until = now() WHERE account_id = $1", province.accounts["schoolA1"])
    await employed.drain()
    state = "SELECT state FROM photo_imports WHERE id = $1"
    assert await system.fetchval(state, int(found["id"].split(":")[1])) == "FAILED"
    assert await system.fetchval("SELECT count(*) FROM photos") == 0


async def test_photos_taken_over_in_the_middle_are_each_taken_once(
    photo_desk: PhotoDesk,
    settings: Settings,
    numbers: Numbers,
    employed: Worker,
    system: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bringing, "BATCH", 2)
    found = await start(photo_desk, make_zip(many(numbers)))
    take, taken = bringing._Bringing._take, 0

    async def silent(self: Any, *given: Any) -> None:
        """After its first batch the process is silent for so long that another does the rest."""
        nonlocal taken
        taken += 1
        if taken == 2:
            await system.execute("UPDATE photo_imports SET heartbeat_at = now() - interval '1 hour'")
            assert await other.drain() == 1
        await take(self, *given)

    monkeypatch.setattr(bringing._Bringing, "_take", silent)
    async with worker.employed(settings) as other:
        await employed.drain()
    assert taken > 2
    assert (await job(photo_desk, found["id"]))["taken"] == 6
    assert await system.fetchval("SELECT count(*) FROM photos") == 6
    assert await system.fetchval("SELECT count(*) FROM photo_entries") == 6
    assert await system.fetchval("SELECT attempts FROM photo_imports") == 2


async def test_a_killed_worker_is_followed_by_another(
    photo_desk: PhotoDesk, settings: Settings, numbers: Numbers, employed: Worker, system: asyncpg.Connection
) -> None:
    found = await start(photo_desk, make_zip(many(numbers)))
    process = at_work(settings)
    try:
        async with asyncio.timeout(60):
            while not await system.fetchval("SELECT attempts FROM photo_imports"):  # noqa: ASYNC110 -- another process
                await asyncio.sleep(0.01)
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()
    assert await employed.drain() == 0
    await system.execute("UPDATE photo_imports SET heartbeat_at = now() - interval '1 hour'")
    await employed.drain()
    assert (await job(photo_desk, found["id"]))["taken"] == 6
    assert await system.fetchval("SELECT count(*) FROM photos WHERE state = 'PENDING'") == 6
    assert await system.fetchval("SELECT count(*) FROM photo_entries") == 6


async def test_a_claim_in_turn_is_for_the_first_in_line_alone(
    employed: Worker, province: Province, system: asyncpg.Connection
) -> None:
    first, second = [
        int((await make_photo_import(system, province, "QUEUED", school)).split(":")[1]) for school in ("A1", "B1")
    ]
    assert await LINE.claim_in_turn(employed.database, second) is None
    assert await LINE.claim_in_turn(employed.database, first) is not None
    assert await LINE.claim_in_turn(employed.database, first) is None
    assert await LINE.claim_in_turn(employed.database, second) is not None
