"""A pupil whose photo was refused can be taken back again: the report of the photos stays, and names nobody."""

from alembic import op

revision = "2026_11_27_0015"
down_revision = "2026_11_26_0014"
branch_labels = None
depends_on = None

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, public"
INSIDE = """(
    path >= current_setting('hub.low', true) COLLATE "C" AND path < current_setting('hub.high', true) COLLATE "C"
    AND EXISTS (SELECT FROM unnest((SELECT nullif(current_setting('hub.roots', true), '')::text[])) AS held(root)
                WHERE path >= held.root COLLATE "C" AND path < (held.root || '~') COLLATE "C"))"""
REPORTS = "UPDATE photo_entries SET student_id = NULL WHERE student_id = ANY (gone);"
UNDO = f"""
CREATE OR REPLACE FUNCTION undo_created(import bigint, ids bigint[]) RETURNS SETOF bigint LANGUAGE plpgsql {DEFINER} AS $$
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
    {REPORTS}
    DELETE FROM leases WHERE student_id = ANY (gone);
    DELETE FROM guardians WHERE student_id = ANY (gone);
    DELETE FROM placements WHERE student_id = ANY (gone);
    DELETE FROM student_versions WHERE student_id = ANY (gone);
    RETURN QUERY DELETE FROM students WHERE id = ANY (gone) RETURNING id;
END $$"""


def upgrade() -> None:
    """Reports of photos speak of pupils, too."""
    _replace(UNDO)


def downgrade() -> None:
    """The function of 0008."""
    _replace(UNDO.replace(REPORTS, ""))


def _replace(function: str) -> None:
    op.execute("SET ROLE hub_system")
    op.execute(function)
    op.execute("SET ROLE hub_owner")
