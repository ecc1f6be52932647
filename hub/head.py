"""The first line and headers of a request, bounded: uvicorn's fast parser gathers them without any limit."""

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hub import answers
from hub.errors import TooLarge

_REFUSED = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
)


def bounded(limit: int) -> type[HttpToolsProtocol]:
    """Uvicorn's protocol, which answers 431 and hangs up once more than the limit of a head has come."""
    refusal = orjson.dumps(answers.refusal(TooLarge("HEADERS_TOO_LARGE", limit=limit), "zh"))

    class Bounded(HttpToolsProtocol):
        waiting = 0
        """Bytes that have come since a head, or a part of a body, was whole."""

        def data_received(self, data: bytes) -> None:
            self.waiting += len(data)
            super().data_received(data)
            if self.waiting > limit and not self.transport.is_closing():
                self.send_400_response("")

        def on_headers_complete(self) -> None:
            self.waiting = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if self.waiting > limit:
                raise ValueError  # the parser stops, and send_400_response is called
            self.waiting = 0
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self.waiting = 0
            super().on_body(body)

        def send_400_response(self, msg: str) -> None:
            if self.waiting <= limit:
                super().send_400_response(msg)
                return
            self.transport.write(_REFUSED % (len(refusal), refusal))
            self.transport.close()

    return Bounded
