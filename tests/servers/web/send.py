"""How do the bytes of a reply get onto the connection, whole or damaged?"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from aiohttp import web

from tests.servers.core.body import CHUNK, body_chunks, body_slice
from tests.servers.web.damage import Delivery
from tests.servers.web.exchange import Reply

WHOLE = Delivery()


def drop_connection(request: web.BaseRequest, *, reset: bool = False) -> None:
    """Close the connection without a (further) byte; ``reset`` sends RST instead of FIN."""
    transport = request.transport
    if transport is None:
        return
    if reset:
        raw = transport.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()


class _Bytewise:
    """Headers go out as the bytes they came in as: a surrogate stands for a byte that is no UTF-8."""

    async def _write_headers(self) -> None:
        response: web.StreamResponse = self  # type: ignore[assignment]
        writer = response._payload_writer
        assert writer is not None
        lines = [f"HTTP/1.1 {response.status} {response.reason}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        head = "".join(f"{line}\r\n" for line in lines) + "\r\n"
        writer._headers_written, writer._headers_buf = False, head.encode("utf-8", "surrogateescape")  # type: ignore[attr-defined]
        if response._send_headers_immediately:
            writer.send_headers()


class BytewiseResponse(_Bytewise, web.Response):
    """A reply with its body."""


class BytewiseStream(_Bytewise, web.StreamResponse):
    """A reply sent piece by piece."""


async def send(request: web.BaseRequest, reply: Reply, delivery: Delivery = WHOLE) -> tuple[web.StreamResponse, int]:
    """Send or prepare the reply; returns the response for the HTTP stack and the body bytes sent."""
    is_head = request.method == "HEAD"
    if request.body_exists and not request.content.at_eof():
        reply.headers["Connection"] = "close"  # the client may never send the body it asked leave for
    size = 0 if is_head else len(reply.body)
    if delivery is WHOLE and isinstance(reply.body, bytes) and size <= CHUNK:
        if is_head or reply.status in (204, 304):
            headed = BytewiseResponse(status=reply.status, headers=reply.headers)
            if is_head:
                headed.headers["Content-Length"] = str(len(reply.body) if reply.length is None else reply.length)
            return headed, 0
        return BytewiseResponse(status=reply.status, headers=reply.headers, body=reply.body), size
    response = BytewiseStream(status=reply.status, headers=reply.headers)
    response.content_length = reply.length if is_head and reply.length is not None else len(reply.body)
    await response.prepare(request)
    sent = 0
    if delivery.pause_body:
        await asyncio.sleep(delivery.pause_body)
    stop = size if delivery.cut_at is None else min(size, max(0, delivery.cut_at))
    try:
        for chunk in body_chunks(body_slice(reply.body, 0, stop)) if stop else ():
            for start in range(0, len(chunk), delivery.chunk):
                piece = chunk[start : start + delivery.chunk]
                if sent and delivery.pause_chunks:
                    await asyncio.sleep(delivery.pause_chunks)
                await response.write(piece)
                sent += len(piece)
        if delivery.cut_at is not None and stop < size:
            drop_connection(request)
        else:
            await response.write_eof()
    except (ConnectionError, asyncio.CancelledError):
        drop_connection(request)
    return response, sent
