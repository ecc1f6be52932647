"""Writes the generated pages of docs/ from the code; `tests/test_docs.py` holds them to it.

Run `.venv/bin/python docs/generate.py` at the root of the repository after a message, a setting or a role changed.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import date
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

import policies  # noqa: E402 -- the root of the repository has just been added
from hub import codes  # noqa: E402
from hub.catalogue import MESSAGES as REFUSALS  # noqa: E402
from hub.catalogue import Message  # noqa: E402
from hub.intake.rules import RULES, Kind, Rule, Severity  # noqa: E402
from hub.intake.sheet import COLUMNS  # noqa: E402
from hub.settings import Settings  # noqa: E402

_ERRORS = """# Errors 错误代码

A refusal is an entry of `errors`. Its `message` says what happened, `extensions.remedy` what to do about it, in Chinese
or, where the header `Accept-Language` prefers it, in English. `extensions.code` is the class of error, for programs;
`extensions.key` names the one message. `extensions.field` names the input field, where one is at fault.

What lies outside your area and what does not exist get the same answer, `NOT_FOUND`: asking never reveals whether
something exists elsewhere. An `INTERNAL` error carries a reference that stands in the log.

Words in braces are filled in at run time.

"""
_RULES = """# Rules of the import sheet 导入规则

What is checked in each row of a workbook of pupils. A finding names the row, the column letter, the header, the code of
the rule, what was found and what to do. All findings of a file are told at once; where a sheet has more than 200,000,
further ones of the same code in the same column are counted, and every faulty row is still named.

| Severity | 处理 | What it does |
|---|---|---|
| `REFUSE` | 拒绝 | The row is not taken; the sound rows of the same workbook are. |
| `WARN` | 提醒 | The row is taken and the finding told. |
| `MENDED` | 已修正 | The cell was taken in another form than it was written in; both are told. |

A province may switch a rule marked ⇄ to `REFUSE`, `WARN` or `OFF`. A rule with days holds from the first to the last of
them; where the law changed, a code has a line for each time.

Words in braces are filled in at run time.
"""
_KINDS = {
    Kind.FIELD: "One cell 单元格",
    Kind.CROSS_FIELD: "Cells of a row 跨列",
    Kind.CROSS_ROW: "Rows of a sheet 跨行",
    Kind.CROSS_REGISTER: "The register 跨学籍库",
}
_SETTINGS = """# Settings 配置

Every setting has a default and is read from the environment once, at the start. A value that does not parse stops the
start with a sentence that names the variable. Switches take `1`, `true`, `0` or `false`.

| Variable | Default | Meaning |
|---|---|---|
"""
_CODES = """# Code lists 代码表

A sheet says an option by its name; a program says it by its code: `createStudent(input: {ethnicGroup: "01", ...})`.
Yes and no are booleans there, sex is `MALE` or `FEMALE`. An entry with days holds from the first to the last of them.

Divisions (行政区划代码) are those of GB/T 2260 of all times, of twelve digits: six of the county, three of the
township, three of the village, `000` where it is not known.
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
    return (
        _ERRORS
        + head
        + _messages(REFUSALS)
        + "\nWhat is told of the rows of a workbook stands in [rules.md](rules.md).\n"
    )


def rules() -> str:
    """The text of docs/rules.md."""
    head = "| Code | Severity | 说明 Message | 处理 Remedy | Days and limits 时间与限值 |\n|---|---|---|---|---|\n"
    mended = [rule for rule in RULES if rule.severity is Severity.MENDED]
    sections = {title: [r for r in RULES if r.kind is kind and r not in mended] for kind, title in _KINDS.items()}
    sections["What is mended 自动修正"] = mended
    return _RULES + "".join(f"\n## {title}\n\n{head}{_lines(map(_rule, held))}" for title, held in sections.items())


def settings() -> str:
    """The text of docs/settings.md."""
    lines = (
        f"| `HUB_{knob.name.upper()}` | {_default(knob.default)} | {_cell(knob.metadata['doc'])} |"
        for knob in fields(Settings)
    )
    return _SETTINGS + _lines(lines)


def code_lists() -> str:
    """The text of docs/codes.md."""
    used: dict[str, list[str]] = {}
    for column in COLUMNS:
        used.setdefault(column.codes or "", []).append(column.header)
    return _CODES + "".join(
        f"\n## {name} {held.title} {held.english}\n\n{held.standard}. {_used(used.get(name, []))}\n\n"
        "| Code | 名称 Name | English | Days 时间 |\n|---|---|---|---|\n"
        + _lines(
            f"| `{e.code}` | {_cell(e.name)} | {_cell(e.english)} | {_days(e.since, e.until)} |" for e in held.entries
        )
        for name, held in sorted(codes.lists().items())
    )


def _used(headers: list[str]) -> str:
    return f"Columns of the sheet 所在列: {'、'.join(dict.fromkeys(headers))}." if headers else ""


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


PAGES: dict[str, Callable[[], str]] = {
    "errors.md": errors,
    "rules.md": rules,
    "settings.md": settings,
    "policy.md": policy,
    "codes.md": code_lists,
}
"""Every generated page, and how its text is made."""


def _messages(messages: Mapping[str, Message]) -> str:
    return _lines(
        f"| `{key}` | `{message.code}` | {_both(message.zh, message.en)} "
        f"| {_both(message.remedy_zh, message.remedy_en)} |"
        for key, message in sorted(messages.items())
    )


def _rule(rule: Rule) -> str:
    severity = f"`{rule.severity}`{' ⇄' if rule.switchable else ''}"
    named = [_days(rule.since, rule.until)] if rule.since or rule.until else []
    named += [f"{name} {limit}" for name, limit in rule.limits.items()]
    told, remedy = rule.message, _both(rule.message.remedy_zh, rule.message.remedy_en)
    return f"| `{rule.code}` | {severity} | {_both(told.zh, told.en)} | {remedy} | {', '.join(named)} |"


def _days(since: date | None, until: date | None) -> str:
    return ", ".join([*([f"since {since}"] if since else []), *([f"until {until}"] if until else [])])


def _both(zh: str, en: str) -> str:
    return f"{_cell(zh)}<br>{_cell(en)}"


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
