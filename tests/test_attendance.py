"""Marking attendance: who may, what is refused and why, two teachers at once, a morning of many classes."""

import asyncio
from datetime import date, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import event
from starlette.applications import Starlette

from hub import clock, placements
from hub.settings import Settings
from tests.conftest import Ask
from tests.desk import REGISTER, code_of, dump
from tests.province import Province, make_caller, make_student

DAY = """classDay { id day grade expected present absent late onLeave version
    absences { student { id name } kind note day } schoolClass { name } }"""
MARK = f"mutation($input: MarkAttendanceInput!) {{ markAttendance(input: $input) {{ {DAY} }} }}"
MARK_ALL = """mutation($input: MarkAttendancesInput!) { markAttendances(input: $input) {
    results { index id error { code key field message remedy } } } }"""
ATTENDANCE = (*REGISTER, "class_days", "absences")
KINDS = ["ABSENT", "LATE", "SICK_LEAVE", "PERSONAL_LEAVE"]


def today(back: int = 0) -> str:
    return str(clock.today() - timedelta(days=back))


def named(province: Province, **pupils: str) -> list[dict[str, Any]]:
    """Exceptions by short names of pupils: a1_1_1="LATE"."""
    return [
        {"studentId": f"student:{province.ids[short.replace('_', '-')]}", "kind": kind}
        for short, kind in pupils.items()
    ]


def marking(province: Province, school_class: str = "A1-1", day: str = "", **rest: Any) -> dict[str, Any]:
    return {"classId": f"class:{province.ids[school_class]}", "date": day or today(), "exceptions": []} | rest


class Board:
    """Marks days as somebody, through HTTP."""

    def __init__(self, ask: Ask, province: Province) -> None:
        self.ask, self.province = ask, province

    async def answer(self, school_class: str = "A1-1", caller: str | None = "teacherA1-1", **rest: Any) -> Any:
        return await self.ask(caller, MARK, {"input": marking(self.province, school_class, **rest)})

    async def mark(self, *place: str, **rest: Any) -> Any:
        answer = await self.answer(*place, **rest)
        assert "errors" not in answer, answer
        return answer["data"]["markAttendance"]["classDay"]

    async def mark_all(self, *days: dict[str, Any], caller: str = "schoolA1", **rest: Any) -> Any:
        answer = await self.ask(caller, MARK_ALL, {"input": {"days": list(days)} | rest})
        assert "errors" not in answer, answer
        return answer["data"]["markAttendances"]["results"]


@pytest.fixture
def board(ask: Ask, province: Province) -> Board:
    return Board(ask, province)


async def test_everybody_not_named_was_present(board: Board, province: Province, system: asyncpg.Connection) -> None:
    await make_student(system, province, "a1-1-4", "A1-1", state="SUSPENDED")
    exceptions = named(province, a1_1_1="LATE", a1_1_2="SICK_LEAVE")
    exceptions[1]["note"] = " 发烧 "
    day = await board.mark(exceptions=exceptions)
    totals = {"expected": 3, "present": 2, "absent": 0, "late": 1, "onLeave": 1}
    assert {key: day[key] for key in totals} == totals
    assert (day["day"], day["grade"], day["version"], day["schoolClass"]) == (today(), 1, 1, {"name": "A1-1班"})
    assert [(one["student"]["name"], one["kind"], one["note"], one["day"]) for one in day["absences"]] == [
        ("名a1-1-1", "LATE", None, today()),
        ("名a1-1-2", "SICK_LEAVE", "发烧", today()),
    ]


async def test_a_marked_day_leaves_one_entry_one_event_and_the_values_apart(
    board: Board, province: Province, system: asyncpg.Connection
) -> None:
    day = await board.mark(exceptions=named(province, a1_1_1="ABSENT"))
    await board.mark(exceptions=named(province, a1_1_2="LATE"), version=1)
    entries = await system.fetch("SELECT * FROM audit JOIN audit_values ON id = audit_id ORDER BY id")
    assert [(one["action"], one["object"], one["path"], one["outcome"]) for one in entries] == [
        ("attendance:mark", day["id"], province.paths["A1-1"], "ACCEPTED")
    ] * 2
    assert [one["before"] is None for one in entries] == [True, False]
    assert str(province.ids["a1-1-2"]) in entries[1]["after"]
    assert "名" not in str(entries)
    events = await system.fetch("SELECT kind, object, path, payload FROM outbox ORDER BY id")
    assert [(one["kind"], one["object"], one["path"]) for one in events] == [
        ("ATTENDANCE_MARKED", day["id"], province.paths["A1-1"])
    ] * 2
    assert all(f'"{key}": {value}' in events[1]["payload"] for key, value in (("version", 2), ("late", 1)))


