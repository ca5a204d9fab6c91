"""Is the request signed by whom it says, under OSS's signature version 4 (or 1, where that is still let in)?"""

from __future__ import annotations

import hashlib
import hmac
import re
from calendar import timegm
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from time import strptime
from urllib.parse import quote, unquote_plus

from multidict import CIMultiDict, MultiMapping

from tests.servers.oss import signature_v1
from tests.servers.oss.errors import OSSError, invalid_argument
from tests.servers.oss.xml import iso_time
from tests.servers.web.credentials import Credential
from tests.servers.web.exchange import Call

ALGORITHM = "OSS4-HMAC-SHA256"
SKEW = 15 * 60
LONGEST_PRESIGN = 7 * 24 * 3600
UNSIGNED = "UNSIGNED-PAYLOAD"
ALWAYS = ("content-type", "content-md5")  # signed where they are sent, as is every x-oss- header
HEX64 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed, and for which region; version 1 knows no region."""

    credential: Credential
    region: str | None


@lru_cache(maxsize=1024)
def signing_key(secret: str, scope: str) -> bytes:
    """Derive the key of one day, region and product."""
    key = b"aliyun_v4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def canonical_resource(bucket: str, key: str) -> str:
    """Return bucket and key, however they were addressed, encoded but for the slashes."""
    return quote(f"/{bucket}/{key}" if bucket else "/", safe="/-_.~", errors="surrogatepass")


def canonical_query(raw: str, without: str = "") -> str:
    """Sort and encode the query; a name without a value stands alone."""
    pairs = []
    for item in raw.split("&"):
        name, value = (
            quote(unquote_plus(text, errors="surrogateescape"), safe="-_.~", errors="surrogateescape")
            for text in item.partition("=")[::2]
        )
        if name and name != without:
            pairs.append((name, value))
    return "&".join(f"{name}={value}" if value else name for name, value in sorted(pairs))


def canonical_headers(headers: MultiMapping[str], additional: list[str]) -> str:
    """Return the lines of all headers that must be signed or were said to be."""
    names = {name.lower() for name in headers}
    signed = {name for name in names if name.startswith("x-oss-") or name in ALWAYS} | (set(additional) & names)
    return "".join(f"{name}:{','.join(map(str.strip, headers.getall(name)))}\n" for name in sorted(signed))


def string_to_sign(
    method: str, resource: str, query: str, headers: str, additional: list[str], stamp: str, scope: str
) -> str:
    """Return the text whose HMAC is the signature."""
    canonical = f"{method}\n{resource}\n{query}\n{headers}\n{';'.join(additional)}\n{UNSIGNED}"
    hashed = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{ALGORITHM}\n{stamp}\n{scope}\n{hashed}"


def _moment(stamp: str) -> float:
    try:
        return timegm(strptime(stamp, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        message = "OSS authentication requires a valid Date."
        raise OSSError("AccessDenied", message, ec="0002-00000502") from None


def check_skew(moment: float, now: float) -> None:
    """Raise if the client's clock is more than 15 minutes off."""
    if abs(now - moment) > SKEW:
        message = "The difference between the request time and the current time is too large."
        details = {
            "MaxAllowedSkewMilliseconds": SKEW * 1000,
            "RequestTime": iso_time(int(moment)),
            "ServerTime": iso_time(int(now)),
        }
        raise OSSError("RequestTimeTooSkewed", message, details)


