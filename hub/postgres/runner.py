"""Who runs PostgreSQL's programs: the hub's own user, or for a hub that runs as root a user without rights."""

import os
import pwd
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hub.postgres import drop, programs
from hub.postgres.failure import PostgresFailed

_NOTHING, _DAC_OVERRIDE, _DAC_READ_SEARCH = 0, 1, 2
# Numbers that neither Debian nor systemd hands out, inside the 65536 that a container usually maps.
_FREE_NUMBERS = range(65520, 65534)
_ADVICE = "Start the hub as an ordinary user, or choose a folder below one that everybody may pass, such as /var/lib."


@dataclass(frozen=True, slots=True)
class Runner:
    """A user, and the one right of root's it keeps; `uid` None is whoever we are."""

    uid: int | None = None
    gid: int = 0
    capability: int = _NOTHING

    def command(self, program: Path, *words: str) -> list[str]:
        """The command line that runs a program as this user."""
        return [*self._dropping("run"), str(program), *words]

    def may(self, modes: Mapping[Path, int]) -> bool:
        """Whether this user may use each path in its mode (as of `os.access`)."""
        if self.uid is None:
            return all(os.access(path, mode) for path, mode in modes.items())
        words = [word for path, mode in modes.items() for word in (str(mode), str(path))]
        return programs.run([*self._dropping("may"), *words]).returncode == 0

    def own(self, path: Path) -> None:
        """Gives a file or folder, and all below it, to this user. Raises PostgresFailed if root may not, here."""
        if self.uid is None:
            return
        try:
            for folder, _, files in os.walk(path):
                for name in (folder, *(os.path.join(folder, file) for file in files)):  # noqa: PTH118  a hot loop
                    os.chown(name, self.uid, self.gid, follow_symlinks=False)
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        except OSError as error:
            what = f"PostgreSQL refuses root, and root may not give {path} to user {self.uid}: {error.strerror}."
            raise PostgresFailed(what, advice=_ADVICE) from None

    def _dropping(self, deed: str) -> list[str]:
        if self.uid is None:
            return []
        drop_ = str(Path(drop.__file__))
        return [sys.executable, "-I", "-S", drop_, str(self.uid), str(self.gid), str(self.capability), deed]


def creator() -> Runner:
    """Who runs initdb: it insists on a user with a name.

    Raises PostgresFailed if we are root and there is no other named user.
    """
    if os.geteuid() != 0:
        return Runner()
    users = sorted((user for user in pwd.getpwall() if user.pw_uid), key=lambda user: user.pw_name != "nobody")
    if not users:
        raise PostgresFailed("PostgreSQL refuses to be set up by root, and there is no other user.", advice=_ADVICE)
    return Runner(users[0].pw_uid, users[0].pw_gid)


def keeper() -> Runner:
    """Who owns a new database and runs its server: as root, a number that nobody else runs under."""
    if os.geteuid() != 0:
        return Runner()
    taken = {user.pw_uid for user in pwd.getpwall()}
    free = next((number for number in _FREE_NUMBERS if number not in taken), None)
    return creator() if free is None else Runner(free, free)


def owner(folder: Path) -> Runner:
    """Who runs the server of an existing folder: as root, whoever owns it.

    Raises PostgresFailed if it belongs to somebody else and we are not root.
    """
    found = folder.stat()
    if os.geteuid() != 0:
        if found.st_uid != os.geteuid():
            raise PostgresFailed(f"{folder} belongs to user {found.st_uid}.", advice="Start the hub as that user.")
        return Runner()
    return Runner(found.st_uid, found.st_gid) if found.st_uid else keeper()


def able(runner: Runner, modes: Mapping[Path, int]) -> Runner:
    """The same user with the least of root's rights that lets it use every path, most often none.

    A parent folder closed to others (a virtual environment below /root) is passed with CAP_DAC_READ_SEARCH, or where a
    container withholds that from root, CAP_DAC_OVERRIDE. Raises PostgresFailed if neither is enough.
    """
    for capability in (_NOTHING, _DAC_READ_SEARCH, _DAC_OVERRIDE):
        candidate = Runner(runner.uid, runner.gid, capability)
        if candidate.may(modes):
            return candidate
    if not Runner(runner.uid, runner.gid).may({}):
        raise PostgresFailed(f"PostgreSQL refuses root, which cannot become user {runner.uid} here.", advice=_ADVICE)
    paths = [str(path) for path in modes]
    raise PostgresFailed(f"PostgreSQL, as user {runner.uid}, may not use all of:", paths, _ADVICE)
