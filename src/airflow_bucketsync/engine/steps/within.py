"""How is an object copied from place to place inside one store, exactly as it is, and are two objects the same?

Into the trash, out of it, and from an older version of itself: by the store alone, no byte passes through us.
"""

from __future__ import annotations

from dataclasses import replace

from airflow_bucketsync.engine.errors import AccessDenied, BodyCorrupted, ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.equality import equal_content, equal_etags
from airflow_bucketsync.engine.model.fidelity import adapted, differences, is_held_time
from airflow_bucketsync.engine.model.objects import ObjectAttributes, ObjectDetails, ObjectInfo, PutResult
from airflow_bucketsync.engine.model.preserve import KEEP_CLASS, PRESERVED, Preserve
from airflow_bucketsync.engine.steps.multipart import copy_in_parts
from airflow_bucketsync.engine.steps.opening import OpenUploads
from airflow_bucketsync.engine.steps.parting import first_difference
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.stores.base import ObjectStore, Transfer
from airflow_bucketsync.engine.stores.transfer import attributes_for, copied_class, read_tags, require_version

AS_IT_IS = Preserve(kept=PRESERVED, storage_class=KEEP_CLASS)
"""Everything that an object has besides its bytes."""


def between(run: Run, source: ObjectStore, destination: ObjectStore) -> Run:
    """The run with two places of its destination's store as its sides."""
    return replace(run, source=source, destination=destination)


def needs_parts(run: Run, size: int) -> bool:
    """Whether an object of this size is copied in parts: many at once, so not itself inside a thread of many."""
    able = run.destination.capabilities
    return size > able.max_copy and able.part_copy and able.multipart


def copy_within(run: Run, planned: ObjectInfo, *, replaces: Condition) -> PutResult:
    """Copy one object from the run's source to the same key of its destination, both of one store, and prove the copy.

    :param planned: the version to copy; one that names its version is copied whatever stands at the key
    :param replaces: what must stand at the destination
    :raises ObjectChanged: the source is another version, or something else stands at the destination
    :raises ObjectNotFound: nothing stands at the source
    :raises AccessDenied: or its tags can't be copied along
    :raises BodyCorrupted: the copy is not what was copied
    """
    transfer = Transfer(
        source_store=run.source,
        source=planned,
        key=planned.key,
        destination=replaces,
        mode="server_copy",
        preserve=AS_IT_IS,
    )
    result = _in_parts(run, transfer) if needs_parts(run, planned.size) else _at_once(run, transfer)
    _prove(run, planned, result)
    return result


def _at_once(run: Run, transfer: Transfer) -> PutResult:
    planned, pin = transfer.source, Condition.matching(transfer.source)
    attributes: ObjectAttributes | None = None
    if _must_be_told(run, planned):
        details = run.source.head(planned.key, version_id=planned.version_id)
        require_version(planned, details.info, run.source)
        attributes, lost = attributes_for(run.destination, transfer, details)
        _require_tags(run, planned, lost)
        pin = Condition.matching(details.info)
    return run.destination.copy(
        planned.key,
        source_store=run.source,
        source_key=planned.key,
        source=pin,
        destination=transfer.destination,
        attributes=attributes,
        storage_class=copied_class(run.destination, transfer)[0],
    )


def _must_be_told(run: Run, planned: ObjectInfo) -> bool:
    """Whether the store would leave attributes behind: a website redirect (of empty objects, as everywhere here)."""
    able = run.destination.capabilities
    if not able.user_metadata:
        return False
    return not able.copies_expires or (planned.size == 0 and able.redirect and not able.copies_redirect)


def _in_parts(run: Run, transfer: Transfer) -> PutResult:
    answer = copy_in_parts(run, transfer, mode="part_copy", uploads=OpenUploads(run, look=True))
    if answer.error is not None:
        raise answer.error
    if answer.result is None:
        raise TypeError(f"a copy came back without result and error: {transfer.key!r}")
    _require_tags(run, transfer.source, answer.lost)
    return answer.result


def _require_tags(run: Run, planned: ObjectInfo, lost: tuple[str, ...]) -> None:
    if "tags" in lost:
        raise AccessDenied(
            "its tags can't be copied along: allow GetObjectTagging and PutObjectTagging",
            location=run.source.location.url,
            key=planned.key,
        )


def _prove(run: Run, planned: ObjectInfo, result: PutResult) -> None:
    """Go on only when the copy is what was copied, as far as ETag, size and checksum can tell.

    :raises BodyCorrupted: it is not
    """
    if result.size == planned.size and equal_etags(planned.etag, result.etag):
        return  # inside one store, whatever its ETags mean
    found = run.destination.head(planned.key).info
    if found.etag != result.etag:
        raise ObjectChanged(
            "the copy was overwritten as soon as it was made", location=run.destination.location.url, key=planned.key
        )
    equal: bool | None = found.size == planned.size
    if equal and found.checksum is not None:
        equal = _equal_to_source(run, planned, found)
    if equal is False:
        error = BodyCorrupted(
            f"the copy that the store made has {found.size} bytes, ETag {found.etag}, and is not what was copied",
            location=run.destination.location.url,
            key=planned.key,
        )
        error.written = found.etag
        raise error


def _equal_to_source(run: Run, planned: ObjectInfo, found: ObjectInfo) -> bool | None:
    try:
        here = run.source.head(planned.key, version_id=planned.version_id).info
    except ObjectNotFound:
        return None
    return equal_content(here, found, etags=False) if here.etag == planned.etag else None


def is_same(run: Run, here: ObjectDetails, there: ObjectDetails) -> bool:
    """Whether what stands at both sides of the run is the same: bytes, attributes, tags, storage class.

    Both are read where nothing else tells.
    """
    source, destination = run.source, run.destination
    equal = equal_content(here.info, there.info, etags=True)
    if equal is None:
        equal = first_difference(source, destination, here, there, gate=run.gate) is None
    if not equal:
        return False
    if not destination.capabilities.user_metadata:
        times = is_held_time(there.info.last_modified, here.info.last_modified)
        return times and here.attributes.mode == there.attributes.mode
    known = source.capabilities.tags and destination.capabilities.tags
    here_tags, there_tags = (read_tags(source, here), read_tags(destination, there)) if known else (None, None)
    wanted, _ = adapted(
        replace(here, attributes=replace(here.attributes, tags=here_tags)),
        source=source.capabilities,
        destination=destination.capabilities,
        preserve=AS_IT_IS,
    )
    found = replace(there.attributes, tags=there_tags, storage_class=there.info.storage_class)
    return not differences(wanted, found) and wanted.redirect == found.redirect
