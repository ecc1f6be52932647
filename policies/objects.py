"""What the policy speaks of: the types of the graph, the verbs that suit each, and the fields a line may name.

A line that names anything else is refused when the policy loads, so a misspelt field can never leave a field open.
"""

from dataclasses import dataclass

from policies.actions import Action


@dataclass(frozen=True)
class Noun:
    """A type of the graph as the policy sees it: its Chinese term, its verbs, the fields a line may name."""

    chinese: str
    actions: frozenset[Action]
    fields: frozenset[str] = frozenset()


def _noun(chinese: str, actions: str, fields: str = "") -> Noun:
    return Noun(chinese, frozenset(Action(action) for action in actions.split()), frozenset(fields.split()))


_STUDENT = """
    name sex birthDate birthplaceCode ancestralPlace ethnicGroup nationality idType overseasStatus health
    politicalStatus idNumber residenceNature residenceCode entryMonth admissionType attendanceType presentAddress
    mailAddress homeAddress phone postCode onlyChild preschool leftBehind needsAid livingAllowance orphan martyrChild
    distanceKm travelMode needsSchoolBus formerName idValidPeriod bloodType strengths auxiliaryNumber numberInClass
    studentSource email homePage disability boughtPlace inclusion migrantChild studentNumber state grade schoolYear
"""
_GUARDIAN = """
    name relation relationNote address residenceCode phone isGuardian idType idNumber ethnicGroup employer post
"""
_SCHOOL = "address email headName headPhone legalPersonNumber organisationCode phone"
_SCHOOL_CLASS = "monitorName teacherName"

OBJECTS: dict[str, Noun] = {
    "account": _noun("账号", "create grant read update"),
    "attendance": _noun("考勤", "count mark read"),
    "audit": _noun("审计日志", "read"),
    "campus": _noun("校区", "create delete read update"),
    "case": _noun("业务办理", "approve count create mask read update", "typedNumber"),
    "code": _noun("代码表", "read update"),
    "file": _noun("文件", "create read"),
    "grade": _noun("年级", "create delete read update"),
    "grant": _noun("授权", "read"),
    "guardian": _noun("家庭成员", "create delete mask read update", _GUARDIAN),
    "headcount": _noun("人数", "count export"),
    "import": _noun("导入批次", "approve delete read"),
    "photo": _noun("照片", "approve create read"),
    "placement": _noun("就读经历", "count read"),
    "problemRecord": _noun("问题学籍", "count read resolve update"),
    "register": _noun("学籍库", "approve count create"),
    "region": _noun("行政区划", "count create read update"),
    "school": _noun("学校", "count create read update", _SCHOOL),
    "schoolClass": _noun("班级", "count create delete read update", _SCHOOL_CLASS),
    "schoolStage": _noun("办学学段（学制）", "update"),
    "student": _noun("学生", "count create delete export import mask read update", _STUDENT),
    "studentVersion": _noun("学籍信息变更记录", "read"),
}


PERSONS = frozenset({"student", "guardian", "case"})
"""The objects whose named fields tell about a person."""


def is_named(text: str) -> bool:
    """Whether a line may speak of it: `*`, a known object, or a known field of one."""
    owner, dot, field = text.partition(".")
    if not dot:
        return text == "*" or owner in OBJECTS
    return owner in OBJECTS and field in OBJECTS[owner].fields
