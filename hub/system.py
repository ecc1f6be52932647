"""What must see across offices, as database role hub_system: sign-in looks up any account, links are signed with a
secret, bytes that nobody needs are swept away whoever left them.

Nothing else that serves a request may use that role. `hub.seed`, `hub.sample` and `hub.demo` do, for an operator who
has the database at hand.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.models import Account, Audit, Discard, LinkSecret, Session

_MOST_DISCARDS = 1_000


async def find_account(connection: AsyncConnection, username: str) -> Any:
    """The account of a user name, locked for the sign-in that is going on; None if there is none."""
    query = select(Account.__table__).where(Account.username == username).with_for_update()
    return (await connection.execute(query)).one_or_none()


async def note_attempt(
    connection: AsyncConnection, account_id: int, failed: int, locked_until: datetime | None
) -> None:
    """Remember how many wrong passwords in a row an account has seen."""
    await connection.execute(
        update(Account).where(Account.id == account_id).values(failed_attempts=failed, locked_until=locked_until)
    )


async def open_session(connection: AsyncConnection, account_id: int, token_hash: bytes, expires_at: datetime) -> None:
    """Begin a session."""
    await connection.execute(
        insert(Session).values(account_id=account_id, token_hash=token_hash, expires_at=expires_at)
    )


async def end_sessions(connection: AsyncConnection, account_id: int, session_id: int | None, moment: datetime) -> None:
    """End one session of an account, or all of them."""
    query = update(Session).where(Session.account_id == account_id, Session.ended_at.is_(None))
    if session_id is not None:
        query = query.where(Session.id == session_id)
    await connection.execute(query.values(ended_at=moment))


async def set_password(connection: AsyncConnection, account_id: int, password_hash: str, moment: datetime) -> None:
    """Give an account a password that its holder chose."""
    await connection.execute(
        update(Account)
        .where(Account.id == account_id)
        .values(
            password_hash=password_hash,
            password_changed_at=moment,
            must_change_password=False,
            failed_attempts=0,
            version=Account.version + 1,
        )
    )


async def audit(connection: AsyncConnection, **facts: Any) -> None:
    """Write an audit entry for somebody who is not signed in yet, or was refused."""
    await connection.execute(insert(Audit).values(**facts))


async def abandoned_discards(connection: AsyncConnection, before: datetime) -> list[str]:
    """Keys of the file store that were to be named or removed before a moment and are not, whoever was about to."""
    query = select(Discard.key).where(Discard.at < before).limit(_MOST_DISCARDS).with_for_update(skip_locked=True)
    return [*(await connection.execute(query)).scalars()]


async def forget_discards(connection: AsyncConnection, keys: Sequence[str]) -> None:
    """Drop the notes of keys whose bytes are gone."""
    await connection.execute(delete(Discard).where(Discard.key.in_(keys)))


async def link_secret(connection: AsyncConnection) -> bytes:
    """What links are signed with."""
    query = select(LinkSecret.secret).order_by(LinkSecret.id.desc()).limit(1)
    found: bytes = (await connection.execute(query)).scalar_one()
    return found
