"""How does a request ask for encryption, and how is it answered?"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping

from tests.servers.core.model import ObjectVersion
from tests.servers.s3.errors import S3Error, invalid_argument

PREFIX = "x-amz-server-side-encryption"
KEY_ID = f"{PREFIX}-aws-kms-key-id"
BUCKET_KEY = f"{PREFIX}-bucket-key-enabled"
CUSTOMER = f"{PREFIX}-customer-"
SOURCE_CUSTOMER = "x-amz-copy-source-server-side-encryption-customer-"
DEFAULT_KEY = "arn:aws:kms:us-east-1:123456789012:key/aws/s3"


def requested_encryption(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the encryption asked for as the headers that will be echoed; empty is the bucket's default."""
    customer = customer_key(headers, CUSTOMER)
    if customer is not None:
        return {f"{CUSTOMER}algorithm": "AES256", f"{CUSTOMER}key-md5": customer}
    kind = headers.get(PREFIX, "")
    if not kind:
        return {}
    if kind not in ("AES256", "aws:kms", "aws:kms:dsse"):
        raise invalid_argument("The encryption method specified is not supported", PREFIX, kind)
    if kind == "AES256":
        if headers.get(KEY_ID):
            message = (
                "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption "
            )
            raise invalid_argument(f"{message}: aws:kms", PREFIX, kind)
        return {PREFIX: kind}
    found = {PREFIX: kind, KEY_ID: headers.get(KEY_ID) or DEFAULT_KEY}
    if headers.get(BUCKET_KEY, "").lower() == "true":
        found[BUCKET_KEY] = "true"
    return found


def customer_key(headers: Mapping[str, str], prefix: str) -> str | None:
    """Return the MD5 of the SSE-C key sent, None if none was sent."""
    algorithm, key, digest = (headers.get(prefix + name, "") for name in ("algorithm", "key", "key-md5"))
    if not (algorithm or key or digest):
        return None
    if not (algorithm and key):
        message = "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate "
        raise S3Error("InvalidArgument", f"{message}secret key.")
    if algorithm != "AES256":
        raise S3Error("InvalidEncryptionAlgorithmError", "The encryption request is not valid.", status=400)
    try:
        raw = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32:
        raise invalid_argument("The secret key was invalid for the specified algorithm.", prefix + "key", "null")
    right = base64.b64encode(hashlib.md5(raw, usedforsecurity=False).digest()).decode()
    if digest and digest != right:
        message = "The calculated MD5 hash of the key did not match the hash that was provided."
        raise invalid_argument(message, prefix + "key-MD5", "null")
    return right


def check_customer_key(version: ObjectVersion, headers: Mapping[str, str], prefix: str = CUSTOMER) -> None:
    """Raise unless the key sent is the one the object was stored with."""
    stored = version.attributes.encryption.get(f"{CUSTOMER}key-md5")
    sent = customer_key(headers, prefix)
    if stored is None:
        if sent is not None:
            message = "The encryption parameters are not applicable to this object."
            raise S3Error("InvalidRequest", message)
        return
    if sent is None:
        message = "The object was stored using a form of Server Side Encryption. The correct parameters must be "
        raise S3Error("InvalidRequest", f"{message}provided to retrieve the object.")
    if sent != stored:
        raise S3Error("AccessDenied", "Access Denied")


def encryption_headers(encryption: Mapping[str, str]) -> dict[str, str]:
    """Return the response headers; nothing recorded is S3's own AES256."""
    return dict(encryption) if encryption else {PREFIX: "AES256"}


def hides_digest(encryption: Mapping[str, str]) -> bool:
    """Is the ETag something else than the MD5 of the content?"""
    return bool(encryption) and encryption.get(PREFIX) != "AES256"
