"""The hub as an ASGI application: GraphQL, uploads, templates, health, and GraphiQL with every asset local."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import policies
from hub import answers, caller, clock, counts, erasing, files, gate, names, photos, templates
from hub.accounts import Sessions
from hub.caller import Caller
from hub.db import Database
from hub.downloads import Open
from hub.endpoint import GraphQLEndpoint, Hub
from hub.errors import (
    BadInput,
    Forbidden,
    HubError,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
)
from hub.files import Files
from hub.imports import returning
from hub.intake import readers
from hub.settings import Settings
from hub.sockets import Sockets
from loaders.read import Reader
from policies import Action
from schema import root
from schema.context import Context

STATIC = Path(__file__).with_name("static")
_FORM_ROOM = 10_000
_SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def build(settings: Settings) -> Starlette:
    """The application of one process. It starts without a database too, and is ready once there is one."""
    names.load()
    database = Database(settings)
    reader = Reader(database, settings, policies.load())
    hub = Hub(root.build(settings), reader, Sessions(database), Files(settings.home / "files"))
    sockets = Sockets(hub)
    pages = _Pages(hub)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        readers.prepare()
        folding, erased = counts.folding(database), erasing.erasing(database, hub.files)
        async with database, folding, erased, hub.watch.looking(), hub.spending.telling(), sockets.guarding():
            yield

    app = Starlette(
        routes=[
            Route("/files", pages.upload, methods=["POST"]),
            Route("/downloads/{token}", pages.download, methods=["GET"]),
            Route("/template", pages.template, methods=["GET"]),
            Route("/health/live", pages.live),
            Route("/health/ready", pages.ready),
            Route("/", pages.home),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        lifespan=lifespan,
        exception_handlers={HubError: _refused, HTTPException: _nothing_here, 500: _broken},
    )
    app.middleware_stack = _Front(app.build_middleware_stack(), GraphQLEndpoint(hub), sockets)
    app.state.hub, app.state.sockets = hub, sockets
    return app


DOWNLOADS: dict[str, Open] = {
    photos.KIND: photos.show,
    returning.KIND: returning.show,
    templates.KIND: templates.show,
}
"""What opens the things of each kind that signed links lead to."""


class _Pages:
    """The endpoints that are not GraphQL."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    async def home(self, _: Request) -> Response:
        """GraphiQL."""
        return FileResponse(STATIC / "graphiql" / "index.html", headers={"cache-control": "no-cache"})

    async def live(self, _: Request) -> Response:
        """The process runs."""
        return JSONResponse({"ok": True})

    async def ready(self, _: Request) -> Response:
        """The database answers and is migrated. Raises Unavailable."""
        async with self.hub.reader.database.reading() as connection:
            version = await connection.fetchval("SELECT max(id) FROM policy_versions")
        if version is None:
            raise Unavailable
        return JSONResponse({"ok": True})

    async def upload(self, request: Request) -> Response:
        """Store an uploaded file: multipart/form-data with one file in the field `file`."""
        caller, policy = await self._caller(request)
        if not policy.decide(caller.role, "file", Action.CREATE).on_path:
            raise await self._refused(caller, "file:create")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "multipart/form-data":
            raise UnsupportedMedia("UNSUPPORTED_MEDIA_TYPE", type=kind[:60] or "(none)", wanted="multipart/form-data")
        limit = self.hub.reader.settings.upload_limit
        bounded = Request(request.scope, _bounded(request.receive, limit + _FORM_ROOM, limit))
        try:
            async with bounded.form(max_files=1, max_fields=1) as form:
                upload = form.get("file")
                if upload is None or isinstance(upload, str):
                    raise BadInput("NOT_AN_UPLOAD")
                name, parts = upload.filename or "", _parts(upload)
                stored = await files.store(self.hub.reader.database, self.hub.files, caller, name, parts)
        except (MultiPartException, HTTPException, UnicodeError):  # UnicodeError: the form names an odd charset
            raise BadInput("NOT_AN_UPLOAD") from None
        answer = {"id": f"file:{stored.id}", "name": stored.name, "size": stored.size, "sha256": stored.sha256}
        return JSONResponse(answer, 201)

    async def template(self, request: Request) -> Response:
        """A workbook template of a school within reach: GET /template?school=CODE, of classes with &kind=classes.

        With &last_year=1 (or &lastYear=true) the school's pupils who go on stand in it already.
        """
        caller, policy = await self._caller(request)
        code, kind = request.query_params.get("school", ""), request.query_params.get("kind", "pupils")
        asked = request.query_params
        last = asked.get("last_year", asked.get("lastYear", "0")) not in ("", "0", "false")
        made = await templates.give(self.hub.reader.database, policy, caller, code, kind, last_year=last)
        headers = {"content-disposition": f'attachment; filename="{made.name}"', "cache-control": "no-store"}
        return Response(made.data, media_type=made.media_type, headers=headers)

    async def download(self, request: Request) -> Response:
        """Whatever a signed link leads to, for the session it was made for: GET /downloads/TOKEN.

        A link that is forged, over, somebody else's or of a session that has ended, and one whose thing its maker may
        not have any more, lead nowhere, all in the same words.
        """
        reader, context = self.hub.reader, await self._context(request)
        if context is None or context.account is None or context.account.must_change_password:
            raise NotFound
        account, acting = context.account, context.reading.caller if context.reading else None
        action = "download:read"
        try:
            claim = await reader.links.read(request.path_params["token"], account.id, account.session_id)
            action = f"{claim.kind}:read"
            acting = caller.act(account, claim.role, clock.now())
            if claim.kind not in DOWNLOADS:
                raise NotFound
            found = await DOWNLOADS[claim.kind](reader.database, reader.policy, self.hub.files, acting, claim.key)
        except (NotFound, Forbidden):
            refusal = NotFound()
            if acting is not None:
                await gate.refuse(reader.database, acting, action, None, refusal)
            raise refusal from None
        headers = {"cache-control": "private, no-store"}
        if found.name is not None:
            headers["content-disposition"] = f"attachment; filename*=UTF-8''{quote(found.name)}"
        return Response(found.data, media_type=found.media_type, headers=headers)

    async def _context(self, request: Request) -> Context | None:
        """Who asks; nobody where they ask for a role they do not hold."""
        try:
            return await self.hub.context(request.headers)
        except Forbidden:
            return None

    async def _caller(self, request: Request) -> tuple[Caller, policies.Policy]:
        context = await self.hub.context(request.headers)
        return context.caller(), context.policy

    async def _refused(self, caller: Caller, action: str) -> Forbidden:
        refusal = Forbidden("FORBIDDEN", action=action)
        await gate.refuse(self.hub.reader.database, caller, action, None, refusal)
        return refusal


