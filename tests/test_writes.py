"""The write path: retries after a cut connection, answers that cannot be read, edits that rest on an old version."""

import asyncio
from typing import Any

import asyncpg
import orjson
import pytest
from starlette.applications import Starlette

from hub.errors import Unavailable
from loaders import read
from tests.conftest import Ask
from tests.desk import dump
from tests.province import Province
from tests.test_resolutions import RESOLVE, TABLES, asked, code_of

KEY = "cut-connection-1"


async def cut(app: Starlette, token: str, body: bytes) -> None:
    """Send a request as a client that is gone when the answer comes."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "server": ("hub", 80),
        "client": ("client", 1),
        "headers": [(b"content-type", b"application/json"), (b"authorization", f"Bearer {token}".encode())],
    }
    told = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(told, {"type": "http.disconnect"})

    async def send(_: Any) -> None:
        raise OSError("the connection is cut")

    with pytest.raises(OSError, match="cut"):
        await app(scope, receive, send)  # type: ignore[arg-type]


async def test_a_retry_after_a_cut_connection_does_nothing_twice(
    app: Starlette,
    ask: Ask,
    province: Province,
    system: asyncpg.Connection,
    record: int,
) -> None:
    request = asked(record, idempotencyKey=KEY)
    await cut(app, province.tokens["reviewerA"], orjson.dumps({"query": RESOLVE, "variables": request}))
    assert await system.fetchval("SELECT count(*) FROM cases") == 1
    before = await dump(system, TABLES)
    answer = await ask("reviewerA", RESOLVE, request)
    found = await system.fetchval("SELECT id FROM cases")
    assert answer["data"]["resolveProblem"]["case"]["id"] == f"case:{found}"
    assert await dump(system, TABLES) == before


async def test_ten_sends_of_one_key_at_once_are_one_write(
    ask: Ask,
    system: asyncpg.Connection,
    record: int,
) -> None:
    answers = await asyncio.gather(*(ask("reviewerA", RESOLVE, asked(record, idempotencyKey=KEY)) for _ in range(10)))
    assert all(answer == answers[0] and "errors" not in answer for answer in answers)
    assert await system.fetchval("SELECT count(*) FROM cases") == 1
    assert await system.fetchval("SELECT count(*) FROM audit WHERE action = 'case:create'") == 1


async def test_a_key_is_its_owners_and_holds_no_personal_payload(
    ask: Ask,
    province: Province,
    system: asyncpg.Connection,
    record: int,
) -> None:
    await ask("reviewerA", RESOLVE, asked(record, idempotencyKey=KEY))
    row = await system.fetchrow("SELECT account_id, operation, answer::text FROM requests")
    assert row["account_id"] == province.accounts["reviewerA"]
    assert orjson.loads(row["answer"]) == [await system.fetchval("SELECT id FROM cases")]


@pytest.mark.parametrize("key", ["short", "x" * 101, "line\nbreak"])
async def test_what_is_no_key_is_told(
    ask: Ask,
    system: asyncpg.Connection,
    record: int,
    key: str,
) -> None:
    assert code_of(await ask("reviewerA", RESOLVE, asked(record, idempotencyKey=key))) == ("BAD_INPUT", "BAD_KEY")
    assert await system.fetchval("SELECT count(*) FROM cases") == 0


async def gone(*_: Any, **__: Any) -> None:
    raise Unavailable


async def test_what_is_written_but_cannot_be_read_says_that_it_stands(
    ask: Ask,
    system: asyncpg.Connection,
    record: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(read, "run", gone)
        answer = await ask("reviewerA", RESOLVE, asked(record, idempotencyKey=KEY))
    for error in answer["errors"]:
        assert error["extensions"]["code"] == "COMMITTED_UNREADABLE"
        assert error["extensions"]["idempotencyKey"] == KEY
    assert await system.fetchval("SELECT count(*) FROM cases") == 1
    again = await ask("reviewerA", RESOLVE, asked(record, idempotencyKey=KEY))
    assert again["data"]["resolveProblem"]["case"]["state"] == "OPEN"


async def test_a_look_up_that_fails_after_the_commit_says_so_too(
    ask: Ask,
    system: asyncpg.Connection,
    record: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    query = RESOLVE.replace("problemRecord { id", "problemRecord { candidates { inReach } id")
    monkeypatch.setattr("loaders.seam.fill", gone)
    assert code_of(await ask("reviewerA", query, asked(record)))[0] == "COMMITTED_UNREADABLE"
    assert await system.fetchval("SELECT count(*) FROM cases") == 1
