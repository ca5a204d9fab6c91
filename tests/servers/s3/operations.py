"""Who answers which operation?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.servers.s3 import (
    access_control,
    buckets,
    copying,
    deletes,
    listing,
    locks,
    multipart,
    object_attributes,
    objects,
    restoring,
    tagging,
    uploads_listing,
)
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.s3.server import S3Server

Handler = Callable[["S3Server", Call], Reply]
HANDLERS: dict[str, Handler] = {
    "ListBuckets": buckets.list_buckets,
    "CreateBucket": buckets.create_bucket,
    "DeleteBucket": buckets.delete_bucket,
    "HeadBucket": buckets.head_bucket,
    "GetBucketLocation": buckets.get_bucket_location,
    "GetBucketVersioning": buckets.get_bucket_versioning,
    "PutBucketVersioning": buckets.put_bucket_versioning,
    "GetBucketOwnershipControls": buckets.get_bucket_ownership_controls,
    "GetBucketAcl": access_control.get_bucket_acl,
    "GetBucketEncryption": buckets.get_bucket_encryption,
    "PutBucketEncryption": buckets.put_bucket_encryption,
    "GetBucketTagging": buckets.get_bucket_tagging,
    "PutBucketTagging": buckets.put_bucket_tagging,
    "GetObjectLockConfiguration": locks.get_object_lock_configuration,
    "PutObjectLockConfiguration": locks.put_object_lock_configuration,
    "ListObjects": listing.list_objects_v1,
    "ListObjectsV2": listing.list_objects_v2,
    "ListObjectVersions": listing.list_object_versions,
    "ListMultipartUploads": uploads_listing.list_multipart_uploads,
    "ListParts": uploads_listing.list_parts,
    "GetObject": objects.get_object,
    "HeadObject": objects.get_object,
    "PutObject": objects.put_object,
    "CopyObject": copying.copy_object,
    "DeleteObject": deletes.delete_object,
    "DeleteObjects": deletes.delete_objects,
    "GetObjectAttributes": object_attributes.get_object_attributes,
    "GetObjectTagging": tagging.get_object_tagging,
    "PutObjectTagging": tagging.put_object_tagging,
    "DeleteObjectTagging": tagging.delete_object_tagging,
    "GetObjectAcl": access_control.get_object_acl,
    "PutObjectAcl": access_control.put_object_acl,
    "GetObjectRetention": locks.get_object_retention,
    "PutObjectRetention": locks.put_object_retention,
    "GetObjectLegalHold": locks.get_object_legal_hold,
    "PutObjectLegalHold": locks.put_object_legal_hold,
    "RestoreObject": restoring.restore_object,
    "CreateMultipartUpload": multipart.create_multipart_upload,
    "UploadPart": multipart.upload_part,
    "UploadPartCopy": multipart.upload_part_copy,
    "CompleteMultipartUpload": multipart.complete_multipart_upload,
    "AbortMultipartUpload": multipart.abort_multipart_upload,
}
