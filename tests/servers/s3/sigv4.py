"""Is the request signed by whom it says, under AWS Signature Version 4?"""

from __future__ import annotations

import hashlib
import hmac
import re
from calendar import timegm
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from time import strptime
from urllib.parse import quote, unquote_plus, unquote_to_bytes

from tests.servers.s3.credentials import Credential
from tests.servers.s3.errors import S3Error
from tests.servers.s3.xml import iso_time
from tests.servers.web.exchange import Call

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = 15 * 60
LONGEST_PRESIGN = 7 * 24 * 3600
UNSIGNED = "UNSIGNED-PAYLOAD"
HEX64 = re.compile(r"[0-9a-f]{64}")
PLAIN_PATH = re.compile(r"[A-Za-z0-9\-._~/]*")
MALFORMED = "The authorization header is malformed"


@dataclass(frozen=True, slots=True)
class Signature:
    """What the signature claims and what chunk signatures go on from."""

    credential: Credential
    scope: str
    stamp: str
    signature: str
    key: bytes
    payload: str
    presigned: bool = False

    @property
    def region(self) -> str:
        """Return the region signed for."""
        return self.scope.split("/")[1]


@lru_cache(maxsize=1024)
def signing_key(secret: str, scope: str) -> bytes:
    """Derive the key of one day, region and service."""
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def canonical_path(raw: str) -> str:
    """Encode the path once, segment by segment, without normalising dots or slashes."""
    if PLAIN_PATH.fullmatch(raw):
        return raw
    return "/".join(quote(unquote_to_bytes(segment), safe="-_.~") for segment in raw.split("/"))


def canonical_query(raw: str, without: str = "") -> str:
    """Sort and encode the query."""
    if not raw:
        return ""
    pairs = []
    for item in raw.split("&"):
        name, _, value = item.partition("=")
        name = quote(unquote_plus(name, errors="surrogateescape"), safe="-_.~", errors="surrogateescape")
        if item and name != without:
            value = quote(unquote_plus(value, errors="surrogateescape"), safe="-_.~", errors="surrogateescape")
            pairs.append((name, value))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _canonical_headers(headers: Mapping[str, str], names: list[str]) -> str:
    lines = []
    for name in names:
        values = headers.getall(name, [""]) if hasattr(headers, "getall") else [headers.get(name, "")]
        lines.append(f"{name}:{','.join(' '.join(value.split()) for value in values)}\n")
    return "".join(lines)


