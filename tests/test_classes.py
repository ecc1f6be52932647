"""Classes formed, merged and closed: numbers under a lock, pupils moved with their history, and what is refused."""

import asyncio
from typing import Any

import asyncpg
import pytest

from hub import clock
from tests.conftest import Ask
from tests.desk import code_of, dump
from tests.province import Province, make_student
from tests.test_setup import TABLES, YEAR, make_grades, mutation

CREATE = mutation("createClass", "schoolClass { id name number officialNumber grade schoolYear combined teacherName }")
COMBINE = mutation("createCombinedClass", "schoolClass { id name grade combined }")
MERGE = mutation("mergeClasses", "moved closed schoolClass { id name headcounts(groupBy: []) { students } }")
CLOSE = mutation("closeClass", "schoolClass { id closed }")


async def make_class(ask: Ask, province: Province, **rest: Any) -> Any:
    wanted = {"schoolId": f"school:{province.ids['A1']}", "grade": 1} | rest
    return await ask("schoolA1", CREATE, {"input": wanted})


@pytest.fixture
async def opened(province: Province, system: asyncpg.Connection) -> Province:
    await make_grades(system, province, "A1", 1, 2)
    return province


async def test_a_class_has_the_hubs_number_a_class_number_and_a_name(ask: Ask, opened: Province) -> None:
    found = (await make_class(ask, opened, teacherName="高海燕"))["data"]["createClass"]["schoolClass"]
    assert found["officialNumber"] == f"{YEAR}001"
    assert (found["grade"], found["schoolYear"], found["combined"]) == (1, YEAR, False)
    assert (found["name"], found["teacherName"]) == ("一年级1班", "高海燕")
    second = (await make_class(ask, opened, officialNumber="7654321", name="实验班"))["data"]["createClass"]
    assert (second["schoolClass"]["officialNumber"], second["schoolClass"]["name"]) == ("7654321", "实验班")


async def test_twenty_at_once_get_twenty_numbers(ask: Ask, opened: Province, system: asyncpg.Connection) -> None:
    await system.execute("UPDATE schools SET last_class_number = 2 WHERE id = $1", opened.ids["A1"])
    answers = await asyncio.gather(*(make_class(ask, opened) for _ in range(20)))
    found = [answer["data"]["createClass"]["schoolClass"] for answer in answers]
    for key in ("number", "officialNumber", "name"):
        assert len({one[key] for one in found}) == 20, key
    assert await system.fetchval("SELECT count(*) FROM class_grades WHERE school_year = $1", YEAR) == 20


async def test_a_combined_class_teaches_several_grades(ask: Ask, opened: Province, system: asyncpg.Connection) -> None:
    wanted = {"schoolId": f"school:{opened.ids['A1']}", "grades": [2, 1]}
    found = (await ask("schoolA1", COMBINE, {"input": wanted}))["data"]["createCombinedClass"]["schoolClass"]
    assert (found["grade"], found["combined"]) == (1, True)
    rows = await system.fetch("SELECT grade FROM class_grades ORDER BY grade")
    assert [row["grade"] for row in rows] == [1, 2]


WRONG = [
    ({"grade": 3}, "CONFLICT", "GRADE_NOT_OPEN"),
    ({"schoolYear": YEAR + 1}, "CONFLICT", "GRADE_NOT_OPEN"),
    ({"officialNumber": "2000001"}, "CONFLICT", "CLASS_NUMBER_TAKEN"),
    ({"officialNumber": "12"}, "BAD_INPUT", None),
    ({"campusId": "campus:99"}, "BAD_INPUT", "UNKNOWN_CAMPUS"),
    ({"type": "99"}, "BAD_INPUT", "UNKNOWN_CLASS_TYPE"),
    ({"name": "班" * 200}, "BAD_INPUT", None),
    ({"name": "一班\u0007"}, "BAD_INPUT", None),
    ({"formed": "2100-01-01"}, "BAD_INPUT", "BAD_MONTH_FORMED"),
]


@pytest.mark.parametrize(("rest", "code", "key"), WRONG)
async def test_a_class_that_cannot_be_is_refused_and_nothing_is_made(
    ask: Ask, opened: Province, system: asyncpg.Connection, rest: dict[str, Any], code: str, key: str | None
) -> None:
    before = await dump(system, TABLES)
    told = code_of(await make_class(ask, opened, **rest))
    assert told[0] == code
    assert key is None or told[1] == key
    assert await dump(system, TABLES) == before


