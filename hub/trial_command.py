"""`hub trial`: what a trial holds, asking for its end, ending it; by a log-in, as the graph does.

Two people are wanted here too: one logs in to ask, another to confirm.
"""

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from hub import clock, db, erasing, trial
from hub.files import Files
from hub.gate import Once
from hub.seat import taken
from hub.settings import Settings
from hub.trial import Contents, Kind, Standing
from policies import Role


def show(console: Console, stands: Standing, kinds: Sequence[Kind], file_bytes: int) -> None:
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


async def look(settings: Settings) -> tuple[Standing, list[Kind], int]:
    """What an operator who has the database at hand may see: numbers only."""
    connection = await db.system_door(settings).connect()
    try:
        stands = Standing.of(await connection.fetchrow(trial.STANDING))
        rows: list[Any] = await connection.fetch(trial.CONTENTS)
        return stands, trial.kinds(rows), sum(row["bytes"] or 0 for row in rows)
    finally:
        await connection.close()


async def request(settings: Settings, username: str, password: str) -> int:
    """Ask for the end of the trial, as a province administrator; within how many hours it is to be confirmed."""
    async with taken(settings, username, password, Role.PROVINCE_ADMINISTRATOR) as seat:
        await trial.request(seat.database, seat.policy, seat.caller, Once(None, "requestEndTrial", {}))
    return trial.REQUEST_HOURS


async def contents(settings: Settings, username: str, password: str) -> Contents:
    """What would be erased, for the province leader who may end it."""
    async with taken(settings, username, password, Role.PROVINCE_LEADER) as seat:
        return await trial.contents(seat.database, seat.policy, seat.caller)


async def end(settings: Settings, username: str, password: str, confirm: str) -> None:
    """End the trial, as the province leader; its files are still to be erased."""
    async with taken(settings, username, password, Role.PROVINCE_LEADER) as seat:
        await trial.end(seat.database, seat.policy, seat.caller, seat.files, Once(None, "endTrial", {}), confirm)


async def erase(settings: Settings, progress: Callable[[int], None]) -> None:
    """Erase the files of the trial that has ended; `progress` is told how many are gone."""
    await erasing.erase(settings, Files(settings.home / "files"), progress)
