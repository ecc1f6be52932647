"""Migrations on a real PostgreSQL: they make what the models say, open what each role needs, and can be repeated."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine

from hub import migrate
from hub.errors import Unavailable
from hub.models import Base
from hub.postgres import Cluster
from hub.settings import Settings
from tests.conftest import make_settings

ROOT = Path(__file__).parents[1]
TABLES = {table.name for table in Base.metadata.tables.values()}
PUBLIC = {"chains", "chain_steps", "codes", "policy_versions", "register"}
WRITE_ONLY = {"audit_values", "outbox"}
SECRET = {"link_secrets", "spendings"}
"""What hub_system alone may read."""
FIRST = "2026_11_24_0000"

SHAPE = {
    "columns": """
        SELECT c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               pg_get_expr(d.adbin, d.adrelid), l.collname, a.attidentity::text, a.attgenerated::text
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        LEFT JOIN pg_collation l ON l.oid = a.attcollation
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
          AND c.relname <> 'alembic_version'""",
    "constraints": """
        SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
          AND conrelid NOT IN (0, coalesce(to_regclass('alembic_version'), 0))""",
    "indexes": """
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
        JOIN pg_class c ON c.oid = indrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> 'alembic_version'""",
    "sequences": """
        SELECT sequencename::text, data_type::text, start_value, min_value, max_value, increment_by, cycle, cache_size
        FROM pg_sequences WHERE schemaname = 'public'""",
}


async def connect(settings: Settings) -> asyncpg.Connection:
    return await asyncpg.connect(settings.database_url)


async def make_database(cluster: Cluster, name: str, owner: str = "postgres") -> Settings:
    """A new, empty database; as its settings."""
    connection = await asyncpg.connect(cluster.url("postgres", "postgres"))
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 OWNER {owner}")
    await connection.close()
    return make_settings(cluster, name, database_url=cluster.url(owner, name))


async def downgrade(settings: Settings, revision: str) -> None:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: connect(settings))
    try:
        async with engine.connect() as connection:
            await connection.run_sync(
                lambda plain: command.downgrade(migrate._config(str(ROOT / "migrations"), plain, None), revision)
            )
    finally:
        await engine.dispose()


async def shape(connection: asyncpg.Connection) -> dict[str, dict[str, tuple[object, ...]]]:
    """What the catalogs say of tables, constraints, indexes and sequences, by name."""
    return {kind: {row[0]: tuple(row)[1:] for row in await connection.fetch(query)} for kind, query in SHAPE.items()}


async def migrated_shape(settings: Settings) -> dict[str, dict[str, tuple[object, ...]]]:
    connection = await connect(settings)
    try:
        return await shape(connection)
    finally:
        await connection.close()


async def rights(settings: Settings) -> list[tuple[object, ...]]:
    connection = await connect(settings)
    rows = await connection.fetch(
        """SELECT relname::text, relacl::text, relrowsecurity, relforcerowsecurity, relowner::regrole::text
           FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'S') ORDER BY 1"""
    )
    policies = await connection.fetch("SELECT * FROM pg_policies WHERE schemaname = 'public' ORDER BY 2, 3")
    await connection.close()
    return [tuple(row) for row in [*rows, *policies]]


@pytest.fixture
async def owner(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(settings)
    yield connection
    await connection.close()


async def test_the_models_and_the_migrations_make_the_same_database(cluster, settings, owner):
    drawn = await make_database(cluster, "drawn")
    connection = await connect(drawn)
    for extension in ("btree_gist", "pg_trgm", "fuzzystrmatch"):
        await connection.execute(f"CREATE EXTENSION {extension}")
    indexed = await owner.fetchval("SELECT pg_get_functiondef('found_under'::regproc)")  # an index is made of it
    await connection.execute(indexed)
    await connection.close()
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: connect(drawn))
    async with engine.begin() as made:
        await made.run_sync(Base.metadata.create_all)
    await engine.dispose()
    wanted, found = await migrated_shape(drawn), await migrated_shape(settings)
    assert {name.split(".")[0] for name in found["columns"]} == TABLES
    for kind in SHAPE:
        assert found[kind] == wanted[kind], kind


async def test_every_step_down_can_be_taken_up_again(cluster, settings):
    stairs = await make_database(cluster, "stairs")
    await migrate.upgrade(stairs)
    before = await migrated_shape(stairs), await rights(stairs)
    assert before == (await migrated_shape(settings), await rights(settings))
    await downgrade(stairs, "base")
    assert await migrated_shape(stairs) == {kind: {} for kind in SHAPE}
    await migrate.upgrade(stairs)
    assert (await migrated_shape(stairs), await rights(stairs)) == before


async def test_row_security_is_on_and_forced_for_every_table(owner):
    rows = await owner.fetch(
        """SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
           AND relrowsecurity AND relforcerowsecurity"""
    )
    assert {row[0] for row in rows} == TABLES


async def test_every_table_has_a_policy_for_each_role_that_may_touch_it(owner):
    rows = await owner.fetch(
        "SELECT tablename::text, roles::text[], cmd, qual, with_check FROM pg_policies WHERE schemaname = 'public'"
    )
    assert {role for row in rows for role in row["roles"]} == {"hub_app", "hub_read", "hub_system"}
    held = {role: {row["tablename"] for row in rows if role in row["roles"]} for role in ("hub_app", "hub_system")}
    assert held == {"hub_app": TABLES - SECRET, "hub_system": TABLES}
    reading = [row for row in rows if row["roles"] == ["hub_read"]]
    assert {row["tablename"] for row in reading} == TABLES - WRITE_ONLY - SECRET
    assert {row["cmd"] for row in reading} == {"SELECT"}
    app = [row for row in rows if "hub_app" in row["roles"]]
    assert {row["tablename"] for row in app if row["qual"] == "true"} == PUBLIC
    assert {row["tablename"] for row in app if row["with_check"] == "true"} == WRITE_ONLY | {"audit"}


async def test_no_role_passes_by_row_security(owner):
    rows = await owner.fetch(
        "SELECT rolname::text, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb FROM pg_roles "
        "WHERE rolname LIKE 'hub\\_%'"
    )
    assert {row[0]: row[1] for row in rows} == dict.fromkeys(("hub_owner", "hub_system", "hub_app", "hub_read"), False)


async def test_hub_read_can_write_nothing(owner):
    rows = await owner.fetch(
        """SELECT relname::text FROM pg_class, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS deed
           WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
           AND (has_table_privilege('hub_read', oid, deed)
                OR deed IN ('INSERT', 'UPDATE') AND has_any_column_privilege('hub_read', oid, deed))"""
    )
    assert rows == []
    sequences = await owner.fetch(
        "SELECT 1 FROM pg_sequences WHERE schemaname = 'public' "
        "AND has_sequence_privilege('hub_read', sequencename::text, 'USAGE')"
    )
    assert sequences == []
    assert not await owner.fetchval("SELECT pg_has_role('hub_read', 'hub_system', 'MEMBER')")


@pytest.mark.parametrize("role", ["hub_app", "hub_read"])
async def test_nobody_who_serves_people_can_read_a_password_hash(cluster, settings, role):
    connection = await asyncpg.connect(cluster.url(role, "hub"))
    await connection.fetch("SELECT username FROM accounts")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch("SELECT password_hash FROM accounts")
    await connection.close()


@pytest.mark.parametrize("role", ["hub_app", "hub_read"])
async def test_nobody_who_serves_people_can_read_what_links_are_signed_with(cluster, settings, system, role):
    assert len(await system.fetchval("SELECT secret FROM link_secrets")) == 32
    connection = await asyncpg.connect(cluster.url(role, "hub"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch("SELECT secret FROM link_secrets")
    await connection.close()


@pytest.fixture(scope="module")
async def filled(cluster: Cluster, settings: Settings) -> Settings:
    """A migrated database with one row in every table. Its checks are dropped so that any value will do."""
    filled = await make_database(cluster, "filled")
    await migrate.upgrade(filled)
    await fill(filled)
    return filled


async def fill(empty: Settings) -> None:
    connection = await connect(empty)
    for row in await connection.fetch(
        """SELECT conrelid::regclass::text AS name, conname FROM pg_constraint
           WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'x')"""
    ):
        await connection.execute(f'ALTER TABLE {row["name"]} DROP CONSTRAINT "{row["conname"]}"')
    await connection.execute("SET session_replication_role = replica")  # no trigger adds a row of its own
    for table in sorted(TABLES):
        columns = await connection.fetch(
            """SELECT attname, format_type(atttypid, NULL) AS type FROM pg_attribute
               WHERE attrelid = $1::regclass AND attnum > 0 AND attnotnull AND NOT atthasdef AND attidentity = ''""",
            table,
        )
        names = ", ".join(f'"{row["attname"]}"' for row in columns)
        values = ", ".join(SOME_VALUE.get(row["type"], "'14'") + f"::{row['type']}" for row in columns)
        await connection.execute(f"INSERT INTO {table} ({names}) VALUES ({values})")
    await connection.close()


SOME_VALUE = {
    "date": "'2013-09-01'",
    "timestamp with time zone": "'2013-09-01 08:00+08'",
    "boolean": "false",
    "jsonb": "'{}'",
    "text[]": "'{}'",
}


async def visible(connection: asyncpg.Connection) -> dict[str, int]:
    """How many rows of each table the role sees; tables it may not read are left out."""
    seen = {}
    for table in sorted(TABLES):
        try:
            async with connection.transaction():
                seen[table] = len(await connection.fetch(f"SELECT 1 FROM {table}"))
        except asyncpg.InsufficientPrivilegeError:
            continue
    return seen


async def test_without_a_scope_hub_app_sees_only_what_is_public(cluster, filled):
    connection = await asyncpg.connect(cluster.url("hub_app", "filled"))
    wanted = {table: int(table in PUBLIC) for table in TABLES - WRITE_ONLY - SECRET}
    assert await visible(connection) == wanted
    async with connection.transaction():
        for name, value in {"low": "14", "high": "14~", "roots": "{14}", "account": "14", "leased": "{1}"}.items():
            await connection.execute("SELECT set_config($1, $2, true)", f"hub.{name}", value)
        assert await visible(connection) != wanted
    assert await visible(connection) == wanted, "a scope outlived its transaction"
    await connection.close()


async def test_hub_read_sees_every_row_it_may_read(cluster, filled):
    connection = await asyncpg.connect(cluster.url("hub_read", "filled"))
    assert await visible(connection) == dict.fromkeys(TABLES - WRITE_ONLY - SECRET, 1)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("DELETE FROM codes")
    await connection.close()


async def test_every_statement_of_a_migration_runs_as_its_owner_under_both_timeouts(cluster, settings):
    watched = await make_database(cluster, "watched")
    connection = await connect(watched)
    await connection.execute(
        """CREATE SCHEMA watch; GRANT USAGE ON SCHEMA watch TO PUBLIC;
        CREATE TABLE watch.seen (tag text, role text, locks text, statements text);
        GRANT INSERT ON watch.seen TO PUBLIC;
        CREATE FUNCTION watch.note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO watch.seen VALUES
                (tg_tag, current_user, current_setting('lock_timeout'), current_setting('statement_timeout'));
        END $$;
        CREATE EVENT TRIGGER note ON ddl_command_end EXECUTE FUNCTION watch.note()"""
    )
    await migrate.upgrade(watched)
    made = await connection.fetch("SELECT DISTINCT role, locks, statements FROM watch.seen WHERE tag = 'CREATE TABLE'")
    assert [tuple(row) for row in made] == [("hub_owner", "4s", "15min")]
    tables = await connection.fetchval("SELECT count(*) FROM watch.seen WHERE tag = 'CREATE TABLE'")
    assert tables == len(TABLES) + 1
    await connection.execute("TRUNCATE watch.seen")
    await migrate.upgrade(watched, password=cluster.password)
    assert await connection.fetch("SELECT * FROM watch.seen") == [], "a second run changed something"
    await connection.close()


async def test_a_migration_gives_up_on_a_lock_and_leaves_nothing_half_done(cluster, settings):
    busy = await make_database(cluster, "busy")
    await migrate.upgrade(busy, revision=FIRST)
    connection = await connect(busy)
    async with connection.transaction():
        await connection.execute("LOCK TABLE students IN ACCESS SHARE MODE")
        with pytest.raises(Exception, match="lock timeout"):
            await asyncio.wait_for(migrate.upgrade(busy), 30)
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == FIRST
    assert await connection.fetchval("SELECT count(*) FROM pg_policies") == 0
    await connection.close()
    await migrate.upgrade(busy)
    assert await rights(busy) == await rights(settings)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server on which the hub's roles do not exist yet."""
    cluster = Cluster(tmp_path_factory.mktemp("fresh"), settings={"fsync": "off"})
    with cluster.serving():
        yield cluster


