"""Which checksum does a body have, and is it the one the client sent?"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence

from awscrt import checksums as crt

from tests.servers.core.body import Body, body_chunks, has_exact_digest
from tests.servers.core.model import Checksum, Part
from tests.servers.s3.errors import S3Error

WIDTHS = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}
NAMES = {name: f"x-amz-checksum-{name.lower()}" for name in WIDTHS}
BY_HEADER = {header: name for name, header in NAMES.items()}
CRCS: dict[str, Callable[[bytes, int], int]] = {
    "CRC32": zlib.crc32,
    "CRC32C": crt.crc32c,
    "CRC64NVME": crt.crc64nvme,
}
COMBINED = {"CRC32": crt.combine_crc32, "CRC32C": crt.combine_crc32c, "CRC64NVME": crt.combine_crc64nvme}
DEFAULT = "CRC64NVME"


def encode(raw: bytes) -> str:
    """Return the value as S3 writes it."""
    return base64.b64encode(raw).decode()


def compute(algorithm: str, body: Body) -> str:
    """Return the checksum of the content in base64."""
    crc = CRCS.get(algorithm)
    if crc is not None:
        value = 0
        for chunk in body_chunks(body):
            value = crc(chunk, value)
        return encode(value.to_bytes(WIDTHS[algorithm], "big"))
    digest = hashlib.new(algorithm.lower(), usedforsecurity=False)
    for chunk in body_chunks(body):
        digest.update(chunk)
    return encode(digest.digest())


def default_checksum(body: Body) -> Checksum | None:
    """Return what S3 computes unasked; None for synthetic bodies too large to read for it."""
    return Checksum(DEFAULT, compute(DEFAULT, body)) if has_exact_digest(body) else None


def composite(algorithm: str, parts: Sequence[Part]) -> Checksum:
    """Return the checksum of the parts' checksums."""
    raw = b"".join(base64.b64decode(part.checksum.value) for part in parts if part.checksum is not None)
    return Checksum(algorithm, f"{compute(algorithm, raw)}-{len(parts)}", "COMPOSITE")


def combined(algorithm: str, parts: Sequence[Part]) -> Checksum | None:
    """Return the checksum of the whole out of the parts' CRCs; None if a part has none."""
    value, width = 0, WIDTHS[algorithm]
    for part in parts:
        if part.checksum is None or part.checksum.algorithm != algorithm:
            return None
        crc = int.from_bytes(base64.b64decode(part.checksum.value), "big")
        value = COMBINED[algorithm](value, crc, part.size)
    return Checksum(algorithm, encode(value.to_bytes(width, "big")))


def check_name(algorithm: str) -> str:
    """Return the algorithm in upper case, or raise."""
    name = algorithm.upper()
    if name not in WIDTHS:
        message = "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
        raise S3Error("InvalidRequest", message + f"[{', '.join(WIDTHS)}]")
    return name


def sent_checksum(headers: Mapping[str, str], trailers: Mapping[str, str]) -> tuple[str, str] | None:
    """Return (algorithm, base64 value) of the header or trailer sent, or raise if it is malformed."""
    found = [(name, headers[header]) for header, name in BY_HEADER.items() if header in headers]
    announced = headers.get("x-amz-trailer", "").lower().strip()
    if announced:
        if announced not in BY_HEADER:
            message = "The value specified in the x-amz-trailer header is not supported"
            raise S3Error("InvalidRequest", message)
        if announced not in trailers:
            message = "The request contained trailing data that was not well-formed or did not conform to our schema."
            raise S3Error("MalformedTrailerError", message)
        found.append((BY_HEADER[announced], trailers[announced]))
    asked = headers.get("x-amz-sdk-checksum-algorithm", "")
    if asked:
        check_name(asked)
    if len(found) > 1:
        message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        raise S3Error("InvalidRequest", message)
    if not found:
        if asked:
            message = "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
            raise S3Error("InvalidRequest", message + "x-amz-trailer headers were found.")
        return None
    algorithm, value = found[0]
    if asked and asked.upper() != algorithm:
        raise S3Error("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
    check_value(algorithm, value)
    return algorithm, value


def check_value(algorithm: str, value: str) -> None:
    """Raise unless the value is base64 of the right length."""
    try:
        right = len(base64.b64decode(value, validate=True)) == WIDTHS[algorithm]
    except (binascii.Error, ValueError):
        right = False
    if not right:
        raise S3Error("InvalidRequest", f"Value for {NAMES[algorithm]} header is invalid.")


def verified(algorithm: str, value: str, body: Body) -> Checksum:
    """Return the checksum if it is the content's, or raise BadDigest."""
    if compute(algorithm, body) != value:
        raise S3Error("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")
    return Checksum(algorithm, value)


def check_content_md5(value: str, body: bytes) -> None:
    """Raise unless Content-MD5 is well-formed and right."""
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 16:
        raise S3Error("InvalidDigest", "The Content-MD5 you specified was invalid.", {"Content-MD5": value})
    right = hashlib.md5(body, usedforsecurity=False).digest()
    if right != raw:
        raise S3Error(
            "BadDigest",
            "The Content-MD5 you specified did not match what we received.",
            {"ExpectedDigest": value, "CalculatedDigest": encode(right)},
        )


def checksum_headers(checksum: Checksum | None) -> dict[str, str]:
    """Return the response headers that show a checksum."""
    if checksum is None:
        return {}
    return {NAMES[checksum.algorithm]: checksum.value, "x-amz-checksum-type": checksum.kind}
