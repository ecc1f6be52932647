"""Imports: a workbook becomes students of a school."""

from datetime import datetime
from typing import Annotated

import strawberry

from hub import files, imports, models
from hub.terms import ImportState
from loaders.declare import column, graph, up
from schema.common import Node, key_of, typed_id
from schema.context import HubInfo, argument
from schema.school import LazySchool
from schema.write import written

I = models.Import  # noqa: E741 -- the table of this file


@graph(models.Import, "import")
@strawberry.type(description="One workbook read into the register (导入批次).")
class Import(Node):
    """An import."""

    id: strawberry.ID = column(typed_id("import"), "Opaque id (标识).")
    school: LazySchool | None = up(I.school_id, "The school (学校).")
    state: ImportState | None = column(I.state, "What became of it (导入状态).")
    total: int | None = column(I.total, "Rows with anything in them (总行数).")
    created: int | None = column(I.created, "Rows that became new students (新增).")
    updated: int | None = column(I.updated, "Rows that changed a known student (更新).")
    unchanged: int | None = column(I.unchanged, "Rows that said what is known (未变).")
    rejected: int | None = column(I.rejected, "Rows with faults, not taken (未通过).")
    created_at: datetime | None = column(I.created_at, "When (导入时间).")


@strawberry.type(description="One thing wrong in one cell (行错误).")
class RowFault:
    """A fault of a row."""

    row: int = strawberry.field(description="Row as Excel counts (行号).")
    column: str = strawberry.field(description="Column letter (列).")
    header: str = strawberry.field(description="Header of the column (列名).")
    code: str = strawberry.field(description="Stable code of the rule (错误代码).")
    value: str | None = strawberry.field(
        description="What the cell says, identity numbers masked; null if it is blank (单元格内容)."
    )
    message: str = strawberry.field(description="What is wrong (错误说明).")
    remedy: str = strawberry.field(description="What to write instead (修改建议).")


@strawberry.input(description="An uploaded workbook and the school it is for (导入请求).")
class ImportWorkbookInput:
    """What to import."""

    file_id: strawberry.ID = strawberry.field(description="The id that POST /files answered (文件标识).")
    school_code: str = strawberry.field(description="10-digit school code (学校标识码).")


@strawberry.type(description="What became of the workbook, and every fault found in it (导入结果).")
class ImportWorkbookPayload:
    """The result of an import."""

    faults: list[RowFault] = strawberry.field(description="Every fault, row by row (行错误).")
    import_id: strawberry.Private[int]

    @strawberry.field(name="import", description="The import as recorded (导入批次).")
    async def recorded(self, info: HubInfo) -> Import | None:
        """The import, read after the commit."""
        return await written(info, "Import", self.import_id)


@strawberry.type
class WorkbookMutation:
    """Writes by workbook."""

    @strawberry.mutation(
        description="Read a workbook into a school: sound rows are taken, faulty rows are told (导入学籍表格)."
    )
    async def import_workbook(
        self,
        info: HubInfo,
        input: Annotated[ImportWorkbookInput, argument("Which file, which school (文件与学校).")],  # noqa: A002 -- GraphQL's word
    ) -> ImportWorkbookPayload:
        """Import a workbook."""
        context = info.context
        caller = context.caller()
        key, _ = await files.find(context.database, caller, key_of("file", input.file_id))
        done = await imports.apply(
            context.database,
            context.policy,
            caller,
            school_code=input.school_code,
            file_id=key_of("file", input.file_id),
            data=await context.files.get(key),
        )
        language = context.language
        faults = [
            RowFault(
                row=fault.row,
                column=fault.column,
                header=fault.header,
                code=fault.key,
                value=fault.value,
                message=fault.text(language),
                remedy=fault.remedy(language),
            )
            for fault in done.faults
        ]
        return ImportWorkbookPayload(faults=faults, import_id=done.id)
