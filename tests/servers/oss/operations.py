"""Who answers which operation?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.servers.oss import (
    access_control,
    appending,
    buckets,
    copying,
    deletes,
    listing,
    multipart,
    objects,
    restoring,
    symlinks,
    tagging,
    uploads_listing,
)
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.oss.server import OSSServer

Handler = Callable[["OSSServer", Call], Reply]
HANDLERS: dict[str, Handler] = {
    "ListBuckets": buckets.list_buckets,
    "PutBucket": buckets.put_bucket,
    "DeleteBucket": buckets.delete_bucket,
    "GetBucketInfo": buckets.get_bucket_info,
    "GetBucketLocation": buckets.get_bucket_location,
    "GetBucketVersioning": buckets.get_bucket_versioning,
    "PutBucketVersioning": buckets.put_bucket_versioning,
    "GetBucketRequestPayment": buckets.get_bucket_request_payment,
    "PutBucketRequestPayment": buckets.put_bucket_request_payment,
    "GetBucketAcl": access_control.get_bucket_acl,
    "PutBucketAcl": access_control.put_bucket_acl,
    "ListObjects": listing.list_objects_v1,
    "ListObjectsV2": listing.list_objects_v2,
    "ListObjectVersions": listing.list_object_versions,
    "ListMultipartUploads": uploads_listing.list_multipart_uploads,
    "ListParts": uploads_listing.list_parts,
    "GetObject": objects.get_object,
    "HeadObject": objects.get_object,
    "GetObjectMeta": objects.get_object_meta,
    "PutObject": objects.put_object,
    "AppendObject": appending.append_object,
    "CopyObject": copying.copy_object,
    "DeleteObject": deletes.delete_object,
    "DeleteMultipleObjects": deletes.delete_multiple_objects,
    "GetObjectTagging": tagging.get_object_tagging,
    "PutObjectTagging": tagging.put_object_tagging,
    "DeleteObjectTagging": tagging.delete_object_tagging,
    "GetObjectAcl": access_control.get_object_acl,
    "PutObjectAcl": access_control.put_object_acl,
    "GetSymlink": symlinks.get_symlink,
    "PutSymlink": symlinks.put_symlink,
    "RestoreObject": restoring.restore_object,
    "InitiateMultipartUpload": multipart.initiate_multipart_upload,
    "UploadPart": multipart.upload_part,
    "UploadPartCopy": multipart.upload_part_copy,
    "CompleteMultipartUpload": multipart.complete_multipart_upload,
    "AbortMultipartUpload": multipart.abort_multipart_upload,
}
