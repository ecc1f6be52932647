"""A pupil's placements are found by the pupil: the index of active ones serves no history."""

from alembic import op

revision = "2026_11_26_0004"
down_revision = "2026_11_26_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_placements_student_id", "placements", ["student_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_placements_student_id", "placements")
