"""A register on trial, and the function that ends it: what tells of a pupil is erased, in one transaction.

Who holds which lock, and why no row of a trial outlives it:

* Whoever writes for a person holds WRITING shared from the first statement of the transaction to its end (`enter`
  takes it), whoever ends the trial holds it alone. So no such transaction is under way while tables are emptied. One
  that began before waits there, and `enter` then answers another state than the person's session knew: it is refused.
* What else touches the tables - reads, a fold of the counts, a backfill - holds their locks for a statement or a batch.
  The locks of all tables are taken together or not at all, and never waited for longer than a moment while others are
  held, so that no read dies of a deadlock.

Which tables are emptied is a right: TRUNCATE, granted to hub_system. The function that does it is hub_owner's, because
only a table's owner may restart a sequence so that a rollback restores it, and sees no row; the one that asks whether it
may is hub_system's, and the only one that hub_app may call.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_26_0009"
down_revision = "2026_11_26_0008"
branch_labels = None
depends_on = None

WRITING = 4_711_201_330
"""Advisory lock: who writes for a person."""

WIPED = """absences audit_values case_decisions case_files case_steps case_subjects cases class_days
           count_cells count_deltas discards files guardians import_rows imports leases outbox
           photo_entries photo_imports photos placements problem_deltas problem_records
           problem_tallies requests student_versions students""".split()  # noqa: SIM905 -- a list of words

SELF = "requested_by = nullif(current_setting('hub.account', true), '')::bigint"
SAFE = "SET search_path = pg_catalog, public"
DEFINER = f"LANGUAGE plpgsql SECURITY DEFINER {SAFE}"

ONE_WAY = """
CREATE FUNCTION hold_register() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state = 'LIVE'
       AND to_jsonb(NEW) - 'files_erased_at' <> to_jsonb(OLD) - 'files_erased_at' THEN
        RAISE EXCEPTION 'a register in force stays in force';
    END IF;
    RETURN NEW;
END $$"""

STATE = f"""
CREATE FUNCTION register_state() RETURNS text LANGUAGE plpgsql {SAFE} AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({WRITING});
    RETURN (SELECT state FROM register);
END $$"""
ENTER = f"""
CREATE FUNCTION enter(low text, high text, roots text, account text) RETURNS text LANGUAGE plpgsql {SAFE} AS $$
DECLARE kept text = register_state();
BEGIN
    PERFORM set_config('hub.low', low, true), set_config('hub.high', high, true),
            set_config('hub.roots', roots, true), set_config('hub.account', account, true);
    PERFORM set_config('hub.leased', coalesce((
        SELECT array_agg(l.student_id)::text FROM leases l
        WHERE l.view = 'RECORD' AND l.since <= now() AND now() < l.until
          AND (l.account_id = current_setting('hub.account')::bigint
               OR l.office = ANY (current_setting('hub.roots')::text[]))), ''), true);
    RETURN kept;
END $$"""
STILL_HELD = f"""
CREATE FUNCTION still_held(low text, high text, roots text, account text, session bigint, as_role text)
RETURNS TABLE (root text, state text) LANGUAGE plpgsql {SAFE} AS $$
DECLARE kept text = enter(low, high, roots, account);
BEGIN
    RETURN QUERY SELECT g.path, kept FROM sessions s JOIN grants g USING (account_id)
        WHERE s.id = session AND s.ended_at IS NULL AND s.expires_at > now()
          AND g.role = as_role AND g.since <= now() AND (g.until IS NULL OR now() < g.until) FOR SHARE;
END $$"""

TABLES = f"""
CREATE FUNCTION trial_tables() RETURNS SETOF name LANGUAGE sql STABLE {SAFE} AS $$
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND has_table_privilege('hub_system', oid, 'TRUNCATE')
    ORDER BY relname $$"""
CONTENTS = f"""
CREATE FUNCTION trial_contents() RETURNS TABLE (name text, rows bigint, bytes bigint) {DEFINER} AS $$
BEGIN
    FOR name IN SELECT trial_tables() LOOP
        EXECUTE format('SELECT count(*) FROM %I', name) INTO rows;
        bytes = CASE WHEN name = 'files' THEN (SELECT coalesce(sum(size), 0) FROM files) END;
        RETURN NEXT;
    END LOOP;
