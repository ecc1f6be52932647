"""What a desk gets wrong: each mistake has its own key and its own words, leaves a trace, and changes nothing."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from hub import clock
from hub.models import Base
from tests.business import Counter, make_leaders
from tests.conftest import Ask
from tests.desk import dump
from tests.province import Province
from tests.slate import KEPT
from tests.test_resolutions import RESOLVE, asked

TABLES = tuple(table.name for table in Base.metadata.sorted_tables if table.name not in KEPT | {"audit"})
MARK = "mutation($input: MarkAttendanceInput!) { markAttendance(input: $input) { classDay { id } } }"
KEY = "used-before-0001"


class Desks:
    """The three desks with a transfer that waits for its sending school, and a problem record."""

    def __init__(self, ask: Ask, province: Province, counter: Counter, case: str, record: int) -> None:
        self.ask, self.province, self.counter, self.case, self.record = ask, province, counter, case, record

    async def mark(self, caller: str = "schoolA1", school_class: str = "A1-1", ahead: int = 0, pupil: str = "") -> Any:
        day = clock.today() + timedelta(days=ahead)
        named = [{"studentId": f"student:{self.province.ids.get(pupil, 999_999_999)}", "kind": "LATE"}]
        given = {"classId": f"class:{self.province.ids[school_class]}", "date": day.isoformat()}
        return await self.ask(caller, MARK, {"input": given | {"exceptions": named if pupil else []}})


Mistake = Callable[[Desks], Awaitable[Any]]
MISTAKES: dict[str, tuple[str, str, Mistake]] = {
    "wrong office": ("FORBIDDEN", "WRONG_OFFICE", lambda at: at.counter.decide("leaderA2", at.case)),
    "wrong step": ("CONFLICT", "WRONG_STEP", lambda at: at.counter.decide("leadA", at.case)),
    "self-approval": (
        "FORBIDDEN",
        "SELF_APPROVAL",
        lambda at: at.counter.decide("both", at.case, role="school_leader"),
    ),
    "stale version": ("STALE", "STALE", lambda at: at.counter.decide("leaderA1", at.case, version=7)),
    "unknown pupil": (
        "NOT_FOUND",
        "PUPIL_NOT_CONFIRMED",
        lambda at: at.counter.request(pupil="a1-1-2", name="无此人", fields="id"),
    ),
    "unknown pupil of a class": ("BAD_INPUT", "NOT_OF_CLASS", lambda at: at.mark(pupil="nobody")),
    "pupil out of scope": (
        "CONFLICT",
        "OTHER_COUNTY",
        lambda at: at.counter.request(pupil="b1-1-1", fields="id"),
    ),
    "pupil out of scope of a class": ("BAD_INPUT", "NOT_OF_CLASS", lambda at: at.mark(pupil="b1-1-1")),
    "class closed": ("CONFLICT", "CLASS_CLOSED", lambda at: at.mark(school_class="A1-2")),
    "class closed to a transfer": (
        "CONFLICT",
        "CLASS_CLOSED",
        lambda at: at.counter.request("schoolC1", pupil="a1-1-2", to="C1-1", fields="id"),
    ),
    "date in the future": ("BAD_INPUT", "DAY_IN_FUTURE", lambda at: at.mark(ahead=1)),
    "evidence missing": (
        "BAD_INPUT",
        "EVIDENCE_REQUIRED",
        lambda at: at.ask("reviewerA", RESOLVE, asked(at.record, "EVIDENCE")),
    ),
    "key reused with another payload": (
        "CONFLICT",
        "KEY_REUSED",
        lambda at: at.counter.request("both", role="school_administrator", idempotencyKey=KEY, reason="换个理由"),
    ),
    "key reused for another write": (
        "CONFLICT",
        "KEY_REUSED",
        lambda at: at.counter.withdraw("both", at.case, role="school_administrator", idempotencyKey=KEY),
    ),
}


@pytest.fixture
async def desks(ask: Ask, province: Province, system: asyncpg.Connection, record: int) -> Desks:
    await make_leaders(system, province)
    counter = Counter(ask, province)
    answer = await counter.request("both", role="school_administrator", idempotencyKey=KEY)
    closed = [province.ids["A1-2"], province.ids["C1-1"]]
    await system.execute("UPDATE classes SET closed = current_date WHERE id = ANY ($1)", closed)
    return Desks(ask, province, counter, answer["data"]["requestTransfer"]["case"]["id"], record)


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_is_told_by_its_key_audited_and_changes_nothing(
    desks: Desks, system: asyncpg.Connection, mistake: str
) -> None:
    code, key, make = MISTAKES[mistake]
    before, audited = await dump(system, TABLES), await system.fetchval("SELECT max(id) FROM audit")
    answer = await make(desks)
    assert answer["data"] is None
    [error] = answer["errors"]
    told = error["extensions"]
    assert (told["code"], told["key"]) == (code, key)
    assert error["message"]
    assert told["remedy"]
    assert await dump(system, TABLES) == before
    entry = "SELECT code, facts->>'key' AS key FROM audit WHERE id > $1 AND outcome = 'REFUSED'"
    assert (code, key) in [tuple(row) for row in await system.fetch(entry, audited)]
