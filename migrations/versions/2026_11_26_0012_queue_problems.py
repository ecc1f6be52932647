"""A city's and a county's problem records are kept in the order they were found in: the first of them are a range of an
index, however many there are.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_0012"
down_revision = "2026_11_26_0011"
branch_labels = None
depends_on = None

AREAS = {"city": 4, "county": 6}


def upgrade() -> None:
    for area, length in AREAS.items():
        op.create_index(
            f"ix_problem_records_{area}",
            "problem_records",
            ["state", sa.text(f"left(path, {length})"), "found_at", "id"],
        )


def downgrade() -> None:
    for area in AREAS:
        op.drop_index(f"ix_problem_records_{area}", "problem_records")
