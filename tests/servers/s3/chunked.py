"""What does an aws-chunked body hold, and is every chunk signed?"""

from __future__ import annotations

import hashlib
import hmac

from tests.servers.s3.errors import S3Error
from tests.servers.s3.sigv4 import Signature

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
KINDS = frozenset({SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER})
EMPTY_HASH = hashlib.sha256(b"").hexdigest()
SMALLEST_CHUNK = 8192


def decode_chunks(wire: bytes, kind: str, signature: Signature | None, length: int) -> tuple[bytes, dict[str, str]]:
    """Return the body and its trailers (names in lower case), or raise."""
    signed = kind != UNSIGNED_TRAILER
    if signed and signature is None:
        raise S3Error("AccessDenied", "Anonymous requests can't sign their chunks")
    previous = signature.signature if signature else ""
    found: list[bytes] = []
    position = 0
    while True:
        line_end = wire.find(b"\r\n", position)
        if line_end < 0:
            raise _incomplete()
        head, _, extension = wire[position:line_end].partition(b";")
        try:
            size = int(head, 16)
        except ValueError:
            raise _incomplete() from None
        start = line_end + 2
        data = wire[start : start + size]
        if len(data) < size:
            raise _incomplete()
        if signed and signature is not None:
            claimed = extension.partition(b"chunk-signature=")[2].decode("ascii", "replace")
            previous = _check_chunk(signature, previous, data, claimed)
        position = start + size
        if not size:
            break
        if found and len(found[-1]) < SMALLEST_CHUNK:
            raise S3Error(
                "InvalidChunkSizeError",
                "Only the last chunk is allowed to have a size less than 8192 bytes",
                {"ChunkSize": len(found[-1])},
                status=403,
            )
        found.append(data)
        if wire[position : position + 2] != b"\r\n":
            raise _incomplete()
        position += 2
    body = found[0] if len(found) == 1 else b"".join(found)
    if len(body) != length:
        raise _incomplete()
    trailers = _trailers(wire[position:])
    if kind == SIGNED_TRAILER and signature is not None:
        _check_trailers(signature, previous, trailers)
    trailers.pop("x-amz-trailer-signature", None)
    return body, trailers


def _incomplete() -> S3Error:
    message = "The request body terminated unexpectedly"
    return S3Error("IncompleteBody", message)


def _sign(signature: Signature, kind: str, previous: str, rest: str) -> str:
    text = f"{kind}\n{signature.stamp}\n{signature.scope}\n{previous}\n{rest}"
    return hmac.digest(signature.key, text.encode(), "sha256").hex()


def _check_chunk(signature: Signature, previous: str, data: bytes, claimed: str) -> str:
    digest = hashlib.sha256(data).hexdigest()
    right = _sign(signature, "AWS4-HMAC-SHA256-PAYLOAD", previous, f"{EMPTY_HASH}\n{digest}")
    if not hmac.compare_digest(right.encode(), claimed.encode()):
        message = "The request signature we calculated does not match the signature you provided. "
        raise S3Error("SignatureDoesNotMatch", message + "Check your key and signing method.")
    return right


def _trailers(wire: bytes) -> dict[str, str]:
    trailers: dict[str, str] = {}
    for line in wire.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            trailers[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
        elif line.strip():
            message = "The request contained trailing data that was not well-formed or did not conform to our schema."
            raise S3Error("MalformedTrailerError", message)
    return trailers


def _check_trailers(signature: Signature, previous: str, trailers: dict[str, str]) -> None:
    lines = "".join(
        f"{name}:{value}\n" for name, value in sorted(trailers.items()) if name != "x-amz-trailer-signature"
    )
    digest = hashlib.sha256(lines.encode()).hexdigest()
    right = _sign(signature, "AWS4-HMAC-SHA256-TRAILER", previous, digest)
    if not hmac.compare_digest(right, trailers.get("x-amz-trailer-signature", "")):
        message = "The request signature we calculated does not match the signature you provided. "
        raise S3Error("SignatureDoesNotMatch", message + "Check your key and signing method.")
