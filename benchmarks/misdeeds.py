"""What a client can do wrong, over and over by four connections of one account.

`python -m benchmarks.misdeeds NAME PORT TOKEN` does it until it is ended.
"""

import asyncio
import itertools
import os
import sys
from collections.abc import Awaitable, Callable

from benchmarks.endurance import answer, request

_AT_ONCE = 4
_NICE = 15
_LARGEST = """{ students(first: 200, orderBy: [{by: NAME}]) { totalCount nodes { name school { name }
 guardians { name } } } }"""
_DEEP = "{ regions { nodes " + "{ children { nodes " * 500 + "{ name }" + " } }" * 500 + " } }"
_WIDE = "{ " + " ".join(f"a{at}: viewer {{ name }}" for at in range(1_000)) + " }"
_COSTLY = """{ schools(first: 200) { nodes { classes(first: 200) { nodes { students(first: 200) { nodes {
 name } } } } } } }"""
_CHEAP = "{ students(first: 50) { nodes { name grade school { name } } } }"
_COMMENT = "{ a " + "#" * 900_000 + "\n }"
_SENT = {
    "documents too deep": _DEEP,
    "a thousand aliases": _WIDE,
    "a query that costs too much": _COSTLY,
    "a megabyte of comment": _COMMENT,
    "the largest page there is": _LARGEST,
    "a page without a pause": _CHEAP,
}
NAMES = (*_SENT, "a new document each time", "asks and hangs up", "connects and says nothing")
"""What can be done, by name."""


def main(name: str, port: int, token: str) -> None:
    """Misbehave until ended."""
    os.nice(_NICE)
    asyncio.run(_over_and_over(_misdeed(name, port, token)))


def _misdeed(name: str, port: int, token: str) -> Callable[[], Awaitable[object]]:
    numbers = itertools.count()

    async def distinct() -> None:
        text = f"{{ schools(first: 1) {{ nodes {{ a{next(numbers)}: name }} }} }}"
        await _one(port, request(port, token, text, None))

    largest = request(port, token, _LARGEST, None)

    async def gone() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(largest)
        await asyncio.sleep(0.01)
        writer.close()

    async def silent() -> None:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        await asyncio.sleep(1)
        for _, writer in held:
            writer.close()

    if name in _SENT:
        sent = request(port, token, _SENT[name], None)
        return lambda: _one(port, sent)
    return {
        "a new document each time": distinct,
        "asks and hangs up": gone,
        "connects and says nothing": silent,
    }[name]


async def _over_and_over(misbehave: Callable[[], Awaitable[object]]) -> None:
    async def on() -> None:
        while True:
            await misbehave()

    await asyncio.gather(*(on() for _ in range(_AT_ONCE)))


async def _one(port: int, sent: bytes) -> int:
    """One request on a connection of its own; its status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        return await answer(reader)
    finally:
        writer.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
