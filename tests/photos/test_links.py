"""Signed links: for one session of one account, for a short time, as long as the right lasts; else the same 404."""

import base64
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

import policies
from hub import caller as callers
from hub import clock, photos
from hub.app import DOWNLOADS
from hub.db import Database
from hub.errors import NotFound
from hub.links import Links
from hub.settings import Settings
from tests.photos.pictures import PhotoDesk, make_jpeg
from tests.photos.test_photos_import import Numbers
from tests.province import Province, make_caller


@pytest.fixture
async def link(photo_desk: PhotoDesk, numbers: Numbers) -> str:
    """The leader's link to a photo."""
    await photo_desk.bring({f"{numbers['a1-1-1']}.jpg": make_jpeg(1)})
    return await photo_desk.link()


async def nowhere(http: httpx.AsyncClient) -> bytes:
    """What an address that never was answers."""
    response = await http.get("/downloads/nothing")
    assert response.status_code == 404
    return response.content


async def test_a_link_leads_to_the_photo_and_is_kept_by_nobody(photo_desk: PhotoDesk, link: str) -> None:
    got = await photo_desk.get(link, "leaderA1")
    assert (got.status_code, got.content) == (200, make_jpeg(1))
    assert got.headers["content-type"] == "image/jpeg"
    assert got.headers["cache-control"] == "private, no-store"
    assert got.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "caller", [None, "schoolA1", "countyA", "schoolB1", "teacherA1-1", "dash", "auditor", "sysadmin"]
)
async def test_a_shared_link_leads_nobody_else_anywhere(photo_desk: PhotoDesk, link: str, caller: str | None) -> None:
    got = await photo_desk.get(link, caller)
    assert (got.status_code, got.content) == (404, await nowhere(photo_desk.http))


async def test_a_link_ends_with_its_session(photo_desk: PhotoDesk, link: str) -> None:
    await photo_desk.ask("leaderA1", "mutation { signOut { ok } }")
    got = await photo_desk.get(link, "leaderA1")
    assert (got.status_code, got.content) == (404, await nowhere(photo_desk.http))


async def test_another_session_of_the_same_account_needs_a_link_of_its_own(
    photo_desk: PhotoDesk, province: Province, link: str, system: asyncpg.Connection
) -> None:
    await system.execute(
        "INSERT INTO sessions (account_id, token_hash, expires_at) VALUES ($1, sha256('second'), now() + interval '1 hour')",
        province.accounts["leaderA1"],
    )
    province.tokens["second"] = "second"
    assert (await photo_desk.get(link, "second")).status_code == 404
    assert (await photo_desk.get(await photo_desk.link("second"), "second")).status_code == 200


