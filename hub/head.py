"""The hub's HTTP on the wire: bounds on a request's head and on the time it takes to come, answers in one piece.

Uvicorn's fast parser gathers a head without any limit, and waits without end for the rest of a request; what it is told
to send it looks through header by header.
"""

import logging
import time
from asyncio import TimerHandle, Transport
from collections.abc import Awaitable
from functools import partial
from http import HTTPStatus
from typing import Any
from weakref import ref

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from hub import answers
from hub.errors import BadInput, HubError, TooLarge, TooSlow
from hub.settings import Settings

_ANSWER = (
    b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
    b"cache-control: no-store\r\nconnection: close\r\n\r\n%b"
)
WHOLE = "hub.whole"
"""The ASGI extension whose `write` sends an answer of which everything is there: a status, header lines, a body."""
_SELDOM = 60.0
"""Seconds between two lines of the log that say the same: whoever sends nonsense does not write the log."""


class Bounded(HttpToolsProtocol):
    """Uvicorn's protocol, which refuses what is no HTTP or too large a head, hangs up on whoever says no more, and
    offers its application `WHOLE`.
    """

    limit = 0
    patience = 0.0
    waiting = 0
    """Bytes that have come since a head, or a part of a body, was whole."""
    _owed_since: float | None = None
    """When the client began to owe the head of a request, or the next part of a body; None while it owes nothing."""
    _looking: TimerHandle | None = None
    _wrong: BadInput | None = None
    """What is wrong with a head that the parser takes."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        """A client has come, to ask for something."""
        super().connection_made(transport)
        self._owed_since = self.loop.time()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._look_no_more()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """The connection is no longer HTTP's."""
        self._look_no_more()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        """Count what comes before it is parsed."""
        self.waiting += len(data)
        super().data_received(data)
        if self.waiting > self.limit and not self.transport.is_closing():
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """A request begins."""
        self._owed_since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Judge a whole head."""
        self.waiting = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if self.waiting > self.limit:
            raise ValueError  # the parser stops, and send_400_response is called
        upgrades = self.parser.should_upgrade()
        if upgrades and not self._may_upgrade():
            self._wrong = BadInput("UPGRADE_NOT_POSSIBLE")
            raise ValueError
        self.waiting = 0
        self._owed_since = self.loop.time()
        super().on_headers_complete()
        if self.cycle is not None and self.cycle.scope is self.scope:
            self.headers = []  # lines behind a body are no headers: nobody between has looked at them
            self.cycle.keep_alive = self.cycle.keep_alive and not upgrades
            self.scope["extensions"] = {WHOLE: {"write": partial(_write_whole, ref(self), ref(self.cycle))}}

    def _may_upgrade(self) -> bool:
        """Whether a request that asks for another protocol can be answered. The parser sees no body in it and would
        take one for the next request: of somebody else, where a proxy has handed the connection on.
        """
        method, names = self.parser.get_method(), {name for name, _ in self.headers}
        if names & {b"content-length", b"transfer-encoding"}:
            return False
        return bool(method == b"GET" if self._should_upgrade() else method != b"CONNECT")

    def on_body(self, body: bytes) -> None:
        """A part of a body is whole."""
        self.waiting = 0
        self._owed_since = self.loop.time()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request has come."""
        self._owed_since = None
        super().on_message_complete()

    def send_400_response(self, _: str) -> None:
        """Refuse what is no HTTP, or too large a head, as everything is refused."""
        if self.waiting > self.limit:
            self._refuse(TooLarge("HEADERS_TOO_LARGE", limit=self.limit), 431)
        else:
            self._refuse(self._wrong or BadInput("NOT_HTTP"), 400)

    async def write_whole(self, cycle: RequestResponseCycle, status: int, lines: bytes, body: bytes) -> None:
        """Write an answer at once: what a cycle's `send` does of its start and of its body."""
        if self.flow.write_paused and not cycle.disconnected:
            await self.flow.drain()
        if cycle.disconnected or self.transport.is_closing():
            cycle.disconnected = True
            return
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        length = b"content-length: %d\r\n" % len(body)
        end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        self.transport.write(b"".join((STATUS_LINE[status], *self._own_lines(), lines, length, end, body)))
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    def _own_lines(self) -> list[bytes]:
        """The header lines that uvicorn gives every answer: the date."""
        return [part for name, value in self.server_state.default_headers for part in (name, b": ", value, b"\r\n")]

    def _look(self) -> None:
        """Hang up where the client has owed something for too long, or look again when it would have."""
        patience, now = self.patience, self.loop.time()
        if self._owed_since is not None and not self.flow.read_paused:
            patience += self._owed_since - now
        if patience > 0:
            self._looking = self.loop.call_later(patience, self._look)
        elif self._unanswered():
            self._refuse(TooSlow("REQUEST_TOO_SLOW", seconds=self.patience), TooSlow.status)
        else:
            self.transport.close()

    def _unanswered(self) -> bool:
        """Whether a part of a request has come, and nothing of its answer has gone."""
        if self.cycle is None or self.cycle.response_complete:
            return self.waiting > 0
        return not self.cycle.response_started

    def _look_no_more(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _hang_up(self, *_: Any) -> None:
        """What a request gets that did not come whole: nothing."""
        self.transport.close()

    def _refuse(self, error: HubError, status: int) -> None:
        """Refuse what comes, and close. What came whole before it is answered first, and no more is said then."""
        cycle = self.cycle
        if cycle is not None and (self.pipeline or not (cycle.response_complete or cycle.more_body)):
            cycle.keep_alive = False
            if cycle.more_body:
                cycle.disconnected = True
                self.pipeline[0] = cycle, self._hang_up
            self.flow.pause_reading()
            return
        body = orjson.dumps(answers.refusal(error, "zh"))
        self.transport.write(_ANSWER % (status, HTTPStatus(status).phrase.encode(), len(body), body))
        self.transport.close()


def _write_whole(
    protocol: ref[Bounded], cycle: ref[RequestResponseCycle], status: int, lines: bytes, body: bytes
) -> Awaitable[None]:
    """Answer the request that a task, which holds both, is answering. Both hold its scope, which holds this: were they
    held in turn, each request would leave a ring that only the collector finds, while everybody waits.
    """
    asked, answering = protocol(), cycle()
    if asked is None or answering is None:
        raise RuntimeError("nobody is answered any more")
    return asked.write_whole(answering, status, lines, body)


class _Seldom(logging.Filter):
    """Lets what comes from the parser into the log once in a while."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is written: of those that are the same, one in `_SELDOM` seconds."""
        if record.levelno != logging.WARNING:
            return True
        line, now = str(record.msg), time.monotonic()
        if now - self._told.get(line, -_SELDOM) < _SELDOM:
            return False
        self._told[line] = now
        return True


_SELDOM_TOLD = _Seldom()


def bounded(settings: Settings) -> type[Bounded]:
    """The protocol of this process, within the settings' limits."""
    Bounded.limit, Bounded.patience = settings.header_limit, settings.request_patience
    logging.getLogger("uvicorn.error").addFilter(_SELDOM_TOLD)
    return Bounded