class Verifier:
    """The credentials known, and whether version 1 is let in."""

    def __init__(self, credentials: Mapping[str, Credential]) -> None:
        self.credentials = credentials

    def verify(self, call: Call, now: float, *, allow_v1: bool = False) -> Signature | None:
        """Return the proven signature, None for an anonymous request, or raise."""
        authorization = call.header("Authorization")
        if authorization.startswith("OSS ") or (not authorization and "OSSAccessKeyId" in call.query):
            if not allow_v1:
                message = "Signature version 1 is closed to this account. Please use OSS4-HMAC-SHA256."
                raise OSSError("AccessDenied", message)
            return self._version_1(call, authorization, now)
        if authorization:
            return self._from_header(call, authorization, now)
        if "x-oss-signature" in call.query or "x-oss-signature-version" in call.query:
            return self._from_query(call, now)
        return None

    def _from_header(self, call: Call, authorization: str, now: float) -> Signature:
        scheme, _, rest = authorization.partition(" ")
        if scheme != ALGORITHM:
            raise invalid_argument("Unsupported authorization type.", "Authorization", scheme)
        fields = dict(item.strip().partition("=")[::2] for item in rest.split(","))
        if not {"Credential", "Signature"} <= fields.keys() <= {"Credential", "Signature", "AdditionalHeaders"}:
            raise invalid_argument("Authorization header is invalid.", "Authorization", scheme)
        additional = _additional(fields.get("AdditionalHeaders"))
        access_key, scope = split_credential(fields["Credential"], "Authorization header")
        credential = self.known(access_key, call.headers.get("x-oss-security-token"), now)
        stamp = call.header("x-oss-date") or _from_http_date(call.header("Date"))
        check_skew(_moment(stamp), now)
        if stamp[:8] != scope[:8]:
            raise invalid_argument("Invalid signing date in Authorization header.", "Authorization", scope[:8])
        if call.header("x-oss-content-sha256") != UNSIGNED:
            value = call.header("x-oss-content-sha256")
            raise invalid_argument(f"x-oss-content-sha256 must be {UNSIGNED}.", "x-oss-content-sha256", value)
        return self._prove(call, credential, scope, stamp, additional, fields["Signature"])

    def _from_query(self, call: Call, now: float) -> Signature:
        query = call.query
        needed = ("signature-version", "credential", "date", "expires", "signature")
        missing = [f"x-oss-{name}" for name in needed if not query.get(f"x-oss-{name}")]
        if missing:
            raise invalid_argument("A parameter of the signature is missing.", missing[0], "")
        if query["x-oss-signature-version"] != ALGORITHM:
            message = "Unsupported signature version."
            raise invalid_argument(message, "x-oss-signature-version", query["x-oss-signature-version"])
        additional = _additional(query.get("x-oss-additional-headers"))
        access_key, scope = split_credential(query["x-oss-credential"], "x-oss-credential")
        credential = self.known(access_key, query.get("x-oss-security-token"), now)
        stamp, lifetime = query["x-oss-date"], query["x-oss-expires"]
        moment = _moment(stamp)
        if not lifetime.isdigit() or not 1 <= int(lifetime) <= LONGEST_PRESIGN:
            raise invalid_argument("x-oss-expires should be between 1 and 604800.", "x-oss-expires", lifetime)
        if now > moment + int(lifetime):
            details = {"ServerTime": iso_time(int(now)), "Expires": iso_time(int(moment) + int(lifetime))}
            raise OSSError("AccessDenied", "Request has expired.", details, ec="0002-00000069")
        if moment > now + SKEW:
            check_skew(moment, now)
        return self._prove(call, credential, scope, stamp, additional, query["x-oss-signature"], "x-oss-signature")

    def _version_1(self, call: Call, authorization: str, now: float) -> Signature:
        claim = signature_v1.read_claim(call, authorization)
        token = call.headers.get("x-oss-security-token", call.query.get("security-token"))
        credential = self.known(claim.access_key, token, now)
        claim.check_time(now, check_skew)
        right, text = signature_v1.sign(call, credential.secret_key, claim.date)
        if not hmac.compare_digest(right.encode(), claim.signature.encode("utf-8", "surrogateescape")):
            raise mismatch(claim.access_key, claim.signature, text)
        return Signature(credential, None)

    def known(self, access_key: str, token: str | None, now: float) -> Credential:
        """Return the credential if key and token belong together and are not stale, or raise."""
        credential = self.credentials.get(access_key)
        words = "The OSS Access Key Id you provided does not exist in our records."
        cause = ""
        if credential is not None and (credential.session_token is None) != (token is None):
            cause = "0002-00000003" if token is None else "0002-00000002"
        if credential is None or cause:
            raise OSSError("InvalidAccessKeyId", words, {"OSSAccessKeyId": access_key}, ec=cause)
        if credential.session_token != token:
            raise OSSError("InvalidSecurityToken", "The security token you provided is invalid.")
        if credential.expires is not None and now >= credential.expires:
            raise OSSError("SecurityTokenExpired", "The security token you provided has expired.")
        return credential

    def _prove(
        self,
        call: Call,
        credential: Credential,
        scope: str,
        stamp: str,
        additional: list[str],
        claimed: str,
        without: str = "",
    ) -> Signature:
        text = string_to_sign(
            call.method,
            canonical_resource(call.bucket, call.key),
            canonical_query(call.raw_query, without),
            canonical_headers(CIMultiDict(call.headers), additional),
            additional,
            stamp,
            scope,
        )
        right = hmac.digest(signing_key(credential.secret_key, scope), text.encode(), "sha256").hex()
        if not HEX64.fullmatch(claimed) or not hmac.compare_digest(right, claimed):
            raise mismatch(credential.access_key, claimed, text)
        return Signature(credential, scope.split("/")[1])


def mismatch(access_key: str, claimed: str, text: str) -> OSSError:
    """Return the refusal of a wrong signature; it shows what the server signed."""
    message = "The request signature we calculated does not match the signature you provided. "
    message += "Check your key and signing method."
    details = {"OSSAccessKeyId": access_key, "SignatureProvided": claimed, "StringToSign": text}
    return OSSError("SignatureDoesNotMatch", message, details)


def split_credential(value: str, place: str) -> tuple[str, str]:
    """Return access key and scope of a credential, or raise."""
    access_key, _, scope = value.partition("/")
    parts = scope.split("/")
    if len(parts) != 4 or parts[3] != "aliyun_v4_request" or not access_key:
        raise invalid_argument(f"Invalid Credential in {place}.", "Credential", value, ec="0002-00000213")
    if parts[2] != "oss":
        raise invalid_argument(f"Invalid signing product in {place}.", "Credential", value, ec="0002-00000227")
    return access_key, scope


def _additional(value: str | None) -> list[str]:
    """Return the further headers signed: named in lower case, in order, none of them empty."""
    if value is None:
        return []
    names = value.split(";")
    if "" in names or names != sorted(name.lower() for name in names):
        cause = "0002-00000210" if value else "0002-00000209"
        raise invalid_argument(
            "Invalid AdditionalHeaders in Authorization header.", "AdditionalHeaders", value, ec=cause
        )
    return names


def _from_http_date(value: str) -> str:
    try:
        return parsedate_to_datetime(value).strftime("%Y%m%dT%H%M%SZ")
    except (TypeError, ValueError):
        return value
