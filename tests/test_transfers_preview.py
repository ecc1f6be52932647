"""What the receiving school sees of the pupil it asks for: before acceptance nothing that it did not type."""

from datetime import date
from typing import Any

import asyncpg
import httpx
import orjson
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_required_argument
from starlette.applications import Starlette

from tests.business import Counter
from tests.province import Province, make_student

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
