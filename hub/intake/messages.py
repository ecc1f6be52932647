"""The catalogue of what can be wrong with a row of the import sheet, in Chinese and English.

Every text may name {header}, the column's title. What can be wrong with a whole file stands in `hub.catalogue`.
"""

from hub.catalogue import Message


def _row(zh: str, en: str, remedy_zh: str, remedy_en: str) -> Message:
    return Message("BAD_ROW", zh, en, remedy_zh, remedy_en)


_AS_TEXT_ZH = "请把单元格格式设为“文本”后重新填写完整号码。"
_AS_TEXT_EN = "Format the cell as text and type the whole number again."

MESSAGES: dict[str, Message] = {
    "REQUIRED": _row(
        "“{header}”必须填写。",
        "'{header}' is required.",
        "请补填这一项。",
        "Fill in the cell.",
    ),
    "UNKNOWN_OPTION": _row(
        "“{header}”的内容不在可选范围内。",
        "'{header}' is not one of the options.",
        "请从下拉列表中选择（填名称，不填代码），如：{options}。",
        "Choose from the drop-down list (the name, not the code), such as: {options}.",
    ),
    "WRONG_TYPE": _row(
        "“{header}”的单元格类型不对（数字、时间或逻辑值）。",
        "'{header}' holds a number, time or truth value where text is wanted.",
        "请把单元格格式设为“文本”后重新填写。",
        "Format the cell as text and type it again.",
    ),
    "FORMULA_NOT_ALLOWED": _row(
        "“{header}”中是公式；此表只接受填写的内容。",
        "'{header}' holds a formula; formulas are not allowed.",
        "请复制该单元格，再以“只粘贴值”的方式粘贴回原处。",
        "Copy the cell and paste it back as a value only.",
    ),
    "ERROR_CELL": _row(
        "“{header}”中是错误值（如 #N/A）。",
        "'{header}' holds an error value such as #N/A.",
        "请改填实际内容。",
        "Write the actual content instead.",
    ),
    "CELL_TOO_LONG": _row(
        "“{header}”的文字过长（超过 2000 字）。",
        "'{header}' is far too long (over 2,000 characters).",
        "请检查是否误粘贴了其他内容。",
        "See whether something else was pasted here by mistake.",
    ),
    "TOO_LONG": _row(
        "“{header}”超过 {limit} 个字。",
        "'{header}' is longer than {limit} characters.",
        "请缩短到 {limit} 个字以内。",
        "Shorten it to {limit} characters.",
    ),
    "CONTROL_CHARACTERS": _row(
        "“{header}”中含有不可见的控制字符。",
        "'{header}' holds invisible control characters.",
        "请删除这一格的内容并重新手工输入。",
        "Clear the cell and type it again by hand.",
    ),
    "NUMBER_LOST_DIGITS": _row(
        "“{header}”按数字保存，末尾几位已经丢失。",
        "'{header}' was stored as a number and has lost its last digits.",
        _AS_TEXT_ZH,
        _AS_TEXT_EN,
    ),
    "NUMBER_NOT_TEXT": _row(
        "“{header}”是数字格式，应为文本格式。",
        "'{header}' is a number; it has to be text.",
        _AS_TEXT_ZH,
        _AS_TEXT_EN,
    ),
    "BAD_NAME": _row(
        "“{header}”中含有姓名不应有的字符。",
        "'{header}' holds characters that do not belong in a name.",
        "请与户口簿一致，只填文字；少数民族和外文姓名可用间隔号“·”。",
        "Write it as in the household book, letters only; parts may be joined with a dot '·'.",
    ),
    "BAD_DATE": _row(
        "“{header}”不是有效的日期。",
        "'{header}' is not a valid date.",
        "请填 8 位数字（年月日），如 20060102。",
        "Write eight digits, year month day, such as 20060102.",
    ),
    "BAD_MONTH": _row(
        "“{header}”不是有效的年月。",
        "'{header}' is not a valid month.",
        "请填 6 位数字（年月），如 201309。",
        "Write six digits, year and month, such as 201309.",
    ),
    "AMBIGUOUS_DATE": _row(
        "“{header}”的日期写法不明确，可以有多种理解。",
        "'{header}' can be read as more than one date.",
        "请按 {example} 的形式填写。",
        "Write it like {example}.",
    ),
    "BAD_PERIOD": _row(
        "“{header}”不是有效的起止日期。",
        "'{header}' is not a valid pair of dates.",
        "请按 2010.01.02-2015.01.02 的形式填写，长期有效的填 2010.01.02-长期。",
        "Write it like 2010.01.02-2015.01.02, or 2010.01.02-长期 without an end.",
    ),
    "BIRTH_IN_FUTURE": _row(
        "出生日期在将来。",
        "The birth date lies in the future.",
        "请核对户口簿后改正。",
        "Correct it from the household book.",
    ),
    "BIRTH_OUT_OF_RANGE": _row(
        "按出生日期计算的年龄不像在校学生。",
        "By this birth date the age is not that of a pupil.",
        "请核对户口簿后改正。",
        "Correct it from the household book.",
    ),
    "ENTRY_IN_FUTURE": _row(
        "入学年月在三个月以后。",
        "The entry month is more than three months ahead.",
        "请填本学段实际入学的年月，如 201309。",
        "Write the month in which the present stage began, such as 201309.",
    ),
    "ENTRY_BEFORE_BIRTH": _row(
        "入学年月早于出生日期。",
        "The entry month is before the birth date.",
        "请核对出生日期和入学年月。",
        "Check the birth date and the entry month.",
    ),
    "BAD_DISTANCE": _row(
        "“{header}”不是有效的公里数。",
        "'{header}' is not a distance in kilometres.",
        "请填 0 到 999 之间的数字，最多两位小数，如 1.5。",
        "Write a number from 0 to 999 with at most two decimals, such as 1.5.",
    ),
    "BAD_DIVISION": _row(
        "“{header}”不是 12 位行政区划代码。",
        "'{header}' is not a division code of 12 digits.",
        "请填 12 位数字；只知道县级代码的，6 位代码后补 6 个 0，如 140105000000。",
        "Write 12 digits; if only the county is known, its six digits and six zeros, such as 140105000000.",
    ),
    "UNKNOWN_DIVISION": _row(
        "“{header}”的前 6 位不是任何县级行政区划的代码。",
        "The first six digits of '{header}' are no administrative division.",
        "请对照行政区划代码表改正。",
        "Correct it from the table of administrative divisions.",
    ),
    "BAD_PHONE": _row(
        "“{header}”不是有效的电话号码。",
        "'{header}' is not a phone number.",
        "手机填 11 位数字；固定电话填区号和号码，如 0351-1234567，并设为文本格式以保留开头的 0。",
        "A mobile has 11 digits; a fixed line has its area code, such as 0351-1234567, as text to keep the zero.",
    ),
    "BAD_POST_CODE": _row(
        "“{header}”不是 6 位邮政编码。",
        "'{header}' is not a post code of six digits.",
        "请设为文本格式，填 6 位数字，如 030001（开头的 0 不能省略）。",
        "Format it as text and write six digits, such as 030001 with its leading zero.",
    ),
    "BAD_EMAIL": _row(
        "“{header}”不是有效的电子信箱地址。",
        "'{header}' is not an e-mail address.",
        "请填如 name@example.cn 的地址，没有的不填。",
        "Write an address like name@example.cn, or leave it blank.",
    ),
    "ROW_NOT_YOUR_SCHOOL": _row(
        "这一行的学校标识码不是本校的。",
        "The school code of this row is not your school's.",
        "每所学校只能导入本校学生：请改为本校标识码，或删去这一行。",
        "A school imports its own pupils only: write your own school's code or delete the row.",
    ),
    "UNKNOWN_CLASS": _row(
        "本校没有这个班号。",
        "Your school has no class of this number.",
        "请先建立班级，或改填已有的班号：{classes}。",
        "Create the class first, or write one of: {classes}.",
    ),
    "BAD_CLASS_NUMBER": _row(
        "“{header}”不是 7 位数字。",
        "'{header}' is not a number of seven digits.",
        "请设为文本格式，填 7 位数字，如 2013001（开头的 0 不能省略）。",
        "Format it as text and write seven digits, such as 2013001 with its leading zeros.",
    ),
    "BAD_GRADES": _row(
        "“{header}”写法不对。",
        "'{header}' is not a grade.",
        "请填如 三年级、高一；复式班填全部年级，如 一、二年级。",
        "Write it like 三年级 or 高一; of a combined class all grades, like 一、二年级.",
    ),
    "BAD_SCHOOL_YEAR": _row(
        "“{header}”不是有效的学年。",
        "'{header}' is not a school year.",
        "请填秋季开学的年份，4 位数字，如 2013；填本学年的可以不填。",
        "Write the year of its autumn in four digits, such as 2013, or leave it blank for the present one.",
    ),
    "BAD_ID_NUMBER": _row(
        "“{header}”不是有效的证件号码。",
        "'{header}' is not a valid document number.",
        "请只填字母和数字，4 到 20 位，并核对证件类型。",
        "Write 4 to 20 letters and digits and check the type of document.",
    ),
    "ID_WRONG_LENGTH": _row(
        "“{header}”不是 18 位。",
        "'{header}' does not have 18 characters.",
        "请按户口簿填写 18 位公民身份号码；15 位的旧号码须换为新号码。",
        "Write the 18 characters of the household book; an old number of 15 digits has to be replaced.",
    ),
    "ID_WRONG_CHARACTERS": _row(
        "“{header}”中含有不应有的字符。",
        "'{header}' holds characters that an identity number cannot have.",
        "前 17 位必须是数字，最后一位是数字或 X。",
        "The first 17 characters are digits, the last a digit or X.",
    ),
    "ID_CHECK_DIGIT": _row(
        "“{header}”的校验位不符，至少有一位写错。",
        "The check character of '{header}' does not fit: at least one character is wrong.",
        "请对照户口簿逐位核对。",
        "Compare it with the household book, digit by digit.",
    ),
    "ID_UNKNOWN_DIVISION": _row(
        "“{header}”的前 6 位从来不是任何行政区划的代码。",
        "The first six digits of '{header}' never were an administrative division.",
        "请对照户口簿核对前 6 位。",
        "Compare the first six digits with the household book.",
    ),
    "ID_IMPOSSIBLE_DATE": _row(
        "“{header}”的第 7 至 14 位不是真实的日期。",
        "Digits 7 to 14 of '{header}' are not a real date.",
        "请对照户口簿核对第 7 至 14 位。",
        "Compare digits 7 to 14 with the household book.",
    ),
    "ID_BIRTH_DATE_DISAGREES": _row(
        "“{header}”与出生日期不一致。",
        "'{header}' and the birth date disagree.",
        "请对照户口簿改正其中错误的一项。",
        "Correct the wrong one of the two from the household book.",
    ),
    "ID_SEX_DISAGREES": _row(
        "“{header}”的第 17 位与性别不一致（单数为男，双数为女）。",
        "Digit 17 of '{header}' and the sex disagree (odd is male, even female).",
        "请对照户口簿改正其中错误的一项。",
        "Correct the wrong one of the two from the household book.",
    ),
    "ID_INSANE_AGE": _row(
        "按“{header}”计算的年龄不合理。",
        "By '{header}' the age is not plausible.",
        "请对照户口簿核对第 7 至 14 位，并确认没有填成他人的号码。",
        "Compare digits 7 to 14 with the household book and see that it is not someone else's number.",
    ),
    "ID_TWICE_IN_ROW": _row(
        "“{header}”与本行另一人的证件号相同。",
        "'{header}' is also the number of another person of this row.",
        "请填写本人的证件号。",
        "Write the person's own number.",
    ),
    "GUARDIAN_ID_REQUIRED": _row(
        "学生没有证件号，监护人的证件号必须填写。",
        "The pupil has no identity number, so the guardian's is required.",
        "请补填监护人的身份证件号。",
        "Fill in the guardian's number.",
    ),
    "NO_GUARDIAN": _row(
        "学生没有证件号，必须有一名家庭成员是监护人。",
        "The pupil has no identity number, so one family member has to be the guardian.",
        "请把监护人的“是否监护人”填为“是”，并填写其证件号。",
        "Write 是 under 是否监护人 for the guardian, and fill in that person's number.",
    ),
    "RELATION_NOTE_REQUIRED": _row(
        "关系为“其他”时，“{header}”必须填写。",
        "When the relation is 其他, '{header}' is required.",
        "请说明与学生的关系，如 姑母。",
        "Say how the person is related to the pupil, such as 姑母.",
    ),
    "INCLUSION_DISAGREES": _row(
        "“随班就读”与“残疾类型”不一致。",
        "Inclusion and disability disagree.",
        "无残疾的填“非随班就读”；视力、听力、智力残疾填相应的随班就读，其余残疾填“其他残疾随班就读”。",
        "Without disability: 非随班就读; visual, hearing, intellectual: the one of that name; else 其他残疾随班就读.",
    ),
    "DUPLICATE_IN_FILE": _row(
        "与第 {first} 行是同一名学生。",
        "This is the same pupil as row {first}.",
        "请核对两行，删去多余的一行或改正错误的内容。",
        "Compare the two rows; delete one or correct what is wrong.",
    ),
    "KEY_DATA_DIFFERS": _row(
        "该生已在册，“{header}”与登记的不一致；导入不能修改关键信息。",
        "This pupil is on the register with another value under '{header}'; an import does not change key data.",
        "如登记有误，请附证明申请关键数据变更；如表格有误，请改正后重新上传。",
        "If the register is wrong, request a key-data change with proof; if the sheet is, correct and upload again.",
    ),
    "ID_ALREADY_REGISTERED_USE_TRANSFER": _row(
        "“{header}”在本省学籍库中已有登记；导入后将列为问题学籍。",
        "This '{header}' is already registered in the province; once imported, it is a problem record.",
        "请核对号码；如学生由他校转来，请办理转学，不要另建学籍。",
        "Check the number; for a pupil who comes from another school use a transfer, not a second record.",
    ),
    "SAME_NAME_SEX_BIRTH": _row(
        "本省学籍库中已有姓名、性别、出生日期都相同的学生；导入后将列为问题学籍。",
        "The province has a pupil of the same name, sex and birth date; once imported, it is a problem record.",
        "请核实是否同一人；如为转入学生，请办理转学。",
        "Find out whether it is the same person; for a pupil who comes from another school use a transfer.",
    ),
}
