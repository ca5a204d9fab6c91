"""Which of our errors is an error of OSS or of its client?

One table by the store's code, one by HTTP status, one by the client's exception. Messages say the operation, what was
wrong and what to do; the store's own words are quoted only where they help, cut and cleaned, because a refusal may
quote headers and signatures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree.ElementTree import ParseError

import oss2.exceptions as client_errors  # type: ignore[import-untyped]
import requests.exceptions as http_errors
import urllib3.exceptions as wire_errors

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
    Unreachable,
)
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.remote.remedies import (
    BAD_SESSION,
    BAD_SIGNATURE,
    CLOSED,
    NO_STORE,
    OSS_ACTIONS,
    SIGNED,
    SILENT,
    UNKNOWN_KEY,
    WRONG_CLOCK,
    Caller,
    permission,
    unreachable,
    untold_tls,
    untrusted_certificate,
)
from airflow_bucketsync.engine.stores.remote.said import cleaned, seconds

Kind = type[BucketsyncError]

_NOT_THERE = "the object is not there"
_CONDITION = "the object is not in the state that was asked for"
_CREDENTIALS = "the store does not accept the credentials; check the connection's login and password"
_SLOW = "the store asks for fewer requests"
_EXISTS = "an object stands there, and nothing should"
_LATE = "no bytes came in time"
_UNREACHED = "the endpoint can't be reached"
_BROKEN = "the connection broke"
_QUOTE = "the store says: "
_SAID = (AccessDenied, ObjectNotFound, FinalError)
"""Refusals that a store gives with a code of its own."""
_UNTRUSTED = untrusted_certificate("REQUESTS_CA_BUNDLE on the workers")

_BY_CODE: dict[str, tuple[Kind, str]] = {
    # not there
    "NoSuchKey": (ObjectNotFound, _NOT_THERE),
    "NoSuchVersion": (ObjectNotFound, "this version of the object is not there"),
    "NoSuchBucket": (ObjectNotFound, "the bucket does not exist; check its name and the connection's endpoint"),
    "NoSuchUpload": (ObjectNotFound, "there is no such open upload (completed, aborted, or never begun)"),
    "SymlinkTargetNotExist": (ObjectNotFound, "the object that the symlink stands for is not there"),
    # not in that state
    "PreconditionFailed": (ObjectChanged, _CONDITION),
    "FileAlreadyExists": (ObjectChanged, _EXISTS),
    "ObjectAlreadyExists": (ObjectChanged, _EXISTS),
    "NotSymlink": (ObjectChanged, "it is no symlink any more"),
    "InvalidObjectState": (ObjectArchived, "the body is in an archive class; restore the object first"),
    "RestoreAlreadyInProgress": (ObjectArchived, "the object is being restored"),
    # slower
    "QpsLimitExceeded": (Throttled, _SLOW),
    "TotalQpsLimitExceeded": (Throttled, _SLOW),
    "MetaOperationQpsLimitExceeded": (Throttled, _SLOW),
    "ActiveRequestLimitExceeded": (Throttled, _SLOW),
    "CpuLimitExceeded": (Throttled, _SLOW),
    "DownloadTrafficRateLimitExceeded": (Throttled, "the store asks for less traffic"),
    "UploadTrafficRateLimitExceeded": (Throttled, "the store asks for less traffic"),
    "ServiceUnavailable": (Throttled, _SLOW),
    # the store failed, or half a request arrived
    "InternalError": (ServerError, "the store failed"),
    "BadRequest": (ServerError, "the request arrived in a shape that the store could not read"),
    "RequestTimeout": (ConnectionLost, "the store waited too long for the request's bytes"),
    "IncompleteBody": (ConnectionLost, "fewer bytes arrived at the store than were announced"),
    # other bytes
    "InvalidDigest": (BodyCorrupted, "the bytes that arrived have another MD5 than was sent with them"),
    # may not
    "AccessDenied": (AccessDenied, _QUOTE),
    "UserDisable": (AccessDenied, "the account is disabled; see whether it is overdue"),
    "InvalidAccessKeyId": (AccessDenied, UNKNOWN_KEY),
    "SignatureDoesNotMatch": (AccessDenied, BAD_SIGNATURE),
    "InvalidSecurityToken": (AccessDenied, BAD_SESSION),
    "FileImmutable": (
        AccessDenied,
        "the object is locked by a retention policy; it can be replaced or deleted when the retention ends",
    ),
    # the connection must be put right
    "RequestTimeTooSkewed": (InvalidConfiguration, WRONG_CLOCK),
    "InvalidBucketName": (InvalidConfiguration, "the store does not accept the bucket's name"),
    "SecondLevelDomainForbidden": (InvalidConfiguration, "the endpoint takes no bucket in the path; unset path style"),
    # can't do or hold this
    "InvalidRequest": (NotSupported, _QUOTE),
    "InvalidArgument": (NotSupported, _QUOTE),
    "EntityTooLarge": (NotSupported, "the object or part is larger than the store takes in one request"),
    "EntityTooSmall": (NotSupported, "a part is smaller than the store takes"),
    "InvalidObjectName": (NotSupported, "the store takes no such key"),
    "InvalidTag": (NotSupported, _QUOTE),
    "InvalidStorageClass": (NotSupported, "the store does not know this storage class"),
    "InvalidEncryptionRequest": (NotSupported, _QUOTE),
    "InvalidEncryptionAlgorithmError": (NotSupported, "the store does not know this encryption"),
    "InvalidTargetType": (NotSupported, "the symlink stands for another symlink"),
    "InvalidRange": (NotSupported, "the object is shorter than the range that was asked for"),
    "OperationNotSupported": (NotSupported, _QUOTE),
    "NotImplemented": (NotSupported, _QUOTE),
    "MethodNotAllowed": (NotSupported, "the store does not allow this here (a delete marker)"),
    "InvalidPart": (FinalError, "a part is missing at the store, or is another than the receipt says"),
    "InvalidPartOrder": (FinalError, "the parts are not in order"),
}

_BY_STATUS: dict[int, tuple[Kind, str]] = {
    304: (ObjectChanged, _CONDITION),
    401: (AccessDenied, _CREDENTIALS),
    403: (AccessDenied, "the store denied the request without saying why"),
    404: (ObjectNotFound, _NOT_THERE),
    405: (NotSupported, "the store does not allow this here"),
    408: (ConnectionLost, "the store waited too long for the request's bytes"),
    409: (ServerError, "another operation on this key is in progress"),
    412: (ObjectChanged, _CONDITION),
    416: (NotSupported, "the object is shorter than the range that was asked for"),
    429: (Throttled, _SLOW),
    501: (NotSupported, "the store does not know this request"),
    503: (Throttled, _SLOW),
}

_BY_EXCEPTION: tuple[tuple[type[Exception], Kind, str], ...] = (
    (http_errors.ConnectTimeout, Unreachable, SILENT),
    (http_errors.ReadTimeout, ConnectionLost, _LATE),
    (http_errors.ProxyError, Unreachable, "the proxy can't be reached"),
    (http_errors.SSLError, ConnectionLost, "the encrypted connection failed"),
    (http_errors.ChunkedEncodingError, ConnectionLost, "the answer ended too early"),
    (http_errors.ContentDecodingError, ConnectionLost, "the answer can't be decoded"),
    (http_errors.ConnectionError, ConnectionLost, _UNREACHED),
    (http_errors.InvalidHeader, NotSupported, "a value can't be sent in a header"),
    (http_errors.RequestException, FinalError, "the client can't send the request"),
    (wire_errors.ReadTimeoutError, ConnectionLost, _LATE),
    (wire_errors.HTTPError, ConnectionLost, "the answer ended too early, or the connection broke"),
    (
        client_errors.InconsistentError,
        BodyCorrupted,
        "the bytes that went by have another checksum than the store says",
    ),
    (client_errors.ClientError, TransientError, "the credentials could not be fetched"),
    (client_errors.OssError, FinalError, "the client can't send the request"),
    (ParseError, ServerError, "the answer is no complete XML document"),
    (UnicodeError, NotSupported, "a name or value can't be sent in a request"),
    (OSError, ConnectionLost, _BROKEN),
)

TRANSLATED: tuple[type[Exception], ...] = tuple(exception for exception, _, _ in _BY_EXCEPTION)
"""What to catch around a request; anything else is a bug and passes."""

_ELSEWHERE = re.compile("must be addressed using the specified endpoint")
_SIGNING_REGION = re.compile("signing region", re.IGNORECASE)
_FAR_COPY = re.compile("same data center", re.IGNORECASE)


def translated(
    error: Exception,
    operation: str,
    location: Location,
    key: str | None = None,
    *,
    refreshable: bool = False,
    caller: Caller = SIGNED,
) -> BucketsyncError:
    """Our error for one that was caught.

    :param key: relative to the location
    :param refreshable: whether the client can get new credentials by itself, so that an expired token may heal
    :param caller: what the request said of who asks
    """
    if isinstance(error, client_errors.ServerError):
        answer = error.status, error.details, error.headers
        return _from_answer(*answer, operation, location, key, refreshable, caller)
    if isinstance(error, client_errors.RequestError):
        error = error.exception
    for exception, kind, words in _BY_EXCEPTION:
        if isinstance(error, exception):
            if isinstance(error, http_errors.SSLError) and "certificate" in str(error).lower():
                kind, words = InvalidConfiguration, _UNTRUSTED
            elif isinstance(error, http_errors.SSLError):
                words = untold_tls(str(error))
            elif words == _UNREACHED:
                kind, words = _not_reached(error)
            break
    else:
        raise error
    return kind(f"{operation}: {words}", location=location.url, key=key, code=type(error).__name__)


def refused(
    details: Mapping[str, str], operation: str, location: Location, key: str | None, *, status: int = 0
) -> BucketsyncError:
    """Our error for one key of an answer that speaks of many, or for an answer of 200 that says an error."""
    return _from_answer(status, details, {}, operation, location, key, refreshable=False)


def _from_answer(
    status: int,
    details: Mapping[str, str | None],
    headers: Mapping[str, str],
    operation: str,
    location: Location,
    key: str | None,
    refreshable: bool,
    caller: Caller = SIGNED,
) -> BucketsyncError:
    code, message = cleaned(details.get("Code") or "")[:80], details.get("Message") or ""
    kind, words = _kind_of(code, status)
    if headers.get("x-oss-delete-marker") == "true" and kind in (ObjectNotFound, NotSupported):
        kind, words = ObjectNotFound, "the object was deleted (a delete marker stands there)"
    if code == "SecurityTokenExpired":
        kind = TransientError if refreshable else AccessDenied
        words = "the session token has expired" + ("" if refreshable else "; renew the connection's credentials")
    elif _ELSEWHERE.search(message):
        endpoint = details.get("Endpoint")
        kind, words = InvalidConfiguration, "the bucket is at another endpoint than the connection says"
        words += f": it is at {cleaned(endpoint)}" if endpoint else ""
        words += "; set the connection's region (or its endpoint, where it has one) to that"
    elif code == "InvalidArgument" and _SIGNING_REGION.search(message):
        kind, words = InvalidConfiguration, "the region is not the endpoint's; set the connection's region to that"
    elif code == "AccessDenied" and _FAR_COPY.search(message):
        kind, words = NotSupported, "the store copies only inside one region"
    if words == _QUOTE:
        words = (_QUOTE + cleaned(message).rstrip(".")) if message else "the store refused without saying why"
    if not code and kind in _SAID:
        words = NO_STORE  # a store says why, to a HEAD in a header
    elif kind is AccessDenied and words.startswith(_QUOTE):
        words += permission(OSS_ACTIONS, "oss:", operation, f"{message} {details.get('AuthAction') or ''}", caller)
    return kind(
        f"{operation}: {words}",
        location=location.url,
        key=None if code == "NoSuchBucket" else key,
        code=code or (str(status) if status else None),
        retry_after=_wait(headers),
    )


def _not_reached(error: Exception) -> tuple[Kind, str]:
    """Our error for a connection that was not made, or that ended before an answer came."""
    if "Connection aborted" in str(error):
        return ConnectionLost, CLOSED
    return Unreachable, unreachable(getattr(getattr(error, "request", None), "url", None), str(error))


def _kind_of(code: str, status: int) -> tuple[Kind, str]:
    found = _BY_CODE.get(code)
    if found is not None:
        return found
    if code.lower().startswith("kms") and status < 500:
        return (Throttled, "the key service asks for fewer requests") if "hrottl" in code else (AccessDenied, _QUOTE)
    found = _BY_STATUS.get(status)
    if found is not None:
        # The status decides the kind; the store's words say more than ours about a code we do not know.
        return (found[0], _QUOTE if code else found[1])
    if status >= 500:
        return ServerError, "the store failed"
    if not code and status < 400:
        return ServerError, "the answer is none that OSS gives"
    return FinalError, _QUOTE


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait before the next try: as the store asks, or as long as it held this answer back.

    `x-oss-qos-delay-time` is how many milliseconds OSS made a request wait because of the limits on it; one that was
    refused after that would wait as long again.
    """
    asked, held = seconds(headers.get("Retry-After")), seconds(headers.get("x-oss-qos-delay-time"))
    return asked if asked is not None or held is None else held / 1000
