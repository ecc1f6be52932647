"""A cube of counts: cells at every level, deltas that triggers append, the functions that fold and check them.

Who holds which lock, and why nothing is counted twice or lost:

* What is counted of a pupil comes from the pupil's row alone, so its delta is exact whatever others do.
* The territory comes from the school's row. Whoever counts pupils holds GROUND shared until commit, whoever moves a
  school to another territory holds it alone: each sees all that the other wrote.
* Open problem records belong where the pupil is, and finder and mover may not wait for each other's rows: two imports
  that find one duplicate would wait in a circle. So an event of a record names the pupil only, and is resolved by who
  reads it. `fold_counts` adds it to the pupil's tally while it holds the pupil's row; whoever moves a pupil moves the
  tally, and holds the row too.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_0001"
down_revision = "2026_11_24_0002"
branch_labels = None
depends_on = None

GROUND, FOLDING = 4_711_201_321, 4_711_201_322
"""Advisory locks: whose territory a school stands in; one fold at a time."""

INSIDE = """(
    {path} >= current_setting('hub.low', true) COLLATE "C" AND {path} < current_setting('hub.high', true) COLLATE "C"
    AND EXISTS (SELECT FROM unnest((SELECT nullif(current_setting('hub.roots', true), '')::text[])) AS held(root)
                WHERE {path} >= held.root COLLATE "C" AND {path} < (held.root || '~') COLLATE "C"))"""
OF_PUPIL = "EXISTS (SELECT FROM students AS owner WHERE owner.id = student_id)"
SEEN = {
    "count_cells": INSIDE.format(path="path"),
    "count_deltas": f"({INSIDE.format(path='path')} OR {INSIDE.format(path='territory')})",
    "problem_deltas": OF_PUPIL,
    "problem_tallies": OF_PUPIL,
}

MEASURES = ("students", "boarding", "migrant", "left_behind", "without_id", "photo_missing", "open_problems")
DIMENSIONS = "school_year, grade, sex, state"
_MEASURED = ", ".join(MEASURES)
_SUMS = ", ".join(f"sum({name}) AS {name}" for name in MEASURES)
_SIGNED = ", ".join(f"sum(sign * {name}) AS {name}" for name in MEASURES)
_ANY = " OR ".join(f"sum({name}) <> 0" for name in MEASURES)
_ANY_SIGNED = " OR ".join(f"sum(sign * {name}) <> 0" for name in MEASURES)
_EACH = ", ".join(f"n.{name}" for name in MEASURES)
# A class's path without its class: the school's.
_SCHOOL = "CASE WHEN length(s.path) > 17 THEN left(s.path, -8) ELSE s.path END"
_COUNTED = f"""s.school_id, {_SCHOOL} AS path, s.school_year, s.grade, s.sex, s.state, 1 AS students,
               (s.attendance_type = '2')::int AS boarding, coalesce(s.migrant_child, false)::int AS migrant,
               (s.left_behind <> '0')::int AS left_behind, (s.id_number IS NULL)::int AS without_id,
               (s.photo_file_id IS NULL)::int AS photo_missing"""
_TALLY = "coalesce((SELECT t.open FROM problem_tallies t WHERE t.student_id = s.id), 0) AS open_problems"


def _append(rows: str) -> str:
    """Append what rows of pupils add and take away, one delta for each school and kind of pupil."""
    return f"""
        INSERT INTO count_deltas (path, territory, {DIMENSIONS}, {_MEASURED})
        SELECT n.path, h.territory, n.school_year, n.grade, n.sex, n.state, {_EACH}
        FROM (SELECT school_id, path, {DIMENSIONS}, {_SIGNED} FROM ({rows}) AS each
              GROUP BY school_id, path, {DIMENSIONS} HAVING {_ANY_SIGNED}) AS n
        JOIN schools h ON h.id = n.school_id"""


_OLD = f"SELECT -1 AS sign, {_COUNTED}, {_TALLY} FROM old_rows s"
_NEW = f"SELECT 1 AS sign, {_COUNTED}, {_TALLY} FROM new_rows s"
DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public"

COUNT_STUDENTS = f"""
CREATE FUNCTION count_students() RETURNS trigger {DEFINER} AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({GROUND});
    IF TG_OP = 'INSERT' THEN
        {_append(f"SELECT 1 AS sign, {_COUNTED}, 0 AS open_problems FROM new_rows s")};
    ELSIF TG_OP = 'UPDATE' THEN
        {_append(f"{_OLD} UNION ALL {_NEW}")};
    ELSE
        {_append(_OLD)};
        DELETE FROM problem_tallies WHERE student_id IN (SELECT id FROM old_rows);
    END IF;
    RETURN NULL;
