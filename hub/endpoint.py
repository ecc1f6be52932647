"""/graphql: one request read, answered and written, with as little between as there can be."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any, Self, TypeVar

import orjson
from graphql import GraphQLError, OperationType
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

import policies
from hub import answers, asked, caller, clock, head
from hub.accounts import Sessions
from hub.asked import Asked, Incoming, bearer
from hub.caller import Account
from hub.errors import (
    BadInput,
    HubError,
    Language,
    MethodNotAllowed,
    RateLimited,
    TooComplex,
    Unauthenticated,
    Unavailable,
)
from hub.files import Files
from hub.spending import Spending
from hub.turns import Shares
from hub.watch import Watch
from loaders import read, seam
from loaders.fragment import default
from loaders.read import Reader, Reading
from schema.context import Context
from schema.documents import Known
from schema.root import HubSchema

T = TypeVar("T")

_HEADERS = {"cache-control": "no-store"}
_LINES = {
    media: b"".join(
        b"%b: %b\r\n" % line
        for line in (
            *((name.encode(), value.encode()) for name, value in _HEADERS.items()),
            (b"content-type", media.encode()),
            *answers.SECURITY,
        )
    )
    for media in (asked.JSON, asked.GRAPHQL)
}
"""The header lines of an answer of each media type, but for its length."""
_SOON = 0.05
"""Seconds after which a query is watched: by then most are answered."""
_LONGEST_ARRIVAL, _LONGEST_REFUSAL, _REFUSALS_AT_ONCE = 10.0, 2.0, 5.0
"""Seconds a large request may wait to arrive; a refusal to be told; and of refusals that a client may have at once."""
_MOST_CHARGED = 0.1
"""Seconds of a query's work that its client is charged for going: who leaves a slow one now and then never notices."""


@dataclass(slots=True)
class Hub:
    """The means of one process: the schema, the reader with its pools and plans, sessions, files."""

    schema: HubSchema
    reader: Reader
    sessions: Sessions
    files: Files
    policy_id: int | None = None
    shares: Shares[str | None] = field(init=False)
    arrivals: Shares[str | None] = field(init=False)
    """The seconds that each client's large requests are given to arrive in."""
    refusals: Shares[str | None] = field(init=False)
    """The seconds over which each client's refusals are told."""
    abandoned: Shares[str | None] = field(init=False)
    """The time of each client's queries that it did not wait for."""
    spending: Spending = field(init=False)
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        settings = self.reader.settings
        self.shares = Shares(settings.document_share, settings.document_burst)
        self.arrivals = Shares(1.0, settings.body_burst / settings.body_rate)
        self.refusals = Shares(1.0, _REFUSALS_AT_ONCE)
        self.abandoned = Shares(settings.abandoned_share, settings.abandoned_burst)
        self.spending = Spending(self.reader.database)
        self.watch = Watch(self.reader.database)

    async def context(self, headers: Mapping[str, str], document: str = "") -> Context:
        """Who asks, as their headers say. An unknown token is nobody: only fields that need somebody refuse."""
        speech = answers.language(headers.get("accept-language", ""))
        token, role = bearer(headers.get("authorization", "")), headers.get("hub-role")
        context = Context(self.reader, self.sessions, self.files, speech, token, role)
        await self.recognise(context, document)
        return context

    async def recognise(self, context: Context, document: str = "") -> None:
        """Look up whose a context's token is, and what they may do by now. Raises Forbidden for a role not held."""
        context.recognise(None, None)
        if context.token is None:
            return
        account: Account | None = None
        with suppress(Unauthenticated):
            account = await self.sessions.find(context.token)
        await self.follow_policy()
        reading = self._reading(account, context.role, document) if account else None
        context.recognise(account, reading)

    def _reading(self, account: Account, role: str | None, document: str) -> Reading:
        return Reading(self.reader, caller.act(account, role, clock.now()), document)

    async def follow_policy(self) -> None:
        """Swap in the policy in force when the session look-up saw a newer one. A bad one is refused: closed."""
        if self.sessions.policy == self.policy_id or self.sessions.policy is None:
            return
        wanted = self.sessions.policy
        async with self.reader.database.reading() as connection:
            text = await connection.fetchval("SELECT text FROM policy_versions WHERE id = $1", wanted)
        self.reader.policy = policies.load(text)
        self.policy_id = wanted

    async def take_in(self, size: int, token: str | None, host: str | None) -> None:
        """Wait until a client may bring so many bytes more: taking them in takes everybody's time.

        Raises RateLimited if that would be long.
        """
        rate = self.reader.settings.body_rate
        if not await self.arrivals.take(self.client(token, host), size / rate, _LONGEST_ARRIVAL):
            raise RateLimited("TOO_MUCH_AT_ONCE", limit=rate, details={"retryAfter": ceil(_LONGEST_ARRIVAL)})

    async def know(self, query: str, token: str | None, host: str | None) -> Known:
        """A document: one never seen before when its client has time for it, since reading it takes everybody's."""
        documents = self.schema.documents
        if self.reader.settings.document_share >= 1 or documents.knows(query):
            return documents.know(query)
        who = self.client(token, host)
        return await self.shares.work(who, lambda: documents.learn(query), lambda: documents.kept.get(query))

    def charge(self, reading: Reading, token: str | None, host: str | None) -> None:
        """Charge an account for what it read, and a client for the plans that its new document took, too."""
        self.spending.note(reading.caller.account.id, reading.paid)
        if reading.compiled:
            ended = asyncio.get_running_loop().time()
            self.shares.note(self.client(token, host), ended - reading.compiled, ended)

    def client(self, token: str | None, host: str | None) -> str | None:
        """Whose share a request takes: an account's, however often it has signed in; a made-up token is nobody's."""
        account = None if token is None else self.sessions.remembered(token)
        return host if account is None else f"account:{account}"


