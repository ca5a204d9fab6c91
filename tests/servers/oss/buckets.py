"""Create, inspect and configure buckets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.servers.core.bucket import Bucket
from tests.servers.oss import xml
from tests.servers.oss.access_control import bucket_acl, set_bucket_acl
from tests.servers.oss.attributes import STORAGE_CLASSES
from tests.servers.oss.encryption import KEY_ID, KIND
from tests.servers.oss.errors import OSSError, malformed_xml
from tests.servers.oss.listing import OWNER
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.oss.server import OSSServer

NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


def _described(bucket: Bucket) -> str:
    region = bucket.settings.region
    return (
        xml.element("Name", bucket.name)
        + xml.element("Location", f"oss-{region}")
        + xml.element("CreationDate", xml.iso_time(int(bucket.created)))
        + xml.element("ExtranetEndpoint", f"oss-{region}.aliyuncs.com")
        + xml.element("IntranetEndpoint", f"oss-{region}-internal.aliyuncs.com")
        + xml.element("StorageClass", bucket.settings.extra.get("storage_class", "Standard"))
        + xml.element("Region", region)
    )


def list_buckets(server: OSSServer, call: Call) -> Reply:
    """ListBuckets, all in one page."""
    prefix, marker = call.query.get("prefix", ""), call.query.get("marker", "")
    found = "".join(
        f"<Bucket>{_described(bucket)}</Bucket>"
        for name, bucket in sorted(server.core.buckets.items())
        if name.startswith(prefix) and name > marker
    )
    return Reply(200, {}, xml.document("ListAllMyBucketsResult", f"{OWNER}<Buckets>{found}</Buckets>"))


def put_bucket(server: OSSServer, call: Call) -> Reply:
    """PutBucket."""
    if not NAME.fullmatch(call.bucket):
        raise OSSError("InvalidBucketName", "The specified bucket is not valid.", {"BucketName": call.bucket})
    body = server.checked_body(call)
    root = xml.parse(body, "CreateBucketConfiguration") if body else None
    storage_class = (xml.text_of(root, "StorageClass") if root is not None else "") or "Standard"
    if (body and root is None) or storage_class not in STORAGE_CLASSES:
        raise malformed_xml()
    made = server.core.create_bucket(call.bucket, region=server.region, extra={"storage_class": storage_class})
    set_bucket_acl(made.settings, call.header("x-oss-acl") or "private")
    return Reply(200, {"Location": f"/{call.bucket}"})


def delete_bucket(server: OSSServer, call: Call) -> Reply:
    """DeleteBucket."""
    server.core.delete_bucket(call.bucket)
    return Reply(204)


def get_bucket_info(server: OSSServer, call: Call) -> Reply:
    """GetBucketInfo."""
    bucket = server.core.bucket(call.bucket)
    settings = bucket.settings
    inner = _described(bucket) + OWNER + xml.element("DataRedundancyType", "LRS")
    inner += f"<AccessControlList>{xml.element('Grant', bucket_acl(settings))}</AccessControlList>"
    if settings.versioning:
        inner += xml.element("Versioning", settings.versioning)
    rule = xml.element("SSEAlgorithm", settings.encryption.get(KIND, "None"))
    if KEY_ID in settings.encryption:
        rule += xml.element("KMSMasterKeyID", settings.encryption[KEY_ID])
    inner += f"<ServerSideEncryptionRule>{rule}</ServerSideEncryptionRule>"
    return Reply(200, {}, xml.document("BucketInfo", f"<Bucket>{inner}</Bucket>"))


def get_bucket_location(server: OSSServer, call: Call) -> Reply:
    """GetBucketLocation."""
    region = server.core.bucket(call.bucket).settings.region
    return Reply(200, {}, xml.document("LocationConstraint", xml.escape(f"oss-{region}")))


def get_bucket_versioning(server: OSSServer, call: Call) -> Reply:
    """GetBucketVersioning."""
    status = server.core.bucket(call.bucket).settings.versioning
    return Reply(200, {}, xml.document("VersioningConfiguration", xml.element("Status", status) if status else ""))


def _chosen(server: OSSServer, call: Call, root: str, name: str, allowed: tuple[str, ...]) -> str:
    node = xml.parse(server.checked_body(call), root)
    chosen = None if node is None else xml.text_of(node, name)
    if chosen not in allowed:
        raise malformed_xml()
    return str(chosen)


def put_bucket_versioning(server: OSSServer, call: Call) -> Reply:
    """PutBucketVersioning."""
    chosen = _chosen(server, call, "VersioningConfiguration", "Status", ("Enabled", "Suspended"))
    server.core.bucket(call.bucket).settings.versioning = chosen
    return Reply(200)


def get_bucket_request_payment(server: OSSServer, call: Call) -> Reply:
    """GetBucketRequestPayment."""
    pays = server.core.bucket(call.bucket).settings.extra.get("requester_pays", False)
    payer = xml.element("Payer", "Requester" if pays else "BucketOwner")
    return Reply(200, {}, xml.document("RequestPaymentConfiguration", payer))


def put_bucket_request_payment(server: OSSServer, call: Call) -> Reply:
    """PutBucketRequestPayment."""
    chosen = _chosen(server, call, "RequestPaymentConfiguration", "Payer", ("BucketOwner", "Requester"))
    server.core.bucket(call.bucket).settings.extra["requester_pays"] = chosen == "Requester"
    return Reply(200)
