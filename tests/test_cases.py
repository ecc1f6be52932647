"""Cases: who decides which step, what each refusal is told, deadlines, concurrency, and every course against a model."""

import asyncio
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import clock, workdays
from tests.business import BUSINESS, REGISTER, WHOLE, Counter, make_leaders
from tests.conftest import Ask
from tests.desk import code_of, dump
from tests.province import Province, make_caller, make_student

EVERYTHING = (*BUSINESS, *REGISTER, "outbox", "requests")


@pytest.fixture
async def counter(ask: Ask, province: Province, system: asyncpg.Connection) -> Counter:
    await make_leaders(system, province)
    return Counter(ask, province)


async def refused(system: asyncpg.Connection, asking: Any) -> tuple[str, str]:
    """The code and key of what is refused and changes nothing."""
    before = await dump(system, EVERYTHING)
    answer = await asking
    assert answer["data"] is None, answer
    assert await dump(system, EVERYTHING) == before
    return code_of(answer)


# -- working days ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "count", "last"),
    [
        (date(2013, 9, 27), 10, date(2013, 10, 16)),  # seven days off, a Sunday and a Saturday worked instead
        (date(2026, 11, 24), 10, date(2026, 12, 8)),
        (date(2026, 11, 27), 1, date(2026, 11, 30)),
        (date(2099, 1, 1), 2, date(2099, 1, 5)),  # nothing is announced: Monday to Friday
        (date(2013, 9, 27), 0, date(2013, 9, 27)),
    ],
)
def test_a_deadline_counts_working_days(day: date, count: int, last: date) -> None:
    assert workdays.after(day, count) == last


@given(st.dates(date(2004, 1, 1), date(2040, 1, 1)), st.integers(1, 40))
def test_a_deadline_is_itself_a_working_day_and_never_sooner_than_its_count(day: date, count: int) -> None:
    last = workdays.after(day, count)
    assert workdays.is_working(last)
    assert (last - day).days >= count
    days = [day + timedelta(days=at) for at in range(1, (last - day).days + 1)]
    assert sum(map(workdays.is_working, days)) == count


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


# -- at once --------------------------------------------------------------------------------------------------------


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


# -- every course of a case against a model -------------------------------------------------------------------------

ACTORS = {
    # name: (account, role, sees the case, may ask, may decide, its office in the chain)
    "receiver": ("schoolA2", "school_administrator", True, True, False, None),
    "receiver's leader": ("leaderA2", "school_leader", True, False, True, None),
    "sender's desk": ("schoolA1", "school_administrator", True, False, False, None),
    "sender": ("leaderA1", "school_leader", True, False, True, 0),
    "sender's deputy": ("leaderA1b", "school_leader", True, False, True, 0),
    "county's desk": ("countyA", "county_administrator", True, True, False, None),
    "county": ("leadA", "county_leader", True, False, True, 1),
    "county's deputy": ("leadAb", "county_leader", True, False, True, 1),
    "city": ("leadCity", "city_leader", True, False, True, None),
    "stranger": ("leaderB1", "school_leader", False, False, True, None),
    "two hats, asking": ("both", "school_administrator", True, True, False, None),
    "two hats, sending": ("both", "school_leader", True, False, True, 0),
    "two hats, county": ("both", "county_leader", True, False, True, 1),
}


@dataclass
class Model:
    """A case as it ought to be."""

    state: str = ""
    steps: list[str] = field(default_factory=list)
    asked: str = ""
    decided: set[str] = field(default_factory=set)
    moved: bool = False

    def request(self, actor: str) -> str:
        account, role, _, may_ask, *_ = ACTORS[actor]
        if not may_ask:
            return "FORBIDDEN" if role in ("county_leader", "city_leader") or account == "leaderA2" else "NOT_FOUND"
        if self.moved:
            return "ALREADY_HERE"
        if self.state == "OPEN":
            return "CASE_OPEN"
        self.state, self.steps, self.asked, self.decided = "OPEN", ["CURRENT", "WAITING"], account, set()
        return ""

    def decide(self, actor: str, verdict: str) -> str:
        account, _, sees, _, may_decide, office = ACTORS[actor]
        if not sees or not self.state:
            return "NOT_FOUND"
        if not may_decide:
            return "FORBIDDEN"
        if self.state != "OPEN":
            return "CASE_CLOSED"
        if office is None:
            return "WRONG_OFFICE"
        if account == self.asked:
            return "SELF_APPROVAL"
        if account in self.decided:
            return "ALREADY_DECIDED"
        at = self.steps.index("CURRENT")
        if at != office:
            return "WRONG_STEP"
        self.decided.add(account)
        if verdict == "REFUSE":
            self.steps = [*self.steps[:at], "REFUSED", *["DROPPED"] * (1 - at)]
            self.state = "REFUSED"
        elif at == 0:
            self.steps = ["APPROVED", "CURRENT"]
        else:
            self.steps, self.state, self.moved = ["APPROVED", "APPROVED"], "DONE", True
        return ""

    def withdraw(self, actor: str) -> str:
        account, role, sees, may_ask, *_ = ACTORS[actor]
        if not sees or not self.state:
            return "NOT_FOUND"
        if role != "school_administrator" and not may_ask:
            return "FORBIDDEN"
        if self.state != "OPEN":
            return "CASE_CLOSED"
        if account not in ("schoolA2", "both") and account != self.asked:
            return "WRONG_OFFICE"
        self.state = "WITHDRAWN"
        self.steps = [step if step == "APPROVED" else "DROPPED" for step in self.steps]
        return ""


