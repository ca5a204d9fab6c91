"""What is refused before the body is read?"""

from __future__ import annotations

from tests.servers.oss.errors import OSSError, invalid_argument
from tests.servers.web.exchange import Call


def refuse_region(call: Call, signed: str, right: str, endpoint: str) -> None:
    """Raise: the bucket is elsewhere if the caller signed for this endpoint's region, else the region is wrong."""
    if signed != endpoint:
        message = "Invalid signing region in Authorization header."
        raise invalid_argument(message, "Region", signed, ec="0002-00000226")
    message = "The bucket you are attempting to access must be addressed using the specified endpoint. "
    message += "Please send all future requests to this endpoint."
    details = {"Bucket": call.bucket, "Endpoint": f"oss-{right}.aliyuncs.com"}
    raise OSSError("AccessDenied", message, details)


def check_length(call: Call, largest: int) -> None:
    """Raise unless the length of the body is told (or the body comes in chunks) and allowed."""
    length = call.headers.get("Content-Length")
    if length is None and "Transfer-Encoding" not in call.headers:
        raise OSSError("MissingContentLength", "You must provide the Content-Length HTTP header.")
    if length is not None and int(length) > largest:
        details = {"ProposedSize": length, "MaxSizeAllowed": largest}
        raise OSSError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.", details)
