"""A pupil's placements and a case's decisions are found by an index: those there were serve only some of the rows."""

from alembic import op

revision = "2026_11_26_0004"
down_revision = "2026_11_26_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_placements_student_id", "placements", ["student_id", "id"])
    op.create_index("ix_case_decisions_case_id", "case_decisions", ["case_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_case_decisions_case_id", "case_decisions")
    op.drop_index("ix_placements_student_id", "placements")