async def test_merging_moves_pupils_keeps_history_and_every_number_follows(
    ask: Ask, opened: Province, system: asyncpg.Connection
) -> None:
    made = (await make_class(ask, opened))["data"]["createClass"]["schoolClass"]["id"]
    gone = await make_student(system, opened, "left", "A1-1", state="TRANSFERRED_OUT")
    count = '{ school(code: "2114000001") { headcounts(groupBy: []) { students } } }'
    before = await ask("schoolA1", count)
    given = {"input": {"from": [f"class:{opened.ids['A1-1']}"], "into": made}}
    done = (await ask("schoolA1", MERGE, given))["data"]["mergeClasses"]
    assert (done["moved"], done["closed"]) == (3, [f"class:{opened.ids['A1-1']}"])
    assert done["schoolClass"]["headcounts"] == [{"students": 3}]
    assert await ask("schoolA1", count) == before
    pupil = opened.ids["a1-1-1"]
    rows = await system.fetch(
        "SELECT until, ended_by, began_by FROM placements WHERE student_id = $1 ORDER BY id", pupil
    )
    assert [tuple(row) for row in rows] == [
        (clock.today(), "CLASS_MERGED", "ENROLMENT"),
        (None, None, "CLASS_MERGED"),
    ]
    assert await system.fetchval("SELECT class_id FROM students WHERE id = $1", gone) == opened.ids["A1-1"]
    assert await system.fetchval("SELECT closed FROM classes WHERE id = $1", opened.ids["A1-1"]) == clock.today()


@pytest.mark.parametrize(
    ("from_", "into", "key"),
    [
        (["A1-1"], "A1-2", "MERGE_OTHER_GRADE"),
        (["A1-1"], "A1-1", "MERGE_INTO_ITSELF"),
        ([], "A1-1", "MERGE_NOTHING"),
        (["A2-1"], "A1-1", "NOT_FOUND"),
    ],
)
async def test_what_cannot_be_merged_is_refused_and_nothing_moves(
    ask: Ask, opened: Province, system: asyncpg.Connection, from_: list[str], into: str, key: str
) -> None:
    before = await dump(system, TABLES)
    given = {"from": [f"class:{opened.ids[name]}" for name in from_], "into": f"class:{opened.ids[into]}"}
    assert code_of(await ask("schoolA1", MERGE, {"input": given}))[1] == key
    assert await dump(system, TABLES) == before


async def test_a_class_with_pupils_is_not_closed_and_an_empty_one_once(
    ask: Ask, opened: Province, system: asyncpg.Connection
) -> None:
    before = await dump(system, TABLES)
    refused = await ask("schoolA1", CLOSE, {"input": {"id": f"class:{opened.ids['A1-1']}"}})
    assert code_of(refused) == ("CONFLICT", "CLASS_HAS_PUPILS")
    assert refused["errors"][0]["extensions"]["count"] == 3
    assert await dump(system, TABLES) == before
    made = (await make_class(ask, opened))["data"]["createClass"]["schoolClass"]["id"]
    closed = await ask("schoolA1", CLOSE, {"input": {"id": made}})
    assert closed["data"]["closeClass"]["schoolClass"]["closed"] == clock.today().isoformat()
    assert code_of(await ask("schoolA1", CLOSE, {"input": {"id": made}}))[1] == "CLASS_CLOSED_ALREADY"


async def test_of_two_merges_of_one_class_at_once_one_moves_everybody(
    ask: Ask, opened: Province, system: asyncpg.Connection
) -> None:
    targets = [(await make_class(ask, opened))["data"]["createClass"]["schoolClass"]["id"] for _ in range(2)]
    source = [f"class:{opened.ids['A1-1']}"]
    answers = await asyncio.gather(
        *(ask("schoolA1", MERGE, {"input": {"from": source, "into": into}}) for into in targets)
    )
    assert sorted("errors" in answer for answer in answers) == [False, True]
    held = await system.fetch("SELECT DISTINCT class_id FROM students WHERE id = $1", opened.ids["a1-1-1"])
    assert len(held) == 1
    active = "SELECT count(*) FROM placements WHERE student_id = $1 AND until IS NULL AND voided_at IS NULL"
    assert await system.fetchval(active, opened.ids["a1-1-1"]) == 1
