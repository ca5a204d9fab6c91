"""What can people do about a refusal, or about an endpoint that is not there?

The two clouds differ in the name of the permission that a call needs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

CHECK_ENDPOINT = "check the connection's endpoint"
NO_STORE = f"the answer is none that a store gives; {CHECK_ENDPOINT}"
CLOSED = (
    "the connection was closed before the answer was complete; if it stays so, "
    f"{CHECK_ENDPOINT}: its port, or https:// instead of http://"
)
UNKNOWN_KEY = "the store does not know the access key id; check the connection's login and endpoint"
BAD_SIGNATURE = (
    "the signature is wrong; check the connection's password (the secret of its access key), or what changes requests "
    "on their way"
)
BAD_SESSION = "the session token is not valid; renew the connection's credentials: id, secret and token belong together"
SILENT = f"the endpoint did not answer in time; {CHECK_ENDPOINT}, and the network"
WRONG_CLOCK = "this machine's clock differs too much from the store's; set it"

S3_ACTIONS: Mapping[str, str] = {
    "HeadBucket": "s3:ListBucket",
    "ListObjects": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "HeadObject": "s3:GetObject, and s3:ListBucket (without it a missing object is a denied one)",
    "CopyObject": "s3:GetObject at the source and s3:PutObject here, and both for tags (s3:…ObjectTagging)",
    "UploadPartCopy": "s3:GetObject at the source and s3:PutObject here",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "ListParts": "s3:ListMultipartUploadParts",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "PutObject": "s3:PutObject (tags: s3:PutObjectTagging; an ACL: s3:PutObjectAcl)",
    "DeleteObjects": "s3:DeleteObject",
}
"""The permission of Amazon's IAM that a call needs, where it is not `s3:` and the call's own name."""

OSS_ACTIONS: Mapping[str, str] = {
    "ListObjectsV2": "oss:ListObjects",
    "HeadObject": "oss:GetObject",
    "GetObjectMeta": "oss:GetObject",
    "GetSymlink": "oss:GetObject",
    "PutSymlink": "oss:PutObject",
    "CopyObject": "oss:GetObject at the source and oss:PutObject here, and both for tags (oss:…ObjectTagging)",
    "UploadPartCopy": "oss:GetObject at the source and oss:PutObject here",
    "InitiateMultipartUpload": "oss:PutObject",
    "UploadPart": "oss:PutObject",
    "CompleteMultipartUpload": "oss:PutObject",
    "PutObject": "oss:PutObject (tags: oss:PutObjectTagging; an ACL: oss:PutObjectAcl)",
    "DeleteMultipleObjects": "oss:DeleteObject",
}
"""The same of Alibaba's RAM."""

_NAMED = re.compile(r"\b(?:s3|oss|kms):[A-Z][A-Za-z]+")
_KEY_SERVICE = re.compile(r"\bkms:[A-Z]|\bKMS\b")
_LOCKED = re.compile(r"object lock|retention|immutable", re.I)
_PAYS = re.compile(r"requester.pay", re.I)
_NO_NAME = re.compile(r"NameResolution|Name or service not known|nodename nor servname|getaddrinfo|resolve", re.I)
_REFUSED = re.compile(r"refused|Errno 111|Errno 61|10061", re.I)
_NO_TLS = re.compile(r"wrong.version.number|record.layer.failure|unknown.protocol|http.request", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What requests say of who asks.

    :param anonymous: nothing is signed
    :param owner: account that the bucket must belong to
    :param encryption_key: the key that objects are to be encrypted with
    """

    anonymous: bool = False
    owner: str | None = None
    encryption_key: str | None = None


SIGNED = Caller()


def permission(actions: Mapping[str, str], prefix: str, operation: str, said: str, caller: Caller) -> str:
    """The end of a message: what has to be allowed so that a call that was denied passes; "" = that would not help.

    :param prefix: of the permissions of this cloud, `s3:`
    :param said: the store's own words, which may name the permission
    """
    if _LOCKED.search(said):
        return ""
    if _PAYS.search(said):
        return "; set requester pays in the connection, if its account is to pay for the requests"
    found = _NAMED.search(said)
    if _KEY_SERVICE.search(said):
        key = f"the key {caller.encryption_key}" if caller.encryption_key else "the key of the object"
        return f"; allow {found[0] if found else 'kms:GenerateDataKey and kms:Decrypt'} on {key}"
    needed = found[0] if found else actions.get(operation, f"{prefix}{operation}")
    if caller.anonymous:
        return f"; the connection signs nothing, so the bucket must allow {needed} to everybody"
    remedy = f"; allow {needed} to the user or role of the connection"
    if caller.owner and not found:
        remedy += f", unless the bucket is not of account {caller.owner} (bucketsync_expected_owner)"
    return remedy


def unreachable(url: str | None, why: str) -> str:
    """What is wrong with an endpoint that can't be reached, and what to do.

    :param url: that was asked for; only its host is shown
    :param why: the client's words, to be read but not to be shown
    """
    host = host_shown(url)
    reason = ""
    if _NO_NAME.search(why):
        reason = ": its name is not known"
    elif _REFUSED.search(why):
        reason = ": nothing listens there"
    return f"the endpoint{host} can't be reached{reason}; {CHECK_ENDPOINT}, and the network"


def untrusted_certificate(setting: str) -> str:
    """What is wrong with an endpoint that shows a certificate of nobody we know, and where others are named."""
    return f"the endpoint's certificate is not trusted; set {setting} to the file of what is, or {CHECK_ENDPOINT}"


def untold_tls(why: str) -> str:
    """What is wrong with an encrypted connection that failed, and what to do."""
    if _NO_TLS.search(why):
        return f"what answers does not speak TLS; {CHECK_ENDPOINT}: its port, or http:// instead of https://"
    return f"the encrypted connection failed; if it stays so, {CHECK_ENDPOINT} and its port"


def host_shown(url: str | None) -> str:
    """The host of a URL as a message shows it, with a space before it; "" where it can't be told."""
    try:
        host = urlsplit(url or "").netloc.rpartition("@")[2]
    except ValueError:
        return ""
    return f" {host}" if re.fullmatch(r"[A-Za-z0-9.:_\[\]-]{1,255}", host) else ""
