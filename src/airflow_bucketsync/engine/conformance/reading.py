"""Does a store list, show and read what it holds?"""

from __future__ import annotations

import hashlib
from itertools import islice

from airflow_bucketsync.engine.conformance.findings import HOLDS, Answer, differs, holds, not_tried
from airflow_bucketsync.engine.conformance.place import LAST, OTHER_VERSION, Check, Place, refused
from airflow_bucketsync.engine.errors import NotSupported, ObjectArchived, ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectDetails
from airflow_bucketsync.engine.model.storage_classes import MAYBE_ARCHIVED
from airflow_bucketsync.engine.model.units import MIB
from airflow_bucketsync.engine.stores.checksums import COMPUTABLE, checksum_of

NOTHING = not_tried("there is no object to look at")
_MISSING = "read/never was"


def _bounds(place: Place) -> tuple[str, str | None]:
    """Between which keys the samples stand, so that a listing of them ends there."""
    samples = place.samples()
    return ("read/", "read/" + LAST) if place.writes else ("", samples[-1].key)


def in_order(place: Place) -> Answer:
    """A page is proven, in byte order, and holds each key once (the store looks at that with every page)."""
    keys = [info.key for info in place.samples()]
    if keys != sorted(set(keys), key=str.encode):
        return differs(f"in another order: {keys!a:.200}")
    if place.writes and len(keys) != len({name for name in place.keys if name.startswith("read/")}):
        return differs(f"only {keys!a:.200} are listed of what was written")
    return HOLDS if keys else NOTHING


def in_pages(place: Place) -> Answer:
    """Pages of any size are the same listing."""
    keys = [info.key for info in place.samples()]
    after, until = _bounds(place) if keys else ("", None)
    for limit in (1, 2, 3, 7) if keys else ():
        found = place.listed(after=after, until=until, limit=limit)
        if found != keys:
            return differs(f"pages of {limit} give {found!a:.200}, one page gives {keys!a:.200}")
    return HOLDS if keys else NOTHING


def after_any_text(place: Place) -> Answer:
    """A listing starts after any key, and after any text that is none."""
    keys = [info.key for info in place.samples()]
    _, until = _bounds(place) if keys else ("", None)
    for key in keys:
        for after in (key, key + "-", key + "/", key[:-1] or "\x20"):
            expected = [other for other in keys if other.encode() > after.encode()]
            if place.writes and not after.startswith("read/"):
                continue
            found = place.listed(after=after, until=until)
            if found != expected:
                return differs(f"after {after!a} come {found!a:.200}, not {expected!a:.200}")
    return HOLDS if keys else NOTHING


def nothing_is_proven(place: Place) -> Answer:
    """A listing of nothing proves that it is one."""
    page = place.store.list_page(after=LAST)
    return HOLDS if not page.items and page.next_after is None else differs(f"{len(page.items)} keys are listed there")


def head_as_listed(place: Place) -> Answer:
    """HEAD says the size, ETag and time that the listing says."""
    for listed in place.samples():
        head = place.store.head(listed.key).info
        if (head.size, head.etag) != (listed.size, listed.etag):
            return differs(
                f"{listed.key!a}: listed with {listed.size} bytes, ETag {listed.etag}; "
                f"HEAD says {head.size} bytes, ETag {head.etag}"
            )
        if abs((head.last_modified - listed.last_modified).total_seconds()) >= 1:
            return differs(f"{listed.key!a}: listed of {listed.last_modified}, HEAD says {head.last_modified}")
    return HOLDS if place.samples() else NOTHING


def _readable(place: Place, least: int = 0) -> ObjectDetails | None:
    """A sample of some bytes that can be read without paying for a restore."""
    for listed in place.samples():
        if least <= listed.size <= MIB and listed.storage_class not in MAYBE_ARCHIVED:
            return place.store.head(listed.key)
    return None


def ranges(place: Place) -> Answer:
    """A range gives its bytes and no others, and tells the size of the whole."""
    sample = _readable(place, 5)
    if sample is None:
        return NOTHING
    key, size = sample.info.key, sample.info.size
    whole = place.read(key)
    if len(whole) != size:
        return differs(f"{key!a}: {len(whole)} bytes come, not {size}")
    for start, length in ((0, 1), (1, 3), (size - 1, 1), (size - 2, 100), (size, 5), (2, None)):
        expected = whole[start:] if length is None else whole[start : start + length]
        found = place.read(key, start=start, length=length)
        if found != expected:
            return differs(f"{length} bytes from {start} are {len(found)} others")
        with place.bare.open(key, start=start, length=length) as body:
            if body.details.info.size != size:
                return differs(f"with a range it says that the whole has {body.details.info.size} bytes, not {size}")
    return HOLDS


