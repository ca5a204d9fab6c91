"""How does a multipart upload become one object?"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

from tests.servers.core.body import Body, concat
from tests.servers.core.conditions import NO_CONDITIONS, Conditions
from tests.servers.core.errors import PartMissing, PartOrder, PartTooSmall, UploadMissing
from tests.servers.core.model import Attributes, Checksum, ObjectVersion, Part, PartInfo, Upload
from tests.servers.core.store import ObjectStore

REMEMBERED = 10_000  # completed uploads kept for a repeated completion


def begin_upload(store: ObjectStore, bucket: str, key: str, attributes: Attributes, owner: str = "") -> Upload:
    """Open an upload."""
    with store.lock:
        upload = Upload(store.opaque_id(key, 64), bucket, key, store.now(), attributes, owner=owner)
        store.bucket(bucket).uploads[upload.upload_id] = upload
        return upload


def find_upload(store: ObjectStore, bucket: str, key: str, upload_id: str, *, completed: bool = False) -> Upload:
    """Return an open (or, if ``completed``, also a remembered) upload."""
    upload = store.bucket(bucket).uploads.get(upload_id)
    if upload is None or upload.key != key or (upload.result is not None and not completed):
        raise UploadMissing(upload_id)
    return upload


def store_part(
    store: ObjectStore, upload: Upload, number: int, body: Body, checksum: Checksum | None, etag: str | None = None
) -> Part:
    """Keep a part; the last one sent under a number counts."""
    part = Part(number, body, len(body), etag or store.etag_of(body), store.now(), checksum)
    with store.lock:
        upload.parts[number] = part
    return part


def abort_upload(store: ObjectStore, bucket: str, key: str, upload_id: str) -> None:
    """Forget an upload and its parts."""
    with store.lock:
        upload = find_upload(store, bucket, key, upload_id)
        del store.bucket(bucket).uploads[upload.upload_id]


def chosen_parts(upload: Upload, wanted: Sequence[tuple[int, str]], minimum: int) -> list[Part]:
    """Return the parts named, after checking order, ETags and sizes."""
    numbers = [number for number, _ in wanted]
    if any(after <= before for before, after in pairwise(numbers)):
        raise PartOrder
    chosen: list[Part] = []
    for number, etag in wanted:
        part = upload.parts.get(number)
        if part is None or part.etag != etag:
            raise PartMissing(number, etag)
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < minimum:
            raise PartTooSmall(part.number, part.size, part.etag)
    return chosen


def complete_upload(
    store: ObjectStore,
    upload: Upload,
    parts: Sequence[Part],
    checksum: Checksum | None,
    conditions: Conditions = NO_CONDITIONS,
    etag: str | None = None,
) -> ObjectVersion:
    """Make the object out of its parts and remember the upload for a repeated completion."""
    with store.lock:
        digests = b"".join(bytes.fromhex(part.etag) for part in parts)
        version = store.write(
            upload.bucket,
            upload.key,
            concat([part.body for part in parts]),
            upload.attributes,
            conditions=conditions,
            etag=etag or f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}",
            checksum=checksum,
            parts=tuple(PartInfo(part.number, part.size, part.checksum) for part in parts),
        )
        upload.completed_with = tuple((part.number, part.etag) for part in parts)
        upload.result = version
        upload.parts = {}
        _forget_oldest(store.bucket(upload.bucket).uploads)
        return version


def _forget_oldest(uploads: dict[str, Upload]) -> None:
    if len(uploads) > REMEMBERED:
        done = [upload_id for upload_id, upload in uploads.items() if upload.result is not None]
        for upload_id in done[: len(done) // 2]:
            del uploads[upload_id]
