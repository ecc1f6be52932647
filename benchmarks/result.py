"""What a benchmark found: a table for the terminal, JSON for later, the machine it was measured on."""

import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from hub.postgres import tuning

OUT = Path(__file__).with_name("out")
_console = Console()


@dataclass
class Result:
    """Rows of a benchmark, each a dictionary from heading to value, and the sizes they were measured with."""

    name: str
    sizes: dict[str, Any]
    postgres: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    target: str = ""

    def add(self, **row: Any) -> None:
        """Add a row; the first row's keys are the table's headings."""
        self.rows.append(row)

    def publish(self) -> None:
        """Print the table and write the JSON."""
        table = Table(*self.rows[0], title=self.name, caption=f"target: {self.target}  {_plain(self.sizes)}")
        for row in self.rows:
            table.add_row(*map(_cell, row.values()))
        _console.print(table)
        OUT.mkdir(exist_ok=True)
        content = {
            "name": self.name,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": f"python -m benchmarks {self.name}",
            "commit": _commit(),
            "machine": {**machine(), "postgres": self.postgres, "load_average": os.getloadavg()},
            "sizes": self.sizes,
            "target": self.target,
            "rows": self.rows,
        }
        path = OUT / f"{self.name}.json"
        path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def machine() -> dict[str, Any]:
    """Cores we may use, memory in GiB, processor, Python."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cores": cores,
        "memory_gib": round(tuning.memory() / (1 << 30)),
        "processor": _processor(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }


def spread(values: Iterable[float]) -> dict[str, float]:
    """Median, least and greatest."""
    ordered = sorted(values)
    return {"median": statistics.median(ordered), "least": ordered[0], "most": ordered[-1]}


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), sys.platform)


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=OUT.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _plain(facts: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}" for name, value in facts.items()
    )
