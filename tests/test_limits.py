"""Each limit refuses what is one beyond it, names itself and says what to do, before any statement is sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import hypothesis
import orjson
import pytest
from graphql import FieldNode, FragmentDefinitionNode, OperationDefinitionNode, get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from hub.errors import TooComplex
from hub.settings import Settings
from schema import measures, root
from schema.measures import Measured
from tests.province import Province

QUERY = "{ students { totalCount } }"
DEFAULTS = Settings()


@contextmanager
def changed(app: Starlette, **limits: Any) -> Iterator[None]:
    """The hub with other limits for a while, and no document remembered."""
    settings, documents = app.state.hub.reader.settings, app.state.hub.schema.documents
    before = {name: getattr(settings, name) for name in limits}
    try:
        for name, limit in limits.items():
            object.__setattr__(settings, name, limit)
        documents.kept = type(documents.kept)(settings.plan_cache)
        yield
    finally:
        for name, limit in before.items():
            object.__setattr__(settings, name, limit)
        documents.kept = type(documents.kept)(settings.plan_cache)


@pytest.fixture
def bearer(province: Province) -> dict[str, str]:
    return {"authorization": f"Bearer {province.tokens['schoolA1']}"}


FRAGMENTS = """
    query { ...A schools { ...N } }
    fragment A on Query { a: students { totalCount } ...B }
    fragment B on Query { b: students { totalCount } regions { totalCount } }
    fragment N on SchoolConnection { totalCount @skip(if: false) x: totalCount }
