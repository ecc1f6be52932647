"""The four database roles, made before the first migration runs."""

from sqlalchemy import Connection, text

ROLES = ("hub_owner", "hub_system", "hub_app", "hub_read")


def prepare(connection: Connection, password: str | None = None) -> None:
    """Make the hub's roles where they are missing, and let the migrating login take each of them.

    With a password the roles may log in with it (the embedded database); without one they are taken with SET ROLE,
    or a database administrator gives them log-ins of their own.
    """
    known = set(connection.scalars(text("SELECT rolname FROM pg_roles WHERE rolname LIKE 'hub\\_%'")))
    for role in ROLES:
        if role not in known:
            connection.execute(text(f"CREATE ROLE {role} NOLOGIN NOBYPASSRLS NOINHERIT"))
            connection.execute(text(f"GRANT {role} TO CURRENT_USER"))
        if password is not None:
            quoted = connection.scalar(text("SELECT quote_literal(:password)"), {"password": password})
            connection.execute(text(f"ALTER ROLE {role} LOGIN PASSWORD {quoted}".replace(":", "\\:")))
    if "hub_owner" not in known:
        connection.execute(text("GRANT hub_system TO hub_owner"))
    name = connection.scalar(text("SELECT quote_ident(current_database())"))
    if not connection.scalar(text("SELECT has_database_privilege('hub_owner', current_database(), 'CREATE')")):
        connection.execute(text(f"GRANT CREATE, TEMPORARY ON DATABASE {name} TO hub_owner"))
        connection.execute(text(f"GRANT TEMPORARY ON DATABASE {name} TO hub_app, hub_system"))
    if not connection.scalar(text("SELECT has_schema_privilege('hub_owner', 'public', 'CREATE')")):
        connection.execute(text("GRANT USAGE, CREATE ON SCHEMA public TO hub_owner, hub_system"))
        connection.execute(text("GRANT USAGE ON SCHEMA public TO hub_app, hub_read"))
