"""The catalogue of messages: every refusal's code, and its words in Chinese and English.

`docs/errors.md` is generated from here and a test holds the two together.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its code, what happened and what to do, in both languages. Braces name values."""

    code: str
    zh: str
    en: str
    remedy_zh: str
    remedy_en: str

    def text(self, language: Literal["zh", "en"]) -> str:
        """What happened."""
        return self.zh if language == "zh" else self.en

    def remedy(self, language: Literal["zh", "en"]) -> str:
        """What to do about it."""
        return self.remedy_zh if language == "zh" else self.remedy_en


MESSAGES: dict[str, Message] = {
    "UNAUTHENTICATED": Message(
        "UNAUTHENTICATED",
        "您尚未登录，或登录已失效。",
        "You are not signed in, or your sign-in has ended.",
        "请重新登录后再试。",
        "Sign in and try again.",
    ),
    "WRONG_PASSWORD": Message(
        "UNAUTHENTICATED",
        "用户名或密码不正确。",
        "The user name or the password is not correct.",
        "请检查大小写后重试；连续多次错误会暂时锁定。",
        "Check upper and lower case and try again; repeated mistakes lock the account for a while.",
    ),
    "NO_ROLE": Message(
        "FORBIDDEN",
        "您的账号目前没有任何有效授权。",
        "Your account holds no grant at present.",
        "请联系上级单位的账号管理员。",
        "Ask the account administrator of the office above you.",
    ),
    "MUST_CHANGE_PASSWORD": Message(
        "FORBIDDEN",
        "首次登录必须先修改密码。",
        "The first password must be changed before anything else.",
        "请先执行 changePassword。",
        "Run changePassword first.",
    ),
    "WEAK_PASSWORD": Message(
        "BAD_INPUT",
        "新密码不符合要求：至少 {length} 位，须同时含字母、数字和符号，且不得包含用户名。",
        "Too weak: at least {length} characters with letters, digits and symbols, without the user name.",
        "请换一个更复杂的密码。",
        "Choose a stronger password.",
    ),
    "SAME_PASSWORD": Message(
        "BAD_INPUT",
        "新密码不能与原密码相同。",
        "The new password is the old one.",
        "请换一个密码。",
        "Choose another password.",
    ),
    "REGISTER_NOT_EMPTY": Message(
        "CONFLICT",
        "学籍库中已有数据，不能再生成样例。",
        "The register already holds data; a sample is only planted in an empty one.",
        "请换一个空的数据库，或删除数据文件夹后重新开始。",
        "Use an empty database, or delete the data folder and start again.",
    ),
    "POLICY_INVALID": Message(
        "BAD_INPUT",
        "权限策略第 {line} 行有误：{reason}",
        "Line {line} of the policy is not valid: {reason}",
        "请改正该行后重新提交；原策略继续有效。",
        "Correct the line and submit again; the policy in force stays.",
    ),
    "COMMITTED_UNREADABLE": Message(
        "COMMITTED_UNREADABLE",
        "操作已生效，但结果暂时无法读取（{object}）。",
        "The change was made, but its result cannot be read at the moment ({object}).",
        "请勿重复提交，稍后重新查询。",
        "Do not send it again; read it later.",
    ),
    "NOT_AN_UPLOAD": Message(
        "BAD_INPUT",
        "请求中没有名为 file 的文件。",
        "The request holds no file named 'file'.",
        "请以表单（multipart/form-data）上传一个文件，字段名为 file。",
        "Send one file as multipart/form-data in the field 'file'.",
    ),
    "ROLE_NOT_HELD": Message(
        "FORBIDDEN",
        "您没有“{role}”这一角色。",
        "You do not hold the role '{role}'.",
        "请求头 Hub-Role 只能填写您已获授权的角色。",
        "The header Hub-Role may only name a role that you have been granted.",
    ),
    "FORBIDDEN": Message(
        "FORBIDDEN",
        "您的角色无权执行此操作（{action}）。",
        "Your role may not do this ({action}).",
        "如确需办理，请联系上级学籍管理员。",
        "If it must be done, ask the status administrator of the office above you.",
    ),
    "FORBIDDEN_FIELD": Message(
        "FORBIDDEN_FIELD",
        "您的角色无权查看字段 {name}。",
        "Your role may not read the field {name}.",
        "请从查询中去掉该字段。",
        "Leave the field out of the query.",
    ),
    "NOT_FOUND": Message(
        "NOT_FOUND",
        "找不到，或您无权查看。",
        "Not found, or not within your reach.",
        "请核对编号；若不在您的管辖范围内，请联系其所属单位。",
        "Check the identifier; if it lies outside your area, ask the office it belongs to.",
    ),
    "BAD_ID": Message(
        "BAD_INPUT",
        "“{value}”不是有效的标识。",
        "'{value}' is not a valid identifier.",
        "标识的格式如 {example}，请原样使用查询返回的值。",
        "Identifiers look like {example}; use the value that a query returned, unchanged.",
    ),
    "BAD_ONE_OF": Message(
        "BAD_INPUT",
        "{fields} 中必须且只能填写一个。",
        "Exactly one of {fields} must be given.",
        "请只保留一个查找条件。",
        "Keep just one of them.",
    ),
    "BAD_CURSOR": Message(
        "BAD_INPUT",
        "翻页游标无效：它不属于这个查询，或不是您的。",
        "The cursor is not valid: it belongs to another query or to another caller.",
        "请从第一页重新开始。",
        "Start again from the first page.",
    ),
    "BAD_PAGE_SIZE": Message(
        "BAD_INPUT",
        "每页数量 {name} 必须在 0 到 {limit} 之间。",
        "The page size {name} must be between 0 and {limit}.",
        "请减小每页数量，用游标翻页。",
        "Ask for fewer and page with the cursor.",
    ),
    "BAD_PAGE_ARGUMENTS": Message(
        "BAD_INPUT",
        "first/after 与 last/before 不能同时使用。",
        "first/after and last/before cannot be used together.",
        "向后翻页用 first 和 after，向前翻页用 last 和 before。",
        "Page forwards with first and after, backwards with last and before.",
    ),
    "BAD_TEXT": Message(
        "BAD_INPUT",
        "文字中含有不能保存的字符（空字符或不完整的字符）。",
        "The text holds characters that cannot be stored (NUL or a broken surrogate).",
        "请重新输入这一项。",
        "Type the value again.",
    ),
    "BAD_DOCUMENT": Message(
        "BAD_INPUT",
        "GraphQL 查询有误：{detail}",
        "The GraphQL document is not valid: {detail}",
        "请按提示位置修改查询。",
        "Correct the query at the place shown.",
    ),
    "BAD_REQUEST": Message(
        "BAD_INPUT",
        "请求内容无法读取：{detail}",
        "The request could not be read: {detail}",
        "请以 JSON 发送 query、variables 和 operationName。",
        "Send JSON with query, variables and operationName.",
    ),
    "UNSUPPORTED_MEDIA_TYPE": Message(
        "BAD_INPUT",
        "不支持的内容类型 {type}。",
        "The content type {type} is not supported.",
        "请使用 {wanted}。",
        "Use {wanted}.",
    ),
    "METHOD_NOT_ALLOWED": Message(
        "BAD_INPUT",
        "该地址不接受 {method} 请求。",
        "This address does not take {method} requests.",
        "请使用 {wanted}。",
        "Use {wanted}.",
    ),
    "TOO_COMPLEX": Message(
        "TOO_COMPLEX",
        "查询过于复杂：{what} 超过上限 {limit}。",
        "The query is too complex: {what} exceeds the limit of {limit}.",
        "请拆分查询或减小每页数量。",
        "Split the query or ask for smaller pages.",
    ),
    "BODY_TOO_LARGE": Message(
        "TOO_LARGE",
        "请求内容超过 {limit} 字节的上限。",
        "The request is larger than the limit of {limit} bytes.",
        "请缩小请求后重试。",
        "Make the request smaller and try again.",
    ),
    "UNAVAILABLE": Message(
        "UNAVAILABLE",
        "系统暂时无法访问数据库。",
        "The hub cannot reach its database at the moment.",
        "您的数据没有丢失，请稍后重试。",
        "Nothing is lost; try again in a moment.",
    ),
    "TIMEOUT": Message(
        "UNAVAILABLE",
        "查询超过了时间上限。",
        "The query ran past its time limit.",
        "请缩小范围或减小每页数量后重试。",
        "Narrow the query or ask for smaller pages.",
    ),
    "INTERNAL": Message(
        "INTERNAL",
        "系统内部错误，编号 {correlation}。",
        "Internal error, reference {correlation}.",
        "请把编号告知系统管理员；本次操作未生效。",
        "Give the reference to the system administrator; nothing was changed.",
    ),
    "FILE_EMPTY": Message(
        "BAD_INPUT",
        "文件是空的（0 字节）。",
        "The file is empty (0 bytes).",
        "请重新保存工作簿后再上传。",
        "Save the workbook again and upload it.",
    ),
    "FILE_TOO_LARGE": Message(
        "TOO_LARGE",
        "文件超过 {limit} MB 的上限。",
        "The file is larger than the limit of {limit} MB.",
        "请按年级或班级拆成几个文件上传。",
        "Split it by grade or class and upload the parts.",
    ),
    "FILE_TOO_LARGE_UNPACKED": Message(
        "TOO_LARGE",
        "文件解压后过大，或结构异常（上限 {limit} MB、{entries} 个部件，不得内嵌压缩文件）。",
        "Unpacked, the file is too large or oddly built (at most {limit} MB and {entries} parts, no archive inside).",
        "请把数据以“只粘贴值”的方式粘贴到新下载的模板中再上传。",
        "Paste the data, values only, into a newly downloaded template and upload that.",
    ),
    "NOT_A_WORKBOOK": Message(
        "BAD_INPUT",
        "这不是 Excel 工作簿（.xlsx）。",
        "This is not an Excel workbook (.xlsx).",
        "仅更改扩展名是不够的：请在表格软件中打开，另存为“Excel 工作簿（*.xlsx）”后上传。",
        "Renaming is not enough: open it in a spreadsheet program and save it as 'Excel workbook (*.xlsx)'.",
    ),
    "FILE_OLD_FORMAT": Message(
        "BAD_INPUT",
        "这是旧版 Excel 97-2003 工作簿（.xls）。",
        "This is an old Excel 97-2003 workbook (.xls).",
        "请在表格软件中另存为“Excel 工作簿（*.xlsx）”后上传。",
        "Save it as 'Excel workbook (*.xlsx)' in a spreadsheet program.",
    ),
    "FILE_ENCRYPTED": Message(
        "BAD_INPUT",
        "文件有打开密码，无法读取。",
        "The file is protected by a password and cannot be read.",
        "请在表格软件中取消打开密码，重新保存后上传。",
        "Remove the password in a spreadsheet program, save and upload again.",
    ),
    "FILE_HAS_MACROS": Message(
        "BAD_INPUT",
        "文件中含有宏。",
        "The file holds macros.",
        "请另存为不含宏的“Excel 工作簿（*.xlsx）”后上传。",
        "Save it as 'Excel workbook (*.xlsx)', which holds no macros.",
    ),
    "FILE_UNREADABLE": Message(
        "BAD_INPUT",
        "文件已损坏或不完整，无法读取。",
        "The file is damaged or incomplete and cannot be read.",
        "请在表格软件中打开并重新保存，或把数据粘贴到新下载的模板中再上传。",
        "Open it in a spreadsheet program and save it again, or paste the data into a newly downloaded template.",
    ),
    "WRONG_TEMPLATE": Message(
        "BAD_INPUT",
        "表头中缺少必需的列：{missing}。",
        "The header row lacks required columns: {missing}.",
        "请使用本系统下载的模板，不要修改表头文字；列的顺序可以不同。",
        "Use the template downloaded here and leave its header texts unchanged; the order of columns is free.",
    ),
    "TEMPLATE_TOO_OLD": Message(
        "BAD_INPUT",
        "模板版本 {found} 与现行版本 {current} 不同，缺少必需的列：{missing}。",
        "The template is of version {found}, not the present {current}, and lacks required columns: {missing}.",
        "请重新下载模板，把数据以“只粘贴值”的方式粘贴进去再上传。",
        "Download the template again, paste the data into it, values only, and upload that.",
    ),
    "DUPLICATE_COLUMN": Message(
        "BAD_INPUT",
        "表头中“{header}”出现了不止一次。",
        "The header '{header}' occurs more than once.",
        "请删去多余的一列。",
        "Delete the superfluous column.",
    ),
    "TOO_MANY_ROWS": Message(
        "TOO_LARGE",
        "数据超过 {limit} 行的上限。",
        "There are more rows than the limit of {limit}.",
        "请拆成几个文件上传。",
        "Split the file and upload the parts.",
    ),
    "TOO_MANY_COLUMNS": Message(
        "TOO_LARGE",
        "数据超过 {limit} 列的上限。",
        "There are more columns than the limit of {limit}.",
        "请使用本系统下载的模板，删去表格右侧多余的内容。",
        "Use the template downloaded here and delete what stands to the right of its columns.",
    ),
    "TOO_MANY_FORMULAS": Message(
        "TOO_LARGE",
        "表中公式或错误值超过 {limit} 个。",
        "The sheet holds more than {limit} formulas or error values.",
        "请全选后复制，以“只粘贴值”的方式粘贴到新下载的模板中再上传。",
        "Copy everything and paste it, values only, into a newly downloaded template.",
    ),
    "NO_ROWS": Message(
        "BAD_INPUT",
        "表中没有学生数据。",
        "The sheet holds no pupils.",
        "请在表头下面逐行填写学生信息。",
        "Fill in one row per pupil below the header.",
    ),
}