async def test_a_link_ends_by_time(photo_desk: PhotoDesk, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    late = clock.now() + timedelta(minutes=10, seconds=1)
    assert (await photo_desk.get(link, "leaderA1")).status_code == 200
    monkeypatch.setattr("hub.links.clock.now", lambda: late)
    got = await photo_desk.get(link, "leaderA1")
    assert (got.status_code, got.content) == (404, await nowhere(photo_desk.http))


async def test_a_link_ends_with_the_right(
    photo_desk: PhotoDesk, province: Province, link: str, system: asyncpg.Connection
) -> None:
    await system.execute("UPDATE grants SET until = now() WHERE account_id = $1", province.accounts["leaderA1"])
    got = await photo_desk.get(link, "leaderA1")
    assert (got.status_code, got.content) == (404, await nowhere(photo_desk.http))


async def test_a_policy_that_takes_photos_away_closes_links_made_before(
    photo_desk: PhotoDesk, app: Starlette, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\n".join(line for line in policies.SHIPPED.read_text().splitlines() if "photo, read" not in line)
    monkeypatch.setattr(app.state.hub.reader, "policy", policies.load(text))
    got = await photo_desk.get(link, "leaderA1")
    assert (got.status_code, got.content) == (404, await nowhere(photo_desk.http))


async def test_an_attempt_is_audited_as_that_of_who_made_it(
    photo_desk: PhotoDesk, province: Province, link: str, system: asyncpg.Connection
) -> None:
    await photo_desk.get(link, "schoolB1")
    entry = await system.fetchrow("SELECT account_id, action, outcome, code FROM audit ORDER BY id DESC LIMIT 1")
    assert tuple(entry) == (province.accounts["schoolB1"], "download:read", "REFUSED", "NOT_FOUND")


async def test_a_header_that_asks_for_a_role_not_held_leads_nowhere(photo_desk: PhotoDesk, link: str) -> None:
    headers = {"authorization": f"Bearer {photo_desk.province.tokens['leaderA1']}", "hub-role": "county_leader"}
    got = await photo_desk.http.get(link, headers=headers)
    assert (got.status_code, got.content) == (404, await nowhere(photo_desk.http))


async def test_a_link_acts_under_the_role_it_was_made_for(
    photo_desk: PhotoDesk, province: Province, link: str, system: asyncpg.Connection
) -> None:
    await make_caller(system, province, "two", [("dashboard", "14"), ("school_leader", province.paths["A1"])])
    query = "query($id: ID!) { schoolClass(id: $id) { photos { nodes { link { url } } } } }"
    answer = await photo_desk.ask("two", query, {"id": f"class:{province.ids['A1-1']}"}, hub_role="school_leader")
    url = answer["data"]["schoolClass"]["photos"]["nodes"][0]["link"]["url"]
    assert (await photo_desk.get(url, "two")).content == make_jpeg(1)


async def test_no_bit_of_a_link_can_be_changed(photo_desk: PhotoDesk, link: str) -> None:
    token = link.removeprefix("/downloads/")
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    other = await nowhere(photo_desk.http)
    forged = [
        base64.urlsafe_b64encode(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]).rstrip(b"=").decode()
        for at in range(0, len(raw), 3)
    ]
    odd = [token + "=", token + "A", token[:-1], token[:40], "", "x" * 2_000, "%F0%9F%98%80", token.upper()]
    for each in (*forged, *odd):
        got = await photo_desk.get(f"/downloads/{each}", "leaderA1")
        assert (got.status_code, got.content) == (404, other), each


async def test_a_link_that_we_signed_to_something_else_leads_nowhere(
    photo_desk: PhotoDesk, app: Starlette, link: str
) -> None:
    hub = app.state.hub
    account = await hub.sessions.find(photo_desk.province.tokens["leaderA1"])
    acting = _acting(account)
    for kind, key in (("photo", "999999999"), ("photo", "x"), ("photo", "-1"), ("nothing", "1")):
        made = await hub.reader.links.make(acting, kind, key)
        assert (await photo_desk.get(made.url, "leaderA1")).status_code == 404, (kind, key)


def _acting(account: Any) -> Any:
    return callers.act(account, None, clock.now())


async def test_a_link_signed_with_another_secret_is_forged(
    settings: Settings, app: Starlette, link: str, photo_desk: PhotoDesk
) -> None:
    account = await app.state.hub.sessions.find(photo_desk.province.tokens["leaderA1"])
    token = link.removeprefix("/downloads/")
    async with Database(settings) as database:
        same, other = Links(database), Links(database)
        assert (await same.read(token, account.id, account.session_id)).kind == photos.KIND
        other._secret = b"x" * 32
        with pytest.raises(NotFound):
            await other.read(token, account.id, account.session_id)


def test_every_kind_of_link_has_what_opens_it() -> None:
    assert photos.KIND in DOWNLOADS


async def test_a_photo_is_shown_to_those_who_know_the_pupil_and_to_nobody_else(
    photo_desk: PhotoDesk, province: Province, link: str
) -> None:
    query = "query($id: ID!) { student(id: $id) { id photos { nodes { state link { url expiresAt } } } } }"
    asked = {"id": f"student:{province.ids['a1-1-1']}"}
    for caller in ("schoolA1", "leaderA1", "countyA", "teacherA1-1"):
        answer = await photo_desk.ask(caller, query, asked)
        (photo,) = answer["data"]["student"]["photos"]["nodes"]
        assert (await photo_desk.get(photo["link"]["url"], caller)).content == make_jpeg(1), caller
    for caller in ("prov", "city", "reviewerA"):
        answer = await photo_desk.ask(caller, query, asked)
        assert answer["data"]["student"]["photos"] is None, caller
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN_FIELD"
    for caller in ("schoolB1", "countyB"):
        assert (await photo_desk.ask(caller, query, asked))["data"]["student"] is None
