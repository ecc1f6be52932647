"""Cases as they are read: from either side, by place, kind, state and turn; what of them is masked for whom."""

from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from starlette.applications import Starlette

from tests.business import WHOLE, Counter
from tests.desk import code_of
from tests.loaders.test_row_security import as_app, caller_of, plan_of, rows_in, secured  # noqa: F401 -- a fixture
from tests.province import COUNTY_A, COUNTY_B, make_caller
from tests.test_reads import make_lease

ONE = f"query($id: ID!) {{ case(id: $id) {{ {WHOLE} }} }}"
ALL = "query($where: CaseFilter, $within: String) { cases(where: $where, within: $within) { totalCount nodes { id } } }"


async def found(counter: Counter, caller: str, within: str | None = None, **where: Any) -> list[str]:
    answer = await counter.ask(caller, ALL, {"where": where, "within": within})
    cases = answer["data"]["cases"]
    assert cases["totalCount"] == len(cases["nodes"])
    return [node["id"] for node in cases["nodes"]]


async def make_cases(counter: Counter) -> dict[str, str]:
    """One case of each course, newest last."""
    made = {"open": await counter.opened()}
    made["half"] = await counter.opened(pupil="a1-1-2")
    await counter.decide("leaderA1", made["half"])
    made["refused"] = await counter.opened(pupil="a1-1-3")
    await counter.decide("leaderA1", made["refused"], "REFUSE")
    made["done"] = await counter.arrived(pupil="a1-2-1", to="A2-2")
    return made


@pytest.mark.parametrize(
    ("caller", "code"),
    [
        (None, ("UNAUTHENTICATED", "UNAUTHENTICATED")),
        ("teacherA1-1", ("FORBIDDEN", "FORBIDDEN")),
        ("dash", ("FORBIDDEN", "FORBIDDEN")),
        ("auditor", ("FORBIDDEN", "FORBIDDEN")),
        ("sysadmin", ("FORBIDDEN", "FORBIDDEN")),
    ],
)
async def test_who_may_not_read_cases_reads_none(counter: Counter, caller: str | None, code: tuple[str, str]) -> None:
    case = await counter.opened()
    assert code_of(await counter.ask(caller, ONE, {"id": case})) == code
    assert code_of(await counter.ask(caller, ALL, {})) == code


async def test_a_case_is_read_from_both_sides_and_from_above_and_by_nobody_else(
    counter: Counter, http: httpx.AsyncClient, system: asyncpg.Connection
) -> None:
    case = await counter.opened()
    for caller in ("schoolA1", "leaderA1", "schoolA2", "leaderA2", "countyA", "leadA", "city", "prov", "reviewerA"):
        assert (await counter.ask(caller, ONE, {"id": case}))["data"]["case"]["id"] == case, caller
        assert await found(counter, caller) == [case], caller
    for caller in ("schoolB1", "leaderB1", "countyB", "leadB", "schoolC1"):

        async def raw(given: str, caller: str = caller) -> bytes:
            body = {"query": ONE, "variables": {"id": given}}
            headers = {"authorization": f"Bearer {counter.province.tokens[caller]}"}
            return (await http.post("/graphql", json=body, headers=headers)).content

        assert await raw(case) == await raw("case:999999999")
        assert b"NOT_FOUND" in await raw(case)
        assert await found(counter, caller) == []


async def test_a_case_across_the_border_is_in_both_counties_lists(counter: Counter, system: asyncpg.Connection) -> None:
    case = (await counter.request("schoolC1", to="C1-1"))["data"]["requestTransfer"]["case"]["id"]
    assert await found(counter, "city", within=COUNTY_A) == [case]
    assert await found(counter, "city", within=COUNTY_B) == []
    assert await found(counter, "city") == [case]
    assert await found(counter, "countyA") == [case]
    assert code_of(await counter.ask("countyA", ALL, {"within": COUNTY_B})) == ("NOT_FOUND", "NOT_FOUND")


async def test_lists_are_narrowed_by_kind_state_and_turn_newest_first(counter: Counter) -> None:
    made = await make_cases(counter)
    newest = list(reversed(made.values()))
    assert await found(counter, "countyA") == newest
    assert await found(counter, "countyA", kind={"eq": "TRANSFER_IN_COUNTY"}) == newest
    assert await found(counter, "countyA", kind={"in": ["PROBLEM_RESOLUTION"]}) == []
    assert await found(counter, "countyA", state={"eq": "OPEN"}) == [made["half"], made["open"]]
    assert await found(counter, "countyA", state={"in": ["DONE", "REFUSED"]}) == [made["done"], made["refused"]]
    assert await found(counter, "countyA", waitingAt=COUNTY_A) == [made["half"]]
    assert await found(counter, "schoolA1", waitingAt="2114000001") == [made["open"]]
    assert await found(counter, "schoolA2", waitingAt="2114000002") == []
    assert await found(counter, "countyA", waitingAt="2114000001", state={"eq": "DONE"}) == []
    for nobody in ("", "14", "9999999999", "'; --"):
        assert await found(counter, "countyA", waitingAt=nobody) == []


