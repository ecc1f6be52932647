"""What a running server says about itself in its postmaster.pid, and how it is reached."""

import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from hub.postgres import programs
from hub.postgres.failure import PostgresFailed

_PATIENCE = 5.0
# "May we speak TLS?", the one question that PostgreSQL answers before it knows who asks: S or N.
_QUESTION, _ANSWERS = bytes.fromhex("0000000804d2162f"), (b"S", b"N")


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A server: its process, its address (a socket's folder, or a host), and whether it calls itself ready."""

    pid: int
    port: int
    socket_folder: str
    host: str
    ready: bool

    def url(self, role: str, password: str, database: str) -> str:
        """The address of a database on this server."""
        role, database = quote(role, safe=""), quote(database, safe="")
        if self.socket_folder:
            place, tail = "", f"?host={quote(self.socket_folder, safe='')}&port={self.port}"
        else:
            place, tail = f"{self.host}:{self.port}", ""
        return f"postgresql://{role}:{password}@{place}/{database}{tail}"

    def answers(self) -> bool:
        """Whether it is ready and answers: its file outlives a server that was killed, its socket nearly so."""
        if not self.ready:
            return False
        family = socket.AF_UNIX if self.socket_folder else socket.AF_INET
        path = f"{self.socket_folder}/.s.PGSQL.{self.port}"
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(_PATIENCE)
            try:
                probe.connect(path if self.socket_folder else (self.host, self.port))
                probe.sendall(_QUESTION)
                return probe.recv(1) in _ANSWERS
            except OSError:
                return False

    def alive(self, data: Path) -> bool:
        """Whether its process number is that of a server of this folder, not of a later process with the same."""
        process = Path(f"/proc/{self.pid}")
        if process.parent.joinpath("self").exists():
            try:
                return str(data).encode() in process.joinpath("cmdline").read_bytes().split(b"\0")
            except OSError:
                return False
        return str(data) in programs.run(["/bin/ps", "-o", "command=", "-p", str(self.pid)]).stdout


def read(data: Path) -> Postmaster | None:
    """The server of a data folder as its postmaster.pid has it, None if there is none or it is half written.

    Raises PostgresFailed if the folder is closed to us.
    """
    try:
        lines = (data / "postmaster.pid").read_text(errors="surrogateescape").splitlines()
        pid, _, _, port, socket_folder, host, _, status = lines[:8]
        return Postmaster(int(pid), int(port), socket_folder, host, status.strip() == "ready")
    except (FileNotFoundError, ValueError):
        return None
    except PermissionError as error:
        raise PostgresFailed(f"Not ours: {error}.", advice="Start the hub as the user who owns the folder.") from None
