"""Which entries make up one page of a listing?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from tests.servers.core.bucket import Bucket
from tests.servers.core.model import ObjectVersion, Upload


@dataclass(slots=True)
class Page:
    """Entries and common prefixes in key order; ``last`` is where the next page goes on, None at the end."""

    entries: list[ObjectVersion] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str | None = None
    last_version: str | None = None

    @property
    def count(self) -> int:
        """Return how many entries and prefixes the page holds."""
        return len(self.entries) + len(self.prefixes)


def past_prefix(prefix: str) -> str:
    """Return the smallest text after every key that starts with ``prefix``; empty if there is none."""
    while prefix:
        code = ord(prefix[-1])
        if code < 0x10FFFF:
            return prefix[:-1] + chr(0xE000 if code == 0xD7FF else code + 1)
        prefix = prefix[:-1]
    return ""


def common_prefix(key: str, prefix: str, delimiter: str) -> str | None:
    """Return the group the key falls into, if it has the delimiter after the prefix."""
    if not delimiter:
        return None
    at = key.find(delimiter, len(prefix))
    return None if at < 0 else key[: at + len(delimiter)]


def _grouped(
    keys_from: Callable[[str], Iterator[str]], start: str, prefix: str, delimiter: str
) -> Iterator[tuple[str, str | None]]:
    """Yield (key, group) once per group, jumping over the rest of the group."""
    keys = keys_from(start)
    while (key := next(keys, None)) is not None and key.startswith(prefix):
        group = common_prefix(key, prefix, delimiter)
        yield key, group
        if group is not None:
            beyond = past_prefix(group)
            if not beyond:
                return
            keys = keys_from(beyond)


def list_page(bucket: Bucket, prefix: str = "", delimiter: str = "", after: str = "", limit: int = 1000) -> Page:
    """Return the current objects after ``after``; a marker that is a whole group skips that group."""
    page = Page()
    if limit <= 0:
        return page
    start = max(prefix, f"{after}\0") if after else prefix  # NUL is the least character: strictly after
    if delimiter and after.startswith(prefix) and common_prefix(after, prefix, delimiter) == after:
        start = past_prefix(after)
    current = bucket.current
    if not delimiter:
        keys = list(islice(bucket.keys_from(start), limit + 1))
        while keys and not keys[-1].startswith(prefix):
            keys.pop()
        if len(keys) > limit:
            keys.pop()
            page.last = keys[-1]
        page.entries = [current[key] for key in keys]
        return page
    last = ""
    for key, group in _grouped(bucket.keys_from, start, prefix, delimiter):
        if page.count == limit:
            page.last = last
            break
        if group is None:
            page.entries.append(current[key])
        else:
            page.prefixes.append(group)
        last = group or key
    return page


def list_versions(
    bucket: Bucket, prefix: str, delimiter: str, key_marker: str, version_marker: str | None, limit: int
) -> Page:
    """Return versions and delete markers after (key, version), newest first within a key."""
    page = Page()
    start = max(prefix, key_marker)
    if delimiter and key_marker and common_prefix(key_marker, prefix, delimiter) == key_marker:
        start = past_prefix(key_marker)
    for key, group in _grouped(bucket.all_keys_from, start, prefix, delimiter):
        if key == key_marker and version_marker is None:
            continue
        found: list[ObjectVersion | None] = list(bucket.versions(key)) if group is None else [None]
        if key == key_marker and version_marker is not None and group is None:
            ids = [item.version_id for item in found if item is not None]
            found = found[ids.index(version_marker) + 1 :] if version_marker in ids else []
        for version in found:
            if limit <= 0 or page.count == limit:
                page.last = page.last or ""
                return page if limit > 0 else Page()
            if version is None:
                page.prefixes.append(group or "")
            else:
                page.entries.append(version)
            page.last, page.last_version = group or key, version.version_id if version else None
    page.last = page.last_version = None
    return page


def list_uploads(
    bucket: Bucket, prefix: str, delimiter: str, key_marker: str, id_marker: str, limit: int
) -> tuple[list[Upload], list[str], tuple[str, str] | None]:
    """Return open uploads by (key, age), their common prefixes, and the marker of the next page."""
    pending = sorted(
        (upload for upload in bucket.uploads.values() if upload.result is None and upload.key.startswith(prefix)),
        key=lambda upload: (upload.key, upload.initiated, upload.upload_id),
    )
    if key_marker:
        at_marker = [upload.upload_id for upload in pending if upload.key == key_marker]
        passed = at_marker[: at_marker.index(id_marker) + 1] if id_marker in at_marker else at_marker
        pending = [up for up in pending if up.key > key_marker or (up.key == key_marker and up.upload_id not in passed)]
    found: list[Upload] = []
    prefixes: list[str] = []
    last = ("", "")
    for upload in pending:
        group = common_prefix(upload.key, prefix, delimiter)
        if group is not None and (group in prefixes or group == key_marker):
            continue
        if len(found) + len(prefixes) >= limit:
            return found, prefixes, last
        if group is None:
            found.append(upload)
        else:
            prefixes.append(group)
        last = (group or upload.key, "" if group else upload.upload_id)
    return found, prefixes, None
