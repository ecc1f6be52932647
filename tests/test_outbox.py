"""The outbox's tail: in order, nothing skipped, nothing twice, whoever writes meanwhile and however long."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

from hub import db, outbox
from hub.outbox import Position
from hub.settings import Settings
from tests.conftest import Ask
from tests.province import Province
from tests.test_attendance import MARK, marking
from tests.test_cli import run

INSERT = "INSERT INTO outbox (kind, object, path, payload) VALUES ('TEST', $1, '14', $2)"


@pytest.fixture
async def writers(settings: Settings) -> AsyncIterator[list[asyncpg.Connection]]:
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(6):
            connection = await db.system_door(settings).connect()
            stack.push_async_callback(connection.close)
            found.append(connection)
        yield found


async def objects(connection: asyncpg.Connection, after: Position | None = None, limit: int = 1000) -> list[str | None]:
    return [event.object for event in await outbox.tail(connection, after, limit)]


async def test_events_come_in_order_and_a_page_goes_on_where_the_last_ended(
    system: asyncpg.Connection, writers: list[asyncpg.Connection]
) -> None:
    for at in range(7):
        async with writers[at % 3].transaction():
            await writers[at % 3].execute(INSERT, f"a{at}", "{}")
            await writers[at % 3].execute(INSERT, f"b{at}", '{"at": 1}')
    seen: list[str | None] = []
    after = None
    while events := await outbox.tail(system, after, 3):
        seen += [event.object for event in events]
        after = events[-1].position
    assert seen == [f"{letter}{at}" for at in range(7) for letter in "ab"]
    assert after is not None
    assert Position.read(str(after)) == after
    assert await objects(system, after) == []


async def test_an_open_earlier_transaction_holds_later_events_back_and_loses_none(
    system: asyncpg.Connection, writers: list[asyncpg.Connection]
) -> None:
    slow, quick, *_ = writers
    await quick.execute(INSERT, "before", "{}")
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute(INSERT, "slow", "{}")
    for at in range(3):
        await quick.execute(INSERT, f"quick{at}", "{}")
    [first] = await outbox.tail(system, None, 10)
    assert first.object == "before"
    assert await objects(system, first.position) == []
    await transaction.commit()
    assert await objects(system, first.position) == ["slow", "quick0", "quick1", "quick2"]


async def test_an_event_numbered_before_but_begun_later_is_not_skipped(
    system: asyncpg.Connection, writers: list[asyncpg.Connection]
) -> None:
    early, late, *_ = writers
    first, second = early.transaction(), late.transaction()
    await first.start()
    await early.execute("SELECT pg_current_xact_id()")
    await second.start()
    await late.execute(INSERT, "late", "{}")
    await second.commit()
    assert await objects(system) == []
    await early.execute(INSERT, "early", "{}")
    await first.commit()
    assert await objects(system) == ["early", "late"]


async def test_transactions_are_ordered_as_numbers(system: asyncpg.Connection) -> None:
    for xid in ("100", "9", "20", "3"):
        await system.execute("INSERT INTO outbox (xid, kind, object) VALUES ($1::text::xid8, 'TEST', $1)", xid)
    assert await objects(system) == ["3", "9", "20", "100"]
    assert await objects(system, Position(9, 999_999)) == ["20", "100"]


async def test_what_was_rolled_back_never_happened(
    system: asyncpg.Connection, writers: list[asyncpg.Connection]
) -> None:
    transaction = writers[0].transaction()
    await transaction.start()
    await writers[0].execute(INSERT, "never", "{}")
    await writers[1].execute(INSERT, "happened", "{}")
    await transaction.rollback()
    assert await objects(system) == ["happened"]


@pytest.mark.parametrize("limit", [1, 7, 500])
async def test_under_concurrent_writers_nothing_is_skipped_or_doubled(
    system: asyncpg.Connection, writers: list[asyncpg.Connection], limit: int
) -> None:
    chance = random.Random(limit)
    kept: list[str] = []
    writing = len(writers)

    async def write(number: int, connection: asyncpg.Connection) -> None:
        nonlocal writing
        for at in range(25):
            transaction = connection.transaction()
            await transaction.start()
            mine = [f"{number}-{at}-{part}" for part in range(chance.randint(1, 4))]
            for name in mine:
                await connection.execute(INSERT, name, "{}")
                await asyncio.sleep(chance.random() * 0.01)
            if chance.random() < 0.2:
                await transaction.rollback()
            else:
                await transaction.commit()
                kept.extend(mine)
        writing -= 1

    seen: list[Any] = []

    async def read() -> None:
        after = None
        while True:
            over = writing == 0
            events = await outbox.tail(system, after, limit)
            if not events and over:
                return
            seen.extend(events)
            after = events[-1].position if events else after
            await asyncio.sleep(0)

    async with asyncio.timeout(60):
        await asyncio.gather(read(), *(write(number, connection) for number, connection in enumerate(writers)))
    assert sorted(event.object for event in seen) == sorted(kept)
    assert [event.position for event in seen] == sorted({event.position for event in seen})


async def test_a_deed_is_told_by_its_facts_and_no_name(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    exception = {"studentId": f"student:{province.ids['a1-1-1']}", "kind": "ABSENT", "note": "名字"}
    await ask("teacherA1-1", MARK, {"input": marking(province, exceptions=[exception])})
    [event] = await outbox.tail(system, None, 10)
    assert (event.kind, event.path) == ("ATTENDANCE_MARKED", province.paths["A1-1"])
    assert event.payload["absent"] == 1
    assert "名" not in event.line


async def test_only_hub_system_may_follow(settings: Settings) -> None:
    for role in ("hub_app", "hub_read"):
        connection = await db.door(settings, role).connect()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await outbox.tail(connection, None, 1)
        await connection.close()


async def test_the_tail_is_read_by_its_index(system: asyncpg.Connection) -> None:
    async with system.transaction():
        # Whoever still runs makes the planner expect no rows, and a sort of none costs nothing: ask what is possible.
        for way in ("sort", "seqscan", "bitmapscan"):
            await system.execute(f"SET LOCAL enable_{way} = off")
        plan = await system.fetch(f"EXPLAIN {outbox._TAIL}", "1000", 5, 10)
    assert any("ix_outbox_xid" in row[0] for row in plan)
    assert not any("Sort" in row[0] or "Seq Scan" in row[0] for row in plan)


@pytest.mark.parametrize("text", ["", "12", "12:", ":3", "a:3", "1:2:3", "-1:2", "1" * 30 + ":2", "１:2"])
def test_what_is_no_position_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="Not a position"):
        Position.read(text)


async def test_the_command_prints_events_as_lines_and_goes_on_after_a_position(
    settings: Settings, system: asyncpg.Connection, tmp_path: Any
) -> None:
    for at in range(3):
        await system.execute(INSERT, f"school:{at}", '{"at": 2}')
    code, said = run(settings, tmp_path, "events")
    assert code == 0, said
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["object"] for line in lines] == ["school:0", "school:1", "school:2"]
    assert (lines[0]["kind"], lines[0]["path"], lines[0]["payload"]) == ("TEST", "14", {"at": 2})
    assert lines[0]["at"].endswith("+08:00")
    code, said = run(settings, tmp_path, "events", "--after", lines[1]["position"])
    assert [json.loads(line)["object"] for line in said.splitlines()] == ["school:2"]
    code, said = run(settings, tmp_path, "events", "--after", "yesterday")
    assert (code, "Not a position" in said) == (1, True)


async def test_a_follower_waits_for_more(settings: Settings, system: asyncpg.Connection) -> None:
    following = outbox.follow(settings, None, forever=True)
    await system.execute(INSERT, "first", "{}")
    assert (await anext(following)).object == "first"
    waiting = asyncio.ensure_future(anext(following))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await system.execute(INSERT, "second", "{}")
    async with asyncio.timeout(60):
        assert (await waiting).object == "second"
    await following.aclose()  # type: ignore[attr-defined]  # it is a generator
