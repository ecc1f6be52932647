"""Search names by place: the index of names also holds the places a row lies at, so that a county's search reads that
county's names only.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_0005"
down_revision = "2026_11_26_0004"
branch_labels = None
depends_on = None

TABLES = ("places", "schools", "students")

# The places from the city down, each as `@` and its path: what hub.paths.above gives for the same path.
FOUND_UNDER = """
CREATE FUNCTION found_under(terms text[], path text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT terms || ARRAY['@' || left(split_part(path, '.', 1), 4), '@' || left(split_part(path, '.', 1), 6),
                          '@' || split_part(path, '.', 1) || '.' || split_part(path, '.', 2), '@' || path] $$"""


def upgrade() -> None:
    op.execute(FOUND_UNDER)
    _index("found_under(name_terms, path)")


def downgrade() -> None:
    _index("name_terms")
    op.execute("DROP FUNCTION found_under(text[], text)")


def _index(terms: str) -> None:
    for table in TABLES:
        name = f"ix_{table}_name_terms"
        op.drop_index(name, table_name=table)
        op.create_index(
            name, table, [sa.text(terms)], postgresql_using="gin", postgresql_with={"gin_pending_list_limit": 1024}
        )
