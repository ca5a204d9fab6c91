"""Does a store write and delete only in the state that was asked for?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from airflow_bucketsync.engine.conformance.findings import HOLDS, Answer, differs, holds, not_tried
from airflow_bucketsync.engine.conformance.place import OTHER_VERSION, Check, Place, refused
from airflow_bucketsync.engine.errors import NotSupported, ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.condition import Condition

Verb = Literal["put", "copy", "complete"]
VERBS: tuple[tuple[Verb, str], ...] = (("put", "a put"), ("copy", "a copy"), ("complete", "a completed upload"))

_LOOKED = "not trusted with it: what stands there is looked at right before"
_FIRST, _SECOND = b"first", b"second one"


def _write(place: Place, verb: Verb, key: str, body: bytes, destination: Condition) -> None:
    """Write an object in one of three ways, tried once."""
    store = place.bare
    if verb == "put":
        store.put(place.key(key), body, destination=destination)
    elif verb == "copy":
        source = place.put(f"{key}-source", body)
        store.copy(place.key(key), source_store=store, source_key=source, source=Condition.ANY, destination=destination)
    else:
        upload = place.begin(key)
        try:
            part = place.store.upload_part(key, upload, 1, body)
            store.complete_upload(key, upload, [part], size=len(body), destination=destination)
        finally:
            place.store.abort_upload(key, upload)


def _trusted(can: Capabilities, verb: Verb, *, with_version: bool) -> bool:
    able = can.conditional_put == "full" or (can.conditional_put == "create_only" and not with_version)
    return able and (verb != "copy" or can.conditional_copy)


def _said(trusted: bool, run: Callable[[], str]) -> Answer:
    """What was found, and by whom it was held; where the store is not trusted, it may not even be asked for it."""
    try:
        found = run()
    except NotSupported as error:
        if trusted:
            raise
        return not_tried(f"the store is taken not to know it: {error.message}")
    if found:
        return differs(found)
    return HOLDS if trusted else holds(_LOOKED)


def only_new(place: Place, *, verb: Verb) -> Answer:
    """What may only be written where nothing stands overwrites nothing."""
    key = f"conditions/{verb}-new"

    def found() -> str:
        _write(place, verb, key, _FIRST, Condition.ABSENT)
        if not refused(ObjectChanged, lambda: _write(place, verb, key, _SECOND, Condition.ABSENT)):
            return "an object was overwritten by a write that may only make a new one"
        return "" if place.read(key) == _FIRST else "the write was refused, and the object is another one"

    return _said(_trusted(place.can, verb, with_version=False), found)


def only_over(place: Place, *, verb: Verb) -> Answer:
    """What may only replace one version replaces no other, and that one."""
    key = f"conditions/{verb}-over"

    def found() -> str:
        if not refused(ObjectChanged, lambda: _write(place, verb, key, _FIRST, OTHER_VERSION)):
            return "an object was made by a write that may only replace one"
        place.put(key, _FIRST)
        info = place.store.head(key).info
        if not refused(ObjectChanged, lambda: _write(place, verb, key, _SECOND, OTHER_VERSION)):
            return "an object was overwritten although another ETag was asked for"
        if place.read(key) != _FIRST:
            return "the write was refused, and the object is another one"
        _write(place, verb, key, _SECOND, Condition.replacing(info))
        return "" if place.read(key) == _SECOND else "the write was not refused, and the object is the old one"

    return _said(_trusted(place.can, verb, with_version=True), found)


def only_this(place: Place) -> Answer:
    """A delete of one version deletes no other, and that one."""
    key = "conditions/delete"

    def found() -> str:
        place.put(key, _FIRST)
        if not refused(ObjectChanged, lambda: place.bare.delete(key, destination=OTHER_VERSION)):
            return "an object was deleted although another ETag was asked for"
        info = place.store.head(key).info
        place.bare.delete(key, destination=Condition.replacing(info))
        gone = refused(ObjectNotFound, lambda: place.store.head(key))
        return "" if gone else "the delete was not refused, and the object stands there"

    return _said(place.can.conditional_delete, found)


CHECKS = (
    *(
        Check(
            group="conditions",
            name=f"{words} that may only make a new object",
            run=partial(only_new, verb=verb),
            knob="conditional_copy" if verb == "copy" else "conditional_put",
        )
        for verb, words in VERBS
    ),
    *(
        Check(
            group="conditions",
            name=f"{words} that may only replace one version",
            run=partial(only_over, verb=verb),
            knob="conditional_copy" if verb == "copy" else "conditional_put",
        )
        for verb, words in VERBS
    ),
    Check(group="conditions", name="a delete of one version", run=only_this, knob="conditional_delete"),
)
