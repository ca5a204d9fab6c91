"""Which of our errors is an error of S3 or of its client?

One table by the store's code, one by HTTP status, one by the client's exception. Messages say the operation, what was
wrong and what to do; the store's own words are quoted only where they help, cut and cleaned, because some stores echo
headers and signatures in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import botocore.exceptions as client_errors
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BodyCorrupted,
    BucketsyncError,
    ConnectionLost,
    FinalError,
    InvalidConfiguration,
    NotSupported,
    ObjectArchived,
    ObjectChanged,
    ObjectNotFound,
    ServerError,
    Throttled,
    TransientError,
)
from airflow_bucketsync.engine.model.location import Location

Kind = type[BucketsyncError]

_NOT_THERE = "the object is not there"
_CONDITION = "the object is not in the state that was asked for"
_CREDENTIALS = "the store does not accept the credentials of the connection"
_WRONG_REGION = "the bucket is in another region than the connection says"
_SLOW = "the store asks for fewer requests"
_CORRUPTED = "the bytes that arrived have another checksum than was sent with them"
_QUOTE = "the store says: "

_BY_CODE: dict[str, tuple[Kind, str]] = {
    # not there
    "NoSuchKey": (ObjectNotFound, _NOT_THERE),
    "NoSuchVersion": (ObjectNotFound, "this version of the object is not there"),
    "NoSuchBucket": (ObjectNotFound, "the bucket does not exist; check its name and the connection's endpoint"),
    "NoSuchUpload": (ObjectNotFound, "there is no such open upload (completed, aborted, or never begun)"),
    # not in that state
    "PreconditionFailed": (ObjectChanged, _CONDITION),
    "ConditionalRequestConflict": (ServerError, "another conditional write to this key is in progress"),
    "OperationAborted": (ServerError, "another operation on this key or bucket is in progress"),
    "InvalidObjectState": (ObjectArchived, "the body is in an archive class; restore the object first"),
    # slower
    "SlowDown": (Throttled, _SLOW),
    "ServiceUnavailable": (Throttled, _SLOW),
    "RequestLimitExceeded": (Throttled, _SLOW),
    "Throttling": (Throttled, _SLOW),
    "ThrottlingException": (Throttled, _SLOW),
    "TooManyRequests": (Throttled, _SLOW),
    "BandwidthLimitExceeded": (Throttled, _SLOW),
    "KMS.ThrottlingException": (Throttled, "the key service asks for fewer requests"),
    # the store failed, or half a request arrived
    "InternalError": (ServerError, "the store failed"),
    "RequestTimeout": (ConnectionLost, "the store waited too long for the request's bytes"),
    "IncompleteBody": (ConnectionLost, "fewer bytes arrived at the store than were announced"),
    "TemporaryRedirect": (ServerError, "the store sends requests elsewhere for a while (a new bucket does)"),
    # other bytes
    "BadDigest": (BodyCorrupted, _CORRUPTED),
    "InvalidDigest": (BodyCorrupted, _CORRUPTED),
    "XAmzContentSHA256Mismatch": (BodyCorrupted, _CORRUPTED),
    "XAmzContentChecksumMismatch": (BodyCorrupted, _CORRUPTED),
    # may not
    "AccessDenied": (AccessDenied, _QUOTE),
    "AllAccessDisabled": (AccessDenied, _QUOTE),
    "AccountProblem": (AccessDenied, _QUOTE),
    "UnauthorizedAccess": (AccessDenied, _QUOTE),
    "InvalidAccessKeyId": (AccessDenied, _CREDENTIALS),
    "SignatureDoesNotMatch": (AccessDenied, f"{_CREDENTIALS} (wrong secret key, or something between changed it)"),
    "InvalidSecurity": (AccessDenied, _CREDENTIALS),
    "InvalidToken": (AccessDenied, f"{_CREDENTIALS} (session token)"),
    "TokenRefreshRequired": (AccessDenied, f"{_CREDENTIALS} (session token)"),
    "KMS.DisabledException": (AccessDenied, _QUOTE),
    "KMS.InvalidStateException": (AccessDenied, _QUOTE),
    "KMS.NotFoundException": (AccessDenied, _QUOTE),
    # the connection must be put right
    "RequestTimeTooSkewed": (InvalidConfiguration, "this machine's clock differs too much from the store's; set it"),
    "PermanentRedirect": (InvalidConfiguration, _WRONG_REGION),
    "AuthorizationHeaderMalformed": (InvalidConfiguration, _WRONG_REGION),
    "IllegalLocationConstraintException": (InvalidConfiguration, _WRONG_REGION),
    "AuthorizationQueryParametersError": (InvalidConfiguration, _WRONG_REGION),
    "InvalidBucketName": (InvalidConfiguration, "the store does not accept the bucket's name"),
    # can't do or hold this
    "InvalidRequest": (NotSupported, _QUOTE),
    "InvalidArgument": (NotSupported, _QUOTE),
    "EntityTooLarge": (NotSupported, "the object or part is larger than the store takes in one request"),
    "EntityTooSmall": (NotSupported, "a part is smaller than the store takes"),
    "KeyTooLongError": (NotSupported, "the key is longer than the store takes"),
    "KeyTooLong": (NotSupported, "the key is longer than the store takes"),
    "MetadataTooLarge": (NotSupported, "the user metadata is larger than the store takes"),
    "InvalidTag": (NotSupported, _QUOTE),
    "InvalidStorageClass": (NotSupported, "the store does not know this storage class"),
    "AccessControlListNotSupported": (NotSupported, "the bucket takes no ACLs"),
    "NotImplemented": (NotSupported, _QUOTE),
    "MethodNotAllowed": (NotSupported, "the store does not allow this here (a delete marker, or an old store)"),
    "InvalidPart": (FinalError, "a part is missing at the store, or is another than the receipt says"),
    "InvalidPartOrder": (FinalError, "the parts are not in order"),
}

_BY_STATUS: dict[int, tuple[Kind, str]] = {
    301: (InvalidConfiguration, _WRONG_REGION),
    307: (ServerError, "the store sends requests elsewhere for a while"),
    # A HEAD answers without words: these are all there is to say.
    400: (FinalError, "the store refused the request (wrong region, expired token, or a customer key is needed)"),
    401: (AccessDenied, _CREDENTIALS),
    403: (AccessDenied, "the store denied the request without saying why"),
    404: (ObjectNotFound, _NOT_THERE),
    405: (NotSupported, "the store does not allow this here (a delete marker, or an old store)"),
    408: (ConnectionLost, "the store waited too long for the request's bytes"),
    409: (ServerError, "another operation on this key is in progress"),
    412: (ObjectChanged, _CONDITION),
    416: (NotSupported, "the object is shorter than the range that was asked for"),
    429: (Throttled, _SLOW),
    501: (NotSupported, "the store does not know this request"),
    503: (Throttled, _SLOW),
}

_BY_EXCEPTION: tuple[tuple[type[Exception], Kind, str], ...] = (
    (client_errors.ConnectTimeoutError, ConnectionLost, "the endpoint did not answer in time"),
    (client_errors.ReadTimeoutError, ConnectionLost, "no bytes came in time"),
    (client_errors.EndpointConnectionError, ConnectionLost, "the endpoint can't be reached"),
    (client_errors.ProxyConnectionError, ConnectionLost, "the proxy can't be reached"),
    (client_errors.ConnectionClosedError, ConnectionLost, "the connection was closed before the answer was complete"),
    (client_errors.IncompleteReadError, ConnectionLost, "the answer ended too early"),
    (client_errors.ResponseStreamingError, ConnectionLost, "the connection broke while the body was read"),
    (ResponseParserError, ServerError, "the answer is no complete XML document"),
    (client_errors.SSLError, ConnectionLost, "the encrypted connection failed"),
    (client_errors.HTTPClientError, ConnectionLost, "the connection failed"),
    (client_errors.FlexibleChecksumError, BodyCorrupted, "the body has another checksum than the store says"),
    (client_errors.NoCredentialsError, InvalidConfiguration, "the connection brings no credentials"),
    (client_errors.PartialCredentialsError, InvalidConfiguration, "the connection brings only half of the credentials"),
    (client_errors.UnauthorizedSSOTokenError, AccessDenied, "the sign-in token has expired; sign in again"),
    (client_errors.SSOTokenLoadError, AccessDenied, "there is no sign-in token; sign in first"),
    (client_errors.TokenRetrievalError, TransientError, "the credentials could not be fetched"),
    (client_errors.CredentialRetrievalError, TransientError, "the credentials could not be fetched"),
    (client_errors.MetadataRetrievalError, TransientError, "the credentials could not be fetched"),
    (client_errors.NoRegionError, InvalidConfiguration, "the connection names no region"),
    (client_errors.ParamValidationError, NotSupported, "the client refuses a name or value in the request"),
    (client_errors.BotoCoreError, FinalError, "the client can't send the request"),
    (UnicodeError, NotSupported, "a name or value can't be sent in a header"),
    (OSError, ConnectionLost, "the connection broke"),
)

TRANSLATED: tuple[type[Exception], ...] = (ClientError, *(exception for exception, _, _ in _BY_EXCEPTION))
"""What to catch around a request; anything else is a bug and passes."""

# In the order of application: what is not plain text on one line, query strings, header-like pairs, access keys.
_SCRUB: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"[^\x20-\x7e\xa0-\u1fff\u2030-\ud7ff]"), lambda match: f"\\u{ord(match[0]):04x}"),
    (re.compile(r"\?[^\s\"'<>]*"), "?…"),
    (
        re.compile(r"(?i)\b(credential|signature|authorization|x-amz-[a-z-]*token|token|secret\w*)\s*[=:]\s*\S+"),
        r"\1=…",
    ),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{8,}\b"), "…"),
)
_QUOTED = 300


def translated(
    error: Exception, operation: str, location: Location, key: str | None = None, *, refreshable: bool = False
) -> BucketsyncError:
    """Our error for one that was caught.

    :param key: relative to the location
    :param refreshable: whether the client can get new credentials by itself, so that an expired token may heal
    """
    if isinstance(error, ClientError):
        return _from_answer(error.response, operation, location, key, refreshable)
    for exception, kind, words in _BY_EXCEPTION:
        if isinstance(error, exception):
            if isinstance(error, client_errors.SSLError) and "certificate" in str(error).lower():
                kind, words = InvalidConfiguration, "the endpoint's certificate is not trusted; see 'verify'"
            break
    else:
        raise error
    return kind(f"{operation}: {words}", location=location.url, key=key, code=type(error).__name__)


def refused(code: str, message: str, operation: str, location: Location, key: str) -> BucketsyncError:
    """Our error for one key of an answer that speaks of many."""
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 0}}
    return _from_answer(answer, operation, location, key, refreshable=False)


def _from_answer(
    answer: Any, operation: str, location: Location, key: str | None, refreshable: bool
) -> BucketsyncError:
    said, about = answer.get("Error", {}), answer.get("ResponseMetadata", {})
    headers = about.get("HTTPHeaders", {})
    status = int(about.get("HTTPStatusCode") or 0)
    code = _clean(str(said.get("Code", "")))[:80]
    message = str(said.get("Message", ""))
    kind, words = _kind_of(code, status)
    if code.isdigit() and headers.get("x-amz-delete-marker") == "true":
        kind, words = ObjectNotFound, "the object was deleted (a delete marker stands there)"
    if code in ("ExpiredToken", "ExpiredTokenException"):
        kind = TransientError if refreshable else AccessDenied
        words = "the session token has expired" + ("" if refreshable else "; renew the connection's credentials")
    if kind is InvalidConfiguration and words == _WRONG_REGION:
        region = said.get("Region") or headers.get("x-amz-bucket-region")
        words += f": it is in {_clean(str(region))!r}; set region_name" if region else "; set region_name and endpoint"
    if words == _QUOTE:
        words = (_QUOTE + _clean(message)) if message else "the store refused without saying why"
    return kind(
        f"{operation}: {words}",
        location=location.url,
        key=None if code == "NoSuchBucket" else key,
        code=code or (str(status) if status else None),
        retry_after=_seconds(headers.get("retry-after")),
    )


def _kind_of(code: str, status: int) -> tuple[Kind, str]:
    found = _BY_CODE.get(code)
    if found is not None:
        return found
    if code.isdigit():
        status = int(code)
    found = _BY_STATUS.get(status)
    if found is not None:
        # The status decides the kind; the store's words say more than ours about a code we do not know.
        return (found[0], found[1] if code.isdigit() or not code else _QUOTE)
    if status >= 500:
        return ServerError, "the store failed"
    if code in ("", "Unknown") and status < 400:
        return ServerError, "the answer is none that S3 gives"
    return FinalError, _QUOTE


def _clean(text: str) -> str:
    """Text of the store as a message may show it: one line, no secrets, not long."""
    for pattern, replacement in _SCRUB:
        text = pattern.sub(replacement, text)
    return text if len(text) <= _QUOTED else text[:_QUOTED] + "…"


def _seconds(value: str | None) -> float | None:
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None  # an HTTP date: the backoff decides
