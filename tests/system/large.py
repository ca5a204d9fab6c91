"""Large objects for system tests: made up by the server that holds them, and compared piece by piece."""

from __future__ import annotations

import base64

import awscrt.checksums

from tests.servers.core.body import SyntheticBody, body_chunks
from tests.servers.core.model import Checksum
from tests.system.world import World

PARTS = "bucket_sync.upload_parts"


def put_synthetic(here: World, key: str, body: SyntheticBody) -> None:
    """Put an object at the source that takes no memory, with the checksum that S3 has for it."""
    value = 0
    for chunk in body.chunks():
        value = awscrt.checksums.crc64nvme(chunk, value)
    checksum = Checksum("CRC64NVME", base64.b64encode(value.to_bytes(8, "big")).decode())
    here.server.core.put("source", key, body, checksum=checksum, metadata={"colour": "blue"})


def assert_right(here: World, kind: str, key: str, body: SyntheticBody) -> None:
    """The object at the destination (`s3` or `oss`) is the source's, and no upload and no note of one is left."""
    core = (here.server if kind == "s3" else here.oss).core
    found = core.find("destination", key)
    assert len(found.body) == body.size
    pieces = zip(body_chunks(found.body), body_chunks(body), strict=True)
    assert all(bytes(one) == bytes(two) for one, two in pieces)
    assert found.attributes.metadata == {"colour": "blue"}
    assert core.uploads("destination") == []
    assert_nothing_noted(here)


def assert_nothing_noted(here: World) -> None:
    """No pair's journal names an open upload."""
    assert [name for name in here.keys("workspace") if "/uploads/" in name] == []
