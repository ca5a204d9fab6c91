"""A bucket of Alibaba Cloud OSS as an object store; the verbs are in the files beside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

import oss2  # type: ignore[import-untyped]

from airflow_bucketsync.engine.errors import BucketsyncError, FinalError, InvalidConfiguration, NotSupported
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.names import is_state_name
from airflow_bucketsync.engine.model.objects import (
    Checksum,
    ObjectAttributes,
    ObjectDetails,
    OpenUpload,
    Page,
    PartReceipt,
    PutResult,
)
from airflow_bucketsync.engine.model.policy_words import SymlinkObjects
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.model.storage_classes import OSS_CLASSES
from airflow_bucketsync.engine.model.units import GIB, KIB
from airflow_bucketsync.engine.stores.base import Body, ObjectBody, ObjectStore
from airflow_bucketsync.engine.stores.bulk import ThreadedBulk
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.items import Deleted, Deletion
from airflow_bucketsync.engine.stores.oss import body as bodies
from airflow_bucketsync.engine.stores.oss import deleting, listing, multipart, reading, writing
from airflow_bucketsync.engine.stores.oss.client import quiet_logs
from airflow_bucketsync.engine.stores.oss.regions import bucket_region, own_domain, store_of
from airflow_bucketsync.engine.stores.oss.session import Session
from airflow_bucketsync.engine.stores.oss.telling import OSSTelling
from airflow_bucketsync.engine.stores.probing import Probing

OSS = Capabilities(
    tag_characters="oss",
    counts_tags=True,
    max_user_metadata=8192,
    redirect=False,
    class_names="oss",
    storage_classes=OSS_CLASSES,
    encryptions=("AES256", "KMS", "SM4"),
    max_put=5 * GIB,
    max_copy=1 * GIB,  # where the storage class or the encryption changes; without that the store would take more
    min_part=100 * KIB,
    max_part=5 * GIB,
    max_parts=10_000,
    max_object=10_000 * 5 * GIB,
    etag_meaning="opaque",
    checksums=("crc64xz",),
    conditional_put="create_only",
    conditional_delete=False,
)
"""What OSS can do and hold."""


class OSSStore(OSSTelling, Probing, ThreadedBulk):
    """A bucket seen as ordered keys.

    :param client: made by `make_client()`
    :param settings: what is sent with every write
    :param symlink_objects: symlinks in listings: `follow` = as the object that they stand for, `skip` = refused by name
    :param requester_pays: whether every request says that whoever asks pays for it
    :param identity: who signs, as one text; equal texts of two stores mean the same rights. "" = the access key, where
        it never changes
    """

    def __init__(
        self,
        location: Location,
        client: oss2.Bucket,
        *,
        capabilities: Capabilities = OSS,
        settings: WriteSettings | None = None,
        symlink_objects: SymlinkObjects = "follow",
        requester_pays: bool = False,
        identity: str = "",
    ) -> None:
        quiet_logs()
        settings = settings or WriteSettings()
        if settings.acl != "none":
            raise InvalidConfiguration(
                f"acl {settings.acl!r} has no counterpart in OSS: objects belong to the bucket's owner; leave it out",
                location=location.url,
            )
        self.location = location
        self._session = Session(location, client, capabilities, settings=settings, requester_pays=requester_pays)
        self.service, self.anonymous = store_of(self._session), self._session.anonymous
        self.requests: Counter[str] = self._session.requests
        self._symlink_objects: SymlinkObjects = symlink_objects
        self._identity = identity
        self._region: str | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What this store can do and hold."""
        return self._session.capabilities

    @property
    def settings(self) -> WriteSettings:
        """What is sent with every write."""
        return self._session.settings

    def region(self) -> str | None:
        """The region that the bucket is in, asked once."""
        if self._region is None:
            self._region = bucket_region(self._session) or ""
        return self._region or None

    def refusal(self, key: str) -> str | None:
        """Why this key can't stand here; None = it can."""
        if is_state_name(key):
            return "the name is reserved for the state of the synchronisation"
        return self._session.misshapen(key)

    def list_page(self, *, after: str = "", until: str | None = None, limit: int = 1000) -> Page:
        """One proven page of keys with `after < key <= until`."""
        return listing.list_page(
            self._session, after=after, until=until, limit=limit, symlink_objects=self._symlink_objects
        )

    def head(self, key: str, *, version_id: str | None = None, checksum: bool = True) -> ObjectDetails:
        """The object's version with its stored checksum and its attributes, tags apart."""
        return reading.head(self._session, key, version_id=version_id)

    def tags(self, key: str, *, version_id: str | None = None) -> Mapping[str, str]:
        """The object's tags; {} where it has none."""
        return reading.tags(self._session, key, version_id=version_id)

    def open(
        self, key: str, *, start: int = 0, length: int | None = None, source: Condition = Condition.ANY
    ) -> AbstractContextManager[ObjectBody]:
        """Read a range of the version that `source` names."""
        return bodies.opened(self._session, key, start=start, length=length, source=source)

    # Writing

    def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: ObjectAttributes | None = None,
        checksum: Checksum | None = None,
        destination: Condition = Condition.ANY,
    ) -> PutResult:
        """Write a whole object, and compare what the store says it holds."""
        return writing.put(self._session, key, body, attributes=attributes, checksum=checksum, destination=destination)

    def can_copy_from(self, source: ObjectStore, key: str | None = None) -> str | None:
        """None when this store can copy objects of `source` by itself, else why not."""
        if not isinstance(source, OSSStore):
            return "the source is another kind of store"
        if self._session.anonymous:
            return "the destination has no credentials, and no store copies for nobody"
        if self.service != source.service:
            return f"the source is at another endpoint: {source.service}, not {self.service}"
        try:
            regions = self.region(), source.region()
        except FinalError as error:
            return f"the regions of the buckets can't be told: {error}"
        if None not in regions and regions[0] != regions[1]:
            return f"the source is in another region: {regions[1]}, not {regions[0]}; OSS copies inside one only"
        if self._signer is not None and self._signer == source._signer:
            return None
        if key is None:
            return "the source has other credentials"
        if own_domain(self._session):
            return "the source has other credentials, and the destination's own domain can't be used to try them there"
        try:
            # Whether ours may read there is not ours to conclude: ask, with our client, for the other's object.
            reading.head(self._session.at(source.location), key)
        except BucketsyncError as error:
            return f"the source has other credentials, and those of the destination can't read it: {error}"
        return None

    def copy(
        self,
        key: str,
        *,
        source_store: ObjectStore,
        source_key: str,
        source: Condition,
        destination: Condition = Condition.ANY,
        attributes: ObjectAttributes | None = None,
        keep_tags: bool = True,
        storage_class: str | None = None,
    ) -> PutResult:
        """Copy an object inside the store."""
        return writing.copy(
            self._session,
            key,
            source_session=self._session_of(source_store),
            source_key=source_key,
            source=source,
            destination=destination,
            attributes=attributes,
            keep_tags=keep_tags,
            storage_class=storage_class,
        )

    def set_attributes(self, key: str, attributes: ObjectAttributes, *, destination: Condition) -> PutResult:
        """Replace the attributes of an object, without sending its body."""
        return writing.set_attributes(self._session, key, attributes, destination=destination)

    # In parts

    def begin_upload(self, key: str, *, attributes: ObjectAttributes | None = None) -> str:
        """Begin an object in parts; returns the upload id. Twice = two uploads."""
        return multipart.begin_upload(self._session, key, attributes=attributes)

    def upload_part(
        self, key: str, upload_id: str, number: int, body: Body, *, checksum: Checksum | None = None
    ) -> PartReceipt:
        """Send part `number` (from 1); the same number again replaces it."""
        return multipart.upload_part(self._session, key, upload_id, number, body, checksum=checksum)

    def copy_part(
        self,
        key: str,
        upload_id: str,
        number: int,
        *,
        source_store: ObjectStore,
        source_key: str,
        start: int,
        length: int,
        source: Condition,
    ) -> PartReceipt:
        """Make part `number` from a range of another object of the store."""
        return multipart.copy_part(
            self._session,
            key,
            upload_id,
            number,
            source_session=self._session_of(source_store),
            source_key=source_key,
            start=start,
            length=length,
            source=source,
        )

    def list_parts(self, key: str, upload_id: str) -> Sequence[PartReceipt]:
        """The parts that arrived, ascending."""
        return multipart.list_parts(self._session, key, upload_id)

    def complete_upload(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[PartReceipt],
        *,
        size: int,
        checksum: Checksum | None = None,
        destination: Condition = Condition.ANY,
    ) -> PutResult:
        """Make the object from its parts."""
        return multipart.complete_upload(
            self._session, key, upload_id, parts, size=size, checksum=checksum, destination=destination
        )

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an open upload; one that is not there is no error."""
        multipart.abort_upload(self._session, key, upload_id)

    def list_uploads(self) -> Iterator[OpenUpload]:
        """Open uploads below the location."""
        return multipart.list_uploads(self._session)

    # Deleting

    def delete(self, key: str, *, destination: Condition = Condition.ANY) -> None:
        """Delete one object; one that is not there is no error."""
        writing.delete(self._session, key, destination=destination)

    def delete_many(self, deletions: Iterable[Deletion], *, gate: Gate) -> Iterator[Deleted]:
        """Delete many keys, a thousand in a request; every key asked is answered."""
        return deleting.delete_many(self._session, deletions, gate=gate)

    def close(self) -> None:
        """Let go of the client's connections."""
        self._session.client.session.session.close()

    @property
    def _signer(self) -> str | None:
        return self._identity or self._session.access_key

    def _session_of(self, source_store: ObjectStore) -> Session:
        if not isinstance(source_store, OSSStore):
            raise NotSupported(
                f"OSS can't copy from {source_store.location.url}: it is another kind of store",
                location=self.location.url,
            )
        return source_store._session
