"""Delete one object, or up to a thousand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.core.errors import StoreError
from tests.servers.core.model import ObjectVersion
from tests.servers.oss import xml
from tests.servers.oss.errors import OSSError, from_core, malformed_xml
from tests.servers.oss.listing import wants_url
from tests.servers.oss.routing import check_key
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.oss.server import OSSServer

MOST_KEYS = 1000


def _delete(server: OSSServer, bucket: str, key: str, version_id: str | None) -> ObjectVersion | None:
    if version_id is None:
        server.check_mutable(bucket, key)
    return server.core.delete(bucket, key, version_id)


def delete_object(server: OSSServer, call: Call) -> Reply:
    """DeleteObject; a key that is not there is no error."""
    version_id = server.version_asked(call)
    done = _delete(server, call.bucket, call.key, version_id)
    headers = {}
    if server.core.bucket(call.bucket).settings.versioning:
        if done is not None and done.is_delete_marker:
            headers = {"x-oss-delete-marker": "true", "x-oss-version-id": done.version_id}
        elif version_id:
            headers = {"x-oss-version-id": version_id}
    return Reply(204, headers)


def delete_multiple_objects(server: OSSServer, call: Call) -> Reply:
    """DeleteMultipleObjects: 200 with the keys deleted; the others are missing from the answer.

    The documented answer has no place for what failed; ``batch_delete_errors`` adds <Error> elements as S3 has them.
    """
    if not call.header("Content-MD5"):
        raise OSSError("InvalidRequest", "Missing required header for this request: Content-MD5")
    root = xml.parse(server.checked_body(call), "Delete")
    nodes = [] if root is None else list(xml.children(root, "Object"))
    if root is None or not 1 <= len(nodes) <= MOST_KEYS:
        raise malformed_xml()
    quiet, url = (xml.text_of(root, "Quiet") or "").lower() == "true", wants_url(call)
    inner = xml.element("EncodingType", "url") if url else ""
    for node in nodes:
        key, version_id = xml.text_of(node, "Key"), xml.text_of(node, "VersionId")
        if not key:
            raise malformed_xml()
        inner += _delete_one(server, call, key, version_id or None, quiet, url)
    return Reply(200, {}, b"" if quiet and "<Error>" not in inner else xml.document("DeleteResult", inner))


def _delete_one(server: OSSServer, call: Call, key: str, version_id: str | None, quiet: bool, url: bool) -> str:
    named = f"<Key>{xml.shown(key, url)}</Key>" + (xml.element("VersionId", version_id) if version_id else "")
    try:
        check_key(key)
        server.check_access(call, "DeleteObject", call.bucket, key)
        done = _delete(server, call.bucket, key, version_id)
    except (OSSError, StoreError) as refused:
        if not server.batch_delete_errors:
            return ""
        error = refused if isinstance(refused, OSSError) else from_core(refused, key)
        return f"<Error>{named}{xml.element('Code', error.code)}{xml.element('Message', error.message)}</Error>"
    if quiet:
        return ""
    if done is not None and done.is_delete_marker:
        named += xml.element("DeleteMarker", True) + xml.element("DeleteMarkerVersionId", done.version_id)
    return f"<Deleted>{named}</Deleted>"