@pytest.mark.parametrize(
    ("caller", "school_class", "code"),
    [
        (None, "A1-1", "UNAUTHENTICATED"),
        ("teacherA1-1", "A1-1", None),
        ("teacherA1-1", "A1-2", "NOT_FOUND"),
        ("schoolA1", "A1-2", None),
        ("schoolA1", "B1-1", "NOT_FOUND"),
        ("schoolB1", "A1-1", "NOT_FOUND"),
        ("countyA", "A1-1", "FORBIDDEN"),
        ("prov", "A1-1", "FORBIDDEN"),
        ("leaderA1", "A1-1", "FORBIDDEN"),
        ("reviewerA", "A1-1", "FORBIDDEN"),
        ("dash", "A1-1", "FORBIDDEN"),
        ("auditor", "A1-1", "FORBIDDEN"),
        ("sysadmin", "A1-1", "FORBIDDEN"),
    ],
)
async def test_who_may_mark_which_class(
    board: Board,
    province: Province,
    system: asyncpg.Connection,
    caller: str | None,
    school_class: str,
    code: str | None,
) -> None:
    await make_caller(system, province, "leaderA1", [("school_leader", province.paths["A1"])])
    before = await dump(system, ATTENDANCE)
    answer = await board.answer(school_class, caller)
    results = await board.ask(caller, MARK_ALL, {"input": {"days": [marking(province, school_class, today(1))]}})
    if code is None:
        assert "errors" not in answer
        assert results["data"]["markAttendances"]["results"][0]["error"] is None
        return
    assert code_of(answer)[0] == code
    found = results["data"] and results["data"]["markAttendances"]["results"][0]["error"]
    assert (found["code"] if found else code_of(results)[0]) == code
    assert await dump(system, ATTENDANCE) == before
    assert await system.fetchval("SELECT count(*) FROM outbox") == 0
    refused = await system.fetchval("SELECT count(*) FROM audit WHERE outcome = 'REFUSED' AND code = $1", code)
    assert refused == (0 if caller is None else 2)


@pytest.mark.parametrize("mutation", [MARK, MARK_ALL])
async def test_a_class_out_of_reach_and_an_absent_one_are_the_same_bytes(
    http: httpx.AsyncClient, province: Province, mutation: str
) -> None:
    async def raw(number: int) -> bytes:
        day = marking(province) | {"classId": f"class:{number}"}
        given = {"input": day if mutation is MARK else {"days": [day]}}
        headers = {"authorization": f"Bearer {province.tokens['schoolA1']}"}
        return (await http.post("/graphql", json={"query": mutation, "variables": given}, headers=headers)).content

    assert await raw(province.ids["B1-1"]) == await raw(999_999_999)


async def test_a_class_out_of_reach_does_not_exist_for_the_wrong_role_either(board: Board, province: Province) -> None:
    province.ids["none"] = 999_999_999
    answers = [await board.answer(school_class, "countyB") for school_class in ("A1-1", "none")]
    assert code_of(answers[0]) == ("NOT_FOUND", "NOT_FOUND")
    assert answers[0] == answers[1]
    assert code_of(await board.answer("B1-1", "countyB")) == ("FORBIDDEN", "FORBIDDEN")


async def make_gone(system: asyncpg.Connection, province: Province, short: str, days: int) -> None:
    """The pupil left for B1-1 so many days ago."""
    await system.execute(
        """UPDATE placements SET until = $2, ended_by = 'TRANSFER' WHERE student_id = $1""",
        province.ids[short],
        clock.today() - timedelta(days=days),
    )
    await system.execute(
        "UPDATE students SET school_id = $2, class_id = $3, path = $4 WHERE id = $1",
        province.ids[short],
        province.ids["B1"],
        province.ids["B1-1"],
        province.paths["B1-1"],
    )