"""
# By setting: the most that the document above holds of it.
HELD = {
    "depth_limit": 2,
    "root_limit": 4,
    "object_limit": 4,
    "alias_limit": 3,
    "directive_limit": 1,
    "selection_limit": 12,
    "fragment_limit": 3,
    "token_limit": None,
    "document_limit": len(FRAGMENTS),
}
WORDS = {
    "depth_limit": "depth",
    "root_limit": "root fields",
    "object_limit": "object fields",
    "alias_limit": "aliases",
    "directive_limit": "directives",
    "selection_limit": "selections",
    "fragment_limit": "fragments",
    "token_limit": "tokens",
    "document_limit": "characters",
}


@pytest.mark.parametrize("name", HELD)
async def test_a_document_may_hold_as_much_as_its_limit_and_no_more(
    app: Starlette, http: httpx.AsyncClient, bearer: dict[str, str], statements: list[str], name: str
) -> None:
    most = HELD[name] or len(FRAGMENTS.translate(str.maketrans(":{}():@", "       ")).split()) * 3
    with changed(app, **{name: most}):
        within = await http.post("/graphql", json={"query": FRAGMENTS}, headers=bearer)
    assert set(within.json()["data"]) == {"a", "b", "regions", "schools"}
    statements.clear()
    with changed(app, **{name: most - 1 if HELD[name] else 20}):
        beyond = await http.post("/graphql", json={"query": FRAGMENTS}, headers=bearer | {"accept-language": "en"})
    (error,) = beyond.json()["errors"]
    assert "data" not in beyond.json()
    assert error["extensions"]["code"] == "TOO_COMPLEX"
    assert WORDS[name] in error["message"]
    assert error["extensions"]["remedy"]
    assert [sent for sent in statements if "students" in sent] == []


@pytest.mark.parametrize(
    "text", ["{ regions {", "{ nobody }", "{ " + "a { " * 300 + "}" * 300 + " }", "{ a: viewer { name } " * 3_000 + "}"]
)
async def test_a_refused_document_keeps_nothing_of_the_requests_that_sent_it(
    app: Starlette, http: httpx.AsyncClient, bearer: dict[str, str], text: str
) -> None:
    answers = [(await http.post("/graphql", json={"query": text}, headers=bearer)).content for _ in range(5)]
    assert len(set(answers)) == 1
    known = app.state.hub.schema.documents.know(text)
    assert known.faults
    assert [fault.__traceback__ for fault in known.faults] == [None] * len(known.faults)
    assert [fault.original_error.__traceback__ for fault in known.faults if fault.original_error] in ([], [None])


async def test_the_same_place_is_asked_for_only_so_often(
    app: Starlette, http: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    query = "{ ...A ...A students { totalCount } } fragment A on Query { students { totalCount } }"
    with changed(app, overlap_limit=3):
        within = await http.post("/graphql", json={"query": query}, headers=bearer)
    with changed(app, overlap_limit=2):
        beyond = await http.post("/graphql", json={"query": query}, headers=bearer | {"accept-language": "en"})
    assert within.json()["data"] == {"students": {"totalCount": 6}}
    assert "fields of one place exceeds the limit of 2" in beyond.json()["errors"][0]["message"]


VALUES: list[tuple[str, int, Any, str]] = [
    ("value_limit", 8, {"x": [1, 2, 3], "y": {"z": [4, 5]}}, "values"),
    ("list_limit", 3, {"x": {"y": [1, 2, 3]}}, "length of a list"),
    ("nesting_limit", 3, {"x": [[1]]}, "levels"),
]


@pytest.mark.parametrize(("name", "most", "variables", "words"), VALUES)
async def test_variables_may_hold_as_much_as_their_limit_and_no_more(
    app: Starlette,
    http: httpx.AsyncClient,
    bearer: dict[str, str],
    statements: list[str],
    name: str,
    most: int,
    variables: Any,
    words: str,
) -> None:
    asked = {"query": QUERY, "variables": variables}
    with changed(app, **{name: most}):
        within = await http.post("/graphql", json=asked, headers=bearer)
    assert within.json()["data"] == {"students": {"totalCount": 6}}
    statements.clear()
    with changed(app, **{name: most - 1}):
        beyond = await http.post("/graphql", json=asked, headers=bearer | {"accept-language": "en"})
    (error,) = beyond.json()["errors"]
    assert (beyond.status_code, error["extensions"]["key"]) == (400, "VARIABLES_TOO_LARGE")
    assert words in error["message"]
    assert statements == []


async def test_a_list_of_the_document_is_as_long_as_one_of_the_variables(
    app: Starlette, http: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    query = "{ students(where: {grade: {in: [1, 2, 3]}}) { totalCount } }"
    with changed(app, list_limit=3):
        assert "data" in (await http.post("/graphql", json={"query": query}, headers=bearer)).json()
    with changed(app, list_limit=2):
        beyond = await http.post("/graphql", json={"query": query}, headers=bearer | {"accept-language": "en"})
    assert "length of a list exceeds the limit of 2" in beyond.json()["errors"][0]["message"]


async def test_an_answer_above_its_limit_is_not_sent(
    app: Starlette, http: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    query = "{ students { nodes { id name } } }"
    whole = await http.post("/graphql", json={"query": query}, headers=bearer)
    size = len(whole.content)
    with changed(app, answer_limit=size):
        assert (await http.post("/graphql", json={"query": query}, headers=bearer)).content == whole.content
    with changed(app, answer_limit=size - 1):
        beyond = await http.post("/graphql", json={"query": query}, headers=bearer)
    assert beyond.json()["errors"][0]["extensions"]["key"] == "ANSWER_TOO_LARGE"
    assert "data" not in beyond.json()


async def test_a_write_whose_answer_is_too_large_says_that_it_stands(
    app: Starlette, http: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    with changed(app, answer_limit=10):
        answer = await http.post("/graphql", json={"query": "mutation { signOut { ok } }"}, headers=bearer)
    assert answer.json()["errors"][0]["extensions"]["key"] == "ANSWER_TOO_LARGE"
    after = await http.post("/graphql", json={"query": "{ viewer { name } }"}, headers=bearer)
    assert after.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


MONSTERS = {
    "numbers": ({"query": QUERY, "variables": {"x": [7] * 490_000}}, "VARIABLES_TOO_LARGE"),
    "objects": ({"query": QUERY, "variables": {"x": [{}] * 300_000}}, "VARIABLES_TOO_LARGE"),
    "extensions": ({"query": QUERY, "extensions": {"x": [7] * 490_000}}, "VARIABLES_TOO_LARGE"),
    "duplicates": ({"query": "{ viewer { " + "name " * 20_000 + "} }"}, "TOO_COMPLEX"),
    "duplicates within the tokens": ({"query": "{ viewer { " + "name " * 3_900 + "} }"}, "TOO_COMPLEX"),
    "directives": ({"query": "{ viewer { name " + "@x " * 1_900 + "} }"}, "TOO_COMPLEX"),
    "aliases spread": (
        {
            "query": "{ "
            + " ".join(f"s{at}: schools {{ ...A }}" for at in range(20))
            + " } fragment A on SchoolConnection { "
            + " ".join(f"a{at}: totalCount" for at in range(50))
            + " }"
        },
        "TOO_COMPLEX",
    ),
    "roots spread": (
        {
            "query": "{ "
            + " ".join(f"...F{at}" for at in range(20))
            + " } "
            + " ".join(
                f"fragment F{at} on Query {{ "
                + " ".join(f"a{at}_{x}: schools {{ totalCount }}" for x in range(20))
                + " }"
                for at in range(20)
            )
        },
        "TOO_COMPLEX",
    ),
    "doubling fragments": (
        {
            "query": "{ ...F0 } "
            + " ".join(f"fragment F{at} on Query {{ ...F{at + 1} ...F{at + 1} }}" for at in range(50))
            + " fragment F50 on Query { schools { totalCount } }"
        },
        "TOO_COMPLEX",
    ),
    "a knot of fragments": (
        {
            "query": "{ ...F0 } "
            + " ".join(
                f"fragment F{at} on Query {{ " + " ".join(f"...F{x}" for x in range(40)) + " }" for at in range(40)
            )
        },
        "TOO_COMPLEX",
    ),
    "many fragments": (
        {
            "query": "{ schools { "
            + " ".join(f"...F{at}" for at in range(400))
            + " } } "
            + " ".join(f"fragment F{at} on SchoolConnection {{ totalCount }}" for at in range(400))
        },
        "TOO_COMPLEX",
    ),
}


@pytest.mark.parametrize("name", MONSTERS)
async def test_a_monster_is_refused_without_a_statement(
    http: httpx.AsyncClient, bearer: dict[str, str], statements: list[str], name: str
) -> None:
    body, key = MONSTERS[name]
    content = orjson.dumps(body)
    assert len(content) < DEFAULTS.body_limit
    await http.post("/graphql", json={"query": QUERY}, headers=bearer)
    statements.clear()
    answer = await http.post("/graphql", content=content, headers=bearer | {"content-type": "application/json"})
    assert {error["extensions"]["key"] for error in answer.json()["errors"]} == {key}
    assert [sent for sent in statements if "FROM sessions" not in sent] == []


# what is counted


NAMES = ["A", "B", "C", "D"]
FIELD = st.sampled_from(["x", "y", "k: x", "x @skip(if: true)"])


def sets(fragments: list[str]) -> st.SearchStrategy[str]:
    spread = [st.sampled_from([f"...{name}" for name in fragments])] if fragments else []
    leaf = st.one_of(FIELD, *spread)
    return st.recursive(
        st.lists(leaf, min_size=1, max_size=4).map(" ".join),
        lambda below: st.lists(
            st.one_of(below.map("o {{ {} }}".format), below.map("... @include(if: true) {{ {} }}".format), leaf),
            min_size=1,
            max_size=4,
        ).map(" ".join),
        max_leaves=8,
    )


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A document whose fragments spread only later ones."""
    parts = [f"query {{ {draw(sets(NAMES))} }}"]
    parts += [f"fragment {name} on Q {{ {draw(sets(NAMES[at + 1 :]))} }}" for at, name in enumerate(NAMES)]
    return " ".join(parts)


