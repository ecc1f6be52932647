"""What a signed link may lead to: the bytes of one thing, by the kind that the link names."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hub.caller import Caller
from hub.db import Database
from hub.files import Files
from policies import Policy

SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
"""The media type of a workbook."""


@dataclass(frozen=True, slots=True)
class Download:
    """Bytes to be served, of a media type; under a name if they are to be saved rather than shown."""

    data: bytes
    media_type: str
    name: str | None = None


Open = Callable[[Database, Policy, Files, Caller, str], Awaitable[Download]]
"""Opens a thing by its key for a caller, who has reached it by a link: judges today's right and reach anew.

Raises NotFound for whatever the caller may not have.
"""
