"""Pupils entered one at a time: where they stand, who is known already, who may enter, twenty at once, once more."""

import asyncio
from datetime import date
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from hub import clock, problems
from tests.desk import BORN, Desk, code_of, counts, dump, make_id, make_nameless, make_row, make_workbook
from tests.form import CREATE, TABLES, UPDATE, Form
from tests.province import make_student

# a new pupil


async def test_a_new_pupil_stands_in_the_class_with_a_number_of_the_county(
    form: Form, system: asyncpg.Connection
) -> None:
    made = await form.made(make_row(1))
    assert made["warnings"] == []
    assert made["student"]["schoolClass"]["id"] == f"class:{form.province.ids['A1-1']}"
    assert made["student"]["studentNumber"].startswith(f"L140105{clock.today().year}")
    without = await form.made(make_nameless(2))
    assert without["student"]["studentNumber"].startswith(f"J140105{clock.today().year}")
    rows = await system.fetch("SELECT action, object, path, facts FROM audit WHERE outcome = 'ACCEPTED' ORDER BY id")
    assert [row["action"] for row in rows] == ["student:create"] * 2
    assert rows[0]["object"] == made["student"]["id"]
    facts = {"version": 1, "fields": [], "studentNumber": made["student"]["studentNumber"]}
    assert orjson.loads(rows[0]["facts"]) == facts
    kept = await system.fetchval("SELECT after FROM audit_values ORDER BY audit_id LIMIT 1")
    assert orjson.loads(kept)["id_number"] == make_id(1)
    told = await system.fetch("SELECT kind, object, payload FROM outbox ORDER BY id")
    assert [(one["kind"], one["object"]) for one in told] == [
        ("STUDENT_CREATED", made["student"]["id"]),
        ("STUDENT_CREATED", without["student"]["id"]),
    ]
    assert make_row(1)["name"] not in str(told)


async def test_a_pupil_registered_elsewhere_is_warned_of_without_a_word_about_where(
    form: Form, system: asyncpg.Connection
) -> None:
    twin = {"name": make_row(1)["name"], "birth_date": date(BORN, 3, 15)}
    await make_student(system, form.province, "b", "B1-1", **twin, id_number=make_id(1))
    await make_student(system, form.province, "c", "B1-2", **twin | {"name": make_nameless(2)["name"]}, id_number=None)
    made = await form.made(make_row(1))
    assert [(one["field"], one["code"]) for one in made["warnings"]] == [
        ("idNumber", "ID_ALREADY_REGISTERED_USE_TRANSFER")
    ]
    other = await form.made(make_nameless(2))
    assert [(one["field"], one["code"]) for one in other["warnings"]] == [("name", "SAME_NAME_SEX_BIRTH")]
    for foreign in ("B1", "140106", "迎泽", form.province.numbers["b"], form.province.numbers["c"], make_id(1)):
        assert foreign not in str(made["warnings"]) + str(other["warnings"])
    problems = await system.fetch("SELECT kind FROM problem_records WHERE student_id = ANY ($1) ORDER BY id", [
        int(each["student"]["id"].partition(":")[2]) for each in (made, other)
    ])  # fmt: skip
    assert [row["kind"] for row in problems] == ["ID_DUPLICATED", "NAME_SEX_BIRTH"]


@pytest.mark.parametrize("known", ["by number", "by person", "in another class"])
async def test_nobody_gets_a_second_record_at_the_school(form: Form, system: asyncpg.Connection, known: str) -> None:
    row = make_nameless(1) if known == "by person" else make_row(1)
    made = await form.made(row)
    before = await dump(system, TABLES)
    again = row | ({"name": "别的名"} if known == "by number" else {})
    place = "A1-2" if known == "in another class" else "A1-1"
    answer = await form.create(form.pupil(again, place))
    assert code_of(answer) == ("CONFLICT", "PUPIL_ON_RECORD")
    assert answer["errors"][0]["extensions"]["student"] == made["student"]["id"]
    assert await dump(system, TABLES) == before


async def test_whose_record_was_deleted_is_entered_anew(form: Form, system: asyncpg.Connection) -> None:
    first = await form.made(make_row(1))
    await system.execute("UPDATE students SET state = 'DELETED' WHERE name = $1", make_row(1)["name"])
    second = await form.made(make_row(1))
    assert first["student"]["id"] != second["student"]["id"]
    states = await system.fetch("SELECT state FROM students WHERE name = $1 ORDER BY id", make_row(1)["name"])
    assert [each["state"] for each in states] == ["DELETED", "IN_SCHOOL"]


async def test_namesakes_with_numbers_of_their_own_are_two_pupils(form: Form) -> None:
    first = await form.made(make_row(1))
    second = await form.made(make_row(2, name=make_row(1)["name"]))
    assert first["student"]["id"] != second["student"]["id"]
    assert second["warnings"] == []


async def test_a_closed_class_and_a_closed_school_get_nobody(form: Form, system: asyncpg.Connection) -> None:
    await system.execute("UPDATE classes SET closed = '2020-01-01' WHERE id = $1", form.province.ids["A1-1"])
    before = await dump(system, TABLES)
    assert code_of(await form.create(form.pupil(make_row(1)))) == ("CONFLICT", "CLASS_CLOSED")
    assert await dump(system, TABLES) == before
    await system.execute("UPDATE schools SET until = '2020-01-01' WHERE id = $1", form.province.ids["A1"])
    before = await dump(system, TABLES)
    assert code_of(await form.create(form.pupil(make_row(1)))) == ("CONFLICT", "SCHOOL_CLOSED")
    assert await dump(system, TABLES) == before


