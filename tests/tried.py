"""A register on trial in which everything has been tried out, and those who end it."""

from datetime import timedelta
from typing import Any

import asyncpg

from hub import clock
from hub.trial import marks
from tests.business import Counter, make_leaders
from tests.conftest import Ask
from tests.desk import Desk, make_id, make_row
from tests.photos.pictures import PhotoDesk, make_jpeg
from tests.province import CITY, PROVINCE, Province, make_caller, make_day

REQUEST_END = "mutation($input: RequestEndTrialInput!) { requestEndTrial(input: $input) { register { %s } } }"
END = "mutation($input: EndTrialInput!) { endTrial(input: $input) { register { %s } } }"
STATE = "state endRequestedAt trialEndedAt filesErasedAt"
WIPED = tuple(table for table, mark in marks().items() if mark and mark.chinese)
KEPT = tuple(table for table, mark in marks().items() if mark and not mark.chinese and table != "register")


async def make_province_leaders(system: asyncpg.Connection, province: Province) -> None:
    """Who ends the trial, another administrator, one person with both roles, and two whose place is not the province."""
    for caller, grants in {
        "leadProv": [("province_leader", PROVINCE)],
        "leadProv2": [("province_leader", PROVINCE)],
        "prov2": [("province_administrator", PROVINCE)],
        "bothProv": [("province_administrator", PROVINCE), ("province_leader", PROVINCE)],
        "leadNowhere": [("province_leader", CITY)],
        "provNowhere": [("province_administrator", CITY)],
    }.items():
        await make_caller(system, province, caller, grants)


async def asked_for(system: asyncpg.Connection, province: Province, *, hours_ago: float = 0, by: str = "prov") -> None:
    """The end of the trial has been asked for."""
    moment = clock.now() - timedelta(hours=hours_ago)
    await system.execute("UPDATE register SET requested_by = $1, requested_at = $2", province.accounts[by], moment)


async def try_out(ask: Ask, desk: Desk, system: asyncpg.Connection, province: Province) -> None:
    """A row in every table that is wiped: an import, a transfer in progress, a morning, counts folded and not."""
    await make_leaders(system, province)
    await desk.bring(make_row(1), make_row(2))
    counter = Counter(ask, province)
    case = await counter.opened(idempotencyKey="tried-out-0001")
    await counter.decide("leaderA1", case)
    await system.execute(
        "INSERT INTO case_files (case_id, file_id) SELECT c.id, f.id FROM cases c, files f LIMIT 1",
    )
    await make_day(system, province, "A1-1", clock.today(), a1_1_1="LATE")
    await system.execute("SELECT fold_counts(1000)")
    await PhotoDesk(desk.http, ask, province).bring({f"{make_id(1)}.jpg": make_jpeg(1)})
    await system.execute("INSERT INTO discards (key, account_id) SELECT 'photos/none', id FROM accounts LIMIT 1")
    await system.execute(
        "INSERT INTO problem_records (student_id, path, kind, cause) SELECT id, path, 'ID_INVALID', 'x' FROM students"
    )
    await system.execute("SELECT fold_counts(5)")
    await system.execute("UPDATE students SET left_behind = '1' WHERE id = $1", province.ids["a1-1-2"])
    assert [table for table in WIPED if not await system.fetchval(f"SELECT EXISTS (SELECT FROM {table})")] == []


async def end(ask: Ask, caller: str | None = "leadProv", confirm: str = "山西省", **given: Any) -> Any:
    """The answer to who ends the trial."""
    headers = {name: given.pop(name) for name in ("hub_role", "accept_language") if name in given}
    return await ask(caller, END % STATE, {"input": {"confirm": confirm} | given}, **headers)
