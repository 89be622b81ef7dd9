"""Connections whose client takes too long to say what it wants, or says too much: slow-loris and endless headers.

Uvicorn waits for a request's head for ever, and keeps whatever comes. A client that sends a byte a minute on a thousand
connections would hold them all.
"""

from __future__ import annotations

import asyncio

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from core.telemetry import CONNECTIONS_CLOSED

_WORDS = {408: "Request Timeout", 431: "Request Header Fields Too Large"}


class ImpatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 in which a request's line and headers have to arrive within `head_seconds`, in at most `head_bytes`.

    A connection that sends nothing at all is closed after the same time; an idle one after Uvicorn's own.
    """

    head_seconds = 10.0
    head_bytes = 64 * 1024

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._waiting: asyncio.TimerHandle | None = None
        self._read = 0  # bytes, while the head is not complete
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._wait_for_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_is_here()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._waiting is not None:
            self._read += len(data)
            if self._read > self.head_bytes:
                self._refuse(431, f"the request's line and headers have more than {self.head_bytes} bytes")

    def _wait_for_head(self) -> None:
        if self._waiting is None:
            self._read = 0
            self._waiting = self.loop.call_later(self.head_seconds, self._too_slow)

    def _head_is_here(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _too_slow(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:  # its turn comes once the answer before it is sent
            self._waiting = self.loop.call_later(self.head_seconds, self._too_slow)
            return
        self._refuse(408, f"the request's line and headers did not arrive within {self.head_seconds:g} s")

    def _refuse(self, status: int, detail: str) -> None:
        self._head_is_here()
        if self.transport.is_closing():
            return
        CONNECTIONS_CLOSED.labels(str(status)).inc()
        slug, title = _WORDS[status].lower().replace(" ", "-"), _WORDS[status]
        body = orjson.dumps({"type": f"urn:marquee:problem:{slug}", "title": title, "status": status, "detail": detail})
        head = f"HTTP/1.1 {status} {title}\r\ncontent-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()
