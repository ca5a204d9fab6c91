"""Bring one object over in one write: by the store itself, by its attributes alone, or through this process."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from airflow_bucketsync.engine.errors import AccessDenied, BodyCorrupted, BucketsyncError, ConnectionLost, ObjectChanged
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.fidelity import adapted, copy_needs_attributes
from airflow_bucketsync.engine.model.objects import Checksum, ObjectAttributes, ObjectDetails, ObjectInfo, PutResult
from airflow_bucketsync.engine.stores.base import Body, ObjectBody, ObjectStore, Transfer, Transferred
from airflow_bucketsync.engine.stores.checksums import COMPUTABLE, checksum_of
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.resuming import PacedBody

_MAPPED_FROM = 1024 * 1024


def transfer_object(store: ObjectStore, transfer: Transfer, *, gate: Gate) -> Transferred:
    """Bring one object to `store`, tried once; its error is part of the answer."""
    started = gate.clock.monotonic()
    sent = 0
    lost: tuple[str, ...] = ()
    try:
        gate.check()
        if transfer.mode == "server_copy":
            result, lost = _server_copy(store, transfer)
        elif transfer.mode == "set_attributes":
            result, lost = _set_attributes(store, transfer)
        else:
            result, lost = _stream(store, transfer, gate)
            sent = transfer.source.size
    except BucketsyncError as error:
        return Transferred(transfer=transfer, error=error, seconds=gate.clock.monotonic() - started)
    return Transferred(transfer=transfer, result=result, lost=lost, seconds=gate.clock.monotonic() - started, sent=sent)


def over_wrong_bytes(transfer: Transfer, error: BucketsyncError) -> Transfer:
    """The next try of a transfer: over what stood there, or over what its own last try wrote, if that was damaged."""
    if isinstance(error, BodyCorrupted) and error.written is not None:
        return replace(transfer, destination=Condition(etag=error.written, size=transfer.source.size))
    return transfer


def _server_copy(store: ObjectStore, transfer: Transfer) -> tuple[PutResult, tuple[str, ...]]:
    """Let the store copy, with the source's attributes as they are wherever that is what is asked for."""
    attributes: ObjectAttributes | None = None
    lost: tuple[str, ...] = ()
    planned = transfer.source
    pin = Condition.matching(planned)
    if copy_needs_attributes(
        empty=not planned.size,
        source=transfer.source_store.capabilities,
        destination=store.capabilities,
        preserve=transfer.preserve,
    ):
        details = transfer.source_store.head(planned.key, version_id=planned.version_id)
        require_version(planned, details.info, transfer.source_store)
        attributes, lost = _attributes_for(store, transfer, details)
        pin = Condition.matching(details.info)  # the version that has these attributes
    wanted, not_held = copied_class(store, transfer)

    def copy(*, keep_tags: bool) -> PutResult:
        return store.copy(
            transfer.key,
            source_store=transfer.source_store,
            source_key=planned.key,
            source=pin,
            destination=transfer.destination,
            attributes=attributes,
            keep_tags=keep_tags,
            storage_class=wanted,
        )

    keep_tags = transfer.preserve.keeps("tags")
    lost = tuple(dict.fromkeys((*lost, *not_held)))
    try:
        return copy(keep_tags=keep_tags), lost
    except AccessDenied:
        if not keep_tags:
            raise
    return copy(keep_tags=False), (*lost, "tags")


def copied_class(store: ObjectStore, transfer: Transfer) -> tuple[str | None, tuple[str, ...]]:
    """The storage class of what is written, told from the listing, and `storage_class` where it can't be had."""
    wanted, lost = adapted(
        ObjectDetails(info=transfer.source, attributes=ObjectAttributes()),
        source=transfer.source_store.capabilities,
        destination=store.capabilities,
        preserve=transfer.preserve,
    )
    return wanted.storage_class, tuple(name for name in lost if name == "storage_class")


def _set_attributes(store: ObjectStore, transfer: Transfer) -> tuple[PutResult, tuple[str, ...]]:
    details = transfer.source_store.head(transfer.source.key, version_id=transfer.source.version_id)
    require_version(transfer.source, details.info, transfer.source_store)
    attributes, lost = attributes_for(store, transfer, details)
    return store.set_attributes(transfer.key, attributes, destination=transfer.destination), lost


def _stream(store: ObjectStore, transfer: Transfer, gate: Gate) -> tuple[PutResult, tuple[str, ...]]:
    source, planned = transfer.source_store, transfer.source
    with gate.buffer(planned.size):
        with source.open(planned.key, source=Condition.matching(planned)) as body:
            details = body.details
            require_version(planned, details.info, source)
            data = read_exactly(PacedBody(body, gate), planned.size, store=source, key=planned.key)
        proven = prove_body(data, details, store=source, key=planned.key)
        gate.check()
        attributes, lost = attributes_for(store, transfer, details)
        checksum = checksum_for(store, data, proven)
        try:
            result = store.put(
                transfer.key,
                data,
                attributes=attributes,
                checksum=checksum,
                destination=transfer.destination,
            )
        except AccessDenied:
            if not attributes.tags:
                raise
            result = store.put(
                transfer.key,
                data,
                attributes=replace(attributes, tags=None),
                checksum=checksum,
                destination=transfer.destination,
            )
            lost = (*lost, "tags")
        except ObjectChanged:
            found = _written_before(store, transfer.key, data)
            if found is None:
                raise
            result = found
    return result, lost


