"""A leader reviews photos: each for itself, never their own, and what is not needed is gone."""

import asyncio
from typing import Any

import asyncpg
import pytest
from starlette.applications import Starlette

from tests.desk import code_of, dump
from tests.photos.pictures import REVIEW, TABLES, PhotoDesk, make_jpeg
from tests.photos.test_photos_import import Numbers, named, stored
from tests.province import Province, make_caller


@pytest.fixture
async def waiting(photo_desk: PhotoDesk, numbers: Numbers) -> list[str]:
    """The ids of three photos of class A1-1 that wait, in the order of their pupils."""
    await photo_desk.bring({f"{numbers[f'a1-1-{at}']}.jpg": make_jpeg(at) for at in (1, 2, 3)})
    return [photo["id"] for photo in (await photo_desk.of_class())["photos"]["nodes"]]


def said(*decisions: tuple[str, bool, str | None]) -> list[dict[str, Any]]:
    return [{"photoId": photo, "approve": approve, "reason": reason} for photo, approve, reason in decisions]


async def test_photos_are_approved_and_refused_each_for_itself(
    photo_desk: PhotoDesk, app: Starlette, province: Province, waiting: list[str], system: asyncpg.Connection
) -> None:
    one, two, three = waiting
    before = stored(app)
    results = await photo_desk.review(decisions=said((one, True, None), (two, False, "闭眼"), (three, False, " ")))
    assert [(result["state"], (result["error"] or {}).get("key")) for result in results] == [
        ("APPROVED", None), ("REFUSED", None), (None, "FIELD_REQUIRED"),
    ]  # fmt: skip
    seen = await photo_desk.of_class()
    assert [(photo["state"], photo["reason"], photo["link"] is None) for photo in seen["photos"]["nodes"]] == [
        ("APPROVED", None, False), ("REFUSED", "闭眼", True), ("PENDING", None, False),
    ]  # fmt: skip
    assert seen["missingPhotos"]["nodes"] == [{"id": f"student:{province.ids['a1-1-2']}"}]
    shown = await system.fetch(
        "SELECT id, photo_file_id IS NOT NULL AS shown FROM students WHERE class_id = $1 ORDER BY id",
        province.ids["A1-1"],
    )
    assert [row["shown"] for row in shown] == [True, False, False]
    assert len(before - stored(app)) == 1, "the bytes of the refused one are gone"
    assert await named(system) <= stored(app)
    events = await system.fetch("SELECT kind, object FROM outbox WHERE kind LIKE 'PHOTO\\_%' ORDER BY id")
    assert [tuple(row) for row in events] == [("PHOTO_APPROVED", one), ("PHOTO_REFUSED", two)]
    audited = await system.fetch("SELECT object, outcome, code FROM audit WHERE action = 'photo:approve' ORDER BY id")
    assert [tuple(row) for row in audited] == [
        (one, "ACCEPTED", None), (two, "ACCEPTED", None), (None, "REFUSED", "BAD_INPUT"),
    ]  # fmt: skip


async def test_a_refused_photo_is_refused_again_and_another_is_taken(
    photo_desk: PhotoDesk, numbers: Numbers, waiting: list[str], system: asyncpg.Connection
) -> None:
    await photo_desk.review(decisions=said((waiting[0], False, "闭眼")))
    before = await dump(system, ("photos", "students", "discards"))
    told = await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(1)})
    (line,) = told["entries"]["nodes"]
    assert (line["code"], told["taken"]) == ("PHOTO_REFUSED_BEFORE", 0)
    assert "闭眼" in line["message"]
    assert await dump(system, ("photos", "students", "discards")) == before
    assert (await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(9)}))["taken"] == 1


async def test_the_photo_before_goes_when_its_successor_is_approved_and_not_earlier(
    photo_desk: PhotoDesk, app: Starlette, province: Province, numbers: Numbers, system: asyncpg.Connection
) -> None:
    before = stored(app)
    school_class = f"class:{province.ids['A1-1']}"
    await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(1)})
    await photo_desk.review(classId=school_class)
    await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(2)})
    old, new = (await photo_desk.of_class())["photos"]["nodes"]
    assert (old["state"], new["state"]) == ("APPROVED", "PENDING")
    assert (await photo_desk.get(old["link"]["url"], "leaderA1")).content == make_jpeg(1)
    assert len(stored(app) - before) == 2
    await photo_desk.review(decisions=said((new["id"], True, None)))
    assert (await photo_desk.get(old["link"]["url"], "leaderA1")).status_code == 404
    assert (await photo_desk.get(new["link"]["url"], "leaderA1")).content == make_jpeg(2)
    assert stored(app) - before == await named(system)
    assert len(await named(system)) == 1
    assert await system.fetchval("SELECT count(*) FROM discards") == 0
    assert await system.fetchval("SELECT count(*) FROM files WHERE name = 'photo.jpg'") == 1


async def test_nobody_reviews_photos_of_their_own_uploading(
    photo_desk: PhotoDesk, province: Province, numbers: Numbers, system: asyncpg.Connection
) -> None:
    path = province.paths["A1"]
    await make_caller(system, province, "both", [("school_administrator", path), ("school_leader", path)])
    await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(1)}, caller="both")
    (photo,) = (await photo_desk.of_class())["photos"]["nodes"]
    before = await dump(system, ("photos", "students", "outbox"))
    for given in ({"decisions": said((photo["id"], True, None))}, {"decisions": said((photo["id"], False, "x"))}):
        answer = await photo_desk.ask("both", REVIEW, {"input": given}, hub_role="school_leader")
        (result,) = answer["data"]["reviewPhotos"]["results"]
        assert (result["error"]["code"], result["error"]["key"]) == ("FORBIDDEN", "OWN_PHOTO")
    given = {"classId": f"class:{province.ids['A1-1']}"}
    answer = await photo_desk.ask("both", REVIEW, {"input": given}, hub_role="school_leader")
    assert answer["data"]["reviewPhotos"]["results"] == []
    assert await dump(system, ("photos", "students", "outbox")) == before


