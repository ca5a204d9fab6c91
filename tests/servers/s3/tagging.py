"""Which tags does an object carry?"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from tests.servers.s3 import xml
from tests.servers.s3.errors import S3Error, malformed_xml
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.s3.server import S3Server

MOST, KEY_LENGTH, VALUE_LENGTH = 10, 128, 256


def checked_tags(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return the tags, or raise if S3 would not take them."""
    if len(pairs) > MOST:
        raise S3Error("BadRequest", "Object tags cannot be greater than 10")
    if len(dict(pairs)) < len(pairs):
        raise S3Error("InvalidTag", "Cannot provide multiple Tags with the same key")
    for key, value in pairs:
        if not key or len(key) > KEY_LENGTH or key.startswith("aws:"):
            raise S3Error("InvalidTag", "The TagKey you have provided is invalid", {"TagKey": key})
        if len(value) > VALUE_LENGTH:
            raise S3Error("InvalidTag", "The TagValue you have provided is invalid", {"TagKey": key, "TagValue": value})
    return dict(pairs)


def header_tags(value: str) -> dict[str, str]:
    """Return the tags of an x-amz-tagging header."""
    if not value:
        return {}
    try:
        pairs = parse_qsl(value, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without "
        raise S3Error("InvalidArgument", f"{message}tag name duplicates.") from None
    return checked_tags(pairs)


def document_tags(body: bytes) -> dict[str, str]:
    """Return the tags of a Tagging document."""
    root = xml.parse(body, "Tagging")
    sets = [] if root is None else list(xml.children(root, "TagSet"))
    if len(sets) != 1:
        raise malformed_xml()
    return checked_tags(
        [(xml.text_of(t, "Key") or "", xml.text_of(t, "Value") or "") for t in xml.children(sets[0], "Tag")]
    )


def get_object_tagging(server: S3Server, call: Call) -> Reply:
    """GetObjectTagging."""
    version = server.core.find(call.bucket, call.key, server.version_asked(call))
    tags = "".join(
        f"<Tag>{xml.element('Key', key)}{xml.element('Value', value)}</Tag>"
        for key, value in version.attributes.tags.items()
    )
    return Reply(200, server.version_headers(call, version), xml.document("Tagging", f"<TagSet>{tags}</TagSet>"))


def put_object_tagging(server: S3Server, call: Call) -> Reply:
    """PutObjectTagging."""
    server.checked_body(call)
    version = server.core.find(call.bucket, call.key, server.version_asked(call))
    version.attributes.tags = document_tags(call.body)  # type: ignore[arg-type]
    return Reply(200, server.version_headers(call, version))


def delete_object_tagging(server: S3Server, call: Call) -> Reply:
    """DeleteObjectTagging."""
    version = server.core.find(call.bucket, call.key, server.version_asked(call))
    version.attributes.tags = {}
    return Reply(204, server.version_headers(call, version))
