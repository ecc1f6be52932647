"""Rules that hold a row against others: of the same sheet, and of the register."""

from hub.intake.rules.rule import Kind, Rule, Severity, rule

RULES: tuple[Rule, ...] = (
    rule(
        Kind.CROSS_ROW,
        Severity.REFUSE,
        "DUPLICATE_IN_FILE",
        "与第 {first} 行是同一名学生。",
        "This is the same pupil as row {first}.",
        "请核对两行，删去多余的一行或改正错误的内容。",
        "Compare the two rows; delete one or correct what is wrong.",
    ),
    rule(
        Kind.CROSS_ROW,
        Severity.WARN,
        "NAMESAKE_IN_FILE",
        "与第 {first} 行的姓名、性别、出生日期都相同，但证件号不同。",
        "Name, sex and birth date are those of row {first}, the identity number is not.",
        "确是两名学生的不必修改；同一人的请改正证件号并删去一行。",
        "Leave it if these are two pupils; if it is one, correct the number and delete a row.",
        switchable=True,
    ),
    rule(
        Kind.CROSS_ROW,
        Severity.WARN,
        "NUMBER_IN_CLASS_TWICE",
        "“{header}”与第 {first} 行同班学生的相同。",
        "'{header}' is also that of row {first}, in the same class.",
        "请核对两名学生的班内学号。",
        "Check the numbers of the two pupils in their class.",
        switchable=True,
    ),
    rule(
        Kind.CROSS_REGISTER,
        Severity.REFUSE,
        "KEY_DATA_DIFFERS",
        "该生已在册，“{header}”与登记的不一致；导入不能修改关键信息。",
        "This pupil is on the register with another value under '{header}'; an import does not change key data.",
        "如登记有误，请附证明申请关键数据变更；如表格有误，请改正后重新上传。",
        "If the register is wrong, request a key-data change with proof; if the sheet is, correct and upload again.",
    ),
    rule(
        Kind.CROSS_REGISTER,
        Severity.REFUSE,
        "SEVERAL_ON_RECORD",
        "本校在册有 {many} 名姓名、性别、出生日期都相同的学生，无法确定本行是哪一名。",
        "The school has {many} pupils of this name, sex and birth date on record; nothing tells which is meant.",
        "请核对班号、身份证件号和班内学号；仍无法区分的，请在系统内逐一修改。",
        "Check class, identity number and number in the class; if they cannot be told apart, edit them one by one.",
    ),
    rule(
        Kind.CROSS_REGISTER,
        Severity.WARN,
        "ID_ALREADY_REGISTERED_USE_TRANSFER",
        "“{header}”在本省学籍库中已有登记；导入后将列为问题学籍。",
        "This '{header}' is already registered in the province; once imported, it is a problem record.",
        "请核对号码；如学生由他校转来，请办理转学，不要另建学籍。",
        "Check the number; for a pupil who comes from another school use a transfer, not a second record.",
    ),
    rule(
        Kind.CROSS_REGISTER,
        Severity.WARN,
        "SAME_NAME_SEX_BIRTH",
        "本省学籍库中已有姓名、性别、出生日期都相同的学生；导入后将列为问题学籍。",
        "The province has a pupil of the same name, sex and birth date; once imported, it is a problem record.",
        "请核实是否同一人；如为转入学生，请办理转学。",
        "Find out whether it is the same person; for a pupil who comes from another school use a transfer.",
    ),
)
"""What the register says is known only where a sheet is applied."""
