"""Which tags does an object carry?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from tests.servers.oss import xml
from tests.servers.oss.errors import OSSError, malformed_xml
from tests.servers.web.exchange import Call, Reply

if TYPE_CHECKING:
    from tests.servers.oss.server import OSSServer

MOST, KEY_LENGTH, VALUE_LENGTH = 10, 128, 256
ALPHABET = re.compile(r"[A-Za-z0-9 +\-=._:/]*")


def checked_tags(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return the tags, or raise if OSS would not take them."""
    if len(pairs) > MOST:
        raise OSSError("InvalidTag", "Object tags cannot be greater than 10")
    if len(dict(pairs)) < len(pairs):
        raise OSSError("InvalidTag", "Cannot provide multiple Tags with the same key")
    for key, value in pairs:
        if not 1 <= len(key) <= KEY_LENGTH or not ALPHABET.fullmatch(key):
            raise OSSError("InvalidTag", "The TagKey you have provided is invalid", {"TagKey": key})
        if len(value) > VALUE_LENGTH or not ALPHABET.fullmatch(value):
            details = {"TagKey": key, "TagValue": value}
            raise OSSError("InvalidTag", "The TagValue you have provided is invalid", details)
    return dict(pairs)


def header_tags(value: str) -> dict[str, str]:
    """Return the tags of an x-oss-tagging header."""
    if not value:
        return {}
    try:
        pairs = parse_qsl(value, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise OSSError("InvalidArgument", "The header 'x-oss-tagging' shall be URL-encoded parameters.") from None
    return checked_tags(pairs)


def get_object_tagging(server: OSSServer, call: Call) -> Reply:
    """GetObjectTagging."""
    version = server.core.find(call.bucket, call.key, server.version_asked(call))
    tags = "".join(
        f"<Tag>{xml.element('Key', key)}{xml.element('Value', value)}</Tag>"
        for key, value in version.attributes.tags.items()
    )
    return Reply(200, server.version_headers(call, version), xml.document("Tagging", f"<TagSet>{tags}</TagSet>"))


def put_object_tagging(server: OSSServer, call: Call) -> Reply:
    """PutObjectTagging."""
    version = server.core.find(call.bucket, call.key, server.version_asked(call))
    root = xml.parse(server.checked_body(call), "Tagging")
    sets = [] if root is None else list(xml.children(root, "TagSet"))
    if len(sets) != 1:
        raise malformed_xml()
    pairs = [(xml.text_of(tag, "Key") or "", xml.text_of(tag, "Value") or "") for tag in xml.children(sets[0], "Tag")]
    version.attributes.tags = checked_tags(pairs)
    return Reply(200, server.version_headers(call, version))


def delete_object_tagging(server: OSSServer, call: Call) -> Reply:
    """DeleteObjectTagging."""
    version = server.core.find(call.bucket, call.key, server.version_asked(call))
    version.attributes.tags = {}
    return Reply(204, server.version_headers(call, version))
