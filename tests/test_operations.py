"""What a request may be as a whole: one operation chosen, not too wide; a sign-in that leaves nothing behind."""

from typing import Any

import pytest

from tests.conftest import Ask


def key_of(answer: dict[str, Any]) -> str:
    return str(answer["errors"][0]["extensions"]["key"])


async def test_of_several_operations_one_must_be_named(ask: Ask) -> None:
    answer = await ask("schoolA1", "query A { viewer { name } } query B { viewer { username } }")
    assert key_of(answer) == "BAD_DOCUMENT"
    assert answer.get("data") is None


@pytest.mark.parametrize(
    "query",
    [
        "{ " + " ".join(f"a{n}: regions {{ totalCount }}" for n in range(51)) + " }",
        "{ schools { nodes { " + " ".join(f"a{n}: managedBy {{ name }}" for n in range(201)) + " } } }",
    ],
)
async def test_a_document_too_wide_is_refused(ask: Ask, query: str) -> None:
    answer = await ask("prov", query)
    assert answer["errors"][0]["extensions"]["code"] == "TOO_COMPLEX"


async def test_fifty_roots_are_answered(ask: Ask) -> None:
    query = "{ " + " ".join(f"a{n}: viewer {{ name }}" for n in range(50)) + " }"
    assert "errors" not in await ask("prov", query)


async def test_the_old_password_is_not_a_new_one(ask: Ask) -> None:
    change = """mutation { changePassword(input: {oldPassword: "Geheim-2013!", newPassword: "Geheim-2013!"}) { ok } }"""
    assert key_of(await ask("schoolA1", change)) == "SAME_PASSWORD"


async def test_a_nested_total_alone_is_a_number(ask: Ask) -> None:
    answer = await ask("schoolA1", '{ school(code: "2114000001") { students { totalCount } classes { totalCount } } }')
    assert answer == {"data": {"school": {"students": {"totalCount": 6}, "classes": {"totalCount": 2}}}}
