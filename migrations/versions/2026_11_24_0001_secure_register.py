"""Who of the four database roles may touch which rows: privileges, row security, cards.

The scope of hub_app is set per transaction with set_config(..., true); unset means no rows:
`hub.low`, `hub.high` span all roots (so that an index range serves), `hub.roots` lists them (so that the gaps between
two roots stay closed), `hub.leased` lists leased students, `hub.account` is the person.
"""

from alembic import op

revision = "2026_11_24_0001"
down_revision = "2026_11_24_0000"
branch_labels = None
depends_on = None

INSIDE = """(
    path >= current_setting('hub.low', true) COLLATE "C" AND path < current_setting('hub.high', true) COLLATE "C"
    AND EXISTS (SELECT FROM unnest((SELECT nullif(current_setting('hub.roots', true), '')::text[])) AS held(root)
                WHERE path >= held.root COLLATE "C" AND path < (held.root || '~') COLLATE "C"))"""
LEASED = "id = ANY (nullif(current_setting('hub.leased', true), '')::bigint[])"
SELF = "account_id = nullif(current_setting('hub.account', true), '')::bigint"

# Tables anybody signed in may read: they hold no person and no school's business.
PUBLIC = ("codes", "policy_versions")
# Tables whose rows lie at a path. students also open by lease.
PLACED = {
    "places": INSIDE,
    "place_versions": INSIDE,
    "schools": INSIDE,
    "school_versions": INSIDE,
    "campuses": INSIDE,
    "grades": INSIDE,
    "classes": INSIDE,
    "students": f"({INSIDE} OR {LEASED})",
    "imports": INSIDE,
}
# Tables whose rows are visible exactly as their owner is.
OWNED = {
    "school_stages": ("schools", "school_id"),
    "class_grades": ("classes", "class_id"),
    "guardians": ("students", "student_id"),
    "placements": ("students", "student_id"),
    "student_versions": ("students", "student_id"),
}
# What hub_app may do besides SELECT.
WRITES = {
    "schools": "UPDATE",
    "campuses": "INSERT, UPDATE",
    "grades": "INSERT, UPDATE",
    "classes": "INSERT, UPDATE",
    "class_grades": "INSERT, DELETE",
    "students": "INSERT, UPDATE",
    "guardians": "INSERT, UPDATE, DELETE",
    "placements": "INSERT, UPDATE",
    "student_versions": "INSERT, UPDATE",
    "imports": "INSERT",
}
CARDS = {
    "place_cards": "SELECT id, code, level, name, path, office, office_phone FROM places",
    "school_cards": "SELECT id, code, name, type, path, phone FROM schools",
    "class_cards": "SELECT id, name, path FROM classes",
}


def upgrade() -> None:
    """Close every table, then open what each role needs."""
    tables = [*PUBLIC, *PLACED, *OWNED, "accounts", "grants", "sessions", "leases", "files"]
    for table in [*tables, "audit", "audit_values", "outbox"]:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY hub_system_all ON {table} TO hub_system USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO hub_system")
    for table in [*tables, "audit"]:
        op.execute(f"CREATE POLICY hub_read_all ON {table} FOR SELECT TO hub_read USING (true)")
        if table != "accounts":
            op.execute(f"GRANT SELECT ON {table} TO hub_read")
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO hub_system, hub_app")
    _open_data()
    _open_people()
    _open_records()
    for view, query in CARDS.items():
        op.execute(f"CREATE VIEW {view} WITH (security_barrier) AS {query}")
        op.execute(f"GRANT SELECT ON {view} TO hub_app, hub_read")
        op.execute(f"ALTER VIEW {view} OWNER TO hub_system")


def _open_data() -> None:
    for table in PUBLIC:
        op.execute(f"CREATE POLICY hub_app_all ON {table} FOR SELECT TO hub_app USING (true)")
        op.execute(f"GRANT SELECT ON {table} TO hub_app")
    for table, seen in PLACED.items():
        op.execute(f"CREATE POLICY hub_app_inside ON {table} TO hub_app USING ({seen}) WITH CHECK ({INSIDE})")
        op.execute(f"GRANT SELECT ON {table} TO hub_app")
    for table, (owner, key) in OWNED.items():
        seen = f"EXISTS (SELECT FROM {owner} AS owner WHERE owner.id = {key})"
        op.execute(f"CREATE POLICY hub_app_owned ON {table} TO hub_app USING ({seen}) WITH CHECK ({seen})")
        op.execute(f"GRANT SELECT ON {table} TO hub_app")
    for table, rights in WRITES.items():
        op.execute(f"GRANT {rights} ON {table} TO hub_app")


def _open_people() -> None:
    person = "id, username, name, phone, must_change_password, disabled_at, created_at, version"
    op.execute(f"GRANT SELECT ({person}) ON accounts TO hub_app, hub_read")
    op.execute(
        f"CREATE POLICY hub_app_self ON accounts FOR SELECT TO hub_app USING ({SELF.replace('account_id', 'id')})"
    )
    for table in ("grants", "sessions"):
        op.execute(f"CREATE POLICY hub_app_self ON {table} FOR SELECT TO hub_app USING ({SELF})")
        # A row lock (FOR SHARE) needs an UPDATE right; the check refuses every real update.
        op.execute(f"CREATE POLICY hub_app_lock ON {table} FOR UPDATE TO hub_app USING ({SELF}) WITH CHECK (false)")
        op.execute(f"GRANT SELECT, UPDATE (id) ON {table} TO hub_app")
    held = "office = ANY (nullif(current_setting('hub.roots', true), '')::text[])"
    op.execute(f"CREATE POLICY hub_app_self ON leases FOR SELECT TO hub_app USING ({SELF} OR {held})")
    op.execute(f"CREATE POLICY hub_app_self ON files TO hub_app USING ({SELF}) WITH CHECK ({SELF})")
    op.execute("GRANT SELECT ON leases TO hub_app")
    op.execute("GRANT SELECT, INSERT ON files TO hub_app")


def _open_records() -> None:
    for table in ("audit", "audit_values", "outbox"):
        op.execute(f"CREATE POLICY hub_app_add ON {table} FOR INSERT TO hub_app WITH CHECK (true)")
        op.execute(f"GRANT INSERT ON {table} TO hub_app")
    op.execute(f"CREATE POLICY hub_app_own ON audit FOR SELECT TO hub_app USING ({SELF})")
    op.execute("GRANT SELECT ON audit TO hub_app")


def downgrade() -> None:
    """Drop the cards and the policies; the privileges fall with the tables."""
    op.execute("SET ROLE hub_system")
    for view in CARDS:
        op.execute(f"DROP VIEW {view}")
    op.execute("SET ROLE hub_owner")
    op.execute(
        """DO $$ DECLARE found record; BEGIN
        FOR found IN SELECT policyname, tablename FROM pg_policies WHERE schemaname = 'public' LOOP
            EXECUTE format('DROP POLICY %I ON %I', found.policyname, found.tablename);
            EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY', found.tablename);
        END LOOP; END $$"""
    )
