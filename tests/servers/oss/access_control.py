"""Who may read an object or a bucket, as far as its ACL says?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.core.model import BucketSettings
from tests.servers.oss import xml
from tests.servers.oss.attributes import requested_acl
from tests.servers.oss.errors import invalid_argument
from tests.servers.oss.listing import OWNER
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.oss.server import OSSServer

READS = frozenset({"GetObject", "HeadObject", "GetObjectMeta"})  # listing is not among them
PUBLIC_LIST = "public_list"  # in the settings of a bucket: a policy of it lets everybody list
WRITES = frozenset({"PutObject", "AppendObject", "DeleteObject", "InitiateMultipartUpload", "UploadPart"})
BUCKET_ACLS = ("private", "public-read", "public-read-write")


def bucket_acl(settings: BucketSettings) -> str:
    """Return the ACL of a bucket."""
    return BUCKET_ACLS[2 if settings.public_write else int(settings.public_read)]


def is_public(server: OSSServer, bucket: str, key: str, operation: str) -> bool:
    """May anyone do this to the object?"""
    found = server.core.bucket(bucket)
    if operation in ("ListObjects", "ListObjectsV2") and found.settings.extra.get(PUBLIC_LIST):
        return True
    latest = found.latest(key) if key else None
    acl = latest.attributes.acl if latest is not None else "default"
    acl = bucket_acl(found.settings) if acl == "default" else acl
    return (operation in READS and acl != "private") or (operation in WRITES and acl == "public-read-write")


def _policy(grant: str) -> bytes:
    inner = f"{OWNER}<AccessControlList>{xml.element('Grant', grant)}</AccessControlList>"
    return xml.document("AccessControlPolicy", inner)


def get_object_acl(server: OSSServer, call: Call) -> Reply:
    """GetObjectAcl."""
    version = server.core.find(call.bucket, call.key, server.version_asked(call))
    return Reply(200, server.version_headers(call, version), _policy(version.attributes.acl))


def put_object_acl(server: OSSServer, call: Call) -> Reply:
    """PutObjectAcl."""
    version = server.core.find(call.bucket, call.key, server.version_asked(call))
    if "x-oss-object-acl" not in call.headers:
        raise invalid_argument("no such object access control exists", "x-oss-object-acl", "")
    version.attributes.acl = requested_acl(call.headers)
    return Reply(200, server.version_headers(call, version))


def get_bucket_acl(server: OSSServer, call: Call) -> Reply:
    """GetBucketAcl."""
    return Reply(200, {}, _policy(bucket_acl(server.core.bucket(call.bucket).settings)))


def put_bucket_acl(server: OSSServer, call: Call) -> Reply:
    """PutBucketAcl."""
    set_bucket_acl(server.core.bucket(call.bucket).settings, call.header("x-oss-acl"))
    return Reply(200)


def set_bucket_acl(settings: BucketSettings, acl: str) -> None:
    """Change a bucket's ACL, or raise if there is no such one."""
    if acl not in BUCKET_ACLS:
        raise invalid_argument("no such bucket access control exists", "x-oss-acl", acl)
    settings.public_read, settings.public_write = acl != "private", acl == "public-read-write"
