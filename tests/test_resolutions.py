"""Resolving problem records: asked by the reviewer, decided by the authority's leader, carried out in one transaction."""

from typing import Any

import asyncpg
import httpx
import pytest

from hub.terms import Resolution
from tests.conftest import Ask
from tests.desk import REGISTER, dump, make_id, upload
from tests.province import COUNTY_A, Province, make_caller

RESOLVE = """mutation($input: ResolveProblemInput!) { resolveProblem(input: $input) {
    case { id kind state version } problemRecord { id state resolution } } }"""
DECIDE = """mutation($input: DecideCaseInput!) { decideCase(input: $input) { case { id state } } }"""
WITHDRAW = """mutation($input: WithdrawCaseInput!) { withdrawCase(input: $input) { case { id state } } }"""
TABLES = (*REGISTER, "problem_records", "cases", "case_subjects", "case_steps", "case_decisions", "case_files")
RECORD = "SELECT state, resolution FROM problem_records WHERE id = $1"


def asked(record: int, how: str = "CHANGE", **rest: Any) -> dict[str, Any]:
    change = {"idType": "A", "idNumber": "E12345678"} if how == "CHANGE" else None
    return {"input": {"id": f"problem:{record}", "resolution": how, "change": change} | rest}


def code_of(answer: Any) -> tuple[str, str]:
    (error,) = answer["errors"]
    assert error["message"]
    assert error["extensions"]["remedy"]
    return error["extensions"]["code"], error["extensions"]["key"]


async def approve(ask: Ask, answer: Any, caller: str = "leaderA", verdict: str = "APPROVE", **rest: Any) -> Any:
    case = answer["data"]["resolveProblem"]["case"]
    return await ask(caller, DECIDE, {"input": {"id": case["id"], "verdict": verdict, **rest}})


async def test_a_change_is_made_when_the_leader_approves_and_closes_both_records(
    ask: Ask, province: Province, system: asyncpg.Connection, record: int
) -> None:
    before = await dump(system, ("students", "problem_records"))
    answer = await ask("reviewerA", RESOLVE, asked(record))
    assert answer["data"]["resolveProblem"]["case"]["state"] == "OPEN"
    assert await dump(system, ("students", "problem_records")) == before
    done = await approve(ask, answer)
    assert done["data"]["decideCase"]["case"]["state"] == "DONE"
    pupil = await system.fetchrow("SELECT id_type, id_number, version FROM students WHERE id = $1", province.ids["p"])
    assert tuple(pupil) == ("A", "E12345678", 2)
    rows = await system.fetch("SELECT state, resolution FROM problem_records ORDER BY id")
    assert sorted(map(tuple, rows)) == [("CLOSED", "CAUSE_GONE"), ("CLOSED", "CHANGE")]
    facts = await system.fetchval("SELECT facts FROM audit WHERE action = 'student:update'")
    assert "E12345678" not in facts
    assert '"idNumber"' in facts


ASKED = """query($id: ID!) { case(id: $id) { resolution pupilName typedNumber typedSex typedBirthDate typedIdType evidence
    decisions { verdict note } } }"""


async def test_who_decides_is_shown_what_was_asked_for(
    ask: Ask, http: httpx.AsyncClient, province: Province, system: asyncpg.Connection, record: int
) -> None:
    file = await upload(http, province.tokens["reviewerA"], b"proof", "proof.pdf")
    change = {"name": "王改", "sex": "FEMALE", "birthDate": "2015-03-16", "idType": "A", "idNumber": "E12345678"}
    shown: dict[str, Any] = {"resolution": "CHANGE", "pupilName": "王改", "typedNumber": "E12345678"}
    shown |= {"typedSex": "FEMALE", "typedBirthDate": "2015-03-16", "typedIdType": "A", "evidence": 1}
    shown["decisions"] = [{"verdict": "REQUEST", "note": "护照"}]
    asking = asked(record, change=change, fileIds=[file], note=" 护照 ")
    case = (await ask("reviewerA", RESOLVE, asking))["data"]["resolveProblem"]["case"]["id"]
    assert (await ask("leaderA", ASKED, {"id": case}))["data"]["case"] == shown
    masked = (await ask("reviewerA", ASKED, {"id": case}))["data"]["case"]
    assert masked == shown | {"typedNumber": "E12345***"}
    assert "errors" not in await ask("reviewerA", WITHDRAW, {"input": {"id": case}})
    for how, note in (("EVIDENCE", None), ("DELETE", "重复")):
        files = [file] if how == "EVIDENCE" else []
        answer = await ask("reviewerA", RESOLVE, asked(record, how, fileIds=files, note=note))
        case = answer["data"]["resolveProblem"]["case"]["id"]
        told = (await ask("leaderA", ASKED, {"id": case}))["data"]["case"]
        blank = dict.fromkeys(shown, None) | {"resolution": how, "evidence": len(files)}
        assert told == blank | {"decisions": [{"verdict": "REQUEST", "note": note}]}
        assert "errors" not in await ask(
            "leaderA", DECIDE, {"input": {"id": case, "verdict": "REFUSE", "reason": "OTHER"}}
        )