_Written = tuple[bytes, bool, bool]
"""An answer's bytes, whether the operation was executed at all, and whether it gave errors and nothing else."""


class Gone(Exception):
    """The client closed its connection: nobody waits for the answer."""


class GraphQLEndpoint:
    """The ASGI endpoint of /graphql: GraphQL over HTTP, as its specification says."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.settings = hub.reader.settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Incoming(scope, receive)
        speech = answers.language(request.headers.get("accept-language", ""))
        media = asked.JSON
        response: ASGIApp
        try:
            media = asked.media_type(request.headers.get("accept", ""))
            response, refused = await self._answer(request, media, speech)
        except HubError as error:
            response, refused = _refusal(error, speech, media, error.status), True
        except (ClientDisconnect, Gone):
            return
        except Exception as cause:
            known = answers.unexpected(cause)
            status = 500 if known.key == "INTERNAL" else known.status
            response, refused = _refusal(known, speech, media, status), True
        if refused:
            await self._hold_back(request)
        await response(scope, receive, send)

    async def _hold_back(self, request: Incoming) -> None:
        """Let a client that has been refused often wait to hear it: refusals take everybody's time, and it has little
        to lose. So few wait at once that more of them are told at once.
        """
        who = self.hub.client(request.token, request.host)
        with suppress(Gone, Unavailable):
            waiting = self.hub.refusals.take(who, 1 / self.settings.refusal_rate, _LONGEST_REFUSAL)
            await self._attended(request.receive, waiting)

    async def _answer(self, request: Incoming, media: str, speech: Language) -> tuple[ASGIApp, bool]:
        """The answer, and whether it is a refusal: of the request, or of all that a query asks."""
        wanted = await asked.read(
            request, self.settings, lambda size: self.hub.take_in(size, request.token, request.host)
        )
        try:
            query = self.hub.schema.trusted.find(wanted.query, wanted.hash)
            known = await self._known(request, query)
            kind = known.kind(wanted.operation)
            if kind is OperationType.SUBSCRIPTION and not known.faults:
                raise BadInput("SUBSCRIBE_BY_SOCKET")
            writes = kind is OperationType.MUTATION
            if wanted.by_link:
                self._check_link(known, writes)
            asking = (request, wanted, query, known)
            # A write is never cut off: it commits or rolls back as a whole, whoever still listens.
            work = self._work(*asking) if writes else self._attended(request.receive, self._read(*asking))
            written, executed, vain = await work
            return _json(written, executed, media), not executed or (vain and not writes)
        except HubError as error:
            return _refusal(error, speech, media, asked.status(media, error)), True

    async def _known(self, request: Incoming, query: str) -> Known:
        """The document; who asks for a new one may go while it waits for its time."""
        documents = self.hub.schema.documents
        if documents.knows(query):
            return documents.know(query)
        return await self._attended(request.receive, self.hub.know(query, request.token, request.host))

    async def _read(self, request: Incoming, wanted: Asked, query: str, known: Known) -> _Written:
        """As `_work`, for somebody who may go: who has often gone while the hub was at work waits before the next."""
        abandoned = self.hub.abandoned
        if len(abandoned):
            await abandoned.wait(self.hub.client(request.token, request.host))
        time = asyncio.get_running_loop().time
        begun = time()
        try:
            return await self._work(request, wanted, query, known)
        except asyncio.CancelledError:
            who = self.hub.client(request.token, request.host)
            abandoned.note(who, begun, min(time(), begun + _MOST_CHARGED))
            raise

    async def _work(self, request: Incoming, wanted: Asked, query: str, known: Known) -> _Written:
        context = await self.hub.context(request.headers, query)
        if context.account is not None and known.kind(wanted.operation) is not OperationType.MUTATION:
            self.hub.spending.check(context.account.id)
        if wanted.hash is not None and context.account is not None and not known.faults:
            self.hub.schema.trusted.keep(wanted.hash, query)
        try:
            answer = await self._execute(context, known, query, wanted)
        finally:
            if context.reading is not None:
                context.reading.close()
                self.hub.charge(context.reading, request.token, request.host)
        written = orjson.dumps(answer, default=default)
        if len(written) > self.settings.answer_limit:
            raise context.committed or TooComplex("ANSWER_TOO_LARGE", limit=self.settings.answer_limit)
        vain = "errors" in answer and not any(value is not None for value in (answer.get("data") or {}).values())
        return written, "data" in answer, vain

    def _check_link(self, known: Known, writes: bool) -> None:
        """What an address may ask for: no write, and nothing that concerns people. Raises MethodNotAllowed."""
        if writes:
            raise MethodNotAllowed("METHOD_NOT_ALLOWED", method="GET", wanted="POST")
        if self.hub.schema.documents.personal(known):
            raise MethodNotAllowed("LINK_NOT_FOR_PEOPLE")

    async def _attended(self, receive: Receive, work: Awaitable[T]) -> T:
        """Await work while somebody waits for it and its time lasts; cut off, its statement is cancelled too.

        Raises Gone or Unavailable.
        """
        with _Watch(receive, self.settings.operation_timeout) as watch:
            try:
                return await work
            except asyncio.CancelledError:
                why = watch.why
                if why is None or watch.task.uncancel():
                    raise
        raise why()

    async def _execute(self, context: Context, known: Known, query: str, wanted: Asked) -> dict[str, Any]:
        context.operation = wanted.operation
        try:
            result = await self.hub.schema.answer(known, query, wanted.variables, context)
        except (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError) as error:
            raise BadInput("BAD_DOCUMENT", detail="no such operation") from error
        return await answered(context, result)


class _Watch:
    """Cancels the task that made it when its client goes or its time is over. Most are done before it looks at all."""

    def __init__(self, receive: Receive, seconds: float) -> None:
        self.receive = receive
        self.seconds = seconds
        self.why: Callable[[], Gone | Unavailable] | None = None
        """Makes what tells why the task was cancelled, if it was. Made here, it would hold the frames that it passes,
        and they the watch: a request that goes would take the garbage collector to be forgotten."""

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can be watched")
        self.task = task
        self._looking: asyncio.Task[None] | None = None
        self._begun = asyncio.get_running_loop().call_later(min(_SOON, self.seconds), self._begin)
        return self

    def __exit__(self, *_: object) -> None:
        self._begun.cancel()
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None  # what was cancelled holds the frame that holds this

    def _begin(self) -> None:
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(self.seconds - min(_SOON, self.seconds)):
                await self._gone()
            self.why = Gone
        except TimeoutError:
            self.why = partial(Unavailable, "TIMEOUT")
        self.task.cancel()

    async def _gone(self) -> None:
        """Wait for the client to go. By GET an empty body comes before that; one that sends more is not waited for."""
        for _ in range(2):
            if (await self.receive())["type"] == "http.disconnect":
                return
        await asyncio.Event().wait()


async def answered(context: Context, result: Any) -> dict[str, Any]:
    """A result as it is answered: what is loaded filled in, errors in the caller's words, what was denied, the cost.

    Without `data` if nothing was executed, or not even begun.
    """
    if context.reading is not None and result.data is not None:
        try:
            await seam.fill(context.reading, result.data)
        except HubError as error:
            raise context.committed or error from error
    errors: list[GraphQLError] = _in_order(result) if result.errors else []
    if context.reading is not None and context.reading.denials:
        errors += read.denied(context.reading)
    answer: dict[str, Any] = {}
    if errors:
        answer["errors"] = [answers.formatted(error, context.language) for error in errors]
    if result.data is not None or not errors:
        answer["data"] = result.data
    elif result.errors and any(error.path for error in result.errors):
        answer["data"] = None
    if context.reading is not None:
        answer["extensions"] = {"cost": {"requested": context.reading.cost, "limit": context.settings.cost_limit}}
    return answer


def _in_order(result: Any) -> list[GraphQLError]:
    """The errors in the order of the root fields: these run at the same time, so they fail in any order."""
    places = {key: at for at, key in enumerate(result.data or {})}
    return sorted(result.errors, key=lambda error: places.get(error.path[0] if error.path else None, -1))


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer as it is sent, with the headers that every answer has: what a `Response` does, at once."""

    written: bytes
    status: int
    media: str

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        whole = (scope.get("extensions") or {}).get(head.WHOLE)
        if whole is not None:
            await whole["write"](self.status, _LINES[self.media], self.written)
            return
        headers = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
        headers += [(b"content-length", str(len(self.written)).encode()), (b"content-type", self.media.encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.written})


def _json(written: bytes, executed: bool, media: str) -> _Answer:
    """An answer: by `application/json` always 200, by the other 400 when nothing was executed."""
    return _Answer(written, 200 if executed or media == asked.JSON else 400, media)


def _refusal(error: HubError, speech: Language, media: str, status: int) -> Response:
    headers = _HEADERS
    if status == 405:
        headers = headers | {"allow": "GET, POST"}
    elif (seconds := error.details.get("retryAfter")) is not None:
        headers = headers | {"retry-after": str(seconds)}
    return Response(orjson.dumps(answers.refusal(error, speech)), status, headers, media)
