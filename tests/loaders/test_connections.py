"""Connections and counts against a slow oracle: plain SELECTs, and the rest in Python."""

import base64
from collections import Counter
from typing import Any

import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.terms import EnrolmentState
from tests.conftest import Ask
from tests.province import Province, make_student

MODERATE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ROOTS = {
    "prov": "14",
    "city": "1401",
    "countyA": "140105",
    "countyB": "140106",
    "schoolA1": "140105.2114000001",
    "teacherA1-1": "140105.2114000001.0000001",
}
# Each edge: how it is reached, its rows in order, and the field that is paged.
EDGES = {
    "students": ("{ %s }", "SELECT id, path, state FROM students ORDER BY path, id", "student"),
    "schoolClasses": ("{ %s }", "SELECT id, path FROM classes ORDER BY path, id", "class"),
    "schools": ("{ %s }", "SELECT id, path FROM schools ORDER BY path, id", "school"),
    "classes": (
        '{ school(code: "2114000001") { %s } }',
        "SELECT id, path FROM classes WHERE path LIKE '140105.2114000001%' ORDER BY grade, number, id",
        "class",
    ),
    "children": (
        '{ region(code: "1401") { %s } }',
        "SELECT id, path FROM places WHERE level = 'COUNTY' ORDER BY code, id",
        "region",
    ),
    "region.schools": (
        '{ region(code: "140105") { %s } }',
        "SELECT id, path FROM schools WHERE path LIKE '140105%' ORDER BY path, id",
        "school",
    ),
    "class.students": (
        '{ school(code: "2114000001") { classes(first: 1) { nodes { %s } } } }',
        "SELECT id, path FROM students WHERE path = '140105.2114000001.0000001' ORDER BY name_key, id",
        "student",
    ),
}
WHO = {
    "students": list(ROOTS),
    "schoolClasses": list(ROOTS),
    "schools": ["prov", "city", "countyA", "countyB", "schoolA1"],
    "classes": ["prov", "city", "countyA", "schoolA1"],
    "children": ["prov", "city"],
    "region.schools": ["prov", "city", "countyA"],
    "class.students": ["prov", "city", "countyA", "schoolA1"],
}
PAGE = "totalCount nodes { id } edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"


def unwrap(data: Any, field: str) -> Any:
    """The only connection of this name in an answer."""
    while field not in data:
        data = next(iter(data.values())) if isinstance(data, dict) else data[0]
    return data[field]


@pytest.fixture
async def odd(system: asyncpg.Connection, province: Province) -> None:
    """Pupils of one sort key, and of keys that sort apart in C and in a language."""
    for at, key in enumerate(["same", "same", "same", "Z", "z", "é", "中", ""]):
        await make_student(system, province, f"a1-1-odd{at}", "A1-1", name_key=key)


@st.composite
def paged(draw: st.DrawFn) -> tuple[str, str, int, bool]:
    edge = draw(st.sampled_from(sorted(EDGES)))
    return edge, draw(st.sampled_from(WHO[edge])), draw(st.integers(0, 7)), draw(st.booleans())


@MODERATE
@given(drawn=paged())
async def test_pages_put_together_are_the_whole_list(
    ask: Ask, odd: None, system: asyncpg.Connection, drawn: tuple[str, str, int, bool]
) -> None:
    edge, caller, size, backward = drawn
    outer, query, kind = EDGES[edge]
    field = edge.rpartition(".")[2]
    rows = await system.fetch(query)
    expected = [f"{kind}:{row['id']}" for row in rows if row["path"].startswith(ROOTS[caller])]
    name, edge_name = ("last", "before") if backward else ("first", "after")
    document = "query($size: Int, $at: String) " + outer % f"{field}({name}: $size, {edge_name}: $at) {{ {PAGE} }}"
    found: list[str] = []
    at: str | None = None
    for _ in range(len(expected) + 2):
        page = unwrap((await ask(caller, document, {"size": size, "at": at}))["data"], field)
        ids = [node["id"] for node in page["nodes"]]
        cursors = [each["cursor"] for each in page["edges"]]
        assert page["totalCount"] == len(expected)
        assert ids == [each["node"]["id"] for each in page["edges"]]
        assert len(ids) == min(size, len(expected) - len(found))
        found = ids + found if backward else found + ids
        more, earlier = len(found) < len(expected), at is not None
        assert page["pageInfo"] == {
            "hasNextPage": earlier if backward else more,
            "hasPreviousPage": more if backward else earlier,
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        }
        if not more or size == 0:
            break
        at = cursors[0] if backward else cursors[-1]
    assert found == (expected if size else [])