async def test_a_resolution_is_taken_back_by_who_asked_for_it_and_nobody_else(
    ask: Ask, province: Province, system: asyncpg.Connection, record: int
) -> None:
    """Not by the pupil's school either: it may ask for cases there, but did not ask for this one, nor could."""
    await make_caller(system, province, "reviewerA2", [("reviewer", COUNTY_A)])
    await make_caller(system, province, "reviewerB", [("reviewer", "140106")])
    case = (await ask("reviewerA", RESOLVE, asked(record)))["data"]["resolveProblem"]["case"]["id"]
    before = await dump(system, TABLES)
    for caller, key in {
        "schoolA1": "FORBIDDEN",
        "countyA": "FORBIDDEN",
        "leaderA": "FORBIDDEN",
        "reviewerA2": "WRONG_OFFICE",
        "reviewerB": "NOT_FOUND",
        "schoolB1": "NOT_FOUND",
    }.items():
        assert code_of(await ask(caller, WITHDRAW, {"input": {"id": case}}))[1] == key, caller
    assert await dump(system, TABLES) == before
    done = await ask("reviewerA", WITHDRAW, {"input": {"id": case}})
    assert done["data"]["withdrawCase"]["case"]["state"] == "WITHDRAWN"
    assert tuple(await system.fetchrow(RECORD, record)) == ("OPEN", None)
    assert "errors" not in await ask("reviewerA", RESOLVE, asked(record))


@pytest.mark.parametrize("how", ["CHANGE", "EVIDENCE", "DELETE"])
async def test_a_resolution_whose_cause_is_gone_meanwhile_is_not_carried_out(
    ask: Ask, http: httpx.AsyncClient, province: Province, system: asyncpg.Connection, record: int, how: str
) -> None:
    """Both of a pair are asked about; the change of one settles it, so the other must not be deleted any more."""
    other = await system.fetchval("SELECT id FROM problem_records WHERE student_id = $1", province.ids["q"])
    file = await upload(http, province.tokens["reviewerA"], b"proof", "proof.pdf")
    rest = {"CHANGE": {"change": {"idType": "A", "idNumber": "E7654321"}}, "DELETE": {"note": "重复"}, "EVIDENCE": {}}
    waiting = await ask("reviewerA", RESOLVE, asked(other, how, fileIds=[file], **rest[how]))
    assert "errors" not in await approve(ask, await ask("reviewerA", RESOLVE, asked(record)))
    assert tuple(await system.fetchrow(RECORD, other)) == ("CLOSED", "CAUSE_GONE")
    before = await dump(system, TABLES)
    assert code_of(await approve(ask, waiting)) == ("CONFLICT", "RECORD_CLOSED")
    assert await dump(system, TABLES) == before
    refused = await approve(ask, waiting, verdict="REFUSE", reason="OTHER")
    assert refused["data"]["decideCase"]["case"]["state"] == "REFUSED"


