"""The compiled table says what casbin says, on the shipped policy and on any other."""

import random

import pytest

import policies
from hub import paths
from policies import OBJECTS, Action, Level, Policy, PolicyInvalid, Reach, Role
from policies.lines import parse

PLACES = [
    "14",
    "15",
    "1401",
    "1402",
    "1410",
    "1490",
    "149099",
    "140105",
    "140106",
    "141002",
    "1401.3414000007",
    "1402.3414000007",
    "140105.2114000123",
    "140105.2114000124",
    "140105.2114000123.0000001",
    "140105.2114000123.0000012",
]
NOUNS = [*OBJECTS, *(f"{owner}.{field}" for owner, noun in OBJECTS.items() for field in noun.fields)]
STRANGE = ["", "nothing", "nothing.name", "student.", "student.nothing", "Student", "*", "school.name.first"]


@pytest.fixture(scope="module")
def shipped():
    return policies.load()


def make_text(dice, *, lines=40):
    """A policy of random lines that are each allowed in one, on few nouns so that they meet."""
    nouns = ["*", "student", "student.name", "student.idNumber", "guardian", "guardian.phone", "headcount", "code"]
    text = ""
    while text.count("\n") < lines:
        parts = (
            dice.choice(nouns),
            dice.choice(list(Action)),
            dice.choice(list(Reach)),
            dice.choice(["allow", "deny"]),
        )
        more = f"{text}p, {dice.choice(list(Role)[6:12])}, {', '.join(parts)}\n"
        try:
            parse(more)
        except PolicyInvalid:
            continue
        text = more
    return text


def make_policy(dice, **rest):
    """A random policy without idle masks."""
    while True:
        try:
            return policies.load(make_text(dice, **rest))
        except PolicyInvalid as invalid:
            assert "masked" in invalid.reason  # noqa: PT017


def check_definition_equals_table(policy, dice, requests, nouns):
    seen = set()
    for _ in range(requests):
        role, noun, action = dice.choice([*Role, "nobody"]), dice.choice(nouns), dice.choice([*Action, "burn"])
        root, path = dice.choice(PLACES), dice.choice(PLACES)
        reach = policy.decide(role, noun, action)
        compiled = reach.on_path and path.startswith(root)
        assert policy.enforce(role, root, noun, action, path) == compiled, (role, root, noun, action, path)
        seen.add((reach, compiled))
    return seen


def test_definition_and_table_agree_on_ten_thousand_requests(shipped):
    dice = random.Random(1)
    read_often = [f"student.{field}" for field in sorted(OBJECTS["student"].fields)]
    seen = check_definition_equals_table(shipped, dice, 10_000, NOUNS + read_often + STRANGE)
    assert {(Reach.SUBTREE, True), (Reach.SUBTREE, False), (Reach.NONE, False), (Reach.SIDES, False)} <= seen


def test_definition_and_table_agree_on_what_the_shipped_lines_speak_of(shipped):
    dice = random.Random(2)
    seen = set()
    for line in shipped.lines:
        for _ in range(6):
            root, path = dice.choice(PLACES), dice.choice(PLACES)
            reach = shipped.decide(line.role, line.object, line.action)
            compiled = reach.on_path and path.startswith(root)
            assert shipped.enforce(line.role, root, line.object, line.action, path) == compiled, line.text
            seen.add((reach, compiled))
    assert len(seen) == 8  # four reaches inside and outside less sides inside, and none outside


@pytest.mark.parametrize("seed", range(12))
def test_definition_and_table_agree_on_any_policy(seed):
    dice = random.Random(seed)
    policy = make_policy(dice)
    nouns = ["student", "student.name", "student.idNumber", "student.phone", "guardian", "guardian.phone"]
    check_definition_equals_table(policy, dice, 400, [*nouns, "headcount", "code", "audit", *STRANGE])


@pytest.mark.parametrize(
    ("root", "path", "held"),
    [
        ("14", "140105.2114000123.0000012", True),
        ("1401", "1401", True),
        ("1401", "140105", True),
        ("1401", "1401.3414000007", True),
        ("140105.2114000123.0000012", "140105.2114000123.0000012", True),
        ("14", "149099", True),
        ("1401", "1410", False),
        ("1401", "141002", False),
        ("1401", "14", False),
        ("140105", "140106", False),
        ("140105", "1401.3414000007", False),
        ("1401.3414000007", "1402.3414000007", False),
        ("140105.2114000123", "140105.2114000124", False),
        ("140105.2114000123.0000001", "140105.2114000123.0000012", False),
        ("", "14", False),
        ("", "", False),
    ],
)
def test_a_root_holds_itself_and_what_lies_below_it(shipped, root, path, held):
    assert policies.inside(path, root) is held
    assert shipped.enforce(Role.COUNTY_LEADER, root, "student", "read", path) is held


