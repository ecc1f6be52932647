"""Count the pupils that are there: the cells of the cube for a register that had none."""

from alembic import op

revision = "2026_11_26_0002"
down_revision = "2026_11_26_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Fill the cells; writers wait for it."""
    op.execute("SET ROLE hub_system")
    op.execute("SELECT rebuild_counts()")
    op.execute("SET ROLE hub_owner")


def downgrade() -> None:
    """Nothing: the cells fall with their table."""
