"""Bring an archived object back for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.core.errors import RestoreNotNeeded, RestoreRunning
from tests.servers.core.model import ARCHIVED_CLASSES, Restore
from tests.servers.s3 import xml
from tests.servers.s3.errors import S3Error, malformed_xml
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.s3.server import S3Server

DAY = 86400
DURATION = {
    ("GLACIER", "Expedited"): 300,
    ("GLACIER", "Standard"): 4 * 3600,
    ("GLACIER", "Bulk"): 8 * 3600,
    ("DEEP_ARCHIVE", "Standard"): 12 * 3600,
    ("DEEP_ARCHIVE", "Bulk"): 48 * 3600,
}


def restore_object(server: S3Server, call: Call) -> Reply:
    """RestoreObject: 202 when it begins, 200 when it only prolongs."""
    version = server.core.find(call.bucket, call.key, server.version_asked(call))
    root = xml.parse(server.checked_body(call), "RestoreRequest")
    days = None if root is None else xml.text_of(root, "Days")
    if root is None or days is None or not days.isdigit() or int(days) < 1:
        raise malformed_xml()
    tier = xml.text_of(root, "Tier") or "Standard"
    for parameters in xml.children(root, "GlacierJobParameters"):
        tier = xml.text_of(parameters, "Tier") or tier
    storage_class, now = version.attributes.storage_class, server.core.now()
    if storage_class not in ARCHIVED_CLASSES:
        raise RestoreNotNeeded(call.key)
    running = version.restore
    if running is not None and now < running.ready_at:
        raise RestoreRunning(call.key)
    if running is not None and now < running.expires_at:
        running.expires_at = now + int(days) * DAY
        return Reply(200)
    duration = DURATION.get((storage_class, tier))
    if duration is None:
        message = f"Retrieval option is not supported by this storage class: {tier}"
        raise S3Error("InvalidArgument", message)
    ready = now + duration
    version.restore = Restore(ready, ready + int(days) * DAY)
    return Reply(202)
