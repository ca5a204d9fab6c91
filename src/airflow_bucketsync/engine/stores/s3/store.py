"""A bucket of Amazon S3, or of what speaks its protocol, as an object store; the verbs are in the files beside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

from botocore.client import BaseClient

from airflow_bucketsync.engine.errors import BucketsyncError, InvalidConfiguration, NotSupported
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
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.stores.base import Body, ObjectBody, ObjectStore
from airflow_bucketsync.engine.stores.bulk import ThreadedBulk
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.items import Deleted, Deletion
from airflow_bucketsync.engine.stores.probing import Probing
from airflow_bucketsync.engine.stores.s3 import body as bodies
from airflow_bucketsync.engine.stores.s3 import deleting, listing, multipart, profiles, reading, writing
from airflow_bucketsync.engine.stores.s3.client import quiet_logs
from airflow_bucketsync.engine.stores.s3.profile import Profile
from airflow_bucketsync.engine.stores.s3.regions import bucket_region
from airflow_bucketsync.engine.stores.s3.session import Session
from airflow_bucketsync.engine.stores.s3.telling import S3Telling

AWS: Capabilities = profiles.AWS.capabilities
"""What Amazon S3 can do and hold."""
COMPATIBLE: Capabilities = profiles.OTHER.capabilities
"""What is taken for granted of a store that nothing is known of."""


class S3Store(S3Telling, Probing, ThreadedBulk):
    """A bucket seen as ordered keys.

    :param client: made with `client_config()`; it belongs to this store, which counts its requests and changes them
    :param profile: which kind of store it is; None = the one that the client's endpoint stands for
    :param capabilities: what the store can do, where it is not what the profile says
    :param settings: what is sent with every write
    :param expected_bucket_owner: account id that must own the bucket, sent with every request
    :param requester_pays: say with every request that the requester pays for it
    :param identity: who signs, as one text; equal texts of two stores mean the same rights. "" = ask the client
    """

    def __init__(
        self,
        location: Location,
        client: BaseClient,
        *,
        profile: Profile | None = None,
        capabilities: Capabilities | None = None,
        settings: WriteSettings | None = None,
        expected_bucket_owner: str | None = None,
        requester_pays: bool = False,
        identity: str = "",
    ) -> None:
        quiet_logs()
        self.location = location
        profile = profile or profiles.guessed_profile(client.meta.endpoint_url)
        settings = settings or WriteSettings()
        if settings.acl != "none" and not profile.acl:
            raise InvalidConfiguration(f"acl: {profile.title} has no ACLs of objects; set it to none")
        self._session = Session(
            location,
            client,
            profile,
            capabilities or profile.capabilities,
            owner=expected_bucket_owner,
            requester_pays=requester_pays,
            settings=settings,
        )
        self.service = _service(client)
        self.anonymous = self._session.anonymous
        self.requests: Counter[str] = self._session.requests.count
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

    # Reading

    def list_page(self, *, after: str = "", until: str | None = None, limit: int = 1000) -> Page:
        """One proven page of keys with `after < key <= until`."""
        return listing.list_page(self._session, after=after, until=until, limit=limit)

    def head(self, key: str, *, version_id: str | None = None, checksum: bool = True) -> ObjectDetails:
        """The object's version with its stored checksum and its attributes, tags apart."""
        return reading.head(self._session, key, version_id=version_id, checksum=checksum)

    def tags(self, key: str, *, version_id: str | None = None) -> Mapping[str, str]:
        """The object's tags; {} where it has none or the store has no tags."""
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
        """Write a whole object; the store refuses other bytes than ours."""
        return writing.put(self._session, key, body, attributes=attributes, checksum=checksum, destination=destination)

    def can_copy_from(self, source: ObjectStore, key: str | None = None) -> str | None:
        """None when this store can copy objects of `source` by itself, else why not."""
        if not isinstance(source, S3Store):
            return "the source is another kind of store"
        if self.service != source.service:
            return f"the source is at another endpoint: {source.service}, not {self.service}"
        if self._session.anonymous:
            return "the destination has no credentials, and no store copies for nobody"
        if self._signer is not None and self._signer == source._signer:
            return None
        if key is None:
            return "the source has other credentials"
        try:
            # Whether ours may read there is not ours to conclude: ask, with our client, for the other's object.
            reading.head(self._session.at(source._session), key, checksum=False)
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
        self._session.client.close()

    @property
    def _signer(self) -> str | None:
        return None if self._session.anonymous else self._identity or self._session.access_key

    def _session_of(self, source_store: ObjectStore) -> Session:
        if not isinstance(source_store, S3Store):
            raise NotSupported(
                f"S3 can't copy from {source_store.location.url}: it is another kind of store",
                location=self.location.url,
            )
        return source_store._session


def _service(client: BaseClient) -> str:
    """What two stores must share for one to copy from the other."""
    parts = urlsplit(client.meta.endpoint_url)
    host = (parts.hostname or "").lower()
    if profiles.AWS.serves(host):
        return f"Amazon S3 ({client.meta.partition})"
    return f"{parts.scheme}://{host}:{parts.port or {'https': 443, 'http': 80}.get(parts.scheme, 0)}"
