"""The pages say what the code does: generated ones equal it, and what the others name exists."""

import re
import runpy
from dataclasses import fields
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from hub import cli
from hub.catalogue import MESSAGES
from hub.intake import messages
from hub.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = runpy.run_path(str(ROOT / "docs/generate.py"))["PAGES"]
WRITTEN = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
ROOMS = ("hub", "schema", "policies", "loaders", "migrations", "tests", "docs", "web", "benchmarks")
MADE = {"benchmarks/out"}  # appears when the benchmarks run


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def quoted(page):
    """What stands in backticks outside code blocks, word by word."""
    prose = re.sub(r"^```.*?^```|^ {4}[^\n]*$", "", page, flags=re.MULTILINE | re.DOTALL)
    return [word.rstrip(",") for span in re.findall(r"`([^`\n]+)`", prose) for word in span.split()]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_what_the_code_says(name):
    assert text(f"docs/{name}") == PAGES[name](), "run .venv/bin/python docs/generate.py"


@pytest.mark.parametrize("key", MESSAGES)
def test_every_error_is_documented(key):
    assert f"| `{key}` |" in text("docs/errors.md")


@pytest.mark.parametrize("code", messages.MESSAGES)
def test_every_rule_of_a_row_is_documented(code):
    assert f"| `{code}` |" in text("docs/rules.md")


@pytest.mark.parametrize("knob", [knob.name for knob in fields(Settings)])
def test_every_setting_is_documented(knob):
    assert f"| `HUB_{knob.upper()}` |" in text("docs/settings.md")


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_settings_that_a_page_names_exist(page):
    named = set(re.findall(r"\bHUB_[A-Z_]+\b", page.read_text(encoding="utf-8")))
    assert named - {f"HUB_{knob.name.upper()}" for knob in fields(Settings)} == set()


def test_the_queries_of_the_readme_are_valid():
    schema = build_schema(text("schema/schema.graphql"))
    queries = blocks(text("README.md"), "graphql")
    assert queries
    assert [validate(schema, parse(query)) for query in queries] == [[] for _ in queries]


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "DECISIONS.md", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_path_a_page_names_exists(name):
    words = quoted(text(name))
    named = {word.rstrip("/") for word in words if word.split("/")[0] in ROOMS and "/" in word and "YYYY" not in word}
    assert [path for path in sorted(named - MADE) if not (ROOT / path).exists()] == []


def test_the_page_of_the_rooms_names_paths():
    assert len([word for word in quoted(text("ARCHITECTURE.md")) if "/" in word and word.split("/")[0] in ROOMS]) > 40


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_make_targets_that_a_page_names_exist(page):
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), flags=re.MULTILINE))
    written = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^ {4})make ([a-z]+)", written, flags=re.MULTILINE))
    assert named - targets == set()


def test_the_readme_names_every_command_and_no_other():
    known = {command.name or command.callback.__name__ for command in cli.app.registered_commands}
    for group in cli.app.registered_groups:
        known |= {f"{group.name} {command.name}" for command in group.typer_instance.registered_commands}
    assert set(re.findall(r"^\| `hub ((?:verify|trial) [a-z]+|[a-z]+)", text("README.md"), flags=re.MULTILINE)) == known


def test_the_readme_names_the_two_commands():
    assert {"demo", "test"} <= set(re.findall(r"^ {4}make ([a-z]+)", text("README.md"), flags=re.MULTILINE))
