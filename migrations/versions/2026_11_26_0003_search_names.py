"""Search names: students, schools and places get the terms their names are found by, under GIN.

The terms cannot be made in SQL: `hub migrate` fills them in afterwards, in batches (`hub/backfill.py`).
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_26_0003"
down_revision = "2026_11_26_0002"
branch_labels = None
depends_on = None

TABLES = ("places", "schools", "students")


def upgrade() -> None:
    for table in TABLES:
        terms = postgresql.ARRAY(sa.Text(collation="C"))
        op.add_column(table, sa.Column("name_terms", terms, server_default=sa.text("'{}'"), nullable=False))
        op.create_index(
            f"ix_{table}_name_terms",
            table,
            ["name_terms"],
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 1024},
        )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_index(f"ix_{table}_name_terms", table_name=table)
        op.drop_column(table, "name_terms")
