"""Does a store copy by itself what it holds, with everything that belongs to it?"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from airflow_bucketsync.engine.conformance.attributes import EVERYTHING, REDIRECT, TAGS, lost
from airflow_bucketsync.engine.conformance.findings import HOLDS, Answer, differs, not_tried
from airflow_bucketsync.engine.conformance.place import OTHER_VERSION, Check, Place, refused
from airflow_bucketsync.engine.errors import NotSupported, ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectAttributes

_BODY = b"copied bytes"


def _copy(place: Place, name: str, source: str, pin: Condition = Condition.ANY, **options: Any) -> str:
    place.bare.copy(place.key(name), source_store=place.bare, source_key=source, source=pin, **options)
    return name


def _source(place: Place, name: str) -> str:
    """An object with everything that can be brought along."""
    can = place.can
    attributes = replace(
        EVERYTHING if can.user_metadata else ObjectAttributes(),
        tags=TAGS if can.tags else None,
        redirect=REDIRECT if can.copies_redirect else None,
    )
    return place.put(name, b"" if can.copies_redirect else _BODY, attributes=attributes)


def allowed(place: Place) -> Answer:
    """The store copies from itself."""
    obstacle = place.bare.can_copy_from(place.bare)
    return differs(obstacle) if obstacle else HOLDS


def whole(place: Place) -> Answer:
    """A copy has the bytes, headers and user metadata of its source."""
    source = _source(place, "copies/source")
    key = _copy(place, "copies/whole", source)
    if place.read(key) != place.read(source):
        return differs("the copy holds other bytes")
    if not place.can.user_metadata:
        return HOLDS
    words = lost(EVERYTHING, place.store.head(key).attributes)
    return differs(words) if words else HOLDS


def with_tags(place: Place) -> Answer:
    """A copy has the tags of its source, or none where that is asked for."""
    if not place.can.tags:
        return not_tried("the store is taken to have no tags")
    source = _source(place, "copies/tagged")
    found = dict(place.store.tags(_copy(place, "copies/with-tags", source)))
    if found != TAGS:
        return differs(f"the copy has the tags {found!a:.200}")
    found = dict(place.store.tags(_copy(place, "copies/without-tags", source, keep_tags=False)))
    return differs(f"the copy has tags although none were to come along: {found!a:.200}") if found else HOLDS


def with_redirect(place: Place) -> Answer:
    """A copy has the website redirect of its source."""
    if not place.can.redirect:
        return not_tried("the store is taken to have no website redirects")
    if not place.can.copies_redirect:
        return not_tried("a copy is taken to leave it behind: it is written anew")
    key = _copy(place, "copies/redirect", _source(place, "copies/redirect-source"))
    found = place.store.head(key).attributes.redirect
    return HOLDS if found == REDIRECT else differs(f"it is {found!a:.80}")


def other_attributes(place: Place) -> Answer:
    """A copy has the attributes that it is given instead of its source's."""
    if not place.can.user_metadata:
        return not_tried("the store is taken to hold no headers and no user metadata")
    wanted = ObjectAttributes(
        content_type="text/html", user_metadata={"new": "one"}, tags={"new": "tag"} if place.can.tags else None
    )
    key = _copy(place, "copies/other", _source(place, "copies/other-source"), attributes=wanted)
    words = lost(wanted, place.store.head(key).attributes)
    if words:
        return differs(words)
    if place.can.tags and dict(place.store.tags(key)) != {"new": "tag"}:
        return differs(f"the tags are {dict(place.store.tags(key))!a:.200}")
    return HOLDS


def pinned(place: Place) -> Answer:
    """A copy of another version than the one that stands there is refused."""
    source = place.put("copies/pinned-source", _BODY)
    size = len(_BODY)
    other = replace(OTHER_VERSION, size=size)
    if not refused(ObjectChanged, lambda: _copy(place, "copies/pinned", source, other)):
        return differs("the object was copied, although another ETag was asked for")
    info = place.store.head(source).info
    _copy(place, "copies/pinned", source, Condition.matching(info))
    return HOLDS if place.read("copies/pinned") == _BODY else differs("the copy holds other bytes")


def of_nothing(place: Place) -> Answer:
    """A copy of what is not there is called not found."""
    if refused(ObjectNotFound, lambda: _copy(place, "copies/nothing", "copies/never was")):
        return HOLDS
    return differs("the copy was made")


def part(place: Place, *, pin: bool) -> Answer:
    """A part is made from a range of another object, of one version of it only."""
    if not place.can.part_copy:
        return not_tried("no part is copied by this store: they are streamed")
    name = "copies/pinned-parts" if pin else "copies/parts"
    size = max(place.can.min_part, 10)
    body = b"1" * size + b"2" * 7 if not pin else _BODY
    source = place.put(f"{name}-source", body)
    info = place.store.head(source).info
    upload = place.begin(name)

    def copied(number: int, start: int, length: int, source_state: Condition) -> Any:
        return place.bare.copy_part(
            name, upload, number, source_store=place.bare, source_key=source, start=start, length=length,
            source=source_state,
        )  # fmt: skip

    try:
        if pin:
            gone = refused(ObjectChanged, lambda: copied(1, 0, len(body), OTHER_VERSION))
            return HOLDS if gone else differs("the part was copied, although another ETag was asked for")
        state = Condition.matching(info)
        parts = [copied(1, 0, size, state), copied(2, size, 7, state)]
        place.bare.complete_upload(name, upload, parts, size=len(body))
    except NotSupported as error:
        return differs(str(error))
    finally:
        place.store.abort_upload(name, upload)
    return HOLDS if place.read(name) == body else differs("the object made of copied parts holds other bytes")


def _check(name: str, run: Any, knob: str = "") -> Check:
    return Check(group="copies", name=name, run=run, knob=knob)


CHECKS = (
    _check("allowed inside the store", allowed),
    _check("bytes, headers and user metadata", whole),
    _check("tags come along, or none", with_tags, "tags"),
    _check("website redirect comes along", with_redirect, "copies_redirect"),
    _check("other attributes instead", other_attributes, "user_metadata"),
    _check("pinned to a version of the source", pinned),
    _check("of what is missing is not found", of_nothing),
    _check("parts from ranges", partial(part, pin=False), "part_copy"),
    _check("parts pinned to a version of the source", partial(part, pin=True), "part_copy"),
)
