"""A policy with one fault in it is no policy: the fault is named and nothing is in force."""

import pytest

import policies
from policies import PolicyInvalid

GOOD = "p, school_leader, student, read, subtree, allow"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("q, school_leader, student, read, subtree, allow", "a line is"),
        ("school_leader, student, read, subtree, allow", "a line is"),
        ("p, school_leader, student, read, subtree", "a line is"),
        ("p, school_leader, student, read, subtree, allow, deny", "a line is"),
        ("p, school_leader, student, read, subtree,", "unknown effect ''"),
        ("p, school_leder, student, read, subtree, allow", "unknown role 'school_leder'"),
        ("p, *, student, read, subtree, allow", "unknown role '*'"),
        ("p, school_leader, studnet, read, subtree, allow", "unknown object or field 'studnet'"),
        ("p, school_leader, Student, read, subtree, allow", "unknown object or field 'Student'"),
        ("p, school_leader, student.idnumber, read, subtree, deny", "unknown object or field 'student.idnumber'"),
        ("p, school_leader, student.*, read, subtree, deny", "unknown object or field 'student.*'"),
        ("p, school_leader, *.name, read, subtree, deny", "unknown object or field '*.name'"),
        ("p, school_leader, student., read, subtree, deny", "unknown object or field 'student.'"),
        ("p, school_leader, , read, subtree, deny", "unknown object or field ''"),
        ("p, school_leader, student, reed, subtree, allow", "unknown action 'reed'"),
        ("p, school_leader, student, READ, subtree, allow", "unknown action 'READ'"),
        ("p, school_leader, student, read, everywhere, allow", "unknown reach 'everywhere'"),
        ("p, school_leader, student, read, subtree, Allow", "unknown effect 'Allow'"),
        ("p, school_leader, student, update, subtree, allow  # why", "unknown effect 'allow  # why'"),
        ("p, school_leader, student, mark, subtree, allow", "student has no action 'mark'"),
        ("p, school_leader, audit, update, subtree, allow", "audit has no action 'update'"),
        ("p, school_leader, *, mask, subtree, allow", "a mask names"),
        ("p, school_leader, student, update, none, deny", "must reach something"),
        ("p, school_leader, guardian, read, aggregates, allow", "aggregates are counts"),
        ("p, school_leader, headcount, count, sides, allow", "never counted"),
        ("p, school_leader, guardian, read, own_class, allow", "not granted at a class"),
        ("p, dashboard, student, read, subtree, allow", "never a person"),
        ("p, dashboard, *, read, subtree, allow", "never a person"),
        ("p, dashboard, headcount, export, subtree, allow", "never a person"),
        ("p, auditor, school, read, subtree, allow", "the log and nothing else"),
        ("p, account_administrator, audit, read, subtree, allow", "never records or the log"),
        ("p, account_administrator, student, count, subtree, allow", "never records or the log"),
        ("p, account_administrator, school, update, subtree, allow", "never records or the log"),
        ("p, school_leader, student.phone, mask, subtree, allow", "student.phone may be read"),
        ("p, school_leader, student, mask, subtree, allow", "may be read"),
        (GOOD, "line 2 already decides this"),
        (GOOD.replace("allow", "deny"), "line 2 already decides this"),
        ("# a note\rp, school_leader, case, read, subtree, allow", "a hidden line break"),
        ("# a note\u2028p, school_leader, case, read, subtree, allow", "a hidden line break"),
        ("# a note \ud800", "not text"),
    ],
)
def test_a_fault_is_named_with_its_line(line, reason):
    with pytest.raises(PolicyInvalid) as refused:
        policies.load(f"# 说明\n{GOOD}\n\n{line}\n")
    assert refused.value.line == (0 if reason == "not text" else 4)
    assert reason in refused.value.reason
    assert str(refused.value) == f"line {refused.value.line}: {refused.value.reason}"


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "   \n  # nothing\n"])
def test_a_policy_without_a_line_is_refused(text):
    with pytest.raises(PolicyInvalid, match="without a line"):
        policies.load(text)


def test_comments_blank_lines_and_spaces_are_nothing():
    text = f"\ufeff# 学校, 班级 (a, b]\r\n\r\n   \r\n  p ,school_leader,student , read,subtree, allow\r\n\t# {GOOD}\r\n"
    (line,) = policies.load(text).lines
    assert line.number == 4
    assert line.text == GOOD


def test_a_mask_over_a_denied_field_stands():
    deny = "p, school_leader, student.phone, read, subtree, deny"
    mask = "p, school_leader, student.phone, mask, subtree, allow"
    assert policies.load(f"{mask}\n{GOOD}\n{deny}").access("school_leader", "student", "phone") == "mask"
