"""How does OSS say no?"""

from __future__ import annotations

from collections.abc import Mapping

from tests.servers.core import errors as core
from tests.servers.oss.xml import document, element

STATUS = {
    "AccessDenied": 403,
    "BucketAlreadyExists": 409,
    "BucketNotEmpty": 409,
    "EntityTooLarge": 400,
    "EntityTooSmall": 400,
    "FileAlreadyExists": 409,
    "FileImmutable": 409,
    "InternalError": 500,
    "InvalidAccessKeyId": 403,
    "InvalidArgument": 400,
    "InvalidBucketName": 400,
    "InvalidDigest": 400,
    "InvalidEncryptionAlgorithmError": 400,
    "InvalidEncryptionRequest": 400,
    "InvalidLocationConstraint": 400,
    "InvalidObjectName": 400,
    "InvalidObjectState": 403,
    "InvalidPart": 400,
    "InvalidPartOrder": 400,
    "InvalidRange": 416,
    "InvalidRequest": 400,
    "InvalidSecurityToken": 403,
    "InvalidStorageClass": 400,
    "InvalidTag": 400,
    "InvalidTargetType": 409,
    "MalformedXML": 400,
    "MethodNotAllowed": 405,
    "MissingContentLength": 411,
    "NoSuchBucket": 404,
    "NoSuchKey": 404,
    "NoSuchUpload": 404,
    "NoSuchVersion": 404,
    "NotImplemented": 501,
    "NotSymlink": 400,
    "ObjectNotAppendable": 409,
    "OperationNotSupported": 400,
    "PositionNotEqualToLength": 409,
    "PreconditionFailed": 412,
    "RequestTimeTooSkewed": 403,
    "RestoreAlreadyInProgress": 409,
    "SecurityTokenExpired": 403,
    "SignatureDoesNotMatch": 403,
    "SymlinkTargetNotExist": 404,
}
# The fine-grained codes that public sources show; the rest get the stand-in.
CAUSES = {
    "AccessDenied": "0003-00000001",
    "FileAlreadyExists": "0026-00000002",
    "InvalidAccessKeyId": "0002-00000902",
    "InvalidSecurityToken": "0002-00000006",
    "NoSuchBucket": "0015-00000101",
    "NoSuchKey": "0026-00000001",
    "RequestTimeTooSkewed": "0002-00000504",
    "SecurityTokenExpired": "0002-00000007",
    "SignatureDoesNotMatch": "0002-00000040",
}
STAND_IN = "0000-00000000"


class OSSError(Exception):
    """A refusal with OSS's code and message; ``details`` become further elements of the XML, ``ec`` the fine code."""

    def __init__(
        self,
        code: str,
        message: str = "",
        details: Mapping[str, object] | None = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        ec: str = "",
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message or code
        self.status = STATUS[code] if status is None else status
        self.details = dict(details or {})
        self.headers = dict(headers or {})
        self.ec = ec or CAUSES.get(code, STAND_IN)


def error_xml(error: OSSError, request_id: str, host: str) -> bytes:
    """Return the <Error> document."""
    inner = element("Code", error.code) + element("Message", error.message)
    inner += element("RequestId", request_id) + element("HostId", host)
    inner += "".join(element(name, str(value)) for name, value in error.details.items())
    return document("Error", inner + element("EC", error.ec))


def invalid_argument(message: str, name: str, value: object, *, ec: str = "") -> OSSError:
    """Return the InvalidArgument error for one parameter."""
    return OSSError("InvalidArgument", message, {"ArgumentName": name, "ArgumentValue": value}, ec=ec)


def malformed_xml() -> OSSError:
    """Return the error for a request document that is none."""
    return OSSError("MalformedXML", "The XML you provided was not well-formed or did not validate against our schema.")


def immutable() -> OSSError:
    """Return the refusal to change a protected object."""
    return OSSError("FileImmutable", "The object you specified is immutable.")


def from_core(error: core.StoreError, key: str, version_id: str = "") -> OSSError:
    """Say a refusal of the core in OSS's words."""
    match error:
        case core.BucketMissing():
            return OSSError("NoSuchBucket", "The specified bucket does not exist.", {"BucketName": str(error)})
        case core.BucketExists():
            message = "The requested bucket name is not available."
            return OSSError("BucketAlreadyExists", message, {"BucketName": str(error)})
        case core.BucketNotEmpty():
            message = "The bucket you tried to delete is not empty."
            return OSSError("BucketNotEmpty", message, {"BucketName": str(error)})
        case core.KeyMissing():
            headers = {}
            if error.marker is not None:
                headers = {"x-oss-delete-marker": "true", "x-oss-version-id": error.marker.version_id}
            return OSSError("NoSuchKey", "The specified key does not exist.", {"Key": key}, headers=headers)
        case core.IsDeleteMarker():
            headers = {"x-oss-delete-marker": "true", "x-oss-version-id": error.marker.version_id, "Allow": "DELETE"}
            message = "The specified method is not allowed against this resource."
            return OSSError("MethodNotAllowed", message, {"Method": "GET"}, headers=headers)
        case core.VersionMissing():
            details = {"Key": key, "VersionId": version_id or str(error)}
            return OSSError("NoSuchVersion", "The specified version does not exist.", details)
        case core.ConditionFailed():
            message = "At least one of the pre-conditions you specified did not hold."
            return OSSError("PreconditionFailed", message, {"Condition": error.condition})
        case core.Locked():
            return immutable()
        case core.Archived():
            message = "The operation is not valid for the object's state"
            return OSSError("InvalidObjectState", message, {"ObjectName": key})
        case core.RestoreRunning():
            return OSSError("RestoreAlreadyInProgress", "The restore operation is in progress.", {"ObjectName": key})
        case core.RestoreNotNeeded():
            return OSSError("OperationNotSupported", "The operation is not supported for this resource")
        case core.UploadMissing():
            message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
            return OSSError("NoSuchUpload", message + "aborted or completed.", {"UploadId": str(error)})
        case core.PartMissing():
            message = "One or more of the specified parts could not be found or the specified entity tag might not have"
            return OSSError("InvalidPart", f"{message} matched the part's entity tag.", {"PartNumber": error.number})
        case core.PartOrder():
            message = "The list of parts was not in ascending order. Parts list must be specified in order by part "
            return OSSError("InvalidPartOrder", f"{message}number.")
        case core.PartTooSmall():
            details = {"ProposedSize": error.size, "PartNumber": error.number, "ETag": error.etag}
            return OSSError("EntityTooSmall", "Your proposed upload smaller than the minimum allowed size.", details)
    return OSSError("InternalError", repr(error))