async def test_pages_of_cases_follow_each_other(counter: Counter) -> None:
    made = await make_cases(counter)
    query = """query($after: String, $order: [CaseOrder!]) { cases(first: 3, after: $after, orderBy: $order) {
               nodes { id } pageInfo { endCursor hasNextPage } } }"""
    for order, expected in (([{"by": "OPENED_AT"}], list(made.values())), (None, list(reversed(made.values())))):
        first = (await counter.ask("countyA", query, {"order": order}))["data"]["cases"]
        assert first["pageInfo"]["hasNextPage"]
        after = {"order": order, "after": first["pageInfo"]["endCursor"]}
        second = (await counter.ask("countyA", query, after))["data"]["cases"]
        assert [node["id"] for node in first["nodes"] + second["nodes"]] == expected


@pytest.mark.parametrize(
    ("caller", "masked"),
    [("schoolA1", False), ("leaderA2", False), ("countyA", False), ("city", True), ("prov", True), ("reviewerA", True)],
)
async def test_the_number_that_was_typed_is_masked_as_a_student_number_is(
    counter: Counter, caller: str, masked: bool
) -> None:
    case = await counter.opened()
    number = counter.province.numbers["a1-1-1"]
    told = (await counter.ask(caller, ONE, {"id": case}))["data"]["case"]
    assert told["pupilName"] == "名a1-1-1"
    assert told["typedNumber"] == (number[:6] + "*" * 13 if masked else number)
    assert number not in str(told) or not masked


async def test_the_pupil_of_a_case_is_shown_whole_in_scope_and_as_a_card_by_lease(
    counter: Counter, system: asyncpg.Connection
) -> None:
    case = await counter.opened()
    pupil = counter.province.ids["a1-1-1"]
    query = """query($id: ID!) { case(id: $id) { student { id name idNumber phone schoolClass { name grade }
               guardians { name } placements { totalCount } } } }"""

    async def student(caller: str) -> Any:
        return (await counter.ask(caller, query, {"id": case}))["data"]["case"]["student"]

    whole = await student("schoolA1")
    assert whole["idNumber"]
    assert (len(whole["guardians"]), whole["placements"]["totalCount"]) == (2, 1)
    assert (await student("countyA"))["schoolClass"] == {"name": "A1-1班", "grade": 1}
    card = {"id": f"student:{pupil}", "name": "名a1-1-1", "idNumber": None, "phone": None, "schoolClass": None}
    card |= {"guardians": [], "placements": {"totalCount": 0}}
    assert await student("schoolA2") == await student("leaderA2") == card
    await system.execute("UPDATE leases SET until = now(), since = now() - interval '1 day'")
    assert await student("schoolA2") is None
    # One person's preview shows the card, one of the whole record shows all.
    await make_lease(system, pupil, account_id=counter.province.accounts["schoolA2"], view="PREVIEW")
    assert (await student("schoolA2"), await student("leaderA2")) == (card, None)
    await make_lease(system, pupil, account_id=counter.province.accounts["schoolA2"])
    assert await student("schoolA2") == whole | {"schoolClass": {"name": "A1-1班", "grade": None}}


async def test_the_people_who_decided_are_told_by_role_only(counter: Counter) -> None:
    made = await make_cases(counter)
    told = (await counter.ask("schoolA2", ONE, {"id": made["done"]}))["data"]["case"]
    assert [one["role"] for one in told["decisions"]] == ["school_administrator", "school_leader", "county_leader"]
    assert not any(name in str(told) for name in ("leaderA1", "leadA", "schoolA2"))


DOCUMENTS = [
    ONE,
    f"{{ cases(first: 9) {{ totalCount nodes {{ {WHOLE} }} }} }}",
    "{ cases(last: 2) { edges { cursor node { id state } } pageInfo { hasPreviousPage } } }",
    """{ cases(first: 9) { nodes { student { id name idNumber guardians { name } placements { totalCount } }
       otherSchool { code headName } } } }""",
]


@pytest.mark.parametrize("query", DOCUMENTS, ids=range(len(DOCUMENTS)))
async def test_row_security_answers_cases_as_the_compiler_does(
    app: Starlette,
    counter: Counter,
    system: asyncpg.Connection,
    as_app: asyncpg.Connection,  # noqa: F811 -- the fixture
    query: str,
) -> None:
    province = counter.province
    made = await make_cases(counter)
    await counter.request("schoolC1", pupil="a1-2-2", to="C1-2")
    await make_caller(
        system,
        province,
        "two",
        [("school_administrator", province.paths["A1"]), ("school_administrator", province.paths["C1"])],
    )
    given = {"id": made["half"]} if "$id" in query else {}
    answered = 0
    for name in ("prov", "city", "countyA", "countyB", "schoolA1", "schoolA2", "schoolC1", "leadA", "reviewerA", "two"):
        answer = await counter.ask(name, query, given)
        refused = {error["extensions"]["code"] for error in answer.get("errors", [])}
        caller = await caller_of(app, province, name)
        plan, call, key = plan_of(app, caller, query, given)
        told = await secured(as_app, caller, plan, call)
        expected = answer["data"][key]
        assert (None if told is None else orjson.loads(told)) == expected, name
        assert "NOT_FOUND" not in refused or told is None
        answered += expected is not None
        nobody = await secured(as_app, None, plan, call)
        assert nobody is None or not any(rows_in(orjson.loads(nobody))), name
    assert answered
