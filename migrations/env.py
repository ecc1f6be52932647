"""How alembic runs here: as hub_owner, one runner at a time, never waiting long for a lock."""

from alembic import context
from sqlalchemy import Connection, text

from hub.models import Base
from migrations import roles

ADVISORY_LOCK = 4_711_201_309
"""Any number, the same in every release: it keeps two runners apart."""


def run(connection: Connection) -> None:
    """Bring the connection's database to the wanted revision, in one transaction for each migration."""
    connection.execute(text(f"SELECT pg_advisory_lock({ADVISORY_LOCK})"))
    try:
        roles.prepare(connection, context.config.attributes.get("password"))
        connection.execute(text("SET ROLE hub_owner"))
        connection.execute(text("SET lock_timeout = '4s'"))
        connection.execute(text("SET statement_timeout = '15min'"))
        connection.commit()
        context.configure(
            connection=connection, target_metadata=Base.metadata, transaction_per_migration=True, compare_type=True
        )
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("RESET ROLE"))
        connection.execute(text(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})"))
        connection.commit()


run(context.config.attributes["connection"])
