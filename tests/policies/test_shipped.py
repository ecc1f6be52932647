"""What the shipped policy says, role by role: read it as the table an officer would sign."""

import pytest

import policies
from policies import OBJECTS, Access, Action, Reach, Role

PERSONS = ("student", "guardian", "placement", "studentVersion", "attendance", "problemRecord", "case", "photo")
RECORDS = (*PERSONS, "headcount", "file", "import")

FIELDS = (
    "student.name", "student.birthDate", "student.idNumber", "student.studentNumber", "student.phone",
    "student.homeAddress", "student.health", "student.orphan", "guardian.name", "guardian.phone", "guardian.idNumber",
)  # fmt: skip
SEEN = {  # R read, M mask, - deny; reviewer's guardians are read on leased rows only
    # role                 name birth id  number phone home health orphan | name phone id
    "province_administrator": "R R M M M - R R R M M",
    "province_leader":        "R R M M M - R R R M M",
    "city_administrator":     "R R M M M - R R R M M",
    "city_leader":            "R R M M M - R R R M M",
    "county_administrator":   "R R R R R R R R R R M",
    "county_leader":          "R R R R R R R R R R M",
    "school_administrator":   "R R R R R R R R R R R",
    "school_leader":          "R R R R R R R R R R R",
    "class_teacher":          "R R M M R R R - R R M",
    "reviewer":               "R R M M M - - - R R R",
    "dashboard":              "- - - - - - - - - - -",
    "auditor":                "- - - - - - - - - - -",
    "account_administrator":  "- - - - - - - - - - -",
    "integration":            "- - - - - - - - - - -",
}  # fmt: skip
LETTER = {Access.READ: "R", Access.MASK: "M", Access.DENY: "-"}


@pytest.fixture(scope="module")
def shipped():
    return policies.load()


@pytest.mark.parametrize("role", Role)
def test_fields_are_seen_as_signed(shipped, role):
    seen = " ".join(LETTER[shipped.access(role, *field.split("."))] for field in FIELDS)
    assert seen == SEEN[role]


@pytest.mark.parametrize("role", Role)
def test_a_student_number_is_never_seen_clearer_than_the_identity_number(shipped, role):
    for leased in (False, True):
        number = shipped.access(role, "student", "studentNumber", leased=leased)
        assert number is shipped.access(role, "student", "idNumber", leased=leased)


@pytest.mark.parametrize("role", Role)
def test_a_number_typed_into_a_case_is_masked_wherever_the_student_number_is(shipped, role):
    typed = shipped.access(role, "case", "typedNumber")
    if shipped.decide(role, "case", "read") is Reach.NONE:
        assert typed is Access.DENY
    else:
        assert typed is shipped.access(role, "student", "studentNumber")


def test_a_taken_case_opens_what_its_judge_needs(shipped):
    opened = {"idNumber", "studentNumber", "phone", "health", "orphan", "homeAddress"}
    assert {shipped.access(Role.REVIEWER, "student", field, leased=True) for field in opened} == {Access.READ}
    assert shipped.decide(Role.REVIEWER, "guardian", "read") is Reach.SIDES
    assert shipped.decide(Role.REVIEWER, "student.idNumber", "read") is Reach.SIDES
    assert shipped.access(Role.CITY_LEADER, "student", "idNumber", leased=True) is Access.READ
    assert shipped.access(Role.CITY_LEADER, "student", "phone", leased=True) is Access.MASK


@pytest.mark.parametrize("role", [Role.DASHBOARD, Role.AUDITOR, Role.ACCOUNT_ADMINISTRATOR, Role.INTEGRATION])
def test_no_person_is_seen_by_those_who_only_count_log_or_keep_accounts(shipped, role):
    for owner in PERSONS:
        for action in set(Action) - {Action.COUNT}:
            assert shipped.decide(role, owner, action) is Reach.NONE
        for field in OBJECTS[owner].fields:
            assert shipped.access(role, owner, field, leased=True) is Access.DENY
    assert shipped.access(role, "schoolClass", "monitorName") is Access.DENY


