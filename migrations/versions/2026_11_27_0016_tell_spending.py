"""What an account's reads have cost lately is known to all serving processes.

Nothing of it need outlast a crash, so it is written without the log that outlasts one.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_27_0016"
down_revision = "2026_11_27_0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, for the hub itself alone."""
    op.create_table(
        "spendings",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_spendings_account_id_accounts")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_spendings")),
        prefixes=["UNLOGGED"],
    )
    op.execute("ALTER TABLE spendings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY hub_system_all ON spendings TO hub_system USING (true) WITH CHECK (true)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON spendings TO hub_system")


def downgrade() -> None:
    """Forget it."""
    op.drop_table("spendings")
