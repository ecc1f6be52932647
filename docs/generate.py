"""Writes docs/errors.md, docs/settings.md and docs/policy.md from the code; `tests/test_docs.py` holds them to it.

Run `.venv/bin/python docs/generate.py` at the root of the repository after a message, a setting or a role changed.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

import policies  # noqa: E402 -- the root of the repository has just been added
from hub.catalogue import MESSAGES as REFUSALS  # noqa: E402
from hub.catalogue import Message  # noqa: E402
from hub.intake.messages import MESSAGES as ROW_FAULTS  # noqa: E402
from hub.settings import Settings  # noqa: E402

_ERRORS = """# Errors 错误代码

A refusal is an entry of `errors`. Its `message` says what happened, `extensions.remedy` what to do about it, in Chinese
or, where the header `Accept-Language` prefers it, in English. `extensions.code` is the class of error, for programs;
`extensions.key` names the one message. `extensions.field` names the input field, where one is at fault.

What lies outside your area and what does not exist get the same answer, `NOT_FOUND`: asking never reveals whether
something exists elsewhere. An `INTERNAL` error carries a reference that stands in the log.

Words in braces are filled in at run time.

"""
_ROWS = """
## Faults of rows 行错误

`importWorkbook` and `hub import` answer these for each cell at fault: row, column letter, header, code, message and
remedy. A row with a fault is not taken; the sound rows of the same workbook are.

"""
_SETTINGS = """# Settings 配置

Every setting has a default and is read from the environment once, at the start. A value that does not parse stops the
start with a sentence that names the variable. Switches take `1`, `true`, `0` or `false`.

| Variable | Default | Meaning |
|---|---|---|
"""
_POLICY = """# Roles and rights 角色与权限

A grant (授权) joins an account to a role (角色) at a place, a school or a class: its root. A request acts under one
role, with all roots the person holds for it: the role the header `Hub-Role` names, or else that of the first grant.

Rights are lines of [policies/policy.csv](../policies/policy.csv):

    p, role, object[.field], action, reach, effect

What no line allows is forbidden. A denial outweighs every permission. A line on an object covers all its fields. A
field is masked (脱敏) by denying its `read` and allowing its `mask`. The policy in force is the newest row of the table
`policy_versions`; the shipped one stands there from the first start.

Some things no policy text can grant (三员分立, see `policies/bounds.py`): an auditor gets the log only; a dashboard
gets counts and the names of places only; an account administrator gets accounts, grants and the names of places only.
A policy that says otherwise does not load.

"""


def errors() -> str:
    """The text of docs/errors.md."""
    head = "| Key | Code | 说明 Message | 处理 Remedy |\n|---|---|---|---|\n"
    return _ERRORS + head + _messages(REFUSALS, coded=True) + _ROWS + _row_head() + _messages(ROW_FAULTS, coded=False)


def settings() -> str:
    """The text of docs/settings.md."""
    lines = (
        f"| `HUB_{knob.name.upper()}` | {_default(knob.default)} | {_cell(knob.metadata['doc'])} |"
        for knob in fields(Settings)
    )
    return _SETTINGS + _lines(lines)


def policy() -> str:
    """The text of docs/policy.md."""
    roles = (
        f"| `{role.value}` | {role.chinese} | {', '.join(level.name.lower() for level in sorted(role.levels))} |"
        for role in policies.Role
    )
    reaches = (f"| `{reach.value}` | {_doc(policies.Reach)[reach.name]} |" for reach in policies.Reach)
    objects = (
        f"| `{name}` | {noun.chinese} | {' '.join(sorted(action.value for action in noun.actions))} |"
        for name, noun in sorted(policies.OBJECTS.items())
    )
    return (
        _POLICY
        + "## Roles 角色\n\n| Role | 名称 | May be granted at |\n|---|---|---|\n"
        + _lines(roles)
        + "\n## Reaches 范围\n\n| Reach | Meaning |\n|---|---|\n"
        + _lines(reaches)
        + "\n## Objects and actions 对象与动作\n\nSeveral of these have no deed yet: the policy names them ahead.\n\n"
        + "| Object | 名称 | Actions |\n|---|---|---|\n"
        + _lines(objects)
    )


PAGES: dict[str, Callable[[], str]] = {"errors.md": errors, "settings.md": settings, "policy.md": policy}
"""Every generated page, and how its text is made."""


def _messages(messages: Mapping[str, Message], *, coded: bool) -> str:
    return _lines(
        f"| `{key}` |{f' `{message.code}` |' if coded else ''} {_cell(message.zh)}<br>{_cell(message.en)} "
        f"| {_cell(message.remedy_zh)}<br>{_cell(message.remedy_en)} |"
        for key, message in sorted(messages.items())
    )


def _row_head() -> str:
    return "| Code | 说明 Message | 修改建议 Remedy |\n|---|---|---|\n"


def _doc(words: type[policies.Reach]) -> dict[str, str]:
    """The line under each word of a closed list, as its source has it."""
    source = Path(sys.modules[words.__module__].__file__ or "").read_text(encoding="utf-8").splitlines()
    starts = {word.name: next(at for at, line in enumerate(source) if f"{word.name} = " in line) for word in words}
    return {name: _cell(source[at + 1].strip().strip('"')) for name, at in starts.items()}


def _default(value: object) -> str:
    return "(empty)" if value == "" else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    """Write every page."""
    for name, text in PAGES.items():
        (DOCS / name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