REFUSALS: list[tuple[dict[str, Any], str, str]] = [
    ({"day": "TOMORROW"}, "BAD_INPUT", "DAY_IN_FUTURE"),
    ({"day": "LONG_AGO"}, "BAD_INPUT", "DAY_TOO_OLD"),
    ({"exceptions": ["b1-1-1"]}, "BAD_INPUT", "NOT_OF_CLASS"),
    ({"exceptions": ["a1-2-1"]}, "BAD_INPUT", "NOT_OF_CLASS"),
    ({"exceptions": ["nobody"]}, "BAD_INPUT", "NOT_OF_CLASS"),
    ({"exceptions": ["suspended"]}, "BAD_INPUT", "NOT_OF_CLASS"),
    ({"exceptions": ["a1-1-1", "a1-1-1"]}, "BAD_INPUT", "DOUBLE_EXCEPTION"),
    ({"exceptions": ["a1-1-1"] * 201}, "TOO_LARGE", "TOO_MANY_EXCEPTIONS"),
    ({"note": "长" * 201}, "BAD_INPUT", "NOTE_TOO_LONG"),
    ({"school_class": "closed"}, "CONFLICT", "CLASS_CLOSED"),
    ({"version": 7}, "STALE", "STALE"),
]


@pytest.mark.parametrize(("given", "code", "key"), REFUSALS, ids=[f"{at}-{row[2]}" for at, row in enumerate(REFUSALS)])
async def test_what_cannot_be_marked_is_refused_by_its_own_code_and_changes_nothing(
    board: Board, province: Province, system: asyncpg.Connection, given: dict[str, Any], code: str, key: str
) -> None:
    province.ids["nobody"] = 999_999_999
    await make_student(system, province, "suspended", "A1-1", state="SUSPENDED")
    province.ids["closed"] = province.ids["A1-2"]
    await system.execute("UPDATE classes SET closed = current_date WHERE id = $1", province.ids["closed"])
    days = {"TOMORROW": -1, "LONG_AGO": 31}
    exceptions = [
        {"studentId": f"student:{province.ids[short]}", "kind": "ABSENT"} for short in given.get("exceptions", [])
    ]
    if "note" in given:
        exceptions = [named(province, a1_1_1="ABSENT")[0] | {"note": given["note"]}]
    rest: dict[str, Any] = {"exceptions": exceptions, "version": given.get("version")}
    rest["day"] = today(days[given["day"]]) if "day" in given else today()
    before = await dump(system, (*ATTENDANCE, "outbox", "audit_values", "requests"))
    answer = await board.answer(given.get("school_class", "A1-1"), "schoolA1", **rest, idempotencyKey="key-of-this")
    assert code_of(answer) == (code, key)
    [result] = await board.mark_all(marking(province, given.get("school_class", "A1-1"), **rest))
    assert (result["id"], result["error"]["code"], result["error"]["key"]) == (None, code, key)
    assert await dump(system, (*ATTENDANCE, "outbox", "audit_values", "requests")) == before
    refused = await system.fetch("SELECT code, facts->>'key' AS key FROM audit WHERE outcome = 'REFUSED'")
    assert [tuple(row) for row in refused] == [(code, key)] * 2


async def test_a_foreign_and_an_absent_pupil_are_told_the_same(board: Board, province: Province) -> None:
    foreign = await board.answer(exceptions=named(province, a1_1_1="LATE", b1_1_1="LATE"))
    province.ids["nobody"] = 999_999_999
    assert foreign == await board.answer(exceptions=named(province, a1_1_1="LATE", nobody="LATE"))
    assert foreign["errors"][0]["extensions"]["field"] == "exceptions.1.studentId"
    assert "2" in foreign["errors"][0]["message"]


async def test_the_last_and_the_first_day_that_may_be_marked(board: Board) -> None:
    assert (await board.mark(day=today(30)))["expected"] == 3
    assert (await board.mark(day=today()))["expected"] == 3


async def test_a_day_marked_before_wants_the_version_it_was_read_at(
    board: Board, province: Province, system: asyncpg.Connection
) -> None:
    first = await board.mark(exceptions=named(province, a1_1_1="LATE", a1_1_2="ABSENT"))
    before = await dump(system, ("class_days", "absences"))
    for stale in ({}, {"version": 0}, {"version": 2}):
        answer = await board.answer(exceptions=named(province, a1_1_3="ABSENT"), **stale)
        assert code_of(answer) == ("STALE", "STALE")
        assert answer["errors"][0]["extensions"]["version"] == 1
    assert await dump(system, ("class_days", "absences")) == before
    again = await board.mark(exceptions=named(province, a1_1_1="SICK_LEAVE", a1_1_3="LATE"), version=1)
    assert (again["id"], again["version"]) == (first["id"], 2)
    assert [(one["student"]["name"], one["kind"]) for one in again["absences"]] == [
        ("名a1-1-1", "SICK_LEAVE"),
        ("名a1-1-3", "LATE"),
    ]
    assert (again["absent"], again["late"], again["onLeave"]) == (0, 1, 1)
    stale = await board.answer(version=1)
    assert stale["errors"][0]["extensions"]["changed"] == ["absences", "absent", "onLeave"]
    assert (await board.mark(version=2))["absences"] == []


