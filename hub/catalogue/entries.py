"""Messages of pupils entered one by one; what is said of a cell in the words of a form."""

from hub.catalogue.message import Message

ENTRIES: dict[str, Message] = {
    "ENTRY_REFUSED": Message(
        "BAD_INPUT",
        "填写内容有 {count} 处错误，未保存。",
        "{count} things are wrong with what was entered; nothing was saved.",
        "请按 findings 逐项改正后重新提交。",
        "Correct what findings lists, field by field, and send it again.",
    ),
    "TOO_MANY_GUARDIANS": Message(
        "BAD_INPUT",
        "家庭成员最多填 {limit} 名。",
        "A pupil's record has room for {limit} family members.",
        "请只保留监护人和最近的亲属。",
        "Keep the guardians and the nearest relatives.",
    ),
    "PUPIL_ON_RECORD": Message(
        "CONFLICT",
        "该生在本校已有学籍，不能重复建立。",
        "This pupil has a record at this school already; a second one cannot be made.",
        "请查看已有学籍；需要改动的，请修改该学籍或办理相应业务。",
        "Look at the record on file; to change it, edit it or ask for the business that does.",
    ),
    "PUPIL_DELETED": Message(
        "CONFLICT",
        "该学籍已作为虚假或重复学籍删除，不能修改。",
        "This record was deleted as a false or second one and can no longer be edited.",
        "请修改该生保留的学籍。",
        "Edit the record that was kept for the pupil.",
    ),
    "FIELD_NOT_YOURS": Message(
        "FORBIDDEN",
        "您的角色无权修改“{header}”。",
        "Your role may not change '{header}'.",
        "请去掉这一项后重新提交，或请学校学籍管理员修改。",
        "Leave it out and send the rest, or ask the school's status administrator to change it.",
    ),
    "FIELD_UNKNOWN_OPTION": Message(
        "BAD_INPUT",
        "“{header}”不是现行代码表中的代码。",
        "'{header}' is no code of its list as it is in force.",
        "请填代码（不填名称），如：{options}。",
        "Give the code, not the name, such as: {options}.",
    ),
    "FIELD_ID_ALREADY_REGISTERED_USE_TRANSFER": Message(
        "BAD_INPUT",
        "“{header}”在本省学籍库中已有登记；新建的学籍已列为问题学籍。",
        "This '{header}' is already registered in the province; the new record is a problem record.",
        "请核对号码；如学生由他校转来，应办理转学，并按问题学籍处理本条。",
        "Check the number; for a pupil who comes from another school use a transfer, and have this record resolved.",
    ),
    "FIELD_SAME_NAME_SEX_BIRTH": Message(
        "BAD_INPUT",
        "本省学籍库中已有姓名、性别、出生日期都相同的学生；新建的学籍已列为问题学籍。",
        "The province has a pupil of the same name, sex and birth date; the new record is a problem record.",
        "请核实是否同一人；如为转入学生，应办理转学，并按问题学籍处理本条。",
        "Find out whether it is the same person; for a pupil who comes from another school use a transfer, and have "
        "this record resolved.",
    ),
}
