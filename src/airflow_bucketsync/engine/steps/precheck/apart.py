"""Are source and destination two places, whatever their names? Locations that overlap by name are refused before."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_bucketsync.engine.errors import AccessDenied, FinalError, NotSupported, ObjectNotFound
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.precheck import Check
from airflow_bucketsync.engine.steps.precheck.asking import Asking, done, failed, not_asked
from airflow_bucketsync.engine.steps.precheck.writing import PLACE, content
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.local.mounts import mounts, one_place

NAME = "two places"
_REMEDY = (
    "copies would grow for ever and deletes would take the source; choose places of which neither lies in the other"
)
_COMPARED = 3


def ask(asking: Asking) -> Iterator[Check]:
    """Look for the one in the other."""
    source, destination = asking.run.source, asking.run.destination
    here, there = source.location, destination.location
    if here.scheme != there.scheme:
        yield done(NAME, "stores of two kinds")
    elif here.scheme == "file":
        if one_place(here.bucket, there.bucket, mounts()):
            yield failed(NAME, f"{here.url} and {there.url} lead into one folder, by a link or a mount", _REMEDY)
        else:
            yield done(NAME)
    elif there.prefix.startswith(here.prefix):
        yield _by_probe(asking, source, there.prefix[len(here.prefix) :])
    elif here.prefix.startswith(there.prefix):
        yield _by_objects(asking, destination, here.prefix[len(there.prefix) :])
    else:
        yield done(NAME, "neither prefix begins with the other")


def _by_probe(asking: Asking, source: ObjectStore, folder: str) -> Check:
    """Whether what was just written at the destination stands at the source, where it would if both were one bucket."""
    if not asking.stands:
        return not_asked(NAME, asking.unasked)
    try:
        found = content(source.below(f"{folder}{STATE_PREFIX}"), limit=len(asking.body) + 1)
    except (ObjectNotFound, AccessDenied, NotSupported):  # who may not list is told that nothing is there by a denial
        return done(NAME, "what is written to the destination is not seen at the source")
    if found != asking.body:
        return done(NAME, "another object stands at the source where the probe would")
    places = _places(asking)
    return failed(NAME, f"{places}: {PLACE}, just written to the destination, stands at the source", _REMEDY)


def _by_objects(asking: Asking, destination: ObjectStore, folder: str) -> Check:
    """Whether the source's objects stand at the destination, where they would if both were one bucket: the same ones,
    with their times and ETags."""
    compared = asking.first[:_COMPARED]
    if not compared:
        return not_asked(NAME, "the first page of the listing shows no object to look for")
    for info in compared:
        try:
            found = destination.head(f"{folder}{info.key}", checksum=False).info
        except FinalError:
            return done(NAME, "what is at the source is not seen at the destination")
        same = (found.size, found.etag) == (info.size, info.etag)
        if not same or found.last_modified.replace(microsecond=0) != info.last_modified.replace(microsecond=0):
            return done(NAME, "other objects stand at the destination where those of the source would")
    return failed(NAME, f"{_places(asking)}: the source's own objects stand at the destination", _REMEDY)


def _places(asking: Asking) -> str:
    return f"{asking.run.source.location.url} and {asking.run.destination.location.url} lead into one bucket"
