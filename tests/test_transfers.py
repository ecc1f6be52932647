"""Transfer inside a county, from the request to the arrival: what each side sees, what moves, and what stops it."""

import asyncpg
import pytest

from hub import clock, workdays
from tests.business import BUSINESS, REGISTER, WHOLE, Counter
from tests.desk import code_of, dump

RECORD = "query($id: ID!) { student(id: $id) { name idNumber homeAddress guardians { name } } }"
ROLL = "{ students(first: 100) { totalCount nodes { id } } }"


async def roll(counter: Counter, caller: str) -> list[str]:
    answer = await counter.ask(caller, ROLL)
    nodes = answer["data"]["students"]["nodes"]
    assert answer["data"]["students"]["totalCount"] == len(nodes)
    return [node["id"] for node in nodes]


async def heads(counter: Counter, caller: str, code: str) -> int:
    answer = await counter.ask(caller, f'{{ school(code: "{code}") {{ headcounts(groupBy: []) {{ students }} }} }}')
    return sum(row["students"] for row in answer["data"]["school"]["headcounts"])


async def test_a_transfer_from_the_request_to_the_arrival(counter: Counter, system: asyncpg.Connection) -> None:
    province = counter.province
    pupil = province.ids["a1-1-1"]
    due = workdays.after(clock.today(), 10).isoformat()
    case = (await counter.request())["data"]["requestTransfer"]["case"]
    assert (case["kind"], case["state"]) == ("TRANSFER_IN_COUNTY", "OPEN")
    assert (case["school"]["name"], case["otherSchool"], case["waitingOffice"]) == ("A2小学", None, "小店区教育局")
    assert (case["pupilName"], case["typedNumber"]) == ("名a1-1-1", province.numbers["a1-1-1"])
    assert (case["due"], case["closedAt"], case["version"]) == (due, None, 1)
    assert [(step["side"], step["state"], step["due"]) for step in case["steps"]] == [
        ("SENDING_SCHOOL", "CURRENT", due),
        ("AUTHORITY", "WAITING", None),
    ]
    [asked] = case["decisions"]
    assert (asked["verdict"], asked["note"], asked["role"]) == ("REQUEST", "搬家", "school_administrator")

    case = (await counter.decide("leaderA1", case["id"], fields=WHOLE, version=1, note="同意"))["data"]["decideCase"][
        "case"
    ]
    assert (case["state"], case["waitingOffice"], case["due"], case["version"]) == ("OPEN", "小店区教育局", due, 2)
    assert len(await roll(counter, "schoolA1")) == 6

    case = (await counter.decide("leadA", case["id"], fields=WHOLE, version=2))["data"]["decideCase"]["case"]
    assert (case["state"], case["waitingOffice"], case["due"], case["version"]) == ("DONE", None, None, 3)
    assert case["closedAt"]
    assert [step["state"] for step in case["steps"]] == ["APPROVED", "APPROVED"]
    assert [one["role"] for one in case["decisions"]] == ["school_administrator", "school_leader", "county_leader"]

    row = await system.fetchrow("SELECT * FROM students WHERE id = $1", pupil)
    assert (row["path"], row["school_id"], row["class_id"]) == (
        province.paths["A2-1"],
        province.ids["A2"],
        province.ids["A2-1"],
    )
    assert (row["grade"], row["state"], row["version"]) == (1, "IN_SCHOOL", 2)
    placements = await system.fetch("SELECT * FROM placements WHERE student_id = $1 ORDER BY id", pupil)
    assert [(one["path"], one["until"], one["began_by"], one["ended_by"]) for one in placements] == [
        (province.paths["A1-1"], clock.today(), "ENROLMENT", "TRANSFER_IN_COUNTY"),
        (province.paths["A2-1"], None, "TRANSFER_IN_COUNTY", None),
    ]
    assert await system.fetchval("SELECT bool_or(open) FROM case_subjects") is False
    actions = await system.fetch("SELECT action, object, path FROM audit WHERE outcome = 'ACCEPTED' ORDER BY id")
    name = case["id"]
    assert [tuple(one) for one in actions] == [
        ("student:confirm", f"student:{pupil}", province.paths["A2"]),
        ("case:create", name, province.paths["A2"]),
        ("case:approve", name, province.paths["A2"]),
        ("student:transfer", f"student:{pupil}", province.paths["A2-1"]),
        ("case:approve", name, province.paths["A2"]),
    ]
    events = await system.fetch("SELECT kind FROM outbox ORDER BY id")
    assert [one["kind"] for one in events] == ["CASE_OPENED", "CASE_ADVANCED", "STUDENT_TRANSFERRED", "CASE_DONE"]


async def test_rolls_and_counts_move_with_the_pupil_and_only_on_arrival(counter: Counter) -> None:
    before = [await heads(counter, "countyA", code) for code in ("2114000001", "2114000002")]
    case = await counter.opened()
    await counter.decide("leaderA1", case)
    assert [await heads(counter, "countyA", code) for code in ("2114000001", "2114000002")] == before == [6, 6]
    assert len(await roll(counter, "schoolA2")) == 6
    await counter.decide("leadA", case)
    assert [await heads(counter, "countyA", code) for code in ("2114000001", "2114000002")] == [5, 7]
    pupil = f"student:{counter.province.ids['a1-1-1']}"
    assert pupil in await roll(counter, "schoolA2")
    assert pupil not in await roll(counter, "schoolA1")


