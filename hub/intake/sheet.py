"""The columns of the import sheet (学生基本信息), as data, in the order of the national system of 2013."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "text",
    "name",
    "code",
    "sex",
    "yes_no",
    "date",
    "month",
    "period",
    "distance",
    "division",
    "school",
    "class",
    "id_number",
    "phone",
    "post_code",
    "email",
    "official_number",
    "grades",
    "school_year",
]

TITLE = "学生基本信息"
"""Name of the sheet that holds the pupils."""

VERSION = "2013.1"
"""Version of the layout; a workbook of another version is read by its headers if they suffice."""

YES, NO = "是", "否"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the sheet.

    `key` is the attribute it fills, of the pupil (`member` 0) or of family member 1 or 2. `required` means required of
    an ordinary pupil; `hub.intake.check` knows who is excused. `codes` names the code list of a `code` column,
    `limit` is the greatest length in characters, `hint` the one line of help in Chinese.
    """

    number: int
    key: str
    header: str
    english: str
    required: bool
    kind: Kind
    codes: str | None
    limit: int
    hint: str
    member: int = 0

    @property
    def slot(self) -> str:
        """The column's address in a row: `name`, `guardian1.name`, `guardian2.name`."""
        return f"guardian{self.member}.{self.key}" if self.member else self.key

    @property
    def letter(self) -> str:
        """Its letter in the template, A to BS; a filled workbook may have another order."""
        return letter(self.number)


