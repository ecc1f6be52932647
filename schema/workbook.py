"""Imports: a workbook becomes proposals, and proposals become students of a school."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from sqlalchemy import ColumnElement, FromClause, Text, case, func, literal_column, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from hub import files, imports, models, templates
from hub.errors import BadInput, HubError, Language
from hub.imports import asking, returning, telling
from hub.intake.check import Fault, Mend
from hub.terms import ImportMode, ImportState, RowVerdict, Undoing
from loaders.declare import Kind, Sort, column, graph, up
from schema.common import Connection, Node, connection, key_of, typed_id
from schema.context import HubInfo, argument
from schema.query import by_id, listing, may
from schema.school import LazySchool
from schema.write import KEY, desk, once, written

if TYPE_CHECKING:
    from schema.student import Student

LazyStudent = Annotated["Student", strawberry.lazy("schema.student")]

I = models.Import  # noqa: E741 -- the table of this file
R = models.ImportRow

_BETWEEN, _BLANK, _NOTHING = (literal_column(text, Text) for text in ("'_'", "' '", "''"))


def _fields(of: str) -> Callable[[FromClause], ColumnElement[Any]]:
    """The columns that a list of the row names, as the fields of a student are called in the graph."""

    def spoken(row: FromClause) -> ColumnElement[Any]:
        listed = func.unnest(row.c[of]).table_valued("key", with_ordinality="place").render_derived()
        words = func.replace(func.initcap(func.replace(listed.c.key, _BETWEEN, _BLANK)), _BLANK, _NOTHING)
        camel = func.lower(func.left(words, literal_column("1"))).concat(func.substr(words, literal_column("2")))
        name = case((listed.c.key == literal_column("'family'"), literal_column("'guardians'")), else_=camel)
        found = select(func.coalesce(func.json_agg(aggregate_order_by(name, listed.c.place)), literal_column("'[]'")))
        return found.correlate(row).scalar_subquery()

    return spoken


@graph(
    models.ImportRow,
    "import",
    key=("import_id", "number"),
    order=("number",),
    sorts={"NUMBER": Sort("number", "Row by row (按行号)."), "VERDICT": Sort("verdict", "By verdict (按判定).")},
)
@strawberry.type(description="A row of a workbook, and what applying it does (导入行).")
class ImportRow:
    """A row of an import."""

    number: int | None = column(R.number, "Row as Excel counts; negative for who is missing from the sheet (行号).")
    verdict: RowVerdict | None = column(R.verdict, "What applying it does (判定).")
    name: str | None = column(R.name, "The pupil's name, where the row says it (姓名).")
    class_number: str | None = column(R.class_number, "The class number, where the row says it (班号).")
    student: LazyStudent | None = up(R.student_id, "The student it means, or became (学生).")
    changes: list[str] | None = column(
        _fields("changes"), "Fields of the student that an update replaces, by their names here (更新的字段)."
    )
    undone: Undoing | None = column(R.undone, "What undoing the import did to it (撤销结果).")
    later: list[str] | None = column(
        _fields("later"),
        "Fields edited since and therefore kept; `record` where something else happened (后续修改的字段).",
    )


@graph(
    models.Import,
    "import",
    sorts={
        "CREATED_AT": Sort("created_at", "When it was asked for (提交时间)."),
        "STATE": Sort("state", "How far it has come (导入状态)."),
    },
)
@strawberry.type(description="One workbook on its way into the register (导入批次).")
class Import(Node):
    """An import."""

    id: strawberry.ID = column(typed_id("import"), "Opaque id (标识).")
    school: LazySchool | None = up(I.school_id, "The school (学校).")
    state: ImportState | None = column(I.state, "How far it has come (导入状态).")
    mode: ImportMode | None = column(I.mode, "What is done once its rows are judged (导入方式).")
    whole: bool | None = column(I.whole, "Whether it lists all pupils of its classes (是否班级全部学生).")
    total: int | None = column(I.total, "Rows with anything in them, as far as known (总行数).")
    read: int | None = column(I.read, "Rows judged so far (已校验行数).")
    written: int | None = column(I.written, "Rows written so far (已写入行数).")
    created: int | None = column(I.created, "Rows that became, or would become, new students (新增).")
    updated: int | None = column(I.updated, "Rows that changed, or would change, a known student (更新).")
    unchanged: int | None = column(I.unchanged, "Rows that say what is known (未变).")
    rejected: int | None = column(I.rejected, "Rows with faults, not taken (未通过).")
    missing: int | None = column(I.missing, "Students whom a whole workbook leaves out (表中缺少).")
    duplicates: int | None = column(I.duplicates, "New students whom the register seems to know already (疑似重复).")
    kept: int | None = column(I.kept, "Rows that undoing kept, for they were edited later (撤销时保留).")
    position: int | None = column(
        lambda row: func.import_place(row.c.id),
        "Its place in the queue; 0 while it is worked on, null at its end (排队位置).",
    )
    wait_seconds: int | None = column(
        lambda row: func.import_wait(row.c.id), "Seconds until it will be done, by the pace of late (预计等待秒数)."
    )
    heartbeat_at: datetime | None = column(I.heartbeat_at, "When its worker last showed that it lives (最近心跳).")
    created_at: datetime | None = column(I.created_at, "When it was asked for (提交时间).")
    ended_at: datetime | None = column(I.ended_at, "When it came to its end (结束时间).")
    rows: Connection[ImportRow] | None = connection(
        "ImportRow",
        Kind.OWNED,
        lambda job, row: row.c.import_id == job.c.id,
        "Its rows, one by one (导入行).",
        order=("number",),
    )


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
    suggestions: list[str] = strawberry.field(
        description="Identity numbers that may have been meant, for whoever brought the workbook (可能的正确号码)."
    )


@strawberry.type(description="A cell whose content was put right (已规范的单元格).")
class RowMend:
    """A mending."""

    row: int = strawberry.field(description="Row as Excel counts (行号).")
    column: str = strawberry.field(description="Column letter (列).")
    header: str = strawberry.field(description="Header of the column (列名).")
    code: str = strawberry.field(description="Stable code of what was done (代码).")
    written: str | None = strawberry.field(description="What the cell said, identity numbers masked (原内容).")
    taken: str | None = strawberry.field(description="What was taken for it (规范后).")
    message: str = strawberry.field(description="What was done (说明).")


def mends(mended: Sequence[Mend], language: Language) -> list[RowMend]:
    """Mendings as a person reads them."""
    return [
        RowMend(
            row=mend.row,
            column=mend.column,
            header=mend.header,
            code=mend.code,
            written=mend.written,
            taken=mend.taken,
            message=mend.text(language),
        )
        for mend in mended
    ]


def told(faults: Sequence[Fault], language: Language) -> list[RowFault]:
    """Faults as a person reads them."""
    return [
        RowFault(
            row=fault.row,
            column=fault.column,
            header=fault.header,
            code=fault.key,
            value=fault.value,
            message=fault.text(language),
            remedy=fault.remedy(language),
            suggestions=list(fault.suggestions),
        )
        for fault in faults
    ]


@strawberry.type(description="Why an import failed, or what a leader must weigh (导入说明).")
class ImportNote:
    """A note on a whole import."""

    code: str = strawberry.field(description="Stable code (代码).")
    message: str = strawberry.field(description="What is so (说明).")
    remedy: str = strawberry.field(description="What to do (处理建议).")


@strawberry.type(description="A page of what was found in an import's rows, and notes on the whole (导入问题清单).")
class ImportFaults:
    """What was found."""

    nodes: list[RowFault] = strawberry.field(description="Faults, which kept their rows out (错误).")
    warnings: list[RowFault] = strawberry.field(description="What is odd, and kept no row out (提示).")
    mended: list[RowMend] = strawberry.field(description="What was put right (已规范).")
    after_row: int | None = strawberry.field(description="Ask for the next page with this; null on the last (下一页).")
    notes: list[ImportNote] = strawberry.field(description="Notes on the whole import (整批说明).")


@strawberry.type(description="Where a file can be fetched for a short time, by this session only (下载链接).")
class DownloadLink:
    """A signed link."""

    url: str = strawberry.field(description="Address on this hub; GET it with the same Authorization (链接地址).")
    expires_at: datetime = strawberry.field(description="Until when it leads anywhere (失效时间).")


@strawberry.input(description="An uploaded workbook and the school it is for (导入请求).")
class ImportWorkbookInput:
    """What to import."""

    file_id: strawberry.ID = strawberry.field(description="The id that POST /files answered (文件标识).")
    school_code: str = strawberry.field(description="10-digit school code (学校标识码).")


@strawberry.input(description="An uploaded workbook, the school it is for, and what is to be done (导入申请).")
class StartImportInput:
    """What to queue."""

    file_id: strawberry.ID = strawberry.field(description="The id that POST /files answered (文件标识).")
    school_code: str = strawberry.field(description="10-digit school code (学校标识码).")
    mode: ImportMode = strawberry.field(
        default=ImportMode.SOUND_ROWS, description="What is done once the rows are judged (导入方式)."
    )
    whole: bool = strawberry.field(
        default=False,
        description="Whether the sheet lists all pupils of its classes: who is missing is told (是否班级全部学生).",
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="An import to withdraw (取消导入).")
class CancelImportInput:
    """Which import."""

    import_id: strawberry.ID = strawberry.field(description="The import (导入批次).")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="An import to take back (撤销导入).")
class UndoImportInput:
    """Which import."""

    import_id: strawberry.ID = strawberry.field(description="The import (导入批次).")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="An import that was judged, and how it is to be applied (导入已校验批次).")
class ApplyImportInput:
    """Which import, and how."""

    import_id: strawberry.ID = strawberry.field(description="The import (导入批次).")
    mode: ImportMode = strawberry.field(
        default=ImportMode.SOUND_ROWS, description="Sound rows, or all or nothing (导入方式)."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A held import, and whether it may go on (确认导入).")
class ConfirmImportInput:
    """Which import, and whether."""

    import_id: strawberry.ID = strawberry.field(description="The import (导入批次).")
    approve: bool = strawberry.field(description="Whether it may go on; if not, it is withdrawn (是否同意).")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="The import as it stands after the request (导入批次现状).")
class ImportPayload:
    """An import that was asked something of."""

    import_id: strawberry.Private[int]
    key: strawberry.Private[str | None]

    @strawberry.field(name="import", description="The import (导入批次).")
    async def recorded(self, info: HubInfo) -> Import | None:
        """The import, read after the commit."""
        return await written(info, "Import", self.import_id, self.key)


@strawberry.type(description="What became of the workbook, and every fault found in it (导入结果).")
class ImportWorkbookPayload:
    """The result of an import."""

    faults: list[RowFault] = strawberry.field(description="Every fault, row by row (行错误).")
    warnings: list[RowFault] = strawberry.field(description="What is odd, and kept no row out (提示).")
    mended: list[RowMend] = strawberry.field(description="What was put right (已规范).")
    import_id: strawberry.Private[int]

    @strawberry.field(name="import", description="The import as recorded (导入批次).")
    async def recorded(self, info: HubInfo) -> Import | None:
        """The import, read after the commit."""
        return await written(info, "Import", self.import_id)


@strawberry.type
class WorkbookQuery:
    """Reads of imports."""

    @strawberry.field(description="An import by id (查导入批次).")
    async def import_job(
        self,
        info: HubInfo,
        id: Annotated[strawberry.ID, argument("Opaque id (标识).")],  # noqa: A002 -- GraphQL's word
    ) -> Import | None:
        """An import."""
        return await by_id(info, "Import", "import", id)

    import_jobs: Connection[Import] | None = listing(
        "Import", Connection[Import], "Imports in your area (辖区内导入批次)."
    )

    @strawberry.field(description="What was found in an import's rows, page by page, and notes on it (导入问题清单).")
    async def import_faults(
        self,
        info: HubInfo,
        id: Annotated[strawberry.ID, argument("The import (导入批次).")],  # noqa: A002 -- GraphQL's word
        first: Annotated[int, argument("Rows with faults on a page, up to 1,000 (每页行数).")] = 200,
        after_row: Annotated[int | None, argument("The row after which the page begins (起始行).")] = None,
    ) -> ImportFaults:
        """What was found."""
        await may(info, "Import")
        if not 1 <= first <= telling.MOST:
            raise BadInput("BAD_PAGE_SIZE", field="first", name="first", limit=telling.MOST)
        context = info.context
        found = await telling.faults(
            context.database, context.caller(), key_of("import", id), after=after_row or 0, many=first
        )
        return ImportFaults(
            nodes=told(found.faults, context.language),
            warnings=told(found.warnings, context.language),
            mended=mends(found.mended, context.language),
            after_row=found.after,
            notes=[
                *(_note(each, context.language) for each in found.notes),
                *(ImportNote(code=f.code, message=f.text(context.language), remedy="") for f in found.folded),
            ],
        )

    @strawberry.field(
        description="Where your import's workbook can be fetched with every mistake marked in its cell (批注返回表)."
    )
    async def import_return(
        self,
        info: HubInfo,
        id: Annotated[strawberry.ID, argument("The import (导入批次).")],  # noqa: A002 -- GraphQL's word
    ) -> DownloadLink:
        """A link to the annotated return."""
        await may(info, "Import")
        context = info.context
        found = key_of("import", id)
        await telling.faults(context.database, context.caller(), found, after=0, many=1)
        link = await context.reader.links.make(context.caller(), returning.KIND, returning.key(found, context.language))
        return DownloadLink(url=link.url, expires_at=link.expires_at)

    @strawberry.field(description="Where the template of a school can be fetched (导入模板下载链接).")
    async def template(
        self,
        info: HubInfo,
        school_code: Annotated[str, argument("10-digit school code (学校标识码).")],
        kind: Annotated[str, argument("pupils or classes (表样).")] = "pupils",
        last_year: Annotated[
            bool, argument("Whether last year's pupils who go on stand in it (带上学年学生).")
        ] = False,
    ) -> DownloadLink:
        """A link to a template."""
        context = info.context
        database, policy, caller = desk(info)
        await templates.judge(database, policy, caller, school_code, kind)
        key = templates.key(school_code, kind, last_year=last_year)
        link = await context.reader.links.make(caller, templates.KIND, key)
        return DownloadLink(url=link.url, expires_at=link.expires_at)


def _note(note: HubError, language: Language) -> ImportNote:
    return ImportNote(code=note.key, message=note.text(language), remedy=note.remedy(language))


@strawberry.type
class WorkbookMutation:
    """Writes by workbook."""

    @strawberry.mutation(
        description="Import a workbook and wait: sound rows are taken, faulty rows are told (导入学籍表格)."
    )
    async def import_workbook(
        self,
        info: HubInfo,
        input: Annotated[ImportWorkbookInput, argument("Which file, which school (文件与学校).")],  # noqa: A002 -- GraphQL's word
    ) -> ImportWorkbookPayload:
        """Import a workbook."""
        context = info.context
        caller, file_id = context.caller(), key_of("file", input.file_id)
        await files.find(context.database, caller, file_id)
        done = await imports.apply(
            context.database, context.policy, caller, context.files, school_code=input.school_code, file_id=file_id
        )
        faults, warnings = told(done.faults, context.language), told(done.warnings, context.language)
        mended = mends(done.mended, context.language)
        return ImportWorkbookPayload(faults=faults, warnings=warnings, mended=mended, import_id=done.id)

    @strawberry.mutation(description="Queue a workbook to be judged and, as asked for, applied (提交导入).")
    async def start_import(
        self,
        info: HubInfo,
        input: Annotated[StartImportInput, argument("Which file, which school, what to do (文件、学校与方式).")],  # noqa: A002 -- GraphQL's word
    ) -> ImportPayload:
        """Queue an import."""
        database, policy, caller = desk(info)
        found = await asking.start(
            database,
            policy,
            caller,
            once("startImport", input),
            school_code=input.school_code,
            file_id=key_of("file", input.file_id),
            mode=input.mode,
            whole=input.whole,
        )
        return ImportPayload(import_id=found, key=input.idempotency_key)

    @strawberry.mutation(description="Apply an import that was only to be judged (应用已校验的导入).")
    async def apply_import(
        self,
        info: HubInfo,
        input: Annotated[ApplyImportInput, argument("Which import, and how (批次与方式).")],  # noqa: A002 -- GraphQL's word
    ) -> ImportPayload:
        """Apply an import."""
        key, request = key_of("import", input.import_id), once("applyImport", input)
        found = await asking.go_on(*desk(info), request, key, input.mode)
        return ImportPayload(import_id=found, key=input.idempotency_key)

    @strawberry.mutation(
        description="Let a held import go on, or withdraw it: for another person than asked for it (确认导入)."
    )
    async def confirm_import(
        self,
        info: HubInfo,
        input: Annotated[ConfirmImportInput, argument("Which import, and whether (批次与意见).")],  # noqa: A002 -- GraphQL's word
    ) -> ImportPayload:
        """Confirm an import."""
        key, request = key_of("import", input.import_id), once("confirmImport", input)
        found = await asking.confirm(*desk(info), request, key, approve=input.approve)
        return ImportPayload(import_id=found, key=input.idempotency_key)

    @strawberry.mutation(description="Withdraw an import of which nothing is written yet (取消导入).")
    async def cancel_import(
        self,
        info: HubInfo,
        input: Annotated[CancelImportInput, argument("Which import (批次).")],  # noqa: A002 -- GraphQL's word
    ) -> ImportPayload:
        """Cancel an import."""
        return await _ask(info, "cancelImport", input, asking.cancel)

    @strawberry.mutation(description="Take back what an import wrote; later edits are kept and told (撤销导入).")
    async def undo_import(
        self,
        info: HubInfo,
        input: Annotated[UndoImportInput, argument("Which import (批次).")],  # noqa: A002 -- GraphQL's word
    ) -> ImportPayload:
        """Undo an import."""
        return await _ask(info, "undoImport", input, asking.undo)


async def _ask(info: HubInfo, operation: str, given: CancelImportInput | UndoImportInput, deed: Any) -> ImportPayload:
    found = await deed(*desk(info), once(operation, given), key_of("import", given.import_id))
    return ImportPayload(import_id=found, key=given.idempotency_key)