@pytest.mark.parametrize("marked", [False, True])
async def test_of_many_teachers_at_once_one_wins_and_the_others_hear_stale(
    board: Board, province: Province, system: asyncpg.Connection, marked: bool
) -> None:
    pupils = ["a1_1_1", "a1_1_2", "a1_1_3"]
    version = (await board.mark())["version"] if marked else None
    answers = await asyncio.gather(
        *(
            board.answer(
                caller="schoolA1" if at % 2 else "teacherA1-1",
                exceptions=named(province, **{pupils[at % 3]: KINDS[at % 4]}),
                version=version,
            )
            for at in range(12)
        )
    )
    won = [at for at, answer in enumerate(answers) if "errors" not in answer]
    assert [code_of(answer) for at, answer in enumerate(answers) if at not in won] == [("STALE", "STALE")] * 11
    [at] = won
    [row] = await system.fetch("SELECT * FROM class_days")
    [absence] = await system.fetch("SELECT * FROM absences")
    assert row["version"] == (2 if marked else 1)
    assert (absence["student_id"], absence["kind"]) == (
        province.ids[pupils[at % 3].replace("_", "-")],
        KINDS[at % 4],
    )
    assert await system.fetchval("SELECT count(*) FROM outbox") == row["version"]


async def test_a_close_of_the_class_and_a_marking_wait_for_each_other(
    board: Board, province: Province, system: asyncpg.Connection
) -> None:
    async with system.transaction():
        await system.execute("SELECT FROM classes WHERE id = $1 FOR UPDATE", province.ids["A1-1"])
        waiting = asyncio.create_task(board.answer())
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await system.execute("UPDATE classes SET closed = current_date WHERE id = $1", province.ids["A1-1"])
    assert code_of(await waiting) == ("CONFLICT", "CLASS_CLOSED")
    assert await system.fetchval("SELECT count(*) FROM class_days") == 0


async def test_the_same_key_marks_once_and_something_else_under_it_is_refused(
    board: Board, province: Province, system: asyncpg.Connection
) -> None:
    sent = {"exceptions": named(province, a1_1_1="LATE"), "idempotencyKey": "morning-1"}
    first = await board.mark(**sent)
    assert await board.mark(**sent) == first
    answers = await asyncio.gather(*(board.answer(**sent) for _ in range(5)))
    assert all(answer["data"]["markAttendance"]["classDay"] == first for answer in answers)
    other = await board.answer(idempotencyKey="morning-1")
    assert code_of(other) == ("CONFLICT", "KEY_REUSED")
    assert await system.fetchval("SELECT count(*) FROM outbox") == 1
    assert await system.fetchval("SELECT version FROM class_days") == 1


async def test_expected_is_who_was_of_the_class_on_that_day(
    board: Board, province: Province, system: asyncpg.Connection
) -> None:
    since = clock.today() - timedelta(days=3)
    new = await make_student(system, province, "a1-1-4", "A1-1")
    await system.execute("UPDATE placements SET since = $2 WHERE student_id = $1", new, since)
    await make_gone(system, province, "a1-1-2", days=5)
    deleted = await make_student(system, province, "a1-1-5", "A1-1", state="DELETED")
    await system.execute("UPDATE placements SET until = $2 WHERE student_id = $1", deleted, clock.today())
    voided = await make_student(system, province, "a1-1-6", "A1-1")
    await system.execute("UPDATE placements SET voided_at = now() WHERE student_id = $1", voided)
    found = {back: (await board.mark(day=today(back)))["expected"] for back in (6, 5, 4, 3, 0)}
    assert found == {6: 3, 5: 2, 4: 2, 3: 3, 0: 3}


