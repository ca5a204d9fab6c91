"""Who may do what?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ACTIONS = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "DeleteObjects": "DeleteObject",
    "AbortMultipartUpload": "AbortMultipartUpload",
}


def action_of(operation: str) -> str:
    """Return the IAM action of an operation, without ``s3:``."""
    return ACTIONS.get(operation, operation)


@dataclass(frozen=True, slots=True)
class Allow:
    """One permission: operations (or IAM actions; ``*`` is all) on a bucket (``*`` is any) under a key prefix."""

    operations: frozenset[str]
    bucket: str = "*"
    prefix: str = ""

    def __init__(self, operations: Iterable[str] | str, bucket: str = "*", prefix: str = "") -> None:
        names = (operations,) if isinstance(operations, str) else operations
        object.__setattr__(self, "operations", frozenset(name.removeprefix("s3:") for name in names))
        object.__setattr__(self, "bucket", bucket)
        object.__setattr__(self, "prefix", prefix)

    def covers(self, operation: str, bucket: str, key: str) -> bool:
        """Does it allow the operation there?"""
        named = {"*", operation, action_of(operation)} & self.operations
        return bool(named) and self.bucket in ("*", bucket) and key.startswith(self.prefix)


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key; ``expires`` is epoch seconds of the server's signing clock; ``allow`` None is everything."""

    access_key: str
    secret_key: str
    session_token: str | None = None
    expires: float | None = None
    allow: tuple[Allow, ...] | None = None
    user: str = "tester"
    account: str = "123456789012"

    @property
    def arn(self) -> str:
        """Return the principal as AWS names it."""
        kind = "sts" if self.session_token else "iam"
        resource = f"assumed-role/{self.user}/session" if self.session_token else f"user/{self.user}"
        return f"arn:aws:{kind}::{self.account}:{resource}"

    def may(self, operation: str, bucket: str, key: str = "") -> bool:
        """Is the operation allowed?"""
        return self.allow is None or any(rule.covers(operation, bucket, key) for rule in self.allow)
