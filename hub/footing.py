"""What a command stands on: a database that is migrated, a port that is free."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from hub import terminal
from hub.errors import Conflict
from hub.postgres import Cluster
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.backfill import Progress as Follow

DATABASE = "hub"


@contextmanager
def database(processes: int | None = None) -> Iterator[Settings]:
    """Settings with a migrated database behind them, for so many serving processes: the database that the environment
    names, or the embedded one.
    """
    settings = Settings.read()
    settings = replace(settings, workers=processes or settings.workers)
    if settings.database_url:
        asyncio.run(migrated(settings, None))
        yield settings
        return
    home = settings.home.absolute()
    with Cluster(home / "postgres", settings={"max_connections": str(_connections(settings))}).serving() as cluster:
        settings = replace(
            settings,
            home=home,
            database_url=cluster.url("postgres", DATABASE),
            app_database_url=cluster.url("hub_app", DATABASE),
            read_database_url=cluster.url("hub_read", DATABASE),
            system_database_url=cluster.url("hub_system", DATABASE),
        )
        asyncio.run(migrated(settings, cluster.password))
        yield settings


def look(port: int | None) -> None:
    """See that the port is free before anything else is done. Raises Conflict with the system's reason if it is not."""
    settings = Settings.read()
    address = (settings.host, port or settings.port)
    try:
        [family, kind, protocol, _, place] = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as uvicorn: what just ended is no bar
            tried.bind(place)
    except OSError as error:
        raise Conflict("CANNOT_LISTEN", host=address[0], port=address[1], reason=error.strerror) from error


def _connections(settings: Settings) -> int:
    """How many connections the embedded server allows: every pool of every process full, and some for commands."""
    return max(100, settings.workers * (settings.read_pool + 2 * settings.write_pool) + 20)


async def migrated(settings: Settings, password: str | None) -> None:
    """Bring the database up to date, what is derived in it too; `password` as `hub.migrate.upgrade` takes it."""
    from hub import backfill, migrate, seed

    await migrate.upgrade(settings, password=password)
    await seed.seed(settings)
    with ExitStack() as shown:
        bars: list[Follow] = []

        def follow(what: str, done: int, total: int) -> None:
            if not bars:  # a bar that is never told anything would still leave an empty line
                bars.append(terminal.followed(shown.enter_context(terminal.bar())))
            bars[0](what, done, total)

        await backfill.fill(settings, follow)