async def test_a_resolution_of_another_cause_or_of_a_pupil_out_of_reach_is_not_carried_out(
    ask: Ask, http: httpx.AsyncClient, province: Province, system: asyncpg.Connection, record: int
) -> None:
    file = await upload(http, province.tokens["reviewerA"], b"proof", "proof.pdf")
    waiting = await ask("reviewerA", RESOLVE, asked(record, "EVIDENCE", fileIds=[file]))
    both = [province.ids["p"], province.ids["q"]]
    await system.execute("UPDATE students SET id_number = $1 WHERE id = ANY ($2)", make_id(7), both)
    await system.execute("SELECT detect_problems($1, '{}')", both)
    assert tuple(await system.fetchrow(RECORD, record)) == ("OPEN", None)
    assert code_of(await approve(ask, waiting)) == ("CONFLICT", "PUPIL_CHANGED")
    assert "errors" not in await approve(ask, waiting, verdict="REFUSE", reason="OTHER")
    waiting = await ask("reviewerA", RESOLVE, asked(record, "EVIDENCE", fileIds=[file]))
    await system.execute("UPDATE problem_records SET path = '1401.2114000004.0000001' WHERE id = $1", record)
    assert code_of(await approve(ask, waiting)) == ("CONFLICT", "PUPIL_CHANGED")
    assert await system.fetchval("SELECT count(*) FROM cases WHERE state = 'OPEN'") == 1


async def test_evidence_keeps_the_data_and_is_remembered(
    ask: Ask, http: httpx.AsyncClient, province: Province, system: asyncpg.Connection, record: int
) -> None:
    file = await upload(http, province.tokens["reviewerA"], b"proof", "proof.pdf")
    answer = await ask("reviewerA", RESOLVE, asked(record, "EVIDENCE", fileIds=[file]))
    assert "errors" not in await approve(ask, answer)
    assert tuple(await system.fetchrow(RECORD, record)) == ("CLOSED", "EVIDENCE")
    await system.execute("SELECT detect_problems($1, '{}')", [province.ids["p"], province.ids["q"]])
    assert await system.fetchval("SELECT count(*) FROM problem_records WHERE state = 'OPEN'") == 1
    assert await system.fetchval("SELECT count(*) FROM case_files") == 1


async def test_a_deleted_record_counts_no_more_and_its_twin_is_free(
    ask: Ask, province: Province, system: asyncpg.Connection, record: int
) -> None:
    count = '{ school(code: "2114000001") { headcounts(groupBy: []) { students } } }'
    before = (await ask("schoolA1", count))["data"]["school"]["headcounts"][0]["students"]
    answer = await ask("reviewerA", RESOLVE, asked(record, "DELETE", note="重复建籍"))
    assert "errors" not in await approve(ask, answer)
    assert await system.fetchval("SELECT state FROM students WHERE id = $1", province.ids["p"]) == "DELETED"
    assert await system.fetchval("SELECT count(*) FROM problem_records WHERE state = 'OPEN'") == 0
    assert tuple(await system.fetchrow(RECORD, record)) == ("CLOSED", "DELETE")
    assert (await ask("schoolA1", count))["data"]["school"]["headcounts"][0]["students"] == before - 1


async def test_a_change_that_does_not_help_is_undone_and_the_case_stays_open(
    ask: Ask, province: Province, system: asyncpg.Connection, record: int
) -> None:
    answer = await ask("reviewerA", RESOLVE, asked(record, change={"name": "王改"}))
    before = await dump(system, TABLES)
    assert code_of(await approve(ask, answer)) == ("CONFLICT", "CHANGE_DOES_NOT_HELP")
    assert await dump(system, TABLES) == before
    refused = await approve(ask, answer, verdict="REFUSE", reason="EVIDENCE_INSUFFICIENT")
    assert refused["data"]["decideCase"]["case"]["state"] == "REFUSED"
    assert tuple(await system.fetchrow(RECORD, record)) == ("OPEN", None)
    assert "errors" not in await ask("reviewerA", RESOLVE, asked(record))


WRONG = [
    ("EVIDENCE", {}, "EVIDENCE_REQUIRED"),
    ("CHANGE", {"change": None}, "CHANGE_REQUIRED"),
    ("CHANGE", {"change": {}}, "CHANGE_REQUIRED"),
    ("DELETE", {}, "NOTE_REQUIRED"),
    ("DELETE", {"note": "  "}, "NOTE_REQUIRED"),
    ("DELETE", {"note": "长" * 501}, "NOTE_TOO_LONG"),
    ("DELETE", {"note": "x", "change": {"name": "王改"}}, "CHANGE_NOT_WANTED"),
    ("CHANGE", {"change": {"name": "王3"}}, "VALUE_UNSOUND"),
    ("CHANGE", {"change": {"name": None}}, "VALUE_UNSOUND"),
    ("CHANGE", {"change": {"idType": "不是代码"}}, "VALUE_UNSOUND"),
    ("CHANGE", {"change": {"idNumber": None}}, "NUMBER_REQUIRED"),
    ("CHANGE", {"change": {"idNumber": make_id(1)[:-1] + "?"}}, "NUMBER_UNSOUND"),
    ("CHANGE", {"change": {"sex": "FEMALE"}}, "NUMBER_UNSOUND"),
    ("CHANGE", {"change": {"birthDate": "2100-01-01"}}, "BIRTH_DATE_IN_FUTURE"),
    ("EVIDENCE", {"fileIds": [f"file:{n}" for n in range(21)]}, "TOO_MANY_FILES"),
    ("CHANGE", {"version": 9}, "STALE"),
    ("CAUSE_GONE", {"change": None}, "RESOLUTION_NOT_ASKED"),
]


