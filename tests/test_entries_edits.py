"""Pupils edited one at a time: what is said and nothing else, by the rules, on the newest version, by who may."""

import asyncio
from decimal import Decimal
from typing import Any

import asyncpg
import orjson
import pytest
from starlette.applications import Starlette

import policies
from policies import policy as shipped
from tests.desk import BORN, Desk, code_of, dump, make_id, make_row
from tests.form import FATHER, MOTHER, SCHOOL_YEAR, TABLES, Form, faults_of


async def test_an_edit_changes_what_is_said_and_nothing_else(
    form: Form, system: asyncpg.Connection, pupil: str
) -> None:
    found = form.province.ids[pupil]
    before = dict(await system.fetchrow("SELECT * FROM students WHERE id = $1", found))
    family = await system.fetch("SELECT * FROM guardians WHERE student_id = $1", found)
    answer = await form.update(pupil, phone="０３５１-7654321", email=None, strengths=" ", distanceKm="2.5", version=1)
    assert "errors" not in answer, answer
    shown = answer["data"]["updateStudent"]["student"]
    assert (shown["version"], shown["phone"], shown["email"], shown["strengths"]) == (2, "0351-7654321", None, None)
    after = dict(await system.fetchrow("SELECT * FROM students WHERE id = $1", found))
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {"phone", "email", "strengths", "distance_km", "version", "updated_at"}
    assert after["distance_km"] == Decimal("2.5")
    assert await system.fetch("SELECT * FROM guardians WHERE student_id = $1", found) == family
    entry = await system.fetchrow("SELECT * FROM audit JOIN audit_values ON audit_id = id WHERE outcome = 'ACCEPTED'")
    assert (entry["action"], entry["object"]) == ("student:update", f"student:{found}")
    fields = ["distanceKm", "email", "phone", "strengths"]
    assert orjson.loads(entry["facts"]) == {"version": 2, "fields": fields}
    assert orjson.loads(entry["before"]) | {"distance_km": 1} == {
        "distance_km": 1,
        "email": "a@example.cn",
        "phone": "13800138000",
        "strengths": "书法",
    }
    assert orjson.loads(entry["after"])["phone"] == "0351-7654321"
    event = await system.fetchrow("SELECT kind, object, payload FROM outbox")
    assert (event["kind"], event["object"]) == ("STUDENT_UPDATED", f"student:{found}")


async def test_an_edit_of_what_is_counted_renews_the_version(
    form: Form, system: asyncpg.Connection, pupil: str
) -> None:
    query = "SELECT boarding, migrant, recorded_until IS NULL AS now FROM student_versions WHERE student_id = $1 ORDER BY id"
    assert "errors" not in await form.update(pupil, email="b@example.cn")
    assert len(await system.fetch(query, form.province.ids[pupil])) == 1
    assert "errors" not in await form.update(pupil, attendanceType="2", migrantChild=True)
    rows = await system.fetch(query, form.province.ids[pupil])
    assert [tuple(row) for row in rows] == [(False, False, False), (True, True, True)]


async def test_an_edit_that_says_what_is_known_changes_nothing(
    form: Form, system: asyncpg.Connection, pupil: str
) -> None:
    before = await dump(system, (*TABLES, "audit"))
    same = {"phone": "138 0013 8000", "distanceKm": "1.00", "ethnicGroup": "01", "politicalStatus": None}
    for given in ({}, same, {"guardians": [FATHER]}, {"entryMonth": f"{SCHOOL_YEAR}-09-20"}):
        answer = await form.update(pupil, **given)
        assert answer["data"]["updateStudent"]["student"]["version"] == 1, answer
    assert await dump(system, (*TABLES, "audit")) == before


