"""Send one request signed by hand, to see what boto3 never sends."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.servers.s3 import S3Server
from tests.servers.web.host import StoreServer


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers in lower case, and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """Return the error code in the body."""
        return self.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


def send(
    server: StoreServer, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Send a request as it is."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        sent = {"Host": f"{server.host}:{server.port}", **(headers or {})}
        lowered = {name.lower() for name in sent}
        if body is not None and not {"content-length", "transfer-encoding"} & lowered:
            sent["Content-Length"] = str(len(body))
        for name, value in sent.items():
            connection.putheader(name, value.encode() if isinstance(value, str) else value)
        connection.endheaders(body)
        reply = connection.getresponse()
        return Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
    finally:
        connection.close()


def signed_headers(
    server: S3Server,
    method: str,
    target: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    access_key: str = "test-access",
    secret_key: str = "test-secret",  # noqa: S107 - the server's own default
    token: str | None = None,
    region: str = "us-east-1",
    payload: str | None = None,
) -> dict[str, str]:
    """Return the headers of a signed request."""
    sent = {"Host": f"{server.host}:{server.port}", **(headers or {})}
    sent.setdefault("x-amz-content-sha256", payload or hashlib.sha256(body).hexdigest())
    signer = S3SigV4Auth(Credentials(access_key, secret_key, token), "s3", region)
    signer.payload = lambda request: sent["x-amz-content-sha256"]  # type: ignore[method-assign]
    request = AWSRequest(method, f"{server.url}{target}", data=body, headers=sent)
    signer.add_auth(request)
    return dict(request.headers.items())


def send_signed(
    server: S3Server,
    method: str,
    target: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    **signing: str | None,
) -> Answer:
    """Sign and send a request."""
    return send(server, method, target, body, signed_headers(server, method, target, body, headers, **signing))  # type: ignore[arg-type]