async def test_after_the_arrival_the_receiver_reads_the_record_and_the_sender_its_tail(
    counter: Counter, system: asyncpg.Connection
) -> None:
    pupil = counter.province.ids["a1-1-1"]
    given = {"id": f"student:{pupil}"}
    assert code_of(await counter.ask("schoolA2", RECORD, given))[0] == "NOT_FOUND"
    case = await counter.arrived()
    whole = (await counter.ask("schoolA2", RECORD, given))["data"]["student"]
    assert len(whole["guardians"]) == 2
    assert whole["idNumber"]
    assert (await counter.ask("schoolA1", RECORD, given))["data"]["student"] == whole
    through = "query($id: ID!) { case(id: $id) { student { name idNumber homeAddress guardians { name } } } }"
    for caller in ("schoolA1", "schoolA2", "countyA"):
        answer = await counter.ask(caller, through, {"id": case})
        assert answer["data"]["case"]["student"] == whole, caller
    assert f"student:{pupil}" not in await roll(counter, "schoolA1")
    for caller in ("teacherA1-1", "schoolB1", "countyB"):
        assert code_of(await counter.ask(caller, RECORD, given))[0] == "NOT_FOUND"
    tail = await system.fetchrow("SELECT *, until - now() AS left FROM leases WHERE view = 'RECORD'")
    assert (tail["office"], tail["reason"], tail["left"].days) == (counter.province.paths["A1"], case, 29)
    await system.execute("UPDATE leases SET until = now() - interval '1 second', since = now() - interval '1 hour'")
    assert code_of(await counter.ask("schoolA1", RECORD, given))[0] == "NOT_FOUND"
    assert (await counter.ask("schoolA1", through, {"id": case}))["data"]["case"]["student"] is None
    assert (await counter.ask("schoolA2", RECORD, given))["data"]["student"] == whole


# -- the arrival ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("UPDATE classes SET closed = current_date WHERE path = '140105.2114000002.0000001'", "CLASS_CLOSED"),
        ("UPDATE students SET grade = 2 WHERE name = '名a1-1-1'", "WRONG_GRADE"),
        ("UPDATE students SET state = 'SUSPENDED' WHERE name = '名a1-1-1'", "PUPIL_CHANGED"),
        ("UPDATE students SET path = '140106.2114000003.0000001' WHERE name = '名a1-1-1'", "PUPIL_CHANGED"),
    ],
)
async def test_what_changed_meanwhile_stops_the_arrival_and_leaves_the_case_open(
    counter: Counter, system: asyncpg.Connection, change: str, key: str
) -> None:
    case = await counter.opened()
    await counter.decide("leaderA1", case)
    await system.execute(change)
    before = await dump(system, (*BUSINESS, *REGISTER, "outbox"))
    assert code_of(await counter.decide("leadA", case)) == ("CONFLICT", key)
    assert await dump(system, (*BUSINESS, *REGISTER, "outbox")) == before
    assert "errors" not in await counter.decide("leadA", case, "REFUSE")
    assert await system.fetchval("SELECT state FROM cases") == "REFUSED"


async def test_a_move_inside_the_sending_school_does_not_hinder_the_arrival(
    counter: Counter, system: asyncpg.Connection
) -> None:
    case = await counter.opened()
    province = counter.province
    await system.execute(
        "UPDATE students SET path = $1, class_id = $2 WHERE id = $3",
        province.paths["A1-2"],
        province.ids["A1-2"],
        province.ids["a1-1-1"],
    )
    await counter.decide("leaderA1", case)
    assert "errors" not in await counter.decide("leadA", case)
    found = await system.fetchval("SELECT path FROM students WHERE id = $1", province.ids["a1-1-1"])
    assert found == province.paths["A2-1"]


@pytest.mark.parametrize(
    ("pupil", "to", "asking", "sending"),
    [("a1-1-1", "C1-1", "schoolC1", "leaderA1"), ("c1-1-1", "A2-1", "schoolA2", "leaderC1")],
)
async def test_the_authority_moves_a_pupil_of_a_school_it_decides_for_but_does_not_manage(
    counter: Counter, system: asyncpg.Connection, pupil: str, to: str, asking: str, sending: str
) -> None:
    """School C1 hangs on the city; county A is its status authority for primary pupils."""
    case = (await counter.request(asking, pupil=pupil, to=to))["data"]["requestTransfer"]["case"]["id"]
    assert "errors" not in await counter.decide(sending, case)
    assert "errors" not in await counter.decide("leadA", case)
    found = await system.fetchval("SELECT path FROM students WHERE id = $1", counter.province.ids[pupil])
    assert found == counter.province.paths[to]
    assert await system.fetchval("SELECT count(*) FROM placements WHERE until IS NULL AND voided_at IS NULL") == 24


async def test_there_and_back_on_one_day_leaves_one_active_placement(
    counter: Counter, system: asyncpg.Connection
) -> None:
    await counter.arrived()
    case = (await counter.request("schoolA1", to="A1-1"))["data"]["requestTransfer"]["case"]["id"]
    assert "errors" not in await counter.decide("leaderA2", case)
    assert "errors" not in await counter.decide("leadA", case)
    rows = await system.fetch(
        "SELECT path, until, voided_at IS NOT NULL AS voided FROM placements WHERE student_id = $1 ORDER BY id",
        counter.province.ids["a1-1-1"],
    )
    assert [(row["path"][-12:], row["until"] is None, row["voided"]) for row in rows] == [
        ("0001.0000001", False, False),
        ("0002.0000001", True, True),
        ("0001.0000001", True, False),
    ]