def expanded(text: str) -> dict[str, int]:
    """What the one operation holds, counted the plain way: every spread written out."""
    tree = parse(text)
    fragments = {part.name.value: part for part in tree.definitions if isinstance(part, FragmentDefinitionNode)}
    (operation,) = [part for part in tree.definitions if isinstance(part, OperationDefinitionNode)]
    found = {"depth": 0, "top": 0, "objects": 0, "selections": 0, "aliases": 0, "directives": 0}
    crowd: dict[tuple[str, ...], int] = {}

    def walk(selections: Any, place: tuple[str, ...]) -> None:
        for node in selections.selections:
            found["selections"] += 1
            found["directives"] += len(node.directives or ())
            if not isinstance(node, FieldNode):
                spread = fragments[node.name.value] if hasattr(node, "name") else node
                walk(spread.selection_set, place)
                continue
            here = (*place, (node.alias or node.name).value)
            crowd[here] = crowd.get(here, 0) + 1
            found["depth"] = max(found["depth"], len(here))
            found["top"] += not place
            found["aliases"] += node.alias is not None
            if node.selection_set:
                found["objects"] += 1
                walk(node.selection_set, here)

    walk(operation.selection_set, ())
    return found | {"crowd": max(crowd.values())}


@hypothesis.settings(max_examples=60)
@given(documents())
def test_what_is_counted_is_what_writing_every_fragment_out_would_count(text: str) -> None:
    spread = " ".join(f"z{name}: z {{ ...{name} }}" for name in NAMES)  # so that none is left over
    text = text.replace("query {", f"query {{ {spread} ", 1)
    measured = Measured(parse(text))
    whole = measured.whole
    assert {
        "depth": whole.depth,
        "top": measured.roots,
        "objects": whole.objects,
        "selections": whole.selections,
        "aliases": whole.aliases,
        "directives": whole.directives,
        "crowd": measured.crowd(),
    } == expanded(text)


def test_fragments_in_a_long_row_are_measured_or_refused() -> None:
    row = " ".join(f"fragment F{at} on Query {{ ...F{at + 1} }}" for at in range(600))
    refusal = measures.excess(parse(f"{{ ...F0 }} {row}"), replace(DEFAULTS, fragment_limit=10**6))
    assert refusal is not None


def test_the_introspection_of_every_tool_is_within_the_limits() -> None:
    documents = root.build(DEFAULTS).documents
    for options in ({}, {"input_value_deprecation": True, "specified_by_url": True, "schema_description": True}):
        assert documents.know(get_introspection_query(**options)).faults == ()


def test_a_limit_says_its_name_and_its_remedy_in_both_languages() -> None:
    error = TooComplex("TOO_COMPLEX", what="层数 depth", limit=3)
    assert "depth" in error.text("en")
    assert "3" in error.text("zh")
    assert error.remedy("zh")