END $$"""
END = f"""
CREATE FUNCTION end_trial(by_account bigint, until_then timestamptz) RETURNS jsonb {DEFINER} AS $$
DECLARE held register; erased jsonb;
BEGIN
    PERFORM pg_advisory_xact_lock({WRITING});
    SELECT * INTO held FROM register FOR UPDATE;
    IF held.state IS DISTINCT FROM 'TRIAL' OR coalesce(held.requested_by, by_account) = by_account THEN
        RAISE EXCEPTION 'a trial is ended by somebody else than who asked for it, once';
    END IF;
    SELECT jsonb_object_agg(name, rows) FILTER (WHERE rows > 0) INTO erased FROM trial_contents();
    PERFORM erase_trial();
    UPDATE register SET state = 'LIVE', ended_by = by_account, ended_at = clock_timestamp(), files_until = until_then;
    RETURN coalesce(erased, '{{}}');
END $$"""
# PostgreSQL keeps samples of a table's values to plan by, names among them, until somebody analyses rows anew.
ERASE = f"""
CREATE FUNCTION erase_trial() RETURNS void {DEFINER} AS $$
DECLARE wiped text = (SELECT string_agg(format('%I', named), ', ') FROM trial_tables() AS named);
        patience interval = current_setting('lock_timeout')::interval; since timestamptz = clock_timestamp();
        sampled record;
BEGIN
    LOOP
        BEGIN
            PERFORM set_config('lock_timeout', '200ms', true);
            EXECUTE 'LOCK TABLE ' || wiped || ' IN ACCESS EXCLUSIVE MODE';
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF clock_timestamp() > since + patience THEN
                RAISE;
            END IF;
            PERFORM pg_sleep(0.02);
        END;
    END LOOP;
    EXECUTE 'TRUNCATE ' || wiped;
    ALTER SEQUENCE student_numbers RESTART;
    IF current_setting('server_version_num')::int >= 180000 THEN
        FOR sampled IN SELECT named, attname FROM trial_tables() AS named
                       JOIN pg_attribute ON attrelid = format('public.%I', named)::regclass
                       WHERE attnum > 0 AND NOT attisdropped LOOP
            EXECUTE 'SELECT pg_clear_attribute_stats(''public'', $1, $2, inherited) FROM (VALUES (false), (true)) AS of (inherited)'
                USING sampled.named::text, sampled.attname::text;
        END LOOP;
    END IF;
END $$"""

SYSTEMS = {
    "trial_contents()": CONTENTS,
    "end_trial(bigint, timestamptz)": END,
}
"""Functions of hub_system's, which hub_app may call."""
INVOKED = {
    "register_state()": STATE,
    "enter(text, text, text, text)": ENTER,
    "still_held(text, text, text, text, bigint, text)": STILL_HELD,
}
OLD_ENTER = f"""
CREATE FUNCTION enter(low text, high text, roots text, account text) RETURNS void LANGUAGE plpgsql {SAFE} AS $$
BEGIN
    PERFORM set_config('hub.low', low, true), set_config('hub.high', high, true),
            set_config('hub.roots', roots, true), set_config('hub.account', account, true);
    PERFORM set_config('hub.leased', coalesce((
        SELECT array_agg(l.student_id)::text FROM leases l
        WHERE l.view = 'RECORD' AND l.since <= now() AND now() < l.until
          AND (l.account_id = current_setting('hub.account')::bigint
               OR l.office = ANY (current_setting('hub.roots')::text[]))), ''), true);
END $$"""
OLD_STILL_HELD = f"""
CREATE FUNCTION still_held(low text, high text, roots text, account text, session bigint, as_role text)
RETURNS SETOF text LANGUAGE plpgsql {SAFE} AS $$
BEGIN
    PERFORM enter(low, high, roots, account);
    RETURN QUERY SELECT g.path FROM sessions s JOIN grants g USING (account_id)
        WHERE s.id = session AND s.ended_at IS NULL AND s.expires_at > now()
          AND g.role = as_role AND g.since <= now() AND (g.until IS NULL OR now() < g.until) FOR SHARE;
END $$"""


