"""What is refused before the body is read?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.core.model import BucketSettings
from tests.servers.s3.credentials import action_of
from tests.servers.s3.errors import S3Error
from tests.servers.web.exchange import Call

if TYPE_CHECKING:
    from tests.servers.s3.server import S3Server

REQUESTER_PAYS = "requester_pays"  # in the settings of a bucket
FREE = frozenset({"HeadBucket", "GetBucketLocation"})
PUBLIC_READS = frozenset({"GetObject", "HeadObject", "ListObjects", "ListObjectsV2", "ListBucket", "HeadBucket"})
PUBLIC_WRITES = frozenset({"PutObject", "DeleteObject", "CreateMultipartUpload", "UploadPart"})
NOT_IMPLEMENTED = "A header you provided implies functionality that is not implemented"


def is_public(settings: BucketSettings, operation: str) -> bool:
    """May anyone do this in the bucket?"""
    reads, writes = settings.public_read, settings.public_write
    return (reads and operation in PUBLIC_READS) or (writes and operation in PUBLIC_WRITES)


def denied(principal: str, operation: str, resource: str) -> S3Error:
    """Return AccessDenied as AWS words it."""
    action = f"s3:{action_of(operation)}"
    message = f"User: {principal} is not authorized to perform: {action} on resource: "
    message += f'"{resource}" because no identity-based policy allows the {action} action'
    return S3Error("AccessDenied", message)


def check_payer(server: S3Server, call: Call, bucket: str) -> None:
    """Raise unless the caller owns the bucket, or says that he pays where it wants that."""
    settings = server.core.bucket(bucket).settings
    if not settings.extra.get(REQUESTER_PAYS) or call.operation in FREE:
        return
    owns = call.principal is not None and call.principal.credential.account == settings.account
    if not owns and call.header("x-amz-request-payer") != "requester":
        raise S3Error("AccessDenied", "Access Denied")


def refuse_region(call: Call, signed: str, right: str, endpoint: str) -> None:
    """Raise: a redirect if the caller signed for this endpoint's region, else a malformed header."""
    headers = {"x-amz-bucket-region": right}
    if signed == endpoint:
        message = "The bucket you are attempting to access must be addressed using the specified endpoint. "
        details = {"Endpoint": f"{call.bucket}.s3.{right}.amazonaws.com", "Bucket": call.bucket}
        message += "Please send all future requests to this endpoint."
        raise S3Error("PermanentRedirect", message, details, headers=headers)
    message = f"The authorization header is malformed; the region '{signed}' is wrong; expecting '{right}'"
    raise S3Error("AuthorizationHeaderMalformed", message, {"Region": right}, headers=headers)


def decoded_length(call: Call) -> int:
    """Return the length of an aws-chunked body without its chunk heads, or raise."""
    text = call.headers.get("x-amz-decoded-content-length")
    if text is None:
        raise S3Error("MissingContentLength", "You must provide the Content-Length HTTP header.")
    if not text.isdigit():
        raise S3Error("InvalidArgument", "Invalid length", {"ArgumentName": "x-amz-decoded-content-length"})
    return int(text)


def check_length(call: Call, largest: int) -> None:
    """Raise unless the length of the body is told and allowed."""
    if call.header("x-amz-content-sha256").startswith("STREAMING-"):
        length = decoded_length(call)
    elif "Content-Length" in call.headers:
        length = int(call.headers["Content-Length"])
    elif "Transfer-Encoding" in call.headers:
        raise S3Error("NotImplemented", NOT_IMPLEMENTED, {"Header": "Transfer-Encoding"})
    else:
        raise S3Error("MissingContentLength", "You must provide the Content-Length HTTP header.")
    if length > largest:
        details = {"ProposedSize": length, "MaxSizeAllowed": largest}
        raise S3Error("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", details)
