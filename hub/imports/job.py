"""A job: an import that somebody works on, with all that takes."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import gate
from hub.caller import Caller
from hub.db import Database
from hub.errors import Conflict
from hub.line import Lost
from hub.models import File, Import, School
from hub.terms import ImportState
from policies import Action, Policy

__all__ = ["Job", "Lost", "Progress", "load", "not_now", "unseen"]

Progress = Callable[[int, int], None]


def unseen(_done: int, _of: int) -> None:
    """No progress is shown."""


_WORDS = {
    ImportState.QUEUED: "排队中",
    ImportState.READING: "校验中",
    ImportState.JUDGED: "已校验，未导入",
    ImportState.HELD: "待领导确认",
    ImportState.APPLYING: "导入中",
    ImportState.APPLIED: "已导入",
    ImportState.REFUSED: "未导入",
    ImportState.FAILED: "导入失败",
    ImportState.CANCELLED: "已取消",
    ImportState.UNDOING: "撤销中",
    ImportState.UNDONE: "已撤销",
}


def not_now(state: str) -> Conflict:
    """The refusal of what cannot be done with an import as it stands."""
    return Conflict("IMPORT_STATE", state=f"{_WORDS[ImportState(state)]} {state}")


@dataclass(slots=True)
class Job:
    """An import claimed by this process; it acts for `caller`, whose right is looked up again in every transaction.

    `row` is the import, `school` its school, `key` the workbook's key in the file store if it is the caller's own.
    `abreast` is how many parts are written side by side, `progress` is told how many rows are done and how many there
    are.
    """

    database: Database
    policy: Policy
    caller: Caller
    claim: str
    row: Any
    school: Any
    key: str | None
    abreast: int = 1
    progress: Progress = unseen
    state: str = field(init=False)

    def __post_init__(self) -> None:
        self.state = self.row.state

    @property
    def id(self) -> int:
        """The import's id."""
        return int(self.row.id)

    def writing(self, action: Action = Action.IMPORT) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction of the person the job acts for."""
        noun = "student" if action is Action.IMPORT else "import"
        return gate.writing(self.database, self.policy, self.caller, noun, action, self.school.path)

    async def mark(self, connection: AsyncConnection, **values: Any) -> Any:
        """Change the import and show that its heart beats. Raises Lost when the claim is no longer held."""
        change = ", ".join(f"{name} = :{name}" for name in values)
        found = await connection.execute(
            text(
                f"""UPDATE imports SET heartbeat_at = now(){", " + change if change else ""}
                    WHERE id = :id AND claim = :claim RETURNING *"""  # noqa: S608 -- names of columns
            ),
            {"id": self.id, "claim": self.claim, **values},
        )
        row = found.one_or_none()
        if row is None:
            raise Lost
        self.state = row.state
        return row


async def load(
    connection: AsyncConnection, database: Database, policy: Policy, caller: Caller, import_id: int, claim: str
) -> Job:
    """A job that was claimed. Raises Conflict when the import or its school is out of the caller's reach."""
    row = (await connection.execute(select(Import.__table__).where(Import.id == import_id))).one_or_none()
    if row is None:
        raise Conflict("IMPORT_GONE")
    query = select(School.id, School.code, School.path, School.territory, School.founder).where(
        School.id == row.school_id
    )
    school = (await connection.execute(query)).one()
    key = (await connection.execute(select(File.key).where(File.id == row.file_id))).scalar()
    return Job(database, policy, caller, claim, row, school, key)
