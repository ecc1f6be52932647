"""An import is a job that proposes rows: who works on it, how far it has come, what each row would do, what it did.

`foresee` and `undo_created` see across offices for a writer who may not; `import_place` tells nobody more than numbers.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_26_0008"
down_revision = "2026_11_26_0007"
branch_labels = None
depends_on = None

STATES = (
    "QUEUED",
    "READING",
    "JUDGED",
    "HELD",
    "APPLYING",
    "APPLIED",
    "REFUSED",
    "FAILED",
    "CANCELLED",
    "UNDOING",
    "UNDONE",
)
MODES = ("JUDGE_ONLY", "SOUND_ROWS", "ALL_OR_NOTHING")
VERDICTS = ("CREATE", "UPDATE", "UNCHANGED", "REFUSE", "MISSING")
DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, public"
INSIDE = """(
    path >= current_setting('hub.low', true) COLLATE "C" AND path < current_setting('hub.high', true) COLLATE "C"
    AND EXISTS (SELECT FROM unnest((SELECT nullif(current_setting('hub.roots', true), '')::text[])) AS held(root)
                WHERE path >= held.root COLLATE "C" AND path < (held.root || '~') COLLATE "C"))"""

# What the province's register would say of new pupils: by their place in the lists. As detect_problems finds it.
FORESEE = f"""
CREATE FUNCTION foresee(numbers text[], names text[], sexes text[], births date[])
RETURNS TABLE (place bigint, kind text) LANGUAGE sql STABLE {DEFINER} AS $$
    SELECT n.place, 'ID_DUPLICATED' FROM unnest(numbers) WITH ORDINALITY AS n (id_number, place)
    WHERE EXISTS (SELECT FROM students s WHERE s.id_number = n.id_number AND s.state <> 'DELETED')
    UNION ALL
    SELECT p.place, 'NAME_SEX_BIRTH'
    FROM unnest(numbers, names, sexes, births) WITH ORDINALITY AS p (id_number, name, sex, birth_date, place)
    WHERE EXISTS (SELECT FROM students s
                  WHERE s.name = p.name AND s.birth_date = p.birth_date AND s.sex = p.sex AND s.state <> 'DELETED'
                    AND (p.id_number IS NULL OR s.id_number IS NULL)) $$"""

# Takes back pupils whom an import made and nobody has touched since. Problem records that spoke of them go with them;
# whoever shared a cause with them may have lost it.
UNDO = f"""
CREATE FUNCTION undo_created(import bigint, ids bigint[]) RETURNS SETOF bigint LANGUAGE plpgsql {DEFINER} AS $$
DECLARE gone bigint[];
BEGIN
    PERFORM pg_advisory_xact_lock(4711201310);
    SELECT array_agg(s.id) INTO gone FROM (
        SELECT s.id FROM students s
        JOIN import_rows r ON r.student_id = s.id AND r.import_id = import AND r.verdict = 'CREATE'
        WHERE s.id = ANY (ids) AND s.version = 1
          AND EXISTS (SELECT FROM imports WHERE id = import AND state = 'UNDOING' AND {INSIDE})
          AND NOT EXISTS (SELECT FROM absences a WHERE a.student_id = s.id)
          AND NOT EXISTS (SELECT FROM case_subjects c WHERE c.student_id = s.id)
          AND NOT EXISTS (SELECT FROM photos h WHERE h.student_id = s.id)
          AND NOT EXISTS (SELECT FROM problem_records p WHERE p.student_id = s.id AND p.resolution <> 'CAUSE_GONE')
        FOR UPDATE OF s) AS s;
    UPDATE students SET state = 'DELETED' WHERE id = ANY (gone);
    PERFORM detect_problems(gone, '{{}}');
    DELETE FROM problem_records WHERE student_id = ANY (gone);
    DELETE FROM leases WHERE student_id = ANY (gone);
    DELETE FROM guardians WHERE student_id = ANY (gone);
    DELETE FROM placements WHERE student_id = ANY (gone);
    DELETE FROM student_versions WHERE student_id = ANY (gone);
    RETURN QUERY DELETE FROM students WHERE id = ANY (gone) RETURNING id;
