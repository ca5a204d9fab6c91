"""How is a scratch prefix left as it was found?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from airflow_bucketsync.engine.conformance.place import Place
from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.items import Deletion


def remove(place: Place, store: ObjectStore) -> tuple[str, ...]:
    """Remove every object and upload that was made, whatever a listing says; returns what could not be, in words.

    :param store: the place's, with retries or without

    Keys are taken from the listing and from what is remembered: a store that hides a key holds it all the same.
    """
    left: list[str] = []
    uploads = set(place.uploads)
    with suppress(BucketsyncError):
        uploads |= {(upload.key, upload.upload_id) for upload in store.list_uploads()}
    for key, upload in sorted(uploads):
        try:
            store.abort_upload(key, upload)
        except BucketsyncError as error:
            left.append(f"the upload {upload} of {key!a}: {error}")
    try:
        listed = set(_listed(store))
    except BucketsyncError as error:
        listed = set()
        left.append(f"what a listing would show: {error}")
    known = {key for key in place.keys if store.refusal(key) is None}
    answers = store.delete_many([Deletion(key=key) for key in sorted(listed | known)], gate=place.gate)
    left += [f"{answer.key!a}: {answer.error}" for answer in answers if answer.error is not None]
    with suppress(BucketsyncError):
        left += [f"{key!a}: it is still listed" for key in _listed(store)]
    if place.keeps_versions:
        left.append("versions: the bucket keeps them, until a lifecycle rule or you remove those below the prefix")
    if store.location.scheme == "file":
        left += _remove_folders(store.location.bucket)
    return tuple(left)


def _listed(store: ObjectStore) -> Iterator[str]:
    after: str | None = ""
    while after is not None:
        page = store.list_page(after=after)
        yield from (info.key for info in page.items)
        after = page.next_after


def _remove_folders(path: str) -> Iterator[str]:
    """Remove a folder of empty folders; gives what is in the way."""
    for folder, _, files in os.walk(path, topdown=False):
        yield from (f"{os.path.join(folder, name)!a}" for name in files)
        with suppress(OSError):
            os.rmdir(folder)
    if os.path.isdir(path):
        yield f"the folder {path!a}"
