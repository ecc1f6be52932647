"""Archives of photos wait in line by county, as workbooks do: who works on each, how far it has come, why it failed.

`photo_place` and `photo_wait` tell nobody more than numbers.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_26_0013"
down_revision = "2026_11_26_0012"
branch_labels = None
depends_on = None

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, public"
WORDS = ("code", "message", "remedy", "message_en", "remedy_en")
MOMENTS = ("heartbeat_at", "started_at", "ended_at")

# As import_order: the first archive of every county before the second of any, small before big within a county. What
# runs is at place 0 and takes its county's turn. `ahead` are the files up to and with the archive's own. A class has
# fifty photos, a school of some size two thousand.
ORDER = f"""
CREATE FUNCTION photo_order() RETURNS TABLE (id bigint, place bigint, ahead bigint) LANGUAGE sql STABLE {DEFINER} AS $$
    WITH standing AS (
        SELECT i.id, i.queue, greatest(i.weight - i.taken - i.unchanged - i.refused - i.ignored, 1) AS weight,
               i.claim IS NOT NULL AND i.heartbeat_at > now() - interval '15 s' AS running,
               CASE WHEN i.weight <= 100 OR i.created_at < now() - interval '10 min' THEN 0
                    WHEN i.weight <= 2000 THEN 1 ELSE 2 END AS size
        FROM photo_imports i WHERE i.state IN ('QUEUED', 'RUNNING')
    ), turned AS (
        SELECT *, row_number() OVER (PARTITION BY queue ORDER BY running DESC, size, standing.id) AS turn FROM standing
    )
    SELECT t.id, CASE WHEN running THEN 0 ELSE row_number() OVER line - count(*) FILTER (WHERE running) OVER () END,
           (sum(weight) OVER line)::bigint
    FROM turned t WINDOW line AS (ORDER BY running DESC, turn, size, t.id ROWS UNBOUNDED PRECEDING) $$"""
PLACE = f"""
CREATE FUNCTION photo_place(import bigint) RETURNS integer LANGUAGE sql STABLE {DEFINER} AS $$
    SELECT place::integer FROM photo_order() WHERE id = import $$"""
WAIT = f"""
CREATE FUNCTION photo_wait(import bigint) RETURNS integer LANGUAGE sql STABLE {DEFINER} AS $$
    SELECT ceil(ahead / coalesce(
        (SELECT sum(total) / nullif(sum(extract(epoch FROM ended_at - started_at)), 0)
         FROM (SELECT total, ended_at, started_at FROM photo_imports
               WHERE ended_at IS NOT NULL AND total > 0 ORDER BY ended_at DESC LIMIT 20) AS latest), 50))::integer
    FROM photo_order() WHERE id = import $$"""
FUNCTIONS = {
    "photo_order()": (ORDER, "hub_app"),
    "photo_place(bigint)": (PLACE, "hub_app, hub_read"),
    "photo_wait(bigint)": (WAIT, "hub_app, hub_read"),
}


def upgrade() -> None:
    """Widen the imports of photos, and put them in order."""
    _states("'QUEUED', 'RUNNING', 'DONE', 'FAILED'")
    op.alter_column("photo_imports", "state", server_default="QUEUED")
    op.alter_column("photo_imports", "total", server_default="0")
    op.add_column("photo_imports", sa.Column("role", sa.Text(), server_default="school_administrator", nullable=False))
    op.add_column("photo_imports", sa.Column("queue", sa.Text(collation="C"), nullable=True))
    op.add_column("photo_imports", sa.Column("weight", sa.BigInteger(), nullable=True))
    op.execute("SET ROLE hub_system")  # the owner sees no rows
    op.execute("UPDATE photo_imports SET queue = split_part(path, '.', 1), weight = total")
    op.execute("SET ROLE hub_owner")
    for name in ("queue", "weight"):
        op.alter_column("photo_imports", name, nullable=False)
    for name in (*WORDS, "claim"):
        op.add_column("photo_imports", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("photo_imports", sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False))
    for name in MOMENTS:
        op.add_column("photo_imports", sa.Column(name, postgresql.TIMESTAMP(timezone=True), nullable=True))
    ended = sa.text("ended_at IS NOT NULL")
    op.create_index("ix_photo_imports_ended_at", "photo_imports", ["ended_at"], postgresql_where=ended)
    waiting = sa.text("state IN ('QUEUED', 'RUNNING')")
    op.create_index("ix_photo_imports_waiting", "photo_imports", ["queue", "id"], postgresql_where=waiting)
    for name, (body, users) in FUNCTIONS.items():
        op.execute(body)
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {users}, hub_system")
        op.execute(f"ALTER FUNCTION {name} OWNER TO hub_system")


def _states(states: str) -> None:
    op.drop_constraint(op.f("ck_photo_imports_state"), "photo_imports")
    op.create_check_constraint(op.f("ck_photo_imports_state"), "photo_imports", f"state IN ({states})")


def downgrade() -> None:
    """Back to archives that are seen to at once; of those that waited, and those that failed, nothing is kept."""
    op.execute("SET ROLE hub_system")
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {name}")
    gone = "SELECT id FROM photo_imports WHERE state IN ('QUEUED', 'FAILED')"
    op.execute(f"UPDATE photo_imports SET state = 'DONE' WHERE id IN ({gone}) AND total > 0")
    op.execute(f"DELETE FROM photo_imports WHERE id IN ({gone})")
    op.execute("SET ROLE hub_owner")
    for name in ("ix_photo_imports_waiting", "ix_photo_imports_ended_at"):
        op.drop_index(name, "photo_imports")
    for name in (*MOMENTS, "attempts", "claim", *WORDS, "weight", "queue", "role"):
        op.drop_column("photo_imports", name)
    op.alter_column("photo_imports", "total", server_default=None)
    op.alter_column("photo_imports", "state", server_default="RUNNING")
    _states("'RUNNING', 'DONE'")
