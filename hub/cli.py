"""The command `hub`: what an operator and a clerk do from a terminal.

Each command loads what it works with when it is called: all of it together would make every call wait.
"""

import asyncio
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import hub
from hub.errors import HubError, Unavailable
from hub.footing import database, look
from hub.postgres import PostgresFailed
from hub.settings import Settings
from hub.terminal import bar, console, followed, queued, tell_paths, told
from hub.terms import ImportMode, ImportState

if TYPE_CHECKING:
    from hub.outbox import Position

app = typer.Typer(
    help="学籍数据中心 The student-status register.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
verify = typer.Typer(help="核对派生数据 Hold derived data against what they are derived from.", no_args_is_help=True)
app.add_typer(verify, name="verify")
trial = typer.Typer(help="试运行 The trial: what it holds, and its end.", no_args_is_help=True)
app.add_typer(trial, name="trial")

Students = Annotated[int, typer.Option(help="学生人数 How many students.", min=1_000)]
Seed = Annotated[int, typer.Option(help="随机种子 The same seed plants the same province.")]
Port = Annotated[int | None, typer.Option(help="端口 Port to serve on.")]
Workers = Annotated[int | None, typer.Option("--workers", help="进程数 How many processes serve.", min=1)]
School = Annotated[str, typer.Option(help="10 位学校标识码 10-digit school code.")]
Username = Annotated[str, typer.Option(help="用户名 Who does it.", prompt="用户名 User name")]
Password = Annotated[str, typer.Option(help="密码 Password.", prompt="密码 Password", hide_input=True)]


def main() -> None:
    """Run the command; what an operator can mend is told in a sentence, not a traceback."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        app()
    except HubError as error:
        console.print(f"[red]{error.text()}[/red]\n{error.text('en')}\n{error.remedy()} {error.remedy('en')}")
        sys.exit(1)
    except (PostgresFailed, ValueError) as error:
        console.print(f"[red]{error}[/red]", markup=True)
        sys.exit(1)
    except FileNotFoundError as error:
        console.print(f"[red]找不到文件 No such file: {error.filename}[/red]")
        sys.exit(1)
    except Exception as error:
        if not isinstance(error, _out_of_order()):
            raise
        cause = getattr(error, "orig", None) or error
        console.print(f"{Unavailable().text()}\n{Unavailable().text('en')}\n{cause}", markup=False)
        sys.exit(1)


def _out_of_order() -> tuple[type[Exception], ...]:
    """What the database and the machine say when they cannot; looked up only when something went wrong."""
    import asyncpg
    from sqlalchemy.exc import DBAPIError

    return OSError, DBAPIError, asyncpg.PostgresError


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="版本 Show the version.")] = False,
) -> None:
    """学籍数据中心 The student-status register."""
    if show:
        console.print(f"xueji-hub {hub.__version__}")
        raise typer.Exit


@app.command(name="migrate")
def migrate_() -> None:
    """升级数据库结构 Bring the database to this release's schema and code lists."""
    with database() as settings:
        console.print(f"数据库已就绪 The database is ready: {_place(settings)}")


@app.command()
def serve(port: Port = None, processes: Workers = None) -> None:
    """启动服务 Serve the hub until Ctrl-C."""
    look(port)
    with database(processes) as settings:
        served = replace(settings, port=port or settings.port)
        console.print(f"服务地址 Serving at http://{served.host}:{served.port}，按 Ctrl-C 停止 Ctrl-C stops it")
        run(served)


@app.command(name="worker")
def worker_(attached: Annotated[bool, typer.Option(hidden=True)] = False) -> None:
    """处理导入队列 Work on queued imports until Ctrl-C, beside `hub serve` or on another machine."""
    if attached:
        # It holds nothing yet: whoever ends it may. An exit raised amid an import can be swallowed by it.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    from hub import worker

    if attached:
        threading.Thread(target=_end_with_input, daemon=True).start()
        worker.main(Settings.read())
        return
    with database() as settings:
        worker.main(settings)


def _end_with_input() -> None:
    while os.read(0, 4096):  # not through a buffer: its lock would be held while Python shuts down
        pass
    os.kill(os.getpid(), signal.SIGTERM)


@app.command(name="sample")
def sample_(students: Students = 45_000, seed: Seed = 2013, truth: Path | None = None) -> None:
    """生成样例省 Plant a sample province in an empty register, and the table of the problems planted in it."""
    with database() as settings:
        path = truth or settings.home / "sample-truth.csv"
        asyncio.run(_plant(settings, students, seed, path))
        console.print(f"样例已生成 Planted. 问题学籍清单 Planted problems: {path}")


@app.command(name="template")
def template_(
    school: School,
    out: Annotated[Path | None, typer.Option(help="保存为 Where to save it.")] = None,
    last_year: Annotated[
        bool, typer.Option("--last-year", help="填入上一学年的在校生 With last year's pupils, who leave left out.")
    ] = False,
    username: Annotated[str | None, typer.Option(help="用户名，填入学生时需要 Who may see the pupils.")] = None,
    password: Annotated[str | None, typer.Option(help="密码 Password.")] = None,
) -> None:
    """导出导入模板 Write the import workbook of a school."""
    from hub import demo

    path = out or Path(f"{school}.xlsx")
    if last_year:
        username = username or typer.prompt("用户名 User name")
        password = password or typer.prompt("密码 Password", hide_input=True)
    with database() as settings:
        if username and password and last_year:
            path.write_bytes(asyncio.run(demo.last_year_template(settings, school, username, password)))
        else:
            asyncio.run(demo.write_template(settings, school, path))
        console.print(f"模板已保存 Saved: {path}")


@app.command(name="import")
def import_(
    workbook: Path,
    school: School,
    username: Username,
    password: Password,
    mode: Annotated[
        ImportMode,
        typer.Option(
            help="仅校验、导入合格行、全部合格才导入 What is done with the judged rows.", case_sensitive=False
        ),
    ] = ImportMode.SOUND_ROWS,
    whole: Annotated[bool, typer.Option("--whole", help="表格为班级全部学生 The sheet lists all pupils.")] = False,
    returned: Annotated[Path | None, typer.Option(help="批注返回表存放处 Where to save the annotated return.")] = None,
    language: Annotated[str, typer.Option(help="zh 或 en")] = "zh",
) -> None:
    """导入工作簿 Import a workbook of a school, exactly as an upload does; faults are listed row by row."""
    workbook.stat()
    from hub.imports import command as intake

    speech: Literal["zh", "en"] = "en" if language == "en" else "zh"
    with database() as settings, bar() as progress:
        task = progress.add_task("读取与检查 reading", total=None)

        def show(taken: int, of: int) -> None:
            progress.update(task, description="导入 importing", total=of, completed=taken)

        given = {"mode": mode, "whole": whole, "returned": returned, "language": speech, "progress": show}
        done = asyncio.run(intake.bring(settings, workbook, school, username, password, **given))  # type: ignore[arg-type]  # as named
        progress.update(task, description="完成 done", total=done.total, completed=done.total)
    for fault in (*done.faults, *done.warnings):
        console.print(told(fault, speech), markup=False, highlight=False, soft_wrap=True)
    for note in done.notes:
        console.print(f"{note.text(speech)} {note.remedy(speech)}", markup=False, soft_wrap=True)
    console.print(
        f"批次 import {done.id} {done.state}: 共 {done.total} 行 rows: 新增 created {done.created}, "
        f"更新 updated {done.updated}, 未变 unchanged {done.unchanged}, 未通过 rejected {done.rejected}, "
        f"已规范 mended {len(done.mended)}",
        soft_wrap=True,
    )
    if returned is not None:
        console.print(f"批注返回表 Annotated return: {returned}")
    if done.rejected or done.notes:
        raise typer.Exit(2)


@app.command(name="apply")
def apply_(
    number: Annotated[int, typer.Argument(help="批次号 Number of the import.")],
    username: Username,
    password: Password,
    mode: Annotated[
        ImportMode, typer.Option(help="导入合格行或全部合格才导入 What is done with the rows.", case_sensitive=False)
    ] = ImportMode.SOUND_ROWS,
) -> None:
    """执行导入 Apply an import that was only judged (`hub import --mode judge_only`), by the register as it is now."""
    from hub.imports import command as intake

    with database() as settings:
        state = asyncio.run(intake.go_on(settings, number, username, password, mode))
    console.print(f"批次 import {number}: {state}")
    if state is not ImportState.APPLIED:
        raise typer.Exit(2)


@app.command(name="confirm")
def confirm_(
    number: Annotated[int, typer.Argument(help="批次号 Number of the import.")],
    username: Username,
    password: Password,
    refuse: Annotated[bool, typer.Option("--refuse", help="不同意 Withdraw it instead.")] = False,
) -> None:
    """确认导入 A leader lets an import go on that was held for its duplicates or leavers."""
    from hub.imports import command as intake

    with database() as settings:
        state = asyncio.run(intake.confirm(settings, number, username, password, approve=not refuse))
    console.print(f"批次 import {number}: {state}")


@app.command(name="undo")
def undo_(
    number: Annotated[int, typer.Argument(help="批次号 Number of the import.")], username: Username, password: Password
) -> None:
    """撤销导入 Take back what an import wrote; later edits are kept."""
    from hub.imports import command as intake

    with database() as settings:
        done = asyncio.run(intake.undo(settings, number, username, password))
    console.print(f"批次 import {number}: {done.state}；已撤销 taken back {done.back}，保留 kept {len(done.kept)}")
    for row in done.kept:
        console.print(
            f"  第 {row.number} 行 row {row.number} {row.name}: 导入后又有修改 edited since: {', '.join(row.later)}",
            markup=False,
        )


@app.command(name="approve")
def approve_(school: School, username: Username, password: Password) -> None:
    """审核照片 A leader approves all photos that wait in a school; `reviewPhotos` approves or refuses one by one."""
    from hub.photos import command as photos

    with database() as settings:
        done = asyncio.run(photos.approve(settings, school, username, password))
    console.print(f"已通过照片 Photos approved: {done}")


@app.command(name="photos")
def photos_(
    archives: Annotated[list[Path], typer.Argument(help="照片压缩包或单张照片 Zips of photos, or single JPEGs.")],
    school: School,
    username: Username,
    password: Password,
    language: Annotated[str, typer.Option(help="zh 或 en")] = "zh",
) -> None:
    """导入照片 Bring photos of pupils into a school, exactly as an upload does; what is not taken is told by file."""
    for archive in archives:
        archive.stat()
    from hub.photos import command as photos

    with database() as settings, bar() as progress:
        follow, wait = followed(progress), queued(progress)
        reports = asyncio.run(photos.run(settings, archives, school, username, password, follow, wait))
    for report in reports:
        for line in report.told("en" if language == "en" else "zh"):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        console.print(report.summary(), markup=False, soft_wrap=True)
    if any(report.lines for report in reports):
        raise typer.Exit(2)


@app.command(name="demo")
def demo_(port: Port = None, students: Students = 45_000, seed: Seed = 2013) -> None:
    """演示 A sample province, a workbook imported, the hub serving; log-ins are printed."""
    look(port)
    from hub import demo

    with database() as settings:
        if asyncio.run(demo.is_empty(settings)):
            asyncio.run(_plant(settings, students, seed, settings.home / "sample-truth.csv"))
        else:
            console.print(f"使用已有数据 Using the data in {_place(settings)}")
        if not (settings.home / demo.LOG_INS).exists():
            with console.status("建立账号、导入示例工作簿 accounts, one workbook"):
                asyncio.run(demo.furnish(settings))
        served = replace(settings, port=port or settings.port)
        console.print(demo.welcome(served), soft_wrap=True, highlight=False)
        run(replace(served, workers=1))


@app.command()
def events(
    after: Annotated[str | None, typer.Option(help="从此位置之后 After this position, such as 752:18.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="持续输出 Wait for more until Ctrl-C.")] = False,
) -> None:
    """输出事件 Print what happened in the register, in order, each event once, as JSON lines."""
    from hub import outbox

    position = None if after is None else outbox.Position.read(after)
    with database() as settings:
        asyncio.run(_tell(settings, position, forever=follow))


@verify.command(name="counts")
def verify_counts(
    mend: Annotated[bool, typer.Option("--mend", help="重新统计 Count anew where they differ.")] = False,
) -> None:
    """核对人数统计 Recount the register and compare with the cube of counts."""
    from hub import counts

    with database() as settings:
        found = asyncio.run(counts.differences(settings))
        for difference in found:
            typer.echo(difference.line)
        if found and mend:
            asyncio.run(counts.rebuild(settings))
            found = asyncio.run(counts.differences(settings))
            console.print("已重新统计 Counted anew.")
    if found:
        console.print(f"不符 Differing cells: {len(found)}")
        raise typer.Exit(1)
    console.print("统计与学籍库一致 The counts are what the register says.")


@verify.command(name="paths")
def verify_paths(
    mend: Annotated[bool, typer.Option("--mend", help="改正 Rewrite those that differ.")] = False,
) -> None:
    """核对路径 Hold every path against its foreign keys; list the rows that differ, exit code 1 if any are left."""
    from hub import path_check

    with database() as settings:
        if mend:
            with bar() as progress:
                mended = asyncio.run(path_check.mend(settings, followed(progress)))
            console.print(f"已改正 Mended: {sum(mended.values())}")
        with bar() as progress:
            differing = asyncio.run(path_check.compare(settings, followed(progress)))
        tell_paths(differing)
        if differing:
            raise typer.Exit(1)


@trial.command(name="status")
def status() -> None:
    """试运行概况 Whether the register is on trial, and what would go: rows of each kind, files, bytes."""
    from hub import trial_command

    with database() as settings:
        trial_command.show(console, *asyncio.run(trial_command.look(settings)))


@trial.command(name="request")
def request(username: Username, password: Password) -> None:
    """申请结束试运行 Ask for the end of the trial, as a province administrator."""
    from hub import trial_command

    with database() as settings:
        hours = asyncio.run(trial_command.request(settings, username, password))
    console.print(f"已申请，请省级学籍主管领导在 {hours} 小时内确认。", soft_wrap=True)
    console.print(f"Asked for. The province leader confirms it within {hours} hours: hub trial end", soft_wrap=True)


@trial.command(name="end")
def end(
    username: Username,
    password: Password,
    confirm: Annotated[str | None, typer.Option(help="省全称 The province's name; asked for if not given.")] = None,
) -> None:
    """结束试运行 End the trial, as the province leader: its records and files are erased, for good."""
    from hub import trial_command

    with database() as settings:
        found = asyncio.run(trial_command.contents(settings, username, password))
        trial_command.show(console, found.standing, found.kinds, found.file_bytes)
        asked = f"以上数据将全部清除，不可恢复。请输入“{found.confirm}”确认 Type it to erase all this for good"
        typed = confirm or typer.prompt(asked)
        with console.status("清除记录 erasing records"):
            asyncio.run(trial_command.end(settings, username, password, typed))
        console.print("试运行已结束，学籍库正式运行。 The trial is over; the register is in force.", soft_wrap=True)
        with bar() as progress:
            task = progress.add_task("清除文件 erasing files", total=None)
            asyncio.run(trial_command.erase(settings, lambda gone: progress.update(task, completed=gone)))
            progress.update(task, description="文件已清除 files erased", total=progress.tasks[task].completed)


@app.command(name="fuzz")
def fuzz_(
    documents: Annotated[int, typer.Option(help="查询数 How many documents.", min=1)] = 1_000,
    seed: Seed = 2013,
    policy: Annotated[Path | None, typer.Option(help="策略文件 A policy to try instead of the one in force.")] = None,
    own: Annotated[bool, typer.Option("--own", help="自建小库 On a small odd register of its own.")] = False,
    show: Annotated[
        bool, typer.Option("--show", help="显示数据 Show documents and values, which may be personal.")
    ] = False,
) -> None:
    """核对查询 Ask random queries for random callers and compare each answer with a slow oracle; writes nothing."""
    from hub.fuzz import command as fuzz
    from hub.fuzz import trial as trials

    text = None if policy is None else policy.read_text(encoding="utf-8")
    with bar() as progress:
        task = progress.add_task("核对 comparing", total=documents)

        def follow(done: int) -> None:
            progress.update(task, completed=done)

        if own:
            tally = asyncio.run(fuzz.run_own(Settings.read(), documents, seed, text, follow))
        else:
            with database() as settings:
                tally = asyncio.run(fuzz.run(settings, documents, seed, text, follow))
    console.print(trials.summary(tally), markup=False)
    for found in tally.disagreements[:10]:
        console.print(trials.describe(found, show=show or own), markup=False, soft_wrap=True, highlight=False)
    if tally.disagreements or not tally.told_enough:
        raise typer.Exit(1)


@app.command(name="schema")
def schema_(
    check: Annotated[bool, typer.Option("--check", help="只比较 Compare with the file, change nothing.")] = False,
) -> None:
    """写出 GraphQL 模式 Write schema/schema.graphql, or check that it is what the code says."""
    from schema import root

    text = root.build(Settings()).as_str() + "\n"
    if not check:
        root.SDL.write_text(text, encoding="utf-8")
    elif root.SDL.read_text(encoding="utf-8") != text:
        console.print("schema/schema.graphql 与代码不一致 differs from the code: run `make schema` and read the diff.")
        raise typer.Exit(1)


def run(settings: Settings) -> None:
    """Serve until a signal."""
    from hub import workers

    try:
        workers.serve(settings)
    except workers.Failed:
        console.print("[red]服务进程无法启动，原因见上。 The workers cannot start; see above why.[/red]")
        raise typer.Exit(1) from None


def _place(settings: Settings) -> str:
    """The database without its password."""
    return (
        str(settings.home / "postgres") if "host=%2F" in settings.database_url else settings.database_url.split("@")[-1]
    )


async def _tell(settings: Settings, after: "Position | None", *, forever: bool) -> None:
    from hub import outbox

    async for event in outbox.follow(settings, after, forever=forever):
        typer.echo(event.line)
        sys.stdout.flush()


async def _plant(settings: Settings, students: int, seed_: int, truth: Path) -> None:
    from hub import demo

    with bar() as progress:
        await demo.plant(settings, students, seed_, truth, followed(progress))
