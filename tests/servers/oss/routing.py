"""Which operation does a request ask for, on which bucket and key?"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from tests.servers.oss.errors import OSSError
from tests.servers.web.exchange import Call

LONGEST_KEY = 1023
OBJECT_OPERATIONS = {
    ("HEAD", "objectMeta"): "GetObjectMeta",
    ("GET", "objectMeta"): "GetObjectMeta",
    ("GET", "uploadId"): "ListParts",
    ("GET", "tagging"): "GetObjectTagging",
    ("GET", "acl"): "GetObjectAcl",
    ("GET", "symlink"): "GetSymlink",
    ("PUT", "tagging"): "PutObjectTagging",
    ("PUT", "acl"): "PutObjectAcl",
    ("PUT", "symlink"): "PutSymlink",
    ("POST", "append"): "AppendObject",
    ("POST", "uploads"): "InitiateMultipartUpload",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("POST", "restore"): "RestoreObject",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("DELETE", "tagging"): "DeleteObjectTagging",
}
BUCKET_OPERATIONS = {
    ("GET", "bucketInfo"): "GetBucketInfo",
    ("GET", "location"): "GetBucketLocation",
    ("GET", "acl"): "GetBucketAcl",
    ("GET", "versioning"): "GetBucketVersioning",
    ("GET", "versions"): "ListObjectVersions",
    ("GET", "uploads"): "ListMultipartUploads",
    ("GET", "requestPayment"): "GetBucketRequestPayment",
    ("PUT", "acl"): "PutBucketAcl",
    ("PUT", "versioning"): "PutBucketVersioning",
    ("PUT", "requestPayment"): "PutBucketRequestPayment",
    ("POST", "delete"): "DeleteMultipleObjects",
}
PLAIN_OBJECT = {"GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
PLAIN_BUCKET = {"PUT": "PutBucket", "DELETE": "DeleteBucket"}
UNKNOWN_SUBRESOURCES = frozenset(
    [
        "accessmonitor",
        "archiveDirectRead",
        "bucketArchiveDirectRead",
        "callback",
        "cname",
        "comp",
        "cors",
        "encryption",
        "inventory",
        "lifecycle",
        "live",
        "logging",
        "metaQuery",
        "policy",
        "publicAccessBlock",
        "qosInfo",
        "referer",
        "replication",
        "resourceGroup",
        "sequential",
        "stat",
        "style",
        "transferAcceleration",
        "vod",
        "website",
        "worm",
        "x-oss-async-process",
        "x-oss-process",
    ]
)


def split_path(raw_path: str, host: str, domains: tuple[str, ...]) -> tuple[str, str]:
    """Return bucket and key, decoded once; the bucket is the host's first label if an endpoint follows it."""
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    path = raw_path.removeprefix("/")
    label, _, rest = name.partition(".")
    below_domain = rest in domains and not label.startswith("oss-")
    if below_domain or (rest.startswith(("oss-", "oss.")) and rest.endswith(tuple(f".{d}" for d in domains))):
        return label, decoded(path)
    bucket, _, key = path.partition("/")
    return decoded(bucket), decoded(key)


def decoded(raw: str) -> str:
    """Return the percent-decoded text; a ``+`` is a plus."""
    try:
        return unquote_to_bytes(raw.encode("utf-8", "surrogateescape")).decode()
    except UnicodeDecodeError:
        raise invalid_name(raw) from None


def invalid_name(key: str) -> OSSError:
    """Return the refusal of an object's name."""
    return OSSError("InvalidObjectName", "The specified object is not valid.", {"ObjectName": key})


def check_key(key: str) -> None:
    """Raise unless the key is one OSS takes: 1 to 1023 bytes, no leading slash or backslash."""
    if key.startswith(("/", "\\")) or len(key.encode("utf-8", "surrogatepass")) > LONGEST_KEY:
        raise invalid_name(key)


def operation_of(call: Call) -> str:
    """Return the operation's name; ``NotImplemented`` if OSS has it and this server does not."""
    method, query = call.method, call.query
    if not call.bucket:
        return "ListBuckets" if method == "GET" else "NotImplemented"
    table = OBJECT_OPERATIONS if call.key else BUCKET_OPERATIONS
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
        copies = "x-oss-copy-source" in call.headers
        if "partNumber" in query or "uploadId" in query:
            return "UploadPartCopy" if copies else "UploadPart"
        return "CopyObject" if copies else "PutObject"
    return PLAIN_OBJECT.get(method, "NotImplemented")