@pytest.mark.parametrize("caller", ["schoolA1", "countyA", "teacherA1-1", "reviewerA", "prov", "dash"])
async def test_only_a_leader_of_the_school_reviews(
    photo_desk: PhotoDesk, waiting: list[str], system: asyncpg.Connection, caller: str
) -> None:
    before = await dump(system, TABLES)
    answer = await photo_desk.ask(caller, REVIEW, {"input": {"decisions": said((waiting[0], True, None))}})
    assert code_of(answer)[0] == "FORBIDDEN"
    assert await dump(system, TABLES) == before


async def test_another_schools_leader_finds_neither_photo_nor_class(
    photo_desk: PhotoDesk, province: Province, waiting: list[str], system: asyncpg.Connection
) -> None:
    await make_caller(system, province, "leaderA2", [("school_leader", province.paths["A2"])])
    before = await dump(system, TABLES)
    foreign, nothing = await photo_desk.review(
        "leaderA2", decisions=said((waiting[0], True, None), ("photo:999999999", True, None))
    )
    assert foreign["error"] == nothing["error"]
    assert foreign["error"]["code"] == "NOT_FOUND"
    answer = await photo_desk.ask("leaderA2", REVIEW, {"input": {"classId": f"class:{province.ids['A1-1']}"}})
    assert code_of(answer)[0] == "NOT_FOUND"
    assert await dump(system, TABLES) == before


async def test_what_is_decided_is_not_decided_again(
    photo_desk: PhotoDesk, waiting: list[str], system: asyncpg.Connection
) -> None:
    first, again = await photo_desk.review(decisions=said((waiting[0], True, None), (waiting[0], False, "x")))
    assert (first["state"], again["error"]["key"]) == ("APPROVED", "PHOTO_DECIDED")
    before = await dump(system, ("photos", "students", "outbox"))
    (late,) = await photo_desk.review(decisions=said((waiting[0], False, "x")))
    assert late["error"]["key"] == "PHOTO_DECIDED"
    assert await dump(system, ("photos", "students", "outbox")) == before


async def test_two_leaders_at_once_decide_once(
    photo_desk: PhotoDesk, province: Province, waiting: list[str], system: asyncpg.Connection
) -> None:
    await make_caller(system, province, "leaderA1b", [("school_leader", province.paths["A1"])])
    both = await asyncio.gather(
        photo_desk.review("leaderA1", decisions=said(*((photo, True, None) for photo in waiting))),
        photo_desk.review("leaderA1b", decisions=said(*((photo, False, "x") for photo in reversed(waiting)))),
    )
    assert sum(result["state"] is not None for results in both for result in results) == 3
    assert await system.fetchval("SELECT count(*) FROM outbox WHERE kind LIKE 'PHOTO\\_%'") == 3


async def test_a_review_sent_again_under_its_key_answers_the_same(
    photo_desk: PhotoDesk, waiting: list[str], system: asyncpg.Connection
) -> None:
    given = {
        "decisions": said((waiting[0], True, None), ("photo:999", True, None)),
        "idempotencyKey": "review-of-today",
    }
    first = await photo_desk.review(**given)
    before = await dump(system, ("photos", "students", "outbox"))
    assert await photo_desk.review(**given) == first
    assert await dump(system, ("photos", "students", "outbox")) == before


@pytest.mark.parametrize(
    ("given", "key"),
    [({}, "NOTHING_TO_REVIEW"), ({"decisions": said(*[("photo:1", True, None)] * 201)}, "TOO_MANY_PHOTOS")],
)
async def test_a_review_of_nothing_or_too_much_is_refused(
    photo_desk: PhotoDesk, waiting: list[str], system: asyncpg.Connection, given: dict[str, Any], key: str
) -> None:
    before = await dump(system, TABLES)
    assert code_of(await photo_desk.ask("leaderA1", REVIEW, {"input": given}))[1] == key
    assert await dump(system, TABLES) == before


async def test_a_reason_is_not_a_letter(photo_desk: PhotoDesk, waiting: list[str]) -> None:
    (result,) = await photo_desk.review(decisions=said((waiting[0], False, "长" * 201)))
    assert (result["state"], result["error"]["key"]) == (None, "FIELD_TOO_LONG")


async def test_a_file_of_a_photo_that_stands_cannot_be_let_go(
    photo_desk: PhotoDesk, province: Province, waiting: list[str], system: asyncpg.Connection, cluster: Any
) -> None:
    """What lets go of files looks itself: only of refused or replaced photos, only within the caller's reach."""
    await photo_desk.review(decisions=said((waiting[0], True, None)))
    ids = [int(photo.split(":")[1]) for photo in waiting]
    await system.execute("UPDATE photos SET state = 'REPLACED' WHERE id = $1", ids[1])
    app = await asyncpg.connect(cluster.url("hub_app", "hub"))
    try:
        for path, released in ((province.paths["A2"], 0), (province.paths["A1"], 1)):
            async with app.transaction():
                await app.execute(
                    "SELECT enter($1, $1 || '~', '{' || $1 || '}', $2)", path, str(province.accounts["leaderA1"])
                )
                assert len(await app.fetch("SELECT release_photos($1)", ids)) == released
    finally:
        await app.close()
    assert await system.fetchval("SELECT count(*) FROM photos WHERE file_id IS NOT NULL") == 2
