"""The register's history as a schema: alembic, and the database roles it rests on."""
