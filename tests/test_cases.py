"""Cases: who decides which step, what each refusal is told, who withdraws, and that the chain of steps is data."""

from datetime import timedelta

import asyncpg
import pytest

from hub import clock, workdays
from tests.business import EVERYTHING, WHOLE, Counter, refused
from tests.desk import code_of, dump
from tests.province import make_caller

# -- who decides ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caller", "code"),
    [
        (None, ("UNAUTHENTICATED", "UNAUTHENTICATED")),
        ("leaderB1", ("NOT_FOUND", "NOT_FOUND")),
        ("schoolB1", ("NOT_FOUND", "NOT_FOUND")),
        ("leadB", ("NOT_FOUND", "NOT_FOUND")),
        ("teacherA1-1", ("NOT_FOUND", "NOT_FOUND")),
        ("auditor", ("FORBIDDEN", "FORBIDDEN")),
        ("schoolA1", ("FORBIDDEN", "FORBIDDEN")),
        ("schoolA2", ("FORBIDDEN", "FORBIDDEN")),
        ("countyA", ("FORBIDDEN", "FORBIDDEN")),
        ("reviewerA", ("FORBIDDEN", "FORBIDDEN")),
        ("leaderA2", ("FORBIDDEN", "WRONG_OFFICE")),
        ("leadCity", ("FORBIDDEN", "WRONG_OFFICE")),
        ("leadA", ("CONFLICT", "WRONG_STEP")),
    ],
)
async def test_the_sending_schools_step_is_decided_by_its_leader_alone(
    counter: Counter, system: asyncpg.Connection, caller: str | None, code: tuple[str, str]
) -> None:
    case = await counter.opened()
    for verdict in ("APPROVE", "REFUSE"):
        assert await refused(system, counter.decide(caller, case, verdict)) == code
    assert "errors" not in await counter.decide("leaderA1", case)


@pytest.mark.parametrize(
    ("caller", "code"),
    [
        ("leaderA1", ("CONFLICT", "ALREADY_DECIDED")),
        ("leaderA1b", ("CONFLICT", "WRONG_STEP")),
        ("leadCity", ("FORBIDDEN", "WRONG_OFFICE")),
    ],
)
async def test_the_authoritys_step_is_decided_by_its_leader_alone(
    counter: Counter, system: asyncpg.Connection, caller: str, code: tuple[str, str]
) -> None:
    case = await counter.opened()
    await counter.decide("leaderA1", case)
    assert await refused(system, counter.decide(caller, case)) == code
    assert "errors" not in await counter.decide("leadA", case)


async def test_a_case_of_others_and_one_of_nobody_are_answered_alike(
    counter: Counter, system: asyncpg.Connection
) -> None:
    case = await counter.opened()
    for asking in (counter.decide, counter.withdraw):
        other = await asking("leaderB1" if asking == counter.decide else "schoolB1", case)
        absent = await asking("leaderB1" if asking == counter.decide else "schoolB1", "case:999999999")
        assert other == absent
        assert code_of(other)[0] == "NOT_FOUND"
    audited = await system.fetch("SELECT action, code FROM audit WHERE outcome = 'REFUSED' ORDER BY id")
    assert [tuple(row) for row in audited] == [("case:approve", "NOT_FOUND")] * 2 + [("case:create", "NOT_FOUND")] * 2


async def test_nobody_decides_what_they_asked_for(counter: Counter, system: asyncpg.Connection) -> None:
    case = (await counter.request("both", role="school_administrator"))["data"]["requestTransfer"]["case"]["id"]
    code = await refused(system, counter.decide("both", case, role="school_leader"))
    assert code == ("FORBIDDEN", "SELF_APPROVAL")
    await counter.decide("leaderA1", case)
    code = await refused(system, counter.decide("both", case, role="county_leader"))
    assert code == ("FORBIDDEN", "SELF_APPROVAL")


async def test_nobody_decides_two_steps_of_one_case(counter: Counter, system: asyncpg.Connection) -> None:
    case = await counter.opened()
    await counter.decide("both", case, role="school_leader")
    code = await refused(system, counter.decide("both", case, role="county_leader"))
    assert code == ("CONFLICT", "ALREADY_DECIDED")
    assert "errors" not in await counter.decide("leadA", case)