END $$"""

_CLOSED = "SELECT student_id, -1 AS sign FROM old_rows WHERE state = 'OPEN'"
_OPENED = "SELECT student_id, 1 AS sign FROM new_rows WHERE state = 'OPEN'"


def _note(rows: str) -> str:
    return f"""
        INSERT INTO problem_deltas (student_id, open)
        SELECT student_id, sum(sign) FROM ({rows}) AS each GROUP BY student_id HAVING sum(sign) <> 0"""


COUNT_PROBLEMS = f"""
CREATE FUNCTION count_problems() RETURNS trigger {DEFINER} AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        {_note(_OPENED)};
    ELSIF TG_OP = 'UPDATE' THEN
        {_note(f"{_CLOSED} UNION ALL {_OPENED}")};
    ELSE
        {_note(_CLOSED)};
    END IF;
    RETURN NULL;
END $$"""

# The pupils of a school that now stands elsewhere: out of the old territory, into the new one.
MOVE_TERRITORY = f"""
CREATE FUNCTION count_territories() RETURNS trigger {DEFINER} AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM (SELECT id, territory FROM old_rows UNION ALL SELECT id, territory FROM new_rows) AS each
                   GROUP BY id HAVING min(territory) <> max(territory)) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock({GROUND});
    INSERT INTO count_deltas (path, territory, {DIMENSIONS}, {_MEASURED})
    SELECT n.path, side.territory, n.school_year, n.grade, n.sex, n.state, {", ".join(f"side.sign * n.{m}" for m in MEASURES)}
    FROM old_rows was JOIN new_rows h ON h.id = was.id AND h.territory <> was.territory
    CROSS JOIN LATERAL (SELECT path, {DIMENSIONS}, {_SUMS}
        FROM (SELECT {_COUNTED}, {_TALLY} FROM students s WHERE s.school_id = h.id) AS each
        GROUP BY path, {DIMENSIONS}) AS n
    CROSS JOIN LATERAL (VALUES (-1, was.territory), (1, h.territory)) AS side (sign, territory);
    RETURN NULL;
END $$"""

UPWARD = """
CREATE FUNCTION upward(path text) RETURNS SETOF text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT left(split_part(path, '.', 1), n) FROM unnest(ARRAY[2, 4, 6]) AS n WHERE n <= length(split_part(path, '.', 1))
    UNION ALL SELECT path WHERE strpos(path, '.') > 0 $$"""


def _spread(rows: str) -> str:
    """Counts of schools, added up at every level of management and of territory."""
    return f"""
        SELECT axis, place AS path, {DIMENSIONS}, {_SUMS} FROM (
            SELECT 'MANAGEMENT' AS axis, place, d.* FROM ({rows}) AS d CROSS JOIN LATERAL upward(d.path) AS place
            UNION ALL
            SELECT 'TERRITORY', place, d.* FROM ({rows}) AS d CROSS JOIN LATERAL upward(d.territory) AS place) AS each
        GROUP BY axis, place, {DIMENSIONS} HAVING {_ANY}"""


# Locked pupils are left for the next fold: it waits for nobody, so nobody can wait for it in a circle.
FOLD = f"""
CREATE FUNCTION fold_counts(many integer) RETURNS bigint {DEFINER} AS $$
DECLARE wanted bigint[]; held bigint[]; newest bigint; done bigint = 0; events bigint;
BEGIN
    IF NOT (pg_try_advisory_xact_lock({FOLDING}) AND pg_try_advisory_xact_lock_shared({GROUND})) THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(DISTINCT student_id) INTO wanted
    FROM (SELECT student_id FROM problem_deltas ORDER BY id LIMIT many) AS first;
    IF wanted IS NOT NULL THEN
        SELECT array_agg(id) INTO held
        FROM (SELECT id FROM students WHERE id = ANY (wanted) FOR NO KEY UPDATE SKIP LOCKED) AS free;
        DELETE FROM problem_deltas
        WHERE student_id = ANY (wanted) AND NOT EXISTS (SELECT FROM students WHERE id = student_id);
        GET DIAGNOSTICS events = ROW_COUNT;
        done = done + events;
        WITH taken AS (
            DELETE FROM problem_deltas WHERE student_id = ANY (held) RETURNING student_id, open
        ), net AS (
            SELECT student_id, sum(open) AS open FROM taken GROUP BY student_id HAVING sum(open) <> 0
        ), kept AS (
            INSERT INTO problem_tallies (student_id, open) SELECT student_id, open FROM net
            ON CONFLICT (student_id) DO UPDATE SET open = problem_tallies.open + excluded.open
        ), appended AS (
            INSERT INTO count_deltas (path, territory, {DIMENSIONS}, {_MEASURED})
            SELECT {_SCHOOL}, h.territory, s.school_year, s.grade, s.sex, s.state, 0, 0, 0, 0, 0, 0, sum(net.open)
            FROM net JOIN students s ON s.id = net.student_id JOIN schools h ON h.id = s.school_id
            GROUP BY 1, 2, 3, 4, 5, 6)
        SELECT count(*) INTO events FROM taken;
        done = done + events;
        DELETE FROM problem_tallies WHERE student_id = ANY (held) AND open = 0;
    END IF;
    SELECT max(id) INTO newest FROM (SELECT id FROM count_deltas ORDER BY id LIMIT many) AS first;
    IF newest IS NULL THEN
        RETURN done;
    END IF;
    SELECT done + count(*) INTO done FROM count_deltas WHERE id <= newest;
    WITH taken AS (
        DELETE FROM count_deltas WHERE id <= newest RETURNING path, territory, {DIMENSIONS}, {_MEASURED}
    ), schooled AS MATERIALIZED (
        SELECT path, territory, {DIMENSIONS}, {_SUMS} FROM taken GROUP BY path, territory, {DIMENSIONS} HAVING {_ANY})
    MERGE INTO count_cells c USING ({_spread("SELECT * FROM schooled")}) AS n
    ON c.axis = n.axis AND c.path = n.path AND c.state = n.state AND c.school_year = n.school_year
       AND c.grade = n.grade AND c.sex = n.sex
    WHEN MATCHED AND {" AND ".join(f"c.{m} + n.{m} = 0" for m in MEASURES)} THEN DELETE
    WHEN MATCHED THEN UPDATE SET {", ".join(f"{m} = c.{m} + n.{m}" for m in MEASURES)}
    WHEN NOT MATCHED THEN INSERT (axis, path, {DIMENSIONS}, {_MEASURED})
        VALUES (n.axis, n.path, n.school_year, n.grade, n.sex, n.state, {_EACH});
    RETURN done;
