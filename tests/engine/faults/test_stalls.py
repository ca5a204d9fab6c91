"""Row D16, fault F35: what moves no byte fails in time, what is only slow does not; with real sockets, small times."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import boto3
import pytest

from airflow_bucketsync.engine.errors import ConnectionLost, Unreachable
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from airflow_bucketsync.engine.stores.retrying import Retries, RetryingStore
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.clocks import FakeClock
from tests.engine.stand import Stand
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server

SILENCE = 0.4
"""Seconds without a byte that the clients of these tests bear."""
BODY = bytes(8 * 1024 * 1024)

Kind = str
KINDS = ("S3", "OSS")


def store_at(kind: Kind, host: str, port: int, *, connect_timeout: float = 0.3) -> ObjectStore:
    """A store of a server that is none."""
    if kind == "S3":
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            region_name="us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=client_config(path_style=True, connect_timeout=connect_timeout, read_timeout=SILENCE),
        )
        return S3Store(Location.parse("s3://c@bucket/"), client)
    client = make_client(
        f"http://{host}:{port}",
        "bucket",
        ("a", "b"),
        "cn-hangzhou",
        connect_timeout=connect_timeout,
        read_timeout=SILENCE,
        path_style=True,
    )
    return OSSStore(Location.parse("oss://c@bucket/"), client)


@contextmanager
def listening(serve: Callable[[socket.socket], Any]) -> Iterator[int]:
    """A port behind which each connection is handed to a function, and stays open until the end."""
    made: list[socket.socket] = []
    with socket.socket() as listener:
        # Small buffers, or the system would take the whole body whoever reads it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    made.append(connection)
                    threading.Thread(target=_quietly, args=(serve, connection), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in made:
                connection.close()
            thread.join(5)


def _quietly(serve: Callable[[socket.socket], Any], connection: socket.socket) -> None:
    with suppress(OSError):
        serve(connection)


def read_slowly(seconds: float) -> Callable[[socket.socket], None]:
    """Takes a request with its body for so many seconds, and answers it."""

    def serve(connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, rest = data.partition(b"\r\n\r\n")
        if b"100-continue" in head:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        left = len(BODY) - len(rest)
        started = time.monotonic()
        while left:
            due = seconds * (1 - left / len(BODY))
            time.sleep(max(0.0, due - (time.monotonic() - started)))
            got = connection.recv(min(left, 256 * 1024))
            if not got:
                return
            left -= len(got)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: "x"\r\nx-oss-hash-crc64ecma: 0\r\n\r\n')

    return serve


def stop_reading(connection: socket.socket) -> None:
    """Takes the beginning of a request, and nothing more."""
    if b"100-continue" in connection.recv(65536):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    connection.recv(256 * 1024)


@pytest.mark.parametrize("kind", KINDS)
def test_row_D16_a_body_that_nobody_takes_fails_in_time(kind):
    with listening(stop_reading) as port:
        store = store_at(kind, "127.0.0.1", port, connect_timeout=30)
        started = time.monotonic()
        with pytest.raises(ConnectionLost, match="in time"):
            store.put("k", BODY)
        assert SILENCE / 2 < time.monotonic() - started < 10 * SILENCE
        store.close()


@pytest.mark.parametrize("kind", KINDS)
def test_row_D16_a_body_that_is_taken_slowly_does_not_fail(kind):
    """It takes four times as long as connecting and silence may."""
    with listening(read_slowly(4 * SILENCE)) as port:
        store = store_at(kind, "127.0.0.1", port)
        started = time.monotonic()
        if kind == "S3":
            assert store.put("k", BODY).etag == "x"
        else:
            assert store._session.call("PutObject", "k", body=BODY).headers["ETag"] == '"x"'  # type: ignore[attr-defined]
        assert time.monotonic() - started > 3 * SILENCE
        store.close()


@pytest.mark.parametrize("kind", KINDS)
def test_row_D16_F35_a_part_that_stalls_is_sent_again(kind):
    """The store stops taking the part; the next try goes through."""
    server: Any = S3Server(min_part_size=1) if kind == "S3" else OSSServer(min_part_size=1)
    with server:
        server.core.create_bucket("bucket", region=server.region)
        location = Location.parse(f"{kind.lower()}://c@bucket/")
        stalls = threading.Event()

        def relay(connection: socket.socket) -> None:
            """Passes on what comes, but for the first body, which it leaves lying."""
            with socket.create_connection(("127.0.0.1", server.port)) as onward:
                back = threading.Thread(target=_quietly, args=(lambda there: _pump(onward, there), connection))
                back.start()
                passed = 0
                while data := connection.recv(65536):
                    passed += len(data)
                    if passed > 1024 * 1024 and not stalls.is_set():
                        stalls.set()
                        time.sleep(5)
                        return
                    onward.sendall(data)

        with listening(relay) as port:
            keys = next(iter(server.credentials.values()))
            if kind == "S3":
                client = boto3.session.Session().client(
                    "s3",
                    endpoint_url=f"http://127.0.0.1:{port}",
                    region_name=server.region,
                    aws_access_key_id=keys.access_key,
                    aws_secret_access_key=keys.secret_key,
                    config=client_config(path_style=True, read_timeout=SILENCE),
                )
                inner: ObjectStore = S3Store(location, client)
            else:
                oss = make_client(
                    f"http://127.0.0.1:{port}",
                    "bucket",
                    (keys.access_key, keys.secret_key),
                    server.region,
                    read_timeout=SILENCE,
                )
                inner = OSSStore(location, oss)
            store = RetryingStore(inner, Retries(gate=Gate(clock=FakeClock())))
            upload = store.begin_upload("k")
            receipt = store.upload_part("k", upload, 1, BODY)
            assert stalls.is_set()
            store.complete_upload("k", upload, [receipt], size=len(BODY))
            assert inner.requests["UploadPart"] == 2
            assert server.core.body("bucket", "k") == BODY
            store.close()


def _pump(source: socket.socket, destination: socket.socket) -> None:
    while data := source.recv(65536):
        destination.sendall(data)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["body", "reply"])
def test_row_D16_F35_a_read_that_stalls_is_done_again(stand: Stand, kind: Kind, where: str) -> None:
    at: Any = stand.server if kind == "S3" else stand.oss_server
    bucket = stand.bucket(at=at)
    stand.put(bucket, {"k": BODY}, at=at)
    stall = stand.fault("delay", server=at, operation="GetObject", seconds=20.0, where=where, times=1)
    store = RetryingStore(
        stand.remote(bucket, at=at, read_timeout=SILENCE), Retries(gate=Gate(clock=FakeClock()), attempts=3)
    )
    started = time.monotonic()
    with store.open("k") as body:
        data, done = memoryview(bytearray(len(BODY))), 0
        while done < len(BODY):
            done += body.readinto(data[done:])
    assert stall.occurred == 1
    assert data == BODY
    assert time.monotonic() - started < 10


@contextmanager
def silent_port() -> Iterator[int]:
    """A port where nobody answers: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect(listener.getsockname())
            waiting.append(client)
        try:
            yield listener.getsockname()[1]
        finally:
            for client in waiting:
                client.close()