COUNTED = {
    "14": "region(code: $place)",
    "140105": "region(code: $place)",
    "140106": "region(code: $place)",
    "140105.2114000001": "school(code: $place)",
    "1401.3414000007": "school(code: $place)",
}


@pytest.fixture
async def mixed(system: asyncpg.Connection, province: Province) -> None:
    """Pupils of every state, in three schools."""
    for at, state in enumerate([*EnrolmentState, EnrolmentState.SUSPENDED]):
        room = ("A1-1", "C1-2", "B1-1")[at % 3]
        await make_student(
            system, province, f"{room.lower()}-x{at}", room, state=state.value, sex="MALE" if at % 2 else "FEMALE"
        )


@MODERATE
@given(
    place=st.sampled_from(sorted(COUNTED)),
    caller=st.sampled_from(["prov", "dash"]),
    by=st.sampled_from(["MANAGEMENT", "TERRITORY"]),
    groups=st.lists(st.sampled_from(["GRADE", "SEX", "STATE"]), unique=True),
    states=st.lists(st.sampled_from([state.value for state in EnrolmentState]), max_size=4),
)
async def test_headcounts_are_what_counting_the_rows_gives(
    ask: Ask,
    mixed: None,
    system: asyncpg.Connection,
    place: str,
    caller: str,
    by: str,
    groups: list[str],
    states: list[str],
) -> None:
    query = f"""query($place: String!, $by: CountBy!, $groups: [CountDimension!]!, $states: [EnrolmentState!]!) {{
        {COUNTED[place]} {{ headcounts(by: $by, groupBy: $groups, states: $states) {{ grade sex state students }} }} }}"""
    code = place.rpartition(".")[2]
    answer = await ask(caller, query, {"place": code, "by": by, "groups": groups, "states": states})
    counts = next(iter(answer["data"].values()))["headcounts"]
    rows = await system.fetch(
        """SELECT students.path, territory, students.grade, sex, state
           FROM students JOIN schools ON schools.id = school_id"""
    )
    ground = "territory" if by == "TERRITORY" and "." not in place else "path"
    kept = [row for row in rows if row[ground].startswith(place) and row["state"] in states]
    expected = Counter(tuple(row[group.lower()] for group in groups) for row in kept)
    if not groups:
        expected.setdefault((), 0)
    found = {tuple(row[group.lower()] for group in groups): row["students"] for row in counts}
    assert found == dict(expected)
    assert len(counts) == len(found)
    unasked = {"grade", "sex", "state"} - {group.lower() for group in groups}
    assert all(row[name] is None for row in counts for name in unasked)


async def test_a_total_is_one_row_whatever_is_asked_of_it(ask: Ask) -> None:
    query = '{ region(code: "140105") { headcounts(groupBy: []) { __typename grade } } }'
    assert (await ask("countyA", query))["data"]["region"]["headcounts"] == [{"__typename": "Headcount", "grade": None}]


@pytest.mark.parametrize("part", ["totalCount", "__typename", "pageInfo { __typename }", "edges { __typename }"])
async def test_a_part_of_a_connection_answers_alone(ask: Ask, part: str) -> None:
    for states in ("[DEAD]", "[IN_SCHOOL]"):
        inner = f"students(where: {{state: {{in: {states}}}}}) {{ {part} }}"
        answer = await ask("countyA", f"{{ {inner} schools {{ nodes {{ {inner} classes {{ {part} }} }} }} }}")
        assert "errors" not in answer
        assert answer["data"]["students"] is not None
        assert all(school["students"] is not None for school in answer["data"]["schools"]["nodes"])


def forged(cursor: str, *keys: Any) -> str:
    """The same caller's and field's cursor with other keys."""
    tie, *_ = orjson.loads(base64.b64decode(cursor))
    return base64.b64encode(orjson.dumps([tie, *keys])).decode()


async def keys_of(ask: Ask, caller: str, document: str, at: str) -> list[str]:
    answer = await ask(caller, document, {"at": at})
    return [error["extensions"]["key"] for error in answer.get("errors", [])]