@pytest.mark.parametrize(
    ("how", "rest", "key"), WRONG, ids=[f"{how}-{key}-{at}" for at, (how, _, key) in enumerate(WRONG)]
)
async def test_what_cannot_be_asked_is_refused_and_changes_nothing(
    ask: Ask, system: asyncpg.Connection, record: int, how: str, rest: dict[str, Any], key: str
) -> None:
    before = await dump(system, TABLES)
    assert code_of(await ask("reviewerA", RESOLVE, asked(record, how, **rest)))[1] == key
    assert await dump(system, TABLES) == before


async def test_four_callers_of_resolve_problem(
    ask: Ask, http: httpx.AsyncClient, province: Province, system: asyncpg.Connection, record: int
) -> None:
    await make_caller(system, province, "reviewerB", [("reviewer", "140106")])
    before = await dump(system, TABLES)
    assert code_of(await ask(None, RESOLVE, asked(record)))[0] == "UNAUTHENTICATED"
    assert code_of(await ask("schoolA1", RESOLVE, asked(record)))[0] == "FORBIDDEN"
    headers = {"authorization": f"Bearer {province.tokens['reviewerB']}"}
    there, nowhere = [
        (await http.post("/graphql", json={"query": RESOLVE, "variables": asked(which)}, headers=headers)).content
        for which in (record, 999_999)
    ]
    assert there == nowhere
    assert b"NOT_FOUND" in there
    assert await dump(system, TABLES) == before
    assert await system.fetchval("SELECT count(*) FROM audit WHERE outcome = 'REFUSED'") == 3
    assert "errors" not in await ask("reviewerA", RESOLVE, asked(record))


async def test_who_asks_does_not_decide(ask: Ask, province: Province, system: asyncpg.Connection, record: int) -> None:
    both = [("reviewer", COUNTY_A), ("county_leader", COUNTY_A)]
    await make_caller(system, province, "both", both)
    answer = await ask("both", RESOLVE, asked(record), hub_role="reviewer")
    before = await dump(system, TABLES)
    case = answer["data"]["resolveProblem"]["case"]["id"]
    decided = await ask("both", DECIDE, {"input": {"id": case, "verdict": "APPROVE"}}, hub_role="county_leader")
    assert code_of(decided)[1] == "SELF_APPROVAL"
    assert await dump(system, TABLES) == before


async def test_a_retry_opens_no_second_case_and_a_second_request_is_refused(
    ask: Ask, system: asyncpg.Connection, record: int
) -> None:
    first = await ask("reviewerA", RESOLVE, asked(record, idempotencyKey="retry-0001"))
    assert await ask("reviewerA", RESOLVE, asked(record, idempotencyKey="retry-0001")) == first
    emptied = asked(record, change={"idType": "A", "idNumber": "E12345678", "name": ""}, idempotencyKey="retry-0001")
    for other in (asked(record, "DELETE", note="x", idempotencyKey="retry-0001"), emptied):
        assert code_of(await ask("reviewerA", RESOLVE, other)) == ("CONFLICT", "KEY_REUSED")
    assert code_of(await ask("reviewerA", RESOLVE, asked(record))) == ("CONFLICT", "CASE_OPEN")
    assert await system.fetchval("SELECT count(*) FROM cases") == 1


def test_a_cause_that_goes_by_itself_is_asked_of_nobody() -> None:
    assert {word for word in Resolution if word != Resolution.CAUSE_GONE} == {"CHANGE", "EVIDENCE", "DELETE"}