def _epoch(stamp: str) -> float | None:
    try:
        return timegm(strptime(stamp, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return None


class Verifier:
    """The credentials known, and the clock signatures are held against."""

    def __init__(self, credentials: Mapping[str, Credential]) -> None:
        self.credentials = credentials

    def verify(self, call: Call, now: float) -> Signature | None:
        """Return the proven signature, None for an anonymous request, or raise."""
        authorization = call.header("Authorization")
        if authorization:
            return self._from_header(call, authorization, now)
        if "X-Amz-Algorithm" in call.query or "X-Amz-Signature" in call.query:
            return self._from_query(call, now)
        if "Signature" in call.query and "AWSAccessKeyId" in call.query:
            raise _v2_refused()
        return None

    def _from_header(self, call: Call, authorization: str, now: float) -> Signature:
        scheme, _, rest = authorization.partition(" ")
        if scheme == "AWS":
            raise _v2_refused()
        if scheme != ALGORITHM:
            raise S3Error("InvalidArgument", "Unsupported Authorization Type", {"ArgumentName": "Authorization"})
        fields = dict(item.strip().partition("=")[::2] for item in rest.split(","))
        if not {"Credential", "SignedHeaders", "Signature"} <= set(fields):
            raise S3Error("AuthorizationHeaderMalformed", f"{MALFORMED}; the authorization component is incomplete.")
        access_key, scope = _split_credential(fields["Credential"], "AuthorizationHeaderMalformed")
        credential = self._known(access_key, call.header("x-amz-security-token") or None, now)
        stamp = call.header("x-amz-date")
        moment = _epoch(stamp)
        if moment is None:
            raise S3Error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
        if abs(now - moment) > SKEW:
            raise S3Error(
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
                {
                    "RequestTime": stamp,
                    "ServerTime": iso_time(int(now)).replace(".000Z", "Z"),
                    "MaxAllowedSkewMilliseconds": SKEW * 1000,
                },
            )
        if stamp[:8] != scope[:8]:
            raise S3Error("AuthorizationHeaderMalformed", f"{MALFORMED}; Invalid credential date. Date is not the same")
        payload = call.header("x-amz-content-sha256")
        if not payload:
            message = "Missing required header for this request: x-amz-content-sha256"
            raise S3Error("InvalidRequest", message)
        if not (HEX64.fullmatch(payload) or payload == UNSIGNED or payload.startswith("STREAMING-")):
            message = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING- value or a valid sha256 value."
            raise S3Error(
                "InvalidArgument", message, {"ArgumentName": "x-amz-content-sha256", "ArgumentValue": payload}
            )
        names = fields["SignedHeaders"].split(";")
        _check_all_signed(call, names)
        key = self._prove(call, credential, scope, stamp, names, payload, fields["Signature"], "")
        return Signature(credential, scope, stamp, fields["Signature"], key, payload)

    def _from_query(self, call: Call, now: float) -> Signature:
        query = call.query
        needed = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders")
        if any(name not in query for name in (*needed, "X-Amz-Signature")):
            message = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
            message += "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
            raise S3Error("AuthorizationQueryParametersError", message)
        if query["X-Amz-Algorithm"] != ALGORITHM:
            raise S3Error(
                "AuthorizationQueryParametersError", 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA"'
            )
        access_key, scope = _split_credential(query["X-Amz-Credential"], "AuthorizationQueryParametersError")
        credential = self._known(access_key, query.get("X-Amz-Security-Token"), now)
        stamp, lifetime = query["X-Amz-Date"], query["X-Amz-Expires"]
        moment = _epoch(stamp)
        if moment is None:
            message = "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
            raise S3Error("AuthorizationQueryParametersError", message)
        if not lifetime.isdigit():
            raise S3Error("AuthorizationQueryParametersError", "X-Amz-Expires should be a number")
        if int(lifetime) > LONGEST_PRESIGN:
            message = "X-Amz-Expires must be less than a week (in seconds) that is 604800"
            raise S3Error("AuthorizationQueryParametersError", message)
        if now > moment + int(lifetime):
            details = {
                "X-Amz-Expires": lifetime,
                "Expires": iso_time(int(moment) + int(lifetime)).replace(".000Z", "Z"),
                "ServerTime": iso_time(int(now)).replace(".000Z", "Z"),
            }
            raise S3Error("AccessDenied", "Request has expired", details)
        if moment > now + SKEW:
            raise S3Error("AccessDenied", "Request is not valid yet")
        names = query["X-Amz-SignedHeaders"].split(";")
        _check_all_signed(call, names)
        payload = call.header("x-amz-content-sha256") or UNSIGNED
        key = self._prove(call, credential, scope, stamp, names, payload, query["X-Amz-Signature"], "X-Amz-Signature")
        return Signature(credential, scope, stamp, query["X-Amz-Signature"], key, payload, presigned=True)

    def _known(self, access_key: str, token: str | None, now: float) -> Credential:
        credential = self.credentials.get(access_key)
        if credential is None:
            message = "The AWS Access Key Id you provided does not exist in our records."
            raise S3Error("InvalidAccessKeyId", message, {"AWSAccessKeyId": access_key})
        if credential.session_token is not None and token is None:
            message = "The AWS Access Key Id you provided does not exist in our records."
            raise S3Error("InvalidAccessKeyId", message, {"AWSAccessKeyId": access_key})
        if credential.session_token != token:
            raise S3Error("InvalidToken", "The provided token is malformed or otherwise invalid.")
        if credential.expires is not None and now >= credential.expires:
            raise S3Error("ExpiredToken", "The provided token has expired.")
        return credential

    def _prove(
        self,
        call: Call,
        credential: Credential,
        scope: str,
        stamp: str,
        names: list[str],
        payload: str,
        claimed: str,
        without: str,
    ) -> bytes:
        canonical = (
            f"{call.method}\n{canonical_path(call.raw_path)}\n{canonical_query(call.raw_query, without)}\n"
            f"{_canonical_headers(call.headers, names)}\n{';'.join(names)}\n{payload}"
        )
        hashed = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
        text = f"{ALGORITHM}\n{stamp}\n{scope}\n{hashed}"
        key = signing_key(credential.secret_key, scope)
        if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), claimed):
            message = "The request signature we calculated does not match the signature you provided. "
            message += "Check your key and signing method."
            details = {"StringToSign": text, "CanonicalRequest": canonical, "SignatureProvided": claimed}
            raise S3Error("SignatureDoesNotMatch", message, details)
        return key


def _v2_refused() -> S3Error:
    message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
    return S3Error("InvalidRequest", message)


@lru_cache(maxsize=1024)
def _split_credential(value: str, code: str) -> tuple[str, str]:
    access_key, _, scope = value.partition("/")
    parts = scope.split("/")
    if len(parts) != 4 or parts[3] != "aws4_request":
        message = f'{MALFORMED}; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/'
        raise S3Error(code, message + 'aws4_request".')
    if parts[2] != "s3":
        raise S3Error(code, f'{MALFORMED}; incorrect service "{parts[2]}". This endpoint belongs to "s3".')
    return access_key, scope


def _check_all_signed(call: Call, names: list[str]) -> None:
    signed = set(names)
    missing = [
        lowered
        for lowered in map(str.lower, call.headers)
        if (lowered == "host" or lowered.startswith("x-amz-")) and lowered not in signed
    ]
    if missing:
        message = "There were headers present in the request which were not signed"
        raise S3Error("AccessDenied", message, {"HeadersNotSigned": ", ".join(missing)})
