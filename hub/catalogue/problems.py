"""Messages of resolving problem records."""

from hub.catalogue.message import Message

PROBLEMS: dict[str, Message] = {
    "TOO_MANY_FILES": Message(
        "TOO_LARGE",
        "一次最多附 {limit} 个文件。",
        "At most {limit} files go with one request.",
        "请合并材料后再提交。",
        "Put several pages into one file.",
    ),
    "RESOLUTION_NOT_ASKED": Message(
        "BAD_INPUT",
        "“原因已消除”由系统自动认定，不能申请。",
        "That a cause is gone is found by the hub itself; it cannot be asked for.",
        "请选择变更、佐证或删除。",
        "Choose CHANGE, EVIDENCE or DELETE.",
    ),
    "RECORD_CLOSED": Message(
        "CONFLICT",
        "该问题学籍已处理完毕。",
        "The problem record is closed already.",
        "请刷新列表，处理下一条；已提交核办的处理申请，请不同意或撤回。",
        "Load the list again and go on with the next; refuse or withdraw a resolution that still waits.",
    ),
    "NO_AUTHORITY": Message(
        "CONFLICT",
        "该生学校未登记本学段的学籍主管部门，无法提交。",
        "The pupil's school names no status authority for this stage, so nobody could decide.",
        "请联系上级学籍管理部门补登学校的学籍主管部门。",
        "Ask the office above to enter the school's status authority.",
    ),
    "CHANGE_REQUIRED": Message(
        "BAD_INPUT",
        "选择“变更”时须至少填写一项新的关键信息。",
        "A change must name at least one new value.",
        "请填写姓名、性别、出生日期、证件类型或证件号中需要更正的项。",
        "Give the name, sex, birth date, type or number of the document that is to be corrected.",
    ),
    "CHANGE_NOT_WANTED": Message(
        "BAD_INPUT",
        "只有选择“变更”时才能填写新的关键信息。",
        "New values belong to a change only.",
        "请改选“变更”，或清空新值后再提交。",
        "Choose CHANGE, or leave the values out.",
    ),
    "NOTE_REQUIRED": Message(
        "BAD_INPUT",
        "删除学籍须说明理由。",
        "Deleting a record needs a reason.",
        "请在说明中写明为何认定为虚假或重复学籍。",
        "Say in the note why the record is a false or a second one.",
    ),
    "NUMBER_REQUIRED": Message(
        "BAD_INPUT",
        "证件类型为居民身份证时，须填写身份证号。",
        "A resident identity card has a number.",
        "请填写身份证号，或更正证件类型。",
        "Give the number, or another type of document.",
    ),
    "NUMBER_UNSOUND": Message(
        "BAD_INPUT",
        "更正后的身份证号不符合编码规则，或与性别、出生日期不一致。",
        "The corrected identity number breaks its rules, or disagrees with sex or birth date.",
        "请对照户口簿逐位核对身份证号、性别和出生日期。",
        "Compare number, sex and birth date with the household book, digit by digit.",
    ),
    "BIRTH_DATE_IN_FUTURE": Message(
        "BAD_INPUT",
        "出生日期不能晚于今天。",
        "The birth date lies in the future.",
        "请核对出生日期。",
        "Check the birth date.",
    ),
    "VALUE_UNSOUND": Message(
        "BAD_INPUT",
        "字段 {name} 的新值不符合要求。",
        "The new value of {name} cannot be taken.",
        "请按导入模板中该列的填写说明填写。",
        "Write it as the import template asks for this column.",
    ),
    "CHANGE_DOES_NOT_HELP": Message(
        "CONFLICT",
        "按此处理后问题依然存在，未作任何更改。",
        "The problem would still stand after this; nothing was changed.",
        "请核对另一方学籍，不同意本申请并另行提交正确的处理方式。",
        "Look at the other record too; refuse this request and ask for one that settles it.",
    ),
}
