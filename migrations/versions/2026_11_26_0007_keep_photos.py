"""Photos of pupils with what became of each file that was sent, bytes to be removed, and a secret to sign links with."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_26_0007"
down_revision = "2026_11_26_0006"
branch_labels = None
depends_on = None

INSIDE = """(
    {path} >= current_setting('hub.low', true) COLLATE "C" AND {path} < current_setting('hub.high', true) COLLATE "C"
    AND EXISTS (SELECT FROM unnest((SELECT nullif(current_setting('hub.roots', true), '')::text[])) AS held(root)
                WHERE {path} >= held.root COLLATE "C" AND {path} < (held.root || '~') COLLATE "C"))"""
SELF = "account_id = nullif(current_setting('hub.account', true), '')::bigint"
OF_PUPIL = "EXISTS (SELECT FROM students AS owner WHERE owner.id = student_id)"
PATH = "path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'"

SEEN = {
    "photo_imports": INSIDE.format(path="path"),
    "photo_entries": INSIDE.format(path="path"),
    "photos": OF_PUPIL,
    "discards": SELF,
}
WRITES = {
    "photo_imports": "INSERT, UPDATE",
    "photo_entries": "INSERT",
    "photos": "INSERT, UPDATE",
    "discards": "INSERT, DELETE",
}

# A photo's file is its uploader's row; who refuses or replaces the photo lets go of it, in reach and no other.
RELEASE = f"""
CREATE FUNCTION release_photos(given bigint[]) RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE released bigint[];
BEGIN
    SELECT array_agg(p.file_id) INTO released FROM photos p JOIN students s ON s.id = p.student_id
    WHERE p.id = ANY (given) AND p.state IN ('REFUSED', 'REPLACED') AND p.file_id IS NOT NULL
      AND {INSIDE.format(path="s.path")};
    UPDATE photos SET file_id = NULL WHERE file_id = ANY (released);
    RETURN QUERY
        WITH gone AS (DELETE FROM files WHERE id = ANY (released) RETURNING key)
        INSERT INTO discards (key, account_id)
        SELECT gone.key, current_setting('hub.account')::bigint FROM gone RETURNING discards.key;
END $$"""


def upgrade() -> None:
    op.create_table(
        "link_secrets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_secrets")),
    )
    op.create_table(
        "discards",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_discards_account_id_accounts")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_discards")),
    )
    op.create_index("ix_discards_at", "discards", ["at"])
    op.create_table(
        "photo_imports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(), server_default="RUNNING", nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
            for name in ("taken", "unchanged", "refused", "ignored")
        ),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(PATH, name=op.f("ck_photo_imports_path")),
        sa.CheckConstraint("state IN ('RUNNING', 'DONE')", name=op.f("ck_photo_imports_state")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_photo_imports_account_id_accounts")),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_photo_imports_file_id_files")),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name=op.f("fk_photo_imports_school_id_schools")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo_imports")),
    )
    op.create_index("ix_photo_imports_path", "photo_imports", ["path", "id"])
    op.create_index("ix_photo_imports_school_id", "photo_imports", ["school_id"])
    op.create_index("ix_photo_imports_file_id", "photo_imports", ["file_id"])
    op.create_table(
        "photos",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="PENDING", nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column("source_sha256", sa.Text(), nullable=False),
        sa.Column("width", sa.BigInteger(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_by", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("reviewed_by", sa.BigInteger(), nullable=True),
        sa.Column("reviewed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'REFUSED') = (reason IS NOT NULL)", name=op.f("ck_photos_reason")),
        sa.CheckConstraint("file_id IS NOT NULL OR state IN ('REFUSED', 'REPLACED')", name=op.f("ck_photos_kept")),
        sa.CheckConstraint("state IN ('PENDING', 'APPROVED', 'REFUSED', 'REPLACED')", name=op.f("ck_photos_state")),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_photos_file_id_files")),
        sa.ForeignKeyConstraint(["import_id"], ["photo_imports.id"], name=op.f("fk_photos_import_id_photo_imports")),
        sa.ForeignKeyConstraint(["reviewed_by"], ["accounts.id"], name=op.f("fk_photos_reviewed_by_accounts")),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_photos_student_id_students")),
        sa.ForeignKeyConstraint(["uploaded_by"], ["accounts.id"], name=op.f("fk_photos_uploaded_by_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photos")),
    )
    for state in ("pending", "approved"):
        op.create_index(
            f"uq_photos_{state}",
            "photos",
            ["student_id"],
            unique=True,
            postgresql_where=sa.text(f"state = '{state.upper()}'"),
        )
    op.create_index("ix_photos_student_id", "photos", ["student_id", "id"])
    op.create_index("ix_photos_file_id", "photos", ["file_id"])
    op.create_index("ix_photos_import_id", "photos", ["import_id"])
    op.create_table(
        "photo_entries",
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=True),
        *(
            sa.Column(name, sa.Text(), nullable=True)
            for name in ("code", "message", "remedy", "message_en", "remedy_en")
        ),
        sa.CheckConstraint(PATH, name=op.f("ck_photo_entries_path")),
        sa.CheckConstraint(
            "outcome IN ('TAKEN', 'UNCHANGED', 'REFUSED', 'IGNORED')", name=op.f("ck_photo_entries_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["photo_imports.id"], name=op.f("fk_photo_entries_import_id_photo_imports")
        ),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_photo_entries_student_id_students")),
        sa.PrimaryKeyConstraint("import_id", "ordinal", name=op.f("pk_photo_entries")),
    )
    op.create_index("ix_photo_entries_student_id", "photo_entries", ["student_id"])
    _secure()
    # No pgcrypto: gen_random_uuid() is as random, 122 bits of each.
    uuids = " || ".join(["uuid_send(gen_random_uuid())"] * 4)
    op.execute("SET ROLE hub_system")
    op.execute(f"INSERT INTO link_secrets (secret) VALUES (sha256({uuids}))")
    op.execute(RELEASE)
    op.execute("REVOKE ALL ON FUNCTION release_photos(bigint[]) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION release_photos(bigint[]) TO hub_app")
    op.execute("SET ROLE hub_owner")


def _secure() -> None:
    for table in (*SEEN, "link_secrets"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY hub_system_all ON {table} TO hub_system USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO hub_system")
    for table, seen in SEEN.items():
        op.execute(f"CREATE POLICY hub_app_seen ON {table} TO hub_app USING ({seen}) WITH CHECK ({seen})")
        op.execute(f"GRANT SELECT, {WRITES[table]} ON {table} TO hub_app")
        op.execute(f"CREATE POLICY hub_read_all ON {table} FOR SELECT TO hub_read USING (true)")
        op.execute(f"GRANT SELECT ON {table} TO hub_read")


def downgrade() -> None:
    op.execute("SET ROLE hub_system")
    op.execute("DROP FUNCTION release_photos(bigint[])")
    op.execute("SET ROLE hub_owner")
    for table in ("photo_entries", "photos", "photo_imports", "discards", "link_secrets"):
        op.drop_table(table)
