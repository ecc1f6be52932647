"""/graphql by WebSocket: subscriptions, in the protocol graphql-transport-ws.

Its text is PROTOCOL.md of graphql-ws; the close codes are its own. A token comes in `connection_init`, never in a
cookie, so a foreign page that opens a WebSocket is nobody here, whatever its origin.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from functools import partial
from typing import Any

import orjson
from graphql import OperationType
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from hub import answers, asked, caller, clock
from hub.asked import bearer
from hub.caller import Account, Caller
from hub.endpoint import Hub, answered
from hub.errors import BadInput, Forbidden, HubError, RateLimited, TooComplex, Unauthenticated
from hub.rounds import rounds
from loaders.fragment import default
from schema.context import Context

PROTOCOL = "graphql-transport-ws"
_GUARD = 0.5
"""Seconds between two looks at who still may be here: a revocation closes within a second."""
_BATCH = 200
"""Connections that are judged at once: a few milliseconds, in which nobody else is served."""
_REASON = 123
"""Bytes that a close frame has room for."""
_LONGEST_ID = 128


class Closed(Exception):
    """The connection ends: with which code, and why in a few words for whoever wrote the client."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:_REASON].decode(errors="ignore")


class Sockets:
    """The ASGI endpoint of /graphql for WebSockets: all connections of one process, and a guard over them."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.settings = hub.reader.settings
        self.open: set[Connection] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket until either side closes it."""
        await receive()
        known = PROTOCOL in scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL if known else None})
        connection = Connection(self, scope, receive, send)
        if not known:
            connection.close(Closed(4406, "Subprotocol not acceptable"))
        elif self._crowded():
            connection.close(Closed(1013, "Too many connections"))
        self.open.add(connection)
        try:
            await connection.serve()
        finally:
            self.open.discard(connection)

    def guarding(self) -> AbstractAsyncContextManager[None]:
        """Guard in the background while a block runs."""
        return rounds(_GUARD, self.guard, "connections not guarded")

    async def guard(self) -> None:
        """Close the connections of those who may no longer be here: one statement looks hundreds of sessions up."""
        watched = [connection for connection in self.open if connection.caller is not None]
        for start in range(0, len(watched), _BATCH):
            some = watched[start : start + _BATCH]
            accounts = await self.hub.sessions.find_all({connection.token for connection in some})
            await self.hub.follow_policy()
            for connection in some:
                connection.judge(accounts.get(connection.token))

    def full(self, account: int) -> bool:
        """Whether an account has as many connections as it may."""
        mine = sum(1 for one in self.open if one.caller is not None and one.caller.account.id == account)
        return mine >= self.settings.account_sockets

    def _crowded(self) -> bool:
        """Whether there is no room. Those who have not said who they are have a quarter of it, and crowd out nobody."""
        unknown = sum(1 for one in self.open if one.caller is None)
        return len(self.open) >= self.settings.socket_limit or unknown >= max(1, self.settings.socket_limit // 4)


class Connection:
    """One WebSocket: who it is for, and the subscriptions that run in it."""

    def __init__(self, sockets: Sockets, scope: Scope, receive: Receive, send: Send) -> None:
        self.sockets, self.hub, self.settings = sockets, sockets.hub, sockets.settings
        self.host = (scope.get("client") or [None])[0]
        self.language = answers.language(Headers(scope=scope).get("accept-language", ""))
        self.token = ""
        self.role: str | None = None
        self.caller: Caller | None = None
        """Who it is for, since its `connection_init` was accepted."""
        self.policy: int | None = None
        self.running: dict[str, asyncio.Task[None]] = {}
        """The subscriptions by the ids that the client gave them."""
        self._receive, self._pass = receive, send
        self._begun = False
        self._closing: asyncio.Task[None] | None = None
        self._time = asyncio.get_running_loop().time
        self._room, self._filled = float(self.settings.socket_messages), self._time()

    async def serve(self) -> None:
        """Take messages until the connection ends; its subscriptions end with it."""
        late = asyncio.get_running_loop().call_later(self.settings.socket_init, self._miss)
        try:
            while (text := await self._next()) is not None:
                await self._take(text)
        except Closed as why:
            self.close(why)
        except OSError:  # the client went while it was answered
            pass
        except Exception as cause:
            known = answers.unexpected(cause)
            self.close(Closed(1013 if known.status == 503 else 1011, known.key))
        finally:
            late.cancel()
            await self._end()

    def close(self, why: Closed) -> None:
        """Say why, and go; nothing more of a subscription is sent."""
        if self._closing is None:
            for task in self.running.values():
                task.cancel()
            self._closing = asyncio.create_task(self._say_goodbye(why))

    def judge(self, account: Account | None) -> None:
        """Close where the session has ended, or where what its account may do is no longer what it was."""
        before = self.caller
        if before is None:
            return
        if account is None or account.expires_at <= clock.now():
            self.close(Closed(4401, "Unauthorized"))
            return
        try:
            now = caller.act(account, self.role, clock.now())
        except Forbidden as refusal:
            self.close(Closed(4403, refusal.key))
            return
        unchanged = (now.role, now.roots, self.hub.policy_id) == (before.role, before.roots, self.policy)
        if not unchanged or account.must_change_password:
            self.close(Closed(4403, "What you may do has changed"))

    async def _next(self) -> str | None:
        """The text of the next message; None when the connection has ended. Raises Closed."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect" or self._closing is not None:
            return None
        now, most = self._time(), float(self.settings.socket_messages)
        self._room, self._filled = min(most, self._room + (now - self._filled) * most) - 1, now
        if self._room < 0:
            raise Closed(4429, "Too many messages")
        text: str | None = message.get("text")
        if text is None:
            raise Closed(4400, "WebSocket message must be text")
        if len(text) > asked.SMALL:
            try:
                await self.hub.take_in(len(text), self.token or None, self.host)
            except RateLimited:
                raise Closed(4429, "Too much at once") from None
        return text

    async def _take(self, text: str) -> None:
        """Do what a message wants. Raises Closed."""
        message = _read(text)
        match message.get("type"):
            case "connection_init":
                await self._begin(message)
            case "ping":
                await self._send({"type": "pong"} | {name: message[name] for name in ("payload",) if name in message})
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(message)
            case "complete":
                self._complete(message)
            case _:
                raise Closed(4400, "Unknown message type")

    async def _begin(self, message: dict[str, Any]) -> None:
        """Hear who it is. The client's words are those of HTTP's headers, in any case of letters."""
        if self._begun:
            raise Closed(4429, "Too many initialisation requests")
        self._begun = True
        payload = message.get("payload")
        if not isinstance(payload, dict | None):
            raise Closed(4400, "Invalid connection_init payload")
        words = {name.lower(): value for name, value in (payload or {}).items() if isinstance(value, str)}
        self.token = bearer(words.get("authorization", "")) or words.get("token", "")
        self.role = words.get("hub-role") or None
        if "accept-language" in words:
            self.language = answers.language(words["accept-language"])
        await self._enter()
        await self._send({"type": "connection_ack"})

    async def _enter(self) -> None:
        """Let in somebody who is signed in and holds a role. Raises Closed."""
        context = self._context()
        try:
            await self.hub.recognise(context)
            found = context.caller()
        except Unauthenticated:
            raise Closed(4401, "Unauthorized") from None
        except HubError as refusal:
            raise Closed(4403 if isinstance(refusal, Forbidden) else 1013, refusal.key) from None
        if self.sockets.full(found.account.id):
            raise Closed(1013, "Too many connections of this account")
        self.caller, self.policy = found, self.hub.policy_id

    async def _subscribe(self, message: dict[str, Any]) -> None:
        if self.caller is None:
            raise Closed(4401, "Unauthorized")
        name, payload = _id(message), message.get("payload")
        if not isinstance(payload, dict) or not isinstance(payload.get("query", ""), str):
            raise Closed(4400, "Invalid subscribe payload")
        if name in self.running:
            raise Closed(4409, f"Subscriber for {name} already exists")
        if len(self.running) >= self.settings.socket_subscriptions:
            limit = self.settings.socket_subscriptions
            await self._refuse(name, RateLimited("TOO_MANY_SUBSCRIPTIONS", limit=limit))
            return
        self.running[name] = asyncio.create_task(self._run(name, payload))

    def _complete(self, message: dict[str, Any]) -> None:
        """The client wants no more of a subscription. One that has ended meanwhile is no fault."""
        task = self.running.pop(_id(message), None)
        if task is not None:
            task.cancel()

    async def _run(self, name: str, payload: dict[str, Any]) -> None:
        """Run one subscription to its end, which is told unless the client wished for it."""
        with suppress(OSError):  # the client went: the reading task sees it, too
            try:
                async with aclosing(self._answers(payload)) as found:
                    async for answer in found:
                        if "data" not in answer:
                            await self._finish(name, {"type": "error", "payload": answer["errors"]})
                            return
                        await self._tell(name, answer)
                await self._finish(name, {"type": "complete"})
            except HubError as refusal:
                await self._refuse(name, refusal)
            except OSError:
                raise
            except Exception as cause:
                await self._refuse(name, answers.unexpected(cause))

    async def _answers(self, payload: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The answers of a subscription; one without `data` is the last. Raises HubError."""
        wanted = asked.understood(payload, self.settings)
        schema = self.hub.schema
        query = schema.trusted.find(wanted.query, wanted.hash)
        known = await self.hub.know(query, self.token, self.host)
        if not known.faults:
            _check(known.kind(wanted.operation))
            if wanted.hash is not None:
                schema.trusted.keep(wanted.hash, query)
        if self.caller is not None:
            self.hub.spending.check(self.caller.account.id)
        context = self._context()
        context.operation = wanted.operation
        context.changes = partial(self._changes, context, query)
        try:
            async with aclosing(schema.follow(query, wanted.variables, context, wanted.operation)) as results:
                async for result in results:
                    if context.reading is not None:
                        self.hub.charge(context.reading, self.token, self.host)
                    yield await answered(context, result)
        finally:
            context.recognise(None, None)

    async def _changes(self, context: Context, query: str, key: int) -> AsyncGenerator[None, None]:
        """Tells that an import has changed, with the caller as known by then."""
        async with aclosing(self.hub.watch.changes(key)) as changes:
            async for _ in changes:
                await self.hub.recognise(context, query)
                yield

    def _context(self) -> Context:
        hub = self.hub
        return Context(hub.reader, hub.sessions, hub.files, self.language, self.token or None, self.role)

    async def _refuse(self, name: str, refusal: HubError) -> None:
        errors = answers.refusal(refusal, self.language)["errors"]
        await self._finish(name, {"type": "error", "payload": errors})

    async def _finish(self, name: str, message: dict[str, Any]) -> None:
        """Tell the end of a subscription; its id is free before the client can know."""
        if self.running.get(name) is asyncio.current_task():
            del self.running[name]
        await self._send({"id": name, **message})

    async def _tell(self, name: str, answer: dict[str, Any]) -> None:
        """Send an event. Raises TooComplex."""
        written = orjson.dumps({"id": name, "type": "next", "payload": answer}, default=default)
        if len(written) > self.settings.answer_limit:
            raise TooComplex("ANSWER_TOO_LARGE", limit=self.settings.answer_limit)
        await self._write(written)

    async def _send(self, message: dict[str, Any]) -> None:
        await self._write(orjson.dumps(message))

    async def _write(self, written: bytes) -> None:
        """Send a message; nothing after the goodbye. Whoever sends waits for a client that reads slowly."""
        if self._closing is None:
            await self._pass({"type": "websocket.send", "text": written.decode()})

    async def _say_goodbye(self, why: Closed) -> None:
        with suppress(OSError):
            await self._pass({"type": "websocket.close", "code": why.code, "reason": why.reason})

    def _miss(self) -> None:
        if not self._begun:
            self.close(Closed(4408, "Connection initialisation timeout"))

    async def _end(self) -> None:
        """End what still runs, and wait until it has."""
        tasks = [*self.running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._closing is not None:
            await self._closing


def _read(text: str) -> dict[str, Any]:
    """A message as JSON. PostgreSQL cannot keep a NUL, so none holds one. Raises Closed."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Closed(4400, "WebSocket message must be valid JSON") from None
    if not isinstance(message, dict) or "\\u0000" in text:
        raise Closed(4400, "Invalid message")
    return message


def _id(message: dict[str, Any]) -> str:
    """The id of a subscription. Raises Closed."""
    name = message.get("id")
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_ID:
        raise Closed(4400, "Invalid id")
    return name


def _check(kind: OperationType | None) -> None:
    """Only subscriptions run here. Raises BadInput."""
    if kind is None:
        raise BadInput("BAD_DOCUMENT", detail="no such operation")
    if kind is not OperationType.SUBSCRIPTION:
        raise BadInput("ONLY_SUBSCRIPTIONS")
