"""A WebSocket's bytes: uvicorn waits without end for a peer that reads nothing, and keeps what it was to be sent."""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from hub.settings import Settings


class Patient(WebSocketsSansIOProtocol):
    """Uvicorn's protocol, which cuts a peer off that leaves unread what it is sent, or that does not let go."""

    patience = 0.0
    _cutting: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """More waits to be read than is held back for anybody: it must become less soon."""
        super().pause_writing()
        self._cut_soon()

    def resume_writing(self) -> None:
        """The peer has read."""
        super().resume_writing()
        self._spare()

    def keepalive_timeout(self) -> None:
        """The peer does not answer, and perhaps reads nothing of the goodbye either."""
        super().keepalive_timeout()
        self._cut_soon()

    async def run_asgi(self) -> None:
        """Serve the connection; once the application is done with it, it does not last."""
        await super().run_asgi()
        self._cut_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._spare()
        super().connection_lost(exc)

    def _cut_soon(self) -> None:
        self._spare()
        if not self.disconnected:
            self._cutting = self.loop.call_later(self.patience, self.transport.abort)

    def _spare(self) -> None:
        if self._cutting is not None:
            self._cutting.cancel()
            self._cutting = None


def options(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told about WebSockets. They are not compressed: that would cost each of them its own memory."""
    Patient.patience = settings.socket_patience
    return {
        "ws": Patient,
        "ws_max_size": settings.body_limit,
        "ws_ping_interval": settings.socket_ping,
        "ws_ping_timeout": settings.socket_ping,
        "ws_per_message_deflate": False,
    }
