"""How answers leave the hub: with the headers that keep a browser safe; errors coded, in the caller's language, without
a name, a number or a statement in them.
"""

import secrets
from collections.abc import Iterable
from typing import Any

import asyncpg
import structlog
from graphql import GraphQLError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hub.db import EXPIRED, LOST
from hub.errors import BadInput, HubError, Language, Unavailable

log = structlog.get_logger("hub")

SECURITY = (
    (
        b"content-security-policy",
        (
            b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none';"
            b" form-action 'self'; frame-ancestors 'none'"
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
"""Headers of every answer."""


def language(header: str) -> Language:
    """Chinese, unless an Accept-Language header prefers English."""
    if not header:
        return "zh"
    wanted = [part.split(";")[0].strip().lower() for part in header.split(",")]
    for tag in wanted:
        if tag.startswith(("zh", "en")):
            return "en" if tag.startswith("en") else "zh"
    return "zh"


def formatted(error: GraphQLError, speech: Language) -> dict[str, Any]:
    """A GraphQL error as the answer shows it."""
    known = known_as(error)
    answer: dict[str, Any] = {"message": known.text(speech)}
    if error.locations:
        answer["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        answer["path"] = list(error.path)
    answer["extensions"] = known.extensions(speech)
    return answer


def refusal(error: HubError, speech: Language) -> dict[str, Any]:
    """The answer to a request that never became GraphQL."""
    return {"errors": [{"message": error.text(speech), "extensions": error.extensions(speech)}]}


def known_as(error: GraphQLError) -> HubError:
    """The hub's own error behind a GraphQL error; what nobody expected becomes INTERNAL, logged with a reference."""
    cause: BaseException | None = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, HubError):
        return cause
    if cause is None or isinstance(cause, GraphQLError):
        return BadInput("BAD_DOCUMENT", detail=error.message)
    return unexpected(cause)


def unexpected(cause: BaseException) -> HubError:
    """What a raw exception is to a caller. Its kind and place are logged, never its text: that may hold a child."""
    told = cause.orig.__cause__ if isinstance(cause, DBAPIError) and cause.orig else cause
    if isinstance(told, EXPIRED):
        return Unavailable("TIMEOUT")
    if _lost(cause, told):
        return Unavailable()
    reference = secrets.token_hex(6)
    state = told.sqlstate if isinstance(told, asyncpg.PostgresError) else None
    log.error("unexpected", reference=reference, kind=type(cause).__name__, sqlstate=state, at=list(_places(cause)))
    return HubError("INTERNAL", correlation=reference)


def _lost(cause: BaseException, told: BaseException | None) -> bool:
    """Whether the database is out of reach. asyncpg's word for a value that does not fit its column is no loss."""
    if isinstance(told, ValueError):
        return False
    invalidated = isinstance(cause, DBAPIError) and cause.connection_invalidated
    return invalidated or isinstance(cause, (*LOST, PoolTimeout)) or isinstance(told, asyncpg.PostgresConnectionError)


def _places(cause: BaseException) -> Iterable[str]:
    trace = cause.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        yield f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next
