"""Gives up root, then becomes another program or reports what it may touch. Run as a file, never imported.

    drop.py UID GID CAPABILITY run PROGRAM ARGUMENT...
    drop.py UID GID CAPABILITY may MODE PATH [MODE PATH]...

PostgreSQL refuses to run as root. CAPABILITY is the number of the one right of root's that is kept (Linux), so that the
program reaches folders below closed parents without anybody's rights being changed; 0 keeps none.
`may` ends with status 0 if every path allows its mode (as of `os.access`), else 1. It is a program of its own because
what runs between fork and exec in a process with threads may block for ever.
"""

import ctypes
import os
import sys

_SECURE_BITS, _NO_SETUID_FIXUP, _NO_NEW_PRIVILEGES, _AMBIENT, _RAISE = 28, 1 << 2, 38, 47, 2
_VERSION_3 = 0x20080522


def _become(uid: int, gid: int, capability: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if libc and capability:
        # Rights outlive setuid, and access(2), by which PostgreSQL finds itself, counts them in.
        _check(libc.prctl(_SECURE_BITS, _NO_SETUID_FIXUP, 0, 0, 0))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if libc and capability:
        bit = 1 << capability
        header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
        rights = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
        _check(libc.capset(header, rights))
        _check(libc.prctl(_AMBIENT, _RAISE, capability, 0, 0))
    if libc:
        _check(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _main(uid: str, gid: str, capability: str, deed: str, *words: str) -> None:
    _become(int(uid), int(gid), int(capability))
    if deed == "run":
        os.execv(words[0], words)  # noqa: S606
    sys.exit(not all(os.access(path, int(mode)) for mode, path in zip(words[::2], words[1::2], strict=True)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
