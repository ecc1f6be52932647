"""Three desks: cases with their chains, problem records, attendance, idempotency keys; who may touch them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_24_0002"
down_revision = "2026_11_24_0001"
branch_labels = None
depends_on = None

STATES = """IN_SCHOOL SUSPENDED TRANSFERRED_OUT GRADUATED WITHDRAWN DROPPED_OUT ABROAD MISSING OTHER_LEAVE EXPELLED
            DEAD""".split()  # noqa: SIM905 -- a list of words

INSIDE = """(
    {path} >= current_setting('hub.low', true) COLLATE "C" AND {path} < current_setting('hub.high', true) COLLATE "C"
    AND EXISTS (SELECT FROM unnest((SELECT nullif(current_setting('hub.roots', true), '')::text[])) AS held(root)
                WHERE {path} >= held.root COLLATE "C" AND {path} < (held.root || '~') COLLATE "C"))"""
SELF = "account_id = nullif(current_setting('hub.account', true), '')::bigint"
# OFFSET keeps the planner from reading every case in reach to judge one row.
OF_CASE = "EXISTS (SELECT FROM cases AS owner WHERE owner.id = case_id OFFSET 0)"

SEEN = {
    "chains": "true",
    "chain_steps": "true",
    "cases": f"({INSIDE.format(path='path')} OR {INSIDE.format(path='other_path')})",
    "case_subjects": OF_CASE,
    "case_steps": OF_CASE,
    "case_decisions": OF_CASE,
    "case_files": OF_CASE,
    "problem_records": INSIDE.format(path="path"),
    "class_days": INSIDE.format(path="path"),
    "absences": INSIDE.format(path="path"),
    "requests": SELF,
}
WRITES = {
    "cases": "INSERT, UPDATE",
    "case_subjects": "INSERT, UPDATE",
    "case_steps": "INSERT, UPDATE",
    "case_decisions": "INSERT",
    "case_files": "INSERT",
    "problem_records": "UPDATE",
    "class_days": "INSERT, UPDATE",
    "absences": "INSERT, UPDATE, DELETE",
    "requests": "INSERT, UPDATE",
    "school_stages": "INSERT, UPDATE",
}
CARDS = {"student_cards": "students", "campus_cards": "campuses"}

DETECT = """
CREATE FUNCTION detect_problems(changed bigint[], invalid bigint[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE looked bigint[];
BEGIN
    -- One at a time, until commit: of two writers of one number the second sees the first.
    PERFORM pg_advisory_xact_lock(4711201310);
    -- Whoever shares an open cause with a changed pupil may have lost it.
    SELECT array_agg(DISTINCT id) INTO looked FROM (
        SELECT unnest(changed) AS id
        UNION ALL
        SELECT other.student_id FROM problem_records mine JOIN problem_records other USING (cause)
        WHERE mine.student_id = ANY (changed) AND mine.state = 'OPEN' AND other.state = 'OPEN') AS near;
    WITH near AS (
        SELECT id, id_number, name, sex, birth_date, path FROM students WHERE id = ANY (looked) AND state <> 'DELETED'
    ), numbered AS (
        SELECT s.id, s.path, s.id_number, count(*) OVER (PARTITION BY s.id_number) AS holders
        FROM (SELECT DISTINCT id_number FROM near WHERE id_number IS NOT NULL) AS k JOIN students s USING (id_number)
        WHERE s.state <> 'DELETED'
    ), named AS (
        SELECT s.id, s.path, s.name, s.sex, s.birth_date, count(*) OVER same AS holders,
               count(s.id_number) OVER same AS with_number
        FROM (SELECT DISTINCT name, sex, birth_date FROM near) AS k JOIN students s USING (name, sex, birth_date)
        WHERE s.state <> 'DELETED'
        WINDOW same AS (PARTITION BY s.name, s.sex, s.birth_date)
    ), found AS (
        SELECT id AS student_id, path, 'ID_INVALID' AS kind,
               sha256(convert_to('INVALID|' || id_number, 'UTF8')) AS cause
        FROM near WHERE id = ANY (invalid)
        UNION ALL
        SELECT id, path, 'ID_DUPLICATED', sha256(convert_to('ID|' || id_number, 'UTF8'))
        FROM numbered WHERE holders > 1
        UNION ALL
        SELECT id, path, 'NAME_SEX_BIRTH', sha256(convert_to(name || '|' || sex || '|' || birth_date::text, 'UTF8'))
        FROM named WHERE holders > 1 AND with_number < holders
    ), closed AS (
        UPDATE problem_records r SET state = 'CLOSED', resolution = 'CAUSE_GONE', closed_at = now(),
               version = version + 1
        WHERE r.state = 'OPEN' AND r.student_id = ANY (looked)
          AND (r.kind <> 'ID_INVALID' OR r.student_id = ANY (changed))
          AND NOT EXISTS (SELECT FROM found f WHERE f.student_id = r.student_id AND f.kind = r.kind)
    )
    INSERT INTO problem_records (student_id, path, kind, cause)
    SELECT student_id, path, kind, cause FROM found f
    WHERE NOT EXISTS (SELECT FROM problem_records p
                      WHERE p.student_id = f.student_id AND p.kind = f.kind AND p.cause = f.cause
                        AND p.resolution = 'EVIDENCE')
    ON CONFLICT (student_id, kind) WHERE state = 'OPEN'
    DO UPDATE SET cause = excluded.cause, version = problem_records.version + 1
       WHERE problem_records.cause <> excluded.cause;
END $$"""

FIND = """
CREATE FUNCTION find_pupil(number text, called text)
RETURNS TABLE (id bigint, school_id bigint, school_path text, grade smallint, state text, authority text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT s.id, s.school_id, c.path, s.grade, s.state, p.path
    FROM students s JOIN schools c ON c.id = s.school_id
    LEFT JOIN LATERAL (
        SELECT authority_id FROM school_stages t
        WHERE t.school_id = c.id AND t.until IS NULL
          AND t.stage = CASE WHEN s.grade <= 6 THEN 'PRIMARY' WHEN s.grade <= 9 THEN 'JUNIOR' ELSE 'SENIOR' END
        ORDER BY t.since DESC LIMIT 1) AS stage ON true
    LEFT JOIN places p ON p.id = stage.authority_id
    WHERE (s.student_number = number OR s.id_number = number) AND s.name = called AND s.state <> 'DELETED'
    ORDER BY s.student_number = number DESC LIMIT 2 $$"""

CHANGED = """
CREATE FUNCTION changed_since(about text, known bigint) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT coalesce(array_agg(DISTINCT field), '{}') FROM audit a, jsonb_array_elements_text(a.facts -> 'fields') AS field
    WHERE a.object = about AND a.outcome = 'ACCEPTED' AND (a.facts ->> 'version')::bigint > known $$"""

# Who was of a class on a day, also those whom their old class no longer sees: they were to be there all the same.
ROSTER = """
CREATE FUNCTION class_roster(class bigint, on_day date) RETURNS bigint[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT coalesce(array_agg(p.student_id), '{}') FROM placements p JOIN students s ON s.id = p.student_id
    WHERE p.class_id = class AND p.voided_at IS NULL AND p.since <= on_day
      AND (p.until IS NULL AND s.state = 'IN_SCHOOL' OR p.until > on_day AND s.state <> 'DELETED') $$"""

END_PREVIEWS = f"""
CREATE FUNCTION end_previews(of_case bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE leases SET until = greatest(now(), since + interval '1 microsecond')
    WHERE student_id IN (SELECT student_id FROM case_subjects WHERE case_id = of_case)
      AND reason = 'case:' || of_case AND view = 'PREVIEW' AND until > now()
      AND EXISTS (SELECT FROM cases WHERE id = of_case AND {SEEN["cases"]});
END $$"""

# Run as the caller, hub_app, under row security: they only save round trips, and are planned once a connection.
ENTER = """
CREATE FUNCTION enter(low text, high text, roots text, account text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM set_config('hub.low', low, true), set_config('hub.high', high, true),
            set_config('hub.roots', roots, true), set_config('hub.account', account, true);
    PERFORM set_config('hub.leased', coalesce((
        SELECT array_agg(l.student_id)::text FROM leases l
        WHERE l.view = 'RECORD' AND l.since <= now() AND now() < l.until
          AND (l.account_id = current_setting('hub.account')::bigint
               OR l.office = ANY (current_setting('hub.roots')::text[]))), ''), true);
END $$"""
STILL_HELD = """
CREATE FUNCTION still_held(low text, high text, roots text, account text, session bigint, as_role text)
RETURNS SETOF text LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM enter(low, high, roots, account);
    RETURN QUERY SELECT g.path FROM sessions s JOIN grants g USING (account_id)
        WHERE s.id = session AND s.ended_at IS NULL AND s.expires_at > now()
          AND g.role = as_role AND g.since <= now() AND (g.until IS NULL OR now() < g.until) FOR SHARE;
END $$"""
INVOKED = {"enter(text, text, text, text)": ENTER, "still_held(text, text, text, text, bigint, text)": STILL_HELD}
FUNCTIONS = {
    "end_previews(bigint)": END_PREVIEWS,
    "detect_problems(bigint[], bigint[])": DETECT,
    "find_pupil(text, text)": FIND,
    "changed_since(text, bigint)": CHANGED,
    "class_roster(bigint, date)": ROSTER,
}


def upgrade() -> None:
    """Make the tables, close them, open what each role needs."""
    op.create_table(
        "chains",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("evidence", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("kind IN ('TRANSFER_IN_COUNTY', 'PROBLEM_RESOLUTION')", name=op.f("ck_chains_kind")),
        sa.CheckConstraint("until > since", name=op.f("ck_chains_lasting")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chains")),
        sa.UniqueConstraint("kind", "since", name=op.f("uq_chains_kind_since")),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="OPEN", nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("other_path", sa.Text(collation="C"), nullable=True),
        sa.Column("waiting_path", sa.Text(collation="C"), nullable=True),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("opened_by", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("(state = 'OPEN') = (closed_at IS NULL)", name=op.f("ck_cases_closed")),
        sa.CheckConstraint("(state = 'OPEN') = (waiting_path IS NOT NULL)", name=op.f("ck_cases_waiting")),
        sa.CheckConstraint("kind IN ('TRANSFER_IN_COUNTY', 'PROBLEM_RESOLUTION')", name=op.f("ck_cases_kind")),
        sa.CheckConstraint("path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_cases_path")),
        sa.CheckConstraint("state IN ('OPEN', 'DONE', 'REFUSED', 'WITHDRAWN')", name=op.f("ck_cases_state")),
        sa.ForeignKeyConstraint(["chain_id"], ["chains.id"], name=op.f("fk_cases_chain_id_chains")),
        sa.ForeignKeyConstraint(["opened_by"], ["accounts.id"], name=op.f("fk_cases_opened_by_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
    )
    op.create_index("ix_cases_other_path", "cases", ["other_path", "id"], unique=False)
    op.create_index("ix_cases_path", "cases", ["path", "id"], unique=False)
    op.create_index(
        "ix_cases_waiting_path",
        "cases",
        ["waiting_path", "due"],
        unique=False,
        postgresql_where=sa.text("waiting_path IS NOT NULL"),
    )
    op.create_table(
        "chain_steps",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.SmallInteger(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("days", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint(
            "side IN ('SENDING_SCHOOL', 'RECEIVING_SCHOOL', 'AUTHORITY')", name=op.f("ck_chain_steps_side")
        ),
        sa.CheckConstraint("days > 0", name=op.f("ck_chain_steps_days")),
        sa.ForeignKeyConstraint(["chain_id"], ["chains.id"], name=op.f("fk_chain_steps_chain_id_chains")),
        sa.PrimaryKeyConstraint("chain_id", "ordinal", name=op.f("pk_chain_steps")),
    )
    op.create_table(
        "requests",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("payload_hash", sa.LargeBinary(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_requests_account_id_accounts")),
        sa.PrimaryKeyConstraint("account_id", "key", name=op.f("pk_requests")),
    )
    op.create_table(
        "case_decisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.SmallInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(verdict = 'REFUSE') = (reason IS NOT NULL)", name=op.f("ck_case_decisions_reasoned")),
        sa.CheckConstraint(
            "reason IN ('NOT_ENROLLED_THERE', 'IDENTITY_DIFFERS', 'EVIDENCE_INSUFFICIENT', 'CONDITIONS_NOT_MET', 'CLASS_FULL', 'OTHER')",
            name=op.f("ck_case_decisions_reason"),
        ),
        sa.CheckConstraint(
            "verdict IN ('REQUEST', 'APPROVE', 'REFUSE', 'WITHDRAW')", name=op.f("ck_case_decisions_verdict")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_case_decisions_account_id_accounts")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_decisions_case_id_cases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_decisions")),
    )
    op.create_index(
        "uq_case_decisions_person",
        "case_decisions",
        ["case_id", "account_id"],
        unique=True,
        postgresql_where=sa.text("verdict <> 'WITHDRAW'"),
    )
    op.create_table(
        "case_files",
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_files_case_id_cases")),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_case_files_file_id_files")),
        sa.PrimaryKeyConstraint("case_id", "file_id", name=op.f("pk_case_files")),
    )
    op.create_table(
        "case_steps",
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.SmallInteger(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("office", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state IN ('APPROVED', 'REFUSED')) = (decided_at IS NOT NULL)", name=op.f("ck_case_steps_decided")
        ),
        sa.CheckConstraint(
            "side IN ('SENDING_SCHOOL', 'RECEIVING_SCHOOL', 'AUTHORITY')", name=op.f("ck_case_steps_side")
        ),
        sa.CheckConstraint(
            "state IN ('WAITING', 'CURRENT', 'APPROVED', 'REFUSED', 'DROPPED')", name=op.f("ck_case_steps_state")
        ),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_steps_case_id_cases")),
        sa.PrimaryKeyConstraint("case_id", "ordinal", name=op.f("pk_case_steps")),
    )
    op.create_table(
        "class_days",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("class_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("grade", sa.SmallInteger(), nullable=False),
        sa.Column("expected", sa.SmallInteger(), nullable=False),
        sa.Column("absent", sa.SmallInteger(), nullable=False),
        sa.Column("late", sa.SmallInteger(), nullable=False),
        sa.Column("on_leave", sa.SmallInteger(), nullable=False),
        sa.Column("marked_by", sa.BigInteger(), nullable=False),
        sa.Column("marked_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_class_days_path")),
        sa.CheckConstraint("absent + late + on_leave <= expected", name=op.f("ck_class_days_expected")),
        sa.ForeignKeyConstraint(["class_id"], ["classes.id"], name=op.f("fk_class_days_class_id_classes")),
        sa.ForeignKeyConstraint(["marked_by"], ["accounts.id"], name=op.f("fk_class_days_marked_by_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_class_days")),
        sa.UniqueConstraint("class_id", "day", name=op.f("uq_class_days_class_id_day")),
    )
    op.create_index("ix_class_days_day", "class_days", ["day", "path"], unique=False)
    op.create_index("ix_class_days_path", "class_days", ["path", "day"], unique=False)
    op.create_table(
        "absences",
        sa.Column("class_day_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('ABSENT', 'LATE', 'SICK_LEAVE', 'PERSONAL_LEAVE')", name=op.f("ck_absences_kind")),
        sa.CheckConstraint("path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_absences_path")),
        sa.ForeignKeyConstraint(["class_day_id"], ["class_days.id"], name=op.f("fk_absences_class_day_id_class_days")),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_absences_student_id_students")),
        sa.PrimaryKeyConstraint("class_day_id", "student_id", name=op.f("pk_absences")),
    )
    op.create_index("ix_absences_student_id", "absences", ["student_id", "day"], unique=False)
    op.create_table(
        "case_subjects",
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("open", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint("slot IN ('BUSINESS', 'PROBLEM', 'WATCH')", name=op.f("ck_case_subjects_slot")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_subjects_case_id_cases")),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_case_subjects_student_id_students")),
        sa.PrimaryKeyConstraint("case_id", "student_id", name=op.f("pk_case_subjects")),
    )
    op.create_index("ix_case_subjects_student_id", "case_subjects", ["student_id"], unique=False)
    op.create_index(
        "uq_case_subjects_open",
        "case_subjects",
        ["student_id", "slot"],
        unique=True,
        postgresql_where=sa.text("open AND slot <> 'WATCH'"),
    )
    op.create_table(
        "problem_records",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(), server_default="OPEN", nullable=False),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("cause", sa.LargeBinary(), nullable=False),
        sa.Column("found_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "(state = 'CLOSED') = (closed_at IS NOT NULL AND resolution IS NOT NULL)",
            name=op.f("ck_problem_records_closed"),
        ),
        sa.CheckConstraint(
            "kind IN ('ID_INVALID', 'ID_DUPLICATED', 'NAME_SEX_BIRTH')", name=op.f("ck_problem_records_kind")
        ),
        sa.CheckConstraint(
            "path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_problem_records_path")
        ),
        sa.CheckConstraint(
            "resolution IN ('CAUSE_GONE', 'CHANGE', 'EVIDENCE', 'DELETE')", name=op.f("ck_problem_records_resolution")
        ),
        sa.CheckConstraint("state IN ('OPEN', 'CLOSED')", name=op.f("ck_problem_records_state")),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_problem_records_student_id_students")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_problem_records")),
    )
    op.create_index("ix_problem_records_cause", "problem_records", ["cause"], unique=False)
    op.create_index("ix_problem_records_found_at", "problem_records", ["found_at", "id"], unique=False)
    op.create_index("ix_problem_records_path", "problem_records", ["path", "id"], unique=False)
    op.create_index("ix_problem_records_student_id", "problem_records", ["student_id"], unique=False)
    op.create_index(
        "uq_problem_records_open",
        "problem_records",
        ["student_id", "kind"],
        unique=True,
        postgresql_where=sa.text("state = 'OPEN'"),
    )
    op.create_index("ix_audit_object", "audit", ["object", "id"], unique=False)
    op.create_index(
        "ix_audit_refused",
        "audit",
        ["account_id", "at"],
        unique=False,
        postgresql_where=sa.text("outcome = 'REFUSED'"),
    )
    op.alter_column(
        "students",
        "distance_km",
        existing_type=sa.NUMERIC(precision=6, scale=1),
        type_=sa.Numeric(precision=6, scale=2),
        existing_nullable=False,
    )
    _restate([*STATES, "DELETED"])
    _secure()
    for name, body in FUNCTIONS.items():
        op.execute(sa.text(body.replace("::", "\\:\\:")))
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO hub_app, hub_system")
        op.execute(f"ALTER FUNCTION {name} OWNER TO hub_system")
    for name, body in INVOKED.items():
        op.execute(sa.text(body.replace("::", "\\:\\:")))
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO hub_app")
    for card, table in CARDS.items():
        op.execute(f"CREATE VIEW {card} WITH (security_barrier) AS SELECT id, name, path FROM {table}")
        op.execute(f"GRANT SELECT ON {card} TO hub_app, hub_read")
        op.execute(f"ALTER VIEW {card} OWNER TO hub_system")


def _restate(states: list[str]) -> None:
    words = ", ".join(f"'{state}'" for state in states)
    for table in ("students", "student_versions"):
        op.drop_constraint(op.f(f"ck_{table}_state"), table)
        op.create_check_constraint(op.f(f"ck_{table}_state"), table, f"state IN ({words})")


def _secure() -> None:
    for table, seen in SEEN.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY hub_system_all ON {table} TO hub_system USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO hub_system")
        if seen == "true":
            op.execute(f"CREATE POLICY hub_app_all ON {table} FOR SELECT TO hub_app USING (true)")
        else:
            op.execute(f"CREATE POLICY hub_app_seen ON {table} TO hub_app USING ({seen}) WITH CHECK ({seen})")
        op.execute(f"GRANT SELECT ON {table} TO hub_app")
        op.execute(f"CREATE POLICY hub_read_all ON {table} FOR SELECT TO hub_read USING (true)")
        op.execute(f"GRANT SELECT ON {table} TO hub_read")
    for table, rights in WRITES.items():
        op.execute(f"GRANT {rights} ON {table} TO hub_app")
    of_pupil = "EXISTS (SELECT FROM students AS owner WHERE owner.id = student_id)"
    op.execute(f"CREATE POLICY hub_app_owned ON absences FOR SELECT TO hub_app USING ({of_pupil})")
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO hub_system, hub_app")
    # A case opens its pupil to the offices of its sides, and to nobody else; `end_previews` takes it back.
    of_case = """EXISTS (SELECT FROM case_subjects s JOIN cases c ON c.id = s.case_id
                         WHERE s.student_id = leases.student_id AND leases.reason = 'case:' || c.id
                           AND office IN (c.path, c.other_path))"""
    op.execute(f"CREATE POLICY hub_app_open ON leases FOR INSERT TO hub_app WITH CHECK ({of_case})")
    op.execute("GRANT INSERT ON leases TO hub_app")


def downgrade() -> None:
    """Drop it all; a deleted record becomes one that left otherwise."""
    op.execute("SET ROLE hub_system")
    for card in CARDS:
        op.execute(f"DROP VIEW {card}")
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
    op.execute("SET ROLE hub_owner")
    for name in INVOKED:
        op.execute(f"DROP FUNCTION {name}")
    op.execute("DROP POLICY hub_app_open ON leases")
    op.execute("REVOKE INSERT ON leases FROM hub_app")
    op.execute("REVOKE INSERT, UPDATE ON school_stages FROM hub_app")
    for table in ("students", "student_versions"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"UPDATE {table} SET state = 'OTHER_LEAVE' WHERE state = 'DELETED'")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    _restate(STATES)
    op.alter_column(
        "students",
        "distance_km",
        existing_type=sa.Numeric(precision=6, scale=2),
        type_=sa.NUMERIC(precision=6, scale=1),
        existing_nullable=False,
    )
    op.drop_index("ix_audit_refused", table_name="audit", postgresql_where=sa.text("outcome = 'REFUSED'"))
    op.drop_index("ix_audit_object", table_name="audit")
    op.drop_index("uq_problem_records_open", table_name="problem_records", postgresql_where=sa.text("state = 'OPEN'"))
    op.drop_index("ix_problem_records_student_id", table_name="problem_records")
    op.drop_index("ix_problem_records_path", table_name="problem_records")
    op.drop_index("ix_problem_records_found_at", table_name="problem_records")
    op.drop_index("ix_problem_records_cause", table_name="problem_records")
    op.drop_table("problem_records")
    op.drop_index(
        "uq_case_subjects_open", table_name="case_subjects", postgresql_where=sa.text("open AND slot <> 'WATCH'")
    )
    op.drop_index("ix_case_subjects_student_id", table_name="case_subjects")
    op.drop_table("case_subjects")
    op.drop_index("ix_absences_student_id", table_name="absences")
    op.drop_table("absences")
    op.drop_index("ix_class_days_path", table_name="class_days")
    op.drop_index("ix_class_days_day", table_name="class_days")
    op.drop_table("class_days")
    op.drop_table("case_steps")
    op.drop_table("case_files")
    op.drop_index(
        "uq_case_decisions_person", table_name="case_decisions", postgresql_where=sa.text("verdict <> 'WITHDRAW'")
    )
    op.drop_table("case_decisions")
    op.drop_table("requests")
    op.drop_table("chain_steps")
    op.drop_index("ix_cases_waiting_path", table_name="cases", postgresql_where=sa.text("waiting_path IS NOT NULL"))
    op.drop_index("ix_cases_path", table_name="cases")
    op.drop_index("ix_cases_other_path", table_name="cases")
    op.drop_table("cases")
    op.drop_table("chains")
