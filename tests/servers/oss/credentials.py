"""Which RAM action does an operation need, and what does an access key of OSS look like?"""

from __future__ import annotations

from tests.servers.web import credentials

ACTIONS = {
    "HeadObject": "GetObject",
    "GetObjectMeta": "GetObject",
    "GetSymlink": "GetObject",
    "PutSymlink": "PutObject",
    "AppendObject": "PutObject",
    "CopyObject": "PutObject",
    "InitiateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteMultipleObjects": "DeleteObject",
    "ListObjectsV2": "ListObjects",
}


def action_of(operation: str) -> str:
    """Return the RAM action of an operation, without ``oss:``."""
    return ACTIONS.get(operation, operation)


class Allow(credentials.Allow):
    """One permission by operation or RAM action."""

    __slots__ = ()
    service = "oss"
    actions = ACTIONS


class Credential(credentials.Credential):
    """An access key of Alibaba Cloud; with a ``session_token`` one that STS gave out."""

    __slots__ = ()