async def test_two_migrators_at_once_succeed_though_neither_is_a_superuser(fresh, settings):
    connection = await asyncpg.connect(fresh.url("postgres", "postgres"))
    await connection.execute(f"CREATE ROLE builder LOGIN CREATEROLE CREATEDB PASSWORD '{fresh.password}'")
    await connection.close()
    built = await make_database(fresh, "built", owner="builder")
    script = (
        "import asyncio; from hub import migrate; from hub.settings import Settings;"
        f"asyncio.run(migrate.upgrade(Settings(database_url={built.database_url!r})))"
    )
    both = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, cwd=ROOT, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    said = [await process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert await migrated_shape(built) == await migrated_shape(settings)
    assert await rights(built) == await rights(settings)


async def test_a_database_of_this_release_is_looked_at_and_left_alone(cluster, settings, monkeypatch):
    assert migrate.newest() == ScriptDirectory(str(ROOT / "migrations")).get_current_head()

    def upgraded(*_: object) -> None:
        raise AssertionError("upgraded")

    monkeypatch.setattr(migrate, "_upgrade", upgraded)
    await migrate.upgrade(settings)
    empty = await make_database(cluster, "unbegun")
    for behind in (migrate.upgrade(empty), migrate.upgrade(settings, password=cluster.password)):
        with pytest.raises(AssertionError, match="upgraded"):
            await behind


def test_a_server_that_is_too_old_is_refused_in_words() -> None:
    with pytest.raises(Unavailable) as refused:
        migrate.refuse_old("140012")
    assert refused.value.key == "DATABASE_TOO_OLD"
    assert "14" in refused.value.text("zh")
    migrate.refuse_old("150000")


async def test_every_edge_down_is_found_by_an_index(system: asyncpg.Connection) -> None:
    """Each foreign key that an edge of the graph follows leads a whole index: a partial one serves only some rows."""
    followed = [
        "students.school_id",
        "students.class_id",
        "guardians.student_id",
        "placements.student_id",
        "student_versions.student_id",
        "absences.student_id",
        "absences.class_day_id",
        "problem_records.student_id",
        "photos.student_id",
        "photo_entries.import_id",
        "photo_imports.school_id",
        "classes.school_id",
        "classes.campus_id",
        "campuses.school_id",
        "grades.school_id",
        "school_stages.school_id",
        "case_steps.case_id",
        "case_decisions.case_id",
        "case_subjects.student_id",
        "class_days.class_id",
        "schools.parent_id",
        "schools.place_id",
        "places.parent_id",
    ]
    rows = await system.fetch(
        """SELECT c.relname || '.' || a.attname AS led FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
           JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indpred IS NULL"""
    )
    assert set(followed) - {row["led"] for row in rows} == set()
