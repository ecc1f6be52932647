"""What was asked: one HTTP request read as GraphQL over HTTP wants it, within limits, before GraphQL sees any of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from hub.errors import (
    BadInput,
    HubError,
    MethodNotAllowed,
    NotAcceptable,
    RateLimited,
    TooComplex,
    TooLarge,
    UnsupportedMedia,
)
from hub.settings import Settings

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
_WILD = ("application/*", "*/*")
_NAMED = 2
SMALL = 64_000
"""Bytes that a request may bring without waiting: fewer than the server takes off the network for nobody yet."""


class Incoming:
    """One HTTP request: what starlette's Request tells of it, with its headers gone through once."""

    __slots__ = ("headers", "host", "method", "query", "receive", "token")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        # Of a header that comes twice the first counts.
        pairs = reversed(scope["headers"])
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
        self.method: str = scope["method"]
        self.query: bytes = scope["query_string"]
        self.receive = receive
        self.token = bearer(self.headers.get("authorization", ""))
        client = scope.get("client")
        self.host: str | None = client[0] if client else None


@dataclass(frozen=True, slots=True)
class Asked:
    """A well-formed request: the document or its hash, and what goes with it."""

    query: str | None
    hash: str | None
    """SHA-256 of the document, hexadecimal: what `extensions.persistedQuery` named."""
    variables: dict[str, Any] | None
    operation: str | None
    by_link: bool = False
    """Whether it came by GET."""


def bearer(header: str) -> str | None:
    """The token of an Authorization header, if it has one."""
    scheme, _, token = header.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def media_type(accept: str) -> str:
    """The media type of the answer. Raises NotAcceptable when the Accept header leaves none.

    Of equal wishes the one named in full wins, and `application/graphql-response+json` before `application/json`;
    without a header, or for `*/*`, it is `application/json`, as the clients of old expect.
    """
    if accept in ("", "*/*", JSON):
        return JSON
    wishes = dict(filter(None, map(_wish, accept.split(","))))
    json, graphql = _wanted(JSON, wishes), _wanted(GRAPHQL, wishes)
    if json[0] <= 0 and graphql[0] <= 0:
        raise NotAcceptable("NOT_ACCEPTABLE", wanted=f"{JSON}, {GRAPHQL}")
    return GRAPHQL if graphql > json or (graphql == json and graphql[1] == _NAMED) else JSON


def status(media: str, error: HubError) -> int:
    """The status of a well-formed request that was refused: `application/json` hides a refusal under 200, but never
    that the hub failed, that the method was wrong, or that it came too soon.
    """
    hidden = media == JSON and error.status < 500 and not isinstance(error, MethodNotAllowed | RateLimited)
    return 200 if hidden else error.status


async def read(request: Incoming, settings: Settings, pace: Callable[[int], Awaitable[None]]) -> Asked:
    """What a request asks; a large one comes as fast as `pace`, told each part's bytes, lets it.

    Raises MethodNotAllowed, UnsupportedMedia, TooLarge, TooComplex or BadInput.
    """
    if request.method == "GET":
        return _by_link(request, settings)
    if request.method != "POST":
        raise MethodNotAllowed("METHOD_NOT_ALLOWED", method=request.method[:20], wanted="POST")
    _check_type(request.headers.get("content-type", ""))
    body = await _body(request, settings.body_limit, pace)
    return understood(_loaded(body, "JSON"), settings)


def understood(asked: Any, settings: Settings, *, by_link: bool = False) -> Asked:
    """What a request's JSON asks. Raises BadInput, and TooComplex for a document or variables beyond the limits."""
    if isinstance(asked, list):
        raise BadInput("BATCH_REFUSED")
    if not isinstance(asked, dict):
        raise BadInput("BAD_REQUEST", detail="JSON object")
    query, operation = _typed(asked, "query", str), _typed(asked, "operationName", str)
    variables, extensions = _typed(asked, "variables", dict), _typed(asked, "extensions", dict)
    if variables or extensions:
        _weigh([variables, extensions], settings)
    named = _hash(extensions or {})
    if named is None and not (query or "").strip():
        raise BadInput("BAD_REQUEST", detail="query")
    if query is not None and len(query) > settings.document_limit:
        raise TooComplex("TOO_COMPLEX", what="文档长度 characters", limit=settings.document_limit)
    if query is not None and "\x00" in query:
        raise BadInput("BAD_TEXT")
    return Asked(query or None, named, variables, operation or None, by_link)


