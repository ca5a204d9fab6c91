"""Which operation does a request ask for, on which bucket and key?"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from tests.servers.s3.errors import S3Error
from tests.servers.web.exchange import Call

OBJECT_OPERATIONS = {
    ("GET", "uploadId"): "ListParts",
    ("GET", "tagging"): "GetObjectTagging",
    ("GET", "acl"): "GetObjectAcl",
    ("GET", "attributes"): "GetObjectAttributes",
    ("GET", "retention"): "GetObjectRetention",
    ("GET", "legal-hold"): "GetObjectLegalHold",
    ("PUT", "tagging"): "PutObjectTagging",
    ("PUT", "acl"): "PutObjectAcl",
    ("PUT", "retention"): "PutObjectRetention",
    ("PUT", "legal-hold"): "PutObjectLegalHold",
    ("POST", "uploads"): "CreateMultipartUpload",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("POST", "restore"): "RestoreObject",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("DELETE", "tagging"): "DeleteObjectTagging",
}
BUCKET_OPERATIONS = {
    ("GET", "location"): "GetBucketLocation",
    ("GET", "versioning"): "GetBucketVersioning",
    ("GET", "versions"): "ListObjectVersions",
    ("GET", "uploads"): "ListMultipartUploads",
    ("GET", "object-lock"): "GetObjectLockConfiguration",
    ("GET", "ownershipControls"): "GetBucketOwnershipControls",
    ("GET", "encryption"): "GetBucketEncryption",
    ("GET", "acl"): "GetBucketAcl",
    ("GET", "tagging"): "GetBucketTagging",
    ("PUT", "versioning"): "PutBucketVersioning",
    ("PUT", "object-lock"): "PutObjectLockConfiguration",
    ("PUT", "encryption"): "PutBucketEncryption",
    ("PUT", "tagging"): "PutBucketTagging",
    ("POST", "delete"): "DeleteObjects",
}
PLAIN_OBJECT = {"GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
PLAIN_BUCKET = {"HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
UNKNOWN_SUBRESOURCES = frozenset(
    [
        "accelerate",
        "analytics",
        "cors",
        "intelligent-tiering",
        "inventory",
        "lifecycle",
        "logging",
        "metrics",
        "notification",
        "policy",
        "policyStatus",
        "publicAccessBlock",
        "replication",
        "requestPayment",
        "website",
        "torrent",
        "select",
        "renameObject",
        "metadataTable",
        "session",
    ]
)


def split_path(raw_path: str, host: str, domain: str) -> tuple[str, str]:
    """Return bucket and key, decoded once; the bucket comes from the host if that is below ``domain``."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    path = raw_path.removeprefix("/")
    if name.endswith(f".{domain}"):
        return name.removesuffix(f".{domain}").removesuffix(".s3"), decoded_key(path)
    bucket, _, key = path.partition("/")
    return decoded_key(bucket), decoded_key(key)


def decoded_key(raw: str) -> str:
    """Return the key; ``+`` is a space, as S3 reads it in paths too."""
    if "%" not in raw and "+" not in raw and raw.isascii():
        return raw
    try:
        return unquote_to_bytes(raw.replace("+", " ").encode("utf-8", "surrogateescape")).decode()
    except UnicodeDecodeError:
        raise S3Error("InvalidURI", "Couldn't parse the specified URI.", status=400) from None


def operation_of(call: Call) -> str:
    """Return the operation's name; ``NotImplemented`` if S3 has it and this server does not."""
    method, query = call.method, call.query
    if not call.bucket:
        return "ListBuckets" if method == "GET" else "NotImplemented"
    table = OBJECT_OPERATIONS if call.key else BUCKET_OPERATIONS
    if query:
        for name in query:
            found = table.get((method, name))
            if found is not None:
                return found
        if UNKNOWN_SUBRESOURCES & query.keys():
            return "NotImplemented"
    if not call.key:
        if method == "GET":
            return "ListObjectsV2" if query.get("list-type") == "2" else "ListObjects"
        return PLAIN_BUCKET.get(method, "NotImplemented")
    if method == "PUT":
        copies = "x-amz-copy-source" in call.headers
        if "partNumber" in query or "uploadId" in query:
            return "UploadPartCopy" if copies else "UploadPart"
        return "CopyObject" if copies else "PutObject"
    return PLAIN_OBJECT.get(method, "NotImplemented")
