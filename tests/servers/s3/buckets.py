"""Create, inspect and configure buckets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.servers.s3 import xml
from tests.servers.s3.encryption import KEY_ID, PREFIX, encryption_headers
from tests.servers.s3.errors import S3Error, malformed_xml
from tests.servers.s3.listing import OWNER
from tests.servers.s3.tagging import document_tags
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.s3.server import S3Server

NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
US_EAST = "us-east-1"


def list_buckets(server: S3Server, call: Call) -> Reply:
    """ListBuckets."""
    found = "".join(
        f"<Bucket>{xml.element('Name', bucket.name)}"
        f"{xml.element('CreationDate', xml.iso_time(int(bucket.created)))}</Bucket>"
        for _, bucket in sorted(server.core.buckets.items())
    )
    return Reply(200, {}, xml.document("ListAllMyBucketsResult", f"{OWNER}<Buckets>{found}</Buckets>"))


def create_bucket(server: S3Server, call: Call) -> Reply:
    """CreateBucket."""
    if not NAME.fullmatch(call.bucket) or ".." in call.bucket:
        message = "The specified bucket is not valid."
        raise S3Error("InvalidBucketName", message, {"BucketName": call.bucket})
    region = US_EAST
    body = server.checked_body(call)
    if len(body):
        root = xml.parse(body, "CreateBucketConfiguration")
        if root is None:
            raise malformed_xml()
        region = xml.text_of(root, "LocationConstraint") or US_EAST
        if region == US_EAST and xml.text_of(root, "LocationConstraint"):
            message = "The specified location-constraint is not valid"
            raise S3Error("InvalidLocationConstraint", message, {"LocationConstraint": region})
    elif server.region != US_EAST:
        region = server.region
    lock = call.header("x-amz-bucket-object-lock-enabled").lower() == "true"
    ownership = call.header("x-amz-object-ownership") or "BucketOwnerEnforced"
    server.core.create_bucket(
        call.bucket, region=region, object_lock=lock, owner_enforced=ownership == "BucketOwnerEnforced"
    )
    return Reply(200, {"Location": f"/{call.bucket}"})


def delete_bucket(server: S3Server, call: Call) -> Reply:
    """DeleteBucket."""
    server.core.delete_bucket(call.bucket)
    return Reply(204)


def head_bucket(server: S3Server, call: Call) -> Reply:
    """HeadBucket."""
    return Reply(200, {**server.bucket_headers(call), "Content-Type": "application/xml"}, length=0)


def get_bucket_location(server: S3Server, call: Call) -> Reply:
    """GetBucketLocation."""
    region = server.core.bucket(call.bucket).settings.region
    return Reply(200, {}, xml.document("LocationConstraint", "" if region == US_EAST else xml.escape(region)))


def get_bucket_versioning(server: S3Server, call: Call) -> Reply:
    """GetBucketVersioning."""
    status = server.core.bucket(call.bucket).settings.versioning
    return Reply(200, {}, xml.document("VersioningConfiguration", xml.element("Status", status) if status else ""))


def put_bucket_versioning(server: S3Server, call: Call) -> Reply:
    """PutBucketVersioning."""
    root = xml.parse(server.checked_body(call), "VersioningConfiguration")
    status = None if root is None else xml.text_of(root, "Status")
    if status not in ("Enabled", "Suspended"):
        raise malformed_xml()
    settings = server.core.bucket(call.bucket).settings
    if settings.object_lock and status == "Suspended":
        message = "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
        raise S3Error("InvalidBucketState", message)
    settings.versioning = status
    return Reply(200)


def get_bucket_ownership_controls(server: S3Server, call: Call) -> Reply:
    """GetBucketOwnershipControls."""
    enforced = server.core.bucket(call.bucket).settings.owner_enforced
    rule = xml.element("ObjectOwnership", "BucketOwnerEnforced" if enforced else "ObjectWriter")
    return Reply(200, {}, xml.document("OwnershipControls", f"<Rule>{rule}</Rule>"))


def get_bucket_encryption(server: S3Server, call: Call) -> Reply:
    """GetBucketEncryption."""
    wanted = encryption_headers(server.core.bucket(call.bucket).settings.encryption)
    inner = xml.element("SSEAlgorithm", wanted[PREFIX])
    if KEY_ID in wanted:
        inner += xml.element("KMSMasterKeyID", wanted[KEY_ID])
    rule = f"<ApplyServerSideEncryptionByDefault>{inner}</ApplyServerSideEncryptionByDefault>"
    rule += xml.element("BucketKeyEnabled", False)
    return Reply(200, {}, xml.document("ServerSideEncryptionConfiguration", f"<Rule>{rule}</Rule>"))


def put_bucket_encryption(server: S3Server, call: Call) -> Reply:
    """PutBucketEncryption."""
    root = xml.parse(server.checked_body(call), "ServerSideEncryptionConfiguration")
    found = {}
    for rule in () if root is None else xml.children(root, "Rule"):
        for default in xml.children(rule, "ApplyServerSideEncryptionByDefault"):
            found = {PREFIX: xml.text_of(default, "SSEAlgorithm") or ""}
            if key_id := xml.text_of(default, "KMSMasterKeyID"):
                found[KEY_ID] = key_id
    if found.get(PREFIX) not in ("AES256", "aws:kms", "aws:kms:dsse"):
        raise malformed_xml()
    server.core.bucket(call.bucket).settings.encryption = found
    return Reply(200)


def get_bucket_tagging(server: S3Server, call: Call) -> Reply:
    """GetBucketTagging."""
    tags = server.core.bucket(call.bucket).settings.tags
    if not tags:
        raise S3Error("NoSuchTagSet", "The TagSet does not exist", {"BucketName": call.bucket})
    inner = "".join(f"<Tag>{xml.element('Key', k)}{xml.element('Value', v)}</Tag>" for k, v in tags.items())
    return Reply(200, {}, xml.document("Tagging", f"<TagSet>{inner}</TagSet>"))


def put_bucket_tagging(server: S3Server, call: Call) -> Reply:
    """PutBucketTagging."""
    server.core.bucket(call.bucket).settings.tags = document_tags(server.checked_body(call))
    return Reply(204)