async def test_who_has_left_since_stays_on_the_day_they_were_there(
    board: Board, province: Province, system: asyncpg.Connection
) -> None:
    await board.mark(day=today(6), exceptions=named(province, a1_1_2="SICK_LEAVE"))
    await make_gone(system, province, "a1-1-2", days=5)
    both = named(province, a1_1_1="LATE", a1_1_2="SICK_LEAVE")
    again = await board.mark(day=today(6), exceptions=both, version=1)
    assert (again["expected"], again["present"], again["onLeave"], again["late"]) == (3, 2, 1, 1)
    assert code_of(await board.answer(exceptions=named(province, a1_1_2="LATE"))) == ("BAD_INPUT", "NOT_OF_CLASS")
    assert code_of(await board.answer("B1-1", "schoolB1", day=today(6), exceptions=named(province, a1_1_2="LATE"))) == (
        "BAD_INPUT",
        "NOT_OF_CLASS",
    )


async def test_path_and_grade_of_a_day_are_never_rewritten(
    board: Board, province: Province, system: asyncpg.Connection
) -> None:
    await board.mark(exceptions=named(province, a1_1_1="LATE"))
    await system.execute("UPDATE classes SET grade = 2 WHERE id = $1", province.ids["A1-1"])
    again = await board.mark(exceptions=named(province, a1_1_1="ABSENT"), version=1)
    assert (again["grade"], again["absent"]) == (1, 1)
    assert (await board.mark(day=today(1)))["grade"] == 2


async def test_a_day_marked_where_the_class_was_before_is_not_marked_again(
    board: Board, province: Province, system: asyncpg.Connection
) -> None:
    await board.mark("A1-2", "schoolA1", exceptions=named(province, a1_2_1="LATE"))
    await system.execute("UPDATE class_days SET path = '140106.2114000001.0000002'")
    before = await dump(system, ("class_days", "absences"))
    for version in (None, 1):
        assert code_of(await board.answer("A1-2", "schoolA1", version=version)) == ("STALE", "STALE")
    assert await dump(system, ("class_days", "absences")) == before


async def test_a_pupil_who_moves_class_is_marked_in_the_new_one(
    board: Board, app: Starlette, province: Province, system: asyncpg.Connection
) -> None:
    to = (await system.fetch("SELECT * FROM classes WHERE id = $1", province.ids["A1-2"]))[0]
    async with app.state.hub.reader.database.system.begin() as connection:
        target = type("Class", (), dict(to))
        await placements.move(connection, [province.ids["a1-1-1"]], target, "CLASS_CHANGE", grade=2)
    assert (await board.mark("A1-1", "schoolA1"))["expected"] == 2
    assert (await board.mark("A1-2", "schoolA1", exceptions=named(province, a1_1_1="LATE")))["expected"] == 4
    assert (await board.mark("A1-1", "schoolA1", day=today(1)))["expected"] == 3


async def test_a_school_marks_its_morning_at_once_and_each_day_stands_for_itself(
    board: Board, province: Province, system: asyncpg.Connection
) -> None:
    await board.mark(day=today(1), exceptions=named(province, a1_1_2="LATE"))
    days = [
        marking(province, "A1-1", exceptions=named(province, a1_1_1="LATE")),
        marking(province, "B1-1"),
        marking(province, "A1-2", exceptions=named(province, a1_1_1="LATE")),
        marking(province, "A1-1", today(1)),
        marking(province, "A1-1", today(1), version=1, exceptions=named(province, a1_1_3="ABSENT")),
        marking(province, "A1-1", today(1), version=1),
        marking(province, "A1-2", today(-1)),
        marking(province, "A1-2", today(2)),
    ]
    results = await board.mark_all(*days, idempotencyKey="a whole morning")
    assert [result["index"] for result in results] == list(range(8))
    assert [result["error"] and result["error"]["key"] for result in results] == [
        *(None, "NOT_FOUND", "NOT_OF_CLASS", "STALE", None, "DOUBLE_DAY", "DAY_IN_FUTURE", None)
    ]
    assert [result["id"] is None for result in results] == [result["error"] is not None for result in results]
    rows = await system.fetch("SELECT class_id, version, late, absent FROM class_days ORDER BY day, class_id")
    assert [tuple(row) for row in rows] == [
        (province.ids["A1-2"], 1, 0, 0),
        (province.ids["A1-1"], 2, 0, 1),
        (province.ids["A1-1"], 1, 1, 0),
    ]
    assert await system.fetchval("SELECT count(*) FROM absences") == 2
    assert await system.fetchval("SELECT count(*) FROM outbox") == 4
    assert await system.fetchval("SELECT count(*) FROM audit WHERE outcome = 'REFUSED'") == 5
    assert await board.mark_all(*days, idempotencyKey="a whole morning") == results
    assert await system.fetchval("SELECT count(*) FROM outbox") == 4


