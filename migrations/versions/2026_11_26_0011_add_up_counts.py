"""Totals of the cube: what the cells of a place and a state add up to, so that a count that tells nothing apart reads
one row and not a cell for every year, grade and sex.

Triggers of the cells keep them, whoever writes cells: one fold at a time, or a rebuild, so no two write one total. They
add up anew what is there rather than add what has changed: a total cannot drift from its cells.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_0011"
down_revision = "2026_11_26_0010"
branch_labels = None
depends_on = None

FOLDING = 4_711_201_322
"""Advisory lock: one fold at a time."""

INSIDE = """(
    path >= current_setting('hub.low', true) COLLATE "C" AND path < current_setting('hub.high', true) COLLATE "C"
    AND EXISTS (SELECT FROM unnest((SELECT nullif(current_setting('hub.roots', true), '')::text[])) AS held(root)
                WHERE path >= held.root COLLATE "C" AND path < (held.root || '~') COLLATE "C"))"""

MEASURES = ("students", "boarding", "migrant", "left_behind", "without_id", "photo_missing", "open_problems")
DIMENSIONS = "school_year, grade, sex, state"
_MEASURED = ", ".join(MEASURES)
_SUMS = ", ".join(f"sum({name}) AS {name}" for name in MEASURES)
SAFE = "SET search_path = pg_catalog, public"
DEFINER = f"LANGUAGE plpgsql SECURITY DEFINER {SAFE}"

ADD_UP = f"""
CREATE FUNCTION add_up_cells() RETURNS trigger {DEFINER} AS $$
BEGIN
    MERGE INTO count_totals t USING (
        SELECT axis, path, state, {_SUMS}
        FROM (SELECT DISTINCT axis, path, state FROM changed) AS each
        LEFT JOIN count_cells c USING (axis, path, state) GROUP BY axis, path, state) AS n
    ON t.axis = n.axis AND t.path = n.path AND t.state = n.state
    WHEN MATCHED AND n.students IS NULL THEN DELETE
    WHEN MATCHED THEN UPDATE SET {", ".join(f"{name} = n.{name}" for name in MEASURES)}
    WHEN NOT MATCHED AND n.students IS NOT NULL THEN INSERT (axis, path, state, {_MEASURED})
        VALUES (n.axis, n.path, n.state, {", ".join(f"n.{name}" for name in MEASURES)});
    RETURN NULL;
END $$"""
EVENTS = {"INSERT": "NEW TABLE", "UPDATE": "NEW TABLE", "DELETE": "OLD TABLE"}

DIFFERING = f"""
CREATE FUNCTION differing_totals() RETURNS TABLE (axis text, path text, state text, kept bigint[], counted bigint[])
LANGUAGE sql STABLE SECURITY DEFINER {SAFE} AS $$
    SELECT axis, path, state, t.numbers, c.numbers
    FROM (SELECT axis, path, state, ARRAY[{_MEASURED}]::bigint[] AS numbers FROM count_totals) AS t
    FULL JOIN (SELECT axis, path, state, ARRAY[{", ".join(f"sum({name})" for name in MEASURES)}]::bigint[] AS numbers
               FROM count_cells GROUP BY axis, path, state) AS c USING (axis, path, state)
    WHERE t.numbers IS DISTINCT FROM c.numbers ORDER BY 1, 2, 3 $$"""


def _rebuild(*tables: str) -> str:
    return f"""
CREATE OR REPLACE FUNCTION rebuild_counts() RETURNS void {DEFINER} AS $$
BEGIN
    LOCK TABLE students, schools, problem_records IN SHARE MODE;
    PERFORM pg_advisory_xact_lock({FOLDING});
    {" ".join(f"DELETE FROM {table};" for table in tables)}
    INSERT INTO problem_tallies (student_id, open)
    SELECT student_id, count(*) FROM problem_records WHERE state = 'OPEN' GROUP BY student_id;
    INSERT INTO count_cells (axis, path, {DIMENSIONS}, {_MEASURED})
    SELECT axis, path, {DIMENSIONS}, {_MEASURED} FROM recounted();
END $$"""


CLEARED = ("count_deltas", "problem_deltas", "problem_tallies", "count_cells")


def upgrade() -> None:
    """Make the table, close it, let the cells keep it, fill it from the cells that are there."""
    op.create_table(
        "count_totals",
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("axis", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in MEASURES),
        sa.CheckConstraint("axis IN ('MANAGEMENT', 'TERRITORY')", name=op.f("ck_count_totals_axis")),
        sa.PrimaryKeyConstraint("path", "axis", "state", name=op.f("pk_count_totals")),
    )
    op.execute("ALTER TABLE count_totals SET (fillfactor = 70)")
    op.execute("ALTER TABLE count_totals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY hub_system_all ON count_totals TO hub_system USING (true) WITH CHECK (true)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON count_totals TO hub_system")
    op.execute(f"CREATE POLICY hub_app_seen ON count_totals FOR SELECT TO hub_app USING ({INSIDE})")
    op.execute("CREATE POLICY hub_read_all ON count_totals FOR SELECT TO hub_read USING (true)")
    op.execute("GRANT SELECT ON count_totals TO hub_app, hub_read")
    for name, body in {"add_up_cells()": ADD_UP, "differing_totals()": DIFFERING}.items():
        op.execute(sa.text(body.replace("::", "\\:\\:")))
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
    for event, seen in EVENTS.items():
        op.execute(
            f"""CREATE TRIGGER add_up_cells_{event.lower()} AFTER {event} ON count_cells
                REFERENCING {seen} AS changed FOR EACH STATEMENT EXECUTE FUNCTION add_up_cells()"""
        )
    op.execute("ALTER FUNCTION add_up_cells() OWNER TO hub_system")
    op.execute("ALTER FUNCTION differing_totals() OWNER TO hub_system")
    op.execute("SET ROLE hub_system")
    op.execute(_rebuild("count_totals", *CLEARED))
    op.execute(
        f"""INSERT INTO count_totals (axis, path, state, {_MEASURED})
            SELECT axis, path, state, {_SUMS} FROM count_cells GROUP BY axis, path, state"""
    )
    op.execute("SET ROLE hub_owner")


def downgrade() -> None:
    """Drop what was made, the triggers first."""
    for event in EVENTS:
        op.execute(f"DROP TRIGGER add_up_cells_{event.lower()} ON count_cells")
    op.execute("SET ROLE hub_system")
    op.execute(_rebuild(*CLEARED))
    op.execute("DROP FUNCTION add_up_cells()")
    op.execute("DROP FUNCTION differing_totals()")
    op.execute("SET ROLE hub_owner")
    op.drop_table("count_totals")