def test_a_dashboard_counts_in_aggregates_only(shipped):
    counted = {owner: shipped.decide(Role.DASHBOARD, owner, "count") for owner in OBJECTS}
    assert {reach for reach in counted.values() if reach is not Reach.NONE} == {Reach.AGGREGATES}
    assert counted["headcount"] is Reach.AGGREGATES
    assert shipped.access(Role.DASHBOARD, "school", "name") is Access.READ
    assert shipped.access(Role.DASHBOARD, "school", "headName") is Access.DENY


def test_an_account_administrator_reads_no_data(shipped):
    for owner in (*RECORDS, "audit"):
        for action in Action:
            assert shipped.decide(Role.ACCOUNT_ADMINISTRATOR, owner, action) is Reach.NONE


def test_an_auditor_reads_the_log_and_changes_nothing(shipped):
    assert shipped.rights(Role.AUDITOR) == ["audit:read"]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AUDITOR])
def test_the_log_is_read_by_auditors_only(shipped, role):
    assert "audit:read" not in shipped.rights(role)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ACCOUNT_ADMINISTRATOR])
def test_accounts_and_grants_are_kept_by_account_administrators_only(shipped, role):
    assert not [right for right in shipped.rights(role) if right.startswith(("account:", "grant:"))]


@pytest.mark.parametrize("role", Role)
def test_who_enters_never_approves(shipped, role):
    rights = set(shipped.rights(role))
    entering = {
        "case:create",
        "student:create",
        "student:import",
        "student:update",
        "problemRecord:update",
        "photo:create",
    }
    assert not (rights & {"case:approve", "problemRecord:resolve", "photo:approve"} and rights & entering)


def test_rights_of_the_school_desk(shipped):
    rights = shipped.rights(Role.SCHOOL_ADMINISTRATOR)
    assert rights == sorted(rights)
    assert {"student:import", "student:read", "schoolClass:create", "schoolClass:update", "file:create"} <= set(rights)
    assert "student:import" in shipped.rights(Role.COUNTY_ADMINISTRATOR)
    for role in set(Role) - {Role.SCHOOL_ADMINISTRATOR, Role.COUNTY_ADMINISTRATOR}:
        assert "student:import" not in shipped.rights(role)


def test_photos_are_sent_by_clerks_approved_by_the_school_leader_and_seen_by_who_knows_the_pupil_whole(shipped):
    may = {
        action: {role.value for role in Role if shipped.decide(role, "photo", action) is not Reach.NONE}
        for action in (Action.CREATE, Action.APPROVE, Action.READ)
    }
    clerks = {"school_administrator", "county_administrator"}
    assert may[Action.CREATE] == clerks
    assert may[Action.APPROVE] == {"school_leader"}
    assert may[Action.READ] == clerks | {"school_leader", "county_leader", "class_teacher"}


@pytest.mark.parametrize("role", Role)
def test_who_resolves_problems_uploads_the_evidence(shipped, role):
    rights = set(shipped.rights(role))
    assert "problemRecord:resolve" not in rights or "file:create" in rights


def test_a_class_teacher_stays_in_the_class(shipped):
    reaches = {line.reach for line in shipped.lines if line.role is Role.CLASS_TEACHER}
    assert reaches == {Reach.OWN_CLASS}
    own, other = "140105.2114000123.0000012", "140105.2114000123.0000013"
    assert shipped.enforce(Role.CLASS_TEACHER, own, "attendance", "mark", own)
    assert not shipped.enforce(Role.CLASS_TEACHER, own, "attendance", "mark", other)


def test_quoted_cells_of_an_import_stay_below_the_city(shipped):
    may = {role for role in Role if shipped.decide(role, "import", "read") is not Reach.NONE}
    assert may == {Role.SCHOOL_ADMINISTRATOR, Role.SCHOOL_LEADER, Role.COUNTY_ADMINISTRATOR}