def letter(number: int) -> str:
    """The letters of a column number: 1 is A, 27 is AA."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


Line = tuple[str, str, str, bool, Kind, str | None, int, str]
"""A column as it is written down: key, header, English, required, kind, code list, limit, hint."""

_STUDENT: tuple[Line, ...] = (
    ("school_code", "学校标识码", "School code", True, "school", None, 10, "10 位数字，必须是本校标识码。"),
    ("name", "姓名", "Name", True, "name", None, 50, "与户口簿一致，不加空格。"),
    ("sex", "性别", "Sex", True, "sex", "SEX", 10, "男或女，须与身份证件号第 17 位一致。"),
    ("birth_date", "出生日期", "Birth date", True, "date", None, 30, "8 位数字，如 20060102，须与身份证件号一致。"),
    ("birthplace_code", "出生地行政区划代码", "Birthplace division", True, "division", None, 12, "12 位数字。"),
    ("ancestral_place", "籍贯", "Ancestral place", True, "text", None, 50, "祖居地，如 山西省太原市。"),
    ("ethnic_group", "民族", "Ethnic group", True, "code", "ETHNIC_GROUP", 30, "填全称，如 汉族。"),
    ("nationality", "国籍/地区", "Nationality or region", True, "code", "NATIONALITY", 30, "如 中国。"),
    ("id_type", "身份证件类型", "ID type", True, "code", "ID_TYPE", 30, "没有证件的选“其他”。"),
    ("overseas_status", "港澳台侨外", "Overseas status", True, "code", "OVERSEAS_STATUS", 30, "一般填“否”。"),
    ("health", "健康状况", "Health", True, "code", "HEALTH", 30, "从下拉列表中选择。"),
    ("political_status", "政治面貌", "Political status", False, "code", "POLITICAL_STATUS", 30, "小学生填“群众”。"),
    ("id_number", "身份证件号", "ID number", True, "id_number", None, 20, "文本格式；证件类型为“其他”的可以不填。"),
    ("residence_nature", "户口性质", "Residence nature", True, "code", "RESIDENCE_NATURE", 30, "从下拉列表中选择。"),
    ("residence_code", "户口所在地行政区划", "Residence division", True, "division", None, 12, "12 位数字。"),
    ("class_number", "班号", "Class number", True, "class", None, 20, "必须是系统中已建立的班级。"),
    ("entry_month", "入学年月", "Entry month", True, "month", None, 30, "本学段入学年月，6 位数字，如 201309。"),
    ("admission_type", "入学方式", "Admission", True, "code", "ADMISSION_TYPE", 30, "从下拉列表中选择。"),
    ("attendance_type", "就读方式", "Attendance", True, "code", "ATTENDANCE_TYPE", 30, "走读或住校。"),
    ("present_address", "现住址", "Present address", True, "text", None, 100, "填到村或门牌号。"),
    ("mail_address", "通信地址", "Mail address", True, "text", None, 100, "能收到信件的地址。"),
    ("home_address", "家庭地址", "Home address", True, "text", None, 100, "填到村或门牌号。"),
    ("phone", "联系电话", "Phone", True, "phone", None, 30, "固定电话或手机，文本格式。"),
    ("post_code", "邮政编码", "Post code", True, "post_code", None, 6, "6 位数字，文本格式。"),
    ("only_child", "是否独生子女", "Only child", True, "yes_no", None, 4, "是或否。"),
    ("preschool", "是否受过学前教育", "Pre-school", True, "yes_no", None, 4, "是或否。"),
    ("left_behind", "是否留守儿童", "Left-behind child", True, "code", "LEFT_BEHIND", 30, "从下拉列表中选择。"),
    ("needs_aid", "是否需要申请资助", "Needs aid", True, "yes_no", None, 4, "是或否。"),
    ("living_allowance", "是否享受一补", "Living allowance", True, "yes_no", None, 4, "是或否。"),
    ("orphan", "是否孤儿", "Orphan", True, "yes_no", None, 4, "是或否，须有证明。"),
    ("martyr_child", "是否烈士或优抚子女", "Martyr's child", True, "yes_no", None, 4, "是或否，须有证明。"),
    ("distance_km", "上下学距离(公里)", "Distance in km", True, "distance", None, 10, "数字，单位公里，如 1.5。"),
    ("travel_mode", "上下学(交通)方式", "Way to school", True, "code", "TRAVEL_MODE", 40, "从下拉列表中选择。"),
    ("needs_school_bus", "是否需要乘坐校车", "Needs school bus", True, "yes_no", None, 4, "是或否。"),
    ("former_name", "曾用名", "Former name", False, "name", None, 50, "没有的不填。"),
    ("id_valid_period", "身份证件有效期", "ID valid period", False, "period", None, 40, "如 2010.01.02-2015.01.02。"),
    ("blood_type", "血型", "Blood type", False, "code", "BLOOD_TYPE", 20, "从下拉列表中选择。"),
    ("strengths", "特长", "Strengths", False, "text", None, 100, "简短说明。"),
    ("auxiliary_number", "学籍辅号", "Auxiliary number", False, "text", None, 30, "省里自编的号码，文本格式。"),
    ("number_in_class", "班内学号", "Number in class", False, "text", None, 20, "文本格式。"),
    ("student_source", "学生来源", "Source", False, "code", "STUDENT_SOURCE", 30, "从下拉列表中选择。"),
    ("email", "电子信箱", "E-mail", False, "email", None, 100, "如 name@example.cn。"),
    ("home_page", "主页地址", "Home page", False, "text", None, 200, "没有的不填。"),
    ("disability", "残疾类型", "Disability", False, "code", "DISABILITY", 20, "没有残疾的填“无残疾”。"),
    ("bought_place", "是否由政府购买学位", "Bought place", False, "yes_no", None, 4, "公办学校填否。"),
    ("inclusion", "随班就读", "Inclusion", False, "code", "INCLUSION", 30, "须与残疾类型一致。"),
)

_MEMBER: tuple[Line, ...] = (
    ("name", "姓名", "name", True, "name", None, 50, "与身份证件一致。"),
    ("relation", "关系", "relation", True, "code", "RELATION", 30, "从下拉列表中选择。"),
    ("relation_note", "关系说明", "relation explained", False, "text", None, 50, "关系为“其他”的须说明。"),
    ("address", "现住址", "present address", True, "text", None, 100, "填到村或门牌号。"),
    ("residence_code", "户口所在地行政区划", "residence division", True, "division", None, 12, "12 位数字。"),
    ("phone", "联系电话", "phone", True, "phone", None, 30, "固定电话或手机，文本格式。"),
    ("is_guardian", "是否监护人", "is guardian", True, "yes_no", None, 4, "是或否。"),
    ("id_type", "身份证件类型", "ID type", False, "code", "ID_TYPE", 30, "从下拉列表中选择。"),
    ("id_number", "身份证件号", "ID number", False, "id_number", None, 20, "学生没有证件号的，监护人必须填写。"),
    ("ethnic_group", "民族", "ethnic group", False, "code", "ETHNIC_GROUP", 30, "填全称，如 汉族。"),
    ("employer", "工作单位", "employer", False, "text", None, 100, "没有的不填。"),
    ("post", "职务", "post", False, "text", None, 50, "没有的不填。"),
)

_LAST: Line = (
    "migrant_child",
    "是否进城务工人员随迁子女",
    "Migrant worker's child",
    False,
    "yes_no",
    None,
    4,
    "是或否，限义务教育阶段。",
)


def _member(n: int) -> list[tuple[Line, int]]:
    return [
        ((key, f"成员{n}{header}", f"Member {n}: {english}", required and n == 1, kind, codes, limit, hint), n)
        for key, header, english, required, kind, codes, limit, hint in _MEMBER
    ]


_LINES = [*((line, 0) for line in _STUDENT), *_member(1), *_member(2), (_LAST, 0)]

COLUMNS: tuple[Column, ...] = tuple(
    Column(number, *line, member=member) for number, (line, member) in enumerate(_LINES, 1)
)
"""The 71 columns in the template's order."""

BY_SLOT: dict[str, Column] = {column.slot: column for column in COLUMNS}
"""The same by address."""

KEY_DATA = ("name", "sex", "birth_date", "id_type", "id_number", "class_number")
"""What an import never changes on a record that exists: key data need proof and an approval (关键数据变更)."""


@dataclass(frozen=True, slots=True)
class Form:
    """A sheet the hub hands out and reads back (表样): its short name, title, version and columns in order."""

    name: str
    title: str
    version: str
    columns: tuple[Column, ...]


PUPILS = Form("pupils", TITLE, VERSION, COLUMNS)
"""The sheet of pupils (学生基本信息)."""
