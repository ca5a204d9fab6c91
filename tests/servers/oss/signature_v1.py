"""What does OSS's first signature version sign?"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from tests.servers.oss.errors import OSSError, invalid_argument
from tests.servers.web.exchange import Call

SIGNED_PARAMETERS = frozenset(
    [
        "acl",
        "append",
        "bucketInfo",
        "continuation-token",
        "delete",
        "encryption",
        "lifecycle",
        "location",
        "objectMeta",
        "partNumber",
        "policy",
        "position",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "restore",
        "security-token",
        "sequential",
        "stat",
        "symlink",
        "tagging",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "worm",
        "x-oss-process",
        "x-oss-request-payer",
        "x-oss-traffic-limit",
    ]
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who says to have signed, when (or until when), and the signature."""

    access_key: str
    signature: str
    date: str
    expires: bool

    def check_time(self, now: float, check_skew: Callable[[float, float], None]) -> None:
        """Raise if the signature is too old."""
        if self.expires:
            if not self.date.isdigit() or now > int(self.date):
                raise OSSError("AccessDenied", "Request has expired.", ec="0002-00000069")
            return
        try:
            moment = parsedate_to_datetime(self.date).timestamp()
        except (TypeError, ValueError):
            message = "OSS authentication requires a valid Date."
            raise OSSError("AccessDenied", message, ec="0002-00000502") from None
        check_skew(moment, now)


def read_claim(call: Call, authorization: str) -> Claim:
    """Return what header or query claim."""
    if authorization:
        access_key, colon, signature = authorization.removeprefix("OSS ").partition(":")
        if not colon:
            raise invalid_argument("Authorization header is invalid.", "Authorization", "OSS", ec="0002-00000062")
        return Claim(access_key, signature, call.header("x-oss-date") or call.header("Date"), False)
    query = call.query
    if not {"OSSAccessKeyId", "Signature", "Expires"} <= query.keys():
        message = "Query-string authentication requires the Signature, Expires and OSSAccessKeyId parameters"
        raise OSSError("AccessDenied", message)
    return Claim(query["OSSAccessKeyId"], query["Signature"], query["Expires"], True)


def sign(call: Call, secret: str, date: str) -> tuple[str, str]:
    """Return the right signature and the text signed."""
    ours = sorted((name.lower(), value.strip()) for name, value in call.headers.items())
    lines = "".join(f"{name}:{value}\n" for name, value in ours if name.startswith("x-oss-"))
    signed = sorted((name, value) for name, value in call.query.items() if name in SIGNED_PARAMETERS)
    subresource = "&".join(f"{name}={value}" if value else name for name, value in signed)
    resource = f"/{call.bucket}/{call.key}" if call.bucket else "/"
    resource += f"?{subresource}" if subresource else ""
    text = f"{call.method}\n{call.header('Content-MD5')}\n{call.header('Content-Type')}\n{date}\n{lines}{resource}"
    raw = text.encode("utf-8", "surrogateescape")
    return base64.b64encode(hmac.digest(secret.encode(), raw, "sha1")).decode(), text
