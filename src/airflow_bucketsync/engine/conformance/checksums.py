"""Does a store hold the bytes that were sent, and refuse others?"""

from __future__ import annotations

from collections import Counter
from functools import partial

from airflow_bucketsync.engine.conformance.findings import HOLDS, Answer, differs, not_tried
from airflow_bucketsync.engine.conformance.place import Check, Place, refused
from airflow_bucketsync.engine.errors import BodyCorrupted, ObjectNotFound
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.objects import ChecksumAlgorithm
from airflow_bucketsync.engine.stores.checksums import checksum_of

_BODY = b"these are the bytes"
_COMPARED = "the bytes are compared here before anything is sent: the store is not asked"


def wrong_is_refused(place: Place, *, algorithm: ChecksumAlgorithm) -> Answer:
    """A body that has another checksum is refused, and not stored."""
    wrong, key = checksum_of(algorithm, b"other bytes"), place.key(f"checksums/{algorithm}")
    place.store.put(key, _BODY, checksum=checksum_of(algorithm, _BODY))
    place.store.delete(key)
    before = Counter(place.bare.requests)
    refusal = refused(BodyCorrupted, lambda: place.bare.put(key, _BODY, checksum=wrong))
    if Counter(place.bare.requests) == before:
        return not_tried(_COMPARED)
    if not refusal:
        return differs("a body was stored with the checksum of another one")
    return HOLDS if refused(ObjectNotFound, lambda: place.store.head(key)) else differs("it was stored all the same")


def told_again(place: Place) -> Answer:
    """An object that was just written is shown with the checksum of its bytes."""
    if not place.can.checksums:
        return not_tried("the store is taken to keep no checksums")
    key = place.put("checksums/kept", _BODY)
    found = place.store.head(key).info.checksum
    if found is None:
        return differs("HEAD shows none")
    expected = checksum_of(found.algorithm, _BODY)
    return HOLDS if found == expected else differs(f"HEAD shows {found.to_json()}, the bytes have {expected.to_json()}")


def of_the_answer(place: Place) -> Answer:
    """What a write answers is what a HEAD says afterwards."""
    result = place.store.put(place.key("checksums/answer"), _BODY)
    info = place.store.head("checksums/answer").info
    if (result.size, result.etag) != (info.size, info.etag):
        return differs(f"the write answered {result.size} bytes, ETag {result.etag}; HEAD {info.size}, {info.etag}")
    if result.checksum is not None and result.checksum != info.checksum:
        return differs("the write answered another checksum than HEAD shows")
    return HOLDS


def checks(can: Capabilities) -> tuple[Check, ...]:
    """The checks of a store that can do this."""
    algorithms: tuple[ChecksumAlgorithm, ...] = (*can.checksums, *(() if "md5" in can.checksums else ("md5",)))
    return (
        *(
            Check(
                group="checksums",
                name=f"a wrong {name if name in can.checksums else 'Content-MD5'} is refused",
                run=partial(wrong_is_refused, algorithm=name),
                knob="checksums",
            )
            for name in algorithms
        ),
        Check(group="checksums", name="what was written is shown with its checksum", run=told_again, knob="checksums"),
        Check(group="checksums", name="a write answers what HEAD says", run=of_the_answer),
    )