END $$"""

# The order of the queue: the first job of every county before the second of any, small before big within a county.
# What runs is at place 0 and takes its county's turn. `ahead` are the rows up to and with the job's own.
ORDER = f"""
CREATE FUNCTION import_order() RETURNS TABLE (id bigint, place bigint, ahead bigint) LANGUAGE sql STABLE {DEFINER} AS $$
    WITH standing AS (
        SELECT i.id, i.queue, greatest(i.weight - i.written, 1) AS weight,
               i.claim IS NOT NULL AND i.heartbeat_at > now() - interval '15 s' AS running,
               CASE WHEN i.weight <= 500 OR i.created_at < now() - interval '10 min' THEN 0
                    WHEN i.weight <= 5000 THEN 1 ELSE 2 END AS size
        FROM imports i WHERE i.state IN ('QUEUED', 'READING', 'APPLYING', 'UNDOING')
    ), turned AS (
        SELECT *, row_number() OVER (PARTITION BY queue ORDER BY running DESC, size, standing.id) AS turn FROM standing
    )
    SELECT t.id, CASE WHEN running THEN 0 ELSE row_number() OVER line - count(*) FILTER (WHERE running) OVER () END,
           (sum(weight) OVER line)::bigint
    FROM turned t WINDOW line AS (ORDER BY running DESC, turn, size, t.id ROWS UNBOUNDED PRECEDING) $$"""
PLACE = f"""
CREATE FUNCTION import_place(import bigint) RETURNS integer LANGUAGE sql STABLE {DEFINER} AS $$
    SELECT place::integer FROM import_order() WHERE id = import $$"""
WAIT = f"""
CREATE FUNCTION import_wait(import bigint) RETURNS integer LANGUAGE sql STABLE {DEFINER} AS $$
    SELECT ceil(ahead / coalesce(
        (SELECT sum(total) / nullif(sum(extract(epoch FROM ended_at - started_at)), 0)
         FROM (SELECT total, ended_at, started_at FROM imports
               WHERE ended_at IS NOT NULL AND total > 0 ORDER BY ended_at DESC LIMIT 20) AS latest), 1000))::integer
    FROM import_order() WHERE id = import $$"""
NUMBER = """
CREATE FUNCTION student_number(kind text, county text, year integer, turn bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public AS $$
    SELECT kind || digits || substr('10X98765432', 1 + (
        SELECT sum((ARRAY[7,9,10,5,8,4,2,1,6,3,7,9,10,5,8,4,2])[i] * substr(digits, i, 1)::integer)::integer
        FROM generate_series(1, 17) AS i) % 11, 1)
    FROM (SELECT county || year::text || lpad(turn::text, 7, '0') AS digits) AS made $$"""
FUNCTIONS = {
    "foresee(text[], text[], text[], date[])": (FORESEE, "hub_app"),
    "undo_created(bigint, bigint[])": (UNDO, "hub_app"),
    "import_order()": (ORDER, "hub_app"),
    "import_place(bigint)": (PLACE, "hub_app, hub_read"),
    "import_wait(bigint)": (WAIT, "hub_app, hub_read"),
}


def upgrade() -> None:
    """Widen the imports, make the rows, open both to who works on them."""
    _widen()
    _rows()
    for name, (body, users) in FUNCTIONS.items():
        op.execute(body)
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {users}, hub_system")
        op.execute(f"ALTER FUNCTION {name} OWNER TO hub_system")
    op.execute(NUMBER)


def _widen() -> None:
    op.drop_column("imports", "faults")
    op.drop_constraint(op.f("ck_imports_state"), "imports")
    op.create_check_constraint(op.f("ck_imports_state"), "imports", f"state IN ({_words(STATES)})")
    for name in ("queue", "sha256"):
        collation = "C" if name == "queue" else None
        op.add_column("imports", sa.Column(name, sa.Text(collation=collation), nullable=True))
    op.add_column("imports", sa.Column("acting_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_imports_acting_id_accounts"), "imports", "accounts", ["acting_id"], ["id"])
    op.add_column("imports", sa.Column("role", sa.Text(), server_default="school_administrator", nullable=False))
    op.add_column("imports", sa.Column("mode", sa.Text(), server_default="SOUND_ROWS", nullable=False))
    op.add_column("imports", sa.Column("whole", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("imports", sa.Column("weight", sa.BigInteger(), server_default="0", nullable=False))
    op.execute("SET ROLE hub_system")  # the owner sees no rows
    op.execute(
        """UPDATE imports SET queue = split_part(path, '.', 1), weight = total, acting_id = account_id,
           sha256 = (SELECT f.sha256 FROM files f WHERE f.id = file_id)"""
    )
    op.execute("SET ROLE hub_owner")
    for name in ("queue", "sha256", "acting_id"):
        op.alter_column("imports", name, nullable=False)
    op.alter_column("imports", "weight", server_default=None)
    for name in ("total", "created", "updated", "unchanged", "rejected"):
        op.alter_column("imports", name, server_default="0")
    for name in ("read", "missing", "duplicates", "written", "kept"):
        op.add_column("imports", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    op.add_column(
        "imports", sa.Column("applied", postgresql.INT4MULTIRANGE(), server_default=sa.text("'{}'"), nullable=False)
    )
    op.add_column("imports", sa.Column("held_for", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False))
    op.add_column("imports", sa.Column("folded", sa.JSON(), server_default=sa.text("'[]'"), nullable=False))
    for name in ("confirmed_by", "undone_by"):
        op.add_column("imports", sa.Column(name, sa.BigInteger(), nullable=True))
        op.create_foreign_key(op.f(f"fk_imports_{name}_accounts"), "imports", "accounts", [name], ["id"])
    op.add_column("imports", sa.Column("failure", postgresql.JSONB(), nullable=True))
    op.add_column("imports", sa.Column("claim", sa.Text(), nullable=True))
    op.add_column("imports", sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False))
    for name in ("heartbeat_at", "started_at", "ended_at"):
        op.add_column("imports", sa.Column(name, postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.create_check_constraint(op.f("ck_imports_mode"), "imports", f"mode IN ({_words(MODES)})")
    op.create_index(
        "uq_imports_open",
        "imports",
        ["school_id", "sha256", "mode"],
        unique=True,
        postgresql_where=sa.text("state IN ('QUEUED', 'READING', 'HELD', 'APPLYING')"),
    )
    op.create_index(
        "ix_imports_waiting",
        "imports",
        ["queue", "id"],
        postgresql_where=sa.text("state IN ('QUEUED', 'READING', 'APPLYING', 'UNDOING')"),
    )
    op.create_index("ix_imports_ended_at", "imports", ["ended_at"], postgresql_where=sa.text("ended_at IS NOT NULL"))
    op.execute("GRANT UPDATE, DELETE ON imports TO hub_app")


def _rows() -> None:
    op.create_table(
        "import_rows",
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("class_number", sa.Text(), nullable=True),
        sa.Column("pupil", sa.JSON(), nullable=True),
        sa.Column("family", sa.JSON(), nullable=True),
        sa.Column("faults", sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("warnings", sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("mended", sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("changes", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=True),
        sa.Column("student_version", sa.BigInteger(), nullable=True),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("undone", sa.Text(), nullable=True),
        sa.Column("later", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint(f"verdict IN ({_words(VERDICTS)})", name=op.f("ck_import_rows_verdict")),
        sa.CheckConstraint("undone IN ('UNDONE', 'KEPT')", name=op.f("ck_import_rows_undone")),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_import_rows_import_id_imports"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_import_rows")),
    )
    op.create_index("ix_import_rows_verdict", "import_rows", ["import_id", "verdict", "number"])
    # A row is about three kilobytes, written once and read once: compressing it costs more than it saves.
    op.execute("ALTER TABLE import_rows SET (toast_tuple_target = 8160)")
    op.execute("ALTER TABLE import_rows ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    seen = "EXISTS (SELECT FROM imports AS owner WHERE owner.id = import_id)"
    op.execute("CREATE POLICY hub_system_all ON import_rows TO hub_system USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY hub_app_owned ON import_rows TO hub_app USING ({seen}) WITH CHECK ({seen})")
    op.execute("CREATE POLICY hub_read_all ON import_rows FOR SELECT TO hub_read USING (true)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON import_rows TO hub_system, hub_app")
    op.execute("GRANT SELECT ON import_rows TO hub_read")


def _words(terms: tuple[str, ...]) -> str:
    return ", ".join(f"'{term}'" for term in terms)


def downgrade() -> None:
    """Back to imports that are written at their end."""
    op.execute("DROP FUNCTION student_number(text, text, integer, bigint)")
    for name in reversed(FUNCTIONS):
        op.execute("SET ROLE hub_system")
        op.execute(f"DROP FUNCTION {name}")
        op.execute("SET ROLE hub_owner")
    op.drop_table("import_rows")
    op.execute("REVOKE UPDATE, DELETE ON imports FROM hub_app")
    op.execute("SET ROLE hub_system")
    op.execute("DELETE FROM imports WHERE state NOT IN ('APPLIED', 'REFUSED')")
    op.execute("SET ROLE hub_owner")
    for name in ("ix_imports_ended_at", "ix_imports_waiting", "uq_imports_open"):
        op.drop_index(name, "imports")
    for name in (
        *(
            "heartbeat_at",
            "started_at",
            "ended_at",
            "attempts",
            "claim",
            "failure",
            "undone_by",
            "confirmed_by",
            "held_for",
        ),
        *(
            "applied",
            "kept",
            "written",
            "duplicates",
            "missing",
            "read",
            "weight",
            "whole",
            "mode",
            "role",
            "sha256",
            "queue",
        ),
    ):
        op.drop_column("imports", name)
    for name in ("total", "created", "updated", "unchanged", "rejected"):
        op.alter_column("imports", name, server_default=None)
    op.drop_constraint(op.f("ck_imports_state"), "imports")
    op.create_check_constraint(op.f("ck_imports_state"), "imports", "state IN ('APPLIED', 'REFUSED')")
    op.add_column("imports", sa.Column("faults", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False))