END $$"""

_CELLS = f"""TABLE (axis text, path text, school_year smallint, grade smallint, sex text, state text,
                    {", ".join(f"{m} bigint" for m in MEASURES)})"""
RECOUNT = f"""
CREATE FUNCTION recounted() RETURNS {_CELLS} LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
    WITH open AS (
        SELECT student_id, count(*) AS open FROM problem_records WHERE state = 'OPEN' GROUP BY student_id
    ), schooled AS MATERIALIZED (
        SELECT each.path, h.territory, {DIMENSIONS}, {_SUMS}
        FROM (SELECT {_COUNTED}, coalesce(o.open, 0) AS open_problems
              FROM students s LEFT JOIN open o ON o.student_id = s.id) AS each
        JOIN schools h ON h.id = each.school_id GROUP BY each.path, h.territory, {DIMENSIONS})
    {_spread("SELECT * FROM schooled")} $$"""
DIFFERING = f"""
CREATE FUNCTION differing_counts() RETURNS TABLE (axis text, path text, school_year smallint, grade smallint, sex text,
    state text, kept bigint[], counted bigint[]) LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
    WITH unfolded AS MATERIALIZED (
        SELECT path, territory, {DIMENSIONS}, {_MEASURED} FROM count_deltas
        UNION ALL
        SELECT {_SCHOOL}, h.territory, s.school_year, s.grade, s.sex, s.state, 0, 0, 0, 0, 0, 0, d.open
        FROM problem_deltas d JOIN students s ON s.id = d.student_id JOIN schools h ON h.id = s.school_id
    ), kept AS (
        SELECT axis, path, {DIMENSIONS}, ARRAY[{", ".join(f"sum({m})" for m in MEASURES)}]::bigint[] AS numbers
        FROM (SELECT axis, path, {DIMENSIONS}, {_MEASURED} FROM count_cells
              UNION ALL {_spread("SELECT * FROM unfolded")}) AS each
        GROUP BY axis, path, {DIMENSIONS} HAVING {_ANY})
    SELECT axis, path, school_year, grade, sex, state, k.numbers, c.numbers
    FROM kept k FULL JOIN (
        SELECT axis, path, {DIMENSIONS}, ARRAY[{_MEASURED}] AS numbers FROM recounted()) AS c
    USING (axis, path, school_year, grade, sex, state)
    WHERE k.numbers IS DISTINCT FROM c.numbers ORDER BY 1, 2, 3, 4, 5, 6 $$"""
REBUILD = f"""
CREATE FUNCTION rebuild_counts() RETURNS void {DEFINER} AS $$
BEGIN
    LOCK TABLE students, schools, problem_records IN SHARE MODE;
    PERFORM pg_advisory_xact_lock({FOLDING});
    DELETE FROM count_deltas;
    DELETE FROM problem_deltas;
    DELETE FROM problem_tallies;
    DELETE FROM count_cells;
    INSERT INTO problem_tallies (student_id, open)
    SELECT student_id, count(*) FROM problem_records WHERE state = 'OPEN' GROUP BY student_id;
    INSERT INTO count_cells (axis, path, {DIMENSIONS}, {_MEASURED})
    SELECT axis, path, {DIMENSIONS}, {_MEASURED} FROM recounted();