class _Front:
    """Adds the security headers to every answer, and sends /graphql, by far the most, straight where it is answered."""

    def __init__(self, app: ASGIApp, graphql: ASGIApp, sockets: ASGIApp) -> None:
        self.app = app
        self.graphql = graphql
        self.sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with headers."""

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *answers.SECURITY]
            await send(message)

        if scope["type"] != "http":
            by_socket = scope["type"] == "websocket" and scope["path"] == "/graphql"
            await (self.sockets if by_socket else self.app)(scope, receive, send)
        elif scope["path"] == "/graphql":
            await self.graphql(scope, receive, secured)
        else:
            await self.app(scope, receive, secured)


def _bounded(receive: Receive, room: int, limit: int) -> Receive:
    """A receive that refuses once more than `room` bytes have come. Raises TooLarge naming the limit."""
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > room:
            raise TooLarge("BODY_TOO_LARGE", limit=limit)
        return message

    return bounded


async def _parts(upload: Any) -> AsyncIterator[bytes]:
    while part := await upload.read(1 << 20):
        yield part


async def _refused(request: Request, error: Exception) -> Response:
    known = error if isinstance(error, HubError) else answers.unexpected(error)
    speech = answers.language(request.headers.get("accept-language", ""))
    return Response(orjson.dumps(answers.refusal(known, speech)), known.status, media_type="application/json")


async def _nothing_here(request: Request, error: Exception) -> Response:
    """An unknown address, or a method it does not take."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    wanted = (error.headers or {}).get("Allow", "") if isinstance(error, HTTPException) else ""
    refusal: HubError = NotFound()
    if status == 405:
        refusal = MethodNotAllowed("METHOD_NOT_ALLOWED", method=request.method, wanted=wanted)
    return await _refused(request, refusal)


async def _broken(request: Request, error: Exception) -> Response:
    known = answers.unexpected(error)
    speech = answers.language(request.headers.get("accept-language", ""))
    status = 500 if known.key == "INTERNAL" else known.status
    return Response(orjson.dumps(answers.refusal(known, speech)), status, media_type="application/json")
