"""How does S3 say no?"""

from __future__ import annotations

from collections.abc import Mapping

from tests.servers.core import errors as core
from tests.servers.s3.xml import DECLARATION, element

STATUS = {
    "AccessControlListNotSupported": 400,
    "AccessDenied": 403,
    "AuthorizationHeaderMalformed": 400,
    "AuthorizationQueryParametersError": 400,
    "BadDigest": 400,
    "BadRequest": 400,
    "BucketAlreadyExists": 409,
    "BucketAlreadyOwnedByYou": 409,
    "BucketNotEmpty": 409,
    "EntityTooLarge": 400,
    "EntityTooSmall": 400,
    "ExpiredToken": 400,
    "IncompleteBody": 400,
    "InternalError": 500,
    "InvalidAccessKeyId": 403,
    "InvalidArgument": 400,
    "InvalidBucketName": 400,
    "InvalidBucketState": 409,
    "InvalidDigest": 400,
    "InvalidLocationConstraint": 400,
    "InvalidObjectState": 403,
    "InvalidPart": 400,
    "InvalidPartNumber": 416,
    "InvalidPartOrder": 400,
    "InvalidRange": 416,
    "InvalidRequest": 400,
    "InvalidStorageClass": 400,
    "InvalidTag": 400,
    "InvalidToken": 400,
    "KeyTooLongError": 400,
    "MalformedTrailerError": 400,
    "MalformedXML": 400,
    "MetadataTooLarge": 400,
    "MethodNotAllowed": 405,
    "MissingContentLength": 411,
    "MissingRequestBodyError": 400,
    "NoSuchBucket": 404,
    "NoSuchKey": 404,
    "NoSuchObjectLockConfiguration": 404,
    "NoSuchTagSet": 404,
    "NoSuchUpload": 404,
    "NoSuchVersion": 404,
    "NotImplemented": 501,
    "ObjectLockConfigurationNotFoundError": 404,
    "OwnershipControlsNotFoundError": 404,
    "PermanentRedirect": 301,
    "PreconditionFailed": 412,
    "RequestTimeTooSkewed": 403,
    "RestoreAlreadyInProgress": 409,
    "ServerSideEncryptionConfigurationNotFoundError": 404,
    "SignatureDoesNotMatch": 403,
    "SlowDown": 503,
    "XAmzContentSHA256Mismatch": 400,
}


class S3Error(Exception):
    """A refusal with S3's code and message; ``details`` become further elements of the XML."""

    def __init__(
        self,
        code: str,
        message: str = "",
        details: Mapping[str, object] | None = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message or code
        self.status = STATUS[code] if status is None else status
        self.details = dict(details or {})
        self.headers = dict(headers or {})


def error_xml(code: str, message: str, resource: str, request_id: str, details: Mapping[str, object]) -> bytes:
    """Return the <Error> document; unlike other replies it has no namespace."""
    inner = element("Code", code) + element("Message", message)
    inner += "".join(element(name, str(value)) for name, value in details.items())
    inner += element("Resource", resource) + element("RequestId", request_id) + element("HostId", request_id * 2)
    return f"{DECLARATION}<Error>{inner}</Error>".encode()


def invalid_argument(message: str, name: str, value: object) -> S3Error:
    """Return the InvalidArgument error for one parameter."""
    return S3Error("InvalidArgument", message, {"ArgumentName": name, "ArgumentValue": value})


def malformed_xml() -> S3Error:
    """Return the error for a request document that is none."""
    message = "The XML you provided was not well-formed or did not validate against our published schema"
    return S3Error("MalformedXML", message)


def from_core(error: core.StoreError, key: str, bucket: str, version_id: str = "") -> S3Error:
    """Say a refusal of the core in S3's words."""
    match error:
        case core.BucketMissing():
            return S3Error("NoSuchBucket", "The specified bucket does not exist", {"BucketName": str(error)})
        case core.BucketExists():
            return S3Error(
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own it.",
                {"BucketName": str(error)},
            )
        case core.BucketNotEmpty():
            return S3Error("BucketNotEmpty", "The bucket you tried to delete is not empty", {"BucketName": str(error)})
        case core.KeyMissing():
            headers = {}
            if error.marker is not None:
                headers = {"x-amz-delete-marker": "true", "x-amz-version-id": error.marker.version_id}
            return S3Error("NoSuchKey", "The specified key does not exist.", {"Key": key}, headers=headers)
        case core.IsDeleteMarker():
            return S3Error(
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
                {"Method": "GET", "ResourceType": "DeleteMarker"},
                headers={"x-amz-delete-marker": "true", "x-amz-version-id": error.marker.version_id, "Allow": "DELETE"},
            )
        case core.VersionMissing():
            details = {"Key": key, "VersionId": version_id or str(error)}
            return S3Error("NoSuchVersion", "The specified version does not exist.", details)
        case core.ConditionFailed():
            return S3Error(
                "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold",
                {"Condition": error.condition},
            )
        case core.Locked():
            return S3Error("AccessDenied", "Access Denied because object protected by object lock.")
        case core.Archived():
            return S3Error(
                "InvalidObjectState",
                "The operation is not valid for the object's storage class",
                {"StorageClass": error.version.attributes.storage_class},
            )
        case core.RestoreRunning():
            return S3Error("RestoreAlreadyInProgress", "Object restore is already in progress")
        case core.RestoreNotNeeded():
            return S3Error("InvalidObjectState", "Restore is not allowed for the object's current storage class")
        case core.UploadMissing():
            message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
            return S3Error("NoSuchUpload", message + "aborted or completed.", {"UploadId": str(error)})
        case core.PartMissing():
            message = "One or more of the specified parts could not be found.  The part may not have been uploaded, or "
            message += "the specified entity tag may not match the part's entity tag."
            return S3Error("InvalidPart", message, {"PartNumber": error.number, "ETag": error.etag})
        case core.PartOrder():
            message = "The list of parts was not in ascending order. Parts must be ordered by part number."
            return S3Error("InvalidPartOrder", message)
        case core.PartTooSmall():
            return S3Error(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                {"ProposedSize": error.size, "PartNumber": error.number, "ETag": error.etag},
            )
    return S3Error("InternalError", repr(error))