async def test_a_cursor_is_good_for_its_caller_and_field_only(ask: Ask, system: asyncpg.Connection) -> None:
    query = "query($at: String) { students(first: 1, after: $at) { nodes { id } pageInfo { endCursor } } }"
    cursor = (await ask("schoolA1", query))["data"]["students"]["pageInfo"]["endCursor"]
    assert await keys_of(ask, "schoolA1", query, cursor) == []
    for other in ("prov", "schoolA2", "teacherA1-1"):
        assert await keys_of(ask, other, query, cursor) == ["BAD_CURSOR"]
    for field in ("schools", "schoolClasses", "regions"):
        document = query.replace("students", field)
        assert await keys_of(ask, "schoolA1", document, cursor) == ["BAD_CURSOR"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda cursor: cursor[:-3],
        lambda cursor: cursor[4:],
        lambda _: "",
        lambda _: "not base64 中",
        lambda _: base64.b64encode(b"{}").decode(),
        lambda _: base64.b64encode(b"[]").decode(),
        lambda _: base64.b64encode(b"[" * 2000).decode(),
        forged,
        lambda cursor: forged(cursor, "140105", 1, 1),
        lambda cursor: forged(cursor, 1, "140105"),
        lambda cursor: forged(cursor, "140105", True),
        lambda cursor: forged(cursor, "140105", None),
        lambda cursor: forged(cursor, "140105", 1.5),
        lambda cursor: forged(cursor, "140105", 2**63),
        lambda cursor: forged(cursor, "14\0", 1),
        lambda cursor: forged(cursor, ["14"], 1),
    ],
)
async def test_a_damaged_cursor_is_refused(ask: Ask, damage: Any) -> None:
    forward = "query($at: String) { students(first: 1, after: $at) { nodes { id } pageInfo { endCursor } } }"
    backward = "query($at: String) { students(last: 1, before: $at) { nodes { id } } }"
    cursor = damage((await ask("schoolA1", forward))["data"]["students"]["pageInfo"]["endCursor"])
    assert await keys_of(ask, "schoolA1", forward, cursor) == ["BAD_CURSOR"]
    assert await keys_of(ask, "schoolA1", backward, cursor) == ["BAD_CURSOR"]


async def test_a_cursor_with_a_grade_out_of_range_is_refused(ask: Ask) -> None:
    query = """query($at: String) { school(code: "2114000001") { classes(first: 1, after: $at) {
        nodes { id } pageInfo { endCursor } } } }"""
    page = (await ask("schoolA1", query))["data"]["school"]["classes"]
    for grade in (32_768, -32_769, 2**62):
        cursor = forged(page["pageInfo"]["endCursor"], grade, "0000001", 1)
        assert await keys_of(ask, "schoolA1", query, cursor) == ["BAD_CURSOR"]


async def test_a_forged_cursor_reaches_nothing_out_of_scope(ask: Ask) -> None:
    query = "query($at: String) { students(first: 99, after: $at) { nodes { name } pageInfo { endCursor } } }"
    page = (await ask("schoolA1", query))["data"]["students"]
    cursor = forged(page["pageInfo"]["endCursor"], "", 0)
    assert (await ask("schoolA1", query, {"at": cursor}))["data"]["students"]["nodes"] == page["nodes"]


@pytest.mark.parametrize(
    ("sizes", "key"),
    [
        ("first: -1", "BAD_PAGE_SIZE"),
        ("last: -1", "BAD_PAGE_SIZE"),
        ("first: 201", "BAD_PAGE_SIZE"),
        ("last: 2147483647", "BAD_PAGE_SIZE"),
        ("first: 1, last: 1", "BAD_PAGE_ARGUMENTS"),
        ('first: 1, before: "x"', "BAD_PAGE_ARGUMENTS"),
        ('last: 1, after: "x"', "BAD_PAGE_ARGUMENTS"),
        ('before: "x"', "BAD_PAGE_ARGUMENTS"),
        ('before: ""', "BAD_PAGE_ARGUMENTS"),
        ('last: 1, after: ""', "BAD_PAGE_ARGUMENTS"),
        ("first: 2147483648", "BAD_DOCUMENT"),
    ],
)
async def test_bad_page_sizes_are_refused(ask: Ask, sizes: str, key: str) -> None:
    for query in (
        f"{{ students({sizes}) {{ totalCount }} }}",
        f"{{ schools {{ nodes {{ classes({sizes}) {{ nodes {{ id }} }} }} }} }}",
    ):
        answer = await ask("schoolA1", query)
        assert [error["extensions"]["key"] for error in answer["errors"]] == [key]
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_INPUT"}


async def test_a_page_may_be_as_large_as_the_limit_and_as_small_as_nothing(ask: Ask) -> None:
    answer = await ask(
        "schoolA1", "{ a: students(first: 200) { nodes { id } } b: students(first: 0) { nodes { id } } }"
    )
    assert (len(answer["data"]["a"]["nodes"]), answer["data"]["b"]["nodes"]) == (6, [])
