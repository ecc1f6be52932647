"""The files of the page, without a browser: built from the sources at hand, local, small, right in what they ask."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from policies import Role

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "hub" / "static" / "graphiql"
SOURCES = ROOT / "web" / "graphiql"
SCHEMA = ROOT / "schema" / "schema.graphql"


def sources_hash() -> str:
    """What web/graphiql/build.mjs writes: every source's name and content, sorted by name."""
    names = [f"src/{path.name}" for path in (SOURCES / "src").iterdir()]
    names += ["build.mjs", "index.html", "package.json", "package-lock.json", "tsconfig.json"]
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(name.encode() + (SOURCES / name).read_bytes())
    return digest.hexdigest()


def operations() -> dict[str, str]:
    """The GraphQL texts of the page, by operation name."""
    text = "".join((SOURCES / "src" / name).read_text("utf-8") for name in ("hub.ts", "examples.ts"))
    found = re.findall(r"[`\"]((?:query|mutation) (\w+).*?)[`\"](?:;|,\n)", text, re.DOTALL)
    return {f"{index} {name}": operation for index, (operation, name) in enumerate(found)}


def test_the_built_page_is_built_from_these_sources() -> None:
    assert (BUILT / "sources.sha256").read_text().strip() == sources_hash()


def test_the_page_names_local_files_only_and_all_of_them_exist() -> None:
    html = (BUILT / "index.html").read_text("utf-8")
    addresses = re.findall(r'(?:src|href)="([^"]*)"', html)
    files = [address for address in addresses if address != "data:,"]
    assert len(files) == 2
    for address in files:
        assert (BUILT.parent / address.removeprefix("/static/")).is_file(), address
    assert "://" not in html
    assert not re.search(r"<script(?![^>]*\ssrc=)", html)


def test_the_styles_load_nothing() -> None:
    for path in BUILT.glob("*.css"):
        assert set(re.findall(r"url\((.{5})", path.read_text("utf-8"))) <= {"data:"}
        assert "@import" not in path.read_text("utf-8")


def test_the_page_is_small_enough_for_a_slow_line() -> None:
    assert sum(path.stat().st_size for path in BUILT.glob("page-*")) < 2_000_000


def test_the_lock_file_names_no_registry() -> None:
    text = (SOURCES / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in text
    packages = json.loads(text)["packages"]
    assert all("integrity" in about for name, about in packages.items() if name)


def test_every_operation_of_the_page_is_valid() -> None:
    schema = build_schema(SCHEMA.read_text("utf-8"))
    found = operations()
    assert len(found) == 16
    problems = {name: validate(schema, parse(text)) for name, text in found.items()}
    assert {name: errors for name, errors in problems.items() if errors} == {}


@pytest.mark.parametrize("role", Role)
def test_the_page_calls_every_role_by_its_title(role: Role) -> None:
    assert f'{role.value}: ["{role.chinese}", ' in (SOURCES / "src" / "words.ts").read_text("utf-8")
