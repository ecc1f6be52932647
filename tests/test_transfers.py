"""Transfer inside a county: who may ask for whom, what each side sees on the way, what the arrival changes."""

import asyncio
from datetime import date
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_required_argument
from starlette.applications import Starlette

from hub import clock, workdays
from tests.business import BUSINESS, REGISTER, REQUEST, WHOLE, Counter, make_leaders, wanted
from tests.conftest import Ask
from tests.desk import code_of, dump, upload
from tests.province import Province, make_student

RECORD = "query($id: ID!) { student(id: $id) { name idNumber homeAddress guardians { name } } }"
ROLL = "{ students(first: 100) { totalCount nodes { id } } }"


@pytest.fixture
async def counter(ask: Ask, province: Province, system: asyncpg.Connection) -> Counter:
    await make_leaders(system, province)
    return Counter(ask, province)


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


# -- what the receiver must not see ---------------------------------------------------------------------------------

CANARY = "canary"
ODD = {"birth_date": date(2013, 2, 27), "entry_month": date(2019, 3, 1), "distance_km": 77.31}


async def make_canary(system: asyncpg.Connection, province: Province) -> list[str]:
    """A pupil whose every value is its own, and the values of it that nobody typed."""
    columns = await system.fetch(
        """SELECT table_name, column_name FROM information_schema.columns
           WHERE table_schema = 'public' AND table_name IN ('students', 'guardians') AND data_type = 'text'"""
    )
    known = {"name", "name_key", "sex", "state", "path", "student_number"}
    texts = {row["column_name"]: f"{CANARY}-{row['column_name']}" for row in columns if row["table_name"] == "students"}
    mine = {name: value for name, value in texts.items() if name not in known}
    await make_student(system, province, "canary", "A1-1", name="金丝雀", name_key="jin si que", **mine, **ODD)
    family = [row["column_name"] for row in columns if row["table_name"] == "guardians"]
    changes = ", ".join(f"{name} = '{CANARY}-family-{name}'" for name in family)
    await system.execute(f"UPDATE guardians SET {changes} WHERE student_id = $1", province.ids["canary"])
    await system.execute("UPDATE classes SET name = $1 WHERE id = $2", f"{CANARY}-class", province.ids["A1-1"])
    row = await system.fetchrow("SELECT * FROM students WHERE id = $1", province.ids["canary"])
    return [CANARY, "jin si que", "2013-02-27", "2019-03-01", "77.31", row["path"]]


def everything(schema: GraphQLSchema, name: str, depth: int) -> str:
    """A selection of every field of a type that can be asked without arguments, so many edges deep."""
    kind: Any = schema.type_map[name]
    parts = []
    for field, definition in kind.fields.items():
        if any(map(is_required_argument, definition.args.values())):
            continue
        below = get_named_type(definition.type)
        if not isinstance(below, GraphQLObjectType):
            parts.append(field)
        elif depth and (inner := everything(schema, below.name, depth - 1)):
            parts.append(f"{field} {{ {inner} }}")
    return " ".join(parts)


async def count(counter: Counter, caller: str, where: str) -> int:
    answer = await counter.ask(caller, f"{{ cases(where: {{{where}}}) {{ totalCount }} }}")
    found: int = answer["data"]["cases"]["totalCount"]
    return found


