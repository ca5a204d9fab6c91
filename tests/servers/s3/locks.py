"""Which versions are protected from deletion, and until when?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.servers.core.model import Lock, ObjectVersion
from tests.servers.s3 import xml
from tests.servers.s3.errors import S3Error, invalid_argument, malformed_xml
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.s3.server import S3Server

MODE, UNTIL, HOLD = "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date", "x-amz-object-lock-legal-hold"
BYPASS = "x-amz-bypass-governance-retention"
DAY, YEAR = 86400, 365 * 86400


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise invalid_argument("The retain until date must be provided in ISO 8601 format", UNTIL, text) from None


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def requested_lock(headers: Mapping[str, str], bucket_has_lock: bool, now: float) -> Lock | None:
    """Return the lock asked for in headers."""
    mode, until, hold = headers.get(MODE), headers.get(UNTIL), headers.get(HOLD)
    if not (mode or until or hold):
        return None
    if not bucket_has_lock:
        raise S3Error("InvalidRequest", "Bucket is missing Object Lock Configuration")
    if bool(mode) != bool(until):
        message = f"{MODE} and {UNTIL} must both be supplied"
        raise S3Error("InvalidArgument", message)
    if mode and mode not in ("GOVERNANCE", "COMPLIANCE"):
        raise invalid_argument("Unknown wormMode directive.", MODE, mode)
    if hold and hold not in ("ON", "OFF"):
        raise invalid_argument("Legal Hold must be either of 'ON' or 'OFF'", HOLD, hold)
    moment = _moment(until) if until else None
    if moment is not None and moment <= now:
        raise invalid_argument("The retain until date must be in the future!", UNTIL, until)
    return Lock(mode, moment, hold == "ON")


def lock_headers(lock: Lock | None) -> dict[str, str]:
    """Return the response headers that show a lock."""
    if lock is None:
        return {}
    found = {HOLD: "ON"} if lock.legal_hold else {}
    if lock.mode and lock.until is not None:
        found |= {MODE: lock.mode, UNTIL: _iso(lock.until)}
    return found


def _locked_version(server: S3Server, call: Call) -> ObjectVersion:
    if not server.core.bucket(call.bucket).settings.object_lock:
        raise S3Error("InvalidRequest", "Bucket is missing Object Lock Configuration")
    return server.core.find(call.bucket, call.key, server.version_asked(call))


def get_object_retention(server: S3Server, call: Call) -> Reply:
    """GetObjectRetention."""
    lock = _locked_version(server, call).attributes.lock
    if lock is None or lock.mode is None or lock.until is None:
        message = "The specified object does not have a ObjectLock configuration"
        raise S3Error("NoSuchObjectLockConfiguration", message)
    inner = xml.element("Mode", lock.mode) + xml.element("RetainUntilDate", _iso(lock.until))
    return Reply(200, {}, xml.document("Retention", inner))


def put_object_retention(server: S3Server, call: Call) -> Reply:
    """PutObjectRetention."""
    version = _locked_version(server, call)
    root = xml.parse(server.checked_body(call), "Retention")
    if root is None:
        raise malformed_xml()
    mode, until = xml.text_of(root, "Mode"), xml.text_of(root, "RetainUntilDate")
    moment, now = _moment(until) if until else None, server.core.now()
    lock = version.attributes.lock or Lock()
    weaker = moment is None or (lock.until is not None and moment < lock.until) or mode != lock.mode
    held = Lock(lock.mode, lock.until).forbids_delete(now, call.header(BYPASS).lower() == "true")
    if held and weaker:
        raise S3Error("AccessDenied", "Access Denied because object protected by object lock.")
    version.attributes.lock = Lock(mode, moment, lock.legal_hold)
    return Reply(200)


def get_object_legal_hold(server: S3Server, call: Call) -> Reply:
    """GetObjectLegalHold."""
    lock = _locked_version(server, call).attributes.lock
    if lock is None:
        message = "The specified object does not have a ObjectLock configuration"
        raise S3Error("NoSuchObjectLockConfiguration", message)
    return Reply(200, {}, xml.document("LegalHold", xml.element("Status", "ON" if lock.legal_hold else "OFF")))


def put_object_legal_hold(server: S3Server, call: Call) -> Reply:
    """PutObjectLegalHold."""
    version = _locked_version(server, call)
    root = xml.parse(server.checked_body(call), "LegalHold")
    status = None if root is None else xml.text_of(root, "Status")
    if status not in ("ON", "OFF"):
        raise malformed_xml()
    lock = version.attributes.lock or Lock()
    version.attributes.lock = Lock(lock.mode, lock.until, status == "ON")
    return Reply(200)


def get_object_lock_configuration(server: S3Server, call: Call) -> Reply:
    """GetObjectLockConfiguration."""
    settings = server.core.bucket(call.bucket).settings
    if not settings.object_lock:
        message = "Object Lock configuration does not exist for this bucket"
        raise S3Error("ObjectLockConfigurationNotFoundError", message, {"BucketName": call.bucket})
    inner = xml.element("ObjectLockEnabled", "Enabled")
    if settings.default_lock is not None:
        mode, seconds = settings.default_lock
        rule = xml.element("Mode", mode) + xml.element("Days", max(1, seconds // DAY))
        inner += f"<Rule><DefaultRetention>{rule}</DefaultRetention></Rule>"
    return Reply(200, {}, xml.document("ObjectLockConfiguration", inner))


def put_object_lock_configuration(server: S3Server, call: Call) -> Reply:
    """PutObjectLockConfiguration."""
    settings = server.core.bucket(call.bucket).settings
    root = xml.parse(server.checked_body(call), "ObjectLockConfiguration")
    if root is None or xml.text_of(root, "ObjectLockEnabled") != "Enabled":
        raise malformed_xml()
    if settings.versioning != "Enabled":
        message = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
        raise S3Error("InvalidBucketState", message)
    settings.object_lock, settings.default_lock = True, None
    for rule in xml.children(root, "Rule"):
        for default in xml.children(rule, "DefaultRetention"):
            days, years = xml.text_of(default, "Days"), xml.text_of(default, "Years")
            seconds = int(days) * DAY if days else int(years or 0) * YEAR
            settings.default_lock = (xml.text_of(default, "Mode") or "", seconds)
    return Reply(200)
