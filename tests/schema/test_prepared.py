"""Prepared operations answer byte for byte as the executor does, errors included."""

from typing import Any

import httpx
import pytest
from graphql import is_non_null_type, parse
from starlette.applications import Starlette

from schema.prepared import PLAIN, prepare
from tests.conftest import Ask
from tests.province import Province

DOCUMENTS: list[tuple[str, dict[str, Any]]] = [
    ("{ students(first: 3) { totalCount nodes { name idNumber presentAddress } } }", {}),
    ("query($c: String!) { school(code: $c) { name classes { nodes { name } } } }", {"c": "2114000001"}),
    ("query($c: String!) { school(code: $c) { name } }", {"c": "9999999999"}),
    ("query($c: String!) { school(code: $c) { name } }", {"c": 5}),
    ("query($c: String!) { school(code: $c) { name } }", {}),
    ("query($a: Boolean!) { students(first: 1) @include(if: $a) { totalCount } schools { totalCount } }", {"a": True}),
    ("query($a: Boolean!) { students(first: 1) @include(if: $a) { totalCount } schools { totalCount } }", {"a": False}),
    ("query($a: Boolean!) { students(first: 1) @include(if: $a) { totalCount } }", {"a": False}),
    ("{ ...F } fragment F on Query { schools { nodes { code } } b: regions(first: 1) { nodes { code } } }", {}),
    ('{ a: school(code: "2114000001") { name } b: school(code: "2114000003") { name } c: school { name } }', {}),
    ('{ student(id: "nothing") { name } students(first: 9999) { totalCount } schools { totalCount } }', {}),
    ('{ students(where: {idNumber: {eq: "1"}}) { totalCount } problemRecords { totalCount } }', {}),
    ("query($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }", {"ids": ["student:1", "school:99999999"]}),
    ("query($ids: [ID!]!) { nodes(ids: $ids) { id } schools { totalCount } }", {"ids": ["bad"]}),
    ("{ headcounts(groupBy: [SEX], states: [IN_SCHOOL]) { sex students } }", {}),
    ("{ problemRecords { nodes { candidates { name } } } }", {}),
    ("query($w: StudentFilter) { students(where: $w) { nodes { name } } }", {"w": {"grade": {"eq": None}}}),
    ("query($w: StudentFilter) { students(where: $w) { nodes { name } } }", {"w": {"grade": {"in": [1]}}}),
    ("query A { schools { totalCount } } query B { regions { totalCount } }", {}),
    ("{ viewer { username } schools { totalCount } }", {}),
    ("{ __typename schools { totalCount } }", {}),
    ("query($n: String!) { __type(name: $n) { name } __schema { queryType { name } } }", {"n": "School"}),
    ('{ cases(within: "99") { totalCount } }', {}),
    ('{ schools(after: "x") { nodes { name } } }', {}),
]


@pytest.mark.parametrize(("query", "given"), DOCUMENTS, ids=range(len(DOCUMENTS)))
async def test_the_third_answer_is_the_first(
    app: Starlette, http: httpx.AsyncClient, province: Province, query: str, given: dict[str, Any]
) -> None:
    documents = app.state.hub.schema.documents
    for caller in ("schoolA1", "prov", "reviewerA", "dash", "teacherA1-1", None):
        headers = {"authorization": f"Bearer {province.tokens[caller]}"} if caller else {}
        body = {"query": query, "variables": given}
        documents.kept._entries.clear()
        documents.kept.bytes = 0
        first, second, third = [await http.post("/graphql", json=body, headers=headers) for _ in range(3)]
        assert first.content == second.content == third.content
        assert first.status_code == third.status_code


async def test_a_compiled_query_needs_no_executor(
    app: Starlette, ask: Ask, province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    for query in ("{ schools { nodes { name } } }", "query B { regions { totalCount } students { totalCount } }"):
        first = await ask("countyA", query)

        async def none(*_: Any, **__: Any) -> Any:
            raise AssertionError("the executor was asked")

        with monkeypatch.context() as patch:
            patch.setattr(type(app.state.hub.schema), "execute", none)
            assert await ask("countyA", query) == first


def test_every_root_field_is_compiled_or_named_as_plain(app: Starlette) -> None:
    schema = app.state.hub.schema._schema
    for name, root in schema.query_type.fields.items():
        declared = root.extensions["strawberry-definition"]
        told = {"importFaults", "importReturn", "template"}  # texts in the caller's language, and signed links
        plain = declared.base_resolver.wrapped_func.__module__ in {"schema.account", "schema.trial"} or name in told
        assert plain == (name in PLAIN), name
        # One root field that is refused leaves the others standing.
        assert plain or not is_non_null_type(root.type), name


def test_a_mutation_is_never_prepared(app: Starlette) -> None:
    schema = app.state.hub.schema._schema
    assert prepare(schema, parse("mutation { signOut { done } }"), None) is None
    assert prepare(schema, parse("query A { schools { totalCount } } query B { regions { totalCount } }"), None) is None
