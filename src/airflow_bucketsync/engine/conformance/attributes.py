"""Does a store keep what belongs to an object besides its bytes?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from airflow_bucketsync.engine.conformance.findings import HOLDS, Answer, differs, not_tried
from airflow_bucketsync.engine.conformance.place import Check, Place
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.storage_classes import MAYBE_ARCHIVED

HEADERS: Mapping[str, str] = {
    "content_type": "text/x-conformance; charset=utf-8",
    "content_encoding": "x-conformance",
    "content_disposition": 'attachment; filename="a b.txt"',
    "content_language": "de-CH",
    "cache_control": "max-age=61",
    "expires": "Wed, 21 Oct 2026 07:28:00 GMT",
}
METADATA = {"colour": "blue", "with-dash": "a, b; c=d"}
BEYOND_ASCII = {"umlaut": "Gr\u00fc\u00dfe", "script": "\u4e2d\u6587 \U0001f600"}
TAGS = {"team": "data", "a b": "c+d/e=f"}
OTHER_TAGS = {"sign": "\u00e4 & <b>"}
REDIRECT = "/elsewhere.html"
EVERYTHING = ObjectAttributes(**HEADERS, user_metadata=METADATA)  # type: ignore[arg-type]


def lost(expected: ObjectAttributes, found: ObjectAttributes) -> str:
    """What of the headers and the user metadata did not come back; "" = nothing was lost."""
    words = [
        f"{name.replace('_', '-')} is {getattr(found, name)!a:.80}, not {getattr(expected, name)!a:.80}"
        for name in HEADERS
        if getattr(found, name) != getattr(expected, name)
    ]
    if dict(found.user_metadata) != dict(expected.user_metadata):
        words.append(f"user metadata is {dict(found.user_metadata)!a:.200}, not {dict(expected.user_metadata)!a:.200}")
    return "; ".join(words)


def kept(place: Place, *, attributes: ObjectAttributes, name: str) -> Answer:
    """These attributes come back with a HEAD."""
    if not place.can.user_metadata:
        return not_tried("the store is taken to hold no headers and no user metadata")
    expected = replace(attributes, content_type=attributes.content_type or HEADERS["content_type"])
    place.put(name, attributes=expected)
    words = lost(expected, place.store.head(name).attributes)
    return differs(words) if words else HOLDS


def largest_metadata(place: Place) -> Answer:
    """As much user metadata as it is taken to hold."""
    value = "x" * (place.can.max_user_metadata - len("size"))
    return kept(place, attributes=ObjectAttributes(user_metadata={"size": value}), name=place.key("attributes/largest"))


def redirect(place: Place) -> Answer:
    """A website redirect comes back with a HEAD."""
    if not place.can.redirect:
        return not_tried("the store is taken to have no website redirects")
    key = place.put("attributes/redirect", b"", attributes=ObjectAttributes(redirect=REDIRECT))
    found = place.store.head(key).attributes.redirect
    return HOLDS if found == REDIRECT else differs(f"it is {found!a:.80}")


def tags(place: Place, *, values: Mapping[str, str], name: str) -> Answer:
    """Tags come back."""
    if not place.can.tags:
        return not_tried("the store is taken to have no tags")
    if values is OTHER_TAGS and place.can.tag_characters != "any":
        return not_tried("it is taken to hold only some characters in tags")
    place.put(name, attributes=ObjectAttributes(tags=values))
    found = dict(place.store.tags(name))
    if found != dict(values):
        return differs(f"they are {found!a:.200}")
    if place.store.head(name).untagged:
        return differs("HEAD counts none of them")
    return HOLDS


def bare(place: Place) -> Answer:
    """An object that was given nothing has nothing."""
    key = place.put("attributes/bare")
    found = place.store.head(key).attributes
    if found.user_metadata:
        return differs(f"it has user metadata: {dict(found.user_metadata)!a:.200}")
    if place.can.tags and place.store.tags(key):
        return differs(f"it has tags: {dict(place.store.tags(key))!a:.200}")
    return HOLDS


def in_class(place: Place, *, storage_class: str) -> Answer:
    """An object is written into this storage class and says so, in a HEAD and in a listing."""
    if storage_class in MAYBE_ARCHIVED:
        return not_tried("needs an archive class, from which deleting early is charged")
    folder = f"classes/{storage_class}/"
    key = place.put(folder + "o", attributes=ObjectAttributes(storage_class=storage_class))
    head = place.store.head(key).attributes.storage_class
    listed = {info.storage_class for info in place.store.list_page(after=folder, limit=1).items}
    return HOLDS if {head} == listed == {storage_class} else differs(f"HEAD says {head}, the listing {listed}")


def set_in_place(place: Place) -> Answer:
    """Attributes are replaced without the body; tags stay unless they are named."""
    if not place.can.user_metadata:
        return not_tried("the store is taken to hold no headers and no user metadata")
    first = replace(EVERYTHING, tags=TAGS if place.can.tags else None)
    key = place.put("attributes/set", b"the body", attributes=first)
    before = place.store.head(key).info
    wanted: Any = ObjectAttributes(content_type="text/html", user_metadata={"new": "one"})
    place.store.set_attributes(key, wanted, destination=Condition.replacing(before))
    words = lost(wanted, place.store.head(key).attributes)
    if words:
        return differs(words)
    if place.read(key) != b"the body":
        return differs("the body is another one")
    if place.can.tags and dict(place.store.tags(key)) != TAGS:
        return differs(f"the tags are {dict(place.store.tags(key))!a:.200}")
    return HOLDS


def checks(can: Capabilities) -> tuple[Check, ...]:
    """The checks of a store that can do this."""

    def check(name: str, run: Any, knob: str = "user_metadata") -> Check:
        return Check(group="attributes", name=name, run=run, knob=knob)

    return (
        *(
            check(
                f"{header.replace('_', '-')} is kept",
                partial(kept, attributes=ObjectAttributes(**{header: value}), name=f"attributes/{header}"),  # type: ignore[arg-type]
            )
            for header, value in HEADERS.items()
        ),
        check("user metadata", partial(kept, attributes=EVERYTHING, name="attributes/metadata")),
        check(
            "user metadata beyond ASCII",
            partial(kept, attributes=ObjectAttributes(user_metadata=BEYOND_ASCII), name="attributes/beyond"),
        ),
        check("user metadata of the largest size", largest_metadata, "max_user_metadata"),
        check("tags", partial(tags, values=TAGS, name="attributes/tags"), "tags"),
        check("tags of any characters", partial(tags, values=OTHER_TAGS, name="attributes/signs"), "tag_characters"),
        check("website redirect", redirect, "redirect"),
        check("nothing that was not given", bare, ""),
        check("set without the body", set_in_place),
        *(
            check(f"storage class {name}", partial(in_class, storage_class=name), "storage_classes")
            for name in can.storage_classes
        ),
    )
