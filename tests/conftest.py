"""Real PostgreSQL for every test: one cluster per run, one migrated database, wiped after a test that wrote."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import asyncpg
import httpx
import hypothesis
import pytest
from starlette.applications import Starlette

from hub import db, migrate, seed
from hub.app import build
from hub.postgres import Cluster
from hub.settings import Settings
from tests.business import Counter, make_leaders
from tests.desk import BORN, Desk, make_id
from tests.form import Form, make_sound
from tests.province import COUNTY_A, Province, make_caller, make_student
from tests.slate import Slate

LONGEST = (
    *(
        "test_import_faults",
        "test_graphiql",
        "test_graphiql_uploads",
        "test_cli",
        "test_fuzz",
        "test_packaging",
        "test_postgres",
        "test_accounts",
    ),
    *("test_workers", "test_intake_cells", "test_trial", "test_trial_races", "test_counts", "test_path_check"),
    *("test_import_jobs", "test_live", "test_crowded_sockets", "test_intake_memory", "test_bounds", "test_migrations"),
)
FOLLOWING = pytest.StashKey[Any]()
"""The names of the fixtures of the test that comes next."""

hypothesis.settings.register_profile("patient", hypothesis.settings.default, deadline=None)  # busy machines
hypothesis.settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: of several processes none is left with one of them at the end."""
    places = {f"{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    item.session.stash[FOLLOWING] = getattr(nextitem, "fixturenames", ())


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), settings={"fsync": "off", "synchronous_commit": "off"})
    with cluster.serving():
        yield cluster


@pytest.fixture(scope="session")
async def settings(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = make_settings(cluster, "hub", home=tmp_path_factory.mktemp("home"))
    await migrate.upgrade(settings, password=cluster.password)
    await seed.seed(settings)
    return settings


def make_settings(cluster: Cluster, database: str, **overrides: object) -> Settings:
    urls = {
        "database_url": cluster.url("postgres", database),
        "app_database_url": cluster.url("hub_app", database),
        "read_database_url": cluster.url("hub_read", database),
        "system_database_url": cluster.url("hub_system", database),
        "fold_seconds": 0.0,
        "erase_seconds": 0.0,
    }
    return Settings(**(urls | overrides))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
async def slate(settings: Settings) -> AsyncIterator[Slate]:
    slate = await Slate.of(settings)
    yield slate
    await slate.owner.close()


@pytest.fixture
async def system(settings: Settings, slate: Slate, request: pytest.FixtureRequest) -> AsyncIterator[asyncpg.Connection]:
    """A connection as hub_system; every row written by the test is gone after it."""
    connection = await db.system_door(settings).connect()
    yield connection
    await connection.close()
    if "province" not in request.session.stash[FOLLOWING]:
        await slate.wipe()


@pytest.fixture
async def province(system: asyncpg.Connection, slate: Slate) -> Province:
    """The small province of the threats, with its signed-in callers."""
    return await slate.province()


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[Starlette]:
    app = build(replace(settings, session_cache=0.0, pool_timeout=30.0, document_share=1.0, refusal_rate=1e6))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def http(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """The hub over HTTP, in this process."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        yield client


Ask = Callable[..., Any]


@pytest.fixture
def ask(http: httpx.AsyncClient, province: Province) -> Ask:
    """Ask the hub as one of the province's callers (None: nobody): the whole answer as JSON."""

    async def asked(caller: str | None, query: str, variables: dict[str, Any] | None = None, **headers: str) -> Any:
        if caller is not None:
            headers["authorization"] = f"Bearer {province.tokens[caller]}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await http.post("/graphql", json={"query": query, "variables": variables}, headers=named)
        answer = response.json()
        answer.pop("extensions", None)
        return answer

    return asked


@pytest.fixture
async def once_more(settings: Settings, system: asyncpg.Connection) -> AsyncIterator[None]:
    """The register is on trial again after the test. The hub knows no way back: this is a superuser without triggers."""
    yield
    owner = await asyncpg.connect(settings.database_url)
    await owner.execute(
        """SET session_replication_role = replica;
        UPDATE register SET state = 'TRIAL', requested_by = NULL, requested_at = NULL, ended_by = NULL, ended_at = NULL,
                            files_until = NULL, files_erased_at = NULL"""
    )
    await owner.close()


@pytest.fixture
def desk(http: httpx.AsyncClient, ask: Ask, province: Province) -> Desk:
    return Desk(http, ask, province)


@pytest.fixture
def form(ask: Ask, province: Province) -> Form:
    return Form(ask, province)


@pytest.fixture
async def pupil(system: asyncpg.Connection, province: Province) -> str:
    """The short name of a sound pupil of A1."""
    return await make_sound(system, province)


@pytest.fixture
async def counter(ask: Ask, province: Province, system: asyncpg.Connection) -> Counter:
    """The counter of cases, with the leaders who decide them."""
    await make_leaders(system, province)
    return Counter(ask, province)


@pytest.fixture
async def record(province: Province, system: asyncpg.Connection) -> int:
    """The open record of 王一, who shares a number with 王二 of the same county."""
    born = date(BORN, 3, 15)
    for short, where, name in (("p", "A1-1", "王一"), ("q", "A2-1", "王二")):
        await make_student(system, province, short, where, id_number=make_id(1), name=name, birth_date=born)
    await system.execute("SELECT detect_problems($1, '{}')", [province.ids["p"], province.ids["q"]])
    await make_caller(system, province, "leaderA", [("county_leader", COUNTY_A)])
    found: int = await system.fetchval("SELECT id FROM problem_records WHERE student_id = $1", province.ids["p"])
    return found


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that reads send, as they are sent."""
    sent: list[str] = []
    for name in ("fetch", "fetchval", "fetchrow"):
        original = getattr(asyncpg.Connection, name)

        def noted(self: Any, query: str, *given: Any, _original: Any = original, **rest: Any) -> Any:
            sent.append(query)
            return _original(self, query, *given, **rest)

        monkeypatch.setattr(asyncpg.Connection, name, noted)
    return sent
