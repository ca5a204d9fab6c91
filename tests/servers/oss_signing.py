"""Send one request to the OSS server signed by hand, to see what oss2 never sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import oss2

from tests.servers.oss import OSSServer
from tests.servers.signing import Answer, send


def target_of(bucket: str, key: str = "", query: Mapping[str, str] | None = None) -> str:
    """Return the request target in path style."""
    asked = "&".join(
        f"{quote(k, safe='')}={quote(v, safe='')}" if v else quote(k, safe="") for k, v in (query or {}).items()
    )
    path = f"/{bucket}/{quote(key, safe='')}" if bucket else "/"
    return f"{path}?{asked}" if asked else path


def signed_headers(
    server: OSSServer,
    method: str,
    bucket: str,
    key: str = "",
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    auth: Any = None,
    region: str | None = None,
    product: str = "oss",
    additional: list[str] | None = None,
) -> dict[str, str]:
    """Return the headers of a request as oss2 signs it."""
    request = oss2.http.Request(
        method,
        f"{server.url}/",
        params=dict(query or {}),
        headers=dict(headers or {}),
        region=region or server.region,
        product=product,
    )
    (auth or oss2.AuthV4("test-access", "test-secret"))._sign_request(
        request, bucket, key, *([additional] if additional is not None else [])
    )
    return {name: value for name, value in request.headers.items() if value is not None}


def send_signed(
    server: OSSServer,
    method: str,
    bucket: str,
    key: str = "",
    query: Mapping[str, str] | None = None,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    **signing: Any,
) -> Answer:
    """Sign and send a request."""
    signed = signed_headers(server, method, bucket, key, query, headers, **signing)
    return send(server, method, target_of(bucket, key, query), body, signed)
