"""Photos come in: whose each is, what is taken, what is told of the rest."""

import asyncpg

from tests.photos.pictures import PhotoDesk, make_jpeg
from tests.province import Province


async def test_photos_are_matched_by_identity_number_and_wait_for_the_leader(
    photo_desk: PhotoDesk, province: Province, numbers: dict[str, str], system: asyncpg.Connection
) -> None:
    told = await photo_desk.bring(
        {f"一班/{numbers['a1-1-1']}.jpg": make_jpeg(1), f"{numbers['a1-1-2']}.JPG": make_jpeg(2)}
    )
    assert (told["state"], told["total"], told["taken"], told["refused"]) == ("DONE", 2, 2, 0)
    assert [line["student"]["id"] for line in told["entries"]["nodes"]] == [
        f"student:{province.ids['a1-1-1']}",
        f"student:{province.ids['a1-1-2']}",
    ]
    seen = await photo_desk.of_class()
    assert [photo["state"] for photo in seen["photos"]["nodes"]] == ["PENDING", "PENDING"]
    assert seen["missingPhotos"]["totalCount"] == 1
    assert await system.fetchval("SELECT count(*) FROM students WHERE photo_file_id IS NOT NULL") == 0
    link = seen["photos"]["nodes"][0]["link"]["url"]
    got = await photo_desk.get(link, "leaderA1")
    assert (got.status_code, got.headers["content-type"]) == (200, "image/jpeg")
    assert got.content == make_jpeg(1)
    results = await photo_desk.review(classId=f"class:{province.ids['A1-1']}")
    assert [one["state"] for one in results] == ["APPROVED", "APPROVED"]
    assert await system.fetchval("SELECT count(*) FROM students WHERE photo_file_id IS NOT NULL") == 2
    assert await system.fetchval("SELECT count(*) FROM discards") == 0
