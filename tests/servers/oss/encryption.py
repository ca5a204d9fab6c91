"""How does a request ask for encryption at rest, and how is it answered?"""

from __future__ import annotations

from collections.abc import Mapping

from tests.servers.oss.errors import OSSError

KIND = "x-oss-server-side-encryption"
KEY_ID = "x-oss-server-side-encryption-key-id"
DATA = "x-oss-server-side-data-encryption"
KINDS = ("AES256", "KMS", "SM4")
DEFAULT_KEY = "9468da86-3509-4f8d-a61e-6eab1eac0001"


def requested_encryption(headers: Mapping[str, str], denied_keys: frozenset[str] | set[str]) -> dict[str, str]:
    """Return the encryption asked for as the headers that will be echoed; empty is the bucket's default."""
    kind, key_id, data = (headers.get(name, "") for name in (KIND, KEY_ID, DATA))
    if not kind:
        if key_id or data:
            raise OSSError("InvalidEncryptionRequest", "The encryption request is not valid.")
        return {}
    if kind not in KINDS or data not in ("", "SM4"):
        message = "The Encryption Algorithm you specified is not supported."
        raise OSSError("InvalidEncryptionAlgorithmError", message)
    if kind != "KMS":
        if key_id or data:
            raise OSSError("InvalidEncryptionRequest", "The encryption request is not valid.")
        return {KIND: kind}
    check_key_allowed(key_id, denied_keys)
    return {KIND: kind, KEY_ID: key_id or DEFAULT_KEY, **({DATA: data} if data else {})}


def check_key_allowed(key_id: str, denied_keys: frozenset[str] | set[str]) -> None:
    """Raise if the key management service would not let the caller use the key."""
    if key_id and key_id in denied_keys:
        raise OSSError("AccessDenied", "This operation is forbidden by permission system of KMS.", {"KeyId": key_id})
