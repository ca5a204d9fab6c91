"""Which of our errors is an error of S3 or of its client?

One table by the store's code, one by HTTP status, one by the client's exception. Messages say the operation, what was
wrong and what to do; the store's own words are quoted only where they help, cut and cleaned, because some stores echo
headers and signatures in them.
"""

from __future__ import annotations

import re
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
    Unreachable,
)
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.remote.remedies import (
    BAD_SESSION,
    BAD_SIGNATURE,
    CLOSED,
    NO_STORE,
    S3_ACTIONS,
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
_WRONG_REGION = "the bucket is in another region than the connection says"
_SLOW = "the store asks for fewer requests"
_UNTRUSTED = untrusted_certificate("verify in the connection's extra")
_CORRUPTED = "the bytes that arrived have another checksum than was sent with them"
_QUOTE = "the store says: "
_UNSAID = "the store denied the request without saying why"
_SAID = (AccessDenied, ObjectNotFound, FinalError)
"""Refusals that a store gives with a code of its own."""
_HOST_ONLY = "the store takes the bucket's name in the host only; choose its profile in the connection: "
_CUSTOMER_KEY = "the object is encrypted with a key of its owner (SSE-C), which is not known here; it can't be read"

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
    "InvalidAccessKeyId": (AccessDenied, UNKNOWN_KEY),
    "SignatureDoesNotMatch": (AccessDenied, BAD_SIGNATURE),
    "InvalidSecurity": (AccessDenied, _CREDENTIALS),
    "InvalidToken": (AccessDenied, BAD_SESSION),
    "TokenRefreshRequired": (AccessDenied, BAD_SESSION),
    "KMS.DisabledException": (AccessDenied, _QUOTE),
    "KMS.InvalidStateException": (AccessDenied, _QUOTE),
    "KMS.NotFoundException": (AccessDenied, _QUOTE),
    # the connection must be put right
    "RequestTimeTooSkewed": (InvalidConfiguration, WRONG_CLOCK),
    "PermanentRedirect": (InvalidConfiguration, _WRONG_REGION),
    "AuthorizationHeaderMalformed": (InvalidConfiguration, _WRONG_REGION),
    "IllegalLocationConstraintException": (InvalidConfiguration, _WRONG_REGION),
    "AuthorizationQueryParametersError": (InvalidConfiguration, _WRONG_REGION),
    "PathStyleDomainForbidden": (InvalidConfiguration, f"{_HOST_ONLY}bucketsync_profile: tencent_cos"),
    "SecondLevelDomainForbidden": (InvalidConfiguration, f"{_HOST_ONLY}bucketsync_profile: alibaba_s3"),
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
    "AccessControlListNotSupported": (
        NotSupported,
        "the bucket takes no ACLs (its owner owns what is written); set acl to none",
    ),
    "MissingContentMD5": (NotSupported, "the store wants Content-MD5; choose its profile (bucketsync_profile)"),
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
    403: (AccessDenied, _UNSAID),
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
    (client_errors.ConnectTimeoutError, Unreachable, SILENT),
    (client_errors.ReadTimeoutError, ConnectionLost, "no bytes came in time"),
    (client_errors.EndpointConnectionError, Unreachable, "the endpoint can't be reached"),
    (client_errors.ProxyConnectionError, Unreachable, "the proxy can't be reached"),
    (client_errors.ConnectionClosedError, ConnectionLost, CLOSED),
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

_CUSTOMER_KEY_NEEDED = re.compile(r"stored using a form of Server Side Encryption")


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
    if isinstance(error, ClientError):
        return _from_answer(error.response, operation, location, key, refreshable, caller)
    for exception, kind, words in _BY_EXCEPTION:
        if isinstance(error, exception):
            if isinstance(error, client_errors.SSLError) and "certificate" in str(error).lower():
                kind, words = InvalidConfiguration, _UNTRUSTED
            elif isinstance(error, client_errors.SSLError):
                words = untold_tls(str(error))
            elif isinstance(error, client_errors.EndpointConnectionError):
                words = unreachable(error.kwargs.get("endpoint_url"), repr(error.kwargs.get("error")))
            break
    else:
        raise error
    return kind(f"{operation}: {words}", location=location.url, key=key, code=type(error).__name__)


def refused(code: str, message: str, operation: str, location: Location, key: str) -> BucketsyncError:
    """Our error for one key of an answer that speaks of many."""
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 0}}
    return _from_answer(answer, operation, location, key, refreshable=False)


def _from_answer(
    answer: Any, operation: str, location: Location, key: str | None, refreshable: bool, caller: Caller = SIGNED
) -> BucketsyncError:
    said, about = answer.get("Error", {}), answer.get("ResponseMetadata", {})
    headers = about.get("HTTPHeaders", {})
    status = int(about.get("HTTPStatusCode") or 0)
    code = cleaned(str(said.get("Code", "")))[:80]
    message = str(said.get("Message", ""))
    kind, words = _kind_of(code, status)
    if headers.get("x-amz-delete-marker") == "true" and kind in (ObjectNotFound, NotSupported):
        kind, words = ObjectNotFound, "the object was deleted (a delete marker stands there)"
    if code in ("ExpiredToken", "ExpiredTokenException"):
        kind = TransientError if refreshable else AccessDenied
        words = "the session token has expired" + ("" if refreshable else "; renew the connection's credentials")
    if kind is InvalidConfiguration and words == _WRONG_REGION:
        region = said.get("Region") or headers.get("x-amz-bucket-region")
        words += f": it is in {cleaned(str(region))!r}" if region else ""
        words += "; set region_name in the connection's extra to that (and endpoint_url, where it has one)"
    if kind is NotSupported and _CUSTOMER_KEY_NEEDED.search(message):
        words = _CUSTOMER_KEY
    if words == _QUOTE:
        words = (_QUOTE + cleaned(message).rstrip(".")) if message else "the store refused without saying why"
    if code.isdigit() and kind in _SAID and not operation.startswith("Head"):
        words = NO_STORE  # a store says why; only the answer to a HEAD has no body to say it in
    elif kind is AccessDenied and words.startswith((_QUOTE, _UNSAID)):
        words += permission(S3_ACTIONS, "s3:", operation, message, caller)
    elif code == "NotImplemented":
        words += "; if the store can't do this, choose its profile: bucketsync_profile in the connection's extra"
    return kind(
        f"{operation}: {words}",
        location=location.url,
        key=None if code == "NoSuchBucket" else key,
        code=code or (str(status) if status else None),
        retry_after=seconds(headers.get("retry-after")),
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