def pinned(place: Place) -> Answer:
    """A read that names another version is refused."""
    sample = _readable(place, 1)
    if sample is None:
        return NOTHING
    key = sample.info.key
    if not refused(ObjectChanged, lambda: place.read(key, source=OTHER_VERSION)):
        return differs("the object is given, although another ETag was asked for")
    if not refused(ObjectChanged, lambda: place.read(key, start=0, length=1, source=OTHER_VERSION)):
        return differs("a range is given, although another ETag was asked for")
    place.read(key, source=Condition.matching(sample.info))
    return HOLDS


def missing(place: Place) -> Answer:
    """What is not there is called not found."""
    if not refused(ObjectNotFound, lambda: place.store.head(_MISSING)):
        return differs("HEAD finds what was never written")
    if not refused(ObjectNotFound, lambda: place.read(_MISSING)):
        return differs("GET finds what was never written")
    return HOLDS


def etag_is_md5(place: Place) -> Answer:
    """An ETag that is taken for the MD5 of the body is it."""
    if place.can.etag_meaning == "opaque":
        return not_tried("no ETag is taken for anything but itself")
    tried = 0
    for listed in place.samples():
        if listed.size > MIB or listed.storage_class in MAYBE_ARCHIVED:
            continue
        details = place.store.head(listed.key)
        if not details.etag_is_md5:
            continue
        tried += 1
        found = hashlib.md5(place.read(listed.key), usedforsecurity=False).hexdigest()
        if details.info.etag is None or found != details.info.etag.lower():
            return differs(f"{listed.key!a}: the ETag is {details.info.etag}, the MD5 {found}")
    return HOLDS if tried else not_tried("no object here has an ETag that looks like an MD5")


def kept_checksum(place: Place) -> Answer:
    """A checksum in the answer to a HEAD is that of the bytes."""
    tried = 0
    for listed in place.samples():
        if listed.size > MIB or listed.storage_class in MAYBE_ARCHIVED:
            continue
        stored = place.store.head(listed.key).info.checksum
        if stored is None or stored.parts is not None or stored.algorithm not in COMPUTABLE:
            continue
        tried += 1
        found = checksum_of(stored.algorithm, place.read(listed.key))
        if found != stored:
            return differs(f"{listed.key!a}: HEAD says {stored.to_json()}, the bytes have {found.to_json()}")
    return HOLDS if tried else not_tried("no object here comes with a checksum of the whole")


def tag_count(place: Place) -> Answer:
    """What a HEAD calls untagged has no tags."""
    if not place.can.tags:
        return not_tried("the store is taken to have no tags")
    samples = place.samples()
    for listed in samples:
        tags = place.store.tags(listed.key)
        if place.store.head(listed.key).untagged and tags:
            return differs(f"{listed.key!a} has {len(tags)} tags, and HEAD counts none")
    return HOLDS if samples else NOTHING


def region(place: Place) -> Answer:
    """The region of the bucket is told."""
    found = place.store.region()
    return holds(found) if found else not_tried("the store has no regions, or doesn't tell")


def open_uploads(place: Place) -> Answer:
    """Open uploads can be listed."""
    try:
        count = len(list(islice(place.store.list_uploads(), 1000)))
    except NotSupported as error:
        return differs(str(error))
    return holds(f"{count} are open")


def archived(place: Place) -> Answer:
    """An object that must be restored first is told by HEAD."""
    for listed in place.samples():
        if listed.storage_class not in MAYBE_ARCHIVED:
            continue
        details = place.store.head(listed.key)
        refusal = refused(ObjectArchived, lambda key=listed.key: place.read(key, length=1))  # type: ignore[misc]
        if refusal != details.archived:
            words = "can't" if refusal else "can"
            return differs(f"{listed.key!a} in {listed.storage_class} {words} be read, HEAD says the opposite")
        return HOLDS
    return not_tried("needs an object in an archive class")


CHECKS = (
    Check(group="listing", name="keys in byte order, each once, proven", run=in_order, reads=True),
    Check(group="listing", name="pages of any size are one listing", run=in_pages, reads=True),
    Check(group="listing", name="starts after any text", run=after_any_text, reads=True),
    Check(group="listing", name="a listing of nothing is proven", run=nothing_is_proven, reads=True),
    Check(group="reading", name="HEAD says what the listing says", run=head_as_listed, reads=True),
    Check(group="reading", name="ranges", run=ranges, reads=True),
    Check(group="reading", name="pinned to a version", run=pinned, reads=True),
    Check(group="reading", name="what is missing is not found", run=missing, reads=True),
    Check(group="reading", name="an archived object is told", run=archived, reads=True),
    Check(
        group="checksums",
        name="the ETag of a whole object is its MD5",
        run=etag_is_md5,
        knob="etag_meaning",
        reads=True,
    ),
    Check(
        group="checksums", name="HEAD gives the checksum of the bytes", run=kept_checksum, knob="checksums", reads=True
    ),
    Check(group="attributes", name="HEAD counts the tags", run=tag_count, knob="counts_tags", reads=True),
    Check(group="bucket", name="tells its region", run=region, reads=True),
    Check(group="bucket", name="open uploads are listed", run=open_uploads, reads=True),
)
