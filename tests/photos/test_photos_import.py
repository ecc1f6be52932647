"""Photos come in: whose each is, what is taken, what is told of the rest, and that nothing else changes."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from starlette.applications import Starlette

from hub.photos import bringing
from tests.desk import SCHOOL, code_of, dump, upload
from tests.photos.pictures import IMPORT, TABLES, PhotoDesk, make_jpeg, make_link, make_noise, make_zip
from tests.province import Province, make_caller, make_student

Numbers = dict[str, str]


def stored(app: Starlette) -> set[str]:
    """The photos in the file store."""
    folder = Path(app.state.hub.reader.settings.home) / "files" / "photos"
    return {path.name for path in folder.glob("*")} if folder.exists() else set()


async def named(system: asyncpg.Connection) -> set[str]:
    """The photos that the register names."""
    rows = await system.fetch("SELECT f.key FROM photos p JOIN files f ON f.id = p.file_id")
    return {row["key"].removeprefix("photos/") for row in rows}


async def test_photos_are_matched_and_wait_for_the_leader(
    photo_desk: PhotoDesk, province: Province, numbers: Numbers, system: asyncpg.Connection
) -> None:
    files = {f"一班/{numbers['a1-1-1']}.jpg": make_jpeg(1), f"{SCHOOL}_2000001_名a1-1-2.JPG": make_jpeg(2)}
    told = await photo_desk.bring(make_zip(files, encoding="gbk"))
    assert (told["state"], told["total"], told["taken"], told["refused"]) == ("DONE", 2, 2, 0)
    assert told["school"] == {"code": SCHOOL}
    assert [(line["name"], line["outcome"], line["student"]["id"]) for line in told["entries"]["nodes"]] == [
        (name, "TAKEN", f"student:{province.ids[short]}")
        for name, short in zip(files, ("a1-1-1", "a1-1-2"), strict=True)
    ]
    seen = await photo_desk.of_class()
    assert [(photo["state"], photo["width"], photo["height"]) for photo in seen["photos"]["nodes"]] == [
        ("PENDING", 358, 441)
    ] * 2
    assert seen["missingPhotos"]["nodes"] == [{"id": f"student:{province.ids['a1-1-3']}"}]
    assert await system.fetchval("SELECT count(*) FROM students WHERE photo_file_id IS NOT NULL") == 0
    got = await photo_desk.get(seen["photos"]["nodes"][0]["link"]["url"], "leaderA1")
    assert (got.status_code, got.content) == (200, make_jpeg(1))


async def test_one_photo_needs_no_zip(photo_desk: PhotoDesk, province: Province, numbers: Numbers) -> None:
    told = await photo_desk.bring(make_jpeg(1), name=f"{numbers['a1-1-1'].lower()}.jpg")
    assert (told["total"], told["taken"]) == (1, 1)
    assert told["entries"]["nodes"][0]["student"]["id"] == f"student:{province.ids['a1-1-1']}"


async def test_a_county_brings_photos_in_for_a_school(photo_desk: PhotoDesk, numbers: Numbers) -> None:
    told = await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(1)}, caller="countyA")
    assert told["taken"] == 1


async def test_every_file_that_is_not_taken_is_told_with_its_reason_and_remedy(
    photo_desk: PhotoDesk, province: Province, numbers: Numbers, system: asyncpg.Connection
) -> None:
    await make_student(system, province, "twin", "A1-1", name="名a1-1-2")
    told = await photo_desk.bring(
        {
            "Thumbs.db": b"x",
            "读我.txt": b"x",
            "../../x.jpg": make_jpeg(1),
            "more.zip": b"PK\x03\x04",
            f"{numbers['a2-1-1']}.jpg": make_jpeg(2),
            "140105201503159999.jpg": make_jpeg(3),
            f"{SCHOOL}_2000009_名a1-1-1.jpg": make_jpeg(4),
            f"{SCHOOL}_2000001_名a1-1-2.jpg": make_jpeg(5),
            "IMG_1.jpg": make_jpeg(6),
            f"{numbers['a1-1-1']}.jpg": make_jpeg(7),
            f"x/{numbers['a1-1-1']}.jpg": make_jpeg(7),
            f"{numbers['a1-1-3']}.jpg": b"",
            f"{numbers['a1-2-1']}.jpg": b"\x89PNG\r\n\x1a\n",
            f"{numbers['a1-2-2']}.jpg": make_jpeg(8)[:-99],
            f"{numbers['a1-2-3']}.jpg": make_jpeg(9, (64, 64)),
        }
    )
    assert (told["total"], told["taken"], told["refused"], told["ignored"]) == (15, 0, 13, 2)
    assert [line["code"] for line in told["entries"]["nodes"]] == [
        "PHOTO_STRAY", "PHOTO_STRAY", "PHOTO_NAME_UNSAFE", "PHOTO_NESTED_ARCHIVE", "PHOTO_NO_PUPIL", "PHOTO_NO_PUPIL",
        "PHOTO_UNKNOWN_CLASS", "PHOTO_AMBIGUOUS", "PHOTO_BAD_NAME", "PHOTO_TWICE", "PHOTO_TWICE", "PHOTO_EMPTY",
        "PHOTO_NOT_JPEG", "PHOTO_DAMAGED", "PHOTO_TOO_SMALL",
    ]  # fmt: skip
    for line in told["entries"]["nodes"]:
        assert all(line[word] for word in ("message", "remedy", "messageEn", "remedyEn"))
    lines = told["entries"]["nodes"]
    elsewhere, nobody = ({**line, "number": 0, "name": ""} for line in lines[4:6])
    assert elsewhere == nobody, "another school's pupil is told apart from nobody"
    assert "2000001、2000002" in lines[6]["remedy"]
    assert "PNG" in lines[12]["message"]
    assert (
        lines[9]["student"] == lines[10]["student"] == {"id": f"student:{province.ids['a1-1-1']}", "name": "名a1-1-1"}
    )
    assert await system.fetchval("SELECT count(*) FROM photos") == 0
    assert await system.fetchval("SELECT count(*) FROM discards") == 0


async def test_a_link_in_a_zip_leads_nowhere(photo_desk: PhotoDesk, numbers: Numbers) -> None:
    told = await photo_desk.bring(make_link(f"{numbers['a1-1-1']}.jpg", "/etc/passwd"))
    assert [line["code"] for line in told["entries"]["nodes"]] == ["PHOTO_LINK"]


async def test_a_large_photo_is_brought_to_size(photo_desk: PhotoDesk, numbers: Numbers) -> None:
    await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_noise()})
    (photo,) = (await photo_desk.of_class())["photos"]["nodes"]
    assert photo["height"] == 441
    assert photo["size"] < 60_000
    got = await photo_desk.get(photo["link"]["url"], "leaderA1")
    assert len(got.content) == photo["size"]


async def test_the_same_zip_again_changes_nothing(
    photo_desk: PhotoDesk, app: Starlette, province: Province, numbers: Numbers, system: asyncpg.Connection
) -> None:
    files = {f"{numbers['a1-1-1']}.jpg": make_jpeg(1), f"{numbers['a1-1-2']}.jpg": make_noise()}
    await photo_desk.bring(files)
    before, kept = await dump(system, ("photos", "students")), stored(app)
    told = await photo_desk.bring(files)
    assert (told["taken"], told["unchanged"]) == (0, 2)
    assert (await dump(system, ("photos", "students")), stored(app)) == (before, kept)
    await photo_desk.review(classId=f"class:{province.ids['A1-1']}")
    before = await dump(system, ("photos", "students"))
    assert (await photo_desk.bring(files))["unchanged"] == 2
    assert await dump(system, ("photos", "students")) == before
    assert await system.fetchval("SELECT count(*) FROM discards") == 0


async def test_a_better_photo_takes_the_place_of_the_one_that_waits(
    photo_desk: PhotoDesk, app: Starlette, numbers: Numbers, system: asyncpg.Connection
) -> None:
    before = stored(app)
    await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(1)})
    old = await photo_desk.link()
    await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(2)})
    states = await system.fetch("SELECT state, file_id IS NOT NULL AS kept FROM photos ORDER BY id")
    assert [tuple(row) for row in states] == [("REPLACED", False), ("PENDING", True)]
    assert stored(app) - before == await named(system)
    assert len(await named(system)) == 1
    assert await system.fetchval("SELECT count(*) FROM discards") == 0
    assert (await photo_desk.get(old, "leaderA1")).status_code == 404


async def test_a_photo_is_told_in_audit_and_outbox_without_its_name(
    photo_desk: PhotoDesk, province: Province, numbers: Numbers, system: asyncpg.Connection
) -> None:
    told = await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(1), "x.txt": b"x"})
    entry = await system.fetchrow("SELECT * FROM audit WHERE action = 'photo:create'")
    event = await system.fetchrow("SELECT * FROM outbox WHERE kind = 'PHOTOS_IMPORTED' ORDER BY id DESC LIMIT 1")
    assert (entry["outcome"], entry["object"]) == ("ACCEPTED", told["id"])
    assert (event["object"], event["path"]) == (told["id"], province.paths["A1"])
    assert numbers["a1-1-1"] not in event["payload"] + entry["facts"]


@pytest.mark.parametrize(
    ("caller", "code"), [("schoolB1", "NOT_FOUND"), ("countyB", "NOT_FOUND"), ("reviewerA", "FORBIDDEN")]
)
async def test_nobody_else_brings_photos_in(
    photo_desk: PhotoDesk, numbers: Numbers, system: asyncpg.Connection, caller: str, code: str
) -> None:
    file = await upload(
        photo_desk.http, photo_desk.province.tokens[caller], make_zip({f"{numbers['a1-1-1']}.jpg": make_jpeg(1)})
    )
    before = await dump(system, TABLES)
    answer = await photo_desk.ask(caller, IMPORT, {"input": {"fileId": file, "schoolCode": SCHOOL}})
    assert code_of(answer)[0] == code
    assert await dump(system, TABLES) == before
    refused = await system.fetchrow("SELECT action, code FROM audit ORDER BY id DESC LIMIT 1")
    assert tuple(refused) == ("photo:create", code)


async def test_somebody_elses_upload_is_not_found(
    photo_desk: PhotoDesk, numbers: Numbers, system: asyncpg.Connection
) -> None:
    file = await upload(
        photo_desk.http, photo_desk.province.tokens["countyA"], make_zip({f"{numbers['a1-1-1']}.jpg": make_jpeg(1)})
    )
    before = await dump(system, TABLES)
    answer = await photo_desk.ask("schoolA1", IMPORT, {"input": {"fileId": file, "schoolCode": SCHOOL}})
    assert code_of(answer)[0] == "NOT_FOUND"
    assert await dump(system, TABLES) == before


@pytest.mark.parametrize(
    ("data", "key"), [(b"nothing", "NOT_PHOTOS"), (make_zip({}), "NO_PHOTOS"), (b"PK\x03\x04", "PHOTOS_UNREADABLE")]
)
async def test_an_upload_that_holds_no_photos_leaves_nothing(
    photo_desk: PhotoDesk, system: asyncpg.Connection, data: bytes, key: str
) -> None:
    before = await dump(system, ("photos", "photo_imports", "photo_entries", "discards", "students"))
    answer = await photo_desk.answer(data)
    assert code_of(answer) == ("BAD_INPUT", key)
    assert await dump(system, ("photos", "photo_imports", "photo_entries", "discards", "students")) == before


async def test_the_report_is_read_again_by_school_and_county_alone(photo_desk: PhotoDesk, numbers: Numbers) -> None:
    told = await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(1), "x.txt": b"x"})
    query = """query($id: ID!) { photoImport(id: $id) { taken
        entries(where: {outcome: {in: [REFUSED, IGNORED]}}) { totalCount nodes { name code } } } }"""
    stray = {"totalCount": 1, "nodes": [{"name": "x.txt", "code": "PHOTO_STRAY"}]}
    for caller in ("schoolA1", "leaderA1", "countyA"):
        answer = await photo_desk.ask(caller, query, {"id": told["id"]})
        assert answer["data"]["photoImport"] == {"taken": 1, "entries": stray}
    for caller in ("schoolA2", "countyB", "teacherA1-1"):
        assert code_of(await photo_desk.ask(caller, query, {"id": told["id"]}))[0] == "NOT_FOUND", caller
    for caller in ("prov", "reviewerA", "dash", "auditor"):
        assert code_of(await photo_desk.ask(caller, query, {"id": told["id"]}))[0] == "FORBIDDEN", caller


async def test_a_school_and_its_county_see_what_waits_and_what_lacks_class_by_class(
    photo_desk: PhotoDesk, province: Province, numbers: Numbers
) -> None:
    await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(1), f"{numbers['a1-2-1']}.jpg": make_jpeg(2)})
    await photo_desk.review(classId=f"class:{province.ids['A1-2']}")
    query = """query($code: String!) { school(code: $code) { missingPhotos { totalCount }
        waiting: photos(where: {state: {in: [PENDING]}}) { totalCount nodes { student { id } } }
        photoImports { nodes { taken } }
        classes { nodes { missingPhotos { totalCount } photos(where: {state: {in: [APPROVED]}}) { totalCount } } } } }"""
    for caller in ("schoolA1", "countyA"):
        answer = await photo_desk.ask(caller, query, {"code": SCHOOL})
        assert answer["data"]["school"] == {
            "missingPhotos": {"totalCount": 4},
            "waiting": {"totalCount": 1, "nodes": [{"student": {"id": f"student:{province.ids['a1-1-1']}"}}]},
            "photoImports": {"nodes": [{"taken": 2}]},
            "classes": {
                "nodes": [
                    {"missingPhotos": {"totalCount": 2}, "photos": {"totalCount": 0}},
                    {"missingPhotos": {"totalCount": 2}, "photos": {"totalCount": 1}},
                ]
            },
        }, caller


# Cut off, repeated, at once.


def many(numbers: Numbers) -> dict[str, bytes]:
    return {
        f"{numbers[short]}.jpg": make_jpeg(at) for at, short in enumerate(sorted(numbers)) if short.startswith("a1-")
    }


async def test_an_import_that_was_cut_off_goes_on_under_its_key(
    photo_desk: PhotoDesk, app: Starlette, numbers: Numbers, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored(app)
    monkeypatch.setattr(bringing, "BATCH", 2)
    file = await upload(
        photo_desk.http, photo_desk.province.tokens["schoolA1"], make_zip(many(numbers) | {"x.txt": b"x"})
    )
    given = {"input": {"fileId": file, "schoolCode": SCHOOL, "idempotencyKey": "photos-of-today"}}
    write, batches = bringing._Bringing._write, 0

    async def cut(self: Any, connection: Any, batch: Any) -> None:
        nonlocal batches
        await write(self, connection, batch)
        batches += 1
        if batches == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(bringing._Bringing, "_write", cut)
    with pytest.raises(asyncio.CancelledError):
        await photo_desk.ask("schoolA1", IMPORT, given)
    assert await system.fetchval("SELECT count(*) FROM photos") == 2
    assert await system.fetchval("SELECT state FROM photo_imports") == "RUNNING"
    assert await system.fetchval("SELECT count(*) FROM discards") == 2, "bytes stored and not named are written down"
    assert len(stored(app) - before) == 4
    monkeypatch.setattr(bringing._Bringing, "_write", write)
    for _ in range(2):
        answer = await photo_desk.ask("schoolA1", IMPORT, given)
        told = answer["data"]["importPhotos"]["photoImport"]
        assert (told["state"], told["total"], told["taken"], told["ignored"]) == ("DONE", 7, 6, 1)
        assert await system.fetchval("SELECT count(*) FROM photo_entries") == 7
        assert await system.fetchval("SELECT count(*) FROM photos WHERE state = 'PENDING'") == 6
    await system.execute("UPDATE discards SET at = now() - interval '2 hours'")
    await photo_desk.bring({"x.txt": b"x"})
    assert await system.fetchval("SELECT count(*) FROM discards") == 0
    assert stored(app) - before == await named(system)


async def test_a_key_used_for_another_upload_is_refused(
    photo_desk: PhotoDesk, numbers: Numbers, system: asyncpg.Connection
) -> None:
    await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(1)}, key="photos-of-today")
    before = await dump(system, ("photos", "photo_imports", "photo_entries"))
    answer = await photo_desk.answer(make_zip({f"{numbers['a1-1-1']}.jpg": make_jpeg(2)}), key="photos-of-today")
    assert code_of(answer) == ("CONFLICT", "KEY_REUSED")
    assert await dump(system, ("photos", "photo_imports", "photo_entries")) == before


async def test_two_imports_of_the_same_pupils_at_once_leave_one_photo_each(
    photo_desk: PhotoDesk, app: Starlette, numbers: Numbers, system: asyncpg.Connection
) -> None:
    before = stored(app)
    first = many(numbers)
    second = {name: make_jpeg(100 + at) for at, name in enumerate(first)}
    await asyncio.gather(*(photo_desk.bring(files) for files in (first, second, first, second)))
    assert await system.fetchval("SELECT count(*) FROM photos WHERE state = 'PENDING'") == 6
    assert await system.fetchval("SELECT count(*) FROM photos WHERE state = 'REPLACED' AND file_id IS NULL") == (
        await system.fetchval("SELECT count(*) FROM photos") - 6
    )
    assert stored(app) - before == await named(system)


async def test_the_same_request_twice_at_once_is_one_import(
    photo_desk: PhotoDesk, numbers: Numbers, system: asyncpg.Connection
) -> None:
    file = await upload(photo_desk.http, photo_desk.province.tokens["schoolA1"], make_zip(many(numbers)))
    given = {"input": {"fileId": file, "schoolCode": SCHOOL, "idempotencyKey": "photos-of-today"}}
    answers = await asyncio.gather(*(photo_desk.ask("schoolA1", IMPORT, given) for _ in range(3)))
    assert all("errors" not in answer for answer in answers)
    assert await system.fetchval("SELECT count(*) FROM photo_imports") == 1
    assert await system.fetchval("SELECT count(*) FROM photos") == 6
    assert await system.fetchval("SELECT taken FROM photo_imports") == 6


async def test_a_pupil_who_leaves_during_the_import_gets_no_photo(
    photo_desk: PhotoDesk,
    province: Province,
    numbers: Numbers,
    system: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decide = bringing._Bringing._decide

    async def leaving(self: Any, *given: Any) -> None:
        await system.execute("UPDATE students SET state = 'TRANSFERRED_OUT' WHERE id = $1", province.ids["a1-1-1"])
        await decide(self, *given)

    monkeypatch.setattr(bringing._Bringing, "_decide", leaving)
    told = await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(1), f"{numbers['a1-1-2']}.jpg": make_jpeg(2)})
    assert [line["code"] for line in told["entries"]["nodes"]] == ["PHOTO_NO_PUPIL", None]
    assert await system.fetchval("SELECT count(*) FROM photos") == 1
    assert await system.fetchval("SELECT count(*) FROM discards") == 0


async def test_a_photo_follows_its_pupil_to_another_school(
    photo_desk: PhotoDesk, province: Province, numbers: Numbers, system: asyncpg.Connection
) -> None:
    await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(1)})
    link = await photo_desk.link()
    await make_caller(system, province, "leaderA2", [("school_leader", province.paths["A2"])])
    await system.execute(
        "UPDATE students SET school_id = $2, class_id = $3, path = $4 WHERE id = $1",
        province.ids["a1-1-1"], province.ids["A2"], province.ids["A2-1"], province.paths["A2-1"],
    )  # fmt: skip
    assert (await photo_desk.get(link, "leaderA1")).status_code == 404
    assert (await photo_desk.of_class("leaderA1"))["photos"]["totalCount"] == 0
    (photo,) = (await photo_desk.of_class("leaderA2", "A2-1"))["photos"]["nodes"]
    assert (await photo_desk.get(photo["link"]["url"], "leaderA2")).content == make_jpeg(1)
