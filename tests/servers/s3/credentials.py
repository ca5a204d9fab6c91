"""Who may do what?"""

from __future__ import annotations

from tests.servers.web import credentials

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


class Allow(credentials.Allow):
    """One permission by operation or IAM action."""

    __slots__ = ()
    service = "s3"
    actions = ACTIONS


class Credential(credentials.Credential):
    """An access key of AWS."""

    __slots__ = ()

    @property
    def arn(self) -> str:
        """Return the principal as AWS names it."""
        kind = "sts" if self.session_token else "iam"
        resource = f"assumed-role/{self.user}/session" if self.session_token else f"user/{self.user}"
        return f"arn:aws:{kind}::{self.account}:{resource}"
