"""What the race asks can be asked, and answers that are the same count as the same."""

from pathlib import Path

import pytest
import strawberry
from graphql import build_schema, parse, validate

from benchmarks import race
from benchmarks.peers import plain
from benchmarks.peers.queries import QUERIES

SDL = Path(__file__).parents[1] / "schema/schema.graphql"


@pytest.mark.parametrize("name", QUERIES)
def test_the_queries_are_valid(name):
    assert validate(build_schema(SDL.read_text(encoding="utf-8")), parse(QUERIES[name].hub)) == []
    peer = strawberry.Schema(plain.Query)
    assert validate(build_schema(peer.as_str()), parse(QUERIES[name].strawberry)) == []
    parse(QUERIES[name].postgraphile)


def test_the_roster_comes_first():
    assert next(iter(QUERIES)) == "roster"


def test_answers_are_compared_as_sets_of_values():
    hub = {"id": "student:7", "nodes": {"nodes": [{"a": 1}, {"a": 2}]}, "headcounts": [{"students": 3}]}
    peer = {"nodes": [{"a": 2}, {"a": 1}], "headcounts": {"students": 3}, "id": 7}
    assert race.plain(hub) == race.plain(peer)
    moment = {"at": "2026-09-01T08:00:00+08:00"}
    assert race.plain(moment) == race.plain({"at": "2026-09-01T00:00:00+00:00"})


@pytest.mark.parametrize(
    "other", [{"a": [1]}, {"a": [1, 1, 2]}, {"a": [1, 3]}, {"a": [1, 2], "b": None}, {"a": ["1", 2]}]
)
def test_answers_that_differ_are_told(other):
    assert race.plain({"a": [1, 2]}) != race.plain(other)
