"""Whatever is sent is answered with a code a client can act on, and with nothing of the machine inside."""

import re
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Ask
from tests.province import Province

INSIDE = re.compile(r"Traceback|SELECT |asyncpg|sqlalchemy|site-packages|psycopg|INTERNAL", re.IGNORECASE)
DEEP = "parent { " * 50 + "name" + " }" * 50
ROUND = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"

LONG = "9" * 4_301
"""A number longer than Python reads."""
DOCUMENTS = [
    ("", "BAD_REQUEST"),
    ("   ", "BAD_REQUEST"),
    ("{", "BAD_DOCUMENT"),
    ("}", "BAD_DOCUMENT"),
    ("{ schools { nodes { name } }", "BAD_DOCUMENT"),
    ("query", "BAD_DOCUMENT"),
    ("{ nothing }", "BAD_DOCUMENT"),
    ("{ schools }", "BAD_DOCUMENT"),
    ("{ schools { nodes { name { first } } } }", "BAD_DOCUMENT"),
    ("{ schools { nodes { idNumber } } }", "BAD_DOCUMENT"),
    ("{ schools(where: 1) { totalCount } }", "BAD_DOCUMENT"),
    ('{ schools(first: "1") { totalCount } }', "BAD_DOCUMENT"),
    ("{ schools(first: 1.5) { totalCount } }", "BAD_DOCUMENT"),
    ("{ students(where: {state: {in: [HAPPY]}}) { totalCount } }", "BAD_DOCUMENT"),
    ('{ students(where: {state: {in: ["IN_SCHOOL"]}}) { totalCount } }', "BAD_DOCUMENT"),
    ("{ students(where: {state: {in: [null]}}) { totalCount } }", "BAD_DOCUMENT"),
    ("{ school(code: 2114000001) { name } }", "BAD_DOCUMENT"),
    ("{ region { name } }", "BAD_ONE_OF"),
    ("{ student(id: $id) { name } }", "BAD_DOCUMENT"),
    ("query($id: ID!) { student(id: $id) { name } }", "BAD_DOCUMENT"),
    ("query($x: Nothing) { viewer { name } }", "BAD_DOCUMENT"),
    ("{ viewer { ...Missing } }", "BAD_DOCUMENT"),
    ("{ viewer { name @nothing } }", "BAD_DOCUMENT"),
    ("{ viewer { ... @defer { name } } }", "BAD_DOCUMENT"),
    ("{ a: schools { totalCount } a: students { totalCount } }", "BAD_DOCUMENT"),
    (ROUND, "BAD_DOCUMENT"),
    ("subscription { viewer { name } }", "BAD_DOCUMENT"),
    ('subscription { importJob(id: "import:1") { id } }', "SUBSCRIBE_BY_SOCKET"),
    ("fragment F on Query { viewer { name } }", "BAD_DOCUMENT"),
    ("type T { a: Int }", "BAD_DOCUMENT"),
    (f'{{ region(code: "14") {{ {DEEP} }} }}', "TOO_COMPLEX"),
    ("{" * 5000 + "}" * 5000, "BAD_DOCUMENT"),
    ("{ a " * 1900 + "}" * 1900, "BAD_DOCUMENT"),
    ("{ " + " ".join(f"a{at}: schools {{ totalCount }}" for at in range(1000)) + " }", "TOO_COMPLEX"),
    ("{ viewer { " + "name " * 20_000 + "} }", "TOO_COMPLEX"),
    ("{ students(where: {state: {in: [" + "DEAD " * 200_000 + "]}}) { totalCount } }", None),
    ("{ schools { " + " ".join(f"a{at}: nodes {{ id }}" for at in range(51)) + " } }", "TOO_COMPLEX"),
    (
        "{ schools(first: 100) { nodes { classes(first: 100) { nodes { students(first: 100) { totalCount } } } } } }",
        "TOO_COMPLEX",
    ),
    ('{ student(id: "") { name } }', "BAD_ID"),
    ('{ student(id: "5") { name } }', "BAD_ID"),
    ("{ student(id: 5) { name } }", "BAD_ID"),
    ('{ student(id: "school:5") { name } }', "BAD_ID"),
    ('{ student(id: "student:") { name } }', "BAD_ID"),
    ('{ student(id: "student:-5") { name } }', "BAD_ID"),
    ('{ student(id: "student:5 ") { name } }', "BAD_ID"),
    ('{ student(id: "student:٥") { name } }', "BAD_ID"),
    ('{ student(id: "student:²") { name } }', "BAD_ID"),
    ('{ student(id: "student:9999999999999999999") { name } }', "BAD_ID"),
    ('{ student(id: "student:999999999999999999") { name } }', "NOT_FOUND"),
    ('{ schoolClass(id: "student:5") { name } }', "BAD_ID"),
    ('{ school(id: "region:5") { name } }', "BAD_ID"),
    ('{ school(code: "\\u0000") { name } }', "BAD_TEXT"),
    ('{ school(code: "\\u{0}") { name } }', "BAD_TEXT"),
    ('{ school(code: "\\u{0000}") { name } }', "BAD_TEXT"),
    ('{ school(code: "\\ud800") { name } }', "BAD_DOCUMENT"),
    ('{ school(code: "\\u{d800}") { name } }', "BAD_DOCUMENT"),
    ('{ school(code: "\' OR 1=1 --") { name } }', "NOT_FOUND"),
    (f"{{ students(first: {LONG}) {{ totalCount }} }}", "BAD_DOCUMENT"),
    (f"{{ students(first: -{LONG}) {{ totalCount }} }}", "BAD_DOCUMENT"),
    (f"query($n: Int = {LONG}) {{ students(first: $n) {{ totalCount }} }}", "BAD_DOCUMENT"),
    (f"{{ students(where: {{grade: {{eq: {LONG}}}}}) {{ totalCount }} }}", "BAD_DOCUMENT"),
    ('{ school(code: "%") { name } }', "NOT_FOUND"),
    ('{ school(code: "") { name } }', "NOT_FOUND"),
    ('{ region(code: "~") { name } }', "NOT_FOUND"),
    ('{ students(within: "") { totalCount } }', "NOT_FOUND"),
    ('{ students(within: "140105.2114000001") { totalCount } }', "NOT_FOUND"),
    ('{ students(within: "1401~") { totalCount } }', "NOT_FOUND"),
    ('{ students(within: "１４") { totalCount } }', "NOT_FOUND"),
]