@pytest.mark.parametrize("field", ["createStudent", "updateStudent"])
async def test_what_is_foreign_is_answered_as_what_is_not_there(
    form: Form, http: httpx.AsyncClient, system: asyncpg.Connection, field: str
) -> None:
    before = await dump(system, TABLES)

    async def raw(class_id: int, student_id: int) -> bytes:
        given = form.pupil(make_row(1)) | {"classId": f"class:{class_id}"}
        query = CREATE if field == "createStudent" else UPDATE
        if field == "updateStudent":
            given = {"id": f"student:{student_id}", "phone": "13800000009"}
        headers = {"authorization": f"Bearer {form.province.tokens['schoolA1']}"}
        body = {"query": query, "variables": {"input": given}}
        return (await http.post("/graphql", json=body, headers=headers)).content

    ids = form.province.ids
    foreign = await raw(ids["B1-1"], ids["b1-1-1"])
    assert foreign == await raw(999_999_999, 999_999_999)
    assert orjson.loads(foreign)["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert await dump(system, TABLES) == before


@pytest.mark.parametrize("caller", ["teacherA1-1", "dash", "auditor", "reviewerA", "countyA", "prov", "sysadmin"])
async def test_only_the_school_enters_and_edits(
    form: Form, system: asyncpg.Connection, pupil: str, caller: str
) -> None:
    before = await dump(system, TABLES)
    for answer in (
        await form.create(form.pupil(make_row(1)), caller),
        await form.update(pupil, caller, phone="13800000009"),
    ):
        assert code_of(answer)[0] in ("FORBIDDEN", "NOT_FOUND")
        assert answer["data"] is None
    assert await dump(system, TABLES) == before


# at once, and again


async def test_twenty_entries_of_one_pupil_at_once_make_one(form: Form, system: asyncpg.Connection) -> None:
    for row in (make_row(1), make_nameless(2)):
        answers = await asyncio.gather(*(form.create(form.pupil(row)) for _ in range(20)))
        assert sum("errors" not in answer for answer in answers) == 1
        refused = {code_of(answer) for answer in answers if "errors" in answer}
        assert refused == {("CONFLICT", "PUPIL_ON_RECORD")}
        assert await system.fetchval("SELECT count(*) FROM students WHERE name = $1", row["name"]) == 1
    assert await system.fetchval("SELECT count(*) FROM outbox") == 2


async def test_an_entry_beside_an_import_of_the_same_pupil_makes_one(
    desk: Desk, form: Form, system: asyncpg.Connection
) -> None:
    for start in range(0, 30, 6):
        rows = [make_row(start + n) for n in range(6)]
        entries = [form.create(form.pupil(row)) for row in rows]
        payload, *answers = await asyncio.gather(desk.answer(make_workbook(*rows)), *entries)
        told = payload["data"]["importWorkbook"]["import"]
        made = sum("errors" not in answer for answer in answers)
        assert {code_of(answer)[1] for answer in answers if "errors" in answer} <= {"PUPIL_ON_RECORD"}
        assert (told["state"], told["created"] + told["unchanged"], told["created"] + made) == ("APPLIED", 6, 6)
        names = [row["name"] for row in rows]
        assert await system.fetchval("SELECT count(*) FROM students WHERE name = ANY ($1)", names) == 6


@pytest.mark.parametrize("first", ["the import", "the entry"])
async def test_whoever_comes_second_to_a_pupil_waits_and_sees_the_first(
    desk: Desk, form: Form, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    written, detect = asyncio.Event(), problems.detect

    async def slow(connection: Any, ids: Any, **how: Any) -> None:
        await detect(connection, ids, **how)
        if not written.is_set():
            written.set()
            await asyncio.sleep(0.7)

    monkeypatch.setattr(problems, "detect", slow)
    row = make_row(1)
    deeds = [lambda: desk.answer(make_workbook(row)), lambda: form.create(form.pupil(row))]
    one, other = deeds if first == "the import" else reversed(deeds)
    begun = asyncio.create_task(one())
    await written.wait()
    late, early = await other(), await begun
    assert "errors" not in early
    if first == "the import":
        assert code_of(late) == ("CONFLICT", "PUPIL_ON_RECORD")
    else:
        assert counts(late["data"]["importWorkbook"]) == (1, 0, 0, 1, 0)
    assert await system.fetchval("SELECT count(*) FROM students WHERE name = $1", row["name"]) == 1


async def test_a_retry_answers_as_at_first_and_another_pupil_under_the_key_is_refused(
    form: Form, system: asyncpg.Connection
) -> None:
    await make_student(system, form.province, "b", "B1-1", name="李四", id_number=make_id(1))
    given = form.pupil(make_row(1), idempotencyKey="entry-0001")
    answers = await asyncio.gather(*(form.create(given) for _ in range(5)))
    assert answers[0]["data"]["createStudent"]["warnings"]
    assert answers.count(answers[0]) == 5
    before = await dump(system, TABLES)
    assert await form.create(given) == answers[0]
    answer = await form.create(form.pupil(make_row(2), idempotencyKey="entry-0001"))
    assert code_of(answer) == ("CONFLICT", "KEY_REUSED")
    assert await dump(system, TABLES) == before
    assert make_row(1)["name"] not in str(await system.fetch("SELECT answer::text FROM requests"))
