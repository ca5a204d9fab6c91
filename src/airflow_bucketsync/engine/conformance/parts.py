"""Does a store make an object from its parts, and from nothing else?"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import Any

from airflow_bucketsync.engine.conformance.findings import HOLDS, Answer, differs, holds, not_tried
from airflow_bucketsync.engine.conformance.place import OTHER, Check, Place, refused
from airflow_bucketsync.engine.errors import BodyCorrupted, BucketsyncError, ObjectNotFound
from airflow_bucketsync.engine.stores.checksums import COMBINABLE, checksum_of

_ETAG_OF_PARTS = "MD5 of the MD5s of its parts, as Amazon's"


def _size(place: Place) -> int:
    """Bytes of every part but the last."""
    return max(place.can.min_part, 10)


def any_order(place: Place) -> Answer:
    """Parts come in any order, a repeated one replaces the first, and the smallest size is taken."""
    key, size = "parts/order", _size(place)
    bodies = {1: b"1" * size, 2: b"2" * size, 3: b"end"}
    upload = place.begin(key)
    place.store.upload_part(key, upload, 2, b"?" * 20)
    for number in (3, 1, 2):
        place.store.upload_part(key, upload, number, bodies[number])
    parts = place.store.list_parts(key, upload)
    if [(part.number, part.size) for part in parts] != [(1, size), (2, size), (3, 3)]:
        return differs(f"listed are {[(part.number, part.size) for part in parts]}")
    if not refused(ObjectNotFound, lambda: place.store.head(key)):
        return differs("the object is there before the upload was completed")
    made = place.store.complete_upload(key, upload, parts, size=2 * size + 3)
    whole = b"".join(bodies.values())
    if place.read(key) != whole:
        return differs("the object holds other bytes than its parts")
    head = place.store.head(key)
    if head.info.etag != made.etag:
        return differs(f"the answer said ETag {made.etag}, HEAD says {head.info.etag}")
    digest = hashlib.md5(usedforsecurity=False)
    for body in bodies.values():
        digest.update(hashlib.md5(body, usedforsecurity=False).digest())
    as_amazons = (made.etag or "").lower() == f"{digest.hexdigest()}-3"
    if head.etag_is_md5 and (made.etag or "").lower() != hashlib.md5(whole, usedforsecurity=False).hexdigest():
        return differs(f"its ETag {made.etag} looks like the MD5 of the body, and isn't")
    return holds(f"the ETag is the {_ETAG_OF_PARTS}") if as_amazons else HOLDS


def gaps(place: Place) -> Answer:
    """Numbers of parts may have gaps, and a part that is not named is left out."""
    key, size = "parts/gaps", _size(place)
    upload = place.begin(key)
    parts = [place.store.upload_part(key, upload, number, body) for number, body in ((2, b"2" * size), (9, b"9"))]
    place.store.upload_part(key, upload, 5, b"left out")
    place.store.complete_upload(key, upload, parts, size=size + 1)
    return HOLDS if place.read(key) == b"2" * size + b"9" else differs("the object holds other bytes")


def too_small(place: Place) -> Answer:
    """Parts below the smallest size."""
    if place.can.min_part <= 1:
        return not_tried("parts of any size are taken")
    key = "parts/small"
    upload = place.begin(key)
    parts = [place.store.upload_part(key, upload, number, b"x") for number in (1, 2)]
    try:
        place.bare.complete_upload(key, upload, parts, size=2)
    except BucketsyncError as error:
        return holds(f"refused when the upload is completed: {error.code or error.reason}")
    finally:
        place.store.abort_upload(key, upload)
    return holds("smaller parts are taken as well")


def whole_checksum(place: Place) -> Answer:
    """The checksum of the whole is held against the parts, and shown."""
    algorithm = next((name for name in place.can.checksums if name in COMBINABLE), None)
    if algorithm is None:
        return not_tried("the store is taken to keep no checksum that parts add up to")
    key, size = "parts/whole", _size(place)
    body = b"1" * size + b"2"
    upload = place.begin(key)
    try:
        parts = [
            place.store.upload_part(key, upload, number, piece, checksum=checksum_of(algorithm, piece))
            for number, piece in ((1, body[:size]), (2, body[size:]))
        ]
        before = place.bare.requests.copy()
        wrong = checksum_of(algorithm, body[::-1])
        refusal = refused(
            BucketsyncError, lambda: place.bare.complete_upload(key, upload, parts, checksum=wrong, size=len(body))
        )
        asked = place.bare.requests != before
        if not refusal:
            return differs("an object was made with the checksum of another one")
        if asked and not refused(ObjectNotFound, lambda: place.store.head(key)):
            return differs("a wrong checksum was refused, and the object was made all the same")
        place.store.complete_upload(key, upload, parts, checksum=checksum_of(algorithm, body), size=len(body))
    finally:
        place.store.abort_upload(key, upload)
    found = place.store.head(key).info.checksum
    if found is None:
        return differs("HEAD shows no checksum of an object made in parts")
    if found.parts is None and found != checksum_of(found.algorithm, body):
        return differs(f"HEAD shows {found.to_json()}, which is not that of the bytes")
    return HOLDS if asked else holds("the checksum of the whole is put together here, and compared")


def wrong_part(place: Place) -> Answer:
    """A part that has another checksum is refused."""
    algorithm = next((name for name in place.can.checksums if name in COMBINABLE), None)
    key, name = "parts/wrong", algorithm or "md5"
    upload = place.begin(key)
    try:
        before = place.bare.requests.copy()
        wrong = checksum_of(name, b"other bytes")
        if not refused(BodyCorrupted, lambda: place.bare.upload_part(key, upload, 1, b"bytes", checksum=wrong)):
            return differs("a part was stored with the checksum of another one")
        if place.bare.requests == before:
            return not_tried("the bytes are compared here before anything is sent: the store is not asked")
    finally:
        place.store.abort_upload(key, upload)
    return HOLDS


def completed_twice(place: Place) -> Answer:
    """Completing an upload a second time changes nothing."""
    key = "parts/twice"
    upload = place.begin(key)
    part = place.store.upload_part(key, upload, 1, b"once")
    first = place.store.complete_upload(key, upload, [part], size=4)
    with suppress(ObjectNotFound):
        place.bare.complete_upload(key, upload, [part], size=4)
    if place.store.head(key).info.etag != first.etag or place.read(key) != b"once":
        return differs("the object is another one afterwards")
    return HOLDS


def not_there(place: Place) -> Answer:
    """An upload is not completed with a part that never came."""
    key = "parts/never"
    upload = place.begin(key)
    part = place.store.upload_part(key, upload, 1, b"came")
    wrong = type(part)(number=2, size=4, etag=OTHER, checksum=part.checksum)
    try:
        if not refused(BucketsyncError, lambda: place.bare.complete_upload(key, upload, [wrong], size=4)):
            return differs("an object was made of a part that never came")
    finally:
        place.store.abort_upload(key, upload)
    return HOLDS


def aborted(place: Place) -> Answer:
    """An aborted upload is gone with its parts; aborting it again is no error."""
    key = "parts/aborted"
    upload = place.begin(key)
    place.store.upload_part(key, upload, 1, b"x")
    place.store.abort_upload(key, upload)
    place.store.abort_upload(key, upload)
    if not refused(ObjectNotFound, lambda: place.store.list_parts(key, upload)):
        return differs("its parts are still listed")
    if not refused(ObjectNotFound, lambda: place.bare.upload_part(key, upload, 1, b"x")):
        return differs("it still takes parts")
    return HOLDS


def listed(place: Place) -> Answer:
    """Open uploads are listed below the prefix, and are no objects."""
    uploads = {("parts/open/a", place.begin("parts/open/a")), ("parts/open/b", place.begin("parts/open/b"))}
    found = {(upload.key, upload.upload_id) for upload in place.store.list_uploads()}
    for key, upload in uploads:
        place.store.abort_upload(key, upload)
    if not uploads <= found:
        return differs(f"{len(uploads & found)} of {len(uploads)} open uploads are listed")
    if place.below("parts/open/"):
        return differs("an open upload is listed as an object")
    left = uploads & {(upload.key, upload.upload_id) for upload in place.store.list_uploads()}
    return differs("an aborted upload is still listed") if left else HOLDS


def _check(name: str, run: Any, knob: str = "") -> Check:
    return Check(group="parts", name=name, run=run, knob=knob)


CHECKS = (
    _check("in any order, one of them repeated", any_order, "min_part"),
    _check("numbers with gaps", gaps),
    _check("of less than the smallest size", too_small, "min_part"),
    _check("the checksum of the whole", whole_checksum, "checksums"),
    _check("a wrong checksum of a part is refused", wrong_part, "checksums"),
    _check("completed twice", completed_twice),
    _check("a part that never came", not_there),
    _check("an aborted upload is gone", aborted),
    _check("open uploads are listed", listed),
)
