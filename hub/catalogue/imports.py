"""Messages of imports as a whole; what can be wrong with a row stands in `hub.intake.messages`."""

from hub.catalogue.message import Message

IMPORTS: dict[str, Message] = {
    "IMPORT_GONE": Message(
        "CONFLICT",
        "导入批次已不存在。",
        "The import is gone.",
        "请重新上传并提交导入。",
        "Upload the workbook again.",
    ),
    "IMPORT_STATE": Message(
        "CONFLICT",
        "导入批次现为“{state}”，不能这样办理。",
        "The import is {state}; this cannot be done with it now.",
        "请刷新后查看该批次的现状。",
        "Look again at how the import stands.",
    ),
    "IMPORT_WROTE_NOTHING": Message(
        "CONFLICT",
        "该批次没有写入任何内容，无需撤销。",
        "This import wrote nothing, so there is nothing to take back.",
        "请核对批次号。",
        "Look again at the number of the import.",
    ),
    "IMPORT_OWN": Message(
        "FORBIDDEN",
        "提交导入的人不能自己确认。",
        "Who asked for an import does not confirm it.",
        "请由学校主管领导或上级领导确认。",
        "Have the school's leader, or the leader above, confirm it.",
    ),
    "IMPORT_BROKE_OFF": Message(
        "INTERNAL",
        "导入或撤销多次中断，已停止；已写入的部分保持有效。",
        "The import, or its undoing, broke off several times and was stopped; what stands of it stands.",
        "导入的，请重新上传同一文件，已写入的行不会重复；撤销的，请再次撤销；如再次中断，请联系技术支持。",
        "Upload the same file again, no row is written twice, or undo again; if it breaks off again, ask for support.",
    ),
    "IMPORT_HELD_DUPLICATES": Message(
        "CONFLICT",
        "有 {duplicates} 名新增学生在本省学籍库中疑似已有登记，超过限额。",
        "{duplicates} new pupils seem to be registered in the province already, more than the limit.",
        "请主管领导核对重复提示后确认，或取消后改为办理转学。",
        "Have a leader look at the warnings and confirm, or cancel and use transfers.",
    ),
    "IMPORT_HELD_LEAVERS": Message(
        "CONFLICT",
        "表格缺少在册学生 {missing} 名，超过限额。",
        "The sheet leaves out {missing} pupils on record, more than the limit.",
        "请主管领导核对缺少的名单（rows，判定 MISSING）后确认，或取消后补全表格。导入不会移出这些学生。",
        "Have a leader look at who is missing (rows of verdict MISSING) and confirm, or complete the sheet. Nobody is "
        "removed by an import.",
    ),
    "IMPORT_EXPIRED": Message(
        "CONFLICT",
        "该批次的明细已按期清理，不能再撤销。",
        "The rows of this import have been cleared after their time; it can no longer be undone.",
        "请逐一修改，或办理相应的变更。",
        "Change the records one by one.",
    ),
}
