"""Cases decided and withdrawn by many at once: one legal state is left, nothing is done twice, nobody locked out."""

import asyncio

import asyncpg

from tests.business import Counter, refused
from tests.desk import code_of


async def test_thirty_decisions_at_once_leave_one_legal_state(counter: Counter, system: asyncpg.Connection) -> None:
    case = await counter.opened()
    deciders = [("leaderA1", "APPROVE"), ("leaderA1b", "REFUSE"), ("leadA", "APPROVE")]
    answers = await asyncio.gather(*(counter.decide(who, case, verdict) for who, verdict in deciders * 10))
    keys = [code_of(answer)[1] for answer in answers if "errors" in answer]
    accepted = len(answers) - len(keys)
    assert set(keys) <= {"ALREADY_DECIDED", "WRONG_STEP", "CASE_CLOSED"}
    states = [row["state"] for row in await system.fetch("SELECT state FROM case_steps ORDER BY ordinal")]
    state = await system.fetchval("SELECT state FROM cases")
    assert (state, states) in [
        ("OPEN", ["APPROVED", "CURRENT"]),
        ("DONE", ["APPROVED", "APPROVED"]),
        ("REFUSED", ["REFUSED", "DROPPED"]),
    ]
    assert accepted == {"OPEN": 1, "DONE": 2, "REFUSED": 1}[state]
    assert await system.fetchval("SELECT count(*) FROM case_decisions WHERE verdict <> 'REQUEST'") == accepted
    assert await system.fetchval("SELECT count(*) FROM outbox") == accepted + 1 + (state == "DONE")


async def test_fifty_final_approvals_at_once_move_the_pupil_once(counter: Counter, system: asyncpg.Connection) -> None:
    case = await counter.opened()
    await counter.decide("leaderA1", case)
    answers = await asyncio.gather(*(counter.decide(("leadA", "leadAb")[at % 2], case) for at in range(50)))
    assert [code_of(answer)[1] for answer in answers if "errors" in answer] == ["CASE_CLOSED"] * 49
    pupil = counter.province.ids["a1-1-1"]
    assert await system.fetchval("SELECT count(*) FROM placements WHERE student_id = $1", pupil) == 2
    assert await system.fetchval("SELECT version FROM students WHERE id = $1", pupil) == 2
    assert await system.fetchval("SELECT count(*) FROM audit WHERE action = 'student:transfer'") == 1


async def test_of_a_last_approval_and_a_withdrawal_at_once_one_wins(
    counter: Counter, system: asyncpg.Connection
) -> None:
    for pupil in ("a1-1-1", "a1-1-2", "a1-1-3"):
        case = await counter.opened(pupil=pupil)
        await counter.decide("leaderA1", case)
        answers = await asyncio.gather(counter.decide("leadA", case), counter.withdraw("schoolA2", case))
        [lost] = [code_of(answer)[1] for answer in answers if "errors" in answer]
        assert lost == "CASE_CLOSED"
        state = await system.fetchval("SELECT state FROM cases WHERE id = $1", int(case.split(":")[1]))
        path = await system.fetchval("SELECT path FROM students WHERE id = $1", counter.province.ids[pupil])
        assert (state, path) in [
            ("DONE", counter.province.paths["A2-1"]),
            ("WITHDRAWN", counter.province.paths["A1-1"]),
        ]


async def test_crossing_transfers_of_many_pupils_do_not_lock_each_other_out(
    counter: Counter, system: asyncpg.Connection
) -> None:
    cases = []
    for pupil, to, asking, sending in (
        ("a1-1-1", "A2-1", "schoolA2", "leaderA1"),
        ("a1-1-2", "A2-1", "schoolA2", "leaderA1"),
        ("a1-2-1", "A2-2", "schoolA2", "leaderA1"),
        ("a2-1-1", "A1-1", "schoolA1", "leaderA2"),
        ("a2-1-2", "A1-1", "schoolA1", "leaderA2"),
        ("a2-2-1", "A1-2", "schoolA1", "leaderA2"),
    ):
        case = (await counter.request(asking, pupil=pupil, to=to))["data"]["requestTransfer"]["case"]["id"]
        await counter.decide(sending, case)
        cases.append(case)
    answers = await asyncio.gather(*(counter.decide("leadA", case) for case in cases))
    assert [answer for answer in answers if "errors" in answer] == []
    assert await system.fetchval("SELECT count(*) FROM students WHERE path LIKE '140105.2114000001.%'") == 6


async def test_the_same_decision_again_is_answered_as_the_first(counter: Counter, system: asyncpg.Connection) -> None:
    case = await counter.opened()
    key = {"idempotencyKey": "decision-0001"}
    first, *others = await asyncio.gather(*(counter.decide("leaderA1", case, **key) for _ in range(5)))
    assert "errors" not in first
    assert all(answer == first for answer in others)
    code = await refused(system, counter.decide("leaderA1", case, "REFUSE", **key))
    assert code == ("CONFLICT", "KEY_REUSED")
    withdrawal = {"idempotencyKey": "withdrawal-01"}
    first = await counter.withdraw("schoolA2", case, **withdrawal)
    assert await counter.withdraw("schoolA2", case, **withdrawal) == first
    assert await system.fetchval("SELECT count(*) FROM case_decisions") == 3
