"""POST /graphql: one request read, answered and written, with as little between as there can be."""

from dataclasses import dataclass
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

import policies
from hub import answers, caller, clock
from hub.accounts import Sessions
from hub.caller import Account
from hub.errors import BadInput, HubError, MethodNotAllowed, TooLarge, Unauthenticated
from hub.files import Files
from loaders import read, seam
from loaders.fragment import default
from loaders.read import Reader, Reading
from schema.context import Context
from schema.root import HubSchema

JSON_TYPES = ("application/json", "application/graphql-response+json")


@dataclass(slots=True)
class Hub:
    """The means of one process: the schema, the reader with its pools and plans, sessions, files."""

    schema: HubSchema
    reader: Reader
    sessions: Sessions
    files: Files
    policy_id: int | None = None

    async def context(self, headers: Headers, document: str = "") -> Context:
        """Who asks, as their headers say. An unknown token is nobody: only fields that need somebody refuse."""
        token = _bearer(headers.get("authorization", ""))
        account = None
        if token is not None:
            try:
                account = await self.sessions.find(token)
            except Unauthenticated:
                account = None
            await self._follow_policy()
        role = headers.get("hub-role")
        reading = self._reading(account, role, document) if account else None
        speech = answers.language(headers.get("accept-language", ""))
        return Context(self.reader, self.sessions, self.files, speech, token, account, reading, role)

    def _reading(self, account: Account, role: str | None, document: str) -> Reading:
        return Reading(self.reader, caller.act(account, role, clock.now()), document)

    async def _follow_policy(self) -> None:
        """Swap in the policy in force when the session look-up saw a newer one. A bad one is refused: closed."""
        if self.sessions.policy == self.policy_id or self.sessions.policy is None:
            return
        wanted = self.sessions.policy
        async with self.reader.database.reading() as connection:
            text = await connection.fetchval("SELECT text FROM policy_versions WHERE id = $1", wanted)
        self.reader.policy = policies.load(text)
        self.policy_id = wanted


class GraphQLEndpoint:
    """The ASGI endpoint of POST /graphql."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        speech = answers.language(request.headers.get("accept-language", ""))
        try:
            response = await self._answer(request)
        except HubError as error:
            response = _json(answers.refusal(error, speech), error.status)
        except ClientDisconnect:
            return
        except Exception as cause:
            known = answers.unexpected(cause)
            response = _json(answers.refusal(known, speech), 500 if known.key == "INTERNAL" else known.status)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            raise MethodNotAllowed("METHOD_NOT_ALLOWED", method=request.method, wanted="POST")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in JSON_TYPES:
            raise BadInput("UNSUPPORTED_MEDIA_TYPE", type=kind[:60] or "(none)", wanted="application/json")
        query, variables, operation = _parsed(await _body(request, self.hub.reader.settings.body_limit))
        context = await self.hub.context(request.headers, query)
        return _json(await self._execute(context, query, variables, operation), 200)

    async def _execute(
        self, context: Context, query: str, variables: dict[str, Any] | None, operation: str | None
    ) -> dict[str, Any]:
        context.operation = operation
        try:
            result = await self.hub.schema.answer(query, variables, context, operation)
        except (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError) as error:
            raise BadInput("BAD_DOCUMENT", detail="no such operation") from error
        if context.reading is not None and result.data is not None:
            try:
                await seam.fill(context.reading, result.data)
            except HubError as error:
                raise context.committed or error from error
        errors: list[GraphQLError] = _in_order(result)
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
            limit = self.hub.reader.settings.cost_limit
            answer["extensions"] = {"cost": {"requested": context.reading.cost, "limit": limit}}
        return answer


def _in_order(result: Any) -> list[GraphQLError]:
    """The errors in the order of the root fields: these run at the same time, so they fail in any order."""
    places = {key: at for at, key in enumerate(result.data or {})}
    return sorted(result.errors or (), key=lambda error: places.get(error.path[0] if error.path else None, -1))


async def _body(request: Request, limit: int) -> bytes:
    """The body, never more than the limit of it. Raises TooLarge as soon as more has arrived or is announced."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise TooLarge("BODY_TOO_LARGE", limit=limit)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLarge("BODY_TOO_LARGE", limit=limit)
        parts.append(part)
    return b"".join(parts)


def _parsed(body: bytes) -> tuple[str, dict[str, Any] | None, str | None]:
    try:
        asked = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError):
        raise BadInput("BAD_REQUEST", detail="JSON") from None
    if not isinstance(asked, dict):
        raise BadInput("BAD_REQUEST", detail="JSON object")
    query, variables, operation = asked.get("query"), asked.get("variables"), asked.get("operationName")
    if not isinstance(query, str) or not query.strip():
        raise BadInput("BAD_REQUEST", detail="query")
    if variables is not None and not isinstance(variables, dict):
        raise BadInput("BAD_REQUEST", detail="variables")
    if operation is not None and not isinstance(operation, str):
        raise BadInput("BAD_REQUEST", detail="operationName")
    if b"\\u0000" in body or "\x00" in query:
        raise BadInput("BAD_TEXT")
    return query, variables, operation or None


def _bearer(header: str) -> str | None:
    scheme, _, token = header.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _json(answer: Any, status: int) -> Response:
    return Response(orjson.dumps(answer, default=default), status, media_type="application/json")