@pytest.mark.parametrize(("query", "key"), DOCUMENTS, ids=[document[:40] or "empty" for document, _ in DOCUMENTS])
async def test_a_bad_document_is_refused_with_its_code(ask: Ask, query: str, key: str | None) -> None:
    answer = await ask("prov", query)
    assert not any((answer.get("data") or {}).values())
    found = {error["extensions"]["key"] for error in answer["errors"]}
    assert found == {key or "BODY_TOO_LARGE"}
    assert not INSIDE.search(str(answer))


BODIES: list[tuple[bytes, str]] = [
    (b"", "BAD_REQUEST"),
    (b"null", "BAD_REQUEST"),
    (b"[]", "BATCH_REFUSED"),
    (b'[{"query": "{ viewer { name } }"}]', "BATCH_REFUSED"),
    (b'{"query": 5}', "BAD_REQUEST"),
    (b'{"query": null}', "BAD_REQUEST"),
    (b'{"query": "{ viewer { name } }", "variables": []}', "BAD_REQUEST"),
    (b'{"query": "{ viewer { name } }", "variables": "{}"}', "BAD_REQUEST"),
    (b'{"query": "{ viewer { name } }", "operationName": 1}', "BAD_REQUEST"),
    (b'{"query": "query A { viewer { name } }", "operationName": "B"}', "BAD_DOCUMENT"),
    (b'{"query": "{ viewer { name } }", "variables": {"a": "\\ud800"}}', "BAD_REQUEST"),
    (b'{"query": "{ viewer { name } } #\\udfff"}', "BAD_REQUEST"),
    (b'{"query": "{ viewer { name } }", "variables": {"a": "\\u0000"}}', "BAD_TEXT"),
    (b'{"query": "{ viewer { name } }", "variables": {"a": "\xff"}}', "BAD_REQUEST"),
    (b'{"query": "{ viewer { name } }", "variables": {"a": NaN}}', "BAD_REQUEST"),
    (b"[" * 100_000, "BAD_REQUEST"),
    (b'{"query": "{ viewer { name } }", "variables": ' + b'{"a":' * 50_000, "BAD_REQUEST"),
    (b'{"query": "' + b" " * 2_000_000 + b'"}', "BODY_TOO_LARGE"),
]


