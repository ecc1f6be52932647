"""Every edge of the graph, walked by a school: whatever lies behind it, no pupil but the school's own is named."""

import re
from collections import deque
from collections.abc import Iterator
from datetime import date
from typing import Any

import asyncpg
import pytest
from graphql import GraphQLField, GraphQLObjectType, build_schema, get_named_type, is_required_argument

from schema.root import SDL
from tests.conftest import Ask
from tests.province import Province, make_day, make_student

GRAPH = build_schema(SDL.read_text("utf-8"))
PUPIL = "Student"


def edges(kind: str) -> Iterator[tuple[str, str, str]]:
    """The edges of a type that need no argument: name, the type they lead to, and the selection around it."""
    found = GRAPH.type_map[kind]
    assert isinstance(found, GraphQLObjectType)
    for name, field in found.fields.items():
        target = get_named_type(field.type)
        if any(map(is_required_argument, field.args.values())) or not isinstance(target, GraphQLObjectType):
            continue
        if target.name.endswith("Connection"):
            node = get_named_type(target.fields["nodes"].type)
            yield name, node.name, f"{name}({_few(field)}) {{ nodes {{ %s }} }}".replace("()", "")
        else:
            yield name, target.name, f"{name} {{ %s }}"


def _few(field: GraphQLField) -> str:
    return "first: 5" if "first" in field.args else ""


def ways(start: str) -> dict[str, list[str]]:
    """The shortest way from a type to every other, as selections one inside the other."""
    found: dict[str, list[str]] = {start: []}
    waiting = deque([start])
    while waiting:
        kind = waiting.popleft()
        for _, target, around in edges(kind):
            if target not in found:
                found[target] = [*found[kind], around]
                waiting.append(target)
    return found


def walks() -> Iterator[Any]:
    """A query for every edge that a pupil leads to: there, over the edge, and on to pupils."""
    for kind, there in ways(PUPIL).items():
        for name, target, around in edges(kind):
            on = ways(target).get(PUPIL)
            if on is None:
                continue
            selection = "__typename id name"
            for outer in reversed([*there, around, *on]):
                selection = outer % selection
            yield pytest.param(f"query($id: ID!) {{ student(id: $id) {{ {selection} }} }}", id=f"{kind}.{name}")


WALKS = list(walks())
FINDS_ITS_OWN = {"Student.school", "School.classes", "School.managedBy", "Region.schools", "ClassDay.absences"}


def test_the_walks_cover_the_graph() -> None:
    names = {walk.id for walk in WALKS}
    assert names > FINDS_ITS_OWN
    assert len(names) > 25


@pytest.mark.parametrize("query", WALKS)
async def test_no_edge_leads_a_school_to_a_foreign_pupil(
    ask: Ask, province: Province, system: asyncpg.Connection, query: str, request: pytest.FixtureRequest
) -> None:
    pupil = await make_student(system, province, "a1-1-9", "A1-1", actual_school_id=province.ids["B1"])
    await system.execute("UPDATE placements SET since = '2025-09-01' WHERE student_id = $1", pupil)
    await system.execute(
        """INSERT INTO placements (student_id, school_id, class_id, path, grade, school_year, since, until, began_by)
           VALUES ($1, $2, $3, $4, 1, 2024, '2024-09-01', '2025-09-01', 'ENROLMENT')""",
        *(pupil, province.ids["B1"], province.ids["B1-1"], province.paths["B1-1"]),
    )
    await make_day(system, province, "A1-1", date(2026, 3, 2), a1_1_9="ABSENT")
    await make_day(system, province, "B1-1", date(2026, 3, 2), b1_1_1="ABSENT")
    await system.execute("UPDATE students SET id_number = NULL, sex = 'MALE', birth_date = '2019-03-15'")
    await system.execute("SELECT detect_problems((SELECT array_agg(id) FROM students), '{}')")
    answer = await ask("schoolA1", query, {"id": f"student:{pupil}"})
    assert {error["extensions"]["code"] for error in answer.get("errors", [])} <= {"FORBIDDEN", "FORBIDDEN_FIELD"}
    named = re.findall(r"名([a-c]\d)-\d-\d", str(answer["data"]))
    assert set(named) <= {"a1"}
    own = {f"student:{key}" for short, key in province.ids.items() if re.fullmatch(r"a1-\d-\d", short)}
    told = set(re.findall(r"'__typename': 'Student', 'id': '(student:\d+)'", str(answer["data"])))
    assert told <= own | {f"student:{pupil}"}
    assert told or request.node.callspec.id not in FINDS_ITS_OWN
