"""Messages of cases and problem records."""

from hub.catalogue.message import Message

CASES: dict[str, Message] = {
    "NO_CHAIN": Message(
        "CONFLICT",
        "业务“{kind}”目前没有可用的办理流程。",
        "There is no chain of steps in force for the business {kind}.",
        "请联系省级学籍管理部门配置办理流程。",
        "Ask the province's status office to set up its chain.",
    ),
    "OFFICE_OUTSIDE": Message(
        "CONFLICT",
        "核办单位不管理本业务的任何一方，不能受理。",
        "An office that would decide manages neither side of this case, so it cannot take it.",
        "请联系上级学籍管理部门核对学校的学籍主管部门。",
        "Ask the office above to check the school's status authority.",
    ),
    "EVIDENCE_REQUIRED": Message(
        "BAD_INPUT",
        "此业务须附佐证材料。",
        "This business needs at least one file of evidence.",
        "请先上传材料，再以其标识提交。",
        "Upload the file first and give its id.",
    ),
    "CASE_OPEN": Message(
        "CONFLICT",
        "该生有在办业务，暂不能办理此业务。",
        "There is unfinished business about this pupil, so this cannot be started now.",
        "请待在办业务办结后再提交；如有疑问，请联系学籍主管部门。",
        "Try again when it is finished; if in doubt, ask the status authority.",
    ),
    "CASE_CLOSED": Message(
        "CONFLICT",
        "该业务已办结，不能再办理。",
        "The case is closed; nothing more can be done to it.",
        "请刷新查看办理结果；如仍需办理，请重新提交。",
        "Read it again for its outcome; start a new case if one is needed.",
    ),
    "WRONG_OFFICE": Message(
        "FORBIDDEN",
        "该步骤不由您的单位办理；上级不能代替下级办理。",
        "Your office has no step in this case; an office above does not act in another's place.",
        "请由承办单位的人员办理。",
        "Leave it to the office whose turn it is.",
    ),
    "WRONG_STEP": Message(
        "CONFLICT",
        "现在不是您的单位办理的步骤。",
        "It is not your office's turn.",
        "请查看当前承办单位；轮到您的单位时再办理。",
        "See whose turn it is, and decide when it is yours.",
    ),
    "SELF_APPROVAL": Message(
        "FORBIDDEN",
        "申请人不能审批自己提交的业务。",
        "Nobody decides what they asked for themselves.",
        "请由另一人审批。",
        "Let another person decide.",
    ),
    "ALREADY_DECIDED": Message(
        "CONFLICT",
        "您已办理过该业务的一个步骤，同一人不能办理两个步骤。",
        "You have decided a step of this case; one person does not decide two.",
        "请由另一人办理其余步骤。",
        "Let another person decide the other steps.",
    ),
    "REASON_REQUIRED": Message(
        "BAD_INPUT",
        "不同意时必须选择原因。",
        "A refusal needs a reason.",
        "请选择原因（reason）后重新提交。",
        "Give a reason and send it again.",
    ),
    "REASON_NOT_WANTED": Message(
        "BAD_INPUT",
        "同意时不填写不同意原因。",
        "An approval takes no reason of refusal.",
        "请去掉 reason；如要说明，请填写 note。",
        "Leave reason out; use note for a remark.",
    ),
    "NOTE_TOO_LONG": Message(
        "BAD_INPUT",
        "说明不能超过 {limit} 字。",
        "A note has at most {limit} characters.",
        "请缩短后重新提交。",
        "Shorten it and send it again.",
    ),
}