async def test_two_mornings_at_once_mark_every_day_once(
    board: Board, province: Province, system: asyncpg.Connection
) -> None:
    days = [marking(province, name, today(back)) for name in ("A1-1", "A1-2") for back in range(25)]
    answers = await asyncio.gather(*(board.mark_all(*(days if at % 2 else days[::-1])) for at in range(6)))
    keys = [result["error"] and result["error"]["key"] for results in answers for result in results]
    assert (keys.count(None), keys.count("STALE")) == (50, 250)
    assert await system.fetchval("SELECT count(*) FROM class_days WHERE version = 1") == 50


async def test_the_same_days_the_other_way_round_never_wait_for_each_other(
    board: Board, province: Province, system: asyncpg.Connection, settings: Settings
) -> None:
    days = [marking(province, "A1-1", today(back)) for back in range(9)]
    watcher = await asyncpg.connect(settings.database_url)
    holder = system.transaction()
    await holder.start()
    await system.execute(
        """INSERT INTO class_days (class_id, day, path, grade, expected, absent, late, on_leave, marked_by)
           SELECT id, $2, path, grade, 1, 0, 0, 0, $3 FROM classes WHERE id = $1""",
        province.ids["A1-1"],
        date.fromisoformat(days[4]["date"]),
        province.accounts["schoolA1"],
    )
    both = asyncio.gather(board.mark_all(*days), board.mark_all(*days[::-1]))
    waiting = 0
    async with asyncio.timeout(20):
        while waiting < 2:
            await asyncio.sleep(0.02)
            waiting = await watcher.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
    await holder.rollback()
    await watcher.close()
    keys = [result["error"] and result["error"]["key"] for results in await both for result in results]
    assert (keys.count(None), keys.count("STALE")) == (9, 9)


async def test_too_many_days_at_once_are_refused_whole(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    answer = await ask("schoolA1", MARK_ALL, {"input": {"days": [marking(province)] * 201}})
    assert code_of(answer) == ("TOO_LARGE", "TOO_MANY_DAYS")
    assert await system.fetchval("SELECT count(*) FROM class_days") == 0
    assert (await ask("schoolA1", MARK_ALL, {"input": {"days": []}}))["data"]["markAttendances"]["results"] == []


async def test_a_write_is_few_statements_however_many_days(board: Board, province: Province, app: Starlette) -> None:
    said: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    engine = app.state.hub.reader.database.app.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await board.mark(exceptions=named(province, a1_1_1="LATE", a1_1_2="ABSENT", a1_1_3="SICK_LEAVE"))
        one = len(said)
        await board.mark_all(
            *(marking(province, name, today(back)) for name in ("A1-1", "A1-2") for back in range(1, 9))
        )
        many = len(said) - one
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert one <= 6
    assert many <= 6
    assert sum("INSERT INTO class_days" in statement for statement in said) == 2


async def test_what_is_typed_is_judged_before_it_is_marked(ask: Ask, province: Province) -> None:
    for wrong in ({"classId": "student:1"}, {"exceptions": [{"studentId": "class:1", "kind": "LATE"}]}):
        answer = await ask("teacherA1-1", MARK, {"input": marking(province) | wrong})
        assert code_of(answer) == ("BAD_INPUT", "BAD_ID")
    for wrong in ({"date": "2026-02-30"}, {"exceptions": [{"studentId": "student:1", "kind": "ILL"}]}, {"path": "14"}):
        answer = await ask("teacherA1-1", MARK, {"input": marking(province) | wrong})
        assert answer["errors"][0]["extensions"]["code"] == "BAD_INPUT"


async def test_a_revoked_grant_marks_nothing(board: Board, province: Province, system: asyncpg.Connection) -> None:
    await board.mark(day=today(1))
    await system.execute("UPDATE grants SET until = now() WHERE account_id = $1", province.accounts["teacherA1-1"])
    answer = await board.answer()
    assert answer["errors"][0]["extensions"]["code"] in ("FORBIDDEN", "UNAUTHENTICATED")
    assert await system.fetchval("SELECT count(*) FROM class_days") == 1
