"""The settings of the hub's own PostgreSQL, scaled to the machine."""

import os
from collections.abc import Mapping
from pathlib import Path

_MB = 1 << 20
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108


def memory() -> int:
    """Bytes of memory we may use: the machine's, or less in a container."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _CGROUP_LIMIT.read_text().strip() if _CGROUP_LIMIT.exists() else "max"
    return min(machine, int(limit)) if limit.isdigit() else machine


def settings(log: Path, memory: int) -> dict[str, str]:
    """PostgreSQL's settings for this much memory in bytes, logging into a folder.

    What people send may hold pupils' data, and an error repeats it ("Key (idno)=(...) already exists"). So the log
    keeps what happens to the server (LOG, FATAL, PANIC) and nothing that a statement causes.
    """
    return {
        "cluster_name": "xueji-hub",
        "max_connections": "100",
        "shared_buffers": _megabytes(memory // 4, 128, 2048),
        "effective_cache_size": _megabytes(memory // 2, 256, 1 << 20),
        "work_mem": _megabytes(memory // 512, 4, 64),
        "maintenance_work_mem": _megabytes(memory // 16, 64, 1024),
        "fsync": "on",
        "synchronous_commit": "on",
        "max_wal_size": "4GB",
        "checkpoint_completion_target": "0.9",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "Asia/Shanghai",
        "lc_messages": "C",
        "password_encryption": "scram-sha-256",
        **_dynamic_memory(),
        "logging_collector": "on",
        "log_directory": str(log),
        "log_filename": "postgresql-%a.log",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
        "log_timezone": "Asia/Shanghai",
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_statement": "none",
        "log_min_duration_statement": "-1",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_error_verbosity": "terse",
    }


def render(settings: Mapping[str, str]) -> str:
    """The text of a settings file."""
    return "".join(f"{name} = '{_escape(value)}'\n" for name, value in settings.items())


def _dynamic_memory() -> dict[str, str]:
    """A container's /dev/shm is often 64 MB, where a parallel query fails; files do not."""
    if not _SHARED_MEMORY.exists():
        return {}
    status = os.statvfs(_SHARED_MEMORY)
    return {"dynamic_shared_memory_type": "mmap"} if status.f_frsize * status.f_blocks < 256 * _MB else {}


def _megabytes(amount: int, least: int, most: int) -> str:
    return f"{max(least, min(most, amount // _MB))}MB"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
