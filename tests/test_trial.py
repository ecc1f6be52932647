"""The end of the trial: every record of it is gone, everything else is as it was, and it happens once."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import orjson
import pytest

from hub import counts, db, migrate, path_check, seed, trial
from hub.models import Base
from hub.postgres import Cluster
from hub.settings import Settings
from tests.conftest import Ask
from tests.desk import Desk, code_of, dump, make_row
from tests.province import COUNTY_A, Province, make_student
from tests.test_migrations import connect, fill, make_database
from tests.tried import KEPT, REQUEST_END, STATE, WIPED, asked_for, end, make_province_leaders, try_out

EVERYTHING = (*KEPT, *WIPED, "register")
LOG = ("audit",)
HOW = """Say on the model what becomes of the table when the trial ends: `__trial__ = KEEP`, or `__trial__ = wipe(...)`
for what tells of a pupil or was made of such; then its migration also says GRANT TRUNCATE ON the table TO hub_system."""


def test_every_table_says_what_becomes_of_it_when_the_trial_ends() -> None:
    assert [table for table, mark in trial.marks().items() if mark is None] == [], HOW
    assert {*trial.marks()} == {table.name for table in Base.metadata.sorted_tables}


async def test_the_database_empties_exactly_the_tables_that_say_so(settings: Settings) -> None:
    owner = await connect(settings)
    found = {row[0] for row in await owner.fetch("SELECT trial_tables()")}
    await owner.close()
    assert found == {*WIPED}, HOW


def test_no_table_that_stays_leans_on_one_that_goes() -> None:
    leaning = [
        f"{table.name}.{key.parent.name}"
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if table.name not in WIPED and key.column.table.name in WIPED
    ]
    assert leaning == [], "mark both alike: PostgreSQL empties no table that another one refers to"


async def test_of_a_row_in_every_table_only_those_that_stay_are_left(cluster: Cluster, settings: Settings) -> None:
    everything = await make_database(cluster, "everything")
    await migrate.upgrade(everything)
    await fill(everything)
    owner, app = await connect(everything), await asyncpg.connect(cluster.url("hub_app", "everything"))
    await owner.execute("UPDATE register SET state = 'TRIAL', requested_by = 1, requested_at = now()")
    before = await dump(owner, KEPT)
    assert {table: len(rows) for table, rows in before.items()} == dict.fromkeys(KEPT, 1) | {"link_secrets": 2}
    erased = orjson.loads(await app.fetchval("SELECT end_trial(2, now())"))
    assert erased == dict.fromkeys(WIPED, 1)
    assert await dump(owner, KEPT) == before
    assert await dump(owner, WIPED) == {table: [] for table in WIPED}
    await app.close()
    await owner.close()


@pytest.fixture
async def tried(ask: Ask, desk: Desk, system: asyncpg.Connection, province: Province, once_more: None) -> Province:
    """A province in which everything was tried out, and the end of the trial asked for."""
    await make_province_leaders(system, province)
    await try_out(ask, desk, system, province)
    await asked_for(system, province)
    return province


async def test_nothing_of_a_trial_is_left_and_all_else_is_as_it_was(
    ask: Ask, system: asyncpg.Connection, settings: Settings, tried: Province
) -> None:
    staying = tuple(table for table in KEPT if table != "audit")
    before, log = await dump(system, staying), await dump(system, LOG)
    held = {table: await system.fetchval(f"SELECT count(*) FROM {table}") for table in WIPED}
    answer = await end(ask)
    told = answer["data"]["endTrial"]["register"]
    assert (told["state"], told["endRequestedAt"], told["filesErasedAt"]) == ("LIVE", None, None)
    assert told["trialEndedAt"].endswith("+08:00")
    assert await dump(system, staying) == before
    left = await dump(system, WIPED)
    assert {table: len(rows) for table, rows in left.items() if rows} == {"outbox": 1}
    assert await system.fetchval("SELECT kind FROM outbox") == "TRIAL_ENDED"
    log_after = await dump(system, LOG)
    assert set(log["audit"]) < set(log_after["audit"])
    (entry,) = set(log_after["audit"]) - set(log["audit"])
    assert "register:endTrial" in entry
    facts = orjson.loads(await system.fetchval("SELECT facts FROM audit WHERE action = 'register:endTrial'"))
    assert facts == {"requestedBy": tried.accounts["prov"], "erased": held}
    assert await counts.differences(settings) == []
    assert [each for each in await path_check.compare(settings, lambda *_: None) if each.rows] == []
    query = """query($within: String!) { headcounts(within: $within, groupBy: []) { students openProblems }
        students(within: $within) { totalCount } region(code: $within) { headcounts(groupBy: []) { students } } }"""
    found = (await ask("countyA", query, {"within": COUNTY_A}))["data"]
    assert sum(cell["students"] + cell["openProblems"] for cell in found["headcounts"]) == 0
    assert found["students"]["totalCount"] == 0
    assert sum(cell["students"] for cell in found["region"]["headcounts"]) == 0


async def test_the_log_still_proves_what_its_values_were(ask: Ask, system: asyncpg.Connection, tried: Province) -> None:
    query = "SELECT id, values_hash FROM audit WHERE outcome = 'ACCEPTED' ORDER BY id"
    valued = await system.fetch("SELECT audit_id, before, after FROM audit_values")
    before = {row["id"]: row["values_hash"] for row in await system.fetch(query)}
    assert valued
    await end(ask)
    after = {row["id"]: row["values_hash"] for row in await system.fetch(query)}
    for row in valued:
        values = [None if row[name] is None else orjson.loads(row[name]) for name in ("before", "after")]
        told = orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
        assert after[row["audit_id"]] == before[row["audit_id"]] == hashlib.sha256(told).digest()
    ended = await system.fetchval("SELECT values_hash FROM audit WHERE action = 'register:endTrial'")
    assert ended == hashlib.sha256(orjson.dumps([None, None])).digest()


async def test_no_sample_of_names_is_left_where_the_planner_keeps_them(
    ask: Ask, settings: Settings, tried: Province
) -> None:
    owner = await connect(settings)
    await owner.execute("ANALYZE students")
    names = "SELECT count(*) FROM pg_stats WHERE tablename = 'students' AND most_common_vals IS NOT NULL"
    version = await owner.fetchval("SELECT current_setting('server_version_num')::int")
    assert await owner.fetchval(names) > 0
    await end(ask)
    assert (await owner.fetchval(names) == 0) is (version >= 180000)
    await owner.close()


async def test_the_next_import_begins_with_the_first_number_and_old_ids_mean_nobody(
    ask: Ask, desk: Desk, system: asyncpg.Connection, tried: Province
) -> None:
    last, event = (
        await system.fetchval("SELECT max(id) FROM students"),
        await system.fetchval("SELECT max(id) FROM outbox"),
    )
    await end(ask)
    done = await desk.bring(make_row(1))
    assert done["import"]["created"] == 1
    (row,) = await system.fetch("SELECT id, substr(student_number, 12, 7) AS number FROM students")
    assert row["number"] == "5000000"
    assert row["id"] > last
    assert await system.fetchval("SELECT min(id) FROM outbox") > event
    answer = await ask("schoolA1", f'{{ student(id: "student:{tried.ids["a1-1-1"]}") {{ name }} }}')
    assert code_of(answer) == ("NOT_FOUND", "NOT_FOUND")


async def test_a_session_goes_on_and_the_mark_of_the_trial_is_gone(ask: Ask, tried: Province) -> None:
    query = "{ viewer { username onTrial } register { state } }"
    before = (await ask("schoolA1", query))["data"]
    assert (before["viewer"]["onTrial"], before["register"]["state"]) == (True, "TRIAL")
    await end(ask)
    after = (await ask("schoolA1", query))["data"]
    assert after == {"viewer": {"username": "schoolA1", "onTrial": False}, "register": {"state": "LIVE"}}
    campus = "mutation($input: CreateCampusInput!) { createCampus(input: $input) { campus { name } } }"
    answer = await ask("schoolA1", campus, {"input": {"schoolId": f"school:{tried.ids['A1']}", "name": "东校区"}})
    assert answer["data"]["createCampus"]["campus"]["name"] == "东校区"


async def test_everybody_signed_in_hears_whether_the_register_is_on_trial(ask: Ask, tried: Province) -> None:
    query = "{ register { state beganAt endRequestedAt trialEndedAt filesErasedAt } }"
    for caller in ("prov", "teacherA1-1", "auditor", "sysadmin", "dash"):
        told = (await ask(caller, query))["data"]["register"]
        assert told["state"] == "TRIAL", caller
        assert told["endRequestedAt"].endswith("+08:00")
    assert code_of(await ask(None, query)) == ("UNAUTHENTICATED", "UNAUTHENTICATED")


async def test_the_leader_sees_what_will_go_before_it_goes(
    ask: Ask, system: asyncpg.Connection, tried: Province
) -> None:
    query = "{ trialContents { confirm requestedBy requestUntil fileBytes kinds { name title rows } } }"
    found = (await ask("leadProv", query, accept_language="en"))["data"]["trialContents"]
    rows = {kind["name"]: kind["rows"] for kind in found["kinds"]}
    assert rows == {table: await system.fetchval(f"SELECT count(*) FROM {table}") for table in WIPED}
    assert list(rows.values()) == sorted(rows.values(), reverse=True)
    assert int(found["fileBytes"]) == await system.fetchval("SELECT sum(size) FROM files")
    assert (found["confirm"], found["requestedBy"]) == ("山西省", "prov")
    assert "pupils" in {kind["title"] for kind in found["kinds"]}
    chinese = (await ask("prov", query))["data"]["trialContents"]
    assert "学生学籍" in {kind["title"] for kind in chinese["kinds"]}


Refusal = Callable[[Ask, asyncpg.Connection, Province], Awaitable[Any]]


async def _late(ask: Ask, system: asyncpg.Connection, province: Province) -> Any:
    await asked_for(system, province, hours_ago=24.01)
    return await end(ask)


async def _own(ask: Ask, system: asyncpg.Connection, province: Province) -> Any:
    await asked_for(system, province, by="bothProv")
    return await end(ask, "bothProv", hub_role="province_leader")


async def _unasked(ask: Ask, system: asyncpg.Connection, province: Province) -> Any:
    await system.execute("UPDATE register SET requested_by = NULL, requested_at = NULL")
    return await end(ask)


REFUSED: dict[str, tuple[str, str, Refusal]] = {
    "not asked for": ("CONFLICT", "END_NOT_REQUESTED", _unasked),
    "asked for too long ago": ("CONFLICT", "END_NOT_REQUESTED", _late),
    "asked for by the same person": ("FORBIDDEN", "SELF_APPROVAL", _own),
    "wrong name": ("BAD_INPUT", "WRONG_CONFIRMATION", lambda ask, _s, _p: end(ask, confirm="陕西省")),
    "no name": ("BAD_INPUT", "WRONG_CONFIRMATION", lambda ask, _s, _p: end(ask, confirm="")),
    "the administrator": ("FORBIDDEN", "FORBIDDEN", lambda ask, _s, _p: end(ask, "prov2")),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_the_trial_does_not_end_so_and_nothing_changes(
    ask: Ask, system: asyncpg.Connection, tried: Province, case: str
) -> None:
    code, key, refusal = REFUSED[case]
    answer = await refusal(ask, system, tried)
    before = await dump(system, tuple(table for table in EVERYTHING if table != "audit"))
    assert code_of(answer) == (code, key)
    assert await system.fetchval("SELECT state FROM register") == "TRIAL"
    assert await system.fetchval("SELECT count(*) FROM students") == 26
    logged = await system.fetchrow("SELECT action, code, facts FROM audit ORDER BY id DESC LIMIT 1")
    assert (logged["action"], logged["code"]) == ("register:approve", code)
    assert await dump(system, tuple(table for table in EVERYTHING if table != "audit")) == before


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (
            "END_NOT_REQUESTED",
            ("尚无有效的结束试运行申请（申请 24 小时内有效）。", "Nobody has asked for the end of the trial"),
        ),
        (
            "WRONG_CONFIRMATION",
            ("确认文字不正确，未作任何更改。", "The confirmation is not right; nothing was changed."),
        ),
        ("TRIAL_OVER", ("学籍库已正式运行", "The register is in force")),
    ],
)
async def test_a_refusal_is_told_in_both_languages(
    ask: Ask, system: asyncpg.Connection, tried: Province, key: str, said: tuple[str, str]
) -> None:
    if key == "TRIAL_OVER":
        await end(ask)
    if key == "END_NOT_REQUESTED":
        await system.execute("UPDATE register SET requested_by = NULL, requested_at = NULL")
    confirm = "" if key == "WRONG_CONFIRMATION" else "山西省"
    for words, language in zip(said, ("zh", "en"), strict=True):
        answer = await end(ask, confirm=confirm, accept_language=language)
        assert code_of(answer)[1] == key
        assert answer["errors"][0]["message"].startswith(words)


async def test_the_administrator_asks_and_asks_again(ask: Ask, system: asyncpg.Connection, tried: Province) -> None:
    await system.execute("UPDATE register SET requested_by = NULL, requested_at = NULL")
    document = REQUEST_END % STATE
    for caller in ("prov", "prov2"):
        answer = await ask(caller, document, {"input": {}})
        assert answer["data"]["requestEndTrial"]["register"]["endRequestedAt"]
        assert await system.fetchval("SELECT requested_by FROM register") == tried.accounts[caller]
    assert (await ask("prov", document, {"input": {"idempotencyKey": "ask-once-0001"}}))["data"]
    await asked_for(system, tried, hours_ago=1)
    before = await dump(system, EVERYTHING)
    assert (await ask("prov", document, {"input": {"idempotencyKey": "ask-once-0001"}}))["data"]
    assert await dump(system, EVERYTHING) == before, "the same request was done twice"
    events = await system.fetch("SELECT kind FROM outbox WHERE kind LIKE 'TRIAL%'")
    assert [event["kind"] for event in events] == ["TRIAL_END_REQUESTED"] * 3


async def test_a_register_in_force_is_never_wiped(
    ask: Ask, desk: Desk, system: asyncpg.Connection, tried: Province
) -> None:
    await end(ask)
    await desk.bring(make_row(1), make_row(2))
    tables = tuple(table for table in EVERYTHING if table != "audit")
    before = await dump(system, tables)
    assert code_of(await end(ask, "leadProv2")) == ("CONFLICT", "TRIAL_OVER")
    assert code_of(await end(ask, "leadProv2", confirm="x", idempotencyKey="end-again-01")) == (
        "CONFLICT",
        "TRIAL_OVER",
    )
    assert code_of(await ask("prov", REQUEST_END % STATE, {"input": {}})) == ("CONFLICT", "TRIAL_OVER")
    assert await dump(system, tables) == before


async def test_a_confirmation_sent_again_is_answered_and_wipes_nothing(
    ask: Ask, desk: Desk, system: asyncpg.Connection, tried: Province
) -> None:
    first = await end(ask, idempotencyKey="end-the-trial-01")
    await desk.bring(make_row(1))
    before = await dump(system, EVERYTHING)
    assert await end(ask, idempotencyKey="end-the-trial-01") == first
    assert await dump(system, EVERYTHING) == before
    again = await end(ask, confirm="x", idempotencyKey="end-the-trial-01")
    assert code_of(again) == ("CONFLICT", "KEY_REUSED")


async def test_no_way_leads_back_from_force(ask: Ask, settings: Settings, tried: Province) -> None:
    await end(ask)
    owner, system = await connect(settings), await db.door(settings, "hub_system").connect()
    for statement in (
        "UPDATE register SET state = 'TRIAL'",
        "UPDATE register SET requested_at = now() + interval '1 day'",
        "UPDATE register SET files_until = now() + interval '1 day'",
        "DELETE FROM register",
    ):
        with pytest.raises(asyncpg.RaiseError, match="stays in force"):
            await owner.execute(statement)
        with pytest.raises((asyncpg.RaiseError, asyncpg.InsufficientPrivilegeError)):
            await system.execute(statement)
    with pytest.raises(asyncpg.UniqueViolationError):
        await owner.execute("INSERT INTO register (state) VALUES ('TRIAL')")
    assert await owner.fetchval("SELECT state FROM register") == "LIVE"
    await owner.close()
    await system.close()


async def test_the_database_itself_wants_two_people_and_a_trial(
    settings: Settings, system: asyncpg.Connection, tried: Province
) -> None:
    before = await dump(system, EVERYTHING)
    app = await db.door(settings, "hub_app").connect()
    with pytest.raises(asyncpg.RaiseError):
        await app.fetchval("SELECT end_trial($1, now())", tried.accounts["prov"])
    for statement in ("SELECT erase_trial()", "TRUNCATE students CASCADE", "UPDATE register SET state = 'LIVE'"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(statement)
    await system.execute("UPDATE register SET requested_by = NULL, requested_at = NULL")
    with pytest.raises(asyncpg.RaiseError):
        await app.fetchval("SELECT end_trial($1, now())", tried.accounts["leadProv"])
    await asked_for(system, tried)
    await app.close()
    after = await dump(system, EVERYTHING)
    assert after | {"register": before["register"]} == before


async def test_a_new_register_is_on_trial_and_an_old_one_is_in_force_unless_it_holds_a_sample(
    settings: Settings, system: asyncpg.Connection, province: Province, once_more: None
) -> None:
    async def begun() -> str:
        owner = await connect(settings)
        await owner.execute("SET session_replication_role = replica; DELETE FROM register")
        await owner.close()
        await seed.seed(settings)
        found: str = await system.fetchval("SELECT state FROM register")
        return found

    assert await begun() == "TRIAL", "a sample's numbers"
    await system.execute("UPDATE students SET student_number = overlay(student_number PLACING '5' FROM 12 FOR 1)")
    assert await begun() == "LIVE"
    await make_student(system, province, "planted", "A1-1")
    assert await begun() == "TRIAL"
    for table in ("placements", "guardians", "students"):
        await system.execute(f"DELETE FROM {table}")
    assert await begun() == "TRIAL"
    await seed.seed(settings)
    assert await system.fetchval("SELECT count(*) FROM register") == 1
