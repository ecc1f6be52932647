"""What a terminal shows: bars that move, findings of a sheet, tables; all commands write to one console."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from hub.backfill import Progress as Follow
    from hub.intake.check import Fault
    from hub.path_check import Difference
    from hub.photos.command import Follow as Waiting

console = Console()


@contextmanager
def bar() -> Iterator[Progress]:
    """A progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        yield progress


def followed(progress: Progress) -> "Follow":
    """Shows what it is told in a bar for each thing that is done."""
    tasks: dict[str, Any] = {}

    def follow(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(what, total=total)
        progress.update(tasks[what], completed=done, total=total)

    return follow


def queued(progress: Progress) -> "Waiting":
    """Shows of who waits the place in the queue, and the seconds until it is done."""
    tasks: dict[str, Any] = {}

    def wait(what: str, place: int, seconds: int) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(what, total=None)
        told = f"{what} 排队 queued: {place}, 约 about {seconds} s"
        progress.update(tasks[what], description=told, visible=place > 0)

    return wait


def told(fault: "Fault", language: Literal["zh", "en"]) -> str:
    """A fault in two lines: where and what stands there, what is wrong and what to do."""
    value = "" if fault.value is None else f" · {fault.value}"
    meant = f"\n    可能是 Perhaps: {', '.join(fault.suggestions)}" if fault.suggestions else ""
    return (
        f"行 row {fault.row} · 列 column {fault.column} {fault.header} · {fault.key}{value}\n"
        f"    {fault.text(language)} {fault.remedy(language)}{meant}"
    )


def tell_paths(differing: "list[Difference]") -> None:
    """Which paths differ from what they are derived from, the first of each column one by one."""
    table = Table("表 table", "列 column", "id", "现为 is", "应为 should be")
    for each in differing:
        for key, found, should in each.first:
            table.add_row(each.check.table, each.check.column, key, found, should or "须由人查明 to be looked into")
        if each.rows > len(each.first):
            table.add_row(each.check.table, each.check.column, f"+{each.rows - len(each.first)}", "…", "…")
    if differing:
        console.print(table)
    console.print(f"路径不符 Paths that differ: {sum(each.rows for each in differing)}")
