"""The commands `hub trial ...`: what a trial holds, asking for its end, ending it; by a log-in, as the graph does.

Two people are wanted here too: one logs in to ask, another to confirm.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import policies
from hub import accounts, caller, clock, db, erasing, trial
from hub.caller import Caller
from hub.db import Database
from hub.files import Files
from hub.gate import Once
from hub.settings import Settings
from hub.trial import Contents, Kind, Standing
from policies import Policy, Role

Username = Annotated[str, typer.Option(help="用户名 Who asks or confirms.", prompt="用户名 User name")]
Password = Annotated[str, typer.Option(help="密码 Password.", prompt="密码 Password", hide_input=True)]
Confirm = Annotated[str | None, typer.Option(help="省全称 The province's name; asked for if it is not given.")]


def commands(
    console: Console,
    database: Callable[[], AbstractContextManager[Settings]],
    bar: Callable[[], AbstractContextManager[Progress]],
) -> typer.Typer:
    """The commands, with the terminal, the database and the progress bar that all commands have."""
    app = typer.Typer(help="试运行 The trial: what it holds, and its end.", no_args_is_help=True)

    @app.command(name="status")
    def status() -> None:
        """试运行概况 Whether the register is on trial, and what would go: rows of each kind, files, bytes."""
        with database() as settings:
            _show(console, *asyncio.run(_look(settings)))

    @app.command(name="request")
    def request(username: Username, password: Password) -> None:
        """申请结束试运行 Ask for the end of the trial, as a province administrator."""
        with database() as settings:
            asyncio.run(_request(settings, username, password))
        hours = trial.REQUEST_HOURS
        console.print(f"已申请，请省级学籍主管领导在 {hours} 小时内确认。", soft_wrap=True)
        console.print(f"Asked for. The province leader confirms it within {hours} hours: hub trial end", soft_wrap=True)

    @app.command(name="end")
    def end(username: Username, password: Password, confirm: Confirm = None) -> None:
        """结束试运行 End the trial, as the province leader: its records and files are erased, for good."""
        with database() as settings:
            found = asyncio.run(_contents(settings, username, password))
            _show(console, found.standing, found.kinds, found.file_bytes)
            asked = f"以上数据将全部清除，不可恢复。请输入“{found.confirm}”确认 Type it to erase all this for good"
            typed = confirm or typer.prompt(asked)
            with console.status("清除记录 erasing records"):
                asyncio.run(_end(settings, username, password, typed))
            console.print("试运行已结束，学籍库正式运行。 The trial is over; the register is in force.", soft_wrap=True)
            with bar() as progress:
                task = progress.add_task("清除文件 erasing files", total=None)
                files = Files(settings.home / "files")
                asyncio.run(erasing.erase(settings, files, lambda gone: progress.update(task, completed=gone)))
                progress.update(task, description="文件已清除 files erased", total=progress.tasks[task].completed)

    return app


def _show(console: Console, stands: Standing, kinds: Sequence[Kind], file_bytes: int) -> None:
    """Where the register stands, and in a trial what would go."""
    console.print(f"状态 State: {stands.state}", highlight=False)
    if stands.ended_at is not None:
        console.print(f"试运行结束于 The trial ended at {stands.ended_at.astimezone(clock.SHANGHAI):%F %R}")
        done = "尚有文件待清除 files are still being erased" if stands.files_wait else "文件已清除 its files are erased"
        console.print(done)
        return
    if stands.request_until is not None:
        until = f"{stands.request_until.astimezone(clock.SHANGHAI):%F %R}"
        console.print(f"已申请结束，待领导确认，有效至 {until} Its end is asked for, to be confirmed until then")
    table = Table("数据 records", "", "行数 rows")
    for kind in kinds:
        table.add_row(kind.title("zh"), kind.title("en"), f"{kind.rows:,}")
    console.print(table)
    console.print(f"文件字节数 Bytes of files: {file_bytes:,}", highlight=False)


async def _look(settings: Settings) -> tuple[Standing, list[Kind], int]:
    """What an operator who has the database at hand may see: numbers only."""
    connection = await db.system_door(settings).connect()
    try:
        stands = Standing.of(await connection.fetchrow(trial.STANDING))
        rows: list[Any] = await connection.fetch(trial.CONTENTS)
        return stands, trial.kinds(rows), sum(row["bytes"] or 0 for row in rows)
    finally:
        await connection.close()


async def _request(settings: Settings, username: str, password: str) -> None:
    async with _signed_in(settings, username, password, Role.PROVINCE_ADMINISTRATOR) as (database, policy, acting):
        await trial.request(database, policy, acting, Once(None, "requestEndTrial", {}))


async def _contents(settings: Settings, username: str, password: str) -> Contents:
    async with _signed_in(settings, username, password, Role.PROVINCE_LEADER) as signed_in:
        return await trial.contents(*signed_in)


async def _end(settings: Settings, username: str, password: str, confirm: str) -> None:
    async with _signed_in(settings, username, password, Role.PROVINCE_LEADER) as (database, policy, acting):
        files = Files(settings.home / "files")
        await trial.end(database, policy, acting, files, Once(None, "endTrial", {}), confirm)


@asynccontextmanager
async def _signed_in(
    settings: Settings, username: str, password: str, role: Role
) -> AsyncIterator[tuple[Database, Policy, Caller]]:
    """Somebody signed in under a role for a block, and out after it. Raises Unauthenticated, Forbidden."""
    async with Database(settings) as database:
        session = await accounts.sign_in(database, username, password)
        account = await accounts.Sessions(database).find(session.token)
        try:
            async with database.reading() as connection:
                text = await connection.fetchval("SELECT text FROM policy_versions ORDER BY id DESC LIMIT 1")
            yield database, policies.load(text), caller.act(account, role, clock.now())
        finally:
            await accounts.sign_out(database, account)
