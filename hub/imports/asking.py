"""What people ask of an import: to begin, to go on, to be confirmed, withdrawn, or taken back."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import gate, schools
from hub.caller import Caller
from hub.db import Database
from hub.errors import Conflict, Forbidden, NotFound
from hub.gate import Once
from hub.imports.job import not_now
from hub.models import File, Import, ImportRow, School
from hub.terms import ImportMode, ImportState
from policies import Action, Policy

_BYTES_PER_ROW = 280
"""Of a workbook of 71 columns, packed; an estimate until its rows have been counted."""
_OPEN = (ImportState.QUEUED, ImportState.READING, ImportState.HELD, ImportState.APPLYING)


async def start(
    database: Database,
    policy: Policy,
    caller: Caller,
    request: Once,
    *,
    school_code: str,
    file_id: int,
    mode: ImportMode = ImportMode.SOUND_ROWS,
    whole: bool = False,
    then: Callable[[AsyncConnection, int], Awaitable[None]] | None = None,
) -> int:
    """Queue a workbook of one school; the import's id. The same bytes that are under way already are the same import.

    `then` is done with it in the same transaction. Raises NotFound for a school or a file out of the caller's reach,
    Forbidden.
    """
    query = select(School.id, School.code, School.path).where(School.code == school_code)
    school = await schools.visible(database, caller, "student:import", query)
    async with gate.writing(database, policy, caller, "student", Action.IMPORT, school.path) as connection:

        async def deed() -> list[Any]:
            return [await _queue(connection, caller, school, file_id, mode, whole=whole)]

        found = int((await gate.once(connection, caller, request, deed))[0])
        if then is not None:
            await then(connection, found)
        return found


async def _queue(
    connection: AsyncConnection, caller: Caller, school: Any, file_id: int, mode: ImportMode, *, whole: bool
) -> int:
    query = select(File.sha256, File.size).where(File.id == file_id)
    file = (await connection.execute(query)).one_or_none()
    if file is None:
        raise NotFound
    values = {
        "file_id": file_id,
        "school_id": school.id,
        "account_id": caller.account.id,
        "acting_id": caller.account.id,
        "role": caller.role,
        "path": school.path,
        "queue": school.path.split(".")[0],
        "sha256": file.sha256,
        "mode": mode,
        "whole": whole,
        "state": ImportState.QUEUED,
        "weight": file.size // _BYTES_PER_ROW,
    }
    names = ", ".join(values)
    added = text(
        f"""INSERT INTO imports ({names}) VALUES ({", ".join(f":{name}" for name in values)})
            ON CONFLICT (school_id, sha256, mode) WHERE {_open()} DO NOTHING RETURNING id"""  # noqa: S608 -- columns
    )
    known = select(Import.id).where(
        Import.school_id == school.id, Import.sha256 == file.sha256, Import.mode == mode, Import.state.in_(_OPEN)
    )
    while True:  # of two at once the second waits for the first, and may find it ended
        found = (await connection.execute(added, values)).scalar() or (await connection.execute(known)).scalar()
        if found is not None:
            return int(found)


def _open() -> str:
    return "state IN ({})".format(", ".join(f"'{state}'" for state in _OPEN))


async def go_on(
    database: Database, policy: Policy, caller: Caller, request: Once, import_id: int, mode: ImportMode
) -> int:
    """Apply an import that was only to be judged. Raises NotFound, Forbidden, Conflict IMPORT_STATE."""

    async def change(connection: AsyncConnection, row: Any) -> None:
        _must_be(row, ImportState.JUDGED)
        if mode is ImportMode.JUDGE_ONLY:
            return
        try:
            async with connection.begin_nested():
                await _set(connection, row, mode=mode, state=ImportState.READING, ended_at=None, attempts=0)
        except IntegrityError:  # the same file is under way by itself
            raise not_now(row.state) from None

    return await _change(database, policy, caller, request, import_id, Action.IMPORT, change)


async def confirm(
    database: Database, policy: Policy, caller: Caller, request: Once, import_id: int, *, approve: bool
) -> int:
    """A leader lets a held batch go on, or refuses it. Raises Forbidden for who asked for the import themselves."""

    async def change(connection: AsyncConnection, row: Any) -> None:
        _must_be(row, ImportState.HELD)
        if row.account_id == caller.account.id:
            raise Forbidden("IMPORT_OWN")
        state = ImportState.APPLYING if approve else ImportState.CANCELLED
        await _set(connection, row, state=state, confirmed_by=caller.account.id, attempts=0)
        await _record(connection, caller, row, "import:approve", {"approved": approve}, "IMPORT_CONFIRMED")

    return await _change(database, policy, caller, request, import_id, Action.APPROVE, change)


async def cancel(database: Database, policy: Policy, caller: Caller, request: Once, import_id: int) -> int:
    """Withdraw an import of which nothing is written yet. Raises Conflict IMPORT_STATE."""

    async def change(connection: AsyncConnection, row: Any) -> None:
        _must_be(row, ImportState.QUEUED, ImportState.READING, ImportState.JUDGED, ImportState.HELD)
        await _set(connection, row, state=ImportState.CANCELLED, claim=None)

    return await _change(database, policy, caller, request, import_id, Action.IMPORT, change)


async def undo(database: Database, policy: Policy, caller: Caller, request: Once, import_id: int) -> int:
    """Queue the undoing of an import, also of one that broke off.

    Raises Conflict IMPORT_STATE, or IMPORT_WROTE_NOTHING where nothing of it is in the register.
    """

    async def change(connection: AsyncConnection, row: Any) -> None:
        _must_be(row, ImportState.APPLIED, ImportState.FAILED)
        if not row.written:
            raise Conflict("IMPORT_WROTE_NOTHING")
        rows = select(ImportRow.number).where(ImportRow.import_id == row.id).limit(1)
        if (await connection.execute(rows)).scalar() is None:
            raise Conflict("IMPORT_EXPIRED")
        me, anew = caller.account.id, {"ended_at": None, "attempts": 0, "failure": None}
        values = {"undone_by": me, "acting_id": me, "role": caller.role}
        await _set(connection, row, state=ImportState.UNDOING, **values, **anew)

    return await _change(database, policy, caller, request, import_id, Action.DELETE, change)


async def _change(
    database: Database,
    policy: Policy,
    caller: Caller,
    request: Once,
    import_id: int,
    action: Action,
    change: Callable[[AsyncConnection, Any], Awaitable[None]],
) -> int:
    query = select(Import.__table__).where(Import.id == import_id).with_for_update()
    row: Any = None

    async def path(connection: AsyncConnection) -> str | None:
        nonlocal row
        row = (await connection.execute(query)).one_or_none()
        return None if row is None else str(row.path)

    noun = "student" if action is Action.IMPORT else "import"
    async with gate.writing(database, policy, caller, noun, action, path) as connection:

        async def deed() -> list[Any]:
            await change(connection, row)
            return [import_id]

        return int((await gate.once(connection, caller, request, deed))[0])


def _must_be(row: Any, *states: ImportState) -> None:
    if row.state not in states:
        raise not_now(row.state)


async def _set(connection: AsyncConnection, row: Any, **values: Any) -> None:
    change = ", ".join(f"{name} = :{name}" for name in values)
    query = text(f"UPDATE imports SET {change} WHERE id = :id")  # noqa: S608 -- names of columns
    await connection.execute(query, {"id": row.id, **values})


async def _record(
    connection: AsyncConnection, caller: Caller, row: Any, action: str, facts: dict[str, Any], event: str
) -> None:
    about = f"import:{row.id}"
    await gate.record(connection, caller, action, about=about, path=row.path, facts=facts, event=event)
