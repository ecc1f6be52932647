"""The fuzz as a command: over the register at hand, or over a small odd one in a database of its own."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import policies
from hub import db, migrate, seed
from hub.fuzz import register
from hub.fuzz.draw import Drawer
from hub.fuzz.engine import Engine, open_moment, unbudgeted
from hub.fuzz.oracle import Oracle
from hub.fuzz.trial import Tally, Trial
from hub.postgres import Cluster
from hub.settings import Settings

Progress = Callable[[int], None]


async def run(settings: Settings, documents: int, seed_: int, policy: str | None, progress: Progress) -> Tally:
    """Fuzz the register behind the settings, under the policy in force or another's text. Nothing is written.

    The whole register is read into memory, so this is for a sample or a county, not for millions. Raises ValueError
    for a register without pupils, PolicyInvalid.
    """
    async with open_trial(settings, policy) as trial:
        if not trial.oracle.rows.all("students"):
            raise ValueError("学籍库为空 The register is empty: plant one with hub sample, or add --own.")
        gc.freeze()
        return await trial.run(documents, seed_, progress)


@asynccontextmanager
async def open_trial(settings: Settings, policy: str | None = None) -> AsyncIterator[Trial]:
    """The hub, the oracle and the drawer over one frozen moment of a register."""
    async with open_moment(settings) as (moment, rows):
        text = policy or await moment.connection.fetchval("SELECT text FROM policy_versions ORDER BY id DESC LIMIT 1")
        held = policies.load(text)
        engine = Engine(moment, held, unbudgeted(settings))
        oracle = Oracle(rows, held, settings.page_limit, settings.filter_limit, moment.now)
        yield Trial(engine, oracle, Drawer(engine.schema, rows))


async def run_own(settings: Settings, documents: int, seed_: int, policy: str | None, progress: Progress) -> Tally:
    """Fuzz a small register in which everything odd happens, in a database that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="hub-fuzz-") as folder:
        cluster = Cluster(Path(folder) / "postgres", settings={"fsync": "off"})
        with cluster.serving():
            own = replace(
                settings,
                database_url=cluster.url("postgres", "hub"),
                app_database_url=cluster.url("hub_app", "hub"),
                read_database_url=cluster.url("hub_read", "hub"),
                system_database_url=cluster.url("hub_system", "hub"),
            )
            await migrate.upgrade(own, password=cluster.password)
            await seed.seed(own)
            connection = await db.system_door(own).connect()
            await register.plant(connection)
            await connection.close()
            return await run(own, documents, seed_, policy, progress)