async def test_before_acceptance_the_receiver_sees_nothing_it_did_not_type(
    app: Starlette, counter: Counter, system: asyncpg.Connection, http: httpx.AsyncClient
) -> None:
    province = counter.province
    hidden = await make_canary(system, province)
    schema = app.state.hub.schema._schema
    student = everything(schema, "Student", 1)
    whole = everything(schema, "Case", 0) + f" school {{ {everything(schema, 'School', 0)} }}"
    whole += f" otherSchool {{ {everything(schema, 'School', 1)} }} student {{ {student} }}"
    whole += " steps { office side state due decidedAt } decisions { verdict reason note role at }"
    answers: list[Any] = []

    async def look(case: str) -> None:
        pupil = f"student:{province.ids['canary']}"
        by_id = f"query($id: ID!) {{ student(id: $id) {{ {student} }} }}"
        by_number = f"query($id: String!) {{ student(studentNumber: $id) {{ {student} }} }}"
        for caller in ("schoolA2", "leaderA2"):
            answers.append(
                await counter.ask(caller, f"query($id: ID!) {{ case(id: $id) {{ {whole} }} }}", {"id": case})
            )
            answers.append(await counter.ask(caller, f"{{ cases(first: 5) {{ totalCount nodes {{ {whole} }} }} }}"))
            answers.append(await counter.ask(caller, by_id, {"id": pupil}))
            answers.append(await counter.ask(caller, by_number, {"id": province.numbers["canary"]}))
            answers.append(await counter.ask(caller, f"{{ students(first: 200) {{ nodes {{ {student} }} }} }}"))

    first = await counter.request(fields=whole, pupil="canary", name="金丝雀")
    case = first["data"]["requestTransfer"]["case"]["id"]
    # What the receiver is told: that it is this pupil, by the name it typed.
    assert first["data"]["requestTransfer"]["case"]["student"]["name"] == "金丝雀"
    answers += [first, await counter.request(fields=whole, pupil="canary", name="金丝雀")]
    answers.append(await counter.request(fields=whole, pupil="canary", name="金丝"))
    answers.append(await counter.decide("leaderA2", case, fields=whole))
    await look(case)
    for where in ('waitingAt: "2114000001"', 'otherSchool: {code: {eq: "2114000001"}}'):
        assert await count(counter, "schoolA2", where) == 0
        assert await count(counter, "schoolA1", where) == 1
    said = orjson.dumps(answers).decode()
    assert [value for value in ("A1小学", "2114000001") if value in said] == []
    await counter.decide("leaderA1", case)
    await look(case)
    assert answers[-5]["data"]["case"]["otherSchool"]["name"] == "A1小学"
    answers.append(await counter.decide("leaderA2", case, fields=whole))
    answers.append(await counter.withdraw("schoolA2", case, fields=whole))
    await look(case)
    said = orjson.dumps(answers).decode()
    assert "金丝雀" in said
    # Of the case: whose side has its turn, and the county's office, which can be called; not where the pupil is.
    told = first["data"]["requestTransfer"]["case"]
    assert (told["waitingOffice"], told["otherSchool"]) == ("小店区教育局", None)
    assert next((step["side"], step["office"]) for step in told["steps"]) == ("SENDING_SCHOOL", None)
    assert [value for value in hidden if value in said] == []
    # The same questions do find them once the pupil is the receiver's.
    await counter.arrived(pupil="canary", name="金丝雀")
    answers.clear()
    await look(case)
    said = orjson.dumps(answers).decode()
    assert [value for value in hidden if value not in said and value != "jin si que" and "." not in value] == []


async def test_the_preview_ends_with_the_case(counter: Counter, system: asyncpg.Connection) -> None:
    card = "query($id: ID!) { case(id: $id) { student { id name } } }"
    case = await counter.opened()
    lease = await system.fetchrow("SELECT *, until - since AS time FROM leases")
    assert (lease["office"], lease["view"], lease["reason"]) == (counter.province.paths["A2"], "PREVIEW", case)
    assert 180 < lease["time"].days < 186
    shown = await counter.ask("schoolA2", card, {"id": case})
    assert shown["data"]["case"]["student"] == {"id": f"student:{counter.province.ids['a1-1-1']}", "name": "名a1-1-1"}
    await counter.decide("leaderA1", case, "REFUSE")
    assert (await counter.ask("schoolA2", card, {"id": case}))["data"]["case"]["student"] is None
    assert await system.fetchval("SELECT bool_and(until <= now() AND until > since) FROM leases")
    assert (await counter.ask("schoolA1", card, {"id": case}))["data"]["case"]["student"]["name"] == "名a1-1-1"


# -- who may ask, for whom ------------------------------------------------------------------------------------------


async def refused(counter: Counter, system: asyncpg.Connection, caller: str | None = "schoolA2", **given: Any) -> Any:
    """The code and key of a request that is refused and changes nothing."""
    before = await dump(system, (*BUSINESS, *REGISTER, "outbox", "requests"))
    answer = await counter.request(caller, fields="id", **given)
    assert answer["data"] is None
    assert await dump(system, (*BUSINESS, *REGISTER, "outbox", "requests")) == before
    return code_of(answer)


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


async def test_a_case_nobody_who_decides_could_see_is_not_opened(counter: Counter, system: asyncpg.Connection) -> None:
    """Both schools hang on the city, their authority is a county: it manages neither."""
    await system.execute("UPDATE schools SET path = '1401.2114000002' WHERE code = '2114000002'")
    await system.execute(
        "UPDATE classes SET path = '1401.2114000002.0000001' WHERE id = $1", counter.province.ids["A2-1"]
    )
    await system.execute("UPDATE grants SET path = '1401.2114000002' WHERE path = '140105.2114000002'")
    assert await refused(counter, system, pupil="c1-1-1") == ("CONFLICT", "OFFICE_OUTSIDE")


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