def test_a_denial_outweighs_permissions_in_any_order():
    allow = "p, school_leader, student, read, subtree, allow\n"
    deny = "p, school_leader, student.health, read, subtree, deny\n"
    again = "p, school_leader, student.health, read, sides, allow\n"
    for text in (allow + deny, deny + allow):
        policy = policies.load(text)
        assert policy.decide("school_leader", "student.health", "read") is Reach.NONE
        assert policy.decide("school_leader", "student.name", "read") is Reach.SUBTREE
        assert not policy.enforce("school_leader", "14", "student.health", "read", "14")
    leased = policies.load(allow + deny + again)
    assert leased.decide("school_leader", "student.health", "read") is Reach.SIDES


def test_a_denial_by_place_takes_every_reach_by_place():
    policy = policies.load(
        "p, class_teacher, student, read, subtree, allow\np, class_teacher, student.health, read, own_class, deny"
    )
    own = "140105.2114000123.0000012"
    assert policy.decide("class_teacher", "student.health", "read") is Reach.NONE
    assert not policy.enforce("class_teacher", own, "student.health", "read", own)


def test_a_star_covers_every_known_object_and_no_other():
    policy = policies.load("p, school_leader, *, read, subtree, allow\np, school_leader, *, read, sides, deny")
    assert all(policy.decide("school_leader", noun, "read") is Reach.SUBTREE for noun in NOUNS)
    assert policy.decide("school_leader", "nothing", "read") is Reach.NONE
    assert not policy.enforce("school_leader", "14", "nothing", "read", "14")


def test_dropping_any_line_changes_a_decision_or_is_refused(shipped):
    idle = []
    for line in shipped.lines:
        rest = [other.text for other in shipped.lines if other.role is line.role and other is not line]
        try:
            less = policies.load("\n".join(rest))
        except PolicyInvalid as invalid:
            assert "masked" in invalid.reason or rest == []  # noqa: PT017
            continue
        key = (line.role, line.object, line.action)
        if less.decide(*key) is shipped.decide(*key):
            idle.append(line.text)
    assert idle == []


def test_explaining_names_the_line_that_decides(shipped):
    allowed, line = shipped.explain(Role.REVIEWER, "1401", "student.name", "read", "140105")
    assert allowed
    assert line.text == "p, reviewer, student, read, subtree, allow"
    denied, line = shipped.explain(Role.REVIEWER, "1401", "student.health", "read", "140105")
    assert not denied
    assert line.text == "p, reviewer, student.health, read, subtree, deny"
    assert policies.SHIPPED.read_text(encoding="utf-8").split("\n")[line.number - 1] == line.text
    assert shipped.explain(Role.REVIEWER, "1401", "student.name", "read", "1402") == (False, None)
    assert shipped.explain("nobody", "1401", "student", "read", "1401") == (False, None)


def test_explaining_prefers_the_line_on_the_field():
    policy = policies.load(
        "p, school_leader, *, read, subtree, allow\n"
        "p, school_leader, student, read, subtree, allow\n"
        "p, school_leader, student.name, read, subtree, allow"
    )
    numbers = [policy.explain("school_leader", "14", noun, "read", "14")[1].number for noun in ("code", "student")]
    assert numbers == [1, 2]
    assert policy.explain("school_leader", "14", "student.name", "read", "14")[1].number == 3
    assert policy.explain("school_leader", "14", "student.sex", "read", "14")[1].number == 2


def test_a_leased_field_is_not_shown_on_rows_seen_by_place():
    policy = policies.load(
        "p, reviewer, student, read, subtree, allow\n"
        "p, reviewer, student.health, read, subtree, deny\n"
        "p, reviewer, student.health, read, sides, allow\n"
        "p, reviewer, guardian, read, sides, allow"
    )
    assert policy.access("reviewer", "student", "health") == "deny"
    assert policy.access("reviewer", "student", "health", leased=True) == "read"
    assert policy.access("reviewer", "guardian", "name") == "read"


def test_the_version_is_the_text():
    line = "p, auditor, audit, read, subtree, allow"
    assert policies.load(line).version == policies.load(line).version
    assert policies.load(line).version != policies.load(f"{line}\n").version
    assert policies.load().version == policies.load(policies.SHIPPED.read_text(encoding="utf-8")).version


def test_casbin_says_nothing(shipped, caplog, capfd):
    caplog.set_level(0)
    policies.load()
    shipped.enforce(Role.AUDITOR, "14", "student", "read", "14")
    assert [record for record in caplog.records if record.name.startswith("casbin")] == []
    assert capfd.readouterr() == ("", "")


def test_every_role_has_titles_levels_and_rights(shipped):
    for role in Role:
        assert role.chinese
        assert role.english == role.value.replace("_", " ")
        assert role.levels <= set(Level)
        assert shipped.rights(role)
        assert not [right for right in shipped.rights(role) if "." in right]
    assert shipped.rights("nobody") == []
    assert list(Action) == sorted(Action)


def test_inside_is_the_hub_s_inside():
    for root in PLACES:
        for path in PLACES:
            assert policies.inside(path, root) == paths.inside(path, root)


def test_policies_are_loaded_apart():
    text = policies.SHIPPED.read_text(encoding="utf-8")
    one, other = Policy(text), policies.load("p, auditor, audit, read, subtree, allow")
    assert one.enforce(Role.COUNTY_LEADER, "14", "student", "read", "14")
    assert not other.enforce(Role.COUNTY_LEADER, "14", "student", "read", "14")
