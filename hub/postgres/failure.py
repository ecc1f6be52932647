"""What to tell an operator when the hub's own PostgreSQL does not do as it is told."""

from collections.abc import Iterable

_ADVICE = {
    "No space left on device": "The disk is full: free some space, then start again; nothing is lost.",
    "Disk quota exceeded": "The quota of this disk is used up: free some space, then start again; nothing is lost.",
    "Address already in use": "Another program took the port: start again, another one will be chosen.",
    "could not map anonymous shared memory": "Too little memory: set shared_buffers lower or close other programs.",
    "Cannot allocate memory": "Too little memory: set shared_buffers lower or close other programs.",
    "unrecognized configuration parameter": "A setting has a name that this PostgreSQL does not know: correct it.",
    "invalid value for parameter": "A setting has a value that PostgreSQL does not accept: correct it.",
    "is another postmaster": "A server not started by the hub uses this folder: stop it with pg_ctl, then start again.",
    "Permission denied": "The folder belongs to another user: start as that user, or choose another folder.",
    "could not locate a valid checkpoint record": "The data files are damaged: restore the last backup.",
    "database files are incompatible": "Another build of PostgreSQL made the folder: dump it there, load it here.",
}


class PostgresFailed(RuntimeError):
    """PostgreSQL could not be started, reached or stopped; the text says what it said last and what to do."""

    def __init__(self, what: str, lines: Iterable[str] = (), advice: str | None = None) -> None:
        lines = list(lines)
        said = "".join(f"\n  {line}" for line in lines)
        super().__init__(f"{what}{said}\n{advice or _advise(lines)}")


def _advise(lines: list[str]) -> str:
    text = "\n".join(lines)
    return next((advice for sign, advice in _ADVICE.items() if sign in text), "Put this right, then start again.")