def several(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Give the name `many.test` these addresses."""
    asked = socket.getaddrinfo

    def answer(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host != "many.test":
            return asked(host, port, *args, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address, _ in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("addresses", [1, 8])
def test_row_D16_F36_silent_addresses_have_the_time_of_one(monkeypatch, kind, addresses):
    with silent_port() as port:
        several(monkeypatch, *[("127.0.0.1", port)] * addresses)
        store = store_at(kind, "many.test", port, connect_timeout=0.6)
        started = time.monotonic()
        with pytest.raises(Unreachable, match="did not answer in time"):
            store.delete("k")
        assert 0.5 < time.monotonic() - started < 1.5
        store.close()


@pytest.mark.parametrize("kind", KINDS)
def test_row_D16_F36_an_address_that_answers_is_found_behind_silent_ones(monkeypatch, kind):
    """The loopback has many addresses: on the second, the port is served."""
    with silent_port() as port, socket.socket() as serving:
        serving.bind(("127.0.0.2", port))
        serving.listen(4)
        several(monkeypatch, ("127.0.0.1", port), ("127.0.0.2", port), ("127.0.0.1", port))
        store = store_at(kind, "many.test", port, connect_timeout=1.0)

        def serve() -> None:
            connection, _ = serving.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        store.delete("k")
        thread.join(5)
        store.close()