def _written_before(store: ObjectStore, key: str, data: Body) -> PutResult | None:
    """What stands there, if the store proves that it is these bytes: an earlier try wrote it, its answer was lost."""
    with suppress(BucketsyncError):
        details = store.head(key)
        info = details.info
        if info.size == memoryview(data).nbytes and prove_body(data, details, store=store, key=key) is not None:
            return PutResult(
                size=info.size,
                etag=info.etag,
                version_id=info.version_id,
                last_modified=info.last_modified,
                checksum=info.checksum,
            )
    return None


def require_version(planned: ObjectInfo, found: ObjectInfo, store: ObjectStore) -> None:
    """Go on only when what was found is the planned version.

    :raises ObjectChanged: it is another one
    """
    if found.size != planned.size or (planned.etag is not None and found.etag != planned.etag):
        raise ObjectChanged(
            f"the object changed since it was listed: {planned.size} bytes, ETag {planned.etag}, "
            f"now {found.size} bytes, ETag {found.etag}",
            location=store.location.url,
            key=planned.key,
        )


def new_buffer(size: int) -> memoryview:
    """Room for so many bytes of a body, given back to the system with the last reference.

    Large buffers are mapped: from the C library's heap each thread would keep some of those it freed, and the memory
    in use would be a multiple of the budget.
    """
    if size < _MAPPED_FROM:
        return memoryview(bytearray(size))
    return memoryview(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


def read_exactly(body: ObjectBody, size: int, *, store: ObjectStore, key: str) -> memoryview:
    """All bytes of an open body, which must be exactly `size`.

    :raises ConnectionLost: they are fewer
    :raises BodyCorrupted: they are more
    """
    data = new_buffer(size)
    done = 0
    while done < size:
        count = body.readinto(data[done:])
        if not count:
            raise ConnectionLost(f"the body ended after {done} of {size} bytes", location=store.location.url, key=key)
        done += count
    if body.readinto(memoryview(bytearray(1))):
        raise BodyCorrupted(f"the body is longer than its {size} bytes", location=store.location.url, key=key)
    return data


def prove_body(data: Body, details: ObjectDetails, *, store: ObjectStore, key: str) -> Checksum | None:
    """The checksum that proves `data` to be what the source holds; None = the source keeps none to compare with.

    :raises BodyCorrupted: the source's own checksum says that other bytes were stored
    """
    stored = details.info.checksum
    if stored is None or stored.parts is not None or stored.algorithm not in COMPUTABLE:
        stored = (
            Checksum(algorithm="md5", value=details.info.etag.lower())
            if details.etag_is_md5 and details.info.etag
            else None
        )
    if stored is None:
        return None
    found = checksum_of(stored.algorithm, data)
    if found.value != stored.value:
        raise BodyCorrupted(
            f"the body read has {found.to_json()}, the source holds {stored.to_json()}",
            location=store.location.url,
            key=key,
        )
    return stored


def checksum_for(store: ObjectStore, data: Body, proven: Checksum | None) -> Checksum | None:
    """The checksum to send along: the source's own where the destination takes it, so that it holds from end to end."""
    accepted = store.capabilities.checksums
    if not accepted:
        return None
    if proven is not None and proven.algorithm in accepted:
        return proven
    return checksum_of(accepted[0], data)


def attributes_for(
    store: ObjectStore, transfer: Transfer, details: ObjectDetails
) -> tuple[ObjectAttributes, tuple[str, ...]]:
    """What to write beside the bytes, and the names of what gets lost."""
    keep_tags = transfer.preserve.keeps("tags")
    attributes, unreadable = with_tags(transfer.source_store, details, keep_tags=keep_tags)
    attributes, lost = _attributes_for(store, transfer, replace(details, attributes=attributes))
    return attributes, unreadable + lost


def _attributes_for(
    store: ObjectStore, transfer: Transfer, details: ObjectDetails
) -> tuple[ObjectAttributes, tuple[str, ...]]:
    return adapted(
        details,
        source=transfer.source_store.capabilities,
        destination=store.capabilities,
        preserve=transfer.preserve,
    )


def with_tags(
    source: ObjectStore, details: ObjectDetails, *, keep_tags: bool
) -> tuple[ObjectAttributes, tuple[str, ...]]:
    """The source's attributes with its tags, and `tags` among the lost where they may not be read."""
    if not keep_tags or not source.capabilities.tags:
        return details.attributes, ()
    tags = read_tags(source, details)
    return (details.attributes, ("tags",)) if tags is None else (replace(details.attributes, tags=tags), ())


def read_tags(store: ObjectStore, details: ObjectDetails) -> Mapping[str, str] | None:
    """The tags of an object that was looked at, by a request only where it may have some; None = may not be read."""
    if details.untagged:
        return {}
    with suppress(AccessDenied):
        return store.tags(details.info.key, version_id=details.info.version_id)
    return None
