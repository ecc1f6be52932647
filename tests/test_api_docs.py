"""The worked examples of docs/api, executed step by step, so that they cannot rot."""

import json
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from hub import clock
from tests.conftest import Ask
from tests.desk import BORN, make_id, make_row, make_workbook, upload
from tests.photos.pictures import make_jpeg, make_zip
from tests.province import COUNTY_A, PROVINCE, SCHOOLS, Province, make_caller, make_student

FOLDER = Path(__file__).parents[1] / "docs" / "api"
PAGES = sorted(page.name for page in FOLDER.glob("*.md") if page.name != "README.md")
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "…"
CALLERS = {
    "school_administrator": "schoolA1",
    "other_school_administrator": "schoolA2",
    "class_teacher": "teacherA1-1",
    "reviewer": "reviewerA",
    "dashboard": "dash",
}
LEADERS = {"school_leader": "A1", "other_school_leader": "A2", "county_leader": COUNTY_A}


@dataclass
class Step:
    caller: str
    query: str
    kept: list[tuple[str, str]]
    variables: dict[str, Any] = field(default_factory=dict)
    answer: Any = None


def steps_of(page: str) -> list[Step]:
    found: list[Step] = []
    for kind, info, body in FENCE.findall((FOLDER / page).read_text(encoding="utf-8")):
        if kind == "graphql":
            words = dict(word.split("=", 1) for word in info.split() if not word.startswith("keep="))
            kept = [tuple(word[5:].split(":", 1)) for word in info.split() if word.startswith("keep=")]
            found.append(Step(words["as"], body, kept))  # type: ignore[arg-type]
        elif info.strip() == "variables":
            found[-1].variables = json.loads(body)
        elif info.strip() == "answer":
            found[-1].answer = json.loads(body)
    return found


def filled(value: Any, known: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: filled(part, known) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, known) for part in value]
    if isinstance(value, str) and (named := re.fullmatch(r"\$\{(\w+)\}", value)):
        return known[named[1]]
    return value


def at(answer: Any, path: str) -> Any:
    for step in path.split("."):
        answer = answer[int(step)] if step.isdigit() else answer[step]
    return answer


def agrees(shown: Any, found: Any) -> bool:
    """Whether an answer is what the page shows; `…` stands for anything, last in a list for any more."""
    if shown == ANYTHING:
        return True
    if isinstance(shown, dict):
        return (
            isinstance(found, dict) and shown.keys() == found.keys() and all(agrees(shown[k], found[k]) for k in shown)
        )
    if isinstance(shown, list) and isinstance(found, list):
        more = bool(shown) and shown[-1] == ANYTHING
        wanted = shown[:-1] if more else shown
        enough = len(found) >= len(wanted) if more else len(found) == len(wanted)
        return enough and all(agrees(one, other) for one, other in zip(wanted, found, strict=False))
    return bool(shown == found)


@pytest.fixture
async def known(http: httpx.AsyncClient, province: Province, system: asyncpg.Connection) -> dict[str, Any]:
    """The demonstration's places, and a pair of pupils with one number."""
    for name, root in LEADERS.items():
        role = name.removeprefix("other_")
        await make_caller(system, province, name, [(role, province.paths[root])])
    born = date(BORN, 3, 15)
    ids = [
        await make_student(system, province, short, where, id_number=make_id(1), name=name, birth_date=born)
        for short, where, name in (("p", "A1-1", "王一"), ("q", "A2-1", "王二"))
    ]
    await system.execute("SELECT detect_problems($1, '{}')", ids)
    school_year = clock.school_year(clock.today())
    await system.execute(
        """INSERT INTO grades (school_id, path, stage, number, school_year, name)
           SELECT s.id, s.path, 'PRIMARY', n, $1, n || '年级' FROM schools s, generate_series(1, 2) AS n
           ON CONFLICT DO NOTHING""",
        school_year,
    )
    return {
        "school": SCHOOLS["A1"][1],
        "otherSchool": SCHOOLS["A2"][1],
        "county": COUNTY_A,
        "province": PROVINCE,
        "today": clock.today().isoformat(),
        "weekAgo": (clock.today() - timedelta(days=7)).isoformat(),
        "birthDate": f"{BORN}-03-15",
        "idNumber": make_id(9),
        "entryMonth": f"{BORN + 7}-09-01",
        **await _uploaded(http, province, system),
    }


async def _uploaded(http: httpx.AsyncClient, province: Province, system: asyncpg.Connection) -> dict[str, str]:
    """A workbook with a wrong check digit in it, and a zip with a photo and something else."""
    wrong = make_id(5)[:-1] + ("1" if make_id(5)[-1] == "0" else "0")
    number = await system.fetchval("SELECT id_number FROM students WHERE id = $1", province.ids["a1-1-1"])
    files = {
        "file": make_workbook(make_row(3), make_row(4), make_row(5, id_number=wrong)),
        "photos": make_zip({f"{number}.jpg": make_jpeg(1), "Thumbs.db": b"x"}),
    }
    return {name: await upload(http, province.tokens["schoolA1"], data, name) for name, data in files.items()}


@pytest.mark.parametrize("page", PAGES)
async def test_every_step_of_a_page_answers_what_it_shows(ask: Ask, known: dict[str, Any], page: str) -> None:
    steps = steps_of(page)
    assert len(steps) >= 3
    for number, step in enumerate(steps, 1):
        assert step.answer is not None, f"step {number} shows no answer"
        caller = CALLERS.get(step.caller, step.caller)
        answer = await ask(caller, step.query, filled(step.variables, known))
        assert agrees(filled(step.answer, known), answer), f"step {number}: {json.dumps(answer, ensure_ascii=False)}"
        known |= {name: at(answer, path) for name, path in step.kept}


def test_an_answer_that_differs_does_not_agree() -> None:
    assert agrees({"a": [1, "…"]}, {"a": [1, 2, 3]})
    assert not agrees({"a": [1]}, {"a": [1, 2]})
    assert not agrees({"a": [1, "…"]}, {"a": []})
    assert not agrees({"a": 1}, {"a": 1, "b": 2})
