"""How must an S3 client be set up so that this store can rely on it, and what is changed in each of its requests?

A client belongs to one store: the hooks registered here count the requests of that store and act on its calls.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from botocore import UNSIGNED
from botocore.client import BaseClient
from botocore.config import Config
from botocore.utils import parse_timestamp

from airflow_bucketsync.engine.stores.pace import RequestCount
from airflow_bucketsync.engine.stores.remote.dots import dots_kept
from airflow_bucketsync.engine.stores.remote.quiet import quiet
from airflow_bucketsync.engine.stores.remote.wire import patient
from airflow_bucketsync.engine.stores.s3.profile import Profile
from airflow_bucketsync.engine.stores.s3.profiles import AWS

EXPECT_FROM = 1024 * 1024
"""Bytes from which a body is announced first (`Expect: 100-continue`), so that a refused one is not sent."""

_KEY_UNREAD = frozenset({"CreateMultipartUpload", "CompleteMultipartUpload", "ListParts"})
"""Operations whose answers repeat the key of the request."""

_NOT_XML = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]"  # themselves, in UTF-8
    rb"|&#x0*(?:[0-8bcef]|1[0-9a-f]|fff[ef]);|&#0*(?:[0-8]|1[124-9]|2\d|3[01]|6553[45]);",  # or as references
    re.IGNORECASE,
)
"""What no XML 1.0 document may hold, and servers send all the same when a key holds it."""

_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z")

_TALKATIVE = ("botocore", "boto3", "urllib3", "s3transfer")
"""Loggers that print headers, signatures and bodies at DEBUG, themselves or through their children."""


def client_config(
    profile: Profile = AWS,
    *,
    anonymous: bool = False,
    max_pool_connections: int = 32,
    path_style: bool = False,
    connect_timeout: float = 10.0,
    read_timeout: float = 60.0,
    user_agent_extra: str = "airflow-bucketsync",
) -> Config:
    """What the client of an `S3Store` must be made with; merge what the connection says into it.

    :param profile: which kind of store it is
    :param anonymous: sign nothing, for buckets that are open to everybody
    :param max_pool_connections: at least the gate's concurrency, or threads wait for connections
    :param path_style: the bucket in the path, whatever the profile says
    :param connect_timeout: seconds
    :param read_timeout: seconds without a byte
    """
    return Config(
        signature_version=UNSIGNED if anonymous else profile.signature,
        # One place retries (retrying.py): a second one inside would multiply the tries and hide them.
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        max_pool_connections=max_pool_connections,
        tcp_keepalive=True,
        user_agent_extra=user_agent_extra,
        # The store sends a checksum with every body and its caller compares what was read: nothing is added on top.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "addressing_style": "path" if path_style else profile.addressing,
            # Over TLS a body needs no SHA-256 of its own: TLS and the checksum hold it. Over http it is signed anyway.
            "payload_signing_enabled": not profile.unsigned_payload,
        },
    )


def quiet_logs() -> None:
    """Keep the client's DEBUG logs shut: they print Authorization headers, session tokens and bodies."""
    quiet(_TALKATIVE)


class Requests:
    """Counts the requests of one client by operation, and changes what its parameters can't.

    :param content_md5: send Content-MD5 with a bulk delete instead of the client's checksum
    :param url_encode: ask for url-encoded listings
    """

    def __init__(self, client: BaseClient, *, content_md5: bool, url_encode: bool) -> None:
        self.count = RequestCount()
        self._content_md5 = content_md5
        self._lock = threading.Lock()
        self._call = threading.local()
        client.meta.events.register_last("before-call.s3", self._before_call)
        if not url_encode:
            client.meta.events.register_last("before-parameter-build.s3", _encoding_not_asked)
        client.meta.events.register("before-send.s3", self._before_send)
        # Less special than the client's own handlers of this event, so that it runs before them: one turns an answer
        # that is no XML into a failure of the store.
        client.meta.events.register("before-parse.*", _before_parse)
        # A listing holds a time per key, and the client's guess at its form costs more than all the rest of a page.
        # Where this inside of the client is gone one day, listings only get slower.
        endpoint = getattr(client, "_endpoint", None)
        factory = getattr(endpoint, "_response_parser_factory", None)
        if factory is not None:
            factory.set_parser_defaults(timestamp_parser=_timestamp)
        # The same holds here: without it a slow line fails large bodies, and silent hosts take longer to give up.
        pools: dict[str, Any] = getattr(getattr(endpoint, "http_session", None), "_pool_classes_by_scheme", {})
        config: Any = client.meta.config
        for scheme, pool in pools.items():
            pools[scheme] = patient(pool, silence=config.read_timeout)

    @contextmanager
    def with_extra(self, headers: Mapping[str, str], body: memoryview | None) -> Iterator[None]:
        """Send these headers and this body with the next request of this thread.

        The client copies a memoryview, and reformats `Expires`; a hook hands over both as they are.
        """
        self._call.headers, self._call.body = headers, body
        try:
            yield
        finally:
            self._call.headers, self._call.body = {}, None

    def _before_call(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        headers = params["headers"]
        headers.update(getattr(self._call, "headers", {}))
        body = getattr(self._call, "body", None)
        if body is not None:
            params["body"] = body
            if len(body) >= EXPECT_FROM:
                params["body"] = _Readable(body)
                headers["Expect"] = "100-continue"
        context = params["context"]
        # The caller compares the checksum of what it reads; the client would compute it a second time.
        context.get("checksum", {}).pop("response_algorithms", None)
        # Never follow a redirect to another endpoint: the region is wrong and must be said, and signing a request
        # for a host that an answer named would hand it out.
        context.setdefault("s3_redirect", {})["redirected"] = True
        if self._content_md5 and model.name == "DeleteObjects":
            digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
            headers["Content-MD5"] = base64.b64encode(digest).decode()
            context.get("checksum", {}).pop("request_algorithm", None)

    def _before_send(self, request: Any, event_name: str, **_: Any) -> None:
        with self._lock:
            self.count[event_name.rpartition(".")[2]] += 1
        request.url = dots_kept(request.url)
        if isinstance(request.body, _Readable):
            request.body = request.body.view  # sent in one go, not in the small pieces of a file


def _encoding_not_asked(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    """Take back what the client adds to listings by itself."""
    if context.pop("encoding_type_auto_set", False):
        params.pop("EncodingType", None)


class _Readable(io.RawIOBase):
    """Bytes as a file, which is what signing reads without making a copy of them."""

    def __init__(self, view: memoryview) -> None:
        self.view = view
        self._at = 0

    def __len__(self) -> int:
        return len(self.view)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self.view)}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        piece = self.view[self._at : self._at + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def _timestamp(text: Any) -> datetime:
    """A time as S3 writes it, quickly; any other form as the client reads it."""
    if isinstance(text, str) and _ISO_TIME.fullmatch(text):
        return datetime.fromisoformat(text)
    return parse_timestamp(text)


def _before_parse(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Make answers readable that quote a key which XML 1.0 can't carry, where nobody reads the key.

    Otherwise an upload to such a key could not be begun, and every refusal of one would lose its code.
    """
    body = response_dict.get("body")
    if isinstance(body, bytes) and (response_dict["status_code"] >= 300 or operation_model.name in _KEY_UNREAD):
        response_dict["body"] = _NOT_XML.sub(b"?", body)