@pytest.mark.parametrize(("body", "key"), BODIES, ids=range(len(BODIES)))
async def test_a_bad_body_is_refused_with_its_code(
    http: httpx.AsyncClient, province: Province, body: bytes, key: str
) -> None:
    headers = {"authorization": f"Bearer {province.tokens['prov']}", "content-type": "application/json"}
    answer = await http.post("/graphql", content=body, headers=headers)
    assert [error["extensions"]["key"] for error in answer.json()["errors"]] == [key]
    assert not INSIDE.search(answer.text)


VARIABLES: list[tuple[str, str, Any]] = [
    ("ID!", "student(id: $v)", None),
    ("ID!", "student(id: $v)", {"a": 1}),
    ("ID!", "student(id: $v)", [1]),
    ("ID!", "student(id: $v)", True),
    ("ID!", "student(id: $v)", 1.5),
    ("String!", "school(code: $v)", 2114000001),
    ("String!", "school(code: $v)", ["2114000001"]),
    ("Int", "students(first: $v)", "1"),
    ("Int", "students(first: $v)", 2**31),
    ("Int", "students(first: $v)", 1.5),
    ("Int", "students(first: $v)", True),
    ("Int", "students(first: $v)", -1),
    ("String", "students(after: $v)", 5),
    ("String", "students(after: $v)", "x" * 100_000),
    ("[EnrolmentState!]", "students(where: {state: {in: $v}})", ["HAPPY"]),
    ("[EnrolmentState!]", "students(where: {state: {in: $v}})", [None]),
    ("[EnrolmentState!]", "students(where: {state: {in: $v}})", 5),
    ("[EnrolmentState!]", "students(where: {state: {in: $v}})", {"IN_SCHOOL": True}),
]


@pytest.mark.parametrize(("kind", "field", "value"), VARIABLES, ids=range(len(VARIABLES)))
async def test_a_bad_variable_is_refused(ask: Ask, kind: str, field: str, value: Any) -> None:
    answer = await ask("prov", f"query($v: {kind}) {{ {field} {{ __typename }} }}", {"v": value})
    assert not any((answer.get("data") or {}).values())
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_INPUT"}
    assert not INSIDE.search(str(answer))


TEXT = st.one_of(
    st.text(max_size=30),
    st.text("0123456789.:~%_'\"\\-", max_size=24),
    st.builds("student:{}".format, st.integers(-(2**70), 2**70)),
)
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False, allow_infinity=False), TEXT
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=5,
)
TAKING = [
    ("ID", "student(id: $v) { name }"),
    ("String", "student(studentNumber: $v) { name }"),
    ("String", "school(code: $v) { name }"),
    ("String!", "region(code: $v) { name }"),
    ("String", "students(within: $v) { totalCount }"),
    ("String", "students(first: 1, after: $v) { nodes { id } }"),
    ("Int", "students(last: $v) { nodes { id } }"),
    ("[EnrolmentState!]", "students(where: {state: {in: $v}}) { totalCount }"),
]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(taking=st.sampled_from(TAKING), value=st.one_of(TEXT, JSON))
async def test_no_value_of_a_variable_breaks_the_hub(ask: Ask, taking: tuple[str, str], value: Any) -> None:
    kind, field = taking
    answer = await ask("schoolA1", f"query($v: {kind}) {{ {field} }}", {"v": value})
    found = {error["extensions"]["code"] for error in answer.get("errors", [])}
    assert found <= {"BAD_INPUT", "NOT_FOUND"}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text('{}()[]:!$@"\\#,. \n\tabcschoolsnodesidname0123456789-_&|=中\ufeff', max_size=60))
async def test_no_text_of_a_document_breaks_the_hub(ask: Ask, text: str) -> None:
    for document in (text, f"{{ schools {{ nodes {{ name {text} }} }} }}"):
        answer = await ask("schoolA1", document)
        found = {error["extensions"]["code"] for error in answer.get("errors", [])}
        assert found <= {"BAD_INPUT", "TOO_COMPLEX", "NOT_FOUND"}
        assert not INSIDE.search(str(answer))
