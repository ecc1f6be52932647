"""The shape of the code, held by reading it: docstrings, one clock, one environment, one place for paths, messages."""

import ast
import re
import shutil
import string
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLSchema, GraphQLUnionType, build_schema
from graphql.type import is_introspection_type, is_specified_scalar_type

from hub import catalogue, errors
from hub.intake import messages

ROOT = Path(__file__).parents[1]
ROOMS = ("hub", "schema", "policies", "loaders", "migrations")
FILES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text()) for room in ROOMS for path in (ROOT / room).rglob("*.py")
}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
MESSAGES = catalogue.MESSAGES | messages.MESSAGES
# Written in two halves so that this file does not find itself.
NOT_OURS = re.compile("/wo" + "rk/|/ro" + "ot/|/ho" + r"me/\w|registry\.np" + "mjs|python" + "hosted|index-u" + "rl")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an expression; empty if it is none."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def uses(pattern: str, *allowed: str) -> list[str]:
    """Where a name or attribute matches, outside the allowed files."""
    return [
        f"{file}:{node.lineno} {dotted(node)}"
        for file, tree in FILES.items()
        if file not in allowed
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name) and re.search(pattern, dotted(node))
    ]


def public(tree: ast.Module) -> Iterator[ast.Module | ast.ClassDef | Function]:
    """The module, and every function, class and method whose name is not private."""
    yield tree
    bodies = [tree.body]
    for body in bodies:
        for node in body:
            if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
                if not any(dotted(mark).endswith(("overload", ".setter")) for mark in node.decorator_list):
                    yield node
                if isinstance(node, ast.ClassDef):
                    bodies.append(node.body)


def test_everything_public_says_what_it_is():
    assert [
        f"{file}: {getattr(node, 'name', 'module')}"
        for file, tree in FILES.items()
        for node in public(tree)
        if not ast.get_docstring(node)
        and not (file.startswith("migrations/versions/") and isinstance(node, Function))  # named by alembic
    ] == []


def test_only_settings_reads_the_environment():
    assert uses(r"^os\.(environb?|getenv|putenv)\b", "hub/settings.py") == []


def test_only_the_clock_reads_the_time_of_day():
    wanted = r"\b(datetime|date)\.(now|utcnow|today)$|\btime\.(time|time_ns|localtime|gmtime)$"
    assert uses(wanted, "hub/clock.py") == []


def test_only_paths_compares_paths():
    named = re.compile(r"(^|[._])(path|root)$")
    found = []
    for file, tree in FILES.items():
        if file in ("hub/paths.py", "policies/reach.py") or file.startswith(("migrations/", "hub/postgres/")):
            continue  # policies import nothing of ours; migrations keep the words of their day; folders are no places
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                wrong = node.func.attr in {"startswith", "like", "ilike"} and named.search(dotted(node.func.value))
            elif isinstance(node, ast.Compare):
                sides = [dotted(side) for side in (node.left, *node.comparators)]
                ranged = any(isinstance(how, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for how in node.ops)
                wrong = ranged and any(map(named.search, sides))
            else:
                wrong = isinstance(node, ast.Constant) and re.search(r"\bpath\s+(LIKE|>=|<|\^@)", str(node.value))
            if wrong:
                found.append(f"{file}:{node.lineno} {ast.unparse(node)[:80]}")
    assert found == []


def raised() -> Iterator[tuple[str, str, set[str] | None]]:
    """Every refusal with a literal key: where, its key, and the values given (None: only known at run time)."""
    kinds = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.HubError)
    }
    for file, tree in FILES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] in kinds and node.args:
                key, names = node.args[0], {word.arg for word in node.keywords}
                if isinstance(key, ast.Constant):
                    given = None if None in names else {name for name in names if name}
                    yield f"{file}:{node.lineno}", str(key.value), given


def test_every_refusal_has_a_message_and_the_values_it_needs():
    found = list(raised())
    assert [(place, key) for place, key, _ in found if key not in catalogue.MESSAGES] == []
    lacking = [
        (place, key, missing)
        for place, key, given in found
        if given is not None and (missing := _both(catalogue.MESSAGES[key]) - given)
    ]
    assert lacking == []


def test_a_key_of_the_catalogue_belongs_to_one_part():
    assert sum(map(len, catalogue.PARTS)) == len(catalogue.MESSAGES)


def _braces(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def _both(message: catalogue.Message) -> set[str]:
    return _braces(message.zh) | _braces(message.remedy_zh)


@pytest.mark.parametrize("key", MESSAGES)
def test_every_message_says_the_same_in_chinese_and_english(key):
    message = MESSAGES[key]
    for chinese, english in ((message.zh, message.en), (message.remedy_zh, message.remedy_en)):
        assert CHINESE.search(chinese)
        assert re.search("[A-Za-z]{3}", english), "English may quote a word of the sheet, but is English"
        assert _braces(chinese) == _braces(english)


def described(schema: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    """Every type, field, argument, input field and enum value of our own, with its description."""
    for kind in schema.type_map.values():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        yield kind.name, kind.description
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{kind.name}.{name}", value.description) for name, value in kind.values.items())
        elif not isinstance(kind, GraphQLUnionType):
            for name, field in getattr(kind, "fields", {}).items():
                yield f"{kind.name}.{name}", field.description
                if not isinstance(kind, GraphQLInputObjectType):
                    for word, argument in field.args.items():
                        yield f"{kind.name}.{name}({word})", argument.description


def test_everything_in_the_graphql_schema_is_described_with_its_chinese_term():
    schema = build_schema((ROOT / "schema/schema.graphql").read_text())
    assert [name for name, text in described(schema) if not CHINESE.search(text or "")] == []


def test_nothing_tracked_names_a_machine_or_a_registry():
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        tracked = [path for room in (*ROOMS, "tests", "docs") for path in (ROOT / room).rglob("*") if path.is_file()]
    else:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        tracked = [ROOT / name for name in listed.stdout.split("\0") if name]
    found = []
    for path in tracked:
        if path.is_file() and path.suffix not in {".pyc", ".xlsx", ".png"}:
            lines = path.read_text(errors="replace").splitlines()
            found += [f"{path}:{number}" for number, line in enumerate(lines, 1) if NOT_OURS.search(line)]
    assert found == []


def test_sizes_are_reported(capsys):
    long = [
        f"{file} has {lines} lines" for file in FILES if (lines := len((ROOT / file).read_text().splitlines())) > 500
    ]
    long += [
        f"{file}:{node.lineno} {node.name} has {lines} lines"
        for file, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, Function) and (lines := (node.end_lineno or 0) - node.lineno + 1) > 60
    ]
    assert FILES
    with capsys.disabled():
        for line in long:
            print(f"\n  size: {line}", end="")  # noqa: T201  the report is the point