def _wish(part: str) -> tuple[str, float] | None:
    """One media range of an Accept header and how much it is wanted; None where the weight is no number."""
    kind, *parameters = (word.strip().lower() for word in part.split(";"))
    weight = next((word[2:] for word in parameters if word.startswith("q=")), "1")
    try:
        return kind, float(weight)
    except ValueError:
        return None


def _wanted(offered: str, wishes: dict[str, float]) -> tuple[float, int]:
    """How much an offer is wanted, by the closest range that names it, and how close that is."""
    for closeness, kind in zip((_NAMED, 1, 0), (offered, *_WILD), strict=True):
        if kind in wishes:
            return wishes[kind], closeness
    return 0.0, 0


def _check_type(header: str) -> None:
    """Only JSON, in UTF-8: what a foreign page's form can send without asking first is refused."""
    if header == JSON:
        return
    kind, *parameters = (word.strip().lower() for word in header.split(";"))
    charset = next((word[8:].strip('"') for word in parameters if word.startswith("charset=")), "utf-8")
    if kind not in (JSON, GRAPHQL) or charset not in ("utf-8", "utf8"):
        raise UnsupportedMedia("UNSUPPORTED_MEDIA_TYPE", type=header[:60] or "(none)", wanted=JSON)


async def _body(request: Incoming, limit: int, pace: Callable[[int], Awaitable[None]]) -> bytes:
    """The body, never more than the limit of it. Raises TooLarge as soon as more has arrived or is announced."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:20]) > limit:
        raise TooLarge("BODY_TOO_LARGE", limit=limit)
    parts, size, more = [], 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        size, more = size + len(parts[-1]), message.get("more_body", False)
        if size > limit:
            raise TooLarge("BODY_TOO_LARGE", limit=limit)
        if size > SMALL:
            await pace(len(parts[-1]))
    return b"".join(parts)


def _by_link(request: Incoming, settings: Settings) -> Asked:
    """A request that is an address. Its text is taken only where the settings open that; a hash always is."""
    given = QueryParams(request.query)
    if len(given.multi_items()) != len(given):
        raise BadInput("BAD_REQUEST", detail="a parameter twice")
    if "query" in given and not settings.plain_get:
        raise MethodNotAllowed("METHOD_NOT_ALLOWED", method="GET", wanted="POST")
    asked: dict[str, Any] = {name: given[name] for name in ("query", "operationName") if name in given}
    asked |= {name: _loaded(given[name].encode(), name) for name in ("variables", "extensions") if name in given}
    if "query" not in asked and "extensions" not in asked:
        raise MethodNotAllowed("METHOD_NOT_ALLOWED", method="GET", wanted="POST")
    return understood(asked, settings, by_link=True)


def _loaded(text: bytes, name: str) -> Any:
    """JSON, without the NUL that PostgreSQL cannot keep."""
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError):
        raise BadInput("BAD_REQUEST", detail=name) from None
    if b"\\u0000" in text:
        raise BadInput("BAD_TEXT")
    return value


def _typed(asked: dict[str, Any], name: str, kind: type) -> Any:
    value = asked.get(name)
    if value is not None and not isinstance(value, kind):
        raise BadInput("BAD_REQUEST", detail=name)
    return value


def _hash(extensions: dict[str, Any]) -> str | None:
    """The hash that `extensions.persistedQuery` names, if it does."""
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    named = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(named, str) or persisted.get("version") != 1:
        raise BadInput("BAD_REQUEST", detail="extensions.persistedQuery")
    return named.lower()


def _weigh(values: list[Any], settings: Settings) -> None:
    """Refuse JSON of too many values, too long a list or too many levels, level by level and never further."""
    count, level = 0, 0
    while values:
        level += 1
        if level > settings.nesting_limit:
            raise _too_much("层数 levels", settings.nesting_limit)
        below: list[Any] = []
        for value in values:
            if isinstance(value, list) and len(value) > settings.list_limit:
                raise _too_much("列表长度 length of a list", settings.list_limit)
            count += len(value or ())
            if count > settings.value_limit:
                raise _too_much("值的个数 values", settings.value_limit)
            below += value.values() if isinstance(value, dict) else value or ()
        values = [value for value in below if isinstance(value, dict | list)]


def _too_much(what: str, limit: int) -> TooComplex:
    return TooComplex("VARIABLES_TOO_LARGE", what=what, limit=limit)
