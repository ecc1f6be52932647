"""Sound rows may leave blank what the register demanded: a pupil from abroad has no residence here, and of the second
family member the sheet wants no more than name and relation.
"""

from alembic import op

revision = "2026_11_26_0010"
down_revision = "2026_11_26_0009"
branch_labels = None
depends_on = None

BLANK = {
    "students": {"birthplace_code": "''", "residence_nature": "''"},
    "guardians": {"address": "''", "phone": "''", "is_guardian": "false"},
}


def upgrade() -> None:
    """Let the columns be empty."""
    for table, columns in BLANK.items():
        for name in columns:
            op.alter_column(table, name, nullable=True)


def downgrade() -> None:
    """Fill what is empty, and demand it again."""
    op.execute("SET ROLE hub_system")  # the owner sees no rows
    for table, columns in BLANK.items():
        for name, blank in columns.items():
            op.execute(f"UPDATE {table} SET {name} = {blank} WHERE {name} IS NULL")
    op.execute("SET ROLE hub_owner")
    for table, columns in BLANK.items():
        for name in columns:
            op.alter_column(table, name, nullable=False)
