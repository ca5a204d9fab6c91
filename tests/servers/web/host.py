"""Who listens, in which thread, and what happens to a request on its way to the dialect and back?"""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.servers.core.store import ObjectStore
from tests.servers.web import control
from tests.servers.web.damage import flip_bit
from tests.servers.web.exchange import Call, Reply, parse_query
from tests.servers.web.faults import Fault, FaultRules
from tests.servers.web.faulty import answer_faulty
from tests.servers.web.log import RequestLog
from tests.servers.web.send import WHOLE, drop_connection, send
from tests.servers.web.tls import make_certificate, server_context

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop

LINE_LIMIT = 128 * 1024


class StoreServer(ABC):
    """A dialect served over HTTP by a thread of its own (``with`` or ``start``/``stop``)."""

    throttled = (503, "SlowDown", "Please reduce your request rate.")  # status, code and words of "not so fast"

    def __init__(
        self,
        core: ObjectStore,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: bool = False,
        latency: float = 0.0,
        max_requests_per_second: float | None = None,
        log_limit: int = 200_000,
    ) -> None:
        self.core = core
        self.host, self.port, self.tls = host, port, tls
        self.latency = latency
        self.max_requests_per_second = max_requests_per_second
        self.faults = FaultRules()
        self.log = RequestLog(log_limit)
        self.ca_file: str | None = None
        self.failures: list[BaseException] = []  # bugs of the server itself; tests may assert that it is empty
        self._allowance, self._allowance_at = 0.0, time.monotonic()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._web: web.Server | None = None
        self._listener: asyncio.AbstractServer | None = None

    # -- what a dialect says

    @abstractmethod
    def understand(self, call: Call, host: str) -> None:
        """Fill in operation, bucket, key, query and request id."""

    @abstractmethod
    def admit(self, call: Call) -> None:
        """Check what the head of the request alone can prove; raise to refuse."""

    @abstractmethod
    def unwrap(self, call: Call, wire: bytes) -> None:
        """Turn the bytes from the wire into ``call.body``; raise to refuse."""

    @abstractmethod
    def perform(self, call: Call) -> Reply:
        """Apply the request to the store; raise to refuse."""

    @abstractmethod
    def refusal(self, call: Call, error: Exception) -> Reply:
        """Say an exception in the dialect's words; unknown ones are raised again."""

    @abstractmethod
    def error_reply(self, call: Call, status: int, code: str, message: str) -> Reply:
        """Return an error reply."""

    # -- life

    def wall_time(self) -> float:
        """Return the real time in epoch seconds."""
        return time.time()

    @property
    def url(self) -> str:
        """Return the endpoint URL."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def start(self) -> Self:
        """Listen; returns when connections are taken."""
        context = None
        if self.tls:
            self._folder = tempfile.TemporaryDirectory(prefix="strict-server-")
            certificate_file, key_file = make_certificate(Path(self._folder.name))
            self.ca_file = str(certificate_file)
            context = server_context(certificate_file, key_file)
        listener = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        self.port = listener.getsockname()[1]
        self._loop = new_event_loop()
        ready = threading.Event()

        async def listen() -> None:
            self._web = web.Server(
                self._serve,
                request_factory=self._request,
                access_log=None,
                auto_decompress=False,
                max_line_size=LINE_LIMIT,
                max_field_size=LINE_LIMIT,
                lingering_time=2.0,
            )
            self._listener = await asyncio.get_running_loop().create_server(
                self._web, sock=listener, ssl=context, backlog=1024, ssl_shutdown_timeout=0.5 if context else None
            )
            ready.set()

        def run() -> None:
            assert self._loop is not None
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(listen())
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, name=type(self).__name__, daemon=True)
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("the server did not start")
        return self

    def stop(self) -> None:
        """Close all connections and end the thread; a second call does nothing."""
        if self._loop is None or self._thread is None:
            return

        async def close() -> None:
            assert self._listener is not None
            assert self._web is not None
            self._listener.close()
            open_connections = self._web.connections
            transports = [connection.transport for connection in open_connections]
            await self._web.shutdown(0.1)
            for transport in transports:
                if transport is not None:
                    transport.abort()  # a TLS goodbye would wait for clients that have left
            for _ in range(10):
                await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._loop = self._thread = None
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- one request

    def _request(self, message, payload, protocol, writer, task) -> web.BaseRequest:  # type: ignore[no-untyped-def]
        assert self._loop is not None
        return web.BaseRequest(message, payload, protocol, writer, task, self._loop, client_max_size=0)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        raw_path, _, raw_query = request._message.path.partition("?")
        if raw_path.startswith(control.PREFIX):
            return await self._control(request, raw_path)
        call = Call(request.method, raw_path, raw_query, request.headers, self.log.begin())
        call.query = parse_query(raw_query)
        started, sent = time.time(), 0
        reply: Reply | None = None
        names: tuple[str, ...] = ()
        try:
            self.understand(call, request.headers.get("Host", ""))
            faults = self.faults.striking(call)
            names = tuple(fault.action for fault in faults)
            if self.latency:
                await asyncio.sleep(self.latency)
            if faults:
                reply, delivery = await answer_faulty(self, request, call, faults)
            else:
                reply, delivery = await self.answer(request, call), WHOLE
            if delivery.lost or delivery.reset:
                reply = None
                drop_connection(request, reset=delivery.reset)
                return web.Response(status=500)
            response, sent = await send(request, reply, delivery)
            return response
        except (ConnectionError, asyncio.CancelledError):
            drop_connection(request)
            return web.Response(status=499)
        finally:
            self.log.end(call, reply, sent, names, started)

    def _is_over_rate(self) -> bool:
        if self.max_requests_per_second is None:
            return False
        now, rate = time.monotonic(), self.max_requests_per_second
        self._allowance = min(max(1.0, rate / 10), self._allowance + (now - self._allowance_at) * rate)
        self._allowance_at = now
        if self._allowance < 1:
            return True
        self._allowance -= 1
        return False

    async def answer(
        self, request: web.BaseRequest, call: Call, flips: tuple[Fault, ...] = (), times: int = 1
    ) -> Reply:
        """Admit, read, check and apply one request."""
        try:
            if self._is_over_rate():
                await self.read_body(request, call)
                return self.error_reply(call, *self.throttled)
            self.admit(call)
            self.unwrap(call, await self.read_body(request, call, welcome=True))
            for fault in flips:
                call.body = flip_bit(call.body, fault.at, fault.bit)
            with self.core.lock:
                for _ in range(times - 1):
                    self._perform_quietly(call)
                return self.perform(call)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            try:
                return self.refusal(call, error)
            except Exception as bug:
                self.failures.append(bug)
                return self.error_reply(call, 500, "InternalError", f"server bug: {bug!r}")

    def _perform_quietly(self, call: Call) -> None:
        try:
            self.perform(call)
        except Exception as error:
            self.refusal(call, error)

    async def read_body(self, request: web.BaseRequest, call: Call, *, welcome: bool = False) -> bytes:
        """Read the body from the wire, after the 100 Continue the client may be waiting for."""
        if not request.body_exists:
            return b""
        if request.headers.get("Expect", "").lower() == "100-continue":
            if not welcome:
                return b""
            assert request.transport is not None
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        wire = await request.content.read()
        call.bytes_in = len(wire)
        return wire

    async def _control(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        peer = request.transport.get_extra_info("peername") if request.transport else None
        if not peer or peer[0] not in ("127.0.0.1", "::1"):
            return web.Response(status=403)
        reply = control.answer_control(self, request.method, path, await request.content.read())
        response, _ = await send(request, reply)
        return response
