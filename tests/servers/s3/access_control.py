"""Who owns an object, as far as its ACL says?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.core.model import BucketSettings
from tests.servers.s3.attributes import requested_acl
from tests.servers.s3.errors import S3Error
from tests.servers.s3.listing import OWNER, OWNER_ID
from tests.servers.s3.xml import document
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.s3.server import S3Server

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
EVERYONE = f'<Grantee {XSI} xsi:type="Group"><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee>'
OWNER_GRANT = (
    f'<Grant><Grantee {XSI} xsi:type="CanonicalUser"><ID>{OWNER_ID}</ID></Grantee>'
    "<Permission>FULL_CONTROL</Permission></Grant>"
)
PUBLIC = {"public-read": ("READ",), "public-read-write": ("READ", "WRITE")}


def get_bucket_acl(server: S3Server, call: Call) -> Reply:
    """GetBucketAcl: the owner; that of objects, unless the bucket is of another account than new ones are."""
    account = server.core.bucket(call.bucket).settings.account
    owner = OWNER if account == BucketSettings().account else OWNER.replace(OWNER_ID, account.rjust(64, "0"))
    grants = OWNER_GRANT.replace(OWNER_ID, account.rjust(64, "0")) if owner != OWNER else OWNER_GRANT
    return Reply(200, {}, document("AccessControlPolicy", f"{owner}<AccessControlList>{grants}</AccessControlList>"))


def get_object_acl(server: S3Server, call: Call) -> Reply:
    """GetObjectAcl: the owner, and everyone for the public canned ACLs."""
    version = server.core.find(call.bucket, call.key, server.version_asked(call))
    grants = OWNER_GRANT + "".join(
        f"<Grant>{EVERYONE}<Permission>{permission}</Permission></Grant>"
        for permission in PUBLIC.get(version.attributes.acl, ())
    )
    inner = f"{OWNER}<AccessControlList>{grants}</AccessControlList>"
    return Reply(200, server.version_headers(call, version), document("AccessControlPolicy", inner))


def put_object_acl(server: S3Server, call: Call) -> Reply:
    """PutObjectAcl: canned ACLs only."""
    server.checked_body(call)
    version = server.core.find(call.bucket, call.key, server.version_asked(call))
    acl = requested_acl(call.headers, server.core.bucket(call.bucket).settings)
    if not call.header("x-amz-acl"):
        raise S3Error("NotImplemented", "Only canned ACLs are understood here")
    version.attributes.acl = acl
    return Reply(200)
