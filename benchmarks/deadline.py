"""What others feel while a big workbook is imported: one client asks for student pages at an even pace, beside nothing
and beside the worker that `hub serve` keeps.
"""

import asyncio
import io
from dataclasses import replace
from typing import Any

import httpx

from benchmarks import processes, province, pupils
from benchmarks.endurance import request
from benchmarks.import_workbook import _clerk
from benchmarks.neighbours import paced
from benchmarks.pages import QUERIES, asked
from benchmarks.province import Province
from benchmarks.result import Result
from hub import templates
from hub.db import Database
from hub.intake import template

ROWS = 12_000
_START = """mutation($file: ID!, $school: String!) {
    startImport(input: {fileId: $file, schoolCode: $school}) { import { id } } }"""
_LOOK = "query($id: ID!) { importJob(id: $id) { state total written } }"


def run() -> None:
    """Measure and publish."""
    with province.serving(province.LARGE) as place:
        asyncio.run(_serve(place))


async def _serve(place: Province) -> None:
    """Serve a copy of the province, since pupils come to it, and measure there."""
    port = processes.free_port()
    async with place.copied() as settings:
        with processes.running(
            "-m", "hub", "serve", "--port", str(port), environment=province.environment(settings)
        ) as process:
            processes.ready(port, process)
            await _measure(replace(place, settings=settings), port)


async def _measure(place: Province, port: int) -> None:
    role, query, draw = QUERIES["student page"]
    token, codes = await asked(place, role, draw)
    wanted = [request(port, token, query, {"code": code}) for code in codes]
    sizes = {"students": province.LARGE, "rows": ROWS}
    result = Result("deadline", sizes, place.postgres, target="p99 while importing at most twice that of idle")
    await paced(port, wanted)
    idle = _add(result, "idle", await paced(port, wanted), 0.0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
        job = await _send(place, client)
        spent = await paced(port, wanted)
        seen = await _ask(client, job["token"], _LOOK, id=job["id"])
    _add(result, f"importing: {seen['importJob']['state']}", spent, idle)
    result.publish()


def _add(result: Result, what: str, spent: list[float], idle: float) -> float:
    ordered = sorted(spent)
    p50, p99 = (ordered[int(len(ordered) * share)] * 1e3 for share in (0.5, 0.99))
    result.add(what=what, **{"p50 ms": p50, "p99 ms": p99, "p99 / idle": p99 / (idle or p99)})
    return p99


async def _send(place: Province, client: httpx.AsyncClient) -> dict[str, str]:
    """Queue the workbook as the clerk of the demonstration; who, and which import it is."""
    log_in = place.log_ins["school_administrator"]
    async with Database(place.settings) as database:
        school = await templates.school_sheet(database, await _clerk(place, database), log_in["place"])
    if school is None:
        raise RuntimeError("the clerk's school is missing")
    content = io.BytesIO()
    template.fill(school, pupils.rows(school.code, [number for number, _ in school.classes], ROWS), content)
    signed = await _ask(
        client,
        None,
        "mutation($u: String!, $p: String!) { signIn(input: {username: $u, password: $p}) { token } }",
        u=log_in["username"],
        p=log_in["password"],
    )
    token = signed["signIn"]["token"]
    headers = {"authorization": f"Bearer {token}"}
    file = (await client.post("/files", files={"file": ("b.xlsx", content.getvalue())}, headers=headers)).json()["id"]
    begun = await _ask(client, token, _START, file=file, school=school.code)
    return {"token": token, "id": begun["startImport"]["import"]["id"]}


async def _ask(client: httpx.AsyncClient, token: str | None, query: str, **variables: Any) -> Any:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = (await client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)).json()
    if "errors" in answer:
        raise RuntimeError(str(answer["errors"]))
    return answer["data"]
