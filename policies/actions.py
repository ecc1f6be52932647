"""What can be done with an object: the verbs of a right such as `student:read`."""

from enum import StrEnum


class Action(StrEnum):
    """A verb of the register. Which verbs suit which object is said in `policies.objects`."""

    APPROVE = "approve"
    """Decide a step of a case (核办). Never the person who entered it; the case holds that rule."""
    COUNT = "count"
    """See numbers (统计): how many, never who."""
    CREATE = "create"
    """Enter something new (新建), or start a case (申请)."""
    DELETE = "delete"
    """Take back what was entered and nothing rests on yet (删除)."""
    EXPORT = "export"
    """Carry rows or tables out of the hub as a file (导出)."""
    GRANT = "grant"
    """Give an account a role at a place, or end it (授权)."""
    IMPORT = "import"
    """Bring in a workbook of rows (导入)."""
    MARK = "mark"
    """Mark who is present and who is absent (考勤登记)."""
    MASK = "mask"
    """See a field with most of it struck out (脱敏查看). Matters only where `read` is denied."""
    READ = "read"
    """See it whole (查看)."""
    RESOLVE = "resolve"
    """Decide a problem record (问题学籍处理)."""
    UPDATE = "update"
    """Change it, or add evidence to it (修改)."""
