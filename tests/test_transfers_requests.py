"""Asking for a transfer: who may, for whom, what is told of a pupil who does not fit, and the same asked again."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from hub import clock
from tests import business
from tests.business import REQUEST, Counter, wanted
from tests.desk import code_of, upload
from tests.province import make_student


async def refused(counter: Counter, system: asyncpg.Connection, caller: str | None = "schoolA2", **given: Any) -> Any:
    """The code and key of a request that is refused and changes nothing."""
    return await business.refused(system, counter.request(caller, fields="id", **given))


@pytest.mark.parametrize(
    ("caller", "code"),
    [
        (None, ("UNAUTHENTICATED", "UNAUTHENTICATED")),
        ("leaderA2", ("FORBIDDEN", "FORBIDDEN")),
        ("reviewerA", ("FORBIDDEN", "FORBIDDEN")),
        ("schoolA1", ("NOT_FOUND", "NOT_FOUND")),
        ("teacherA1-1", ("NOT_FOUND", "NOT_FOUND")),
        ("countyB", ("NOT_FOUND", "NOT_FOUND")),
    ],
)
async def test_only_who_may_start_cases_at_the_school_asks(
    counter: Counter, system: asyncpg.Connection, caller: str | None, code: tuple[str, str]
) -> None:
    assert await refused(counter, system, caller) == code
    looked = "SELECT count(*) FROM audit WHERE action = 'student:confirm'"
    assert await system.fetchval(looked) == 0


async def test_a_school_of_others_and_one_of_nobody_are_answered_alike(
    counter: Counter, http: httpx.AsyncClient, system: asyncpg.Connection
) -> None:
    async def raw(**given: Any) -> bytes:
        body = {"query": REQUEST % "id", "variables": {"input": wanted(counter.province) | given}}
        headers = {"authorization": f"Bearer {counter.province.tokens['schoolA2']}"}
        return (await http.post("/graphql", json=body, headers=headers)).content

    other = await raw(schoolId=f"school:{counter.province.ids['B1']}")
    assert other == await raw(schoolId="school:999999999")
    assert b"NOT_FOUND" in other
    elsewhere = await raw(classId=f"class:{counter.province.ids['A1-1']}")
    assert elsewhere == await raw(classId="class:999999999")
    assert b"NOT_FOUND" in elsewhere
    assert await system.fetchval("SELECT count(*) FROM cases") == 0


@pytest.mark.parametrize(
    "given",
    [
        {"name": "名a1-1-2"},
        {"name": "名"},
        {"name": ""},
        {"studentNumber": "L140105202699999990"},
        {"studentNumber": ""},
        {"studentNumber": None, "idNumber": "140105201503159999"},
    ],
)
async def test_what_does_not_fit_a_pupil_is_answered_alike(
    counter: Counter, system: asyncpg.Connection, given: dict[str, Any]
) -> None:
    assert await refused(counter, system, **given) == ("NOT_FOUND", "PUPIL_NOT_CONFIRMED")
    entry = await system.fetchrow("SELECT * FROM audit WHERE action = 'student:confirm'")
    assert (entry["outcome"], entry["object"], entry["account_id"]) == (
        "REFUSED",
        None,
        counter.province.accounts["schoolA2"],
    )


async def test_a_pupil_is_found_by_identity_number_too_but_not_one_of_two(
    counter: Counter, system: asyncpg.Connection
) -> None:
    province = counter.province
    number = await system.fetchval("SELECT id_number FROM students WHERE id = $1", province.ids["a1-1-1"])
    by_id = {"studentNumber": None, "idNumber": f" {number[:6]} {number[6:]}"}
    assert await refused(counter, system, **by_id, name="名a1-1-2") == ("NOT_FOUND", "PUPIL_NOT_CONFIRMED")
    # A student number is no identity number, though the look-up takes either.
    as_other = {"studentNumber": None, "idNumber": province.numbers["a1-1-1"]}
    assert await refused(counter, system, **as_other) == ("NOT_FOUND", "PUPIL_NOT_CONFIRMED")
    await make_student(system, province, "twin", "B1-1", name="名a1-1-1", id_number=number)
    assert await refused(counter, system, **by_id) == ("NOT_FOUND", "PUPIL_NOT_CONFIRMED")
    await system.execute("UPDATE students SET state = 'DELETED' WHERE id = $1", province.ids["twin"])
    case = (await counter.request(**by_id))["data"]["requestTransfer"]["case"]
    assert case["typedNumber"] == number


@pytest.mark.parametrize("both", [{"idNumber": "140105201503150035"}, {"studentNumber": None}])
async def test_exactly_one_number_is_typed(counter: Counter, system: asyncpg.Connection, both: dict[str, Any]) -> None:
    assert await refused(counter, system, **both) == ("BAD_INPUT", "BAD_ONE_OF")


@pytest.mark.parametrize("given", [{"name": "名" * 101}, {"studentNumber": "L" * 101}, {"reason": "搬" * 501}])
async def test_what_is_typed_has_a_limit(counter: Counter, system: asyncpg.Connection, given: dict[str, Any]) -> None:
    assert await refused(counter, system, **given) == ("BAD_INPUT", "TEXT_TOO_LONG")


async def test_after_twenty_failures_in_an_hour_nobody_is_confirmed(
    counter: Counter, system: asyncpg.Connection
) -> None:
    for _ in range(15):
        await counter.request(fields="id", name="无人")
    rest = await asyncio.gather(*(counter.request(fields="id", name="无人") for _ in range(15)))
    keys = sorted(code_of(answer)[1] for answer in rest)
    assert keys == ["PUPIL_NOT_CONFIRMED"] * 5 + ["RATE_LIMITED"] * 10
    assert await refused(counter, system) == ("RATE_LIMITED", "RATE_LIMITED")
    # Another account is not held back, nor the same one an hour later.
    assert await refused(counter, system, "countyA", name="无人") == ("NOT_FOUND", "PUPIL_NOT_CONFIRMED")
    await system.execute("UPDATE audit SET at = at - interval '61 minutes'")
    assert "errors" not in await counter.request(fields="id")


async def test_the_guards_of_a_transfer(counter: Counter, system: asyncpg.Connection) -> None:
    province = counter.province
    assert await refused(counter, system, pupil="a2-1-1") == ("CONFLICT", "ALREADY_HERE")
    assert await refused(counter, system, pupil="b1-1-1") == ("CONFLICT", "OTHER_COUNTY")
    assert await refused(counter, system, pupil="a1-2-1") == ("CONFLICT", "WRONG_GRADE")
    for state in ("SUSPENDED", "GRADUATED"):
        await system.execute("UPDATE students SET state = $1 WHERE id = $2", state, province.ids["a1-1-2"])
        assert await refused(counter, system, pupil="a1-1-2") == ("CONFLICT", "NOT_IN_SCHOOL")
    await system.execute("UPDATE classes SET closed = $1 WHERE id = $2", clock.today(), province.ids["A2-1"])
    assert await refused(counter, system) == ("CONFLICT", "CLASS_CLOSED")
    await system.execute("UPDATE school_stages SET until = $1", clock.today())
    assert await refused(counter, system) == ("CONFLICT", "OTHER_COUNTY")


async def test_a_combined_class_takes_each_of_its_grades(counter: Counter, system: asyncpg.Connection) -> None:
    province = counter.province
    year = clock.school_year(clock.today())
    await system.executemany(
        "INSERT INTO class_grades (class_id, school_year, grade) VALUES ($1, $2, $3)",
        [(province.ids["A2-1"], year, 1), (province.ids["A2-1"], year, 2), (province.ids["A2-2"], year - 1, 1)],
    )
    await system.execute("UPDATE classes SET combined = true WHERE id = $1", province.ids["A2-1"])
    await counter.arrived(pupil="a1-2-1")
    row = await system.fetchrow("SELECT path, grade FROM students WHERE id = $1", province.ids["a1-2-1"])
    assert tuple(row) == (province.paths["A2-1"], 2)
    # What a class taught in another year does not count.
    assert await refused(counter, system, pupil="a1-1-1", to="A2-2") == ("CONFLICT", "WRONG_GRADE")


async def test_one_open_business_keeps_out_the_next_without_a_word_about_it(
    counter: Counter, system: asyncpg.Connection
) -> None:
    await counter.opened()
    answer = await counter.request("schoolC1", to="C1-1")
    assert code_of(answer) == ("CONFLICT", "CASE_OPEN")
    assert not any(word in str(answer) for word in ("A2", "A1", "case:", "转学"))
    assert await refused(counter, system) == ("CONFLICT", "CASE_OPEN")


async def test_of_two_schools_that_ask_for_one_pupil_at_once_one_has_a_case(
    counter: Counter, system: asyncpg.Connection
) -> None:
    asked = [counter.request(fields="id"), counter.request("schoolC1", fields="id", to="C1-1")] * 1
    asked += [counter.request("schoolC1", fields="id", to="C1-1"), counter.request(fields="id")]
    answers = await asyncio.gather(*asked)
    failed = [code_of(answer) for answer in answers if "errors" in answer]
    assert failed == [("CONFLICT", "CASE_OPEN")] * 3
    assert await system.fetchval("SELECT count(*) FROM cases") == 1
    assert await system.fetchval("SELECT count(*) FROM case_subjects WHERE open") == 1
    assert await system.fetchval("SELECT count(*) FROM leases") == 1


async def test_a_pupil_who_moves_while_a_request_waits_is_not_asked_for_where_it_was(
    counter: Counter, system: asyncpg.Connection
) -> None:
    await counter.opened()
    province = counter.province
    async with system.transaction():
        await system.execute("UPDATE case_subjects SET open = false")
        await system.execute(
            "UPDATE students SET school_id = $1, class_id = $2, path = $3 WHERE id = $4",
            province.ids["A2"],
            province.ids["A2-1"],
            province.paths["A2-1"],
            province.ids["a1-1-1"],
        )
        asking = asyncio.create_task(counter.request("schoolC1", to="C1-1"))
        await asyncio.sleep(0.5)
        assert not asking.done()
    assert code_of(await asking) == ("CONFLICT", "PUPIL_CHANGED")
    assert await system.fetchval("SELECT count(*) FROM cases") == 1


async def test_the_same_request_again_is_the_same_case(counter: Counter, system: asyncpg.Connection) -> None:
    key = {"idempotencyKey": "transfer-0001"}
    first, *others = await asyncio.gather(*(counter.request(**key) for _ in range(5)))
    assert all(answer == first for answer in others)
    assert await system.fetchval("SELECT count(*) FROM cases") == 1
    case = first["data"]["requestTransfer"]["case"]["id"]
    assert await refused(counter, system, **key, reason="换个理由") == ("CONFLICT", "KEY_REUSED")
    await counter.decide("leaderA1", case)
    await counter.decide("leadA", case)
    again = (await counter.request(**key))["data"]["requestTransfer"]["case"]
    assert (again["id"], again["state"]) == (case, "DONE")
    # Even when the pupil would not be confirmed any more.
    await system.execute("UPDATE students SET name = '改名' WHERE id = $1", counter.province.ids["a1-1-1"])
    assert (await counter.request(**key))["data"]["requestTransfer"]["case"]["id"] == case
    # Keys are each account's own.
    assert "errors" not in await counter.request("countyA", **key, pupil="a1-1-2")
    assert await system.fetchval("SELECT count(*) FROM cases") == 2


async def test_the_files_of_a_request_are_ones_own(
    counter: Counter, system: asyncpg.Connection, http: httpx.AsyncClient
) -> None:
    mine = await upload(http, counter.province.tokens["schoolA2"], b"proof", "证明.pdf")
    other = await upload(http, counter.province.tokens["schoolA1"], b"proof", "证明.pdf")
    assert await refused(counter, system, fileIds=[mine, other]) == ("NOT_FOUND", "NOT_FOUND")
    assert await refused(counter, system, fileIds=[mine] * 21) == ("TOO_LARGE", "TOO_MANY_FILES")
    case = await counter.opened(fileIds=[mine, mine])
    rows = await system.fetch("SELECT case_id, file_id FROM case_files")
    assert [(f"case:{row['case_id']}", f"file:{row['file_id']}") for row in rows] == [(case, mine)]


async def test_where_the_chain_wants_evidence_a_request_needs_a_file(
    counter: Counter, system: asyncpg.Connection, http: httpx.AsyncClient
) -> None:
    chain = "UPDATE chains SET evidence = $1 WHERE kind = 'TRANSFER_IN_COUNTY'"
    await system.execute(chain, True)
    try:
        assert await refused(counter, system) == ("BAD_INPUT", "EVIDENCE_REQUIRED")
        mine = await upload(http, counter.province.tokens["schoolA2"], b"proof", "证明.pdf")
        assert await counter.opened(fileIds=[mine])
    finally:
        await system.execute(chain, False)


async def test_a_case_nobody_who_decides_could_see_is_not_opened(counter: Counter, system: asyncpg.Connection) -> None:
    """Both schools hang on the city, their authority is a county: it manages neither."""
    await system.execute("UPDATE schools SET path = '1401.2114000002' WHERE code = '2114000002'")
    await system.execute(
        "UPDATE classes SET path = '1401.2114000002.0000001' WHERE id = $1", counter.province.ids["A2-1"]
    )
    await system.execute("UPDATE grants SET path = '1401.2114000002' WHERE path = '140105.2114000002'")
    assert await refused(counter, system, pupil="c1-1-1") == ("CONFLICT", "OFFICE_OUTSIDE")
