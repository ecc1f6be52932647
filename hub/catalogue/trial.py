"""Messages of the trial: asking for its end, ending it, and what is too late then."""

from hub.catalogue.message import Message

TRIAL: dict[str, Message] = {
    "TRIAL_OVER": Message(
        "CONFLICT",
        "学籍库已正式运行，试运行早已结束，不能再次清除数据。",
        "The register is in force; its trial is over and nothing can be wiped any more.",
        "如需更正数据，请办理相应业务。",
        "To correct data, open the case that fits.",
    ),
    "TRIAL_ENDED": Message(
        "CONFLICT",
        "试运行刚刚结束，试运行期间的数据已全部清除，本次提交未保存。",
        "The trial has just ended and its data have been wiped; nothing of this was saved.",
        "请刷新页面后，在正式学籍库中重新填报。",
        "Reload, and enter it anew in the register that is now in force.",
    ),
    "END_NOT_REQUESTED": Message(
        "CONFLICT",
        "尚无有效的结束试运行申请（申请 {hours} 小时内有效）。",
        "Nobody has asked for the end of the trial; a request is good for {hours} hours.",
        "请先由省级学籍管理员提交申请。",
        "Let a province administrator ask for it first.",
    ),
    "WRONG_CONFIRMATION": Message(
        "BAD_INPUT",
        "确认文字不正确，未作任何更改。",
        "The confirmation is not right; nothing was changed.",
        "请准确输入“{wanted}”，以确认清除全部试运行数据。",
        "Type '{wanted}' exactly, to confirm that all data of the trial are erased.",
    ),
    "REGISTER_BUSY": Message(
        "UNAVAILABLE",
        "学籍库正忙：有写入尚未完成，或正在结束试运行。",
        "The register is busy: others are still writing, or its trial is being ended.",
        "本次提交未保存，请一分钟后重试。",
        "Nothing of this was saved; try again in a minute.",
    ),
}
