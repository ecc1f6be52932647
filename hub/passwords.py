"""Passwords: argon2id, in a thread, few at a time, so that a hundred sign-ins do not stop the hub."""

import asyncio
import re
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hub.errors import BadInput

LONGEST = 1024
"""Characters; anything longer is refused before hashing."""
_AT_ONCE = asyncio.Semaphore(2)
_hasher = PasswordHasher()


async def make(password: str) -> str:
    """The hash to keep for a password."""
    async with _AT_ONCE:
        return await asyncio.to_thread(_hasher.hash, password)


async def fits(password: str, kept: str | None) -> bool:
    """Whether a password is the kept one. Without a kept one the work is done all the same: time tells nothing."""
    async with _AT_ONCE:
        return await asyncio.to_thread(_verify, password, kept)


def check(password: str, username: str, shortest: int) -> None:
    """Refuse a password that 等保 would not accept: letters, digits and symbols, long enough, without the user name.

    Raises BadInput.
    """
    kinds = [r"[^\W\d_]", r"\d", r"[^\w\s]|_"]
    weak = not shortest <= len(password) <= LONGEST or username.lower() in password.lower()
    if weak or not all(re.search(kind, password) for kind in kinds):
        raise BadInput("WEAK_PASSWORD", field="newPassword", length=shortest)


def _verify(password: str, kept: str | None) -> bool:
    try:
        return _hasher.verify(kept or _nobody(), password[:LONGEST]) and kept is not None and len(password) <= LONGEST
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    return _hasher.hash("nobody has this password")
