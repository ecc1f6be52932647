"""Every course of a case against a model of it: what each actor is told, and what the register holds then."""

from dataclasses import dataclass, field

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.business import Counter
from tests.province import Province, make_student

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
