"""The object store itself: every operation on values, without HTTP and without a dialect."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from tests.servers.core.body import Body, body_bytes, md5_hex
from tests.servers.core.bucket import NULL_VERSION, Bucket, delete_marker
from tests.servers.core.clock import Clock
from tests.servers.core.conditions import NO_CONDITIONS, Conditions, check_write
from tests.servers.core.errors import Archived, BucketExists, BucketMissing, BucketNotEmpty, KeyMissing
from tests.servers.core.model import Attributes, BucketSettings, Checksum, Lock, ObjectVersion, PartInfo, Upload


class ObjectStore:
    """Buckets in memory; ``lock`` makes it safe to seed and inspect from another thread."""

    def __init__(
        self,
        fingerprint: Callable[[Body], Checksum | None] | None = None,
        *,
        etag_of: Callable[[Body], str] = md5_hex,
        storage_class: str = "STANDARD",
        region: str = "us-east-1",
        acl: str = "private",
    ) -> None:
        self.clock = Clock()
        self.lock = threading.RLock()
        self.buckets: dict[str, Bucket] = {}
        self.fingerprint, self.etag_of = fingerprint, etag_of
        self.storage_class, self.region, self.acl = storage_class, region, acl  # of seeds and buckets unless told
        self._sequence = itertools.count(1)

    def now(self) -> float:
        """Return the store's time."""
        return self.clock.now()

    def opaque_id(self, text: str, length: int = 32) -> str:
        """Return a fresh identifier that says nothing."""
        return hashlib.sha256(f"{next(self._sequence)}:{text}".encode()).hexdigest()[:length]

    # -- buckets

    def create_bucket(self, name: str, **settings: object) -> Bucket:
        """Create a bucket; keywords are fields of ``BucketSettings``."""
        with self.lock:
            if name in self.buckets:
                raise BucketExists(name)
            chosen = BucketSettings(**{"region": self.region, **settings})  # type: ignore[arg-type]
            made = self.buckets[name] = Bucket(name, self.now(), chosen)
            if made.settings.object_lock:
                made.settings.versioning = "Enabled"
            return made

    def bucket(self, name: str) -> Bucket:
        """Return the bucket or raise BucketMissing."""
        try:
            return self.buckets[name]
        except KeyError:
            raise BucketMissing(name) from None

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket."""
        with self.lock:
            if not self.bucket(name).is_empty():
                raise BucketNotEmpty(name)
            del self.buckets[name]

    # -- objects

    def put(
        self,
        bucket: str,
        key: str,
        body: Body | str,
        *,
        headers: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        storage_class: str | None = None,
        encryption: Mapping[str, str] | None = None,
        etag: str | None = None,
        modified: float | None = None,
        checksum: Checksum | None = None,
    ) -> ObjectVersion:
        """Seed an object as a test wants it; ETag and checksum are computed unless given."""
        content = body.encode() if isinstance(body, str) else body
        attributes = Attributes(
            dict(headers or {}),
            dict(metadata or {}),
            dict(tags or {}),
            storage_class or self.storage_class,
            dict(encryption or {}),
            acl=self.acl,
        )
        if checksum is None and self.fingerprint is not None:
            checksum = self.fingerprint(content)
        return self.write(bucket, key, content, attributes, etag=etag, modified=modified, checksum=checksum)

    def put_many(self, bucket: str, items: Iterable[tuple[str, Body]]) -> int:
        """Seed many small objects; returns how many."""
        count = 0
        with self.lock:
            for key, body in items:
                self.put(bucket, key, body)
                count += 1
        return count

    def write(
        self,
        bucket: str,
        key: str,
        body: Body,
        attributes: Attributes,
        *,
        conditions: Conditions = NO_CONDITIONS,
        etag: str | None = None,
        modified: float | None = None,
        checksum: Checksum | None = None,
        parts: tuple[PartInfo, ...] = (),
    ) -> ObjectVersion:
        """Make a new current version, in one step, if the conditions hold."""
        with self.lock:
            found = self.bucket(bucket)
            if conditions is not NO_CONDITIONS:
                check_write(key, found.latest(key), conditions)
            if attributes.lock is None and found.settings.default_lock is not None:
                mode, seconds = found.settings.default_lock
                attributes.lock = Lock(mode, self.now() + seconds)
            if not attributes.encryption and found.settings.encryption:
                attributes.encryption = dict(found.settings.encryption)
            version = ObjectVersion(
                key,
                self.opaque_id(key) if found.settings.versioning == "Enabled" else NULL_VERSION,
                body,
                len(body),
                etag or self.etag_of(body),
                self.now() if modified is None else modified,
                next(self._sequence),
                attributes,
                checksum,
                parts,
            )
            found.insert(version)
            return version

    def find(self, bucket: str, key: str, version_id: str | None = None) -> ObjectVersion:
        """Return a version or raise KeyMissing, VersionMissing or IsDeleteMarker."""
        with self.lock:
            return self.bucket(bucket).find(key, version_id)

    def replace_current(self, bucket: str, key: str, **changes: Any) -> ObjectVersion:
        """Change the current version in place, as an append does; returns its new state."""
        with self.lock:
            found = self.bucket(bucket)
            latest = found.find(key)
            changed = replace(latest, modified=self.now(), sequence=next(self._sequence), renderings=None, **changes)
            found.replaced[key], found.current[key] = latest, changed
            return changed

    def seen(self, bucket: str, key: str, version_id: str | None, *, stale: bool) -> ObjectVersion:
        """As ``find``, or where ``stale`` the state before the last change of the key."""
        replaced = self.bucket(bucket).replaced
        if not stale or key not in replaced:
            return self.find(bucket, key, version_id)
        previous = replaced[key]
        if previous is None:
            raise KeyMissing(key)
        return previous

    def readable(self, bucket: str, key: str, version_id: str | None = None) -> ObjectVersion:
        """As ``find``, but raise Archived if the content is not restored."""
        version = self.find(bucket, key, version_id)
        if version.is_archived(self.now()):
            raise Archived(version)
        return version

    def delete(
        self,
        bucket: str,
        key: str,
        version_id: str | None = None,
        *,
        conditions: Conditions = NO_CONDITIONS,
        bypass: bool = False,
    ) -> ObjectVersion | None:
        """Delete; returns the version removed, or the delete marker made in a versioned bucket."""
        with self.lock:
            found = self.bucket(bucket)
            check_write(key, found.latest(key), conditions)
            if version_id is not None:
                return found.remove_version(key, version_id, self.now(), bypass)
            if not found.settings.versioning:
                return found.remove_current(key)
            made_id = self.opaque_id(key) if found.settings.versioning == "Enabled" else NULL_VERSION
            marker = delete_marker(key, made_id, self.now(), next(self._sequence))
            found.insert(marker)
            return marker

    # -- what tests ask

    def exists(self, bucket: str, key: str) -> bool:
        """Is there a current object?"""
        with self.lock:
            return self.bucket(bucket).latest(key) is not None

    def body(self, bucket: str, key: str) -> bytes:
        """Return the whole content of a current object."""
        return body_bytes(self.find(bucket, key).body)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Return the keys of all current objects in listing order."""
        with self.lock:
            return [key for key in self.bucket(bucket).current if key.startswith(prefix)]

    def contents(self, bucket: str, prefix: str = "") -> dict[str, Body]:
        """Return key and body of all current objects."""
        with self.lock:
            found = self.bucket(bucket).current
            return {key: version.body for key, version in found.items() if key.startswith(prefix)}

    def uploads(self, bucket: str) -> list[Upload]:
        """Return the multipart uploads neither completed nor aborted."""
        with self.lock:
            return [upload for upload in self.bucket(bucket).uploads.values() if upload.result is None]
