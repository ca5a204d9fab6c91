"""Who gives out credentials of roles in the tests: stand-ins for STS of both clouds and for a machine's metadata."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

Answer = tuple[int, str]


class TokenService:
    """A service on loopback that gives out numbered credentials and remembers what it was asked.

    :param admit: hears (access key, secret, token) of what is given out
    :param tls: certificate and key to listen with
    :param lifetime: seconds that credentials are good for
    """

    def __init__(
        self, admit: Callable[[str, str, str], Any], *, tls: tuple[Any, Any] | None = None, lifetime: float = 3600.0
    ) -> None:
        self.admit = admit
        self.lifetime = lifetime
        self.asked: list[dict[str, str]] = []
        self.failure: Answer | None = None
        self.given = 0
        handler = type("Handler", (_Handler,), {"service": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.scheme = "http" if tls is None else "https"
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self.scheme}://{self.host}"

    def credentials(self) -> tuple[str, str, str, str]:
        """New ones, with the time they expire at."""
        self.given += 1
        number = self.given
        made = f"ROLEKEY{number}", f"canary-role-secret-{number}", f"canary-role-token-{number}"
        self.admit(*made)
        return *made, (datetime.now(UTC) + timedelta(seconds=self.lifetime)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def answer(self, method: str, path: str, asked: dict[str, str]) -> Answer:
        """What to say to a request."""
        raise NotImplementedError


class _Handler(BaseHTTPRequestHandler):
    service: TokenService

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        asked = dict(parse_qsl(parts.query)) | dict(parse_qsl(body)) | {"path": parts.path, "method": self.command}
        asked |= {f"header {name.lower()}": value for name, value in self.headers.items()}
        self.service.asked.append(asked)
        status, text = self.service.failure or self.service.answer(self.command, parts.path, asked)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the names the base class calls

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name the base class gives it
        """Say nothing."""


class AwsSts(TokenService):
    """AssumeRole of AWS."""

    def answer(self, method: str, path: str, asked: dict[str, str]) -> Answer:
        key, secret, token, expires = self.credentials()
        return 200, (
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
            f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>"
            f"<SessionToken>{token}</SessionToken><Expiration>{expires}</Expiration></Credentials>"
            f"</AssumeRoleResult></AssumeRoleResponse>"
        )


class AlibabaSts(TokenService):
    """AssumeRole and AssumeRoleWithOIDC of Alibaba Cloud."""

    def answer(self, method: str, path: str, asked: dict[str, str]) -> Answer:
        key, secret, token, expires = self.credentials()
        given = {"AccessKeyId": key, "AccessKeySecret": secret, "SecurityToken": token, "Expiration": expires}
        return 200, json.dumps({"Credentials": given})


class Metadata(TokenService):
    """The metadata of an Alibaba Cloud machine, asked through a proxy, as its address is fixed."""

    def answer(self, method: str, path: str, asked: dict[str, str]) -> Answer:
        if path.endswith("/api/token"):
            return 200, "hardened"
        if path.endswith("/security-credentials/"):
            return 200, "role-of-the-machine"
        key, secret, token, expires = self.credentials()
        given = {"AccessKeyId": key, "AccessKeySecret": secret, "SecurityToken": token, "Expiration": expires}
        return 200, json.dumps({"Code": "Success", **given})
