"""The register as it begins: every table, without rights."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from hub.models.audit import Xid8

revision = "2026_11_24_0000"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for extension in ("btree_gist", "pg_trgm", "fuzzystrmatch"):
        op.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    op.execute("CREATE SEQUENCE student_numbers START 5000000 MINVALUE 5000000 MAXVALUE 9999999 CYCLE")
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("username", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("password_changed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("must_change_password", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("failed_attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("locked_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("disabled_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("username", name=op.f("uq_accounts_username")),
    )
    op.create_table(
        "codes",
        sa.Column("list", sa.Text(collation="C"), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("english", sa.Text(), nullable=True),
        sa.CheckConstraint("until > since", name=op.f("ck_codes_lasting")),
        sa.PrimaryKeyConstraint("list", "code", "since", name=op.f("pk_codes")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(collation="C"), nullable=True),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_xid", "outbox", ["xid", "id"], unique=False)
    op.create_table(
        "places",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), nullable=False),
        sa.Column("office", sa.Text(), nullable=True),
        sa.Column("office_phone", sa.Text(), nullable=True),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("code ~ '^\\d{2}(\\d{2}){0,2}$'", name=op.f("ck_places_code")),
        sa.CheckConstraint("level IN ('PROVINCE', 'CITY', 'COUNTY')", name=op.f("ck_places_level")),
        sa.CheckConstraint("path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_places_path")),
        sa.CheckConstraint("until > since", name=op.f("ck_places_lasting")),
        sa.ForeignKeyConstraint(["parent_id"], ["places.id"], name=op.f("fk_places_parent_id_places")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_places")),
        sa.UniqueConstraint("code", name=op.f("uq_places_code")),
    )
    op.create_index("ix_places_parent_id", "places", ["parent_id", "code"], unique=False)
    op.create_index("ix_places_path", "places", ["path"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(collation="C"), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("values_hash", sa.LargeBinary(), nullable=True),
        sa.Column("request", sa.Text(), nullable=True),
        sa.CheckConstraint("outcome IN ('ACCEPTED', 'REFUSED')", name=op.f("ck_audit_outcome")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_audit_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
    op.create_index("ix_audit_path", "audit", ["path", "at"], unique=False)
    op.create_table(
        "files",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_files_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
    )
    op.create_index("ix_files_account_id", "files", ["account_id", "created_at"], unique=False)
    op.create_table(
        "place_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("place_id"), "="),
            (sa.text("daterange(since, until)"), "&&"),
            using="gist",
            name="ex_place_versions_period",
        ),
        sa.CheckConstraint(
            "path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_place_versions_path")
        ),
        sa.CheckConstraint("until > since", name=op.f("ck_place_versions_lasting")),
        sa.ForeignKeyConstraint(["parent_id"], ["places.id"], name=op.f("fk_place_versions_parent_id_places")),
        sa.ForeignKeyConstraint(["place_id"], ["places.id"], name=op.f("fk_place_versions_place_id_places")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place_versions")),
    )
    op.create_table(
        "policy_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.BigInteger(), nullable=True),
        sa.Column("approved_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["approved_by"], ["accounts.id"], name=op.f("fk_policy_versions_approved_by_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_versions")),
        sa.UniqueConstraint("sha256", name=op.f("uq_policy_versions_sha256")),
    )
    op.create_table(
        "schools",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), nullable=False),
        sa.Column("english_name", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("founder", sa.Text(), nullable=False),
        sa.Column("affiliation", sa.Text(), nullable=True),
        sa.Column("licensed", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("located_in_id", sa.BigInteger(), nullable=False),
        sa.Column("territory", sa.Text(collation="C"), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("location_code", sa.Text(), nullable=True),
        sa.Column("urban_rural", sa.Text(), nullable=True),
        sa.Column("post_code", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("head_name", sa.Text(), nullable=True),
        sa.Column("head_phone", sa.Text(), nullable=True),
        sa.Column("organisation_code", sa.Text(), nullable=True),
        sa.Column("legal_person_number", sa.Text(), nullable=True),
        sa.Column("land_title", sa.Text(), nullable=True),
        sa.Column("boarding_mode", sa.Text(), nullable=True),
        sa.Column("teaching_language", sa.Text(), nullable=True),
        sa.Column("last_class_number", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("code ~ '^(1[1]|2[12]|3[1-7]|4[12]|51|9[1-3])\\d{8}$'", name=op.f("ck_schools_code")),
        sa.CheckConstraint(
            "founder IN ('EDUCATION_DEPARTMENT', 'OTHER_DEPARTMENT', 'PRIVATE', 'UNCLEAR')",
            name=op.f("ck_schools_founder"),
        ),
        sa.CheckConstraint("path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_schools_path")),
        sa.CheckConstraint("until > since", name=op.f("ck_schools_lasting")),
        sa.ForeignKeyConstraint(["located_in_id"], ["places.id"], name=op.f("fk_schools_located_in_id_places")),
        sa.ForeignKeyConstraint(["parent_id"], ["schools.id"], name=op.f("fk_schools_parent_id_schools")),
        sa.ForeignKeyConstraint(["place_id"], ["places.id"], name=op.f("fk_schools_place_id_places")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schools")),
        sa.UniqueConstraint("code", name=op.f("uq_schools_code")),
    )
    op.create_index("ix_schools_located_in_id", "schools", ["located_in_id"], unique=False)
    op.create_index("ix_schools_parent_id", "schools", ["parent_id"], unique=False)
    op.create_index("ix_schools_path", "schools", ["path", "id"], unique=False)
    op.create_index("ix_schools_place_id", "schools", ["place_id"], unique=False)
    op.create_index("ix_schools_territory", "schools", ["territory"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sessions_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sessions_token_hash")),
    )
    op.create_index("ix_sessions_account_id", "sessions", ["account_id"], unique=False)
    op.create_table(
        "audit_values",
        sa.Column("audit_id", sa.BigInteger(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["audit_id"], ["audit.id"], name=op.f("fk_audit_values_audit_id_audit")),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit_values")),
    )
    op.create_table(
        "campuses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("area", sa.Numeric(precision=10, scale=1), nullable=True),
        sa.Column("closed", sa.Date(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_campuses_path")),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name=op.f("fk_campuses_school_id_schools")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campuses")),
        sa.UniqueConstraint("school_id", "name", name=op.f("uq_campuses_school_id_name")),
    )
    op.create_index("ix_campuses_path", "campuses", ["path"], unique=False)
    op.create_table(
        "grades",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("school_year", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_grades_path")),
        sa.CheckConstraint("stage IN ('PRIMARY', 'JUNIOR', 'SENIOR')", name=op.f("ck_grades_stage")),
        sa.CheckConstraint("number BETWEEN 1 AND 13", name=op.f("ck_grades_number")),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name=op.f("fk_grades_school_id_schools")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grades")),
        sa.UniqueConstraint("school_id", "school_year", "number", name=op.f("uq_grades_school_id_school_year_number")),
    )
    op.create_index("ix_grades_path", "grades", ["path"], unique=False)
    op.create_table(
        "imports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("faults", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_imports_path")),
        sa.CheckConstraint("state IN ('APPLIED', 'REFUSED')", name=op.f("ck_imports_state")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_imports_account_id_accounts")),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_imports_file_id_files")),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name=op.f("fk_imports_school_id_schools")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index("ix_imports_file_id", "imports", ["file_id"], unique=False)
    op.create_index("ix_imports_path", "imports", ["path", "id"], unique=False)
    op.create_index("ix_imports_school_id", "imports", ["school_id"], unique=False)
    op.create_table(
        "school_stages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("length", sa.SmallInteger(), nullable=False),
        sa.Column("authority_id", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("school_id"), "="),
            (sa.column("stage"), "="),
            (sa.text("daterange(since, until)"), "&&"),
            using="gist",
            name="ex_school_stages_period",
        ),
        sa.CheckConstraint("stage IN ('PRIMARY', 'JUNIOR', 'SENIOR')", name=op.f("ck_school_stages_stage")),
        sa.CheckConstraint("length BETWEEN 1 AND 9", name=op.f("ck_school_stages_length")),
        sa.CheckConstraint("until > since", name=op.f("ck_school_stages_lasting")),
        sa.ForeignKeyConstraint(["authority_id"], ["places.id"], name=op.f("fk_school_stages_authority_id_places")),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name=op.f("fk_school_stages_school_id_schools")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_school_stages")),
    )
    op.create_table(
        "school_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("founder", sa.Text(), nullable=False),
        sa.Column("affiliation", sa.Text(), nullable=True),
        sa.Column("licensed", sa.Boolean(), nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("located_in_id", sa.BigInteger(), nullable=False),
        sa.Column("territory", sa.Text(collation="C"), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("school_id"), "="),
            (sa.text("daterange(since, until)"), "&&"),
            using="gist",
            name="ex_school_versions_period",
        ),
        sa.CheckConstraint(
            "founder IN ('EDUCATION_DEPARTMENT', 'OTHER_DEPARTMENT', 'PRIVATE', 'UNCLEAR')",
            name=op.f("ck_school_versions_founder"),
        ),
        sa.CheckConstraint(
            "path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_school_versions_path")
        ),
        sa.CheckConstraint("until > since", name=op.f("ck_school_versions_lasting")),
        sa.ForeignKeyConstraint(["located_in_id"], ["places.id"], name=op.f("fk_school_versions_located_in_id_places")),
        sa.ForeignKeyConstraint(["place_id"], ["places.id"], name=op.f("fk_school_versions_place_id_places")),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name=op.f("fk_school_versions_school_id_schools")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_school_versions")),
    )
    op.create_table(
        "classes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("campus_id", sa.BigInteger(), nullable=True),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("number", sa.Text(collation="C"), nullable=False),
        sa.Column("official_number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("grade", sa.SmallInteger(), nullable=False),
        sa.Column("school_year", sa.SmallInteger(), nullable=False),
        sa.Column("combined", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("length", sa.SmallInteger(), nullable=True),
        sa.Column("formed", sa.Date(), nullable=True),
        sa.Column("teacher_name", sa.Text(), nullable=True),
        sa.Column("monitor_name", sa.Text(), nullable=True),
        sa.Column("arts_science", sa.Text(), nullable=True),
        sa.Column("bilingual_mode", sa.Text(), nullable=True),
        sa.Column("honour", sa.Text(), nullable=True),
        sa.Column("closed", sa.Date(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("number ~ '^\\d{7}$'", name=op.f("ck_classes_number")),
        sa.CheckConstraint("path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_classes_path")),
        sa.CheckConstraint("grade BETWEEN 1 AND 13", name=op.f("ck_classes_grade")),
        sa.ForeignKeyConstraint(["campus_id"], ["campuses.id"], name=op.f("fk_classes_campus_id_campuses")),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name=op.f("fk_classes_school_id_schools")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_classes")),
        sa.UniqueConstraint("school_id", "number", name=op.f("uq_classes_school_id_number")),
        sa.UniqueConstraint("school_id", "official_number", name=op.f("uq_classes_school_id_official_number")),
    )
    op.create_index("ix_classes_campus_id", "classes", ["campus_id"], unique=False)
    op.create_index("ix_classes_path", "classes", ["path", "id"], unique=False)
    op.create_index("ix_classes_school_id", "classes", ["school_id", "grade", "number", "id"], unique=False)
    op.create_table(
        "class_grades",
        sa.Column("class_id", sa.BigInteger(), nullable=False),
        sa.Column("school_year", sa.SmallInteger(), nullable=False),
        sa.Column("grade", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("grade BETWEEN 1 AND 13", name=op.f("ck_class_grades_grade")),
        sa.ForeignKeyConstraint(["class_id"], ["classes.id"], name=op.f("fk_class_grades_class_id_classes")),
        sa.PrimaryKeyConstraint("class_id", "school_year", "grade", name=op.f("pk_class_grades")),
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=True),
        sa.Column("school_id", sa.BigInteger(), nullable=True),
        sa.Column("class_id", sa.BigInteger(), nullable=True),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("since", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("granted_by", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_grants_path")),
        sa.CheckConstraint("num_nonnulls(place_id, school_id, class_id) = 1", name=op.f("ck_grants_one_root")),
        sa.CheckConstraint("until > since", name=op.f("ck_grants_lasting")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_grants_account_id_accounts")),
        sa.ForeignKeyConstraint(["class_id"], ["classes.id"], name=op.f("fk_grants_class_id_classes")),
        sa.ForeignKeyConstraint(["granted_by"], ["accounts.id"], name=op.f("fk_grants_granted_by_accounts")),
        sa.ForeignKeyConstraint(["place_id"], ["places.id"], name=op.f("fk_grants_place_id_places")),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name=op.f("fk_grants_school_id_schools")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
    )
    op.create_index("ix_grants_account_id", "grants", ["account_id"], unique=False)
    op.create_index("ix_grants_class_id", "grants", ["class_id"], unique=False)
    op.create_index("ix_grants_place_id", "grants", ["place_id"], unique=False)
    op.create_index("ix_grants_school_id", "grants", ["school_id"], unique=False)
    op.create_table(
        "students",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("student_number", sa.Text(collation="C"), nullable=False),
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("class_id", sa.BigInteger(), nullable=True),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(), server_default="IN_SCHOOL", nullable=False),
        sa.Column("grade", sa.SmallInteger(), nullable=False),
        sa.Column("school_year", sa.SmallInteger(), nullable=False),
        sa.Column("actual_school_id", sa.BigInteger(), nullable=True),
        sa.Column("actual_place", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), nullable=False),
        sa.Column("sex", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("birthplace_code", sa.Text(), nullable=False),
        sa.Column("ancestral_place", sa.Text(), nullable=False),
        sa.Column("ethnic_group", sa.Text(), nullable=False),
        sa.Column("nationality", sa.Text(), nullable=False),
        sa.Column("id_type", sa.Text(), nullable=False),
        sa.Column("overseas_status", sa.Text(), nullable=False),
        sa.Column("health", sa.Text(), nullable=False),
        sa.Column("political_status", sa.Text(), nullable=True),
        sa.Column("id_number", sa.Text(), nullable=True),
        sa.Column("residence_nature", sa.Text(), nullable=False),
        sa.Column("residence_code", sa.Text(), nullable=True),
        sa.Column("entry_month", sa.Date(), nullable=False),
        sa.Column("admission_type", sa.Text(), nullable=False),
        sa.Column("attendance_type", sa.Text(), nullable=False),
        sa.Column("present_address", sa.Text(), nullable=False),
        sa.Column("mail_address", sa.Text(), nullable=False),
        sa.Column("home_address", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("post_code", sa.Text(), nullable=False),
        sa.Column("only_child", sa.Boolean(), nullable=False),
        sa.Column("preschool", sa.Boolean(), nullable=False),
        sa.Column("left_behind", sa.Text(), nullable=False),
        sa.Column("needs_aid", sa.Boolean(), nullable=False),
        sa.Column("living_allowance", sa.Boolean(), nullable=False),
        sa.Column("orphan", sa.Boolean(), nullable=False),
        sa.Column("martyr_child", sa.Boolean(), nullable=False),
        sa.Column("distance_km", sa.Numeric(precision=6, scale=1), nullable=False),
        sa.Column("travel_mode", sa.Text(), nullable=False),
        sa.Column("needs_school_bus", sa.Boolean(), nullable=False),
        sa.Column("former_name", sa.Text(), nullable=True),
        sa.Column("id_valid_period", sa.Text(), nullable=True),
        sa.Column("blood_type", sa.Text(), nullable=True),
        sa.Column("strengths", sa.Text(), nullable=True),
        sa.Column("auxiliary_number", sa.Text(), nullable=True),
        sa.Column("number_in_class", sa.Text(), nullable=True),
        sa.Column("student_source", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("home_page", sa.Text(), nullable=True),
        sa.Column("disability", sa.Text(), nullable=True),
        sa.Column("bought_place", sa.Boolean(), nullable=True),
        sa.Column("inclusion", sa.Text(), nullable=True),
        sa.Column("migrant_child", sa.Boolean(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_students_path")),
        sa.CheckConstraint("sex IN ('MALE', 'FEMALE')", name=op.f("ck_students_sex")),
        sa.CheckConstraint(
            "state IN ('IN_SCHOOL', 'SUSPENDED', 'TRANSFERRED_OUT', 'GRADUATED', 'WITHDRAWN', 'DROPPED_OUT', 'ABROAD', 'MISSING', 'OTHER_LEAVE', 'EXPELLED', 'DEAD')",
            name=op.f("ck_students_state"),
        ),
        sa.CheckConstraint("student_number ~ '^[LJG][0-9A-Z]{18}$'", name=op.f("ck_students_student_number")),
        sa.CheckConstraint("grade BETWEEN 1 AND 13", name=op.f("ck_students_grade")),
        sa.ForeignKeyConstraint(
            ["actual_school_id"], ["schools.id"], name=op.f("fk_students_actual_school_id_schools")
        ),
        sa.ForeignKeyConstraint(["class_id"], ["classes.id"], name=op.f("fk_students_class_id_classes")),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name=op.f("fk_students_school_id_schools")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_students")),
        sa.UniqueConstraint("student_number", name=op.f("uq_students_student_number")),
    )
    op.create_index(
        "ix_students_actual_school_id",
        "students",
        ["actual_school_id"],
        unique=False,
        postgresql_where=sa.text("actual_school_id IS NOT NULL"),
    )
    op.create_index("ix_students_class_id", "students", ["class_id", "name_key", "id"], unique=False)
    op.create_index(
        "ix_students_id_number",
        "students",
        ["id_number"],
        unique=False,
        postgresql_where=sa.text("id_number IS NOT NULL"),
    )
    op.create_index("ix_students_name", "students", ["name", "birth_date", "sex"], unique=False)
    op.create_index("ix_students_path", "students", ["path", "id"], unique=False)
    op.create_index("ix_students_school_id", "students", ["school_id"], unique=False)
    op.create_table(
        "guardians",
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("relation_note", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("residence_code", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("is_guardian", sa.Boolean(), nullable=False),
        sa.Column("id_type", sa.Text(), nullable=True),
        sa.Column("id_number", sa.Text(), nullable=True),
        sa.Column("ethnic_group", sa.Text(), nullable=True),
        sa.Column("employer", sa.Text(), nullable=True),
        sa.Column("post", sa.Text(), nullable=True),
        sa.CheckConstraint("position BETWEEN 1 AND 9", name=op.f("ck_guardians_position")),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_guardians_student_id_students")),
        sa.PrimaryKeyConstraint("student_id", "position", name=op.f("pk_guardians")),
    )
    op.create_table(
        "leases",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("office", sa.Text(collation="C"), nullable=True),
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("until", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("view IN ('PREVIEW', 'RECORD')", name=op.f("ck_leases_view")),
        sa.CheckConstraint("num_nonnulls(account_id, office) = 1", name=op.f("ck_leases_one_holder")),
        sa.CheckConstraint("until > since", name=op.f("ck_leases_lasting")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_leases_account_id_accounts")),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_leases_student_id_students")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leases")),
    )
    op.create_index("ix_leases_account_id", "leases", ["account_id"], unique=False)
    op.create_index("ix_leases_office", "leases", ["office"], unique=False)
    op.create_index("ix_leases_student_id", "leases", ["student_id"], unique=False)
    op.create_table(
        "placements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("school_id", sa.BigInteger(), nullable=False),
        sa.Column("class_id", sa.BigInteger(), nullable=True),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("grade", sa.SmallInteger(), nullable=False),
        sa.Column("school_year", sa.SmallInteger(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("began_by", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("voided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("student_id"), "="),
            (sa.text("daterange(since, until)"), "&&"),
            where=sa.text("voided_at IS NULL"),
            using="gist",
            name="ex_placements_period",
        ),
        sa.CheckConstraint("path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_placements_path")),
        sa.CheckConstraint("grade BETWEEN 1 AND 13", name=op.f("ck_placements_grade")),
        sa.CheckConstraint("until > since", name=op.f("ck_placements_lasting")),
        sa.ForeignKeyConstraint(["class_id"], ["classes.id"], name=op.f("fk_placements_class_id_classes")),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name=op.f("fk_placements_school_id_schools")),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_placements_student_id_students")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_placements")),
    )
    op.create_index("ix_placements_class_id", "placements", ["class_id"], unique=False)
    op.create_index("ix_placements_school_id", "placements", ["school_id"], unique=False)
    op.create_index(
        "uq_placements_active",
        "placements",
        ["student_id"],
        unique=True,
        postgresql_where=sa.text("until IS NULL AND voided_at IS NULL"),
    )
    op.create_table(
        "student_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "recorded_from", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("recorded_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("effective", sa.Date(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("school_year", sa.SmallInteger(), nullable=False),
        sa.Column("grade", sa.SmallInteger(), nullable=False),
        sa.Column("sex", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("boarding", sa.Boolean(), nullable=False),
        sa.Column("migrant", sa.Boolean(), nullable=False),
        sa.Column("left_behind", sa.Boolean(), nullable=False),
        sa.Column("without_id", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "path ~ '^\\d{2}(\\d{2}){0,2}(\\.\\d{10}(\\.\\d{7})?)?$'", name=op.f("ck_student_versions_path")
        ),
        sa.CheckConstraint("sex IN ('MALE', 'FEMALE')", name=op.f("ck_student_versions_sex")),
        sa.CheckConstraint(
            "state IN ('IN_SCHOOL', 'SUSPENDED', 'TRANSFERRED_OUT', 'GRADUATED', 'WITHDRAWN', 'DROPPED_OUT', 'ABROAD', 'MISSING', 'OTHER_LEAVE', 'EXPELLED', 'DEAD')",
            name=op.f("ck_student_versions_state"),
        ),
        sa.CheckConstraint("recorded_until > recorded_from", name=op.f("ck_student_versions_recorded")),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_student_versions_student_id_students")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_student_versions")),
    )
    op.create_index("ix_student_versions_student_id", "student_versions", ["student_id", "recorded_from"], unique=False)
    op.create_index(
        "uq_student_versions_current",
        "student_versions",
        ["student_id"],
        unique=True,
        postgresql_where=sa.text("recorded_until IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_student_versions_current", table_name="student_versions", postgresql_where=sa.text("recorded_until IS NULL")
    )
    op.drop_index("ix_student_versions_student_id", table_name="student_versions")
    op.drop_table("student_versions")
    op.drop_index(
        "uq_placements_active", table_name="placements", postgresql_where=sa.text("until IS NULL AND voided_at IS NULL")
    )
    op.drop_index("ix_placements_school_id", table_name="placements")
    op.drop_index("ix_placements_class_id", table_name="placements")
    op.drop_table("placements")
    op.drop_index("ix_leases_student_id", table_name="leases")
    op.drop_index("ix_leases_office", table_name="leases")
    op.drop_index("ix_leases_account_id", table_name="leases")
    op.drop_table("leases")
    op.drop_table("guardians")
    op.drop_index("ix_students_school_id", table_name="students")
    op.drop_index("ix_students_path", table_name="students")
    op.drop_index("ix_students_name", table_name="students")
    op.drop_index("ix_students_id_number", table_name="students", postgresql_where=sa.text("id_number IS NOT NULL"))
    op.drop_index("ix_students_class_id", table_name="students")
    op.drop_index(
        "ix_students_actual_school_id", table_name="students", postgresql_where=sa.text("actual_school_id IS NOT NULL")
    )
    op.drop_table("students")
    op.drop_index("ix_grants_school_id", table_name="grants")
    op.drop_index("ix_grants_place_id", table_name="grants")
    op.drop_index("ix_grants_class_id", table_name="grants")
    op.drop_index("ix_grants_account_id", table_name="grants")
    op.drop_table("grants")
    op.drop_table("class_grades")
    op.drop_index("ix_classes_school_id", table_name="classes")
    op.drop_index("ix_classes_path", table_name="classes")
    op.drop_index("ix_classes_campus_id", table_name="classes")
    op.drop_table("classes")
    op.drop_table("school_versions")
    op.drop_table("school_stages")
    op.drop_index("ix_imports_school_id", table_name="imports")
    op.drop_index("ix_imports_path", table_name="imports")
    op.drop_index("ix_imports_file_id", table_name="imports")
    op.drop_table("imports")
    op.drop_index("ix_grades_path", table_name="grades")
    op.drop_table("grades")
    op.drop_index("ix_campuses_path", table_name="campuses")
    op.drop_table("campuses")
    op.drop_table("audit_values")
    op.drop_index("ix_sessions_account_id", table_name="sessions")
    op.drop_table("sessions")
    op.drop_index("ix_schools_territory", table_name="schools")
    op.drop_index("ix_schools_place_id", table_name="schools")
    op.drop_index("ix_schools_path", table_name="schools")
    op.drop_index("ix_schools_parent_id", table_name="schools")
    op.drop_index("ix_schools_located_in_id", table_name="schools")
    op.drop_table("schools")
    op.drop_table("policy_versions")
    op.drop_table("place_versions")
    op.drop_index("ix_files_account_id", table_name="files")
    op.drop_table("files")
    op.drop_index("ix_audit_path", table_name="audit")
    op.drop_index("ix_audit_at", table_name="audit")
    op.drop_table("audit")
    op.drop_index("ix_places_path", table_name="places")
    op.drop_index("ix_places_parent_id", table_name="places")
    op.drop_table("places")
    op.drop_index("ix_outbox_xid", table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("codes")
    op.drop_table("accounts")
    op.execute("DROP SEQUENCE student_numbers")
