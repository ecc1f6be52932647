"""Reading attendance: days, absences and unmarked classes by who may see them; counts against a slow oracle."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import clock
from tests.conftest import Ask
from tests.province import SCHOOLS, Province, make_caller, make_day

MODERATE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FIRST = date(2026, 3, 2)
COUNT = "{ classDays expected present absent late onLeave rate unmarkedClasses }"
CLASSES = [f"{school}-{number}" for school in SCHOOLS for number in (1, 2)]
EVERYWHERE = f"""query($since: Date, $until: Date) {{
  regions {{ nodes {{ code attendance(since: $since, until: $until) {COUNT} }} }}
  schools {{ nodes {{ code attendance(since: $since, until: $until) {COUNT} }} }}
  schoolClasses {{ nodes {{ name attendance(since: $since, until: $until) {COUNT} }} }} }}"""


def day(at: int) -> date:
    return FIRST + timedelta(days=at)


@st.composite
def class_days(draw: st.DrawFn) -> dict[tuple[str, int], tuple[int, int, int, int]]:
    """What classes had marked on some of six days: expected, absent, late, on leave."""
    found = {}
    for key in draw(st.sets(st.tuples(st.sampled_from(CLASSES), st.integers(0, 5)), max_size=20)):
        absent, late, leave = draw(st.tuples(*[st.integers(0, 4)] * 3))
        found[key] = (absent + late + leave + draw(st.integers(0, 40)), absent, late, leave)
    return found


def counted(
    marked: dict[tuple[str, int], tuple[int, int, int, int]], paths: dict[str, str], place: str, since: int, until: int
) -> dict[str, Any]:
    """The obvious count: look at every class-day in turn."""
    rows = [row for (name, at), row in marked.items() if paths[name].startswith(place) and since <= at <= until]
    expected, absent, late, leave = (sum(row[at] for row in rows) for at in range(4))
    present = expected - absent - leave
    rate = (Decimal(present) / expected).quantize(Decimal("0.0001"), ROUND_HALF_UP) if expected else None
    return {
        "classDays": len(rows),
        "expected": expected,
        "present": present,
        "absent": absent,
        "late": late,
        "onLeave": leave,
        "rate": None if rate is None else str(rate),
        "unmarkedClasses": sum(
            paths[name].startswith(place) and (name, until) not in marked for name in CLASSES if name != "B1-2"
        ),
    }


@MODERATE
@given(class_days(), st.tuples(st.integers(0, 5), st.integers(0, 5)).map(sorted))
async def test_counts_are_what_looking_at_every_day_finds(
    ask: Ask, province: Province, system: asyncpg.Connection, marked: Any, period: list[int]
) -> None:
    await system.execute("DELETE FROM class_days")
    await system.execute("UPDATE classes SET closed = '2026-01-31' WHERE id = $1", province.ids["B1-2"])
    await system.executemany(
        """INSERT INTO class_days (class_id, day, path, grade, expected, absent, late, on_leave, marked_by)
           SELECT id, $2, path, grade, $3, $4, $5, $6, $7 FROM classes WHERE id = $1""",
        [(province.ids[name], day(at), *row, province.accounts["prov"]) for (name, at), row in marked.items()],
    )
    given = {"since": str(day(period[0])), "until": str(day(period[1]))}
    for caller in ("prov", "countyA"):
        answer = await ask(caller, EVERYWHERE, given)
        assert "errors" not in answer
        found = {
            node.get("code") or node["name"].removesuffix("班"): node["attendance"]
            for kind in ("regions", "schools", "schoolClasses")
            for node in answer["data"][kind]["nodes"]
        }
        places = {**province.paths, **{code: province.paths[short] for short, (_, code) in SCHOOLS.items()}}
        assert len(found) == (4 + 4 + 8 if caller == "prov" else 1 + 2 + 4)
        for place, count in found.items():
            assert count == counted(marked, province.paths, places[place], *period), place


async def test_the_period_is_today_unless_told(ask: Ask, province: Province, system: asyncpg.Connection) -> None:
    today = clock.today()
    for back, expected in ((0, 3), (1, 5), (2, 7)):
        await make_day(system, province, "A1-1", today - timedelta(days=back), expected)
    query = """query($back: Date) { school(code: "2114000001") { today: attendance { classDays expected rate }
        since: attendance(since: $back) { expected } until: attendance(until: $back) { expected } } }"""
    answer = await ask("schoolA1", query, {"back": str(today - timedelta(days=1))})
    assert answer["data"]["school"] == {
        "today": {"classDays": 1, "expected": 3, "rate": "1.0000"},
        "since": {"expected": 8},
        "until": {"expected": 5},
    }
    crossed = await ask("schoolA1", query, {"back": str(today + timedelta(days=1))})
    assert [error["extensions"]["key"] for error in crossed["errors"]] == ["BAD_PERIOD"]


async def test_a_count_of_one_thing_or_of_nothing_is_still_a_count(ask: Ask, province: Province) -> None:
    query = """{ region(code: "14") { a: attendance { __typename } b: attendance { unmarkedClasses }
                 c: attendance { rate expected x: expected } } }"""
    assert (await ask("prov", query))["data"]["region"] == {
        "a": {"__typename": "AttendanceCount"},
        "b": {"unmarkedClasses": 8},
        "c": {"rate": None, "expected": 0, "x": 0},
    }


async def test_a_day_counts_where_its_class_was(ask: Ask, province: Province, system: asyncpg.Connection) -> None:
    await make_day(system, province, "A1-1", FIRST, a1_1_1="LATE")
    moved = "140106.2114000001.0000001"
    await system.execute("UPDATE classes SET path = $2 WHERE id = $1", province.ids["A1-1"], moved)
    query = '{ regions { nodes { code attendance(until: "2026-03-02") { classDays } } } }'
    nodes = (await ask("prov", query))["data"]["regions"]["nodes"]
    assert {node["code"]: node["attendance"]["classDays"] for node in nodes} == {
        "14": 1,
        "1401": 1,
        "140105": 1,
        "140106": 0,
    }


ROWS = """{ schoolClasses { nodes { name days { totalCount nodes {
    day expected present version absences { kind note student { name } } } } } } }"""


@pytest.mark.parametrize(
    ("caller", "seen", "counts"),
    [
        ("teacherA1-1", 1, 1),
        ("schoolA1", 2, 2),
        ("leaderA1", 2, 2),
        ("countyA", None, 2),
        ("prov", None, 3),
        ("dash", None, 3),
        ("reviewerA", None, None),
    ],
)
async def test_rows_are_for_the_school_and_counts_for_those_above(
    ask: Ask, province: Province, system: asyncpg.Connection, caller: str, seen: int | None, counts: int | None
) -> None:
    await make_caller(system, province, "leaderA1", [("school_leader", province.paths["A1"])])
    for name, pupil in (("A1-1", "a1_1_1"), ("A1-2", "a1_2_1"), ("B1-1", "b1_1_1")):
        await make_day(system, province, name, FIRST, **{pupil: "ABSENT"})
    answer = await ask(caller, ROWS)
    if seen is None:
        assert {error["extensions"]["code"] for error in answer["errors"]} <= {"FORBIDDEN", "FORBIDDEN_FIELD"}
        assert "注" not in str(answer)
    else:
        days = [row for node in answer["data"]["schoolClasses"]["nodes"] for row in node["days"]["nodes"]]
        assert (len(days), str(answer).count("注a1_")) == (seen, seen)
        assert days[0] == {
            "day": str(FIRST),
            "expected": 3,
            "present": 2,
            "version": 1,
            "absences": [{"kind": "ABSENT", "note": "注a1_1_1", "student": {"name": "名a1-1-1"}}],
        }
    where = "schoolClasses" if caller.startswith("teacher") else "schools"
    answer = await ask(caller, f'{{ {where} {{ nodes {{ attendance(until: "2026-03-02") {{ classDays }} }} }} }}')
    found = [node["attendance"] for node in answer["data"][where]["nodes"]]
    if counts is None:
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"FORBIDDEN_FIELD"}
        assert not any(found)
    else:
        assert sum(count["classDays"] for count in found) == counts


async def test_the_card_of_a_place_above_tells_no_count(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    await make_day(system, province, "A1-1", clock.today())
    query = '{ school(code: "2114000001") { managedBy { code attendance { expected } } attendance { expected } } }'
    assert (await ask("schoolA1", query))["data"]["school"] == {
        "managedBy": {"code": "140105", "attendance": None},
        "attendance": {"expected": 3},
    }


async def test_the_days_of_a_class_page_from_one_day_to_another(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    for at in (3, 0, 4, 1, 2):
        await make_day(system, province, "A1-1", day(at))
    query = """query($after: String, $before: String, $first: Int, $last: Int) { schoolClasses { nodes {
        days(where: {day: {gte: "2026-03-03", lte: "2026-03-06"}}, first: $first, after: $after, last: $last, before: $before) {
        totalCount nodes { day } pageInfo { endCursor startCursor hasNextPage hasPreviousPage } } } } }"""

    async def page(**given: Any) -> Any:
        answer = await ask("teacherA1-1", query, given)
        assert "errors" not in answer, answer
        return answer["data"]["schoolClasses"]["nodes"][0]["days"]

    first = await page(first=3)
    assert ([node["day"] for node in first["nodes"]], first["totalCount"]) == ([str(day(at)) for at in (1, 2, 3)], 4)
    rest = await page(first=3, after=first["pageInfo"]["endCursor"])
    assert ([node["day"] for node in rest["nodes"]], rest["pageInfo"]["hasNextPage"]) == ([str(day(4))], False)
    back = await page(last=2, before=rest["pageInfo"]["startCursor"])
    assert [node["day"] for node in back["nodes"]] == [str(day(2)), str(day(3))]


@pytest.mark.parametrize("key", ['"2026-13-01"', '"today"', "5", "null", '"2026-03-02\\u0000"'])
async def test_a_cursor_that_holds_no_day_is_refused(
    ask: Ask, province: Province, system: asyncpg.Connection, key: str
) -> None:
    await make_day(system, province, "A1-1", FIRST)
    query = "query($after: String) { schoolClasses { nodes { days(after: $after) { pageInfo { endCursor } } } } }"
    answer = await ask("teacherA1-1", query)
    sound = answer["data"]["schoolClasses"]["nodes"][0]["days"]["pageInfo"]["endCursor"]
    text = await system.fetchval("SELECT convert_from(decode($1, 'base64'), 'UTF8')", sound)
    assert '"2026-03-02"' in text
    forged = await system.fetchval("SELECT encode(convert_to($1, 'UTF8'), 'base64')", text.replace('"2026-03-02"', key))
    answer = await ask("teacherA1-1", query, {"after": forged.replace("\n", "")})
    assert [error["extensions"]["key"] for error in answer["errors"]] == ["BAD_CURSOR"]


async def test_a_pupils_absences_follow_the_pupil(ask: Ask, province: Province, system: asyncpg.Connection) -> None:
    pupil = province.ids["a1-1-1"]
    await make_day(system, province, "A1-1", day(1), a1_1_1="LATE")
    await make_day(system, province, "A1-1", day(0), a1_1_1="ABSENT", a1_1_2="LATE")
    await system.execute(
        "UPDATE students SET school_id = $2, class_id = $3, path = $4 WHERE id = $1",
        pupil,
        province.ids["A2"],
        province.ids["A2-1"],
        province.paths["A2-1"],
    )
    await make_day(system, province, "A2-1", day(2), a1_1_1="SICK_LEAVE")
    query = "query($id: ID!) { student(id: $id) { absences { totalCount nodes { day kind } } } }"
    answer = await ask("schoolA2", query, {"id": f"student:{pupil}"})
    assert answer["data"]["student"]["absences"] == {
        "totalCount": 3,
        "nodes": [
            {"day": str(day(0)), "kind": "ABSENT"},
            {"day": str(day(1)), "kind": "LATE"},
            {"day": str(day(2)), "kind": "SICK_LEAVE"},
        ],
    }
    assert (await ask("schoolA1", query, {"id": f"student:{pupil}"}))["data"]["student"] is None
    days = await ask("schoolA1", '{ school(code: "2114000001") { classes(first: 1) { nodes { days { nodes { absences {'
                     " student { id name grade } } } } } } } }")  # fmt: skip
    [klass] = days["data"]["school"]["classes"]["nodes"]
    assert klass["days"]["nodes"][1]["absences"] == [
        {"student": {"id": f"student:{pupil}", "name": "名a1-1-1", "grade": None}}
    ]


async def test_unmarked_classes_are_the_open_ones_without_that_day(
    ask: Ask, province: Province, system: asyncpg.Connection
) -> None:
    await make_day(system, province, "A1-1", FIRST)
    await make_day(system, province, "A2-2", day(1))
    await system.execute("UPDATE classes SET closed = '2026-02-01' WHERE id = $1", province.ids["A2-1"])
    query = """query($on: Date) { schoolClasses(where: {unmarkedOn: $on}) { totalCount nodes { name } }
        schools { nodes { code classes(where: {unmarkedOn: $on}, first: 1) { totalCount nodes { name } }
                          attendance(until: $on) { unmarkedClasses } } } }"""
    data = (await ask("countyA", query, {"on": str(FIRST)}))["data"]
    assert data["schoolClasses"] == {"totalCount": 2, "nodes": [{"name": "A1-2班"}, {"name": "A2-2班"}]}
    assert [
        (node["classes"]["totalCount"], node["attendance"]["unmarkedClasses"]) for node in data["schools"]["nodes"]
    ] == [
        (1, 1),
        (1, 1),
    ]
    data = (await ask("countyA", query))["data"]
    assert data["schoolClasses"]["totalCount"] == 4
    answer = await ask("countyA", query, {"on": None})
    assert {error["extensions"]["key"] for error in answer["errors"]} == {"NULL_FILTER"}


async def test_who_may_not_count_attendance_may_not_filter_by_it(ask: Ask, province: Province) -> None:
    for query in (
        '{ schoolClasses(where: {unmarkedOn: "2026-03-02"}) { totalCount } }',
        '{ schools { nodes { classes(where: {unmarkedOn: "2026-03-02"}) { totalCount } } } }',
    ):
        for caller in ("reviewerA", "sysadmin"):
            answer = await ask(caller, query)
            assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
            assert list(answer["data"].values()) == [None]
    assert "errors" not in await ask("reviewerA", "{ schoolClasses { totalCount } }")