async def test_the_family_is_replaced_as_a_whole(form: Form, system: asyncpg.Connection, pupil: str) -> None:
    answer = await form.update(pupil, guardians=[FATHER | {"phone": "13900000001"}, MOTHER])
    shown = answer["data"]["updateStudent"]["student"]
    assert [(one["position"], one["name"], one["phone"]) for one in shown["guardians"]] == [
        (1, "王建国", "13900000001"),
        (2, "李梅", "13900000009"),
    ]
    answer = await form.update(pupil, guardians=[FATHER])
    assert [one["name"] for one in answer["data"]["updateStudent"]["student"]["guardians"]] == ["王建国"]
    facts = await system.fetch("SELECT facts FROM audit WHERE outcome = 'ACCEPTED' ORDER BY id")
    assert [orjson.loads(row["facts"]) for row in facts] == [
        {"version": 2, "fields": ["guardians"]},
        {"version": 3, "fields": ["guardians"]},
    ]
    before = await dump(system, TABLES)
    for none in (None, []):
        assert ("guardians[0].name", "REQUIRED") in faults_of(await form.update(pupil, guardians=none))
    assert await dump(system, TABLES) == before


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"phone": None}, [("phone", "REQUIRED")]),
        ({"residenceCode": None}, [("residenceCode", "REQUIRED")]),
        ({"disability": "1"}, [("inclusion", "INCLUSION_DISAGREES")]),
        ({"entryMonth": f"{BORN - 1}-09-01"}, [("entryMonth", "ENTRY_BEFORE_BIRTH")]),
        ({"email": "x", "postCode": "1"}, [("postCode", "BAD_POST_CODE"), ("email", "BAD_EMAIL")]),
        ({"guardians": [FATHER | {"relation": "97"}]}, [("guardians[0].relationNote", "RELATION_NOTE_REQUIRED")]),
    ],
)
async def test_an_edit_is_held_to_the_rules(
    form: Form, system: asyncpg.Connection, pupil: str, given: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    before = await dump(system, TABLES)
    assert faults_of(await form.update(pupil, **given)) == expected
    assert await dump(system, TABLES) == before


async def test_an_old_fault_is_not_held_against_an_edit_of_something_else(
    form: Form, system: asyncpg.Connection, pupil: str
) -> None:
    """A record from before the rules, or with a problem, can still get another phone; what is touched must be right."""
    await system.execute(
        "UPDATE students SET id_number = $2, post_code = 'x' WHERE id = $1",
        form.province.ids[pupil],
        make_id(30, sex="女"),
    )
    answer = await form.update(pupil, phone="13800000009", postCode="x")
    assert faults_of(answer) == [("postCode", "BAD_POST_CODE")]
    answer = await form.update(pupil, phone="13800000009")
    assert answer["data"]["updateStudent"]["student"]["phone"] == "13800000009"


@pytest.mark.parametrize(
    "field",
    [
        *("name", "sex", "birthDate", "idType", "idNumber", "classId", "grade"),
        *("schoolId", "state", "path", "studentNumber", "schoolYear", "createdAt", "isDeleted", "actualSchoolId"),
    ],
)
async def test_what_is_not_on_the_form_cannot_be_sent(
    form: Form, system: asyncpg.Connection, pupil: str, field: str
) -> None:
    before = await dump(system, (*TABLES, "audit"))
    forged = [await form.update(pupil, **{field: "1"})]
    if field in ("schoolId", "state", "path", "studentNumber", "schoolYear", "createdAt", "isDeleted", "grade"):
        forged.append(await form.create(form.pupil(make_row(1), **{field: "1"})))
    for answer in forged:
        assert answer["errors"][0]["extensions"]["code"] == "BAD_INPUT"
        assert field in answer["errors"][0]["message"]
    assert await dump(system, (*TABLES, "audit")) == before


async def test_an_edit_on_an_old_version_is_told_what_changed(
    desk: Desk, form: Form, system: asyncpg.Connection
) -> None:
    made = await form.made(make_row(1))
    form.province.ids["new"] = int(made["student"]["id"].partition(":")[2])
    assert "errors" not in await form.update("new", email="b@example.cn", guardians=[FATHER, MOTHER], version=1)
    await desk.bring(make_row(1, email="b@example.cn", home_address="新址1号"))
    before = await dump(system, TABLES)
    answer = await form.update("new", phone="13800000009", version=1)
    assert code_of(answer) == ("STALE", "STALE")
    told = answer["errors"][0]["extensions"]
    assert (told["changed"], told["version"]) == (["email", "guardians", "homeAddress"], 3)
    answer = await form.update("new", phone="13800000009", version=2)
    assert answer["errors"][0]["extensions"]["changed"] == ["guardians", "homeAddress"]
    assert await dump(system, TABLES) == before
    assert "errors" not in await form.update("new", phone="13800000009", version=3)


async def test_of_ten_edits_on_one_version_one_is_taken(form: Form, system: asyncpg.Connection, pupil: str) -> None:
    answers = await asyncio.gather(*(form.update(pupil, phone=f"1380000010{n}", version=1) for n in range(10)))
    assert sum("errors" not in answer for answer in answers) == 1
    assert {code_of(answer)[0] for answer in answers if "errors" in answer} == {"STALE"}
    assert await system.fetchval("SELECT version FROM students WHERE id = $1", form.province.ids[pupil]) == 2


async def test_an_edit_sent_again_is_done_once(form: Form, system: asyncpg.Connection, pupil: str) -> None:
    given = {"phone": "13800000009", "version": 1, "idempotencyKey": "edit-00001"}
    first = await form.update(pupil, **given)
    assert "errors" not in first
    before = await dump(system, TABLES)
    assert await form.update(pupil, **given) == first
    assert code_of(await form.update(pupil, **given | {"email": None})) == ("CONFLICT", "KEY_REUSED")
    assert await dump(system, TABLES) == before


async def test_a_deleted_record_is_not_edited(form: Form, system: asyncpg.Connection, pupil: str) -> None:
    await system.execute("UPDATE students SET state = 'DELETED' WHERE id = $1", form.province.ids[pupil])
    before = await dump(system, TABLES)
    assert code_of(await form.update(pupil, phone="13800000009")) == ("CONFLICT", "PUPIL_DELETED")
    assert await dump(system, TABLES) == before


@pytest.mark.parametrize(
    ("line", "given", "field"),
    [
        ("student.phone, read, subtree, deny", {"phone": "13800000009"}, "phone"),
        ("student.email, update, subtree, deny", {"email": None}, "email"),
        ("guardian.phone, read, subtree, deny", {"guardians": [FATHER]}, "guardians"),
        ("guardian.post, update, subtree, deny", {"guardians": [FATHER]}, "guardians"),
    ],
)
async def test_nobody_edits_a_field_that_they_may_not_read_or_edit(
    app: Starlette,
    form: Form,
    system: asyncpg.Connection,
    pupil: str,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    given: dict[str, Any],
    field: str,
) -> None:
    text = shipped.SHIPPED.read_text(encoding="utf-8") + f"\np, school_administrator, {line}\n"
    monkeypatch.setattr(app.state.hub.reader, "policy", policies.load(text))
    before = await dump(system, TABLES)
    answer = await form.update(pupil, **given)
    assert code_of(answer) == ("FORBIDDEN", "FIELD_NOT_YOURS")
    assert answer["errors"][0]["extensions"]["field"] == field
    assert await dump(system, TABLES) == before
