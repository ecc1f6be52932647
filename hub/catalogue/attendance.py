"""Messages of marking attendance."""

from hub.catalogue.message import Message

ATTENDANCE: dict[str, Message] = {
    "DAY_IN_FUTURE": Message(
        "BAD_INPUT",
        "{day} 还没有到，不能登记考勤。",
        "{day} has not come yet; its attendance cannot be marked.",
        "请选择今天或之前的日期。",
        "Choose today or a day before.",
    ),
    "DAY_TOO_OLD": Message(
        "BAD_INPUT",
        "{day} 已超过可以登记的期限（{limit} 天）。",
        "{day} is further back than attendance may be marked ({limit} days).",
        "如确需更正，请联系上级学籍管理员。",
        "If it must be corrected, ask the status administrator of the office above you.",
    ),
    "CLASS_CLOSED": Message(
        "CONFLICT",
        "该班级已撤销。",
        "The class is closed.",
        "请选择学生现在所在的班级。",
        "Choose the class the pupils are in now.",
    ),
    "NOT_OF_CLASS": Message(
        "BAD_INPUT",
        "名单中第 {number} 名学生当日不在该班。",
        "Pupil number {number} of the list was not of this class on that day.",
        "请刷新班级花名册，去掉不在本班的学生后重新提交。",
        "Load the roster again, leave out who is not of the class, and submit anew.",
    ),
    "DOUBLE_EXCEPTION": Message(
        "BAD_INPUT",
        "同一名学生在名单中出现了不止一次。",
        "A pupil is named more than once.",
        "每名学生只保留一条。",
        "Keep one line for each pupil.",
    ),
    "TOO_MANY_EXCEPTIONS": Message(
        "TOO_LARGE",
        "缺勤、迟到和请假的学生超过 {limit} 名的上限。",
        "More than {limit} pupils are named as absent, late or on leave.",
        "请核对名单；只需列出未正常到校的学生。",
        "Check the list; only pupils who were not simply present belong on it.",
    ),
    "NOTE_TOO_LONG": Message(
        "BAD_INPUT",
        "备注超过 {limit} 个字。",
        "The note is longer than {limit} characters.",
        "请缩短备注。",
        "Make the note shorter.",
    ),
    "DOUBLE_DAY": Message(
        "BAD_INPUT",
        "同一班级同一天在本次提交中出现了不止一次。",
        "The same class and day occur more than once in this request.",
        "每个班级每天只保留一条。",
        "Keep one for each class and day.",
    ),
    "TOO_MANY_DAYS": Message(
        "TOO_LARGE",
        "一次登记的班级考勤超过 {limit} 条的上限。",
        "More than {limit} class-days in one request.",
        "请分几次提交。",
        "Send them in several requests.",
    ),
    "BAD_PERIOD": Message(
        "BAD_INPUT",
        "开始日期 {since} 晚于结束日期 {until}。",
        "The first day {since} is after the last day {until}.",
        "请核对起止日期。",
        "Check the two dates.",
    ),
}