async def test_a_grant_that_has_ended_decides_nothing(counter: Counter, system: asyncpg.Connection) -> None:
    """Of a leader of two counties one grant ends: the other alone decides no step of the first."""
    await make_caller(system, counter.province, "two", [("county_leader", "140105"), ("county_leader", "140106")])
    case = await counter.opened()
    await counter.decide("leaderA1", case)
    await system.execute(
        "UPDATE grants SET since = now() - interval '1 hour', until = now() WHERE account_id = $1 AND path = '140105'",
        counter.province.accounts["two"],
    )
    assert (await refused(system, counter.decide("two", case)))[0] == "NOT_FOUND"


async def test_a_refusal_needs_a_reason_and_an_approval_none(counter: Counter, system: asyncpg.Connection) -> None:
    case = await counter.opened()
    assert await refused(system, counter.decide("leaderA1", case, "REFUSE", reason=None)) == (
        "BAD_INPUT",
        "REASON_REQUIRED",
    )
    assert await refused(system, counter.decide("leaderA1", case, reason="OTHER")) == ("BAD_INPUT", "REASON_NOT_WANTED")
    assert await refused(system, counter.decide("leaderA1", case, note="长" * 501)) == ("BAD_INPUT", "NOTE_TOO_LONG")
    told = await counter.decide("leaderA1", case, "REFUSE", fields=WHOLE, reason="CLASS_FULL", note="已满")
    case = told["data"]["decideCase"]["case"]
    assert (case["state"], case["waitingOffice"], case["due"]) == ("REFUSED", None, None)
    assert [step["state"] for step in case["steps"]] == ["REFUSED", "DROPPED"]
    last = case["decisions"][-1]
    assert (last["verdict"], last["reason"], last["note"], last["role"]) == (
        "REFUSE",
        "CLASS_FULL",
        "已满",
        "school_leader",
    )


async def test_a_stale_version_is_refused_and_told_what_changed(counter: Counter, system: asyncpg.Connection) -> None:
    case = await counter.opened()
    await counter.decide("leaderA1", case, version=1)
    before = await dump(system, EVERYTHING)
    answer = await counter.decide("leadA", case, version=1)
    assert code_of(answer) == ("STALE", "STALE")
    assert answer["errors"][0]["extensions"]["version"] == 2
    assert set(answer["errors"][0]["extensions"]["changed"]) == {"state", "waitingOffice", "due", "steps", "decisions"}
    assert await dump(system, EVERYTHING) == before
    assert "errors" not in await counter.decide("leadA", case, version=2)


async def test_a_closed_case_stays_closed(counter: Counter, system: asyncpg.Connection) -> None:
    for end in ("done", "refused", "withdrawn"):
        pupil = {"done": "a1-1-1", "refused": "a1-1-2", "withdrawn": "a1-1-3"}[end]
        case = await counter.opened(pupil=pupil)
        if end == "done":
            await counter.decide("leaderA1", case)
            await counter.decide("leadA", case)
        elif end == "refused":
            await counter.decide("leaderA1", case, "REFUSE")
        else:
            await counter.withdraw("schoolA2", case)
        for asking in (
            counter.decide("leaderA1", case),
            counter.decide("leadA", case),
            counter.decide("leadAb", case, "REFUSE"),
            counter.withdraw("schoolA2", case),
        ):
            assert await refused(system, asking) == ("CONFLICT", "CASE_CLOSED")
    assert await system.fetchval("SELECT count(*) FROM case_subjects WHERE open") == 0