END $$"""

FUNCTIONS = {
    "upward(text)": UPWARD,
    "count_students()": COUNT_STUDENTS,
    "count_problems()": COUNT_PROBLEMS,
    "count_territories()": MOVE_TERRITORY,
    "fold_counts(integer)": FOLD,
    "recounted()": RECOUNT,
    "differing_counts()": DIFFERING,
    "rebuild_counts()": REBUILD,
}
_EVENTS = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}
TRIGGERS = {
    "students": ("count_students", tuple(_EVENTS)),
    "problem_records": ("count_problems", tuple(_EVENTS)),
    "schools": ("count_territories", ("UPDATE",)),
}


def upgrade() -> None:
    """Make the tables, close them, make the functions, let every change of what is counted append its deltas."""
    op.add_column("students", sa.Column("photo_file_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_students_photo_file_id_files"), "students", "files", ["photo_file_id"], ["id"])
    op.create_index(
        "ix_students_photo_file_id",
        "students",
        ["photo_file_id"],
        unique=False,
        postgresql_where=sa.text("photo_file_id IS NOT NULL"),
    )
    _tables()
    for table, seen in SEEN.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY hub_system_all ON {table} TO hub_system USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO hub_system")
        op.execute(f"CREATE POLICY hub_app_seen ON {table} FOR SELECT TO hub_app USING ({seen})")
        op.execute(f"CREATE POLICY hub_read_all ON {table} FOR SELECT TO hub_read USING (true)")
        op.execute(f"GRANT SELECT ON {table} TO hub_app, hub_read")
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO hub_system, hub_app")
    for name, body in FUNCTIONS.items():
        op.execute(sa.text(body.replace("::", "\\:\\:")))
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
    for table, (function, events) in TRIGGERS.items():
        for event in events:
            op.execute(
                f"""CREATE TRIGGER {function}_{event.lower()} AFTER {event} ON {table}
                    REFERENCING {_EVENTS[event]} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"""
            )
    for name in FUNCTIONS:
        op.execute(f"ALTER FUNCTION {name} OWNER TO hub_system")


def _measures() -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in MEASURES]


def _tables() -> None:
    op.create_table(
        "count_cells",
        sa.Column("axis", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("school_year", sa.SmallInteger(), nullable=False),
        sa.Column("grade", sa.SmallInteger(), nullable=False),
        sa.Column("sex", sa.Text(), nullable=False),
        *_measures(),
        sa.CheckConstraint("axis IN ('MANAGEMENT', 'TERRITORY')", name=op.f("ck_count_cells_axis")),
        sa.PrimaryKeyConstraint("axis", "path", "state", "school_year", "grade", "sex", name=op.f("pk_count_cells")),
    )
    op.create_table(
        "count_deltas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("territory", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("school_year", sa.SmallInteger(), nullable=False),
        sa.Column("grade", sa.SmallInteger(), nullable=False),
        sa.Column("sex", sa.Text(), nullable=False),
        *_measures(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_count_deltas")),
    )
    op.create_index("ix_count_deltas_path", "count_deltas", ["path"], unique=False)
    op.create_index("ix_count_deltas_territory", "count_deltas", ["territory"], unique=False)
    op.create_table(
        "problem_deltas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_problem_deltas")),
    )
    op.create_index("ix_problem_deltas_student_id", "problem_deltas", ["student_id"], unique=False)
    op.create_table(
        "problem_tallies",
        sa.Column("student_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("open", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("student_id", name=op.f("pk_problem_tallies")),
    )
    # Cells change in place, deltas come and go: both want room, and vacuum often.
    op.execute("ALTER TABLE count_cells SET (fillfactor = 70)")
    for table in ("count_deltas", "problem_deltas"):
        op.execute(f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)")


def downgrade() -> None:
    """Drop triggers, functions, tables and the photo's column."""
    for table, (function, events) in TRIGGERS.items():
        for event in events:
            op.execute(f"DROP TRIGGER {function}_{event.lower()} ON {table}")
    op.execute("SET ROLE hub_system")
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {name}")
    op.execute("SET ROLE hub_owner")
    for table in reversed(SEEN):
        op.drop_table(table)
    op.drop_index(
        "ix_students_photo_file_id", table_name="students", postgresql_where=sa.text("photo_file_id IS NOT NULL")
    )
    op.drop_constraint(op.f("fk_students_photo_file_id_files"), "students", type_="foreignkey")
    op.drop_column("students", "photo_file_id")
