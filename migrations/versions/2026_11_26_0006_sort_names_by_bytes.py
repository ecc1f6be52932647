"""Pupils' names compare byte by byte, the same on every server: so that a beginning of a name is a range of the index
whatever the database's own collation. The card shows the name, so it is made anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_0006"
down_revision = "2026_11_26_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _collate("C")


def downgrade() -> None:
    _collate("default")


def _collate(collation: str) -> None:
    op.execute("SET ROLE hub_system")
    op.execute("DROP VIEW student_cards")
    op.execute("SET ROLE hub_owner")
    op.alter_column("students", "name", type_=sa.Text(collation=collation), existing_nullable=False)
    op.execute("CREATE VIEW student_cards WITH (security_barrier) AS SELECT id, name, path FROM students")
    op.execute("GRANT SELECT ON student_cards TO hub_app, hub_read")
    op.execute("ALTER VIEW student_cards OWNER TO hub_system")