# -- withdrawing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caller", "code"),
    [
        (None, ("UNAUTHENTICATED", "UNAUTHENTICATED")),
        ("leaderA2", ("FORBIDDEN", "FORBIDDEN")),
        ("schoolA1", ("FORBIDDEN", "WRONG_OFFICE")),
        ("countyA", ("FORBIDDEN", "WRONG_OFFICE")),
        ("schoolB1", ("NOT_FOUND", "NOT_FOUND")),
    ],
)
async def test_a_case_is_withdrawn_by_the_office_that_asked(
    counter: Counter, system: asyncpg.Connection, caller: str | None, code: tuple[str, str]
) -> None:
    case = await counter.opened()
    assert await refused(system, counter.withdraw(caller, case)) == code
    assert await refused(system, counter.withdraw("schoolA2", case, version=7)) == ("STALE", "STALE")
    await make_caller(system, counter.province, "schoolA2b", [("school_administrator", counter.province.paths["A2"])])
    told = (await counter.withdraw("schoolA2b", case, fields=WHOLE, version=1))["data"]["withdrawCase"]["case"]
    assert (told["state"], [step["state"] for step in told["steps"]]) == ("WITHDRAWN", ["DROPPED", "DROPPED"])
    assert [one["verdict"] for one in told["decisions"]] == ["REQUEST", "WITHDRAW"]
    assert "errors" not in await counter.request(fields="id")


async def test_who_asked_on_behalf_of_a_school_may_withdraw_it(counter: Counter) -> None:
    case = (await counter.request("countyA"))["data"]["requestTransfer"]["case"]["id"]
    assert "errors" not in await counter.withdraw("countyA", case)


async def test_a_withdrawal_after_the_first_approval_keeps_what_was_decided(counter: Counter) -> None:
    case = await counter.opened()
    await counter.decide("leaderA1", case)
    told = (await counter.withdraw("schoolA2", case, fields=WHOLE))["data"]["withdrawCase"]["case"]
    assert [step["state"] for step in told["steps"]] == ["APPROVED", "DROPPED"]
    assert [one["verdict"] for one in told["decisions"]] == ["REQUEST", "APPROVE", "WITHDRAW"]


# -- the chain is data ----------------------------------------------------------------------------------------------


async def test_the_chain_in_force_when_a_case_opens_is_the_cases_own(
    counter: Counter, system: asyncpg.Connection
) -> None:
    before = await counter.opened()
    today = clock.today()
    chain = await system.fetchval(
        """INSERT INTO chains (kind, source, since, until) VALUES ('TRANSFER_IN_COUNTY', '试行', $1, $2) RETURNING id""",
        today,
        today + timedelta(days=1),
    )
    try:
        await system.executemany(
            "INSERT INTO chain_steps (chain_id, ordinal, side, days) VALUES ($1, $2, $3, $4)",
            [(chain, 1, "AUTHORITY", 3), (chain, 2, "RECEIVING_SCHOOL", 5), (chain, 3, "SENDING_SCHOOL", 2)],
        )
        case = (await counter.request(pupil="a1-1-2"))["data"]["requestTransfer"]["case"]
        assert [(step["side"], step["office"]) for step in case["steps"]] == [
            ("AUTHORITY", "小店区教育局"),
            ("RECEIVING_SCHOOL", "A2小学"),
            ("SENDING_SCHOOL", None),
        ]
        assert case["due"] == workdays.after(today, 3).isoformat()
        case = (await counter.decide("leadA", case["id"], fields=WHOLE))["data"]["decideCase"]["case"]
        assert (case["waitingOffice"], case["due"]) == ("A2小学", workdays.after(today, 5).isoformat())
        await counter.decide("leaderA2", case["id"])
        # The last step is the sending school's: what its leader approves is done at the receiving end too.
        done = await counter.decide("leaderA1", case["id"])
        assert done["data"]["decideCase"]["case"]["state"] == "DONE"
        await counter.decide("leaderA1", before)
        assert (await counter.decide("leadA", before))["data"]["decideCase"]["case"]["state"] == "DONE"
    finally:
        await system.execute("DELETE FROM case_decisions")
        for table in ("case_steps", "case_subjects", "cases"):
            await system.execute(f"DELETE FROM {table}")
        await system.execute("DELETE FROM chain_steps WHERE chain_id = $1", chain)
        await system.execute("DELETE FROM chains WHERE id = $1", chain)


async def test_without_a_chain_in_force_nothing_is_opened(counter: Counter, system: asyncpg.Connection) -> None:
    await system.execute("UPDATE chains SET since = '2999-01-01' WHERE kind = 'TRANSFER_IN_COUNTY'")
    try:
        assert await refused(system, counter.request()) == ("CONFLICT", "NO_CHAIN")
    finally:
        await system.execute("UPDATE chains SET since = '2013-09-01' WHERE kind = 'TRANSFER_IN_COUNTY'")
