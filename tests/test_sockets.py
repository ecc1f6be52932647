"""The protocol graphql-transport-ws as a real client meets it: what is said, and with which code a connection ends."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from hub.settings import Settings
from tests.province import Province
from tests.served import served
from tests.sockets import entered, make_import


@pytest.fixture(scope="module")
async def address(settings: Settings) -> AsyncIterator[str]:
    async with served(settings, watch_seconds=0.05) as (address, _):
        yield address


async def test_a_finished_import_is_told_once(address: str, province: Province, system: asyncpg.Connection) -> None:
    job = await make_import(system, province, state="APPLIED", total=3, created=2)
    async with entered(address, province.tokens["schoolA1"]) as client:
        await client.follow(job)
        told = await client.next()
        assert told == {
            "id": f"import:{job}",
            "state": "APPLIED",
            "total": 3,
            "created": 2,
            "school": {"code": "2114000001"},
        }
        assert await client.hear() == {"id": "1", "type": "complete"}
