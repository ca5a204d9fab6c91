"""Which scheme makes which store, and can it do what was asked for?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from airflow_bucketsync.configuration.places import DEFAULT_CONNECTIONS
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.policy_words import FollowLinks, SymlinkObjects
from airflow_bucketsync.engine.model.preserve import DEFAULT_CLASS, KEEP_CLASS, WriteSettings
from airflow_bucketsync.engine.model.source_list import ListPlace
from airflow_bucketsync.engine.model.storage_classes import STANDARD_NAMES
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.retries import Retries
from airflow_bucketsync.engine.stores.retrying import RetryingStore
from airflow_bucketsync.hooks.access import Accesses, connection_id


def open_store(
    location: Location,
    *,
    gate: Gate,
    accesses: Accesses | None = None,
    follow_links: FollowLinks = "none",
    symlink_objects: SymlinkObjects = "follow",
    may_be_missing: bool = False,
    settings: WriteSettings | None = None,
    classes: Iterable[str] = (),
) -> ObjectStore:
    """The store of a location, with retries around it; sends no request but to find credentials and a region.

    :param gate: the limits and the stop flag of the task
    :param accesses: what the task's connections gave so far, and under which name roles are assumed
    :param follow_links: symbolic links of a local tree that is read
    :param symlink_objects: symlinks of an OSS bucket that is read
    :param may_be_missing: a local tree that is not there yet is empty; the first write makes it
    :param settings: what is sent with every write
    :param classes: storage classes that will be written, by name
    :raises InvalidConfiguration: the connection is missing, of another type or wrong, the scheme has no store, or the
        store does not know the encryption or a class
    """
    accesses = Accesses() if accesses is None else accesses
    settings = WriteSettings() if settings is None else settings
    if location.scheme in DEFAULT_CONNECTIONS:  # so that every message names it
        location = replace(location, conn_id=connection_id(location))
    store = _store(location, gate, accesses, follow_links, symlink_objects, may_be_missing, settings)
    try:
        _require(store, settings.encryption, classes)
    except InvalidConfiguration:
        store.close()
        raise
    return RetryingStore(store, Retries(gate=gate))


def open_source(location: Location, policy: SyncPolicy, *, gate: Gate, accesses: Accesses) -> ObjectStore:
    """The store that a sync of this policy reads."""
    return open_store(
        location,
        gate=gate,
        accesses=accesses,
        follow_links=policy.follow_links,
        symlink_objects=policy.symlink_objects,
    )


def open_destination(location: Location, policy: SyncPolicy, *, gate: Gate, accesses: Accesses) -> ObjectStore:
    """The store that a sync of this policy writes.

    :raises InvalidConfiguration: it does not know the encryption or a class that the policy names
    """
    return open_store(
        location,
        gate=gate,
        accesses=accesses,
        may_be_missing=True,
        settings=policy.write_settings,
        classes=[policy.storage_class, *policy.storage_class_map.values()],
    )


def open_list(url: str, *, gate: Gate, accesses: Accesses) -> ObjectStore | None:
    """The store that a list of objects is read from; None = there is no list."""
    return open_store(ListPlace.parse(url).folder, gate=gate, accesses=accesses) if url else None


def open_workspace(location: Location, *, gate: Gate, accesses: Accesses) -> ObjectStore:
    """The store of a run's pages."""
    return open_store(location, gate=gate, accesses=accesses, may_be_missing=True)


def _store(
    location: Location,
    gate: Gate,
    accesses: Accesses,
    follow_links: FollowLinks,
    symlink_objects: SymlinkObjects,
    may_be_missing: bool,
    settings: WriteSettings,
) -> ObjectStore:
    if location.scheme == "s3":
        from airflow_bucketsync.hooks.s3 import s3_store

        return s3_store(location, gate=gate, accesses=accesses, settings=settings)
    if location.scheme == "oss":
        from airflow_bucketsync.hooks.oss_store import oss_store

        return oss_store(location, gate=gate, accesses=accesses, settings=settings, symlink_objects=symlink_objects)
    if location.scheme == "file":
        from airflow_bucketsync.engine.stores.local import LocalStore

        return LocalStore(location, follow_links=follow_links, may_be_missing=may_be_missing)
    raise InvalidConfiguration(
        f"no store is known for {location.scheme}:// here; use s3://, oss:// or file://", location=location.url
    )


def _require(store: ObjectStore, encryption: str, classes: Iterable[str]) -> None:
    location, known = store.location, store.capabilities
    place = "a folder" if location.scheme == "file" else f"connection {connection_id(location)!r}"
    if encryption not in ("default", *known.encryptions):
        raise InvalidConfiguration(
            f"encryption: {place} knows no {encryption!r}, only {', '.join(('default', *known.encryptions))}",
            location=location.url,
        )
    standing = (DEFAULT_CLASS, KEEP_CLASS, *STANDARD_NAMES)
    for name in classes:
        if name not in standing and name not in known.storage_classes:
            raise InvalidConfiguration(
                f"storage_class: {place} knows no {name!r}, only "
                f"{', '.join((DEFAULT_CLASS, KEEP_CLASS, 'STANDARD', *known.storage_classes))}",
                location=location.url,
            )