def upgrade() -> None:
    """Make the register's one row, say which tables are the trial's, make the functions that know of it."""
    _table()
    for table in WIPED:
        op.execute(f"GRANT TRUNCATE ON {table} TO hub_system")
    for name in ("still_held(text, text, text, text, bigint, text)", "enter(text, text, text, text)"):
        op.execute(f"DROP FUNCTION {name}")
    op.execute(ONE_WAY)
    op.execute(
        """CREATE TRIGGER hold_register BEFORE UPDATE OR DELETE ON register
           FOR EACH ROW EXECUTE FUNCTION hold_register()"""
    )
    for name, body in INVOKED.items():
        _make(name, body, "hub_app, hub_system")
    _make("trial_tables()", TABLES, "hub_system")
    _make("erase_trial()", ERASE, "hub_system")
    for name, body in SYSTEMS.items():
        _make(name, body, "hub_app")
        op.execute(f"ALTER FUNCTION {name} OWNER TO hub_system")


def _make(name: str, body: str, roles: str) -> None:
    op.execute(sa.text(body.replace(":", "\\:")))
    op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {roles}")


def _table() -> None:
    moment = postgresql.TIMESTAMP(timezone=True)
    op.create_table(
        "register",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, server_default="1", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("began_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("requested_by", sa.BigInteger(), nullable=True),
        sa.Column("requested_at", moment, nullable=True),
        sa.Column("ended_by", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("files_until", moment, nullable=True),
        sa.Column("files_erased_at", moment, nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_register_one")),
        sa.CheckConstraint("state IN ('TRIAL', 'LIVE')", name=op.f("ck_register_state")),
        sa.CheckConstraint("(requested_by IS NULL) = (requested_at IS NULL)", name=op.f("ck_register_requested")),
        sa.CheckConstraint(
            "ended_by IS NULL OR requested_by IS NOT NULL AND requested_by <> ended_by",
            name=op.f("ck_register_two_people"),
        ),
        sa.CheckConstraint(
            "(ended_by IS NULL) = (ended_at IS NULL) AND (ended_at IS NULL) = (files_until IS NULL)",
            name=op.f("ck_register_ended"),
        ),
        sa.CheckConstraint("ended_at IS NULL OR state = 'LIVE'", name=op.f("ck_register_live")),
        sa.CheckConstraint("files_erased_at IS NULL OR files_until IS NOT NULL", name=op.f("ck_register_erased")),
        sa.ForeignKeyConstraint(["requested_by"], ["accounts.id"], name=op.f("fk_register_requested_by_accounts")),
        sa.ForeignKeyConstraint(["ended_by"], ["accounts.id"], name=op.f("fk_register_ended_by_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register")),
    )
    op.execute("ALTER TABLE register ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY hub_system_all ON register TO hub_system USING (true) WITH CHECK (true)")
    op.execute("CREATE POLICY hub_app_all ON register FOR SELECT TO hub_app USING (true)")
    op.execute(f"CREATE POLICY hub_app_request ON register FOR UPDATE TO hub_app USING (true) WITH CHECK ({SELF})")
    op.execute("CREATE POLICY hub_read_all ON register FOR SELECT TO hub_read USING (true)")
    op.execute("GRANT SELECT ON register TO hub_app, hub_read")
    op.execute("GRANT UPDATE (requested_by, requested_at) ON register TO hub_app")
    op.execute("GRANT SELECT, INSERT, UPDATE ON register TO hub_system")


def downgrade() -> None:
    """Take the functions, the rights and the table back; `enter` is what it was."""
    op.execute("SET ROLE hub_system")
    for name in SYSTEMS:
        op.execute(f"DROP FUNCTION {name}")
    op.execute("SET ROLE hub_owner")
    for name in ("erase_trial()", "trial_tables()", *reversed(INVOKED)):
        op.execute(f"DROP FUNCTION {name}")
    for body in (OLD_ENTER, OLD_STILL_HELD):
        op.execute(sa.text(body.replace(":", "\\:")))
    for table in WIPED:
        op.execute(f"REVOKE TRUNCATE ON {table} FROM hub_system")
    op.drop_table("register")
    op.execute("DROP FUNCTION hold_register()")
