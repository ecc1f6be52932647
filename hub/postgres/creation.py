"""The first start: an empty database in a folder, whole or not at all."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from hub.postgres import programs, runner
from hub.postgres.failure import PostgresFailed

# The builtin provider sorts by code point like C, on every system alike, but knows the letters of all scripts.
_SHAPE = (
    *("--username=postgres", "--auth=scram-sha-256", "--data-checksums"),
    *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
)


def create(data: Path, password: str, settings_file: Path, *, durable: bool, lock: int) -> None:
    """Makes the data folder with superuser `postgres` and database `hub`.

    All is made beside it and renamed at the end, so a folder of this name is always complete. The programs inherit
    the lock. Raises PostgresFailed.
    """
    draft, secret = data.with_name(data.name + ".new"), data.with_name("password.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(0o700)
    named = runner.creator()
    named.own(draft)
    try:
        keep(secret, password)
        named.own(secret)
        maker = runner.able(named, programs.needed() | {draft: os.R_OK | os.W_OK | os.X_OK, secret: os.R_OK})
        words = [f"--pgdata={draft}", f"--pwfile={secret}", *_SHAPE, *([] if durable else ["--no-sync"])]
        _run(maker.command(programs.program("initdb"), *words), lock)
    finally:
        secret.unlink(missing_ok=True)
    words = ["--single", *([] if durable else ["-F"]), "-D", str(draft), "postgres"]
    create_hub = "CREATE DATABASE hub TEMPLATE template0 ENCODING 'UTF8';\n"
    _run(maker.command(programs.program("postgres"), *words), lock, create_hub)
    with (draft / "postgresql.conf").open("a") as conf:
        conf.write(f"\ninclude '../{settings_file.name}'\n")
        conf.flush()
        os.fsync(conf.fileno())
    runner.keeper().own(draft)
    draft.rename(data)
    _sync(data.parent)


def keep(file: Path, secret: str) -> None:
    """Writes a secret to a file that only we may read, durably."""
    file.unlink(missing_ok=True)
    file.touch(0o600, exist_ok=False)
    with file.open("w") as opened:
        opened.write(secret)
        opened.flush()
        os.fsync(opened.fileno())
    _sync(file.parent)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    os.fsync(opened)
    os.close(opened)


def _run(command: Sequence[str], lock: int, text: str = "") -> None:
    done = programs.run(command, text, (lock,))
    # A single-user server ends with status 0 whatever became of its statements.
    if done.returncode or "ERROR:" in done.stderr:
        said = (done.stdout + done.stderr).splitlines()[-10:]
        raise PostgresFailed("PostgreSQL could not set up a new database.", said)
