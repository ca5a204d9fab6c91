"""Bring an archived object back for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.core.errors import RestoreNotNeeded, RestoreRunning
from tests.servers.core.model import ARCHIVED_CLASSES, Restore
from tests.servers.oss import xml
from tests.servers.oss.errors import OSSError, malformed_xml
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.oss.server import OSSServer

HOUR, DAY = 3600, 86400
DURATION = {
    ("Archive", "Standard"): 60,
    ("ColdArchive", "Expedited"): HOUR,
    ("ColdArchive", "Standard"): 5 * HOUR,
    ("ColdArchive", "Bulk"): 12 * HOUR,
    ("DeepColdArchive", "Expedited"): 12 * HOUR,
    ("DeepColdArchive", "Standard"): 48 * HOUR,
}
LONGEST = {"Archive": 7, "ColdArchive": 365, "DeepColdArchive": 365}


def _wanted(server: OSSServer, call: Call) -> tuple[int, str]:
    """Return days and tier; without a document one day at the standard tier."""
    body = server.checked_body(call)
    if not body:
        return 1, "Standard"
    root = xml.parse(body, "RestoreRequest")
    days = None if root is None else xml.text_of(root, "Days")
    if root is None or days is None or not days.isdigit():
        raise malformed_xml()
    tiers = [xml.text_of(node, "Tier") for node in xml.children(root, "JobParameters")]
    return int(days), next((tier for tier in tiers if tier), "Standard")


def restore_object(server: OSSServer, call: Call) -> Reply:
    """RestoreObject: 202 when it begins, 409 while it runs, 200 when it only prolongs."""
    version = server.core.find(call.bucket, call.key, server.version_asked(call))
    days, tier = _wanted(server, call)
    storage_class, now = version.attributes.storage_class, server.core.now()
    if storage_class not in ARCHIVED_CLASSES:
        raise RestoreNotNeeded(call.key)
    duration = DURATION.get((storage_class, tier))
    if duration is None or not 1 <= days <= LONGEST[storage_class]:
        raise OSSError("MalformedXML", f"The restore of {storage_class} takes no {days} days at tier {tier}.")
    headers = {"x-oss-object-restore-priority": tier, **server.version_headers(call, version)}
    running = version.restore
    if running is not None and now < running.ready_at:
        raise RestoreRunning(call.key)
    if running is not None and now < running.expires_at:
        running.expires_at = max(running.expires_at, now + days * DAY)
        return Reply(200, headers)
    version.restore = Restore(now + duration, now + duration + days * DAY)
    return Reply(202, headers)
