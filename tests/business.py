"""A desk where cases are asked for and decided: the leaders of the small province, a transfer to ask for."""

from typing import Any

import asyncpg

from tests.desk import code_of, dump
from tests.province import CITY, COUNTY_A, COUNTY_B, Province, make_caller

REQUEST = "mutation($input: RequestTransferInput!) { requestTransfer(input: $input) { case { %s } } }"
DECIDE = "mutation($input: DecideCaseInput!) { decideCase(input: $input) { case { %s } } }"
WITHDRAW = "mutation($input: WithdrawCaseInput!) { withdrawCase(input: $input) { case { %s } } }"
WHOLE = """id kind state school { id code name phone } otherSchool { code name } waitingOffice due openedAt closedAt
           pupilName typedNumber resolution typedSex typedBirthDate typedIdType evidence student { id name idNumber } steps { ordinal office side state due decidedAt }
           decisions { verdict reason note role at } version"""
STATE = "id state version waitingOffice"
BUSINESS = ("cases", "case_subjects", "case_steps", "case_decisions", "case_files", "leases")
REGISTER = ("students", "guardians", "placements", "student_versions", "classes")
EVERYTHING = (*BUSINESS, *REGISTER, "outbox", "requests")


async def make_leaders(system: asyncpg.Connection, province: Province) -> None:
    """Those who decide: two of school A1, one of each other office, and one who is of two offices at once."""
    paths = province.paths
    for caller, grants in {
        "leaderA1": [("school_leader", paths["A1"])],
        "leaderA1b": [("school_leader", paths["A1"])],
        "leaderA2": [("school_leader", paths["A2"])],
        "leaderB1": [("school_leader", paths["B1"])],
        "leadA": [("county_leader", COUNTY_A)],
        "leadAb": [("county_leader", COUNTY_A)],
        "leadB": [("county_leader", COUNTY_B)],
        "leadCity": [("city_leader", CITY)],
        "schoolC1": [("school_administrator", paths["C1"])],
        "leaderC1": [("school_leader", paths["C1"])],
        "both": [("school_administrator", paths["A2"]), ("county_leader", COUNTY_A), ("school_leader", paths["A1"])],
    }.items():
        await make_caller(system, province, caller, grants)


def wanted(province: Province, pupil: str = "a1-1-1", to: str = "A2-1", **given: Any) -> dict[str, Any]:
    """The input of a transfer of a pupil to a class."""
    return {
        "schoolId": f"school:{province.ids[to.split('-')[0]]}",
        "classId": f"class:{province.ids[to]}",
        "name": f"名{pupil}",
        "studentNumber": province.numbers.get(pupil),
        "reason": "搬家",
    } | given


class Counter:
    """Where cases are asked for, decided and withdrawn; every answer as it came."""

    def __init__(self, ask: Any, province: Province) -> None:
        self.ask, self.province = ask, province

    async def request(self, caller: str | None = "schoolA2", fields: str = WHOLE, role: str = "", **given: Any) -> Any:
        return await self._asked(caller, REQUEST % fields, wanted(self.province, **given), role)

    async def decide(
        self, caller: str | None, case: str, verdict: str = "APPROVE", fields: str = STATE, role: str = "", **given: Any
    ) -> Any:
        if verdict == "REFUSE":
            given = {"reason": "CONDITIONS_NOT_MET"} | given
        return await self._asked(caller, DECIDE % fields, {"id": case, "verdict": verdict} | given, role)

    async def withdraw(self, caller: str | None, case: str, fields: str = STATE, role: str = "", **given: Any) -> Any:
        return await self._asked(caller, WITHDRAW % fields, {"id": case} | given, role)

    async def opened(self, **given: Any) -> str:
        """The id of a transfer that was asked for."""
        answer = await self.request(fields="id", **given)
        assert "errors" not in answer, answer
        found: str = answer["data"]["requestTransfer"]["case"]["id"]
        return found

    async def arrived(self, **given: Any) -> str:
        """The id of a transfer that school A1 and county A have approved."""
        case = await self.opened(**given)
        for leader in ("leaderA1", "leadA"):
            answer = await self.decide(leader, case)
            assert "errors" not in answer, answer
        return case

    async def _asked(self, caller: str | None, document: str, given: dict[str, Any], role: str) -> Any:
        headers = {"hub_role": role} if role else {}
        return await self.ask(caller, document, {"input": given}, **headers)


async def refused(system: asyncpg.Connection, asking: Any) -> tuple[str, str]:
    """The code and key of what is refused and changes nothing."""
    before = await dump(system, EVERYTHING)
    answer = await asking
    assert answer["data"] is None, answer
    assert await dump(system, EVERYTHING) == before
    return code_of(answer)
