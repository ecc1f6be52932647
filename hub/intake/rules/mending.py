"""What is mended in a cell and told: the clerk sees what was written and what was taken."""

from functools import partial

from hub.intake.rules.rule import Kind, Rule, Severity, rule

_mended = partial(rule, Kind.FIELD, Severity.MENDED)

RULES: tuple[Rule, ...] = (
    _mended(
        "MENDED_FULL_WIDTH",
        "“{header}”中的全角字符已改为半角。",
        "Full-width characters in '{header}' were made plain.",
        "请核对采用的内容；原样正确的不必再改。",
        "Check what was taken; nothing has to be done if it is right.",
    ),
    _mended(
        "MENDED_BLANKS",
        "“{header}”中的空格、换行或连字符已去掉。",
        "Blanks, line breaks or hyphens in '{header}' were removed.",
        "请核对采用的内容；原样正确的不必再改。",
        "Check what was taken; nothing has to be done if it is right.",
    ),
    _mended(
        "MENDED_CASE",
        "“{header}”中的小写字母已改为大写。",
        "Small letters in '{header}' were made capitals.",
        "请核对采用的内容；原样正确的不必再改。",
        "Check what was taken; nothing has to be done if it is right.",
    ),
    _mended(
        "MENDED_DOT",
        "“{header}”中的间隔号已统一为“·”。",
        "The dot in '{header}' was made '·'.",
        "请核对采用的内容；原样正确的不必再改。",
        "Check what was taken; nothing has to be done if it is right.",
    ),
    _mended(
        "MENDED_DATE_FORM",
        "“{header}”的日期写法已改为规定的形式。",
        "The date in '{header}' was put in the form wanted.",
        "请核对采用的日期；下次请按 8 位（年月为 6 位）数字填写。",
        "Check the date taken; next time write eight digits, or six for a month.",
    ),
    _mended(
        "MENDED_DATE_SERIAL",
        "“{header}”是电子表格的日期序号，已换算为日期。",
        "'{header}' was a spreadsheet's serial number of a day and was converted.",
        "请核对换算出的日期；下次请用文本格式填写。",
        "Check the date; next time write it as text.",
    ),
    _mended(
        "MENDED_APOSTROPHE",
        "“{header}”开头的单引号已去掉。",
        "The apostrophe before '{header}' was removed.",
        "请核对采用的内容；原样正确的不必再改。",
        "Check what was taken; nothing has to be done if it is right.",
    ),
    _mended(
        "MENDED_PHONE",
        "“{header}”的号码写法已统一（去掉国际区号、括号或多余的横线）。",
        "The form of '{header}' was made plain: country code, brackets or extra hyphens.",
        "请核对采用的内容；原样正确的不必再改。",
        "Check what was taken; nothing has to be done if it is right.",
    ),
    _mended(
        "MENDED_ZEROS",
        "“{header}”开头的 0 被电子表格去掉，已补上。",
        "The spreadsheet had dropped leading zeros of '{header}'; they were put back.",
        "请核对采用的号码；下次请设为文本格式。",
        "Check the number taken; next time format the cell as text.",
    ),
    _mended(
        "MENDED_UNIT",
        "“{header}”中的单位已去掉。",
        "The unit in '{header}' was removed.",
        "请核对采用的内容；原样正确的不必再改。",
        "Check what was taken; nothing has to be done if it is right.",
    ),
    _mended(
        "MENDED_OPTION_CODE",
        "“{header}”填的是代码，已按代码表换为名称。",
        "'{header}' held an option's code; its name was taken.",
        "请核对采用的选项；下次请从下拉列表中选择名称。",
        "Check the option taken; next time choose its name from the list.",
    ),
    _mended(
        "MENDED_OPTION_SHORT",
        "“{header}”的选项没有写全，已换为全称。",
        "The option of '{header}' was written short; its full name was taken.",
        "请核对采用的选项；下次请从下拉列表中选择。",
        "Check the option taken; next time choose it from the list.",
    ),
    _mended(
        "MENDED_YES_NO",
        "“{header}”的写法已改为“是”或“否”。",
        "'{header}' was put as 是 or 否.",
        "请核对采用的内容；下次请填“是”或“否”。",
        "Check what was taken; next time write 是 or 否.",
    ),
)
"""A cell may be mended in several ways at once."""
