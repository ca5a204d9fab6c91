"""The hostile keys, trees, sizes and listings, and objects that carry everything an object can."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

from tests.servers.core.store import ObjectStore

TORTURE: dict[str, Any] = json.loads((Path(__file__).parents[2] / "servers" / "torture.json").read_text())
ENTRIES: list[dict[str, Any]] = TORTURE["keys"]
KEYS: list[str] = [entry["key"] for entry in ENTRIES]
TO_LOCAL: dict[str, str] = {
    # "s3://other/key" has an empty segment like "seg//empty", which the list refuses, and no file can have that name.
    **{entry["key"]: entry["s3_to_local"] for entry in ENTRIES},
    "s3://other/key": "refuse-or-encode",
}

TO_OSS: dict[str, str] = {entry["key"]: entry["s3_to_oss"] for entry in ENTRIES}
OSS_KEYS: list[str] = [key for key, word in TO_OSS.items() if word == "exact"]
"""Those that OSS takes: others can neither go there nor come from there."""


def body_of(key: str) -> bytes:
    """Bytes that belong to one key only."""
    return hashlib.sha256(key.encode()).digest()


def headers_of(key: str) -> dict[str, str]:
    """Content headers that belong to one key only."""
    name = hashlib.md5(key.encode()).hexdigest()
    return {
        "content-type": f"application/x-{name[:8]}; charset=utf-8",
        "cache-control": f"max-age={int(name[:4], 16)}",
        "content-disposition": f'attachment; filename="{name[:6]}.bin"',
        "content-encoding": "identity",
        "content-language": "de-CH",
        "expires": "Wed, 21 Oct 2026 07:28:00 GMT",
    }


def metadata_of(key: str) -> dict[str, str]:
    """User metadata that belongs to one key only, in and beyond ASCII."""
    name = hashlib.md5(key.encode()).hexdigest()
    return {
        "plain": name,
        "umlaut": f"Grüße {name[:4]}",
        "script": "中文 \U0001f600",
        "spaces": "a  b",
        "equals": "=?x",
    }


def tags_of(key: str) -> dict[str, str]:
    """Tags that belong to one key only."""
    name = hashlib.md5(key.encode()).hexdigest()
    return {"name": name, "sign + = . _ : / @ -": "a b+c", "日本": "tag"}


def held_tags(key: str) -> dict[str, str]:
    """Those of `tags_of` that OSS can hold."""
    return {"name": tags_of(key)["name"]}


def seed(core: ObjectStore, bucket: str) -> None:
    """Every hostile key, with everything an object can carry."""
    for key in KEYS:
        core.put(bucket, key, body_of(key), headers=headers_of(key), metadata=metadata_of(key), tags=tags_of(key))


def seed_oss(core: ObjectStore, bucket: str) -> None:
    """Every hostile key that OSS takes; there metadata is kept as the bytes that were sent, here in UTF-8."""
    for key in OSS_KEYS:
        metadata = {name: value.encode().decode("latin-1") for name, value in metadata_of(key).items()}
        core.put(bucket, key, body_of(key), headers=headers_of(key), metadata=metadata, tags=held_tags(key))


def as_text(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata that OSS keeps as bytes, read by the rules of mail: words of RFC 2047, else UTF-8."""
    found = {name: value.encode("latin-1").decode() for name, value in metadata.items()}
    return {
        name: str(make_header(decode_header(value))) if value.startswith("=?UTF-8?") else value
        for name, value in found.items()
    }
