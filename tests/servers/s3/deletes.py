"""Delete one object, or up to a thousand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.core.conditions import NO_CONDITIONS, Conditions
from tests.servers.core.errors import StoreError
from tests.servers.core.model import ObjectVersion
from tests.servers.s3 import xml
from tests.servers.s3.conditions import delete_conditions
from tests.servers.s3.errors import S3Error, from_core, malformed_xml
from tests.servers.s3.locks import BYPASS
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.s3.server import S3Server

MOST_KEYS = 1000


def _marker_headers(done: ObjectVersion | None, version_id: str | None, versioned: bool) -> dict[str, str]:
    if not versioned:
        return {}
    if done is not None and done.is_delete_marker:
        return {"x-amz-delete-marker": "true", "x-amz-version-id": done.version_id}
    return {"x-amz-version-id": version_id} if version_id else {}


def delete_object(server: S3Server, call: Call) -> Reply:
    """DeleteObject."""
    version_id = server.version_asked(call)
    done = server.core.delete(
        call.bucket,
        call.key,
        version_id,
        conditions=delete_conditions(call.headers),
        bypass=call.header(BYPASS).lower() == "true",
    )
    versioned = bool(server.core.bucket(call.bucket).settings.versioning)
    return Reply(204, _marker_headers(done, version_id, versioned))


def delete_objects(server: S3Server, call: Call) -> Reply:
    """DeleteObjects."""
    if not call.header("Content-MD5") and server.sent_checksum(call) is None and not server.ignore_checksums:
        message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
        raise S3Error("InvalidRequest", message)
    root = xml.parse(server.checked_body(call), "Delete")
    nodes = [] if root is None else list(xml.children(root, "Object"))
    if root is None or not 1 <= len(nodes) <= MOST_KEYS:
        raise malformed_xml()
    quiet = (xml.text_of(root, "Quiet") or "").lower() == "true"
    bypass = call.header(BYPASS).lower() == "true"
    inner: list[str] = []
    for node in nodes:
        key, version_id, etag = (xml.text_of(node, name) for name in ("Key", "VersionId", "ETag"))
        if not key:
            raise malformed_xml()
        conditions = NO_CONDITIONS if etag is None else Conditions((etag.strip('"'),))
        inner.append(_delete_one(server, call, key, version_id, conditions, bypass, quiet))
    return Reply(200, {}, xml.document("DeleteResult", "".join(inner)))


def _delete_one(
    server: S3Server,
    call: Call,
    key: str,
    version_id: str | None,
    conditions: Conditions,
    bypass: bool,
    quiet: bool,
) -> str:
    named = xml.element("Key", key) + (xml.element("VersionId", version_id) if version_id else "")
    try:
        server.check_access(call, "DeleteObject", call.bucket, key)
        done = server.core.delete(call.bucket, key, version_id, conditions=conditions, bypass=bypass)
    except (S3Error, StoreError) as refused:
        error = refused if isinstance(refused, S3Error) else from_core(refused, key, call.bucket)
        said = xml.element("Code", error.code) + xml.element("Message", error.message)
        return f"<Error>{named}{said}</Error>"
    if quiet:
        return ""
    if done is not None and done.is_delete_marker:
        named += xml.element("DeleteMarker", True) + xml.element("DeleteMarkerVersionId", done.version_id)
    return f"<Deleted>{named}</Deleted>"