def make_actor(office: int) -> st.SearchStrategy[str]:
    """Mostly somebody of an office, else anybody, so that cases do come to their end."""
    right = [name for name, facts in ACTORS.items() if facts[5] == office]
    return st.one_of(st.sampled_from(right), st.sampled_from(sorted(ACTORS)))


MOVES = st.one_of(
    st.tuples(st.just("request"), st.one_of(st.just("receiver"), st.sampled_from(sorted(ACTORS))), st.just("")),
    st.tuples(st.just("decide"), make_actor(0), st.sampled_from(["APPROVE", "APPROVE", "REFUSE"])),
    st.tuples(st.just("decide"), make_actor(1), st.sampled_from(["APPROVE", "APPROVE", "REFUSE"])),
    st.tuples(st.just("withdraw"), st.sampled_from(sorted(ACTORS)), st.just("")),
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(moves=st.lists(MOVES, min_size=3, max_size=12))
async def test_every_course_of_a_case_is_the_models(
    counter: Counter, system: asyncpg.Connection, moves: list[tuple[str, str, str]]
) -> None:
    province, model, case = counter.province, Model(), "case:999999999"
    pupil = f"pupil-{len(province.numbers)}"
    student = await make_student(system, province, pupil, "A1-1")
    for move, actor, verdict in moves:
        account, role, *_ = ACTORS[actor]
        if move == "request":
            expected = model.request(actor)
            answer = await counter.request(account, fields="id", role=role, pupil=pupil)
            case = case if "errors" in answer else answer["data"]["requestTransfer"]["case"]["id"]
        elif move == "decide":
            expected = model.decide(actor, verdict)
            answer = await counter.decide(account, case, verdict, role=role)
        else:
            expected = model.withdraw(actor)
            answer = await counter.withdraw(account, case, role=role)
        told = answer["errors"][0]["extensions"]["key"] if "errors" in answer else ""
        assert told == expected, (move, actor, verdict)
        await compare(system, province, student, int(case.split(":")[1]), model)


async def compare(system: asyncpg.Connection, province: Province, student: int, case: int, model: Model) -> None:
    """What the register holds of the case, the pupil and what each side is shown."""
    row = await system.fetchrow("SELECT * FROM cases WHERE id = $1", case)
    assert (row["state"] if row else "") == model.state
    steps = await system.fetch("SELECT state, due, office FROM case_steps WHERE case_id = $1 ORDER BY ordinal", case)
    assert [step["state"] for step in steps] == model.steps
    current = [(step["office"], step["due"]) for step in steps if step["state"] == "CURRENT"]
    assert [(row["waiting_path"], row["due"])] == current if model.state == "OPEN" else not current
    held = await system.fetchval("SELECT count(*) FROM case_subjects WHERE student_id = $1 AND open", student)
    assert held == (model.state == "OPEN")
    views = await system.fetch("SELECT view, office FROM leases WHERE student_id = $1 AND until > now()", student)
    expected = [("PREVIEW", province.paths["A2"])] if model.state == "OPEN" else []
    assert [tuple(view) for view in views] == ([("RECORD", province.paths["A1"])] if model.moved else expected)
    path = await system.fetchval("SELECT path FROM students WHERE id = $1", student)
    assert path == province.paths["A2-1" if model.moved else "A1-1"]
    active = "SELECT count(*) FROM placements WHERE student_id = $1 AND until IS NULL AND voided_at IS NULL"
    assert await system.fetchval(active, student) == 1
